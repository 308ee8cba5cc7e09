#pragma once

/// @file
/// Chapter 9, the core: pictures become vectors, vectors stand where a text has placeholders, and the text is learned.

#include <torch/torch.h>

#include <cstdint>
#include <memory>

#include "common/projection.h"

namespace verse {

/// Cuts pictures into square patches, row by row from the top left. (Exercise 9.1) Dosovitskiy et al. 2021,
/// section 3.1.
/// @param pictures [batch, channels, height, width], both sides multiples of `size`
/// @return [batch, patches, channels * size * size]: of a patch one channel after another, each row by row
torch::Tensor cut_patches(const torch::Tensor& pictures, std::int64_t size);

/// The pictures that the patches were cut from. (Exercise 9.2)
/// @param patches [batch, patches, channels * size * size], as cut_patches() makes them
/// @return [batch, channels, height, width]
torch::Tensor join_patches(const torch::Tensor& patches, std::int64_t size, std::int64_t height, std::int64_t width);

/// What turns what a sense delivers into vectors that a GPT can read.
class Encoder : public torch::nn::Module {
 public:
  /// @param input [batch, ...] @return [batch, vectors, width]
  virtual torch::Tensor forward(const torch::Tensor& input) = 0;
};

/// The sizes of a patch encoder.
struct PatchEncoderOptions {
  std::int64_t frames = 1;      ///< pictures in a row; 1 for a still one
  std::int64_t patches = 16;    ///< of one picture
  std::int64_t features = 192;  ///< numbers in a patch
  std::int64_t hidden = 128;    ///< between the two projections
  std::int64_t width = 64;      ///< the GPT's
};

/// The projector: patches to vectors of the GPT's width, each with its place in the picture and its time in the clip.
///
/// Modules: `expand` (features to hidden) and `contract` (hidden to width); parameters: `places` [patches, width] and
/// `times` [frames, width].
class PatchEncoder : public Encoder {
 public:
  explicit PatchEncoder(const PatchEncoderOptions& options);

  /// (Exercise 9.3) Between the projections is chapter 4's gelu_tanh().
  /// @param input [batch, frames, patches, features] @return [batch, frames * patches, width], frame after frame
  torch::Tensor forward(const torch::Tensor& input) override;

  PatchEncoderOptions options;
  std::shared_ptr<Projection> expand, contract;
  torch::Tensor places;  ///< [patches, width]
  torch::Tensor times;   ///< [frames, width]
};

/// Tokens that are not text: they hold a place and are never to be predicted.
struct Markers {
  std::int64_t placeholder = 0;  ///< stands where a vector of another sense will stand
  std::int64_t padding = 0;      ///< fills a text up to the length of the longest in its batch
};

/// Puts vectors where the text has placeholders, in their order; all else stays as it is. (Exercise 9.4)
/// Liu et al. 2023 (LLaVA), section 4.1.
/// @param text [batch, time, width], the tokens' embeddings @param tokens [batch, time], int64
/// @param vectors [batch, count, width]; each row of tokens has `count` placeholders
/// @return [batch, time, width]; gradients flow to both
/// @throws UsageError where a row has another number of placeholders.
torch::Tensor place_embeddings(const torch::Tensor& text, const torch::Tensor& tokens, std::int64_t placeholder,
                               const torch::Tensor& vectors);

/// The loss of CLIP: how well each picture finds its caption among those of the batch, and each caption its picture.
/// (Exercise 9.5) Radford et al. 2021, figure 3.
///
/// Vectors are brought to length 1; the score of a picture and a caption is their product, times `scale`. A picture's
/// scores are logits over the captions, and a caption's over the pictures; the loss is the mean of both
/// cross-entropies.
/// @param pictures, captions [batch, width]; row i of one belongs to row i of the other @param scale a number, [1] or
/// []
/// @return a scalar in nats that gradients flow through, to all three
torch::Tensor contrastive_loss(const torch::Tensor& pictures, const torch::Tensor& captions,
                               const torch::Tensor& scale);

}  // namespace verse
