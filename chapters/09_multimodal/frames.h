#pragma once

/// @file
/// Chapter 9, going further: targets that are numbers, not tokens.

#include <torch/torch.h>

namespace verse {

/// How the distance between a predicted number and the true one is counted.
enum class FrameDistance {
  squared,  ///< L2: the square of the difference
  absolute  ///< L1: its size
};

/// The mean distance over all numbers of all frames that are there. (Exercise 9.9)
/// @param predicted, truth [batch, frames, mels] @param lengths [batch], int64: how many frames of each are there, from
/// the first on; what is behind them is padding
/// @return a scalar that gradients flow through
torch::Tensor frame_loss(const torch::Tensor& predicted, const torch::Tensor& truth, const torch::Tensor& lengths,
                         FrameDistance distance);

/// The one number with the least expected distance from an outcome that is still open.
struct BestGuess {
  double squared = 0;   ///< under L2
  double absolute = 0;  ///< under L1: of several, the smallest outcome
};

/// (Exercise 9.10) @param outcomes [n], float64, in any order @param chances [n], float64, which sum to 1
BestGuess best_guess(const torch::Tensor& outcomes, const torch::Tensor& chances);

}  // namespace verse
