#pragma once

/// @file
/// Chapter 3: a text in windows, each with the character behind it. Given, not an exercise.

#include <torch/torch.h>

#include <cstdint>

namespace verse {

/// All windows of a text, one context apart, so that each character but the first is asked for once; what is left at the
/// end is left out. @param tokens [characters] @return [windows, context + 1]: the last of a window is the next one's first
torch::Tensor windows_of(const torch::Tensor& tokens, std::int64_t context);

}  // namespace verse
