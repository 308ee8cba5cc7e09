/// @file
/// Chapter 9's first part: pictures to captions.

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "09_multimodal/given/drawing.h"
#include "09_multimodal/given/parts.h"
#include "09_multimodal/given/pictures.h"
#include "09_multimodal/given/png.h"
#include "09_multimodal/given/reader.h"
#include "09_multimodal/images.h"
#include "common/base/text.h"
#include "common/results.h"

namespace verse {
namespace {

/// Pictures with their captions.
struct Gallery {
  torch::Tensor pictures;  // [pictures, 3, side, side]
  std::vector<std::string> captions;
};

Gallery draw_gallery(const std::vector<Scene>& scenes, std::int64_t count, Random& random) {
  Gallery gallery;
  std::vector<torch::Tensor> pictures;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto& scene = scenes[static_cast<std::size_t>(random.below(static_cast<std::int64_t>(scenes.size())))];
    pictures.push_back(draw_picture(scene, random));
    gallery.captions.push_back(caption_of(scene));
  }
  gallery.pictures = torch::stack(pictures);
  return gallery;
}

/// As the encoder wants them: one frame, cut into patches. @return [pictures, 1, patches, features]
torch::Tensor as_patches(const torch::Tensor& pictures) {
  return cut_patches(pictures, kPatchSide).unsqueeze(1);
}

SenseReader make_picture_reader(const Script& script) {
  GPTOptions options;
  options.vocabulary_size = script.tokenizer().size();
  options.context = kPicturePatches + kLongestCaption;
  options.layers = 3;
  options.heads = 4;
  options.width = 64;
  options.fused = true;
  PatchEncoderOptions eyes;
  eyes.patches = kPicturePatches;
  eyes.features = 3 * kPatchSide * kPatchSide;
  eyes.width = options.width;
  return SenseReader(options, std::make_shared<PatchEncoder>(eyes), script.markers(), kPicturePatches);
}

/// How many captions are right to the last letter.
std::int64_t count_exact(SenseReader& reader, const Script& script, const torch::Tensor& pictures,
                         const std::vector<std::string>& captions) {
  const auto written = write_texts(reader, script, as_patches(pictures), kLongestCaption);
  std::int64_t exact = 0;
  for (std::size_t i = 0; i < captions.size(); ++i)
    if (written[i] == captions[i]) ++exact;
  return exact;
}

/// Is it looking? The same questions to the same model, with something wrong with the picture.
void show_accuracy(SenseReader& reader, const Script& script, const SeenAndUnseen<Scene>& split, std::int64_t count,
                   Random& random) {
  const auto seen = draw_gallery(split.seen, count, random), unseen = draw_gallery(split.unseen, count, random);
  print_heading(fmt::format("Captions right to the last letter, of {} each, with 95 % intervals", count));
  print_share("new pictures of combinations it was trained on",
              count_exact(reader, script, seen.pictures, seen.captions), count, "seen");
  print_share("combinations it never saw", count_exact(reader, script, unseen.pictures, unseen.captions), count,
              "unseen");
  print_share("the same, every picture blank",
              count_exact(reader, script, torch::zeros_like(unseen.pictures), unseen.captions), count, "blank");
  print_share("the same, each caption asked of the next picture",
              count_exact(reader, script, unseen.pictures.roll(1, 0), unseen.captions), count, "other_picture");
  const auto shuffled = torch::randperm(kPicturePatches);
  const auto mixed = join_patches(cut_patches(unseen.pictures, kPatchSide).index_select(1, shuffled), kPatchSide,
                                  kPictureSide, kPictureSide);
  print_share("the same, patches in another order", count_exact(reader, script, mixed, unseen.captions), count,
              "other_order");
  fmt::print("  chance, for whoever knows the {} combinations but sees nothing: {:.2f} %\n", all_scenes().size(),
             100.0 / static_cast<double>(all_scenes().size()));
}

//! [attention-to-patches]
/// How much each character of the caption, while it is being predicted, draws from each patch: the last layer's
/// weights, the mean over its heads. @return [characters, patches]
torch::Tensor attention_to_patches(SenseReader& reader, const torch::Tensor& tokens, const torch::Tensor& picture) {
  const torch::NoGradGuard no_gradients;
  std::vector<torch::Tensor> weights;  // each layer's [1, heads, time, keys]
  ForwardExtras extras;
  extras.weights = &weights;
  const auto device = reader->gpt->token_embedding.device();
  reader->forward(tokens.to(device), as_patches(picture).to(device), extras);
  // The position before a character is the one that predicts it.
  return weights.back()[0].mean(0).slice(0, kPicturePatches - 1, -1).slice(1, 0, kPicturePatches).cpu();
}
//! [attention-to-patches]

void show_attention(SenseReader& reader, const Script& script, const SeenAndUnseen<Scene>& split,
                    const PartSetting& setting) {
  Random random(setting.shared.seed + 9);
  std::vector<AttentionStrip> strips;
  for (std::size_t i = 0; i < 3; ++i) {
    // One of each relation, so that the maps can be compared.
    std::vector<Scene> scenes;
    for (const auto& scene : split.unseen)
      if (scene.relation == static_cast<int>(i)) scenes.push_back(scene);
    const auto gallery = draw_gallery(scenes, 1, random);
    const auto written = write_texts(reader, script, as_patches(gallery.pictures), kLongestCaption).front();
    const auto tokens = script.write({written}, kPicturePatches);
    const auto weights = attention_to_patches(reader, tokens, gallery.pictures);
    strips.push_back({gallery.pictures[0], written, weights, kPatchSide});
    fmt::print("  {:<42} written: {}\n", gallery.captions.front(), written);
  }
  if (!setting.plots) return;
  draw_attention_strips(*setting.plots / "ch09-attention.svg", strips);
  fmt::print(stderr, "wrote {}\n", (*setting.plots / "ch09-attention.svg").string());
}

void show_world(const SeenAndUnseen<Scene>& split, const PartSetting& setting) {
  Random random(setting.shared.seed + 4);
  std::vector<torch::Tensor> pictures;
  std::vector<std::string> captions;
  for (int relation = 0; relation < 3; ++relation) {
    std::vector<Scene> scenes;
    for (const auto& scene : split.seen)
      if (scene.relation == relation) scenes.push_back(scene);
    const auto gallery = draw_gallery(scenes, 1, random);
    pictures.push_back(gallery.pictures[0]);
    captions.push_back(gallery.captions[0]);
  }
  const auto picture = pictures.front().unsqueeze(0);
  const auto patches = cut_patches(picture, kPatchSide);
  const bool same = join_patches(patches, kPatchSide, kPictureSide, kPictureSide).equal(picture);
  fmt::print("  a picture of 3 x {} x {} becomes {} patches of {} numbers; joined again it is {}\n", kPictureSide,
             kPictureSide, patches.size(1), patches.size(2), same ? "the same, to the last bit" : "ANOTHER ONE");
  if (setting.plots) draw_pictures(*setting.plots / "ch09-pictures.svg", pictures, captions, kPatchSide);
}

}  // namespace

