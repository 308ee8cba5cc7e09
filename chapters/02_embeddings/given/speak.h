#pragma once

/// @file
/// The plainest way to make a model write, until chapter 7 has a better one. Given, not an exercise.

#include <torch/torch.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include "02_embeddings/embeddings.h"
#include "common/base/random.h"

namespace verse {

/// A model as a function: tokens [batch, time], int64, on the CPU, to logits [batch, time,
/// vocabulary].
using LogitsFunction = std::function<torch::Tensor(const torch::Tensor& tokens)>;

/// Writes `count` tokens after `first`, each drawn with the probability that the model gives it, from what the last
/// `context` tokens say.
inline std::vector<std::int64_t> speak(const LogitsFunction& logits_of, std::int64_t first, std::int64_t count,
                                       std::int64_t context, Random& random) {
  const torch::NoGradGuard no_gradients;
  std::vector<std::int64_t> text = {first};
  for (std::int64_t i = 0; i < count; ++i) {
    const auto kept = std::min(static_cast<std::int64_t>(text.size()), context);
    const auto window = torch::tensor(std::vector<std::int64_t>(text.end() - kept, text.end())).unsqueeze(0);
    const auto logits = logits_of(window)[0][-1].to(torch::kCPU, torch::kFloat64);  // [vocabulary]

    const auto chances = softmax(logits).contiguous();
    text.push_back(random.draw({chances.data_ptr<double>(), static_cast<std::size_t>(chances.numel())}));
  }
  return {text.begin() + 1, text.end()};
}

}  // namespace verse
