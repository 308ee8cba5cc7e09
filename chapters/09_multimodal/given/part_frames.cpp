/// @file
/// Chapter 9's fourth part: the reverse. Letters go in, frames of a log-mel spectrogram come out.

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "02_embeddings/embeddings.h"
#include "09_multimodal/frames.h"
#include "09_multimodal/given/drawing.h"
#include "09_multimodal/given/parts.h"
#include "09_multimodal/given/reader.h"
#include "09_multimodal/given/sounds.h"
#include "09_multimodal/given/tunes.h"
#include "09_multimodal/given/wav.h"
#include "09_multimodal/sound.h"
#include "common/base/text.h"
#include "common/projection.h"
#include "common/results.h"

namespace verse {
namespace {

constexpr std::int64_t kFrames = kTuneFrames;
constexpr std::int64_t kMels = kTuneMels;

//! [frame-writer]
/// Chapter 4's GPT with another head: where a text has a placeholder, a frame comes out.
struct FrameWriter {
  explicit FrameWriter(const GPTOptions& options) : gpt(options), head(options.width, kMels) {}

  /// @param texts [batch, time], tokens: notes, then a placeholder a frame @return [batch, frames, mels]
  torch::Tensor write(const torch::Tensor& texts) {
    const auto tokens = texts.to(gpt->token_embedding.device());
    const auto x = embed_tokens(gpt->token_embedding, tokens);
    const auto positions = torch::arange(tokens.size(1), tokens.options());
    const auto features = gpt->run_blocks(gpt->add_positions(x, positions), {});  // [batch, time, width]
    return head.forward(features.slice(1, -kFrames));
  }

  std::vector<torch::Tensor> parameters() {
    auto all = gpt->parameters();
    for (const auto& parameter : head.parameters()) all.push_back(parameter);
    return all;
  }

