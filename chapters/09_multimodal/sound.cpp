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
  // Exercise 9.6. Read "Going further: a sound and its picture" in README.md, then replace the next line; make hint-9.6 helps.
  // New here: torch::constant_pad_nd(x, {left, right}, value)
  //   does: `x` with that many values before and behind, in the last dimension; 0 by default
  // New here: torch::fft_rfft(x)
  //   does: the Fourier transform of real numbers along the last dimension: n / 2 + 1 complex ones
  throw NotImplemented("9.6");
  //! [9.6]
}

torch::Tensor mel_filter_bank(const MelOptions& options) {
  const auto real = torch::TensorOptions(torch::kFloat64);
  //! [9.7]
  // Exercise 9.7. Read "Going further: bands for the ear" in README.md, then replace the next line; make hint-9.7 helps.
  // New here: torch::minimum(x, y)
  //   does: the smaller of the two, number by number
  // New here: torch::linspace(first, last, count, options)
  //   does: `count` numbers at equal distances, both ends included
  // New here: x.clamp_min(least)
  //   does: every smaller number raised to `least`
  throw NotImplemented("9.7");
  //! [9.7]
}

torch::Tensor log_mel(const torch::Tensor& samples, const MelOptions& options) {
  //! [9.8]
  // Exercise 9.8. Read "Going further: bands for the ear" in README.md, then replace the next line; make hint-9.8 helps.
  throw NotImplemented("9.8");
  //! [9.8]
}

}  // namespace verse
