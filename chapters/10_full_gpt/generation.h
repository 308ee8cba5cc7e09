#pragma once

/// @file
/// Generation at speed: a cache whose memory is there from the start, a step of few operations, several texts at once.

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "04_blocks/blocks.h"
#include "07_sampling/sampling.h"
#include "common/random.h"

namespace verse {

/// A cache in memory that is taken once, for a whole context. What it returns is what GrowingCache returns, but is a
/// view: nothing that was kept is copied again.
class BlockCache : public LayerCache {
 public:
  /// @param keys, values [batch, heads, context, head_width]; what is in them does not matter
  BlockCache(torch::Tensor keys, torch::Tensor values);

  std::int64_t length() const override { return length_; }

  /// @throws std::length_error where the context has no room for them.
  std::pair<torch::Tensor, torch::Tensor> append(const torch::Tensor& key, const torch::Tensor& value) override;

  /// Keeps nothing any more; the memory stays.
  void clear() { length_ = 0; }

 private:
  torch::Tensor keys_, values_;
  std::int64_t length_ = 0;
};

/// One block cache a layer, all in one block of memory beside the model's weights.
Cache make_block_cache(GPTImpl& model, std::int64_t batch);

/// Reads texts of one length through a cache, and answers with what may come next.
///
/// A single token is read in the fewest operations that LibTorch has for it, with the weights laid out as its matrix
/// product reads them fastest; that takes the memory of the weights once more. Equal to GPTImpl::forward() within
/// rounding. Models derived from GPTImpl are read by their own forward pass.
class Decoder {
 public:
  Decoder(GPT model, std::int64_t batch);

  /// The logits after the last of the new tokens, which stand after all that were read before.
  /// @param tokens [batch, time], int64 @return [batch, vocabulary]
  torch::Tensor read(const torch::Tensor& tokens);

  /// Begins a new text.
  void forget();

 private:
  /// A block's parameters; matrices [inputs, outputs].
  struct Layer {
    torch::Tensor attention_gain, attention_shift, query_key_value, query_key_value_bias, output, output_bias;
    torch::Tensor mlp_gain, mlp_shift, expand, expand_bias, contract, contract_bias;
  };

  torch::Tensor read_one(const torch::Tensor& tokens);

  GPT model_;
  Cache cache_;
  std::vector<Layer> layers_;  ///< empty where the model reads by itself
};

/// Hears each new token with the number of its text; returns false to stop.
using BatchListener = std::function<bool(std::size_t, std::int64_t)>;

/// Continues several prompts of one length at once, each as chapter 7's generate() would by itself: one pass reads a
/// token of each.
/// @param randoms one generator a prompt @return the new tokens of each
/// @throws UsageError for prompts of different lengths, or empty ones.
std::vector<std::vector<std::int64_t>> generate_together(GPT& model,
                                                         const std::vector<std::vector<std::int64_t>>& prompts,
                                                         std::int64_t count, const SamplingOptions& options,
                                                         std::vector<Random>& randoms,
                                                         const BatchListener& listener = {});

/// Sets LibTorch's number of threads to 1 or to `most`, whichever reads a few tokens faster: one token is little work,
/// and threads may spend longer meeting than computing.
void choose_threads(GPT& model, std::int64_t batch, int most);

}  // namespace verse
