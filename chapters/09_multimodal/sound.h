#pragma once

/// @file
/// Chapter 9, going further: from a waveform to a log-mel spectrogram.

#include <torch/torch.h>

#include <cstdint>

namespace verse {

/// How a spectrogram is taken.
struct MelOptions {
  std::int64_t sample_rate = 8000;  ///< samples a second
  std::int64_t window = 256;        ///< samples that are looked at together: 32 ms
  std::int64_t hop = 128;           ///< samples from one look to the next: 16 ms
  std::int64_t mels = 32;           ///< bands
  double lowest = 0;                ///< hertz, where the first band begins
  double highest = 4000;            ///< hertz, where the last band ends; at most half the sample rate
  double floor = 1e-10;             ///< no energy below it is told apart, so that a logarithm exists
};

/// Pitch as it is heard: 2595 log10(1 + hertz / 700). (O'Shaughnessy 1987; the formula of HTK.) Given, not an exercise.
double hertz_to_mel(double hertz);
double mel_to_hertz(double mel);

/// Hann's window: 0.5 - 0.5 cos(2 pi n / length), n from 0. Given, not an exercise.
/// @return [length], of the options' element type
torch::Tensor hann_window(std::int64_t length, const torch::TensorOptions& options);

/// How much energy there is at each moment and each frequency. (Exercise 9.6)
///
/// Half a window of silence goes before the sound and after it, so that frame i is centred on sample i * hop. Each
/// frame is faded by hann_window(); its energy at a frequency is the squared size of its Fourier coefficient.
/// @param samples [..., samples], float
/// @return [..., frames, window / 2 + 1], frames = samples / hop + 1
torch::Tensor power_spectrogram(const torch::Tensor& samples, const MelOptions& options);

/// Bands that are equally wide to the ear: triangles over the frequencies of a spectrogram. (Exercise 9.7)
///
/// `mels` + 2 edges lie evenly on the mel scale from lowest to highest. Band m rises in a straight line, in hertz, from
/// 0 at edge m to 1 at edge m + 1 and falls to 0 at edge m + 2. Davis and Mermelstein 1980, section II.
/// @return [mels, window / 2 + 1], float64
torch::Tensor mel_filter_bank(const MelOptions& options);

/// The base-10 logarithm of the energy in each band, never below that of the floor. (Exercise 9.8)
/// @param samples [..., samples], float @return [..., frames, mels], of the samples' element type
torch::Tensor log_mel(const torch::Tensor& samples, const MelOptions& options);

}  // namespace verse
