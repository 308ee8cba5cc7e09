#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <stdexcept>
#include <utility>
#include <vector>

#include "06_loss_stages/given/report.h"
#include "07_sampling/sampling.h"
#include "10_subwords/subwords.h"
#include "12_full_gpt/full_gpt.h"
#include "12_full_gpt/given/commands/generate.h"
#include "12_full_gpt/given/gpu/memory_need.h"
#include "12_full_gpt/given/model/loaded_run.h"
#include "12_full_gpt/given/training/trainer.h"
#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/shown.h"
#include "common/base/text.h"
#include "common/picture.h"
#include "common/plot.h"
#include "common/results.h"

namespace verse {

namespace {

constexpr std::int64_t kSampleCharacters = 500;
constexpr double kSampleTemperature = 0.7;
constexpr std::size_t kPlottedPoints = 400;

}  // namespace

void Training::show_plan() const {
  if (!team_.leads()) return;
  fmt::print("{}: {} {}s train, {} validate, {} different ones\n", corpus_.name, with_commas(train_.size(0)),
             codec_->unit(), with_commas(validation_.size(0)), codec_->size());
  fmt::print("the recipe {}: {}, run by chapter 12\n", recipe().preset,
             recipe().llama    ? "a model of chapter 11, trained as in chapter 5"
             : recipe().modern ? "the model and the optimizer of chapter 11"
                               : "the model of chapter 4, trained as in chapter 5");
  fmt::print("a GPT of {} layers, {} heads, {} wide, context {}: {} parameters, on {}, {}\n", recipe().model.layers,
             recipe().model.heads, recipe().model.width, recipe().model.context, with_commas(model_->parameter_count()),
             device_.str(), precision());
  if (!team_.alone()) {
    fmt::print("{} processes, each with its rows of every batch of {}; gradients averaged {}\n", team_.size(),
               recipe().batch_size, team_options_.sync == "ring" ? "by exercise 12.8's ring" : team_options_.sync);
  }
  if (landmarks_) show_stages(*landmarks_);
  std::fflush(stdout);
}

std::string Training::precision() const {
  if (bfloat16_) return "products in bfloat16, the rest in float32";
  if (float16_) return "products in float16 with the loss scaled, the rest in float32";
  return device_.is_cuda() ? "float32, its products in TF32 where the card has it" : "float32";
}

void Training::show_use(double tokens_per_second) const {
  const double operations = (recipe().llama ? llama_training_operations(*recipe().llama, recipe().model.context)
                                            : training_operations_per_token(recipe().model.shape())) *
                            tokens_per_second;
  fmt::print(", {:.1f} GFLOP/s\n", 1e-9 * operations);
  if (device_.is_cuda()) {
    const DevicePeak peak = device_peak(device_, bfloat16_);
    if (peak.operations) {
      fmt::print("that is {:.1f} % of what {} can do at best, {:.0f} TFLOP/s\n", 100 * operations / *peak.operations,
                 peak.name, 1e-12 * *peak.operations);
    } else {
      fmt::print("what {} could do at best is not known here\n", peak.name);
    }
  }
  if (const auto bytes = peak_memory(device_)) {
    const MemorySharing sharing{team_.size(), team_options_.shard_optimizer};
    const MemoryNeed least = least_memory_need(recipe(), device_, sharing);
    const double foreseen = least.fixed + least.each * static_cast<double>(windows_at_a_time(recipe(), sharing));
    results().scalar("memory", 1e-6 * static_cast<double>(*bytes), "MB");
    results().scalar("foreseen_memory", 1e-6 * foreseen, "MB");
    fmt::print("at most {} MB of memory in use; foreseen for the model and a batch: at least {} MB\n",
               with_commas(*bytes / 1'000'000), with_commas(static_cast<std::int64_t>(1e-6 * foreseen)));
  }
}

void Training::show_stages(const LossLandmarks& landmarks) const {
  fmt::print("the stages of {}, each begun below the loss before it, in nats a character:\n", corpus_.name);
  fmt::print("  {:.3f}  every character alike\n  {:.3f}  how often each occurs\n  {:.3f}  which follows which\n",
             landmarks.uniform, landmarks.characters, landmarks.pairs);
  fmt::print("  {:.3f}  what follows each two\n", landmarks.triples);
  if (landmarks.floor) fmt::print("  {:.3f}  the floor: what nobody can foresee\n", *landmarks.floor);
}

void Training::finish() {
  if (!team_.leads()) return;
  draw();
  LoadedRun best = load_run(folder_->path());
  best.model->to(device_);
  const double loss = recipe().evaluate_batches == 0 ? progress_.best_loss : loss_alone(best.model);
  results().scalar("parameters", model_->parameter_count());
  results().scalar("best_loss", loss, "nats");
  results().scalar("best_step", progress_.best_step, "steps");
  results().scalar("steps", progress_.step, "steps");
  results().scalar("seconds", progress_.seconds, "seconds");
  fmt::print("\nthe best model: validation loss {:.4f} after {} steps", loss, progress_.best_step);
  if (landmarks_ && landmarks_->floor) {
    const double floor = *landmarks_->floor;
    fmt::print(", {:.4f} above the floor of {} at {:.4f}", loss - floor, corpus_.name, floor);
  }
  if (codec_->unit() != "character") {
    // The first token is not predicted.
    const auto first = codec_->bytes_of(validation_[0].item<std::int64_t>()).size();
    const auto bytes = static_cast<std::int64_t>(corpus_.validation.size() - first);
    fmt::print(": {:.4f} bits a byte", bits_per_byte(loss, validation_.size(0) - 1, bytes));
  }
  fmt::print("\n{} steps took {:.1f} s", progress_.step, progress_.seconds);
  if (progress_.step > 0) {
    const double step_seconds = progress_.seconds / static_cast<double>(progress_.step);
    const auto tokens = static_cast<double>(recipe().batch_size * recipe().model.context);
    results().scalar("step_ms", 1e3 * step_seconds, "ms");
    fmt::print(": {:.1f} ms a step, {:.0f} {}s/s", 1e3 * step_seconds, tokens / step_seconds, codec_->unit());
    show_use(tokens / step_seconds);
  }
  fmt::print("\na sample, {} {}s at temperature {}:\n\n", kSampleCharacters, codec_->unit(), kSampleTemperature);

  SamplingOptions options;
  options.temperature = kSampleTemperature;
  std::string sample = continue_text(best, starting_text(*codec_), kSampleCharacters, options, recipe().seed,
                                     [](const std::string& character) {
                                       fmt::print("{}", for_standard_output(character));
                                       std::fflush(stdout);
                                       return true;
                                     });
  const double known = known_word_share(sample, corpus_.train);
  results().scalar("known_words", known);
  fmt::print("\n\n{:.0f} % of its words are words of {}\n", 100 * known, corpus_.name);
  write_file_atomically(folder_->path() / "sample.txt", sample + "\n", Links::replace);
}

void Training::report(const Metrics& row, bool best) {
  bar_->finish();
  fmt::print("step {:>5}  ", row.step);
  if (row.train_loss) fmt::print("training {:.3f}  ", *row.train_loss);
  fmt::print("validation {:.3f}{}", *row.validation_loss, best ? "" : "  (not the best)");
  if (row.tokens_per_second) fmt::print("  {:.0f} {}s/s", *row.tokens_per_second, codec_->unit());
  fmt::print("\n");
  if (landmarks_) {
    const LossStage stage = stage_of(*row.validation_loss, *landmarks_);
    if (!stage_ || stage > *stage_) fmt::print("            it {}\n", describe(stage));
    stage_ = std::max(stage, stage_.value_or(stage));
  }
  std::fflush(stdout);
}

void Training::draw() const {
  Series training{"training", {}, false}, validation{"validation", {}, false};
  const auto record = [&] {
    results().curve("training", "step", "nats", training.points);
    results().curve("validation", "step", "nats", validation.points);
  };
  const auto& rows = folder_->metrics();
  const std::size_t together = 1 + rows.size() / kPlottedPoints;
  double sum = 0;
  std::size_t count = 0;
  for (const Metrics& row : rows) {
    if (row.validation_loss) validation.points.emplace_back(row.step, *row.validation_loss);
    if (!row.train_loss) continue;
    sum += *row.train_loss;
    if (++count < together) continue;
    training.points.emplace_back(row.step, sum / static_cast<double>(count));
    sum = 0;
    count = 0;
  }
  record();
  std::vector<Level> levels;
  if (landmarks_) {
    levels = {{"every character alike:", landmarks_->uniform},
              {"how often each occurs:", landmarks_->characters},
              {"which follows which:", landmarks_->pairs},
              {"what follows each two:", landmarks_->triples}};
    if (landmarks_->floor) levels.push_back({"floor:", *landmarks_->floor});
  }
  const PlotText text{
      fmt::format("Loss on {}: {} layers, {} heads, {} wide, context {}", corpus_.name, recipe().model.layers,
                  recipe().model.heads, recipe().model.width, recipe().model.context),
      "step", "nats a " + codec_->unit(), false, false};
  results().picture("loss.svg", {"lines", text, {training, validation}, levels, {}, {}, {}, {}});
  try {
    write_file_atomically(folder_->path() / "loss.svg", lines_as_svg(text, {training, validation}, levels),
                          Links::replace);
  } catch (const std::runtime_error& error) {
    fmt::print(stderr, "no loss.svg: {}\n", error.what());
  }
}

}  // namespace verse
