#pragma once

/// @file
/// Generation at speed: a cache whose memory is there from the start, a step of few operations, several texts at once.

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "04_blocks/blocks.h"
#include "07_sampling/sampling.h"
#include "12_full_gpt/given/sampling/llama_reader.h"
#include "common/base/random.h"
#include "common/device.h"
#include "common/projection.h"

namespace verse {

/// A cache in memory that is taken once, for a whole context. What it returns is what GrowingCache returns, but is a
/// view: nothing that was kept is copied again.
class BlockCache : public LayerCache {
 public:
  /// @param keys, values [batch, heads, positions, head_width]; what is in them does not matter
  BlockCache(torch::Tensor keys, torch::Tensor values);

  std::int64_t length() const override { return length_; }

  /// @throws std::length_error where the context has no room for them.
  std::pair<torch::Tensor, torch::Tensor> append(const torch::Tensor& key, const torch::Tensor& value) override;

  /// Keeps nothing any more; the memory stays.
  void clear() { length_ = 0; }

  /// For who writes into the memory by himself: the whole of it, [batch, heads, context, head_width] each, and that one
  /// more position is in it now.
  const torch::Tensor& keys() const { return keys_; }
  const torch::Tensor& values() const { return values_; }
  void one_more() { ++length_; }

 private:
  torch::Tensor keys_, values_;
  std::int64_t length_ = 0;
};

/// One block cache a layer, all in one block of memory beside the model's weights, at first 0.
/// @param positions that it has room for; 0 for the whole context
std::vector<std::shared_ptr<BlockCache>> make_block_cache(LanguageModelImpl& model, std::int64_t batch,
                                                          std::int64_t positions = 0);

/// Reads texts of one length through a cache, and answers with what may come next.
///
/// A single token is read in few operations, with project_rows() for the products. Equal to GPTImpl::forward() within
/// rounding. On the CPU, so is one of a LlamaGPT, see LlamaReader. Models of other kinds, and those with a wrapped
/// projection, are read by their own forward pass.
///
/// On a GPU, asking for a token's operations takes longer than doing them. There the step is made the same each time,
/// the token and its place being numbers in tensors, and is recorded once and played back, as TrainingStep is; where it
/// cannot be recorded it is done as it is.
class Decoder {
 public:
  /// @param same_each_time whether a single token is read in the form that can be recorded; by itself, on a GPU
  /// @param positions that will be read at most, so that a long context takes no memory before it is there; 0 for the
  /// whole context
  Decoder(LanguageModel model, std::int64_t batch, std::optional<bool> same_each_time = {}, std::int64_t positions = 0);

  /// The logits after the last of the new tokens, which stand after all that were read before. They may be overwritten
  /// by the next ones.
  /// @param tokens [batch, time], int64 @return [batch, vocabulary]
  torch::Tensor read(const torch::Tensor& tokens);

  /// Begins a new text.
  void forget();

 private:
  /// The parts of a block that have parameters.
  struct Layer {
    LayerNorm attention_norm, mlp_norm;
    std::shared_ptr<Projection> query_key_value, output, expand, contract;
  };

  /// What a layer's heads bring home, [batch, heads, 1, head_width], of its queries, keys and values side by side,
  /// [batch, 3, heads, 1, head_width].
  using Attend = std::function<torch::Tensor(std::size_t layer, const torch::Tensor& parts)>;

  /// @param x [batch, width] @return logits [batch, vocabulary]
  torch::Tensor through_blocks(torch::Tensor x, const Attend& attend);
  torch::Tensor read_one(const torch::Tensor& tokens);
  torch::Tensor read_one_as_recorded(const torch::Tensor& tokens);
  void work();

  LanguageModel model_;
  GPTImpl* gpt_ = nullptr;  ///< the model, where it is chapter 4's and no projection is wrapped by an adapter
  std::shared_ptr<const SmallMatrix> small_head_;  ///< of a SmallGPT
  std::unique_ptr<LlamaReader> llama_;             ///< for a LlamaGPT
  std::vector<std::shared_ptr<BlockCache>> blocks_;
  Cache cache_;                ///< the same for the model's own forward pass, which may put them into others
  std::vector<Layer> layers_;  ///< empty where there is no gpt_

  bool same_each_time_;
  torch::Tensor token_, place_;   ///< [batch] and [1], int64: what the next step is about
  torch::Tensor places_;          ///< [positions]: 0, 1, 2, ...
  torch::Tensor logits_;          ///< [batch, vocabulary]: its outcome
  std::int64_t steps_taken_ = 0;  ///< before one is recorded
  std::unique_ptr<Recording> recording_;
};

/// Hears each new token with the number of its text; returns false to stop.
using BatchListener = std::function<bool(std::size_t, std::int64_t)>;

/// Continues several prompts of one length at once, each as chapter 7's generate() would by itself: one pass reads a
/// token of each.
/// @param randoms one generator a prompt @return the new tokens of each
/// @throws UsageError for prompts of different lengths, or empty ones.
std::vector<std::vector<std::int64_t>> generate_together(LanguageModel model,
                                                         const std::vector<std::vector<std::int64_t>>& prompts,
                                                         std::int64_t count, const SamplingOptions& options,
                                                         std::vector<Random>& randoms,
                                                         const BatchListener& listener = {});

/// Sets LibTorch's number of threads to 1 or to `most`, whichever reads a few tokens faster: one token is little work,
/// and threads may spend longer meeting than computing.
void choose_threads(LanguageModel model, std::int64_t batch, int most);

}  // namespace verse
