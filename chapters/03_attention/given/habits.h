#pragma once

/// @file
/// Chapter 3: what a trained head looks at, in numbers. Given, not an exercise.

#include <torch/torch.h>

#include <algorithm>
#include <cstdint>
#include <vector>

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

//! [habits]
/// @param weights [rows, time, time], one head's causal attention weights, time at least 6
/// @param blank [rows, time], 1 where a character is a space or line end, else 0
inline HeadHabits measure_habits(const torch::Tensor& weights, const torch::Tensor& blank) {
  // Only the second half of each row asks, so that every query has a good many characters to choose from.
  const std::int64_t time = weights.size(-1), half = time / 2;
  const auto asking = weights.slice(1, half);  // [rows, time - half, time]

  // How much of the weight falls on each distance: the diagonals, over all rows.
  std::vector<double> share;
  for (std::int64_t back = 0; back <= half; ++back) {
    share.push_back(asking.diagonal(half - back, 1, 2).mean().item<double>());
  }
  const auto position = torch::arange(time, weights.options());
  const auto distance = position.slice(0, half).unsqueeze(1) - position;  // [time - half, time]

  HeadHabits habits;
  habits.distance = (asking * distance).sum(-1).mean().item<double>();
  habits.entropy = -torch::xlogy(asking, asking).sum(-1).mean().item<double>();
  habits.itself = share[0];
  habits.previous = share[1];
  habits.second = share[2];
  habits.blanks = (asking * blank.unsqueeze(1)).sum(-1).mean().item<double>();
  habits.favourite = std::max_element(share.begin(), share.end()) - share.begin();
  return habits;
}
//! [habits]

}  // namespace verse
