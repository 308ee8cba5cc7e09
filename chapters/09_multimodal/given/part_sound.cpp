/// @file
/// Chapter 9's third part: Morse code to letters.

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/torch.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "09_multimodal/given/drawing.h"
#include "09_multimodal/given/parts.h"
#include "09_multimodal/given/reader.h"
#include "09_multimodal/given/sound_encoder.h"
#include "09_multimodal/given/sounds.h"
#include "09_multimodal/given/wav.h"
#include "09_multimodal/sound.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/text.h"
#include "common/plot.h"
#include "common/results.h"

namespace verse {
namespace {

constexpr std::int64_t kFrames = 256;  // 4.1 seconds
constexpr std::int64_t kLetters = 4;   // of the longest message
constexpr std::int64_t kFramesOfAVector = 8;
constexpr std::int64_t kVectors = kFrames / kFramesOfAVector;
constexpr std::int64_t kSteps = 4000;
constexpr double kLoudestNoise = 0;  // decibels below the tone
constexpr double kLearned = 0.5;     // nats a letter, at which messages may get longer

/// Sounds with what they say.
struct Recordings {
  torch::Tensor mel;  // [sounds, frames, mels]
  std::vector<std::string> texts;
};

/// Whether training never sees a message: of those of three letters and more, one in five by its digest.
bool kept_for_testing(const std::string& text) {
  Digest digest;
  digest.add(text);
  return text.size() >= 3 && (digest.number() >> 32) % 5 == 0;
}

/// Random letters, because words could be guessed. @param testing of the messages that are kept for it, or of the rest
std::string draw_text(std::int64_t letters, bool testing, Random& random) {
  std::string text;
  do {
    text.clear();
    for (std::int64_t i = 0; i < letters; ++i) text += static_cast<char>('a' + random.below(26));
  } while (kept_for_testing(text) != testing);
  return text;
}

/// Whose hand it is: how the next message is keyed.
using Hand = std::function<MorseStyle(Random&)>;

/// @param least, most how many decibels the noise lies below the tone
Recordings record(const std::vector<std::string>& texts, double least, double most, Random& random,
                  const Hand& hand = draw_style) {
  const MelOptions options;
  const auto whole = static_cast<std::size_t>(kFramesOfAVector * options.hop);  // samples of a vector
  std::vector<std::vector<float>> sounds;
  std::vector<double> loudness;
  std::size_t longest = 0;
  for (const auto& text : texts) {
    const auto style = hand(random);
    sounds.push_back(render_morse(text, style, random));
    loudness.push_back(style.loudness);
    longest = std::max(longest, sounds.back().size());
  }
  // As long as the longest of them, up to a whole vector; noise goes on behind the message.
  const std::size_t length = std::min((longest / whole + 1) * whole, static_cast<std::size_t>(kFrames * options.hop));
  auto samples = torch::zeros({static_cast<std::int64_t>(texts.size()), static_cast<std::int64_t>(length)});
  for (std::size_t i = 0; i < texts.size(); ++i) {
    sounds[i].resize(length, 0.0F);
    add_noise(sounds[i], loudness[i], least + (most - least) * random.uniform(), random);
    std::copy(sounds[i].begin(), sounds[i].end(), samples[static_cast<std::int64_t>(i)].data_ptr<float>());
  }
  return {log_mel(samples, options).slice(1, 0, static_cast<std::int64_t>(length) / options.hop), texts};
}

/// How many letters have to be put in, left out or changed to make one text of the other (Levenshtein's distance).
std::int64_t edits_between(const std::string& one, const std::string& other) {
  std::vector<std::int64_t> row(other.size() + 1);
  for (std::size_t j = 0; j <= other.size(); ++j) row[j] = static_cast<std::int64_t>(j);
  for (std::size_t i = 1; i <= one.size(); ++i) {
    std::int64_t diagonal = row[0];
    row[0] = static_cast<std::int64_t>(i);
    for (std::size_t j = 1; j <= other.size(); ++j) {
      const std::int64_t changed = diagonal + (one[i - 1] == other[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({changed, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

/// One run of the written text against the true one, over many messages.
struct Reading {
  std::int64_t edits = 0, letters = 0, exact = 0, messages = 0;
  double error_rate() const { return static_cast<double>(edits) / static_cast<double>(letters); }
};

Reading read_messages(SenseReader& reader, const Script& script, std::int64_t count, double decibels, Random& random,
                      std::int64_t longest = kLetters, const Hand& hand = draw_style) {
  Reading reading;
  while (reading.messages < count) {
    std::vector<std::string> texts;
    for (int i = 0; i < 100; ++i) texts.push_back(draw_text(3 + random.below(longest - 2), /*testing=*/true, random));
    const auto recordings = record(texts, decibels, decibels, random, hand);
    const auto written = write_texts(reader, script, recordings.mel, kLetters + 2);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const auto edits = edits_between(written[i], texts[i]);
      reading.edits += edits;
      reading.letters += static_cast<std::int64_t>(texts[i].size());
      reading.exact += edits == 0 ? 1 : 0;
      ++reading.messages;
    }
  }
  return reading;
}

SenseReader make_sound_reader(const Script& script) {
  SoundEncoderOptions ears;
  ears.frames = kFrames;
  GPTOptions options;
  options.vocabulary_size = script.tokenizer().size();
  ears.together = kFramesOfAVector;
  options.context = kVectors + kLetters + 2;
  options.layers = 2;
  options.heads = 4;
  options.width = 64;
  options.fused = true;
  ears.width = options.width;
  return SenseReader(options, std::make_shared<SoundEncoder>(ears), script.markers(), kVectors);
}

//! [curriculum]
/// Trains by messages of one letter until it reads them, then of up to two, and so on. @return the steps that each took
std::vector<std::int64_t> train_by_length(SenseReader& reader, const Script& script, const LearningPlan& plan,
                                          Random& random) {
  std::int64_t longest = 1;
  double recent = 3;  // the loss of late, in nats a letter
  std::vector<std::int64_t> taken(static_cast<std::size_t>(kLetters), 0);
  const auto device = reader->gpt->token_embedding.device();
  reader->train();
  learn(reader->parameters(), plan, plan.batch_size * kVectors, [&](std::int64_t) {
    // Short messages are cheap, so there are more of them.
    std::vector<std::string> texts;
    for (std::int64_t i = 0; i < plan.batch_size * kLetters / longest; ++i)
      texts.push_back(draw_text(1 + random.below(longest), /*testing=*/false, random));
    const auto recordings = record(texts, kLoudestNoise, 60, random);
    const auto tokens = script.write(texts, recordings.mel.size(1) / kFramesOfAVector).to(device);
    const auto loss = text_loss(reader->forward(tokens, recordings.mel.to(device)), tokens, reader->markers);
    ++taken[static_cast<std::size_t>(longest - 1)];
    recent += 0.03 * (loss.item<double>() - recent);
    if (recent < kLearned && longest < kLetters) {
      ++longest;
      recent = 3;
      fmt::print(stderr, "messages of up to {} letters now\n", longest);
    }
    return loss;
  });
  reader->eval();
  return taken;
}
//! [curriculum]

/// The curve of errors over noise, from clean down to noise as strong as the tone and stronger.
void show_noise(SenseReader& reader, const Script& script, const PartSetting& setting, Random& random) {
  const std::int64_t count = setting.quick ? 100 : 500;
  print_heading(
      fmt::format("Messages of 3 to {} letters that training never saw, {} at each level of noise", kLetters, count));
  fmt::print("  {:<26} {:>14} {:>22}\n", "noise below the tone", "letters wrong", "messages without error");
  Series errors{"character error rate", {}, false};
  for (const double decibels : {50.0, 20.0, 10.0, 5.0, 0.0, -5.0, -10.0}) {
    const auto reading = read_messages(reader, script, count, decibels, random);
    const auto exact = share_of(reading.exact, reading.messages);
    fmt::print("  {:<26} {:>12.1f} % {:>10.1f} % ({:.1f} to {:.1f})\n",
               decibels >= 50 ? std::string("clean (50 dB)") : fmt::format("{:.0f} dB", decibels),
               100 * reading.error_rate(), 100 * exact.value, 100 * exact.low, 100 * exact.high);
    const std::string name = decibels < 0 ? fmt::format("minus_{:.0f}", -decibels) : fmt::format("{:.0f}", decibels);
    results().scalar("letters_wrong_" + name, reading.error_rate(), "share");
    results().scalar("without_error_" + name, exact.value, "share", (exact.high - exact.low) / 2);
    if (decibels < 50) errors.points.emplace_back(decibels, 100 * reading.error_rate());
    std::fflush(stdout);
  }
  if (!setting.plots) return;
  PlotText words;
  words.title = "Morse code read from sound, by noise";
  words.x_label = "noise below the tone, decibels";
  words.y_label = "letters wrong, per cent";
  plot_lines(*setting.plots / "ch09-noise.svg", words, {errors}, {{"one letter in twenty", 5}});
}

/// Hands that training never had: whistled messages of three letters, noise 20 dB below the tone.
void show_whistles(SenseReader& reader, const Script& script, const PartSetting& setting, Random& random) {
  const std::int64_t count = setting.quick ? 100 : 500;
  print_heading(fmt::format("Whistled messages of 3 letters, noise 20 dB below the tone, {} of each kind", count));
  fmt::print("  {:<26} {:>14} {:>22}\n", "", "letters wrong", "messages without error");
  const auto row = [&](const std::string& what, const std::string& name, double unit, double lowest) {
    const auto reading = read_messages(reader, script, count, 20, random, 3,
                                       [&](Random& chance) { return draw_whistle(unit, lowest, chance); });
    const auto exact = share_of(reading.exact, reading.messages);
    fmt::print("  {:<26} {:>12.1f} % {:>10.1f} % ({:.1f} to {:.1f})\n", what, 100 * reading.error_rate(),
               100 * exact.value, 100 * exact.low, 100 * exact.high);
    results().scalar("whistled_wrong_" + name, reading.error_rate(), "share");
    results().scalar("whistled_" + name, exact.value, "share", (exact.high - exact.low) / 2);
    std::fflush(stdout);
  };
  row("as fast, as high", "alike", 0.055, 500);
  row("slower: a dot of 75 ms", "slower", 0.075, 500);
  row("higher: 1,000 to 1,300 Hz", "higher", 0.055, 1000);
}

/// Where each letter listened: one message that training never saw, its spectrogram over its letters' attention.
void show_listening(SenseReader& reader, const Script& script, const PartSetting& setting) {
  const torch::NoGradGuard no_gradients;
  Random random(setting.shared.seed + 7);
  const std::string text = draw_text(kLetters, /*testing=*/true, random);
  const auto recording = record({text}, 30, 30, random);
  const auto written = write_texts(reader, script, recording.mel, kLetters + 2).front();
  fmt::print("\n  one more of them, with noise 30 dB below the tone: {} is read as {}\n", text, written);
  const std::int64_t vectors = recording.mel.size(1) / kFramesOfAVector;
  std::vector<torch::Tensor> weights;
  ForwardExtras extras;
  extras.weights = &weights;
  const auto device = setting.shared.device.device;
  reader->forward(script.write({written}, vectors).to(device), recording.mel.to(device), extras);
  const auto looks =
      weights.back()[0].mean(0).slice(0, vectors - 1, -2).slice(1, 0, vectors).cpu();  // [letters, vectors]
  if (setting.plots) draw_listening(*setting.plots / "ch09-listening.svg", recording.mel[0], written, looks);
  if (setting.sounds) {
    for (const double decibels : {50.0, 10.0, 0.0}) {
      const auto style = draw_style(random);
      auto samples = render_morse(text, style, random);
      add_noise(samples, style.loudness, decibels, random);
      write_wav(*setting.sounds / fmt::format("{}-{:.0f}-dB.wav", text, decibels), {kSampleRate, samples});
    }
    const auto whistle = draw_whistle(0.055, 500, random);
    auto samples = render_morse(text.substr(0, 3), whistle, random);
    add_noise(samples, whistle.loudness, 20, random);
    write_wav(*setting.sounds / fmt::format("{}-whistled.wav", text.substr(0, 3)), {kSampleRate, samples});
    fmt::print(stderr, "wrote four sounds into {}\n", setting.sounds->string());
  }
}

/// A WAV file of the learner's own, as the encoder wants it. @return [1, frames, mels]
torch::Tensor load_message(const std::filesystem::path& path) {
  auto sound = read_wav(path);
  const std::size_t whole = static_cast<std::size_t>(kFramesOfAVector * MelOptions().hop);
  const std::size_t length = kVectors * whole;
  if (sound.sample_rate != kSampleRate)
    throw UsageError(
        fmt::format("{}: has {} samples a second, this ear hears {}", path.string(), sound.sample_rate, kSampleRate));
  if (sound.samples.size() > length)
    throw UsageError(fmt::format("{}: lasts {:.1f} seconds, this ear hears {:.1f}", path.string(),
                                 static_cast<double>(sound.samples.size()) / static_cast<double>(kSampleRate),
                                 static_cast<double>(length) / static_cast<double>(kSampleRate)));
  sound.samples.resize((sound.samples.size() + whole - 1) / whole * whole, 0.0F);
  const auto frames = static_cast<std::int64_t>(sound.samples.size()) / MelOptions().hop;
  return log_mel(torch::tensor(sound.samples).unsqueeze(0), {}).slice(1, 0, frames);
}

}  // namespace

void show_sound(const PartSetting& setting) {
  const Script script;
  Random random(setting.shared.seed + 500);
  const auto own = setting.message ? load_message(*setting.message) : torch::Tensor();  // refused early, if at all
  print_heading("Morse code to letters");
  auto reader = make_sound_reader(script);
  reader->to(setting.shared.device.device);
  const MelOptions options;
  std::int64_t all = 0;
  for (const auto& parameter : reader->parameters()) all += parameter.numel();
  fmt::print("  {:.1f} seconds of sound, {} frames of {} mel bands, {} vectors\n",
             static_cast<double>(kFrames * options.hop) / static_cast<double>(options.sample_rate), kFrames,
             options.mels, kVectors);
  fmt::print("  chapter 4's GPT, {} layers, {} wide: {} parameters; the encoder: {}\n", reader->gpt->options.layers,
             reader->gpt->options.width, with_commas(reader->gpt->parameter_count()),
             with_commas(all - reader->gpt->parameter_count()));
  const LearningPlan plan{setting.quick ? 20 : kSteps, 32, 3e-3};
  fmt::print(
      "  {} steps of {} messages or more, each keyed anew, noise from 60 dB below the tone up to its own strength\n",
      with_commas(plan.steps), plan.batch_size);
  std::fflush(stdout);
  const auto taken = train_by_length(reader, script, plan, random);
  fmt::print("  steps with messages of at most 1 to {} letters: {}\n", kLetters, fmt::join(taken, ", "));
  for (std::size_t letters = 0; letters < taken.size(); ++letters)
    results().scalar(fmt::format("steps_with_{}", letters + 1), taken[letters]);
  show_noise(reader, script, setting, random);
  show_whistles(reader, script, setting, random);
  show_listening(reader, script, setting);
  if (own.defined())
    fmt::print("\n  {} is read as: {}\n", setting.message->string(),
               write_texts(reader, script, own, kLetters + 2).front());
  print_heading("The same GPT with no sound, from the start of a line");
  speak(reader->gpt, script.tokenizer(), reader->gpt->options.context - 1, setting.shared.seed,
        /*on_one_line=*/true);
}

}  // namespace verse
