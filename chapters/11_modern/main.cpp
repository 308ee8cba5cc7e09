/// @file
/// Chapter 11's program: a small model that gets newer parts one by one, and what each of them does to its loss.

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "01_tokenizer/given/prompt.h"
#include "01_tokenizer/tokenizer.h"
#include "05_training/given/train_small.h"
#include "05_training/training.h"
#include "07_sampling/sampling.h"
#include "11_modern/given/modern_gpt.h"
#include "11_modern/given/modern_training.h"
#include "11_modern/given/scaling.h"
#include "11_modern/given/scaling_law.h"
#include "common/base/error.h"
#include "common/base/interrupt.h"
#include "common/base/random.h"
#include "common/base/text.h"
#include "common/corpus.h"
#include "common/program.h"
#include "common/results.h"

namespace verse {
namespace {

constexpr std::int64_t kSteps = 220;         ///< of each training, speedrun's
constexpr std::int64_t kScalingSteps = 300;  ///< the same with --scaling
constexpr std::int64_t kLawSteps = 400;      ///< of the longest with --scaling-law
constexpr std::int64_t kWindows = 32;        ///< read at a time when evaluating

/// What all rows have in common.
struct Setting {
  SharedOptions shared;
  Corpus corpus;
  Tokenizer tokenizer;
  torch::Tensor train, validation;  ///< [characters], int64, on the device
  GPTOptions model;
  std::int64_t steps = kSteps;
};

/// A row of the table.
struct Row {
  std::string name;
  LanguageModel model{nullptr};
  double loss = 0;  ///< over the whole validation part, nats a character
};

SmallTraining plan_of(const Setting& setting) {
  SmallTraining plan;
  plan.schedule.steps = setting.steps;
  plan.seed = setting.shared.seed;
  return plan;
}

/// Evaluates and prints what was trained. @param rate characters a second
Row finish_row(const std::string& name, LanguageModel model, double rate, const Setting& setting) {
  static RecordedTable& parts = results().table("parts", {"part", "parameters", "loss", "ms"});
  const double loss = evaluate(model, setting.validation, kWindows);
  const double read = static_cast<double>(plan_of(setting).batch_size * setting.model.context);
  fmt::print("  {:<34}{:>12}{:>10.3f}{:>12.1f}\n", name, with_commas(model->parameter_count()), loss,
             1000 * read / rate);
  std::fflush(stdout);
  parts.row({name, model->parameter_count(), loss, 1000 * read / rate});
  const std::string last = fmt::format("{}", parts.rows.size());
  results().scalar("parameters_" + last, model->parameter_count());
  results().scalar("loss_" + last, loss, "nats");
  return {name, model, loss};
}

/// Chapter 4's model with chapter 5's optimizer: what the newer parts are compared with.
Row train_gpt2(const Setting& setting) {
  torch::manual_seed(setting.shared.seed);
  GPT model(setting.model);
  model->to(setting.shared.device.device);
  SmallTraining plan = plan_of(setting);
  plan.schedule = {4e-3, 2e-4, std::min<std::int64_t>(100, setting.steps / 4), setting.steps};
  const double rate = train_small(model, setting.train, plan);
  return finish_row("GPT-2's parts (chapter 4), AdamW", model, rate, setting);
}

Row train_with_parts(const std::string& name, const std::set<Part>& without, const Setting& setting) {
  torch::manual_seed(setting.shared.seed);
  ModernGPT model(setting.model, without);
  model->to(setting.shared.device.device);
  const double rate = train_modern(model, setting.train, plan_of(setting));
  return finish_row(name, model, rate, setting);
}

//! [one-by-one]
/// Begins with none of the newer parts, and puts them in one after the other. @return the row of the lowest loss
Row show_parts(const Setting& setting) {
  const std::vector<Part> order = {Part::rotary,   Part::qk_norm, Part::token_shift, Part::zero_outputs,
                                   Part::own_head, Part::muon,    Part::squared_relu};
  Row best = train_gpt2(setting);
  std::set<Part> without(order.begin(), order.end());
  std::string name = "without biases and gains";
  for (std::size_t next = 0;; ++next) {
    const Row row = train_with_parts(name, without, setting);
    if (row.loss < best.loss) best = row;
    if (next == order.size()) return best;
    without.erase(order[next]);
    name = "+ " + name_of(order[next]);
  }
}
//! [one-by-one]

int run(int argc, char** argv) {
  prepare_cuda();
  std::optional<std::int64_t> steps;
  std::int64_t sample = 300;
  bool scaling = false, law = false;
  std::optional<std::filesystem::path> plot, kept;
  CommandLine line("Gives a small model newer parts one by one, and trains each model a little.");
  line.option("steps", steps, {1, 1'000'000},
              fmt::format("steps of each training; {} where not given, {} with --scaling, {} of the longest with "
                          "--scaling-law",
                          kSteps, kScalingSteps, kLawSteps));
  line.option("sample", sample, {0, 1'000'000}, "characters to speak at the end");
  line.flag("scaling", scaling, "instead: models of four widths on four amounts of the play");
  line.flag("scaling-law", law, "instead: the same on fresh text, tuned and with three seeds, and the law behind it");
  line.option("kept", kept, "with --scaling-law: a table of trainings that need not be made again; new ones are added",
              "CSV");
  line.option("plot", plot, "with --scaling or --scaling-law: draws loss minus floor", "SVG");
  const SharedOptions shared = line.parse(argc, argv);
  if (plot && !scaling && !law) throw UsageError("--plot draws what --scaling or --scaling-law measures");
  if (kept && !law) throw UsageError("--kept keeps what --scaling-law measures");
  if (scaling && law) throw UsageError("--scaling and --scaling-law are two measurements: ask for one of them");
  catch_interrupts();
  if (law) {
    show_scaling_law(shared, steps.value_or(kLawSteps), kept, plot);
    return 0;
  }
  if (scaling) {
    show_scaling(shared, steps.value_or(kScalingSteps), plot);
    return 0;
  }

  auto corpus = load_corpus(shared.data);
  auto tokenizer = Tokenizer::from_text(corpus.text);
  Setting setting{shared, std::move(corpus), std::move(tokenizer), {}, {}, {}, steps.value_or(kSteps)};
  setting.train = setting.tokenizer.encode_tensor(setting.corpus.train).to(shared.device.device);
  setting.validation = setting.tokenizer.encode_tensor(setting.corpus.validation).to(shared.device.device);
  setting.model.vocabulary_size = setting.tokenizer.size();
  setting.model.context = 64;
  setting.model.layers = setting.model.heads = 4;
  setting.model.width = 128;
  setting.model.fused = true;
  if (setting.validation.size(0) < 2 || setting.train.size(0) <= setting.model.context)
    throw UsageError(fmt::format("{} is too short for a context of {}: its parts have {} and {} characters",
                                 setting.corpus.name, setting.model.context, setting.train.size(0),
                                 setting.validation.size(0)));

  fmt::print("{} layers, {} heads, {} wide, context {}; {} steps of {} windows on {}\n\n", setting.model.layers,
             setting.model.heads, setting.model.width, setting.model.context, setting.steps,
             plan_of(setting).batch_size, setting.corpus.name);
  fmt::print("  {:<34}{:>12}{:>10}{:>12}\n", "parts", "parameters", "loss", "ms a step");
  const Row best = show_parts(setting);
  if (setting.corpus.floor) fmt::print("  {:<46}{:>10.3f}\n", "the floor of the play", *setting.corpus.floor);

  Random random(shared.seed);
  const auto text = generate(best.model, {starting_token(setting.tokenizer)}, sample, {}, random);
  fmt::print(
      "\nThe lowest loss is that of the row \"{}\". {} characters of that model, from the start of a line:\n\n{}\n",
      best.name, sample, setting.tokenizer.decode(text));
  return 0;
}

}  // namespace
}  // namespace verse

int main(int argc, char** argv) {
  return verse::run_program([&] { return verse::run(argc, argv); });
}
