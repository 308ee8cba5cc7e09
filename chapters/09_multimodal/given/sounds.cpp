#include "09_multimodal/given/sounds.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numbers>

#include "common/base/error.h"

namespace verse {
namespace {

constexpr std::array<const char*, 26> kMorse = {".-",   "-...", "-.-.", "-..",  ".",   "..-.", "--.",  "....", "..",
                                                ".---", "-.-",  ".-..", "--",   "-.",  "---",  ".--.", "--.-", ".-.",
                                                "...",  "-",    "..-",  "...-", ".--", "-..-", "-.--", "--.."};

double between(double least, double most, Random& random) {
  return least + (most - least) * random.uniform();
}

}  // namespace

std::string morse_code(char letter) {
  if (letter < 'a' || letter > 'z')
    throw UsageError(fmt::format("Morse code is sent here in small letters a to z, got '{}'", letter));
  return kMorse[static_cast<std::size_t>(letter - 'a')];
}

MorseStyle draw_style(Random& random) {
  MorseStyle style;
  style.unit = between(0.045, 0.060, random);
  style.pitch = between(500, 800, random);
  style.loudness = between(0.3, 0.8, random);
  style.unsteady = 0.1;
  style.lead = between(0.0, 0.1, random);
  return style;
}

MorseStyle draw_whistle(double unit, double lowest, Random& random) {
  auto style = draw_style(random);
  style.unit = unit;
  style.pitch = lowest + 300 * random.uniform();
  style.unsteady = 0.15;
  style.edge = 0.015;
  style.drift = between(0.02, 0.04, random);
  style.drift_rate = between(0.5, 2, random);
  return style;
}

std::vector<float> render_morse(const std::string& text, const MorseStyle& style, Random& random) {
  std::vector<float> samples;
  const auto length = [&](double units) {
    const double off = 1 + style.unsteady * between(-1, 1, random);
    return static_cast<std::size_t>(units * off * style.unit * static_cast<double>(kSampleRate));
  };
  const auto silence = [&](std::size_t count) { samples.resize(samples.size() + count, 0.0F); };
  const auto tone = [&](std::size_t count) {
    const double step = 2 * std::numbers::pi * style.pitch / static_cast<double>(kSampleRate),
                 edge = style.edge * static_cast<double>(kSampleRate);
    // A pitch that wanders as a cosine does has a phase that wanders as a sine.
    const double wander = 2 * std::numbers::pi * style.drift_rate / static_cast<double>(kSampleRate);
    const double depth = style.drift * style.pitch / style.drift_rate;
    for (std::size_t i = 0; i < count; ++i) {
      const double from_edge = static_cast<double>(std::min(i, count - 1 - i)) / edge;
      const auto now = static_cast<double>(samples.size());
      samples.push_back(static_cast<float>(style.loudness * std::min(from_edge, 1.0) *
                                           std::sin(step * now + depth * std::sin(wander * now))));
    }
  };
  silence(static_cast<std::size_t>(style.lead * static_cast<double>(kSampleRate)));
  for (const char letter : text) {
    for (const char sign : morse_code(letter)) {
      tone(length(sign == '.' ? 1 : 3));
      silence(length(1));
    }
    silence(length(2));  // with the one behind the last sign, three between letters
  }
  return samples;
}

void add_noise(std::vector<float>& samples, double loudness, double decibels, Random& random) {
  // A tone of amplitude a has the power a^2 / 2; the difference of two uniform numbers has the variance 1/6.
  const double deviation = std::sqrt(loudness * loudness / 2 * std::pow(10.0, -decibels / 10));
  const double scale = deviation * std::sqrt(6.0);
  for (auto& sample : samples) {
    // One draw of 64 bits is two numbers of 32.
    const std::uint64_t bits = random.next();
    const double one = static_cast<double>(bits >> 32) / 4294967296.0;
    const double other = static_cast<double>(bits & 0xffffffffU) / 4294967296.0;
    sample = static_cast<float>(sample + scale * (one - other));
  }
}

double note_hertz(char note) {
  const char* place = std::strchr(kNotes, note);
  if (note == '\0' || place == nullptr)
    throw UsageError(fmt::format("a tune is written in the letters {}, got '{}'", kNotes, note));
  constexpr std::array<int, 7> kSemitones = {0, 2, 4, 5, 7, 9, 11};  // of the major scale, from c
  return 523.25 * std::pow(2.0, kSemitones[static_cast<std::size_t>(place - kNotes)] / 12.0);
}

std::vector<float> render_tune(const std::vector<double>& hertz, double seconds, double loudness) {
  std::vector<float> samples;
  const auto count = static_cast<std::size_t>(std::lround(seconds * static_cast<double>(kSampleRate)));
  for (const double frequency : hertz)
    for (std::size_t i = 0; i < count; ++i) {
      const double time = static_cast<double>(i) / static_cast<double>(kSampleRate);
      const double fade = std::min(time / 0.01, 1.0) * std::exp(-4 * time / seconds);
      double sum = 0;
      for (int overtone = 1; overtone <= 3; ++overtone)
        sum += std::sin(2 * std::numbers::pi * frequency * overtone * time) / (overtone * overtone);
      samples.push_back(static_cast<float>(loudness * fade * sum / 1.4));
    }
  return samples;
}

}  // namespace verse
