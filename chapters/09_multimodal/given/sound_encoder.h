#pragma once

/// @file
/// Chapter 9: from mel frames to vectors of the GPT's width. Given, not an exercise.

#include <torch/torch.h>

#include <cstdint>
#include <memory>

#include "04_blocks/blocks.h"
#include "09_multimodal/images.h"

namespace verse {

/// The sizes of a sound encoder.
struct SoundEncoderOptions {
  std::int64_t frames = 256;  ///< of the longest sound
  std::int64_t mels = 32;
  std::int64_t together = 8;  ///< frames that become one vector; divides frames
  std::int64_t hidden = 128;  ///< between the two projections
  std::int64_t width = 64;    ///< the GPT's
  std::int64_t layers = 1;    ///< blocks that look both ways
};

/// Some frames at a time through two projections, as a patch of a picture goes; then chapter 4's blocks, without the
/// causal mask: what a stretch of sound means can depend on what comes after it.
class SoundEncoder : public Encoder {
 public:
  explicit SoundEncoder(const SoundEncoderOptions& options);

  /// @param input [batch, frames, mels], log-mel: as many frames as the options say, or fewer; a multiple of `together`
  /// @return [batch, frames / together, width]
  torch::Tensor forward(const torch::Tensor& input) override;

  SoundEncoderOptions options;
  std::shared_ptr<Projection> expand, contract;
  torch::Tensor times;  ///< [frames / together, width]
  torch::nn::ModuleList blocks{nullptr};
};

}  // namespace verse
