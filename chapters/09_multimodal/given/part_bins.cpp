/// @file
/// Chapter 9: the cure for the blur. A band is one of sixteen steps, and steps are drawn, one after the other.

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "02_embeddings/embeddings.h"
#include "07_sampling/sampling.h"
#include "09_multimodal/given/drawing.h"
#include "09_multimodal/given/parts.h"
#include "09_multimodal/given/reader.h"
#include "09_multimodal/given/tunes.h"
#include "common/base/text.h"
#include "common/projection.h"
#include "common/results.h"

namespace verse {
namespace {

constexpr std::int64_t kBins = 16;
constexpr std::int64_t kPooled = 2;  // frames, and bands, that become one value
constexpr std::int64_t kBands = kTuneMels / kPooled;
constexpr std::int64_t kValues = kFramesOfANote / kPooled * kBands;  // of a note

/// Means of two frames and two bands, so that a note is short enough to be written value by value.
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

/// Notes as they sound in tunes, each with its letter and with the letter before it, which still rings when it begins.
struct Notes {
  torch::Tensor letters;  // [notes, 2], tokens; the first note of a tune has a blank before it
  torch::Tensor values;   // [notes, values], about -1 to 1: frame after frame, its bands from below
};

Notes draw_notes(const Script& script, std::int64_t tunes, Random& random) {
  std::vector<std::string> texts;
  std::vector<torch::Tensor> letters;
  for (std::int64_t i = 0; i < tunes; ++i) {
    auto text = draw_tune(random);
    texts.push_back(text);
    text.resize(static_cast<std::size_t>(kNotesInATune), ' ');
    letters.push_back(script.tokenizer().encode_tensor(" " + text).unfold(0, 2, 1));  // [notes, 2]
  }
  const auto played = play_all(texts, random);
  const auto there = torch::arange(kNotesInATune) < (played.lengths / kFramesOfANote).unsqueeze(1);  // [tunes, notes]
  return {torch::stack(letters).index({there}),
          pooled(played.mel).reshape({tunes, kNotesInATune, kValues}).index({there})};
}

GPTOptions note_options(std::int64_t vocabulary) {
  GPTOptions options;
  options.vocabulary_size = vocabulary;
  options.context = kValues + 1;  // two letters, and all values but the last
  options.layers = 2;
  options.heads = 4;
  options.width = 64;
  options.fused = true;
  return options;
}

//! [composer-loss]
/// The mean cross-entropy, in nats a value, of the values of notes, each predicted from the letters and the values
/// before it. The vocabulary has the script's tokens first, then a token for each step.
torch::Tensor composer_loss(GPT& composer, const Script& script, const Notes& notes) {
  const auto steps = to_bins(notes.values) + script.tokenizer().size();       // [notes, values]
  const auto tokens = torch::cat({notes.letters, steps.slice(1, 0, -1)}, 1);  // [notes, 1 + values]
  const auto device = composer->token_embedding.device();
  const auto logits = composer->forward(tokens.to(device)).slice(1, 1);  // [notes, values, vocabulary]
  return cross_entropy(logits.flatten(0, 1), steps.flatten().to(device));
}
//! [composer-loss]

//! [compose]
/// A note drawn value by value, many times. @param letters the one before it and its own @return [count, values]
torch::Tensor compose(GPT& composer, const Script& script, const std::string& letters, std::int64_t count,
                      Random& random) {
  const torch::NoGradGuard no_gradients;
  const EvaluationMode evaluating(*composer);
  const auto device = composer->token_embedding.device();
  auto unread = script.tokenizer().encode_tensor(letters).repeat({count, 1}).to(device);  // [count, 2], then [count, 1]
  Cache cache = make_cache(composer->options.layers);
  std::vector<torch::Tensor> drawn;
  for (std::int64_t i = 0; i < kValues; ++i) {
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
  return from_bins(torch::stack(drawn, 1));
}
//! [compose]

/// The same GPT under squares: it reads both letters and a placeholder for each value, and writes all values at once.
struct MeanWriter {
  MeanWriter(const Script& script, const torch::Device& device)
      : gpt(note_options(script.tokenizer().size())),
        head(gpt->options.width, 1),
        placeholder(script.markers().placeholder) {
    gpt->to(device);
    head.to(device);
  }

  /// @param letters [notes, 2], tokens @return [notes, values]
  torch::Tensor write(const torch::Tensor& letters) {
    const auto device = gpt->token_embedding.device();
    const auto places = torch::full({letters.size(0), kValues - 1}, placeholder, torch::kInt64);
    const auto tokens = torch::cat({letters, places}, 1).to(device);  // [notes, 1 + values]
    const auto x = embed_tokens(gpt->token_embedding, tokens);
    const auto positions = torch::arange(kValues + 1, tokens.options());
    const auto features = gpt->run_blocks(gpt->add_positions(x, positions), {});  // [notes, 1 + values, width]
    return head.forward(features.slice(1, 1)).squeeze(-1);
  }

  std::vector<torch::Tensor> parameters() {
    auto all = gpt->parameters();
    for (const auto& parameter : head.parameters()) all.push_back(parameter);
    return all;
  }

  GPT gpt;
  LinearProjection head;
  std::int64_t placeholder;
};

/// Trains on new notes at each step. @return seconds, and the loss of late
std::pair<double, double> train_on_notes(const std::vector<torch::Tensor>& parameters, const Script& script,
                                         const LearningPlan& plan, std::uint64_t seed,
                                         const std::function<torch::Tensor(const Notes&)>& loss_of) {
  Random random(seed);  // both models hear the same notes
  const auto began = std::chrono::steady_clock::now();
  double recent = 0;
  learn(parameters, plan, plan.batch_size * kNotesInATune * kValues, [&](std::int64_t step) {
    const auto loss = loss_of(draw_notes(script, plan.batch_size, random));
    const double now = loss.item<double>();
    recent = step == 0 ? now : recent + 0.05 * (now - recent);
    return loss;
  });
  return {std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count(), recent};
}

/// How far notes are from the nearer of two sounds, each the mean over a note's values. @return [notes]
torch::Tensor distance_from(const torch::Tensor& notes, const torch::Tensor& one, const torch::Tensor& other) {
  return torch::minimum((notes - one).abs().mean(-1), (notes - other).abs().mean(-1));
}

}  // namespace

void show_bins(const PartSetting& setting) {
  const Script script;
  const auto device = setting.shared.device.device;
  print_heading("A note's letter to its sound, drawn");
  const LearningPlan plan{setting.quick ? 3 : 500, 8, 3e-3};
  fmt::print("  {} values a note, each one of {} steps; {} steps of {} tunes, for each of two models\n", kValues, kBins,
             with_commas(plan.steps), plan.batch_size);
  std::fflush(stdout);

  GPT composer(note_options(script.tokenizer().size() + kBins));  // letters, then steps
  composer->to(device);
  composer->train();
  const auto [drawing_seconds, loss] =
      train_on_notes(composer->parameters(), script, plan, setting.shared.seed + 400,
                     [&](const Notes& notes) { return composer_loss(composer, script, notes); });
  composer->eval();
  MeanWriter writer(script, device);
  const auto [mean_seconds, squares] = train_on_notes(
      writer.parameters(), script, plan, setting.shared.seed + 400,
      [&](const Notes& notes) { return (writer.write(notes.letters) - notes.values.to(device)).square().mean(); });

  // The free note many times, and one that is not free; each compared with how it sounds in the tune cxe.
  const torch::NoGradGuard no_gradients;
  Random random(setting.shared.seed + 800);
  const auto whole = [](double hertz) { return pooled(tune_with(hertz).unsqueeze(0)).reshape({3, kValues}); };
  const auto if_high = whole(kHigh), if_low = whole(kLow);  // [notes, values]
  const auto high = if_high[1], low = if_low[1], firm = if_high[0];
  const std::int64_t count = setting.quick ? 4 : 200;
  const auto drawn = compose(composer, script, "cx", count, random),
             drawn_firm = compose(composer, script, " c", count, random);
  const auto predicted = writer.write(script.tokenizer().encode_tensor("cx c").view({2, 2})).cpu();  // [2, values]
  const auto mean = kHigherChance * high + (1 - kHigherChance) * low;

  const auto off = distance_from(drawn, high, low);
  const double predicted_off = distance_from(predicted[0], high, low).item<double>();
  const std::int64_t highs = ((drawn - high).abs().mean(-1) < (drawn - low).abs().mean(-1)).sum().item<std::int64_t>();
  const std::int64_t nearer = (off < predicted_off).sum().item<std::int64_t>();
  print_heading(fmt::format("The free note, drawn {} times, with 95 % intervals", count));
  print_share("high (it is played high 66.7 % of the time)", highs, count, "bins_high");
  print_share("nearer to one of the two sounds than the mean is", nearer, count, "bins_nearer");
  const auto row = [](const std::string& what, const std::string& name, double free, double certain) {
    fmt::print("  {:<44} {:>9.3f} {:>9.3f}\n", what, free, certain);
    results().scalar(name, free);
    results().scalar(name + "_c", certain);
  };
  fmt::print("\n  {:<44} {:>9} {:>9}\n", "mean distance from the nearest true sound", "free note", "c");
  row("drawn out of steps", "bins_distance", off.mean().item<double>(),
      distance_from(drawn_firm, firm, firm).mean().item<double>());
  row("the farthest of them", "bins_farthest", off.max().item<double>(),
      distance_from(drawn_firm, firm, firm).max().item<double>());
  row("predicted by the model trained by squares", "bins_predicted", predicted_off,
      distance_from(predicted[1], firm, firm).item<double>());
  row("best under squares: the mean", "bins_mean", distance_from(mean, high, low).item<double>(), 0);
  const auto rounded = [](const torch::Tensor& note) { return from_bins(to_bins(note)); };
  row(fmt::format("the true sound, rounded to {} steps", kBins), "bins_rounded",
      distance_from(rounded(high), high, low).item<double>(), distance_from(rounded(firm), firm, firm).item<double>());
  fmt::print("  the last losses: {:.3f} nats a value; squared {:.4f}\n", loss, squares);
  results().scalar("bins_loss", loss, "nats");
  results().scalar("bins_squares", squares);
  results().scalar("bins_steps", plan.steps);
  results().scalar("drawing_seconds", drawing_seconds, "seconds");
  results().scalar("mean_seconds", mean_seconds, "seconds");

  if (!setting.plots) return;
  const auto panel = [](const std::string& title, const torch::Tensor& note) {
    return Panel{title, note.reshape({-1, kBands})};
  };
  std::vector<Panel> panels = {panel("x, high", high), panel("x, low", low), panel("L2", predicted[0])};
  for (std::int64_t i = 0; i < std::min<std::int64_t>(count, 6); ++i)
    panels.push_back(panel(fmt::format("drawn {}", i + 1), drawn[i]));
  draw_spectrograms(*setting.plots / "ch09-bins.svg", panels, 12);
}

}  // namespace verse
