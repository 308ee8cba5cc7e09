#pragma once

/// @file
/// Chapter 3: attention, the part of a transformer in which positions look at one another.

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <utility>

#include "common/projection.h"

namespace verse {

/// How well each query matches each key: their dot product over the square root of the head's width. (Exercise 3.1)
/// Vaswani et al. 2017, equation 1.
/// @param query [..., time, head_width] @param key [..., keys, head_width] @return [..., time, keys]
torch::Tensor attention_scores(const torch::Tensor& query, const torch::Tensor& key);

/// Which keys each query may look at: those at its own position and before. (Exercise 3.2)
/// The `time` queries are the last ones of `keys` positions, so that a model that has kept earlier keys asks with time
/// < keys.
/// @return [time, keys], bool; true where looking is allowed
torch::Tensor causal_mask(std::int64_t time, std::int64_t keys, torch::Device device = torch::kCPU);

/// Softmax over the keys, with chapter 2's softmax, of the scores that the mask allows; 0 elsewhere. (Exercise 3.3)
/// @param scores [..., time, keys] @param mask broadcastable to that, bool @return [..., time, keys]; rows sum to 1
torch::Tensor attention_weights(const torch::Tensor& scores, const torch::Tensor& mask);

/// One head: the values, mixed by the weights. (Exercise 3.4)
/// @param query [..., time, head_width] @param key, value [..., keys, head_width] @param mask as above
/// @param weights_out receives the weights [..., time, keys], where given
/// @param dropout probability of dropping a weight; 0 outside training
/// @return [..., time, head_width]
torch::Tensor attend(const torch::Tensor& query, const torch::Tensor& key, const torch::Tensor& value,
                     const torch::Tensor& mask, torch::Tensor* weights_out = nullptr, double dropout = 0.0);

/// The same result by LibTorch's fused kernel, which never stores the scores. Given, not an exercise.
/// @param mask undefined means causal over equally many queries and keys
torch::Tensor attend_fused(const torch::Tensor& query, const torch::Tensor& key, const torch::Tensor& value,
                           const torch::Tensor& mask, double dropout = 0.0);

/// Cuts the features into heads. (Exercise 3.5) @param x [batch, time, width] @return [batch, heads, time, width /
/// heads]
torch::Tensor split_heads(const torch::Tensor& x, std::int64_t heads);

/// Puts the heads side by side again. (Exercise 3.6) @param x [batch, heads, time, head_width] @return [batch, time,
/// width]
torch::Tensor merge_heads(const torch::Tensor& x);

/// Where one attention layer keeps the keys and values of the positions that it has read, so that it need not read them
/// again while a text grows. An interface: this chapter's layers use one and do not care how it keeps what it keeps.
class LayerCache {
 public:
  virtual ~LayerCache() = default;

  /// The number of positions kept.
  virtual std::int64_t length() const = 0;

  /// Keeps the new positions' keys and values and returns all there are, oldest first.
  /// @param key, value [batch, heads, time, head_width] @return two of [batch, heads, length, head_width]
  virtual std::pair<torch::Tensor, torch::Tensor> append(const torch::Tensor& key, const torch::Tensor& value) = 0;
};

/// What a caller may add to a pass through attention; all of it optional.
struct AttentionExtras {
  /// Broadcastable to [batch, heads, time, keys], bool, true where looking is allowed. Undefined means causal.
  torch::Tensor mask;
  /// Keys and values already read; new ones are appended.
  LayerCache* cache = nullptr;
  /// Receives the attention weights [batch, heads, time, keys]. Asking for them means the written-out form.
  torch::Tensor* weights = nullptr;
};

/// The sizes of an attention layer.
struct AttentionOptions {
  std::int64_t width = 384;
  std::int64_t heads = 6;  ///< divides width
  double dropout = 0.0;    ///< on the weights and on the result, in training
  bool bias = true;
  bool fused = false;  ///< LibTorch's kernel instead of the written-out form; equal within rounding
};

/// Multi-head causal self-attention, as in GPT-2.
/// Modules: `query_key_value` (width to 3 width: queries, keys, values side by side) and `output` (width to width).
class CausalSelfAttentionImpl : public torch::nn::Module {
 public:
  /// @throws UsageError when heads does not divide width.
  explicit CausalSelfAttentionImpl(const AttentionOptions& options);

  /// (Exercise 3.7) @param x [batch, time, width] @return [batch, time, width]
  torch::Tensor forward(const torch::Tensor& x, const AttentionExtras& extras = {});

  /// attend() with what the options and the caller add to it: dropout in training, LibTorch's kernel, a mask of the
  /// caller's instead of the causal one, a cache, the weights. Given, not an exercise.
  /// @param query, key, value [batch, heads, time, head_width] @return the same shape
  torch::Tensor mix(const torch::Tensor& query, torch::Tensor key, torch::Tensor value, const AttentionExtras& extras);

  AttentionOptions options;
  std::shared_ptr<Projection> query_key_value;
  std::shared_ptr<Projection> output;
};
TORCH_MODULE(CausalSelfAttention);

}  // namespace verse
