#pragma once

/// @file
/// Chapter 12: gradients in numbers of 16 bits that would be too small for them.

#include <torch/torch.h>

#include <cstdint>
#include <vector>

namespace verse {

/// What a loss is multiplied by before its backward pass, and how that number has done so far.
struct LossScale {
  double scale = 65536;            ///< a power of two: multiplying by it rounds nothing
  std::int64_t good_steps = 0;     ///< steps taken one after the other since the scale last changed
  std::int64_t grow_after = 2000;  ///< so many of them, and the scale is doubled
};

/// Takes the scale out of the gradients again, and settles the scale of the next step. (Exercise 12.9)
///
/// Where all numbers of all gradients are finite, every gradient is divided in place by the scale that the loss was
/// multiplied by, and the step counts as a good one. When `grow_after` good steps have been counted, the scale is
/// doubled and counting begins anew. Where a single number is infinite or no number (NaN), the scale was too large: it
/// is halved, counting begins anew, and the gradients are of no use.
/// @param parameters whose gradients these are; those without one are passed over
/// @param scale that the loss was multiplied by; becomes that of the next step
/// @return whether the step may be taken; where not, nobody reads the gradients
/// Source: Micikevicius et al. 2018.
bool unscale_gradients(const std::vector<torch::Tensor>& parameters, LossScale& scale);

}  // namespace verse
