/// @file
/// Exercises 11.3 to 11.5: RMSNorm, and rotary positions as Llama has them.

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <string>
#include <vector>

#include "11_modern/parts.h"
#include "tests/harness/check.h"

namespace verse {
namespace {

using torch::Tensor;
using torch::indexing::None;
using torch::indexing::Slice;

/// Of numbers that were rounded to bfloat16 at the end, in whatever order they were made.
constexpr Tolerance kBFloat16{1e-2, 1.6e-2, "bfloat16 has eight binary digits, and may be rounded to twice"};

// ---------------------------------------------------------------------------------------------------------------------
// 11.3 RMSNorm.

using Norm = std::function<Tensor(const Tensor&, const Tensor&, double)>;

/// What a mistake changes.
struct NormSlips {
  bool centred = false, deviation = false;  ///< x, or what it is divided by, less the mean
  bool sum = false, no_root = false, detached = false;
  bool no_gain = false, gain_plus_one = false;
  bool narrow = false, wide_result = false;
  double epsilon_share = 1;
  bool epsilon_outside = false;
  std::vector<std::int64_t> over = {-1};
};

Norm norm_wrongly(const NormSlips& slips) {
  return [slips](const Tensor& x, const Tensor& gain, double epsilon) {
    auto wide = slips.narrow ? x : x.to(torch::kFloat32);
    const auto centred = wide - wide.mean(-1, true);
    auto size = (slips.deviation ? centred : wide).square();
    size = slips.sum ? size.sum(slips.over, true) : size.mean(slips.over, true);
    if (slips.detached) size = size.detach();
    if (slips.epsilon_outside) {
      size = size.sqrt() + epsilon;
    } else {
      size = size + slips.epsilon_share * epsilon;
      if (!slips.no_root) size = size.sqrt();
    }
    auto normed = ((slips.centred ? centred : wide) / size);
    if (!slips.wide_result) normed = normed.to(x.scalar_type());
    if (slips.no_gain) return normed;
    const auto result = normed * (slips.gain_plus_one ? 1 + gain : gain);
    return slips.wide_result ? result : result.to(x.scalar_type());
  };
}

[[maybe_unused]] const auto& exercise_11_3 =
    exercise<Norm>("11.3", rms_norm)
        .check("outputs_and_gradients",
               [](const Norm& norm, Answers& answers) {
                 // Far from mean 0 and size 1, so that it shows what is done about both.
                 const auto x = (normal_input({2, 3, 5}, 301) * 3 + 2).requires_grad_();
                 const auto gain = (normal_input({5}, 302) + 1).requires_grad_();
                 const auto result = norm(x, gain, 1e-6);
                 answers.add("rms_norm(x)", result);
                 answers.add_gradients(result, {{"x", x}, {"gain", gain}});
               })
        .check("one_position",
               [](const Norm& norm, Answers& answers) {
                 answers.add("rms_norm of 1, 2, 3, 4 without epsilon",
                             norm(watched(torch::tensor({1.0F, 2.0F, 3.0F, 4.0F})), torch::ones({4}), 0.0));
               })
        .check("epsilon",
               [](const Norm& norm, Answers& answers) {
                 // Features near the root of epsilon, a row of zeros, and an epsilon that nobody would overlook.
                 const auto x = watched(torch::tensor({{0.01F, -0.02F, 0.01F}, {0.0F, 0.0F, 0.0F}}));
                 answers.add("rms_norm of small features with epsilon 0.0001", norm(x, torch::ones({3}), 1e-4));
                 answers.add("rms_norm of a batch of one with epsilon 0.5",
                             norm(normal_input({1, 4, 6}, 303), torch::ones({6}), 0.5));
               })
        .check("sixteen_bits",
               [](const Norm& norm, Answers& answers) {
                 const auto gain = normal_input({6}, 304) + 1;
                 answers.add(
                     "rms_norm of bfloat16 numbers",
                     norm(watched(normal_input({2, 6}, 305).to(torch::kBFloat16)), gain.to(torch::kBFloat16), 1e-5),
                     kBFloat16);
                 answers.add("rms_norm of bfloat16 numbers, the gain in float32",
                             norm(watched(normal_input({2, 6}, 306).to(torch::kBFloat16)), gain, 1e-5), kBFloat16);
               })
        .check("squares_too_large_for_sixteen_bits",
               [](const Norm& norm, Answers& answers) {
                 // The largest float16 is 65,504: the squares of these numbers exceed it.
                 const auto x = watched((normal_input({2, 6}, 307) * 100 + 1000).to(torch::kFloat16));
                 answers.add("rms_norm of float16 numbers near 1000", norm(x, torch::ones({6}, torch::kFloat16), 1e-5),
                             {2e-3, 2e-3, "float16 has eleven binary digits"});
               })
        .mistake("mean_taken_away", norm_wrongly, {.centred = true, .deviation = true})
        .mistake("divided_by_the_deviation", norm_wrongly, {.deviation = true})
        .mistake("sum_for_mean", norm_wrongly, {.sum = true})
        .mistake("root_forgotten", norm_wrongly, {.no_root = true})
        .mistake("statistics_detached", norm_wrongly, {.detached = true})
        .mistake("gain_forgotten", norm_wrongly, {.no_gain = true})
        .mistake("gain_plus_one", norm_wrongly, {.gain_plus_one = true})
        .mistake("in_sixteen_bits", norm_wrongly, {.narrow = true})
        .mistake("result_widened", norm_wrongly, {.wide_result = true})
        .mistake("epsilon_forgotten", norm_wrongly, {.epsilon_share = 0})
        .mistake("epsilon_outside_root", norm_wrongly, {.epsilon_outside = true})
        .mistake("epsilon_of_its_own",
                 [](const Tensor& x, const Tensor& gain, double) { return norm_wrongly({})(x, gain, 1e-6); })
        .mistake("over_positions", norm_wrongly, {.over = {-2}});

// ---------------------------------------------------------------------------------------------------------------------
// 11.4 Frequencies and their scalings.

using Frequencies = std::function<std::vector<double>(std::int64_t, double, const RotaryScaling&)>;
using Kind = RotaryScaling::Kind;

/// What a mistake changes.
struct FrequencySlips {
  double exponent = 2;
  bool rising = false;  ///< the first pair is the slowest
  bool kind_ignored = false, multiplied = false, unscaled = false, whole_numbers = false;
  bool no_mixture = false, shares_swapped = false, limits_swapped = false, no_circle = false, all_slowed = false;
};

Frequencies frequencies_wrongly(const FrequencySlips& slips) {
  return [slips](std::int64_t width, double base, const RotaryScaling& scaling) {
    std::vector<double> all;
    for (std::int64_t i = 0; i < width / 2; ++i) {
      const double exact_power = slips.exponent * static_cast<double>(i) / static_cast<double>(width);
      const double one = std::pow(base, slips.whole_numbers ? -std::floor(exact_power) : -exact_power);
      const double slowed = slips.unscaled ? one : slips.multiplied ? one * scaling.factor : one / scaling.factor;
      double stays = scaling.kind == Kind::linear || slips.kind_ignored ? 0 : 1;
      if (scaling.kind == Kind::llama3 && !slips.kind_ignored) {
        const double circle = slips.no_circle ? 1 : 2 * std::numbers::pi;
        const double turns = static_cast<double>(scaling.original_context) * one / circle;
        double low = scaling.low_frequency_factor, high = scaling.high_frequency_factor;
        if (slips.limits_swapped) std::swap(low, high);
        stays = std::clamp((turns - low) / (high - low), 0.0, 1.0);
        if (slips.no_mixture) stays = turns < high ? 0 : 1;
        if (slips.shares_swapped && stays > 0 && stays < 1) stays = 1 - stays;
        if (slips.all_slowed) stays = 0;
      }
      all.push_back(stays * one + (1 - stays) * slowed);
    }
    if (slips.rising) std::reverse(all.begin(), all.end());
    return all;
  };
}

Tensor as_tensor(const std::vector<double>& numbers) {
  return torch::tensor(numbers, torch::kFloat64);
}

[[maybe_unused]] const auto& exercise_11_4 =
    exercise<Frequencies>("11.4", rotary_frequencies)
        .check("without_scaling",
               [](const Frequencies& frequencies, Answers& answers) {
                 RotaryScaling none;
                 answers.add("frequencies of a head of 8, base 10,000", as_tensor(frequencies(8, 1e4, none)),
                             double_rounding);
                 answers.add("frequencies of a head of 2, base 500", as_tensor(frequencies(2, 500, none)),
                             double_rounding);
                 none.factor = 8;
                 answers.add("frequencies of kind none, for which the factor of 8 means nothing",
                             as_tensor(frequencies(6, 1e4, none)), double_rounding);
               })
        .check("linear",
               [](const Frequencies& frequencies, Answers& answers) {
                 answers.add("frequencies of a head of 10, base 1,000,000, linear with factor 4",
                             as_tensor(frequencies(10, 1e6, {Kind::linear, 4, 1, 4, 0})), double_rounding);
               })
        .check("llama3",
               [](const Frequencies& frequencies, Answers& answers) {
                 // Llama 3.2's own numbers, and limits between which lie several pairs.
                 answers.add("frequencies of Llama 3.2 1B: a head of 64, base 500,000, factor 32",
                             as_tensor(frequencies(64, 5e5, {Kind::llama3, 32, 1, 4, 8192})), double_rounding);
                 answers.add("frequencies of a head of 16, base 10,000, llama3 with factor 3, limits 2 and 40",
                             as_tensor(frequencies(16, 1e4, {Kind::llama3, 3, 2, 40, 512})), double_rounding);
               })
        .mistake("half_the_exponent", frequencies_wrongly, {.exponent = 1})
        .mistake("slowest_first", frequencies_wrongly, {.rising = true})
        .mistake("kind_not_looked_at", frequencies_wrongly, {.kind_ignored = true})
        .mistake("multiplied_by_the_factor", frequencies_wrongly, {.multiplied = true})
        .mistake("no_mixture", frequencies_wrongly, {.no_mixture = true})
        .mistake("shares_swapped", frequencies_wrongly, {.shares_swapped = true})
        .mistake("limits_swapped", frequencies_wrongly, {.limits_swapped = true})
        .mistake("radians_for_turns", frequencies_wrongly, {.no_circle = true})
        .mistake("scaling_left_out", frequencies_wrongly, {.unscaled = true})
        .mistake("whole_number_division", frequencies_wrongly, {.whole_numbers = true})
        .mistake("llama3_as_linear", frequencies_wrongly, {.all_slowed = true});

// ---------------------------------------------------------------------------------------------------------------------
// 11.5 Halves as pairs.

using Rotate = std::function<Tensor(const Tensor&, const Tensor&)>;

/// What a mistake changes about the turn.
struct Turn {
  bool neighbours = false, backwards = false, stretched = false, side_by_side = false, swapped = false;
  bool first_alone = false;  ///< the second coordinate is made of the first one that was turned already
  bool widened = false;
};

Rotate turned_wrongly(const Turn& turn) {
  return [turn](const Tensor& x, const Tensor& angles) {
    const std::int64_t half = x.size(-1) / 2;
    auto a = turn.neighbours ? x.index({"...", Slice(0, None, 2)}) : x.narrow(-1, 0, half);
    auto b = turn.neighbours ? x.index({"...", Slice(1, None, 2)}) : x.narrow(-1, half, half);
    if (turn.swapped) std::swap(a, b);
    const auto cosine = angles.cos(), sine = turn.backwards ? -angles.sin() : angles.sin();
    const auto across = a * cosine + (turn.stretched ? 1 : -1) * b * sine;
    const auto up = (turn.first_alone ? across : a) * sine + b * cosine;
    const auto turned = turn.neighbours || turn.side_by_side ? torch::stack({across, up}, -1).flatten(-2)
                                                             : torch::cat({across, up}, -1);
    return turn.widened ? turned : turned.to(x.scalar_type());
  };
}

/// Angles that grow along time, another pace for each pair.
Tensor some_angles(std::int64_t time, std::int64_t pairs) {
  return torch::arange(time, torch::kFloat32).unsqueeze(-1) / (1 + torch::arange(pairs, torch::kFloat32)) + 0.25;
}

[[maybe_unused]] const auto& exercise_11_5 =
    exercise<Rotate>("11.5", rotate_halves)
        .check("points_and_gradients",
               [](const Rotate& rotate_pairs, Answers& answers) {
                 const auto x = normal_input({2, 3, 5, 8}, 501).requires_grad_();
                 const auto turned = rotate_pairs(x, watched(some_angles(5, 4)));
                 answers.add("the turned vectors", turned);
                 answers.add_gradients(turned, {{"the vectors", x}});
               })
        .check(
            "of_any_rank",
            [](const Rotate& rotate_pairs, Answers& answers) {
              answers.add("turned vectors [time, features]",
                          rotate_pairs(normal_input({4, 6}, 502), some_angles(4, 3)));
              answers.add("one position, one pair", rotate_pairs(normal_input({1, 1, 1, 2}, 503), some_angles(1, 1)));
            })
        .check(
            "types",
            [](const Rotate& rotate_pairs, Answers& answers) {
              answers.add("turned vectors of bfloat16",
                          rotate_pairs(watched(normal_input({1, 3, 4}, 504).to(torch::kBFloat16)), some_angles(3, 2)),
                          kBFloat16);
              answers.add("turned vectors of float64",
                          rotate_pairs(normal_input({2, 3, 4}, 505).to(torch::kFloat64), some_angles(3, 2)), rounding);
            })
        .mistake("neighbours", turned_wrongly, {.neighbours = true})
        .mistake("backwards", turned_wrongly, {.backwards = true})
        .mistake("no_minus", turned_wrongly, {.stretched = true})
        .mistake("side_by_side", turned_wrongly, {.side_by_side = true})
        .mistake("halves_swapped", turned_wrongly, {.swapped = true})
        .mistake("of_the_turned_one", turned_wrongly, {.first_alone = true})
        .mistake("result_widened", turned_wrongly, {.widened = true});

}  // namespace
}  // namespace verse
