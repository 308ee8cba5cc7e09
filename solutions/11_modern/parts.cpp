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
  // Squares of 16-bit numbers would overflow or lose their digits, so all of this is computed in 32 bits.
  const auto wide = x.to(torch::kFloat32);
  const auto mean_square = wide.square().mean(-1, /*keepdim=*/true);  // [..., 1]
  const auto normed = wide * torch::rsqrt(mean_square + epsilon);     // [..., width]

  // A gain of a wider type than x must not widen the result.
  return (normed.to(x.scalar_type()) * gain).to(x.scalar_type());
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
  for (std::int64_t i = 0; i < head_width / 2; ++i) {
    const double frequency = std::pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(head_width));

    // How much of it stays as it was. With llama3, all of a fast pair's, nothing of a slow one's.
    double stays = 1;
    if (scaling.kind == RotaryScaling::Kind::linear) stays = 0;
    if (scaling.kind == RotaryScaling::Kind::llama3) {
      const double turns = static_cast<double>(scaling.original_context) * frequency / (2 * std::numbers::pi);
      const double low = scaling.low_frequency_factor, high = scaling.high_frequency_factor;
      stays = std::clamp((turns - low) / (high - low), 0.0, 1.0);
    }
    frequencies.push_back(stays * frequency + (1 - stays) * frequency / scaling.factor);
  }
  //! [11.4]
  return frequencies;
}

torch::Tensor rotary_angles(const torch::Tensor& positions, const std::vector<double>& frequencies) {
  const auto speed = torch::tensor(frequencies, torch::kFloat64).to(positions.device(), torch::kFloat32);
  return positions.to(torch::kFloat32).unsqueeze(-1) * speed;
}

torch::Tensor rotate_halves(const torch::Tensor& x, const torch::Tensor& angles) {
  //! [11.5]
  // The first half of the features are the points' first coordinates, the second half their second.
  const std::int64_t half = x.size(-1) / 2;
  const auto across = x.narrow(-1, 0, half), up = x.narrow(-1, half, half);  // [..., time, head_width / 2]

  // The turn is that of rotate(). What was turned goes back into its half.
  const auto cosine = angles.cos(), sine = angles.sin();
  const auto turned = torch::cat({across * cosine - up * sine, across * sine + up * cosine}, -1);
  return turned.to(x.scalar_type());  // [..., time, head_width]
  //! [11.5]
}

torch::Tensor swiglu(const torch::Tensor& x, const torch::Tensor& gate, const torch::Tensor& up,
                     const torch::Tensor& down) {
  //! [11.6]
  // One projection makes the features, the other says how much of each passes.
  const auto opening = torch::matmul(x, gate.t());                               // [..., hidden]
  const auto features = torch::matmul(x, up.t());                                // [..., hidden]
  return torch::matmul(opening * torch::sigmoid(opening) * features, down.t());  // [..., width]
  //! [11.6]
}

torch::Tensor repeat_heads(const torch::Tensor& x, std::int64_t times) {
  //! [11.7]
  // A new dimension behind the heads, so that the copies of a head stand side by side.
  const auto copies = x.unsqueeze(2).expand({-1, -1, times, -1, -1});  // [batch, kv_heads, times, time, head_width]
  return copies.flatten(1, 2);
  //! [11.7]
}

torch::Tensor sliding_mask(const torch::Tensor& query_positions, const torch::Tensor& key_positions,
                           std::int64_t window) {
  if (window < 0) throw UsageError(fmt::format("a window has at least 0 positions, got {}", window));
  //! [11.8]
  // How far behind its query a key stands; below 0, it comes later.
  const auto behind = query_positions.unsqueeze(1) - key_positions.unsqueeze(0);  // [queries, keys]
  if (window == 0) return behind >= 0;
  return (behind >= 0).logical_and(behind < window);
  //! [11.8]
}

Int8Rows quantise_rows(const torch::Tensor& weight) {
  const torch::NoGradGuard no_gradients;
  //! [11.9]
  // The largest number of each row decides how much one step of its scale is.
  const auto wide = weight.to(torch::kFloat32);
  const auto scales = wide.abs().amax(-1) / 127;  // [out]

  // A row of zeros is divided by 1 instead of 0.
  const auto divisors = torch::where(scales == 0, 1.0, scales).unsqueeze(-1);  // [out, 1]
  return {torch::round(wide / divisors).to(torch::kInt8), scales};
  //! [11.9]
}

torch::Tensor int8_product(const torch::Tensor& x, const Int8Rows& weight) {
  //! [11.10]
  // The scale is the same for a whole row, so it may come after the sum.
  const auto sums = torch::matmul(x.to(torch::kFloat32), weight.values.to(torch::kFloat32).t());  // [..., out]
  return (sums * weight.scales).to(x.scalar_type());
  //! [11.10]
}

Int4Groups quantise_groups(const torch::Tensor& weight, std::int64_t group) {
  if (group < 1 || weight.size(-1) % group != 0) {
    throw UsageError(fmt::format("a row of {} numbers has no groups of {}", weight.size(-1), group));
  }
  const torch::NoGradGuard no_gradients;
  //! [11.11]
  // Each group's largest number by its size, with its sign.
  const auto groups = weight.to(torch::kFloat32).unflatten(-1, {-1, group});          // [out, in / group, group]
  const auto largest = groups.gather(-1, groups.abs().argmax(-1, /*keepdim=*/true));  // [out, in / group, 1]

  // It becomes -8. A group of zeros is divided by 1 instead of 0.
  const auto scales = largest / -8;
  const auto divisors = torch::where(scales == 0, 1.0, scales);
  const auto values = torch::round(groups / divisors).clamp(-8, 7);
  return {values.flatten(-2).to(torch::kInt8), scales.squeeze(-1)};
  //! [11.11]
}

}  // namespace verse
