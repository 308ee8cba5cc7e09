/// @file
/// Chapter 9: pictures and captions in one space, by a contrastive loss; what LLaVA's eye was trained with.

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "02_embeddings/embeddings.h"
#include "09_multimodal/given/parts.h"
#include "09_multimodal/given/pictures.h"
#include "09_multimodal/given/reader.h"
#include "09_multimodal/images.h"
#include "common/base/text.h"
#include "common/results.h"

namespace verse {
namespace {

constexpr std::int64_t kWidth = 64;

GPTOptions tower_options(const Script& script) {
  GPTOptions options;
  options.vocabulary_size = script.tokenizer().size();
  options.context = kLongestCaption;
  options.layers = 2;
  options.heads = 4;
  options.width = kWidth;
  options.fused = true;
  return options;
}

//! [towers]
/// Two towers that end in one space. The eye: patches through blocks without a mask, and their mean. The reader of
/// captions: chapter 4's GPT, and its features at the line end, which has seen all of the caption.
struct TowersImpl : torch::nn::Module {
  explicit TowersImpl(const Script& script) {
    const auto options = tower_options(script);
    PatchEncoderOptions patches;
    patches.patches = kPicturePatches;
    patches.features = 3 * kPatchSide * kPatchSide;
    patches.width = kWidth;
    encoder = register_module("encoder", std::make_shared<PatchEncoder>(patches));
    blocks = register_module("blocks", torch::nn::ModuleList());
    for (std::int64_t layer = 0; layer < options.layers; ++layer) blocks->push_back(Block(options));
    reader = register_module("reader", GPT(options));
    log_scale = register_parameter("log_scale", torch::tensor(static_cast<float>(std::log(10.0))));
  }

  /// @param pictures [batch, 3, side, side] @return [batch, width]
  torch::Tensor see(const torch::Tensor& pictures) {
    auto x = encoder->forward(cut_patches(pictures, kPatchSide).unsqueeze(1).to(log_scale.device()));
    AttentionExtras everything;
    everything.mask = torch::ones({x.size(1), x.size(1)}, torch::dtype(torch::kBool).device(x.device()));
    for (std::size_t i = 0; i < blocks->size(); ++i) x = blocks->at<BlockImpl>(i).forward(x, everything);
    return x.mean(1);
  }

  /// @param tokens [batch, time]: captions, line ends, padding @return [batch, width]
  torch::Tensor read(const torch::Tensor& tokens, std::int64_t line_end) {
    const auto text = tokens.to(log_scale.device());
    const auto positions = torch::arange(text.size(1), text.options());
    const auto x = reader->add_positions(embed_tokens(reader->token_embedding, text), positions);
    const auto features = reader->run_blocks(x, {});                   // [batch, time, width]
    const auto ends = (text == line_end).to(torch::kInt64).argmax(1);  // [batch]
    return features.index({torch::arange(text.size(0), text.options()), ends});
  }

  std::shared_ptr<PatchEncoder> encoder;
  torch::nn::ModuleList blocks{nullptr};
  GPT reader{nullptr};
  torch::Tensor log_scale;  ///< [], natural: the scale itself stays above 0
};
TORCH_MODULE(Towers);
//! [towers]

/// A batch of pictures no two of which have one caption: with a double, a right answer would be called wrong.
struct PairLesson {
  torch::Tensor pictures;
  std::vector<std::string> captions;
};

PairLesson draw_pairs(std::vector<Scene> scenes, std::int64_t count, Random& random) {
  PairLesson lesson;
  std::vector<torch::Tensor> pictures;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto place = static_cast<std::size_t>(random.below(static_cast<std::int64_t>(scenes.size())));
    pictures.push_back(draw_picture(scenes[place], random));
    lesson.captions.push_back(caption_of(scenes[place]));
    scenes[place] = scenes.back();
    scenes.pop_back();
  }
  lesson.pictures = torch::stack(pictures);
  return lesson;
}

/// How many pictures are nearest to their own caption, of all that are offered.
std::int64_t count_nearest(Towers& towers, const Script& script, const torch::Tensor& pictures,
                           const std::vector<std::string>& captions, const std::vector<std::string>& offered) {
  const torch::NoGradGuard no_gradients;
  const auto seen = towers->see(pictures), said = towers->read(script.write(offered, 0), script.line_end());
  const auto nearest = seen.matmul((said / said.norm(2, -1, true)).t()).argmax(-1).cpu();  // [pictures]
  std::int64_t right = 0;
  for (std::size_t i = 0; i < captions.size(); ++i) {
    const auto place = static_cast<std::size_t>(nearest[static_cast<std::int64_t>(i)].item<std::int64_t>());
    if (offered[place] == captions[i]) ++right;
  }
  return right;
}

}  // namespace

void show_contrast(const PartSetting& setting) {
  const Script script;
  Random random(setting.shared.seed + 50);
  const auto split = split_by_chance(all_scenes(), 0.2, random);
  print_heading("Pictures and captions in one space");
  Towers towers(script);
  towers->to(setting.shared.device.device);
  const LearningPlan plan{setting.quick ? 20 : 1000, 64, 2e-3};
  fmt::print("  two towers of 2 layers, {} wide; {} steps of {} pictures, no two with one caption\n", kWidth,
             with_commas(plan.steps), plan.batch_size);
  std::fflush(stdout);

  //! [learn-contrast]
  towers->train();
  learn(towers->parameters(), plan, plan.batch_size * (kPicturePatches + kLongestCaption), [&](std::int64_t) {
    const auto lesson = draw_pairs(split.seen, plan.batch_size, random);
    const auto seen = towers->see(lesson.pictures);
    const auto said = towers->read(script.write(lesson.captions, 0), script.line_end());
    return contrastive_loss(seen, said, towers->log_scale.exp());
  });
  towers->eval();
  //! [learn-contrast]

  std::vector<std::string> offered, unseen_captions;
  for (const auto& scene : all_scenes()) offered.push_back(caption_of(scene));
  for (const auto& scene : split.unseen) unseen_captions.push_back(caption_of(scene));
  const std::int64_t count = setting.quick ? 50 : 500;
  const auto draw = [&](const std::vector<Scene>& scenes) {
    PairLesson all;
    std::vector<torch::Tensor> pictures;
    for (std::int64_t i = 0; i < count; ++i) {
      const auto& scene = scenes[static_cast<std::size_t>(random.below(static_cast<std::int64_t>(scenes.size())))];
      pictures.push_back(draw_picture(scene, random));
      all.captions.push_back(caption_of(scene));
    }
    all.pictures = torch::stack(pictures);
    return all;
  };
  const auto seen = draw(split.seen), unseen = draw(split.unseen);
  print_heading(
      fmt::format("Zero-shot: which caption is nearest to a picture, {} pictures each, with 95 % intervals", count));
  const std::string offer = fmt::format(", of {} captions", offered.size());
  print_share("combinations it was trained on" + offer,
              count_nearest(towers, script, seen.pictures, seen.captions, offered), count, "contrast_seen");
  print_share("combinations it never saw" + offer,
              count_nearest(towers, script, unseen.pictures, unseen.captions, offered), count, "contrast_unseen");
  print_share("the same, every picture blank",
              count_nearest(towers, script, torch::zeros_like(unseen.pictures), unseen.captions, offered), count,
              "contrast_blank");
  results().scalar("contrast_scale", towers->log_scale.exp().item<double>());
  fmt::print("  chance: {:.2f} %; the learned scale is {:.1f}\n", 100.0 / static_cast<double>(offered.size()),
             towers->log_scale.exp().item<double>());
}

}  // namespace verse
