#pragma once

/// @file
/// The plainest way to make a model write, until chapter 7 has a better one. Given, not an exercise.

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "common/base/random.h"

namespace verse {

/// A model as a function: tokens [batch, time], int64, on the CPU, to logits [batch, time,
/// vocabulary].
using LogitsFunction = std::function<torch::Tensor(const torch::Tensor& tokens)>;

/// Writes `count` tokens after `first`, each drawn with the probability that the model gives it, from what the last
/// `context` tokens say.
std::vector<std::int64_t> speak(const LogitsFunction& logits_of, std::int64_t first, std::int64_t count,
                                std::int64_t context, Random& random);

}  // namespace verse
