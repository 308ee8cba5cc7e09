#include "12_full_gpt/given/commands/train.h"

#include <fmt/format.h>
#include <torch/torch.h>

#include <cerrno>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "11_modern/given/modern_gpt.h"
#include "12_full_gpt/given/model/loaded_run.h"
#include "12_full_gpt/given/training/recipes.h"
#include "12_full_gpt/given/training/run_folder.h"
#include "12_full_gpt/given/training/trainer.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/interrupt.h"
#include "common/corpus.h"
#include "common/program.h"

namespace verse {

namespace {

CommandLine command_line() {
  CommandLine line(fmt::format("{} train", program_invocation_short_name), "Trains a GPT on a text.");
  line.add("Run")("out", "the run's folder; without it, runs/ and the preset's name", cxxopts::value<std::string>(),
                  "RUN")("resume", "go on with the run in --out; needs no other flag")(
      "from", "begin a new run with the best model of that one, its tokenizer and its shape",
      cxxopts::value<std::string>(), "RUN");
  add_recipe_flags(line);
  return line;
}

std::filesystem::path folder_of(const CommandLine& line) {
  if (line.given("out")) return line.text("out");
  return std::filesystem::path("runs") / line.text("preset");
}

std::string device_name(const DeviceChoice& choice) {
  return choice.device.is_cuda() ? "cuda" : "cpu";
}

/// Makes a recipe that of a run which begins from another: its shape and tokenizer are settled, the rest is not.
LoadedRun begin_from(const CommandLine& line, RunIdentity& identity) {
  const std::filesystem::path place = line.text("from");
  LoadedRun start = load_run(place);
  if (dynamic_cast<ModernGPTImpl*>(start.model.get()) != nullptr) {
    throw UsageError(
        fmt::format("--from goes on with a model of GPT-2's parts, and {} is one of speedrun's", place.string()));
  }
  identity.tokenizer_file = read_file(place / "tokenizer.json");
  GPTOptions& shape = identity.recipe.model;
  shape = start.model->options;
  const GPTOptions before = shape;
  apply_recipe_flags(line, identity.recipe);
  const auto settled = [&place](const char* flag, std::int64_t there, std::int64_t asked) {
    if (there == asked) return;
    throw UsageError(
        fmt::format("--{} {} is not what {} has: {}; a model keeps its shape", flag, asked, place.string(), there));
  };
  settled("layers", before.layers, shape.layers);
  settled("heads", before.heads, shape.heads);
  settled("width", before.width, shape.width);
  settled("context", before.context, shape.context);
  return start;
}

/// A new run, by preset and flags.
std::unique_ptr<Training> new_training(const CommandLine& line, const SharedOptions& shared) {
  RunIdentity identity;
  identity.recipe = recipe_named(line.text("preset"));
  const auto path = folder_of(line);
  LoadedRun start;
  if (line.given("from")) {
    if (identity.recipe.modern)
      throw UsageError("--from goes on with a model of GPT-2's parts, and speedrun's are others");
    start = begin_from(line, identity);
  } else {
    apply_recipe_flags(line, identity.recipe);
  }
  RunFolder::check_new(path);

  Corpus corpus = load_corpus(shared.data);
  identity.text_name = corpus.name;
  if (shared.data) identity.text_file = std::filesystem::absolute(*shared.data);
  identity.text_digest = text_digest(corpus.text);
  identity.device = device_name(shared.device);
  identity.threads = torch::get_num_threads();
  auto training = std::make_unique<Training>(std::move(identity), std::move(corpus), shared.device);
  if (start.model) training->take_weights(*start.model);
  training->begin(path);
  fmt::print(stderr, "{}; threads: {}\n", shared.device.reason, training->identity().threads);
  return training;
}

/// A run that goes on as it began: what it needs to know stands in its folder.
std::unique_ptr<Training> resumed_training(const CommandLine& line, const SharedOptions& shared) {
  if (line.given("from")) throw UsageError("--from begins a new run, and --resume goes on with one: give one of them");
  RunFolder folder = RunFolder::open(folder_of(line));
  RunState state = folder.load_state();
  RunIdentity identity = state.identity;

  // A flag may say again what the run is, and nothing else.
  Recipe asked = identity.recipe;
  if (line.given("preset")) asked.preset = recipe_named(line.text("preset")).preset;
  apply_recipe_flags(line, asked);
  refuse_changes(identity.recipe, asked);
  identity.recipe = asked;

  DeviceChoice device = choose_device(identity.device);
  if (device.device.is_cpu()) device.reason = "the CPU, as before";
  if (line.given("device") && device_name(shared.device) != identity.device) {
    throw UsageError(
        fmt::format("the run was started on {}; it cannot go on on {}", identity.device, device_name(shared.device)));
  }
  if (line.given("threads")) {
    identity.threads = torch::get_num_threads();
  } else {
    torch::set_num_threads(identity.threads);
  }

  std::optional<std::filesystem::path> data = shared.data;
  if (!data && identity.text_file) data = identity.text_file;
  Corpus corpus = load_corpus(data);
  if (text_digest(corpus.text) != identity.text_digest) {
    throw UsageError(fmt::format("{} is not the text that the run was started on", corpus.name));
  }
  if (data) identity.text_file = std::filesystem::absolute(*data);

  // The best model is not needed to go on, but it would be to end; better to hear now that it is damaged.
  if (std::isfinite(state.progress.best_loss)) load_run(folder.path());
  auto training = std::make_unique<Training>(std::move(identity), std::move(corpus), device);
  training->go_on(std::move(folder), state);
  fmt::print(stderr, "{}; threads: {}; going on after step {} of {}\n", device.reason, training->identity().threads,
             state.progress.step, training->recipe().schedule.steps);
  return training;
}

}  // namespace

int train_command(int argc, char** argv) {
  CommandLine line = command_line();
  const SharedOptions shared = line.parse(argc, argv);
  catch_interrupts();
  const auto training = line.on("resume") ? resumed_training(line, shared) : new_training(line, shared);
  training->show_plan();
  training->run();
  training->finish();
  return 0;
}

}  // namespace verse
