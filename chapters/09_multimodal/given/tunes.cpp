#include "09_multimodal/given/tunes.h"

#include <algorithm>

#include "09_multimodal/given/sounds.h"
#include "09_multimodal/sound.h"

namespace verse {

namespace {

double note_seconds() {
  return static_cast<double>(kFramesOfANote * MelOptions().hop) / static_cast<double>(kSampleRate);
}

/// Frames of sounds that are all as long as a whole tune, brought to about -1 to 1.
torch::Tensor frames_of(const std::vector<std::vector<float>>& sounds, std::int64_t frames) {
  const MelOptions options;
  auto samples = torch::zeros({static_cast<std::int64_t>(sounds.size()), kTuneFrames * options.hop});
  for (std::size_t i = 0; i < sounds.size(); ++i) {
    std::copy(sounds[i].begin(), sounds[i].end(), samples[static_cast<std::int64_t>(i)].data_ptr<float>());
  }
  return log_mel(samples, options).slice(1, 0, frames).clamp(-3, 3) / 3;
}

}  // namespace

std::vector<float> play_tune(const std::string& text, Random& random) {
  std::vector<double> hertz;
  for (const char note : text)
    hertz.push_back(note == 'x' ? (random.uniform() < kHigherChance ? kHigh : kLow) : note_hertz(note));
  return render_tune(hertz, note_seconds(), 0.6);
}

Tunes play_all(const std::vector<std::string>& texts, Random& random) {
  Tunes tunes;
  tunes.texts = texts;
  std::vector<std::vector<float>> sounds;
  std::vector<std::int64_t> lengths;
  for (const auto& text : texts) {
    sounds.push_back(play_tune(text, random));
    lengths.push_back(static_cast<std::int64_t>(text.size()) * kFramesOfANote);
  }
  tunes.mel = frames_of(sounds, kTuneFrames);
  tunes.lengths = torch::tensor(lengths);
  return tunes;
}

std::string draw_tune(Random& random) {
  std::string text;
  const std::int64_t notes = kNotesInATune / 2 + random.below(kNotesInATune / 2 + 1);
  for (std::int64_t i = 0; i < notes; ++i) text += std::string(kNotes)[static_cast<std::size_t>(random.below(7))];
  // One note in six is the player's choice.
  for (auto& note : text)
    if (random.below(6) == 0) note = 'x';
  return text;
}

torch::Tensor tune_with(double hertz) {
  // Each note by itself, as the middle one is to sound alike whatever its neighbours do.
  std::vector<float> all;
  for (const double one : {note_hertz('c'), hertz, note_hertz('e')}) {
    const auto sound = render_tune({one}, note_seconds(), 0.6);
    all.insert(all.end(), sound.begin(), sound.end());
  }
  return frames_of({all}, 3 * kFramesOfANote)[0];
}

}  // namespace verse
