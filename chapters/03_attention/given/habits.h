#pragma once

/// @file
/// Chapter 3: what a trained head looks at, in numbers. Given, not an exercise.

#include <torch/torch.h>

#include <cstdint>

namespace verse {

/// What one head looks at, on average.
struct HeadHabits {
  double distance = 0;         ///< characters back
  double entropy = 0;          ///< of its weights, nats: exp(entropy) characters, equally weighted, would have as much
  double itself = 0;           ///< share of the weight that stays with the character itself
  double previous = 0;         ///< share one character back
  double second = 0;           ///< share two characters back
  double blanks = 0;           ///< share on spaces and line ends
  std::int64_t favourite = 0;  ///< the distance with the largest share
};

/// Measures a head. @param weights [rows, time, time], one head's causal attention weights, time at least 6
/// @param blank [rows, time], 1 where a character is a space or line end, else 0
HeadHabits measure_habits(const torch::Tensor& weights, const torch::Tensor& blank);

}  // namespace verse
