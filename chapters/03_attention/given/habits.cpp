#include "03_attention/given/habits.h"

#include <algorithm>
#include <vector>

namespace verse {

//! [habits]
HeadHabits measure_habits(const torch::Tensor& weights, const torch::Tensor& blank) {
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
