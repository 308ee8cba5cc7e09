/// @file
/// Sound files, and the sounds that the chapter renders.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <string>

#include "09_multimodal/given/sounds.h"
#include "09_multimodal/given/wav.h"
#include "common/base/error.h"
#include "common/base/files.h"
#include "tests/common/temporary_folder.h"

namespace verse {
namespace {

TEST(Wav, ReadsWhatItWrote) {
  const TemporaryFolder folder;
  Sound sound;
  sound.sample_rate = 11025;
  sound.samples = {0.0F, 0.5F, -0.25F, 1.0F / 32768, -1.0F, 32767.0F / 32768};
  write_wav(folder.path() / "a.wav", sound);
  const auto read = read_wav(folder.path() / "a.wav");
  EXPECT_EQ(read.sample_rate, 11025);
  EXPECT_EQ(read.samples, sound.samples) << "each is a whole number of 32,768ths";
}

TEST(Wav, HasTheBytesOfTheFormat) {
  const TemporaryFolder folder;
  write_wav(folder.path() / "a.wav", {8000, {0.5F, -0.5F}});
  const auto bytes = read_file(folder.path() / "a.wav");
  // By hand, from the format: "RIFF", 40, "WAVE", "fmt ", 16, PCM, 1 channel, 8000, 16000, 2, 16, "data", 4, samples.
  const std::string expected(
      "RIFF\x28\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\x04\0\0\0\0\x40\0\xc0", 48);
  EXPECT_EQ(bytes, expected);
}

TEST(Wav, CutsOffWhatIsTooLoud) {
  const TemporaryFolder folder;
  write_wav(folder.path() / "a.wav", {8000, {2.0F, -2.0F}});
  const auto read = read_wav(folder.path() / "a.wav");
  EXPECT_EQ(read.samples.at(0), 32767.0F / 32768);
  EXPECT_EQ(read.samples.at(1), -1.0F);
}

TEST(Wav, TakesTheMeanOfTheChannelsAndPassesOverOtherChunks) {
  const TemporaryFolder folder;
  const std::string bytes(
      "RIFF\x38\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0\x01\0\x02\0\x40\x1f\0\0\0\x7d\0\0\x04\0\x10\0data\x04\0\0\0"
      "\0\x40\0\x20",
      60);
  write_file_atomically(folder.path() / "a.wav", bytes);
  const auto read = read_wav(folder.path() / "a.wav");
  ASSERT_EQ(read.samples.size(), 1U);
  EXPECT_EQ(read.samples[0], 0.375F) << "of 0.5 and 0.25";
}

/// What is said of a file with these bytes.
std::string wav_complaint(const std::string& bytes) {
  const TemporaryFolder folder;
  write_file_atomically(folder.path() / "a.wav", bytes);
  try {
    read_wav(folder.path() / "a.wav");
  } catch (const UsageError& error) {
    return error.what();
  }
  return "nothing";
}

TEST(Wav, RefusesWhatItCannotReadInOneLine) {
  const TemporaryFolder folder;
  write_wav(folder.path() / "a.wav", {8000, std::vector<float>(100, 0.1F)});
  const auto good = read_file(folder.path() / "a.wav");
  const auto changed = [&](std::size_t place, char value) {
    auto bytes = good;
    bytes[place] = value;
    return bytes;
  };
  EXPECT_EQ(wav_complaint(good), "nothing");
  EXPECT_NE(wav_complaint("").find("no WAV file"), std::string::npos);
  EXPECT_NE(wav_complaint("a text that is long enough to be read").find("no WAV file"), std::string::npos);
  EXPECT_NE(wav_complaint(good.substr(0, 120)).find("cut short"), std::string::npos);
  EXPECT_NE(wav_complaint(good.substr(0, 40)).find("damaged"), std::string::npos);
  EXPECT_NE(wav_complaint(changed(20, 3)).find("kind 3"), std::string::npos) << "floating-point samples";
  EXPECT_NE(wav_complaint(changed(34, 8)).find("8 bits"), std::string::npos);
  EXPECT_NE(wav_complaint(changed(22, 0)).find("0 channels"), std::string::npos);
  EXPECT_NE(wav_complaint(changed(36, 'x')).find("damaged"), std::string::npos) << "no chunk of samples";
  for (std::size_t length = 0; length < good.size(); ++length) {
    const auto said = wav_complaint(good.substr(0, length));
    EXPECT_NE(said, "nothing") << length;
    EXPECT_EQ(said.find('\n'), std::string::npos) << length;
  }
  EXPECT_THROW(read_wav(folder.path() / "missing.wav"), UsageError);
}

/// The pitches of dashes of 2,400 samples that follow one another after 800 of silence, by their zero crossings.
std::vector<double> pitches_of(const std::vector<float>& samples, std::size_t dashes) {
  std::vector<double> hertz;
  for (std::size_t dash = 0; dash < dashes; ++dash) {
    // The middle of a dash: 2,000 of 2,400 samples. Up through zero once a period.
    const std::size_t begin = dash * 3200 + 200;
    double crossings = 0;
    for (std::size_t i = begin; i < begin + 2000; ++i) crossings += samples[i] <= 0 && samples[i + 1] > 0 ? 1 : 0;
    hertz.push_back(crossings / 2000 * static_cast<double>(kSampleRate));
  }
  return hertz;
}

TEST(Morse, AWhistleWandersAndComesAndGoesSlowly) {
  Random random(1);
  MorseStyle style;
  style.unit = 0.1;  // a dash has 2,400 samples, and 800 of silence behind it
  style.lead = 0;
  const auto steady = pitches_of(render_morse("o", style, random), 3);
  for (const double hertz : steady) EXPECT_NEAR(hertz, 600, 4.1);  // a crossing more or less
  style.drift = 0.04;
  style.drift_rate = 1;
  style.edge = 0.015;
  const auto samples = render_morse("o", style, random);
  const auto wandering = pitches_of(samples, 3);
  const auto [least, most] = std::minmax_element(wandering.begin(), wandering.end());
  EXPECT_GT(*most - *least, 20);
  EXPECT_GT(*least, 600 * 0.96 - 4.1);
  EXPECT_LT(*most, 600 * 1.04 + 4.1);
  // Of 120 samples in which the tone comes, the first 30 have no more than a quarter of its loudness.
  EXPECT_LT(*std::max_element(samples.begin(), samples.begin() + 30), 0.26 * style.loudness);

  const auto whistle = draw_whistle(0.055, 500, random);
  EXPECT_DOUBLE_EQ(whistle.unit, 0.055);
  EXPECT_GE(whistle.pitch, 500);
  EXPECT_LE(whistle.pitch, 800);
  EXPECT_GE(whistle.drift, 0.02);
}

TEST(Morse, SoundsAsItIsSpelled) {
  Random random(1);
  MorseStyle style;
  style.unit = 0.1;  // 800 samples
  style.lead = 0;
  const auto samples = render_morse("an", style, random);
  // a is .- and n is -. : 1 + 1 + 3 + 3 units, then 3 + 1 + 1 + 3.
  ASSERT_EQ(samples.size(), 16U * 800);
  const std::string expected = "x.xxx...xxx.x...";
  std::string heard;
  for (std::size_t unit = 0; unit < 16; ++unit) {
    double power = 0;
    for (std::size_t i = 0; i < 800; ++i) power += std::pow(samples[unit * 800 + i], 2) / 800;
    heard += power > 0.05 ? 'x' : '.';
  }
  EXPECT_EQ(heard, expected);
  EXPECT_EQ(morse_code('q'), "--.-");
  EXPECT_THROW(morse_code('Q'), UsageError);
  EXPECT_THROW(render_morse("a b", style, random), UsageError);
}

TEST(Noise, HasThePowerThatItIsGiven) {
  Random random(2);
  std::vector<float> samples(200000, 0.0F);
  add_noise(samples, 0.5, 10, random);
  double power = 0;
  for (const float sample : samples) power += std::pow(sample, 2) / 200000;
  // A tone of 0.5 has 0.125; ten decibels below it is 0.0125. Over 200,000 samples the estimate wanders by 0.3 %.
  EXPECT_NEAR(power, 0.0125, 0.0125 * 0.015);
}

TEST(Tune, IsInTune) {
  EXPECT_NEAR(note_hertz('a'), 880, 0.01);  // the scale begins on c'' = 523.25
  EXPECT_THROW(note_hertz('h'), UsageError);
  EXPECT_EQ(render_tune({440, 880}, 0.1, 0.5).size(), 1600U);
}

}  // namespace
}  // namespace verse