void show_images(const PartSetting& setting) {
  const Script script;
  Random random(setting.shared.seed);
  const auto split = split_by_chance(all_scenes(), 0.2, random);
  print_heading("Pictures to captions");
  fmt::print("  {} combinations of colours, shapes and relations; training never sees {} of them\n",
             all_scenes().size(), split.unseen.size());
  show_world(split, setting);

  auto reader = make_picture_reader(script);
  reader->to(setting.shared.device.device);
  std::int64_t all = 0;
  for (const auto& parameter : reader->parameters()) all += parameter.numel();
  fmt::print("  chapter 4's GPT, {} layers, {} wide: {} parameters; the encoder: {}\n", reader->gpt->options.layers,
             reader->gpt->options.width, with_commas(reader->gpt->parameter_count()),
             with_commas(all - reader->gpt->parameter_count()));
  results().scalar("combinations", static_cast<std::int64_t>(all_scenes().size()));
  results().scalar("kept_from_training", static_cast<std::int64_t>(split.unseen.size()));
  results().scalar("parameters", reader->gpt->parameter_count());
  results().scalar("encoder_parameters", all - reader->gpt->parameter_count());

  LearningPlan plan{setting.quick ? 40 : 3000, 32, 3e-3};
  fmt::print("  {} steps of {} pictures, each drawn anew\n", with_commas(plan.steps), plan.batch_size);
  std::fflush(stdout);
  learn(reader, plan, [&](std::int64_t) {
    const auto gallery = draw_gallery(split.seen, plan.batch_size, random);
    return SenseBatch{script.write(gallery.captions, kPicturePatches), as_patches(gallery.pictures)};
  });

  show_accuracy(reader, script, split, setting.quick ? 50 : 500, random);
  print_heading("Pictures of unseen combinations");
  show_attention(reader, script, split, setting);
  if (setting.picture) {
    // Whatever its size, it is made as small as the pictures of training.
    const auto small =
        torch::adaptive_avg_pool2d(read_png(*setting.picture).unsqueeze(0), {kPictureSide, kPictureSide});
    print_heading(fmt::format("{}, as {} x {} pixels", setting.picture->string(), kPictureSide, kPictureSide));
    fmt::print("  written: {}\n", write_texts(reader, script, as_patches(small), kLongestCaption).front());
  }
  print_heading("The same GPT with no picture, from the start of a line");
  speak(reader->gpt, script.tokenizer(), reader->gpt->options.context - 1, setting.shared.seed,
        /*on_one_line=*/true);
}

}  // namespace verse
