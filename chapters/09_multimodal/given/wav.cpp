#include "09_multimodal/given/wav.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/error.h"
#include "common/base/files.h"

namespace verse {
namespace {

constexpr double kScale = 32768.0;  // a sample of -32768 is -1

/// Numbers lie in a WAV file with their lowest byte first.
std::uint32_t number_at(std::string_view bytes, std::size_t place, std::size_t size) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < size; ++i)
    number |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[place + i])) << (8 * i);
  return number;
}

void append_number(std::string& bytes, std::uint32_t number, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>((number >> (8 * i)) & 0xffU);
}

}  // namespace

Sound read_wav(const std::filesystem::path& path) {
  return parse_wav(read_file(path), path.string());
}

Sound parse_wav(std::string_view all, const std::string& place_of_file) {
  const auto refuse = [&](const std::string& why) { throw UsageError(fmt::format("{}: {}", place_of_file, why)); };
  if (all.size() < 12 || all.substr(0, 4) != "RIFF" || all.substr(8, 4) != "WAVE") refuse("is no WAV file");

  // A WAV file is a row of chunks, each with a name and a length; two of them are needed, others are passed over.
  std::optional<std::string_view> format, data;
  for (std::size_t place = 12; place + 8 <= all.size() && !data;) {
    const auto name = all.substr(place, 4);
    const std::size_t length = number_at(all, place + 4, 4);
    place += 8;
    if (length > all.size() - place)
      refuse(fmt::format("is cut short: a part of {} bytes has {} left", length, all.size() - place));
    if (name == "fmt ") format = all.substr(place, length);
    if (name == "data") data = all.substr(place, length);
    place += length + length % 2;  // chunks begin at even places
  }
  if (!format || format->size() < 16 || !data) refuse("is a damaged WAV file: its format or its samples are missing");

  const auto kind = number_at(*format, 0, 2), channels = number_at(*format, 2, 2), bits = number_at(*format, 14, 2);
  const auto rate = number_at(*format, 4, 4);
  if (kind != 1 || bits != 16)
    refuse(fmt::format("holds {} bits of kind {}; only 16-bit PCM (kind 1) is read", bits, kind));
  if (channels < 1 || rate < 1 || rate > 1000000)
    refuse(fmt::format("is a damaged WAV file: {} channels at {} samples a second", channels, rate));
  const std::size_t frame = 2 * static_cast<std::size_t>(channels);
  if (data->empty() || data->size() % frame != 0)
    refuse(fmt::format("is a damaged WAV file: {} bytes are no whole number of samples", data->size()));

  Sound sound;
  sound.sample_rate = rate;
  for (std::size_t place = 0; place < data->size(); place += frame) {
    double sum = 0;
    for (std::size_t channel = 0; channel < channels; ++channel)
      sum += static_cast<std::int16_t>(number_at(*data, place + 2 * channel, 2));
    sound.samples.push_back(static_cast<float>(sum / static_cast<double>(channels) / kScale));
  }
  return sound;
}

void write_wav(const std::filesystem::path& path, const Sound& sound) {
  const auto length = static_cast<std::uint32_t>(2 * sound.samples.size());
  const auto rate = static_cast<std::uint32_t>(sound.sample_rate);
  std::string bytes = "RIFF";
  append_number(bytes, 36 + length, 4);
  bytes += "WAVEfmt ";
  append_number(bytes, 16, 4);        // length of what follows
  append_number(bytes, 1, 2);         // PCM
  append_number(bytes, 1, 2);         // one channel
  append_number(bytes, rate, 4);      // samples a second
  append_number(bytes, 2 * rate, 4);  // bytes a second
  append_number(bytes, 2, 2);         // bytes a sample
  append_number(bytes, 16, 2);        // bits a sample
  bytes += "data";
  append_number(bytes, length, 4);
  for (const float sample : sound.samples) {
    const double scaled = std::clamp(std::round(static_cast<double>(sample) * kScale), -kScale, kScale - 1);
    append_number(bytes, static_cast<std::uint16_t>(static_cast<std::int16_t>(scaled)), 2);
  }
  write_file_atomically(path, bytes);
}

}  // namespace verse
