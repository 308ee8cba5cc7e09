#include "11_modern/parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "common/base/error.h"

namespace verse {

namespace {

/// Refuses what no model can have. @return the scaling
const RotaryScaling& checked(const RotaryScaling& scaling) {
  using Kind = RotaryScaling::Kind;
  if (!(scaling.factor > 0)) {
    throw UsageError(fmt::format("rotary frequencies are divided by a factor above 0, got {}", scaling.factor));
  }
  if (scaling.kind != Kind::llama3) return scaling;
  if (!(scaling.low_frequency_factor < scaling.high_frequency_factor)) {
    throw UsageError(
        fmt::format("rotary scaling llama3: the low frequency factor must be below the high one, got {} and {}",
                    scaling.low_frequency_factor, scaling.high_frequency_factor));
  }
  if (scaling.original_context < 1) {
    throw UsageError(
        fmt::format("rotary scaling llama3 needs an original context of at least 1, got {}", scaling.original_context));
  }
  return scaling;
}

}  // namespace

torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& gain, double epsilon) {
  //! [11.3]
  // Exercise 11.3: RMSNorm. Read "RMSNorm" in README.md, then replace the next line; make hint-11.3 helps.
  // New here: x.to(torch::kFloat32)
  //   does: `x` in another type, here in float32; `x` itself, where it has that type
  throw NotImplemented("11.3");
  //! [11.3]
}

std::vector<double> rotary_frequencies(std::int64_t head_width, double base, const RotaryScaling& given) {
  if (head_width < 2 || head_width % 2 != 0) {
    throw UsageError(
        fmt::format("a head needs an even number of features to make pairs of, at least 2, got {}", head_width));
  }
  const RotaryScaling& scaling = checked(given);
  std::vector<double> frequencies;
  //! [11.4]
  // Exercise 11.4. Read "Slower turns for longer texts" in README.md, then replace the next line; make hint-11.4 helps.
  throw NotImplemented("11.4");
  //! [11.4]
  return frequencies;
}

torch::Tensor rotary_angles(const torch::Tensor& positions, const std::vector<double>& frequencies) {
  const auto speed = torch::tensor(frequencies, torch::kFloat64).to(positions.device(), torch::kFloat32);
  return positions.to(torch::kFloat32).unsqueeze(-1) * speed;
}

torch::Tensor rotate_halves(const torch::Tensor& x, const torch::Tensor& angles) {
  //! [11.5]
  // Exercise 11.5. Read "Which features turn together" in README.md, then replace the next line; make hint-11.5 helps.
  // New here: x.narrow(dimension, first, count)
  //   does: a view of `count` entries of a dimension, from `first` on
  throw NotImplemented("11.5");
  //! [11.5]
}

torch::Tensor swiglu(const torch::Tensor& x, const torch::Tensor& gate, const torch::Tensor& up,
                     const torch::Tensor& down) {
  //! [11.6]
  // Exercise 11.6. Read "An MLP with a gate" in README.md, then replace the next line; make hint-11.6 helps.
  // New here: torch::sigmoid(x)
  //   does: 1 / (1 + exp(-x)), element by element
  throw NotImplemented("11.6");
  //! [11.6]
}

torch::Tensor repeat_heads(const torch::Tensor& x, std::int64_t times) {
  //! [11.7]
  // Exercise 11.7. Read "Heads that share their keys" in README.md, then replace the next line; make hint-11.7 helps.
  // New here: x.expand({-1, times, -1})
  //   does: a view in which a dimension of size 1 appears `times` times; -1 leaves a dimension as it is
  throw NotImplemented("11.7");
  //! [11.7]
}

torch::Tensor sliding_mask(const torch::Tensor& query_positions, const torch::Tensor& key_positions,
                           std::int64_t window) {
  if (window < 0) throw UsageError(fmt::format("a window has at least 0 positions, got {}", window));
  //! [11.8]
  // Exercise 11.8. Read "A window that slides" in README.md, then replace the next line; make hint-11.8 helps.
  // New here: a.logical_and(b)
  //   does: true where both are; `a & b` does the same
  throw NotImplemented("11.8");
  //! [11.8]
}

Int8Rows quantise_rows(const torch::Tensor& weight) {
  const torch::NoGradGuard no_gradients;
  //! [11.9]
  // Exercise 11.9. Read "A scale for each row" in README.md, then replace the next line; make hint-11.9 helps.
  // New here: x.amax(dimension)
  //   does: the largest number along a dimension, which goes away
  // New here: torch::round(x)
  //   does: the nearest whole numbers, still in the type of `x`
  // New here: torch::where(condition, a, b)
  //   does: from `a` where the condition holds, from `b` elsewhere; either may be a number
  throw NotImplemented("11.9");
  //! [11.9]
}

torch::Tensor int8_product(const torch::Tensor& x, const Int8Rows& weight) {
  //! [11.10]
  // Exercise 11.10. Read "The product" in README.md, then replace the next line; make hint-11.10 helps.
  throw NotImplemented("11.10");
  //! [11.10]
}

Int4Groups quantise_groups(const torch::Tensor& weight, std::int64_t group) {
  if (group < 1 || weight.size(-1) % group != 0) {
    throw UsageError(fmt::format("a row of {} numbers has no groups of {}", weight.size(-1), group));
  }
  const torch::NoGradGuard no_gradients;
  //! [11.11]
  // Exercise 11.11. Read "Four bits" in README.md, then replace the next line; make hint-11.11 helps.
  // New here: x.unflatten(dimension, {-1, size})
  //   does: cuts a dimension into two, the second of that size
  // New here: x.argmax(dimension, /*keepdim=*/true)
  //   does: the place of the largest number along a dimension, which stays with size 1
  // New here: x.gather(dimension, places)
  //   does: the numbers that stand at these places along a dimension
  // New here: x.clamp(low, high)
  //   does: what is below `low` becomes `low`, what is above `high` becomes `high`
  throw NotImplemented("11.11");
  //! [11.11]
}

}  // namespace verse
