#pragma once

#include <torch/torch.h>

namespace verse {

/// The largest absolute difference between two tensors of one shape.
inline double largest_difference(const torch::Tensor& a, const torch::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

}  // namespace verse
