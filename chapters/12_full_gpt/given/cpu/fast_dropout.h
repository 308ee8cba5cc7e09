#pragma once

/// @file
/// Chapter 12: dropout for training on a CPU, where this LibTorch draws one random number after the other.

#include <torch/torch.h>

#include <cstdint>
#include <optional>
#include <utility>

namespace verse {

/// Which numbers of a tensor are dropped. A number's fate depends on the seed and on its place, and on nothing else: it
/// can be asked for again, by any thread and in any order.
struct Drops {
  double share = 0;        ///< that is dropped, at least 0 and below 1
  std::uint64_t seed = 0;  ///< another one, other drops
  /// Where the tensor is a part of a larger batch: how many of its rows come before, and how many texts it has itself.
  /// Each text then loses what it would lose in the whole batch, whoever works on it.
  std::int64_t first_row = 0, rows = 1;

  /// With a seed from LibTorch's generator, or from PartOfBatch's, so that torch::manual_seed() settles it and a saved
  /// state brings it back.
  static Drops drawn(double share);
};

/// For as long as it lives, what this thread drops is of `count` texts, the first of which is row `first` of a larger
/// batch.
class PartOfBatch {
 public:
  /// @param draws where Drops::drawn() takes its seeds from; LibTorch's own generator where it is none
  PartOfBatch(std::int64_t first, std::int64_t count, std::optional<torch::Generator> draws = {});
  ~PartOfBatch();
  PartOfBatch(const PartOfBatch&) = delete;
  PartOfBatch& operator=(const PartOfBatch&) = delete;

 private:
  std::pair<std::int64_t, std::int64_t> before_;
  std::optional<torch::Generator> draws_before_;
};

/// Some of the numbers made 0 and the others larger, by 1 / (1 - share). No gradients.
/// @param x contiguous, float32, on the CPU @param first the place of its first number
torch::Tensor drop(const torch::Tensor& x, const Drops& drops, std::int64_t first = 0);

/// Whether a tensor is one for drop(): float32, on the CPU. Of others, fast_dropout() is torch::dropout().
bool drops_fast(const torch::Tensor& x);

/// As torch::dropout(x, share, training). What it dropped is not kept for the way back, but asked for again.
torch::Tensor fast_dropout(const torch::Tensor& x, double share, bool training = true);

/// Causal attention whose weights are dropped: split_heads() of each part, attend_fused(..., share), merge_heads().
///
/// Where the weights of all texts are few, as in a small model, they are computed at once by batched products, and kept
/// for the way back. Otherwise a text at a time, and once more on the way back: its squares of weights stay close to
/// the processor, and are never all in memory.
/// @param parts queries, keys and values side by side, [batch, time, 3 heads head_width], float32, on the CPU
/// @return [batch, time, heads head_width]
torch::Tensor attend_dropping(const torch::Tensor& parts, std::int64_t heads, const Drops& drops);

/// Up to how many weights of attention are computed all at once, and kept for the way back: 4 MB.
constexpr std::int64_t kFewWeights = 1 << 20;

/// Whether that is faster than LibTorch's kernel, which has no dropout on a CPU, and is made for long texts.
/// @param x what is to be attended to, [..., width] @param time positions of a text @param share that is dropped
bool attends_fast(const torch::Tensor& x, std::int64_t time, std::int64_t heads, double share);

}  // namespace verse
