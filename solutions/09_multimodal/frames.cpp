#include "09_multimodal/frames.h"

#include <algorithm>
#include <vector>

#include "common/base/error.h"

namespace verse {

torch::Tensor frame_loss(const torch::Tensor& predicted, const torch::Tensor& truth, const torch::Tensor& lengths,
                         FrameDistance distance) {
  //! [9.9]
  // How far each number is off: a square makes a large miss count for many small ones.
  const auto difference = predicted - truth;  // [batch, frames, mels]
  const auto off = distance == FrameDistance::squared ? difference.square() : difference.abs();

  // A frame is there when its number is below its sound's length; what is not there is neither added nor counted.
  const auto place = torch::arange(truth.size(1), lengths.options());  // [frames]
  const auto there = (place < lengths.unsqueeze(1)).unsqueeze(-1);     // [batch, frames, 1]
  return off.masked_select(there).mean();
  //! [9.9]
}

BestGuess best_guess(const torch::Tensor& outcomes, const torch::Tensor& chances) {
  BestGuess best;
  //! [9.10]
  // Squares pull in proportion to the distance: they are in balance at the mean.
  best.squared = (outcomes * chances).sum().item<double>();

  // Sizes pull alike however far away: they are in balance where half of the chance lies on either side.
  const auto [sorted, order] = outcomes.sort();
  const auto below = chances.index_select(0, order).cumsum(0);  // [n], the chance of at most this outcome
  const auto half = (below >= 0.5 - 1e-12).nonzero()[0];        // rounding must not skip an exact half
  best.absolute = sorted.index_select(0, half).item<double>();
  //! [9.10]
  return best;
}

}  // namespace verse
