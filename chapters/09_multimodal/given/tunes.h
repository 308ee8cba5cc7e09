#pragma once

/// @file
/// Chapter 9: tunes as letters and as sound, for the parts that write frames. Given, not an exercise.

#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/random.h"

namespace verse {

inline constexpr std::int64_t kNotesInATune = 6;                             ///< at most
inline constexpr std::int64_t kFramesOfANote = 8;                            ///< of a spectrogram
inline constexpr std::int64_t kTuneFrames = kNotesInATune * kFramesOfANote;  ///< of the longest tune
inline constexpr std::int64_t kTuneMels = 32;                                ///< bands of a frame
inline constexpr double kHigherChance = 2.0 / 3;                             ///< of an x to sound high
inline constexpr double kHigh = 1046.5 * 1.189207;                           ///< hertz of the high sound of an x
inline constexpr double kLow = 523.25 / 1.189207;                            ///< hertz of the low one

/// Tunes and how they sound. An `x` is a note that the player is free in: mostly the high sound, else the low one.
struct Tunes {
  std::vector<std::string> texts;
  torch::Tensor mel;      ///< [tunes, frames, mels], brought to about -1 to 1
  torch::Tensor lengths;  ///< [tunes], frames
};

/// How a tune is played: samples in [-1, 1].
std::vector<float> play_tune(const std::string& text, Random& random);

/// Tunes with their frames, an x played anew each time.
Tunes play_all(const std::vector<std::string>& texts, Random& random);

/// Three to six notes, one in six of them the player's choice.
std::string draw_tune(Random& random);

/// The tune `cxe`, whose x sounds at so many hertz. @return [frames of three notes, mels]
torch::Tensor tune_with(double hertz);

}  // namespace verse
