#pragma once

/// @file
/// Chapter 9: sounds to learn from, Morse code and tunes. Given, not an exercise.

#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/random.h"

namespace verse {

inline constexpr std::int64_t kSampleRate = 8000;  ///< samples a second, of every sound that is rendered here

/// The dots and dashes of a small letter, as International Morse code has them (ITU-R M.1677-1).
/// @throws UsageError for anything else.
std::string morse_code(char letter);

/// How a message is keyed.
struct MorseStyle {
  double unit = 0.05;     ///< seconds of a dot; a dash has three, so has the silence between letters
  double pitch = 600;     ///< hertz
  double loudness = 0.5;  ///< amplitude, of at most 1
  double unsteady = 0.0;  ///< every duration is off by up to this share of itself
  double lead = 0.05;     ///< seconds of silence before it
  double edge =
      0.004;         ///< seconds in which a tone comes, and in which it goes; a sudden edge is a click at every pitch
  double drift = 0;  ///< the pitch wanders by up to this share of itself, up and down
  double drift_rate = 1;  ///< times a second that it does
};

/// A style by chance: 45 to 60 ms a dot, 500 to 800 hertz, durations off by up to a tenth.
MorseStyle draw_style(Random& random);

/// As somebody might whistle it: the pitch wanders by up to 4 %, every tone takes 15 ms to come and to go, and
/// durations are off by up to 15 %. @param unit seconds of a dot @param lowest of the pitch, in hertz, which is at most
/// 300 more
MorseStyle draw_whistle(double unit, double lowest, Random& random);

/// A message as sound, without noise. @param text small letters @return samples in [-1, 1]
std::vector<float> render_morse(const std::string& text, const MorseStyle& style, Random& random);

/// Adds white noise: so many decibels below the power of a tone of that loudness.
void add_noise(std::vector<float>& samples, double loudness, double decibels, Random& random);

/// A note of a tune: which letter sounds at which frequency.
inline constexpr const char* kNotes = "cdefgab";
double note_hertz(char note);

/// One note after another, each `seconds` long, with two overtones, fading. @param hertz of each note
std::vector<float> render_tune(const std::vector<double>& hertz, double seconds, double loudness);

}  // namespace verse
