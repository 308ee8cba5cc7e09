#pragma once

/// @file
/// What the checks of chapter 4 are run on.

#include <torch/torch.h>

#include <cstdint>

#include "04_blocks/blocks.h"
#include "tests/harness/check.h"

namespace verse {

/// A model small enough to be checked element by element. Norms and GELUs are LibTorch's and the first values are given
/// by the check, so that a check of one exercise is not about another.
inline GPTOptions small_options() {
  GPTOptions options;
  options.vocabulary_size = 11;
  options.context = 9;
  options.layers = 3;
  options.heads = 2;
  options.width = 8;
  options.fused = true;
  options.initialise = false;
  return options;
}

/// Values for every parameter that are all different, gains and biases too: what is 1 or 0 hides what is done with it.
inline void fill_with_numbers(torch::nn::Module& module, double deviation = 0.4) {
  torch::NoGradGuard no_gradients;
  std::uint64_t seed = 100;
  for (auto& parameter : module.named_parameters()) {
    const bool gain = parameter->dim() == 1 && !parameter.key().ends_with("bias");
    parameter->copy_(normal_input(parameter->sizes().vec(), seed++, deviation) + (gain ? 1.0 : 0.0));
  }
}

}  // namespace verse
