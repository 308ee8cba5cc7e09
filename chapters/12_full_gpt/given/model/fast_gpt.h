#pragma once

/// @file
/// Chapter 12: chapter 4's GPT in fewer passes over memory, for training on a CPU.

#include <torch/torch.h>

#include "04_blocks/blocks.h"

namespace verse {

/// Chapter 4's GPT, entered by the same doors, with the same parameters under the same names. Only how it computes
/// differs, and only in training: whoever asks for a cache or for attention weights gets chapter 4's form.
class FastGPTImpl : public GPTImpl {
 public:
  explicit FastGPTImpl(const GPTOptions& options) : GPTImpl(options) {}

  torch::Tensor forward_embedded(const torch::Tensor& x, const torch::Tensor& positions,
                                 const ForwardExtras& extras = {}) override;

  /// Whether all that it drops is dropped by Drops, a number's place and a seed, and not by torch::dropout().
  bool draws_by_place() const { return options.fused && !options.exact_gelu; }

 private:
  /// Attention over positions in rows. @param x [batch time, width] @param time positions of a text
  /// @param mask as AttentionExtras has it, or undefined @return [batch time, width]
  torch::Tensor attend(CausalSelfAttentionImpl& attention, const torch::Tensor& x, std::int64_t time,
                       const torch::Tensor& mask) const;
};

/// A FastGPT where a GPT is expected.
GPT fast_gpt(const GPTOptions& options);

/// Lets freed memory stay with the process. A step asks for the same hundred megabytes as the one before; given back
/// each time, they have to be found, mapped and cleared again by the system, page by page.
void keep_freed_memory();

}  // namespace verse
