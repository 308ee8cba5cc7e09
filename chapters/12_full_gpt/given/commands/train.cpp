#include "12_full_gpt/given/commands/train.h"

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "10_subwords/given/character_codec.h"
#include "10_subwords/given/pair_trainer.h"
#include "11_modern/given/llama.h"
#include "11_modern/given/modern_gpt.h"
#include "12_full_gpt/given/model/loaded_run.h"
#include "12_full_gpt/given/training/recipes.h"
#include "12_full_gpt/given/training/run_folder.h"
#include "12_full_gpt/given/training/team_run.h"
#include "12_full_gpt/given/training/trainer.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/interrupt.h"
#include "common/base/text.h"
#include "common/corpus.h"
#include "common/program.h"

namespace verse {

namespace {

/// What the command is asked for, beside a recipe.
struct TrainRequest {
  std::optional<std::filesystem::path> out, from;
  bool resume = false;
  std::optional<std::string> tokenizer;  ///< characters, bpe, or the place of a tokenizer.json
  std::optional<std::int64_t> vocabulary;
  std::optional<std::string> pattern;
  TeamRequest team;
};

constexpr const char* kPreset = "small";  ///< where none is named

std::filesystem::path folder_of(const TrainRequest& request, const CommandLine& line) {
  if (request.out) return *request.out;
  std::string preset = kPreset;
  line.take("preset", preset);
  return std::filesystem::path("runs") / preset;
}

std::string device_name(const DeviceChoice& choice) {
  return choice.device.is_cuda() ? "cuda" : "cpu";
}

/// The windows that a model like Llama is trained on, where --context names no other length.
constexpr std::int64_t kLlamaWindow = 512;

/// Makes a recipe that of a run which begins from another: its shape and tokenizer are settled, the rest is not.
LoadedRun begin_from(const std::filesystem::path& place, const CommandLine& line, RunIdentity& identity) {
  LoadedRun start = load_run(place);
  const auto* gpt = dynamic_cast<GPTImpl*>(start.model.get());
  const auto* llama = dynamic_cast<LlamaGPTImpl*>(start.model.get());
  if (gpt == nullptr && llama == nullptr) {
    throw UsageError(fmt::format(
        "--from goes on with a model of GPT-2's or Llama's parts, and {} is chapter 11's ModernGPT", place.string()));
  }
  identity.tokenizer_file = read_file(place / "tokenizer.json");
  GPTOptions& shape = identity.recipe.model;
  if (llama != nullptr) {
    const ModelShape sizes = llama->shape();
    identity.recipe.llama = llama->options;
    shape.vocabulary_size = sizes.vocabulary_size;
    shape.layers = sizes.layers;
    shape.heads = sizes.heads;
    shape.width = sizes.width;
    shape.dropout = llama->options.attention_dropout;
    // Windows as long as what such a model can read would take more memory than there is.
    shape.context = std::min(sizes.context, kLlamaWindow);
  } else {
    shape = gpt->options;
  }
  const GPTOptions before = shape;
  apply_recipe(line, identity.recipe);
  const auto settled = [&place](const char* flag, std::int64_t there, std::int64_t asked) {
    if (there == asked) return;
    throw UsageError(
        fmt::format("--{} {} is not what {} has: {}; a model keeps its shape", flag, asked, place.string(), there));
  };
  settled("layers", before.layers, shape.layers);
  settled("heads", before.heads, shape.heads);
  settled("width", before.width, shape.width);
  if (llama == nullptr) {
    settled("context", before.context, shape.context);
  } else if (shape.context > llama->context()) {
    throw UsageError(fmt::format("--context {} is more than the {} positions that {} can read", shape.context,
                                 llama->context(), place.string()));
  } else {
    identity.recipe.llama->attention_dropout = shape.dropout;
  }
  return start;
}

/// Where the text lies that a run can be gone on with; one that came by a pipe lies nowhere.
void remember_text(const std::optional<std::filesystem::path>& data, RunIdentity& identity) {
  identity.text_by_pipe = data && !is_file(*data);
  identity.text_file.reset();
  if (data && !identity.text_by_pipe) identity.text_file = std::filesystem::absolute(*data);
}

/// check_state_size() for a LlamaGPT, whose tensors can be told one by one.
void check_llama_state(const RunState& state) {
  NamedTensors tensors;
  for (const auto& [name, tensor] : state.tensors) {
    if (name.starts_with("model.")) tensors.emplace_back(name.substr(std::string("model.").size()), tensor);
  }
  check_llama_shapes(*state.identity.recipe.llama, tensors);
}

/// Whether a state's model can be of the size that its recipe speaks of: before one is built, which may be large.
/// @throws UsageError where not
void check_state_size(const RunState& state) {
  if (state.identity.recipe.llama) return check_llama_state(state);
  const GPTOptions& shape = state.identity.recipe.model;
  const double width = static_cast<double>(shape.width), layers = static_cast<double>(shape.layers);
  const double matrices = 12 * layers * width * width;
  const double around =
      width * static_cast<double>(2 * shape.vocabulary_size + shape.context + 2) + 13 * layers * width;
  double numbers = 0;
  for (const auto& [name, tensor] : state.tensors) {
    if (name.starts_with("model.")) numbers += static_cast<double>(tensor.numel());
  }
  if (numbers >= matrices && numbers <= matrices + around) return;
  throw UsageError(
      fmt::format("the state's model has {} numbers, and one of {} layers {} wide has others: it is no "
                  "state of this run",
                  with_commas(static_cast<std::int64_t>(numbers)), shape.layers, shape.width));
}

/// How the run is to read text, where that is not by the text's own characters. Pairs are learned from the training
/// split: what validates is not looked at before.
void choose_tokenizer(const TrainRequest& request, const Corpus& corpus, RunIdentity& identity) {
  const std::string kind = request.tokenizer.value_or("characters");
  if (kind != "bpe" && (request.vocabulary || request.pattern)) {
    throw UsageError(
        fmt::format("--{} is for --tokenizer bpe, which learns pairs", request.vocabulary ? "vocabulary" : "pattern"));
  }
  if (kind == "characters") return;
  if (kind == "bpe") {
    PairTrainingOptions options;
    options.vocabulary = request.vocabulary.value_or(options.vocabulary);
    options.cutting = cutting_named(request.pattern.value_or("gpt2"));
    options.threads = torch::get_num_threads();
    identity.tokenizer_file = train_byte_pairs(corpus.train, options);
  } else {
    std::filesystem::path place = kind;
    if (std::filesystem::is_directory(place)) place /= "tokenizer.json";
    identity.tokenizer_file = read_file(place);
  }
  identity.recipe.model.vocabulary_size = read_codec(kind, *identity.tokenizer_file)->size();
}

/// A new run, by preset and flags.
std::unique_ptr<Training> new_training(const TrainRequest& request, const CommandLine& line,
                                       const SharedOptions& shared, Team& team) {
  RunIdentity identity;
  std::string preset = kPreset;
  line.take("preset", preset);
  identity.recipe = recipe_named(preset);
  const auto path = folder_of(request, line);
  LoadedRun start;
  if (request.from) {
    if (identity.recipe.modern)
      throw UsageError(
          fmt::format("--from goes on with a model of GPT-2's or Llama's parts, and {}'s are others", preset));
    start = begin_from(*request.from, line, identity);
  } else {
    apply_recipe(line, identity.recipe);
  }
  if (team.leads()) RunFolder::check_new(path);

  Corpus corpus = load_corpus(shared.data);
  identity.text_name = corpus.name;
  remember_text(shared.data, identity);
  identity.text_digest = text_digest(corpus.text);
  identity.device = device_name(shared.device);
  identity.threads = torch::get_num_threads();
  if (!request.from) choose_tokenizer(request, corpus, identity);
  agree_on_run(team, identity);
  auto training =
      std::make_unique<Training>(std::move(identity), std::move(corpus), shared.device, team, request.team.options());
  if (start.model) training->take_weights(*start.model);
  training->begin(path);
  if (team.leads()) fmt::print(stderr, "{}; threads: {}\n", shared.device.reason, training->identity().threads);
  return training;
}

/// A run that goes on as it began: what it needs to know stands in its folder.
std::unique_ptr<Training> resumed_training(const TrainRequest& request, const CommandLine& line,
                                           const SharedOptions& shared, Team& team) {
  if (request.from) throw UsageError("--from begins a new run, and --resume goes on with one: give one of them");
  std::unique_ptr<RunFolder> folder;
  RunState state;
  if (team.leads()) {
    folder = std::make_unique<RunFolder>(RunFolder::open(folder_of(request, line)));
    state = folder->load_state();
  }
  RunIdentity identity = state.identity;
  if (!team.alone()) identity = described_run(team.broadcast(describe_run(identity, state.progress))).identity;

  // A flag may say again what the run is. Only the end may be put off: the schedule is then that of the longer run,
  // from the step that has been reached.
  Recipe asked = identity.recipe;
  line.take("preset", asked.preset);
  apply_recipe(line, asked);
  const std::int64_t planned = identity.recipe.schedule.steps;
  identity.recipe.schedule.steps = std::max(planned, asked.schedule.steps);
  refuse_changes(identity.recipe, asked);
  identity.recipe = asked;

  // Another GPU than before will do, where one is named.
  DeviceChoice device = line.given("device") ? shared.device : choose_device(identity.device);
  if (device.device.is_cpu()) device.reason = "the CPU, as before";
  if (line.given("device") && device_name(shared.device) != identity.device) {
    throw UsageError(
        fmt::format("the run was started on {}; it cannot go on on {}", identity.device, device_name(shared.device)));
  }
  if (line.given("threads")) {
    identity.threads = torch::get_num_threads();
  } else if (team.alone()) {
    torch::set_num_threads(identity.threads);
  }

  std::optional<std::filesystem::path> data = shared.data;
  if (!data && identity.text_by_pipe) {
    throw UsageError("the run's text came by a pipe and cannot be read again: name the same text by --data");
  }
  if (!data && identity.text_file) {
    data = identity.text_file;
    if (!is_file(*data)) {
      throw UsageError(
          fmt::format("the run's text {} is not there any more, or no file: name it by --data", data->string()));
    }
  }
  Corpus corpus = load_corpus(data);
  if (text_digest(corpus.text) != identity.text_digest) {
    throw UsageError(fmt::format("{} is not the text that the run was started on", corpus.name));
  }
  if (data) remember_text(data, identity);

  // The best model is not needed to go on, but it would be to end; better to hear now that it is damaged.
  if (folder && std::isfinite(state.progress.best_loss)) {
    load_run(folder->path());
    check_best_model(folder->path(), state);
  }
  if (folder) check_state_size(state);
  agree_on_run(team, identity);
  auto training =
      std::make_unique<Training>(std::move(identity), std::move(corpus), device, team, request.team.options());
  training->go_on(std::move(folder), state);
  if (!team.leads()) return training;
  fmt::print(stderr, "{}; threads: {}; going on after step {} of {}\n", device.reason, training->identity().threads,
             state.progress.step, training->recipe().schedule.steps);
  if (const Schedule& schedule = training->recipe().schedule; schedule.steps > planned) {
    fmt::print(stderr,
               "planned for {} steps until now: from here on the learning rate is that of a run of {}, and reaches its "
               "minimum there\n",
               planned, schedule.steps);
  }
  return training;
}

/// A run that was begun, or begins from another, has its tokenizer already.
void refuse_tokenizer(const TrainRequest& request, const CommandLine& line) {
  if (!request.resume && !request.from) return;
  for (const char* option : {"tokenizer", "vocabulary", "pattern"}) {
    if (!line.given(option)) continue;
    throw UsageError(request.resume
                         ? fmt::format("--{} is for a new run; a run that goes on keeps its tokenizer", option)
                         : fmt::format("--{} has no place beside --from, which takes that run's tokenizer", option));
  }
}

}  // namespace

int train_command(int argc, char** argv) {
  TrainRequest request;
  CommandLine line("Trains a GPT on a text.", "train");
  line.group("Run");
  line.option("out", request.out, "the run's folder; without it, runs/ and the preset's name", "RUN");
  line.flag("resume", request.resume,
            "go on with the run in --out; needs no other option, --steps for more than were planned");
  line.option("from", request.from, "begin a new run with the best model of that one, its tokenizer and its shape",
              "RUN");
  line.option("tokenizer", request.tokenizer,
              "characters (where none is named), bpe for byte pairs learned from the text, or a tokenizer.json",
              "KIND");
  line.option("vocabulary", request.vocabulary, {256, 10'000'000},
              "with --tokenizer bpe, tokens in all; 1024 where not given");
  line.choice("pattern", request.pattern, {"gpt2", "gpt4"},
              "with --tokenizer bpe, whose rule cuts text into words; gpt2 where not given");
  declare_recipe(line, kPreset);
  request.team.declare(line);
  const SharedOptions shared = line.parse(argc, argv);
  catch_interrupts();
  request.team.options();
  refuse_tokenizer(request, line);
  return with_team(
      request.team, request.resume, line.given("threads"), shared.device, [&](Team& team, bool& has_state) {
        const auto training =
            request.resume ? resumed_training(request, line, shared, team) : new_training(request, line, shared, team);
        has_state = true;
        training->show_plan();
        training->run();
        training->finish();
      });
}

}  // namespace verse
