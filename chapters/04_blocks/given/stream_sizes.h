#pragma once

/// @file
/// How large the numbers in a model's stream are. Given, not an exercise.

#include <torch/torch.h>

#include <vector>

#include "04_blocks/blocks.h"

namespace verse {

/// The root of the mean of all squares, whatever the shape.
double root_mean_square(const torch::Tensor& x);

/// The root mean square of the stream before the first block, between blocks, and after the last.
/// @param tokens [batch, time], int64 @return one more than the model has layers
std::vector<double> stream_sizes(const GPT& model, const torch::Tensor& tokens);

}  // namespace verse
