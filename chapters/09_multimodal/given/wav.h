#pragma once

/// @file
/// Chapter 9: sound files. Given, not an exercise.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace verse {

/// A sound: one channel, samples in [-1, 1].
struct Sound {
  std::int64_t sample_rate = 8000;  ///< samples a second
  std::vector<float> samples;
};

/// Reads a WAV file of 16-bit PCM; of several channels the mean is taken.
/// @throws UsageError, in one line, for a file that is missing, damaged, cut short, or of another kind.
Sound read_wav(const std::filesystem::path& path);

/// The same from the file's bytes. @param place the file's name, for messages
Sound parse_wav(std::string_view bytes, const std::string& place);

/// Writes one as a whole or not at all; samples beyond -1 and 1 are cut off there.
void write_wav(const std::filesystem::path& path, const Sound& sound);

}  // namespace verse
