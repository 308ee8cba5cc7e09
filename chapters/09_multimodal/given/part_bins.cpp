/// @file
/// Chapter 9: the cure for the blur. A band is one of sixteen steps, and steps are drawn, one after the other.

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <string>
#include <vector>

#include "02_embeddings/embeddings.h"
#include "07_sampling/sampling.h"
#include "09_multimodal/given/drawing.h"
#include "09_multimodal/given/parts.h"
#include "09_multimodal/given/reader.h"
#include "09_multimodal/given/tunes.h"
#include "common/results.h"

namespace verse {
namespace {

constexpr std::int64_t kBins = 16;
constexpr std::int64_t kPooled = 2;  // frames, and bands, that become one value
constexpr std::int64_t kBands = kTuneMels / kPooled;
constexpr std::int64_t kValuesOfANote = kFramesOfANote / kPooled * kBands;
constexpr std::int64_t kValues = kNotesInATune * kValuesOfANote;

/// Means of two frames and two bands, so that a tune is short enough to be written value by value.
/// @param mel [tunes, frames, mels] @return [tunes, frames / 2, mels / 2]
torch::Tensor pooled(const torch::Tensor& mel) {
  return torch::avg_pool2d(mel.unsqueeze(1), {kPooled, kPooled}).squeeze(1);
}

//! [bins]
/// Which of sixteen equal steps between -1 and 1 a value lies in, and the middle of a step.
torch::Tensor to_bins(const torch::Tensor& values) {
  return ((values + 1) / 2 * kBins).floor().clamp(0, kBins - 1).to(torch::kInt64);
}
torch::Tensor from_bins(const torch::Tensor& bins) {
  return (bins.to(torch::kFloat) + 0.5) / kBins * 2 - 1;
}
//! [bins]

/// The letters of tunes, padded, as tokens. @return [tunes, notes]
torch::Tensor letters_of(const Script& script, const std::vector<std::string>& texts) {
  std::vector<torch::Tensor> rows;
  for (auto text : texts) {
    text.resize(static_cast<std::size_t>(kNotesInATune), ' ');
    rows.push_back(script.tokenizer().encode_tensor(text));
  }
  return torch::stack(rows);
}

GPT make_composer(const Script& script, const PartSetting& setting) {
  GPTOptions options;
  options.vocabulary_size = script.tokenizer().size() + kBins;  // letters, then steps
  options.context = kNotesInATune + kValues;
  options.layers = 2;
  options.heads = 4;
  options.width = 64;
  options.fused = true;
  GPT composer(options);
  composer->to(setting.shared.device.device);
  return composer;
}

//! [composer-loss]
/// The mean cross-entropy, in nats a value, of the values of tunes, each predicted from the letters and the values
/// before it.
torch::Tensor composer_loss(GPT& composer, const Script& script, const Tunes& tunes) {
  const auto steps = to_bins(pooled(tunes.mel)).flatten(1) + script.tokenizer().size();  // [tunes, values]
  const auto tokens = torch::cat({letters_of(script, tunes.texts), steps}, 1);           // [tunes, notes + values]
  const auto device = composer->token_embedding.device();
  const auto logits = composer->forward(tokens.to(device)).slice(1, kNotesInATune - 1, -1);  // [tunes, values, ...]

  // What stands behind the end of a tune does not count.
  const auto place = torch::arange(kValues);
  const auto there = place < (tunes.lengths / kFramesOfANote * kValuesOfANote).unsqueeze(1);
  return cross_entropy(logits.index({there.to(device)}), steps.index({there}).to(device));
}
//! [composer-loss]

//! [compose]
/// Tunes drawn value by value, all of one text. @return [count, frames / 2, mels / 2]
torch::Tensor compose(GPT& composer, const Script& script, const std::string& text, std::int64_t count,
                      Random& random) {
  const torch::NoGradGuard no_gradients;
  const EvaluationMode evaluating(*composer);
  const auto device = composer->token_embedding.device();
  auto unread = letters_of(script, {text}).repeat({count, 1}).to(device);  // [count, time]
  Cache cache = make_cache(composer->options.layers);
  const std::int64_t values = static_cast<std::int64_t>(text.size()) * kValuesOfANote;
  std::vector<torch::Tensor> drawn;
  for (std::int64_t i = 0; i < values; ++i) {
    ForwardExtras extras;
    extras.cache = &cache;
    extras.last_only = true;
    const auto logits = composer->forward(unread, extras).select(1, 0).slice(1, script.tokenizer().size());
    const auto chances = torch::softmax(logits.to(torch::kCPU, torch::kFloat64), -1);  // [count, steps]
    auto chosen = torch::empty({count}, torch::kInt64);
    for (std::int64_t row = 0; row < count; ++row) chosen[row] = draw(chances[row], random);
    drawn.push_back(chosen);
    unread = (chosen + script.tokenizer().size()).unsqueeze(1).to(device);
  }
  return from_bins(torch::stack(drawn, 1)).view({count, -1, kBands});
}
//! [compose]

}  // namespace

void show_bins(const PartSetting& setting) {
  const Script script;
  Random random(setting.shared.seed + 400);
  print_heading("Letters to frames, drawn");
  auto composer = make_composer(script, setting);
  const LearningPlan plan{setting.quick ? 3 : 3000, 8, 3e-3};
  fmt::print("  {} values a note, each one of {} steps; {} steps of {} tunes\n", kValuesOfANote, kBins, plan.steps,
             plan.batch_size);
  std::fflush(stdout);
  composer->train();
  double loss = 0;
  learn(composer->parameters(), plan, plan.batch_size * composer->options.context, [&](std::int64_t step) {
    std::vector<std::string> texts;
    for (std::int64_t i = 0; i < plan.batch_size; ++i) texts.push_back(draw_tune(random));
    const auto now = composer_loss(composer, script, play_all(texts, random));
    const double nats = now.item<double>();
    loss = step == 0 ? nats : loss + 0.05 * (nats - loss);
    return now;
  });
  composer->eval();

  // The free note many times, each time nearer to the high or to the low sound.
  const auto note = [](const torch::Tensor& tune) {
    return tune.slice(-2, kFramesOfANote / kPooled, 2 * kFramesOfANote / kPooled);
  };
  const auto high = pooled(tune_with(kHigh).unsqueeze(0)), low = pooled(tune_with(kLow).unsqueeze(0));
  const std::int64_t count = setting.quick ? 4 : 200;
  const auto tunes = compose(composer, script, "cxe", count, random);
  const auto from_high = (note(tunes) - note(high)).abs().mean({1, 2}),
             from_low = (note(tunes) - note(low)).abs().mean({1, 2});
  const auto nearest = torch::minimum(from_high, from_low);
  const std::int64_t highs = (from_high < from_low).sum().item<std::int64_t>();
  const auto share = share_of(highs, count);

  // Under squares the best answer is the mean of both; the part on frames shows that a model learns it.
  const auto mean = kHigherChance * high + (1 - kHigherChance) * low;
  const double mean_off = std::min((note(mean) - note(high)).abs().mean().item<double>(),
                                   (note(mean) - note(low)).abs().mean().item<double>());
  const double steps_off = (from_bins(to_bins(note(high))) - note(high)).abs().mean().item<double>();
  print_heading(fmt::format("'cxe' drawn {} times: the free note", count));
  print_share("high (it is played high 66.7 % of the time)", highs, count);
  fmt::print("  distance from the nearer of the two: drawn {:.3f}, at most {:.3f}; their mean {:.3f}\n",
             nearest.mean().item<double>(), nearest.max().item<double>(), mean_off);
  fmt::print("  the high note itself, brought to {} steps: {:.3f}; the last losses were {:.3f} nats a value\n", kBins,
             steps_off, loss);
  results().scalar("bins_high", share.value, "share", (share.high - share.low) / 2);
  results().scalar("bins_high_low", share.low, "share");
  results().scalar("bins_high_high", share.high, "share");
  results().scalar("bins_distance", nearest.mean().item<double>());
  results().scalar("bins_farthest", nearest.max().item<double>());
  results().scalar("bins_mean_distance", mean_off);
  results().scalar("bins_rounding", steps_off);
  results().scalar("bins_loss", loss, "nats");

  if (!setting.plots) return;
  std::vector<Panel> panels = {{"the x high", high[0]}, {"the x low", low[0]}, {"best under L2: the mean", mean[0]}};
  for (std::int64_t i = 0; i < std::min<std::int64_t>(count, 3); ++i) {
    panels.push_back({fmt::format("drawn, {}", i + 1), tunes[i]});
  }
  draw_spectrograms(*setting.plots / "ch09-bins.svg", panels, 10);
}

}  // namespace verse
