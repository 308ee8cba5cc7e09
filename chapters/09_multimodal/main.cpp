/// @file
/// Chapter 9's program: pictures, clips, sound, frames and a student, each by itself.

#include <fmt/format.h>
#include <torch/torch.h>

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "05_training/given/checkpoint.h"
#include "09_multimodal/given/parts.h"
#include "09_multimodal/given/png.h"
#include "09_multimodal/given/wav.h"
#include "09_multimodal/sound.h"
#include "common/base/error.h"
#include "common/base/interrupt.h"
#include "common/base/text.h"
#include "common/program.h"

namespace verse {

namespace {

using Part = std::pair<const char*, void (*)(const PartSetting&)>;
constexpr std::array<Part, 7> kParts = {{{"images", show_images},
                                         {"contrast", show_contrast},
                                         {"clips", show_clips},
                                         {"sound", show_sound},
                                         {"frames", show_frames},
                                         {"bins", show_bins},
                                         {"distillation", show_distillation}}};

/// What runs where no part is named: all but the one that takes as long as three others. In a quick run, that one too.
bool runs_by_default(const std::string& part, bool quick) {
  return quick || part != "sound";
}

/// A file's log-mel spectrogram as numbers, a frame a line, so that another program can compare.
void print_log_mel(const std::string& path) {
  const auto sound = read_wav(path);
  MelOptions options;
  options.sample_rate = sound.sample_rate;
  options.highest = static_cast<double>(sound.sample_rate) / 2;
  const auto mel = log_mel(torch::tensor(sound.samples).to(torch::kFloat64), options).contiguous();
  const auto value = mel.accessor<double, 2>();
  for (std::int64_t frame = 0; frame < mel.size(0); ++frame)
    for (std::int64_t band = 0; band < mel.size(1); ++band)
      fmt::print("{:.9f}{}", value[frame][band], band + 1 < mel.size(1) ? ' ' : '\n');
}

int run(int argc, char** argv) {
  prepare_cuda();
  std::vector<std::string> names;
  for (const auto& [name, show] : kParts) names.push_back(name);
  PartSetting setting;
  std::optional<std::string> wanted;
  std::optional<std::filesystem::path> to_print;
  CommandLine line("Reads pictures, clips and sound, writes frames, and lets a student learn.");
  line.choice("part", wanted, names, one_of(names) + "; without it, all of them but sound, the longest");
  line.flag("quick", setting.quick, "a few steps of everything, to see that it runs; the figures mean nothing");
  line.option("run", setting.run, "a folder with a trained model, to be the teacher; without it one is trained", "RUN");
  line.option("characters", setting.characters, {0, 1'000'000'000},
              "how much of the text students read; 0 for all that their teacher read");
  line.folder("plots", setting.plots, "a folder for pictures");
  line.folder("sounds", setting.sounds, "a folder for WAV files to listen to");
  line.option("wav", setting.message,
              "a WAV file of Morse code of your own; the part on sound reads it, after its training", "FILE");
  line.option("picture", setting.picture,
              "a PNG file of your own; the part on images says what it shows, after its training", "FILE");
  line.option("log-mel", to_print, "print a WAV file's log-mel spectrogram and nothing else", "FILE");
  setting.shared = line.parse(argc, argv);
  if (to_print) {
    print_log_mel(to_print->string());
    return 0;
  }
  if (setting.characters > 0 && setting.characters <= kLessonContext)
    throw UsageError(
        fmt::format("--characters {} has no room for a window of {} and its target: {} or more, or 0 for all",
                    setting.characters, kLessonContext, kLessonContext + 1));
  if (!wanted && setting.message) wanted = "sound";
  if (!wanted && setting.picture) wanted = "images";
  if (setting.picture) read_png(*setting.picture);  // what is no picture is refused before any time is spent
  check_teacher(setting);                           // what is no teacher is refused before any time is spent
  catch_interrupts();
  for (const auto& [name, show] : kParts)
    if (wanted ? *wanted == name : runs_by_default(name, setting.quick)) {
      torch::manual_seed(setting.shared.seed);  // a part gives the same figures alone as among the others
      show(setting);
    }
  return 0;
}

}  // namespace
}  // namespace verse

int main(int argc, char** argv) {
  return verse::run_program([&] { return verse::run(argc, argv); });
}
