/// @file
/// The checks of chapter 9's exercises on sound, 9.6 to 9.8, and the mistakes that they know.

#include "09_multimodal/sound.h"

#include <torch/torch.h>

#include <cmath>
#include <functional>
#include <numbers>
#include <vector>

#include "tests/harness/check.h"

namespace verse {
namespace {

using torch::Tensor;

/// Small enough to be looked at.
MelOptions small_options() {
  MelOptions options;
  options.sample_rate = 1000;
  options.window = 32;
  options.hop = 8;
  options.mels = 6;
  options.lowest = 50;
  options.highest = 450;
  return options;
}

/// A tone in a little noise.
Tensor small_sound(std::int64_t count = 100) {
  const auto time = torch::arange(count, torch::kFloat64) / 1000.0;
  return torch::sin(2 * std::numbers::pi * 180 * time) + normal_input({count}, 1, 0.1).to(torch::kFloat64);
}

constexpr Tolerance kTransform{1e-9, 1e-9, "float64, sums over a window"};

// 9.6
// ------------------------------------------------------------------------------------------------------------------

using Spectrogram = std::function<Tensor(const Tensor&, const MelOptions&)>;

struct Ways {
  bool padded = true, faded = true, squared = true, halved = false, symmetric = false, real_part = false;
};

Spectrogram spectrogram_with(const Ways& ways) {
  return [ways](const Tensor& samples, const MelOptions& options) {
    const auto half = options.window / 2;
    const auto sound = ways.padded ? torch::constant_pad_nd(samples, {half, half}) : samples;
    auto frames = sound.unfold(-1, options.window, options.hop);
    if (ways.faded) frames = frames * torch::hann_window(options.window, !ways.symmetric, samples.options());
    const auto waves = torch::fft_rfft(frames);
    if (ways.real_part) return torch::real(waves).square();
    const auto size = ways.squared ? waves.abs().square() : waves.abs();
    return ways.halved ? size / static_cast<double>(options.window) : size;
  };
}

[[maybe_unused]] const auto& exercise_9_6 =
    exercise<Spectrogram>("9.6", power_spectrogram)
        .check("a_tone",
               [](const Spectrogram& spectrogram, Answers& answers) {
                 answers.add("the spectrogram of a tone of 180 hertz", spectrogram(small_sound(), small_options()),
                             kTransform);
               })
        .check("a_batch",
               [](const Spectrogram& spectrogram, Answers& answers) {
                 const auto sounds = torch::stack({small_sound(64), small_sound(64).flip(0)});
                 answers.add("the spectrograms of two sounds at once", spectrogram(sounds, small_options()),
                             kTransform);
               })
        .mistake("reflected",
                 [](const Tensor& samples, const MelOptions& options) {
                   const auto half = options.window / 2;
                   auto shape = samples.sizes().vec();
                   const auto padded = at::reflection_pad1d(samples.reshape({-1, samples.size(-1)}), {half, half});
                   shape.back() = padded.size(-1);
                   const auto frames = padded.view(shape).unfold(-1, options.window, options.hop);
                   return torch::fft_rfft(frames * torch::hann_window(options.window, true, samples.options()))
                       .abs()
                       .square();
                 })
        .mistake("not_faded", spectrogram_with, {.faded = false})
        .mistake("no_silence_around", spectrogram_with, {.padded = false})
        .mistake("not_squared", spectrogram_with, {.squared = false})
        .mistake("divided_by_the_window", spectrogram_with, {.halved = true})
        .mistake("window_ends_on_zero", spectrogram_with, {.symmetric = true})
        .mistake("real_part", spectrogram_with, {.real_part = true})
        .mistake("frequencies_by_frames",
                 [](const Tensor& samples, const MelOptions& options) {
                   return spectrogram_with({})(samples, options).transpose(-2, -1);
                 })
        .mistake("all_frequencies", [](const Tensor& samples, const MelOptions& options) {
          const auto half = options.window / 2;
          const auto frames = torch::constant_pad_nd(samples, {half, half}).unfold(-1, options.window, options.hop);
          return torch::fft_fft(frames * hann_window(options.window, samples.options())).abs().square();
        });

// 9.7
// ------------------------------------------------------------------------------------------------------------------

using Bank = std::function<Tensor(const MelOptions&)>;

Tensor triangles(const Tensor& edges, const Tensor& hertz, bool clamped = true) {
  const auto edge = edges.unsqueeze(1);
  const auto left = edge.slice(0, 0, -2), peak = edge.slice(0, 1, -1), right = edge.slice(0, 2);
  const auto least = torch::minimum((hertz - left) / (peak - left), (right - hertz) / (right - peak));
  return clamped ? least.clamp_min(0) : least;
}

Tensor mel_edges(const MelOptions& options, std::int64_t count) {
  const double first = hertz_to_mel(options.lowest), last = hertz_to_mel(options.highest);
  const auto mels = torch::linspace(first, last, count, torch::kFloat64);
  return 700.0 * (torch::pow(10.0, mels / 2595.0) - 1.0);
}

Tensor bin_hertz(const MelOptions& options) {
  return torch::linspace(0, static_cast<double>(options.sample_rate) / 2, options.window / 2 + 1, torch::kFloat64);
}

constexpr Tolerance kTriangles{1e-9, 1e-9, "float64, a power and a few quotients"};

[[maybe_unused]] const auto& exercise_9_7 =
    exercise<Bank>("9.7", mel_filter_bank)
        .check("six_bands",
               [](const Bank& bank, Answers& answers) {
                 answers.add("six bands from 50 to 450 hertz", bank(small_options()), kTriangles);
               })
        .check("the_chapters_own",
               [](const Bank& bank, Answers& answers) {
                 answers.add("32 bands from 0 to 4,000 hertz", bank(MelOptions()), kTriangles);
               })
        .check("another_window",
               [](const Bank& bank, Answers& answers) {
                 auto options = small_options();
                 options.sample_rate = 1010;
                 options.window = 24;
                 options.mels = 4;
                 answers.add("four bands over the 13 frequencies of another window", bank(options), kTriangles);
               })
        .mistake("whole_number_steps",
                 [](const MelOptions& options) {
                   const auto step = static_cast<double>(options.sample_rate / options.window);
                   return triangles(mel_edges(options, options.mels + 2),
                                    step * torch::arange(options.window / 2 + 1, torch::kFloat64));
                 })
        .mistake("frequencies_of_its_own",
                 [](const MelOptions& options) {
                   return triangles(mel_edges(options, options.mels + 2),
                                    31.25 * torch::arange(options.window / 2 + 1, torch::kFloat64));
                 })
        .mistake("divided_by_bands",
                 [](const MelOptions& options) {
                   const double first = hertz_to_mel(options.lowest), last = hertz_to_mel(options.highest);
                   const auto steps =
                       torch::arange(options.mels + 2, torch::kFloat64) / static_cast<double>(options.mels);
                   return triangles(700.0 * (torch::pow(10.0, (first + (last - first) * steps) / 2595.0) - 1.0),
                                    bin_hertz(options));
                 })
        .mistake("edges_in_hertz",
                 [](const MelOptions& options) {
                   return triangles(torch::linspace(options.lowest, options.highest, options.mels + 2, torch::kFloat64),
                                    bin_hertz(options));
                 })
        .mistake("not_cut_off",
                 [](const MelOptions& options) {
                   return triangles(mel_edges(options, options.mels + 2), bin_hertz(options), false);
                 })
        .mistake(
            "as_many_edges_as_bands",
            [](const MelOptions& options) { return triangles(mel_edges(options, options.mels), bin_hertz(options)); })
        .mistake("up_to_the_sample_rate",
                 [](const MelOptions& options) {
                   return triangles(mel_edges(options, options.mels + 2), 2 * bin_hertz(options));
                 })
        .mistake("straight_in_mels",
                 [](const MelOptions& options) {
                   const double first = hertz_to_mel(options.lowest), last = hertz_to_mel(options.highest);
                   const auto edges = torch::linspace(first, last, options.mels + 2, torch::kFloat64);
                   return triangles(edges, 2595.0 * torch::log10(1.0 + bin_hertz(options) / 700.0));
                 })
        .mistake("equal_areas",
                 [](const MelOptions& options) {
                   const auto edges = mel_edges(options, options.mels + 2);
                   return triangles(edges, bin_hertz(options)) * 2 /
                          (edges.slice(0, 2) - edges.slice(0, 0, -2)).unsqueeze(1);
                 })
        .mistake("bins_by_bands", [](const MelOptions& options) {
          return triangles(mel_edges(options, options.mels + 2), bin_hertz(options)).t();
        });

// 9.8
// ------------------------------------------------------------------------------------------------------------------

using LogMel = std::function<Tensor(const Tensor&, const MelOptions&)>;

Tensor energies(const Tensor& samples, const MelOptions& options, bool squared = true) {
  const auto spectrogram = spectrogram_with({.squared = squared})(samples, options);
  const auto bank = triangles(mel_edges(options, options.mels + 2), bin_hertz(options)).to(samples.options());
  return torch::matmul(spectrogram, bank.t());
}

[[maybe_unused]] const auto& exercise_9_8 =
    exercise<LogMel>("9.8", log_mel)
        .check("a_tone",
               [](const LogMel& mel, Answers& answers) {
                 answers.add("the log-mel spectrogram of a tone", mel(small_sound(), small_options()), kTransform);
               })
        .check("then_silence",
               [](const LogMel& mel, Answers& answers) {
                 const auto sound = torch::cat({small_sound(40), torch::zeros({80}, torch::kFloat64)});
                 answers.add("a tone, then silence", mel(sound, small_options()), kTransform);
               })
        .check("single_precision",
               [](const LogMel& mel, Answers& answers) {
                 const auto sounds = small_sound(60).to(torch::kFloat).repeat({2, 1});
                 const auto result = mel(sounds, small_options());
                 answers.add("the element type for float32 samples", c10::toString(result.scalar_type()));
                 answers.add("two sounds in float32", result,
                             {1e-3, 1e-3, "float32, and a logarithm of what may be small"});
               })
        .check("another_floor",
               [](const LogMel& mel, Answers& answers) {
                 auto options = small_options();
                 options.floor = 1e-3;
                 const auto sound = torch::cat({small_sound(40), torch::zeros({80}, torch::kFloat64)});
                 answers.add("a tone, then silence, with a floor of 0.001", mel(sound, options), kTransform);
               })
        .mistake("floor_of_its_own",
                 [](const Tensor& samples, const MelOptions& options) {
                   return energies(samples, options).clamp_min(1e-10).log10();
                 })
        .mistake("natural_logarithm",
                 [](const Tensor& samples, const MelOptions& options) {
                   return energies(samples, options).clamp_min(options.floor).log();
                 })
        .mistake("no_floor",
                 [](const Tensor& samples, const MelOptions& options) { return energies(samples, options).log10(); })
        .mistake("floor_added",
                 [](const Tensor& samples, const MelOptions& options) {
                   return (energies(samples, options) + options.floor).log10();
                 })
        .mistake("decibels",
                 [](const Tensor& samples, const MelOptions& options) {
                   return 10 * energies(samples, options).clamp_min(options.floor).log10();
                 })
        .mistake("not_squared",
                 [](const Tensor& samples, const MelOptions& options) {
                   return energies(samples, options, false).clamp_min(options.floor).log10();
                 })
        .mistake("no_logarithm",
                 [](const Tensor& samples, const MelOptions& options) {
                   return energies(samples, options).clamp_min(options.floor);
                 })
        .mistake("always_in_double",
                 [](const Tensor& samples, const MelOptions& options) {
                   return energies(samples.to(torch::kFloat64), options).clamp_min(options.floor).log10();
                 })
        .mistake("floor_under_the_logarithm", [](const Tensor& samples, const MelOptions& options) {
          return energies(samples, options).log10().clamp_min(options.floor);
        });

}  // namespace
}  // namespace verse