  GPT gpt;
  LinearProjection head;
};
//! [frame-writer]

/// Notes, padded at their end, then the frames' places.
torch::Tensor as_tokens(const Script& script, const std::vector<std::string>& texts) {
  std::vector<std::string> padded;
  for (auto text : texts) {
    text.resize(static_cast<std::size_t>(kNotesInATune), ' ');
    padded.push_back(text);
  }
  // write() puts placeholders first; here the text comes first, and what it ends with is not needed.
  const auto notes = script.write(padded, 0).slice(1, 0, kNotesInATune);
  const auto places = torch::full({notes.size(0), kFrames}, script.markers().placeholder, torch::kInt64);
  return torch::cat({notes, places}, 1);  // [tunes, notes + frames]
}

FrameWriter make_writer(const Script& script, const PartSetting& setting) {
  GPTOptions options;
  options.vocabulary_size = script.tokenizer().size();
  options.context = kNotesInATune + kFrames;
  options.layers = 2;
  options.heads = 4;
  options.width = 64;
  options.fused = true;
  FrameWriter writer(options);
  writer.gpt->to(setting.shared.device.device);
  writer.head.to(setting.shared.device.device);
  return writer;
}

void train_writer(FrameWriter& writer, const Script& script, FrameDistance distance, const LearningPlan& plan,
                  Random& random) {
  const auto device = writer.gpt->token_embedding.device();
  learn(writer.parameters(), plan, plan.batch_size * writer.gpt->options.context, [&](std::int64_t) {
    std::vector<std::string> texts;
    for (std::int64_t i = 0; i < plan.batch_size; ++i) texts.push_back(draw_tune(random));
    const auto tunes = play_all(texts, random);
    return frame_loss(writer.write(as_tokens(script, texts)), tunes.mel.to(device), tunes.lengths.to(device), distance);
  });
}

/// What both losses make of tunes without a free note, and of the free note alone.
void show_writers(const Script& script, FrameWriter& by_squares, FrameWriter& by_sizes, const PartSetting& setting) {
  const torch::NoGradGuard no_gradients;
  Random random(setting.shared.seed + 300);
  std::vector<std::string> texts;
  while (texts.size() < 200) {
    auto text = draw_tune(random);
    std::replace(text.begin(), text.end(), 'x', 'c');
    texts.push_back(text);
  }
  const auto tunes = play_all(texts, random);
  const auto tokens = as_tokens(script, texts);
  print_heading("200 new tunes without a free note: mean distance of a number from the truth (-1 to 1)");
  const auto silent = torch::full_like(tunes.mel, -1);
  const auto row = [&](const std::string& name, const torch::Tensor& mel, const std::string& record) {
    const double squared = frame_loss(mel, tunes.mel, tunes.lengths, FrameDistance::squared).item<double>();
    const double absolute = frame_loss(mel, tunes.mel, tunes.lengths, FrameDistance::absolute).item<double>();
    fmt::print("  {:<28} squared {:.4f}   absolute {:.4f}\n", name, squared, absolute);
    results().scalar(record + "_squared", squared);
    results().scalar(record + "_absolute", absolute);
  };
  row("trained by squares (L2)", by_squares.write(tokens).cpu(), "by_squares");
  row("then trained by sizes (L1)", by_sizes.write(tokens).cpu(), "by_sizes");
  row("silence", silent, "silence");

  // The free note: both ways it may sound, and what is predicted for it.
  const std::string text = "cxe";
  const auto high = tune_with(kHigh), low = tune_with(kLow);
  const auto ask = as_tokens(script, {text});
  const auto squared = by_squares.write(ask)[0].cpu().slice(0, 0, 3 * kFramesOfANote);
  const auto absolute = by_sizes.write(ask)[0].cpu().slice(0, 0, 3 * kFramesOfANote);

  // In the middle of the free note, at the two bands where the two sounds differ most.
  const std::int64_t frame = kFramesOfANote + kFramesOfANote / 2;
  const auto high_band = (high[frame] - low[frame]).argmax().item<std::int64_t>();
  const auto low_band = (low[frame] - high[frame]).argmax().item<std::int64_t>();
  print_heading(fmt::format("The free note of '{}': high {:.0f} % of the time, low else; the middle of it, two bands",
                            text, 100 * kHigherChance));
  fmt::print("  {:<44} {:>9} {:>9}\n", "", "high band", "low band");
  const auto bands = [&](const std::string& name, double at_high, double at_low) {
    fmt::print("  {:<44} {:>9.2f} {:>9.2f}\n", name, at_high, at_low);
  };
  const auto at = [&](const torch::Tensor& mel, std::int64_t band) { return mel[frame][band].item<double>(); };
  bands("truth, when it is high", at(high, high_band), at(high, low_band));
  bands("truth, when it is low", at(low, high_band), at(low, low_band));
  const auto chances = torch::tensor({kHigherChance, 1 - kHigherChance}, torch::kFloat64);
  const auto guess = [&](std::int64_t band) {
    return best_guess(torch::tensor({at(high, band), at(low, band)}, torch::kFloat64), chances);
  };
  bands("best under squares: the mean", guess(high_band).squared, guess(low_band).squared);
  bands("predicted by the model trained by squares", at(squared, high_band), at(squared, low_band));
  bands("best under sizes: the median", guess(high_band).absolute, guess(low_band).absolute);
  bands("predicted by the model trained by sizes", at(absolute, high_band), at(absolute, low_band));
  const auto free_note = [&](const torch::Tensor& mel) { return mel.slice(0, kFramesOfANote, 2 * kFramesOfANote); };
  const auto nearest = [&](const torch::Tensor& mel) {
    return std::min((free_note(mel) - free_note(high)).abs().mean().item<double>(),
                    (free_note(mel) - free_note(low)).abs().mean().item<double>());
  };
  fmt::print(
      "  distance of the whole note from the nearer of the two: by squares {:.3f}, by sizes {:.3f};\n"
      "  the two are {:.3f} apart\n",
      nearest(squared), nearest(absolute), (free_note(high) - free_note(low)).abs().mean().item<double>());
  results().scalar("free_note_by_squares", nearest(squared));
  results().scalar("free_note_by_sizes", nearest(absolute));

  if (!setting.plots) return;
  const std::vector<std::string> tune = {"gaceba"};
  const auto played = play_all(tune, random);
  draw_spectrograms(*setting.plots / "ch09-frames.svg",
                    {{"a new tune, gaceba", played.mel[0]},
                     {"written by the model (L2)", by_squares.write(as_tokens(script, tune))[0].cpu()}});
  draw_spectrograms(
      *setting.plots / "ch09-blur.svg",
      {{"cxe, the x high", high}, {"cxe, the x low", low}, {"predicted, L2", squared}, {"predicted, L1", absolute}});
}

}  // namespace

void show_frames(const PartSetting& setting) {
  const Script script;
  print_heading("Letters to frames");
  fmt::print("  up to {} notes, {} frames of {} mel bands each\n", kNotesInATune, kFramesOfANote, kMels);
  std::fflush(stdout);
  Random random(setting.shared.seed + 200);
  auto by_squares = make_writer(script, setting);
  const LearningPlan first{setting.quick ? 20 : 500, 32, 3e-3}, then{setting.quick ? 20 : 400, 32, 2e-3};
  train_writer(by_squares, script, FrameDistance::squared, first, random);

  // Nearly all of a spectrogram is silence, and under sizes silence everywhere is a good guess that is hard to leave.
  // So the second model begins as a copy of the first.
  auto by_sizes = make_writer(script, setting);
  const auto from = by_squares.parameters();
  auto to = by_sizes.parameters();
  {
    const torch::NoGradGuard no_gradients;
    for (std::size_t i = 0; i < from.size(); ++i) to[i].copy_(from[i]);
  }
  train_writer(by_sizes, script, FrameDistance::absolute, then, random);
  fmt::print("  {} steps of {} tunes by squares; a copy of that, {} more by sizes\n", first.steps, first.batch_size,
             then.steps);
  show_writers(script, by_squares, by_sizes, setting);
  if (setting.sounds) {
    Random player(setting.shared.seed);
    write_wav(*setting.sounds / "tune-gaceba.wav", {kSampleRate, play_tune("gaceba", player)});
  }
}

}  // namespace verse
