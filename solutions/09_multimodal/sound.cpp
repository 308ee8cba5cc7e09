#include "09_multimodal/sound.h"

#include <cmath>
#include <vector>

#include "common/base/error.h"

namespace verse {

double hertz_to_mel(double hertz) {
  return 2595.0 * std::log10(1.0 + hertz / 700.0);
}

double mel_to_hertz(double mel) {
  return 700.0 * (std::pow(10.0, mel / 2595.0) - 1.0);
}

torch::Tensor hann_window(std::int64_t length, const torch::TensorOptions& options) {
  return torch::hann_window(length, /*periodic=*/true, options);
}

torch::Tensor power_spectrogram(const torch::Tensor& samples, const MelOptions& options) {
  //! [9.6]
  // With half a window of silence at either end, a frame looks at as much before its moment as after it.
  const auto padded = torch::constant_pad_nd(samples, {options.window / 2, options.window / 2});

  // A window every hop. It is faded in and out: a sound cut off hard would click at every frequency.
  const auto frames = padded.unfold(-1, options.window, options.hop);          // [..., frames, window]
  const auto faded = frames * hann_window(options.window, samples.options());  // the same shape

  // How much of each frequency is in it; the phase is let go.
  return torch::fft_rfft(faded).abs().square();  // [..., frames, window / 2 + 1]
  //! [9.6]
}

torch::Tensor mel_filter_bank(const MelOptions& options) {
  const auto real = torch::TensorOptions(torch::kFloat64);
  //! [9.7]
  // Edges at equal steps of pitch: narrow bands below, where the ear is sharp, wide ones above.
  const double first = hertz_to_mel(options.lowest), last = hertz_to_mel(options.highest);
  std::vector<double> edges;
  for (std::int64_t i = 0; i < options.mels + 2; ++i)
    edges.push_back(
        mel_to_hertz(first + (last - first) * static_cast<double>(i) / static_cast<double>(options.mels + 1)));
  const auto edge = torch::tensor(edges, real).unsqueeze(1);  // [mels + 2, 1], hertz

  // The frequencies of the spectrogram: from 0 to half the sample rate.
  const auto hertz = torch::linspace(0, static_cast<double>(options.sample_rate) / 2, options.window / 2 + 1, real);

  // Two lines through each band's peak; what is below both of them is the triangle.
  const auto left = edge.slice(0, 0, -2), peak = edge.slice(0, 1, -1), right = edge.slice(0, 2);  // [mels, 1]
  const auto rising = (hertz - left) / (peak - left);                                             // [mels, bins]
  const auto falling = (right - hertz) / (right - peak);
  return torch::minimum(rising, falling).clamp_min(0);
  //! [9.7]
}

torch::Tensor log_mel(const torch::Tensor& samples, const MelOptions& options) {
  //! [9.8]
  // Each band adds up the energy under its triangle.
  const auto bank = mel_filter_bank(options).to(samples.options());                  // [mels, bins]
  const auto energy = torch::matmul(power_spectrogram(samples, options), bank.t());  // [..., frames, mels]

  // The ear hears ratios, so the logarithm is taken; silence has none and gets the floor's.
  return energy.clamp_min(options.floor).log10();
  //! [9.8]
}

}  // namespace verse
