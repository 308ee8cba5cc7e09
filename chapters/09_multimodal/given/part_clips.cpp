/// @file
/// Chapter 9's second part: clips of eight frames to the direction of motion.

#include <fmt/format.h>
#include <torch/torch.h>

#include <memory>
#include <string>
#include <vector>

#include "09_multimodal/given/drawing.h"
#include "09_multimodal/given/parts.h"
#include "09_multimodal/given/pictures.h"
#include "09_multimodal/given/reader.h"
#include "09_multimodal/images.h"
#include "common/base/text.h"

namespace verse {
namespace {

constexpr std::int64_t kClipPatches = (kClipSide / kPatchSide) * (kClipSide / kPatchSide);
constexpr std::int64_t kVectors = kClipFrames * kClipPatches;
constexpr std::int64_t kLongestClipText = 28;  // "yellow triangle moves right\n"

/// Clips with what is said of them.
struct Reel {
  torch::Tensor clips;  // [clips, frames, 3, side, side]
  std::vector<std::string> captions;
};

Reel draw_reel(const std::vector<Motion>& motions, std::int64_t count, Random& random) {
  Reel reel;
  std::vector<torch::Tensor> clips;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto& motion = motions[static_cast<std::size_t>(random.below(static_cast<std::int64_t>(motions.size())))];
    clips.push_back(draw_clip(motion, random));
    reel.captions.push_back(caption_of(motion));
  }
  reel.clips = torch::stack(clips);
  return reel;
}

/// As the encoder wants them. @return [clips, frames, patches, features]
torch::Tensor as_patches(const torch::Tensor& clips) {
  return cut_patches(clips.flatten(0, 1), kPatchSide).view({clips.size(0), kClipFrames, kClipPatches, -1});
}

/// Each clip's frames in an order of its own.
torch::Tensor shuffled(const torch::Tensor& clips, Random& random) {
  auto mixed = clips.clone();
  for (std::int64_t i = 0; i < clips.size(0); ++i) {
    std::vector<std::int64_t> order(static_cast<std::size_t>(kClipFrames));
    for (std::size_t frame = 0; frame < order.size(); ++frame) {
      // Fisher and Yates: each new one goes to a place by chance, and what was there goes to the end.
      const auto place = static_cast<std::size_t>(random.below(static_cast<std::int64_t>(frame) + 1));
      order[frame] = order[place];
      order[place] = static_cast<std::int64_t>(frame);
    }
    mixed[i] = clips[i].index_select(0, torch::tensor(order));
  }
  return mixed;
}

std::string last_word(const std::string& text) {
  return text.substr(text.rfind(' ') + 1);
}

/// How many directions are right; and how many whole captions, where they are asked for.
void show_accuracy(SenseReader& reader, const Script& script, const std::string& what, const torch::Tensor& clips,
                   const std::vector<std::string>& captions, const std::string& record, bool whole = false) {
  const auto written = write_texts(reader, script, as_patches(clips), kLongestClipText);
  std::int64_t directions = 0, exact = 0;
  for (std::size_t i = 0; i < captions.size(); ++i) {
    if (last_word(written[i]) == last_word(captions[i])) ++directions;
    if (written[i] == captions[i]) ++exact;
  }
  const auto count = static_cast<std::int64_t>(captions.size());
  print_share(what + ": direction", directions, count, record);
  if (whole) print_share(what + ": the whole caption, colour and shape too", exact, count, record + "_whole");
}

}  // namespace

void show_clips(const PartSetting& setting) {
  const Script script;
  Random random(setting.shared.seed + 100);
  const auto split = split_by_chance(all_motions(), 0.2, random);
  print_heading("Clips to captions");
  fmt::print("  {} things and directions, {} of which training never sees; {} frames of {} x {}, {} patches each\n",
             all_motions().size(), split.unseen.size(), kClipFrames, kClipSide, kClipSide, kClipPatches);

  GPTOptions options;
  options.vocabulary_size = script.tokenizer().size();
  options.context = kVectors + kLongestClipText;
  options.layers = 2;
  options.heads = 4;
  options.width = 64;
  options.fused = true;
  PatchEncoderOptions eyes;
  eyes.frames = kClipFrames;
  eyes.patches = kClipPatches;
  eyes.features = 3 * kPatchSide * kPatchSide;
  eyes.width = options.width;
  SenseReader reader(options, std::make_shared<PatchEncoder>(eyes), script.markers(), kVectors);
  reader->to(setting.shared.device.device);

  const LearningPlan plan{setting.quick ? 20 : 600, 32, 3e-3};
  fmt::print("  {} steps of {} clips, each drawn anew\n", with_commas(plan.steps), plan.batch_size);
  std::fflush(stdout);
  learn(reader, plan, [&](std::int64_t) {
    const auto reel = draw_reel(split.seen, plan.batch_size, random);
    return SenseBatch{script.write(reel.captions, kVectors), as_patches(reel.clips)};
  });

  const std::int64_t count = setting.quick ? 40 : 500;
  const auto reel = draw_reel(split.unseen, count, random);
  print_heading(fmt::format("What is right, of {} clips of unseen things and directions, with 95 % intervals", count));
  show_accuracy(reader, script, "in order", reel.clips, reel.captions, "in_order", /*whole=*/true);
  show_accuracy(reader, script, "frames shuffled", shuffled(reel.clips, random), reel.captions, "shuffled");
  show_accuracy(reader, script, "backwards", reel.clips.flip(1), reel.captions, "backwards");
  fmt::print(
      "  chance: 25 % for who sees nothing, 50 % for who sees the axis, which the places of a thing still show\n");
  if (setting.plots) {
    std::vector<torch::Tensor> frames;
    std::vector<std::string> names;
    const auto clip = draw_clip({{0, 2}, 3}, random);
    for (std::int64_t frame = 0; frame < kClipFrames; ++frame) {
      frames.push_back(clip[frame]);
      names.push_back(std::to_string(frame + 1));
    }
    draw_pictures(*setting.plots / "ch09-clip.svg", frames, names, kPatchSide);
  }
  print_heading("The same GPT with no clip, from the start of a line");
  speak(reader->gpt, script.tokenizer(), options.context - 1, setting.shared.seed,
        /*on_one_line=*/true);
}

}  // namespace verse
