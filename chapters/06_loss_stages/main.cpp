/// @file
/// Chapter 6's program: what a loss means on a text, from the text's own entropies.

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "01_tokenizer/given/prompt.h"
#include "01_tokenizer/tokenizer.h"
#include "05_training/given/checkpoint.h"
#include "05_training/training.h"
#include "06_loss_stages/given/checkups.h"
#include "06_loss_stages/given/recording.h"
#include "06_loss_stages/given/report.h"
#include "06_loss_stages/given/score.h"
#include "06_loss_stages/loss_stages.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/interrupt.h"
#include "common/base/json.h"
#include "common/base/random.h"
#include "common/base/shown.h"
#include "common/base/text.h"
#include "common/corpus.h"
#include "common/program.h"
#include "common/results.h"
#include "common/safetensors.h"

namespace verse {
namespace {

/// The smallest loss that still belongs to each stage, found by asking stage_of().
std::vector<std::pair<LossStage, double>> stage_ranges(const LossLandmarks& landmarks) {
  std::vector<std::pair<LossStage, double>> ranges;
  const auto last = landmarks.floor ? LossStage::memorised : LossStage::beyond;
  for (int i = 0; i <= static_cast<int>(last); ++i) {
    const auto stage = static_cast<LossStage>(i);
    // Stages only rise as the loss falls, so halving finds where the next one begins.
    double low = 0, high = landmarks.uniform + 1;
    for (int round = 0; round < 60; ++round) {
      const double middle = (low + high) / 2;
      (stage_of(middle, landmarks) > stage ? low : high) = middle;
    }
    ranges.emplace_back(stage, high);
  }
  return ranges;
}

/// Part 1: the text's entropies, and what each is a bound for.
LossLandmarks show_landmarks(const Corpus& corpus, const torch::Tensor& train, std::int64_t vocabulary_size) {
  auto landmarks = measure_landmarks(train, vocabulary_size);
  landmarks.floor = corpus.floor;
  fmt::print("Entropies of {}'s training part, {} characters, in nats a character\n", corpus.name, train.size(0));
  fmt::print("  {:.3f}  {:.3f} bits  every character alike\n", landmarks.uniform, nats_to_bits(landmarks.uniform));
  fmt::print("  {:.3f}  {:.3f} bits  known how often each occurs\n", landmarks.characters,
             nats_to_bits(landmarks.characters));
  fmt::print("  {:.3f}  {:.3f} bits  known the one before\n", landmarks.pairs, nats_to_bits(landmarks.pairs));
  fmt::print("  {:.3f}  {:.3f} bits  known the two before\n", landmarks.triples, nats_to_bits(landmarks.triples));
  const double fours = text_entropy(train, vocabulary_size, 4);
  fmt::print("  {:.3f}  {:.3f} bits  known the three before; most of their combinations are too rare to count well\n",
             fours, nats_to_bits(fours));
  results().scalar("characters", train.size(0), "characters");
  results().scalar("entropy_0", landmarks.uniform, "nats");
  results().scalar("entropy_1", landmarks.characters, "nats");
  results().scalar("entropy_2", landmarks.pairs, "nats");
  results().scalar("entropy_3", landmarks.triples, "nats");
  results().scalar("entropy_4", fours, "nats");
  if (landmarks.floor)
    fmt::print("  {:.3f}  {:.3f} bits  the floor, of the validation part: known how the text was made\n",
               *landmarks.floor, nats_to_bits(*landmarks.floor));
  return landmarks;
}

/// Part 2: which losses belong to which stage.
void show_stages(const Corpus& corpus, const LossLandmarks& landmarks) {
  fmt::print("\nStages on {}: what a model has learned whose loss is\n", corpus.name);
  double above = std::numeric_limits<double>::infinity();
  for (const auto& [stage, from] : stage_ranges(landmarks)) {
    if (std::isinf(above))
      fmt::print("  {:>15}", fmt::format("above {:.3f}", from));
    else
      fmt::print("  {:>15}", fmt::format("{:.3f} to {:.3f}", above, from));
    fmt::print("  {}\n", describe(stage));
    above = from;
  }
}

/// Part 3: what a text looks like that knows as much as each order does.
void show_texts(const torch::Tensor& train, const Tokenizer& tokenizer, std::int64_t count, std::uint64_t seed) {
  const auto* tokens = train.const_data_ptr<std::int64_t>();
  const std::int64_t characters = train.size(0);
  const std::int64_t begin = starting_token(tokenizer);
  for (int order = 0; order <= 4; ++order) {
    Random random(seed);
    std::vector<std::int64_t> text = {begin};
    for (std::int64_t i = 0; i < count; ++i) {
      if (order == 0) {
        text.push_back(random.below(tokenizer.size()));
        continue;
      }
      //! [shannon]
      // Shannon's way (1948, section 3): open the text anywhere, read on until it stands as it does here, take what
      // comes next.
      const auto known = std::min<std::ptrdiff_t>(order - 1, static_cast<std::ptrdiff_t>(text.size()));
      std::int64_t place = random.below(characters);
      for (std::int64_t tries = 0; tries < characters; ++tries, place = (place + 1) % characters)
        if (place >= known && std::equal(text.end() - known, text.end(), tokens + place - known)) break;
      text.push_back(tokens[place]);
      //! [shannon]
    }
    fmt::print("\n-- order {}{}\n{}\n", order, order == 0 ? ": every character alike" : "",
               tokenizer.decode({text.begin() + 1, text.end()}));
  }
}

/// What the model in a folder is worth on a text.
void show_model(const std::filesystem::path& folder, const Corpus& corpus, const LossLandmarks& landmarks,
                const SharedOptions& shared) {
  TrainedModel trained = load_model(folder);
  trained.model->to(shared.device.device);
  const std::int64_t batch_size = std::max<std::int64_t>(1, 2048 / trained.model->options.context);
  const auto validation = trained.tokenizer.encode_tensor(corpus.validation).to(shared.device.device);
  const auto train = trained.tokenizer.encode_tensor(corpus.train)
                         .slice(0, 0, validation.size(0))
                         .to(shared.device.device);  // as much of it, from its start
  const double train_loss = evaluate(trained.model, train, batch_size);
  const double validation_loss = evaluate(trained.model, validation, batch_size);
  results().scalar("model_training", train_loss, "nats");
  results().scalar("model_validation", validation_loss, "nats");
  results().scalar("model_gap", validation_loss - train_loss, "nats");
  fmt::print("The model in {}, on {}\n", folder.string(), corpus.name);
  fmt::print("  training    {:.3f}  {}\n", train_loss, describe(stage_of(train_loss, landmarks)));
  fmt::print("  validation  {:.3f}  {}\n", validation_loss, describe(stage_of(validation_loss, landmarks)));
  fmt::print("  the gap is  {:.3f}\n", validation_loss - train_loss);
}

/// Runs by their folders' names. @param folders with commas between them
std::vector<std::pair<std::string, RunRecord>> named_runs(const std::string& folders, const Corpus& corpus) {
  std::vector<std::pair<std::string, RunRecord>> runs;
  std::istringstream list(folders);
  for (std::string folder; std::getline(list, folder, ',');) {
    runs.emplace_back(std::filesystem::path(folder).filename().string(), load_record(folder, corpus));
  }
  return runs;
}

/// The text that a run has learned from: what --data names; else the file that the run's own state names; else the
/// play. @throws UsageError where that file is gone
Corpus text_of_run(const std::filesystem::path& folder, const SharedOptions& shared) {
  const auto state = folder / "state.safetensors";
  if (shared.data || !std::filesystem::exists(state)) return load_corpus(shared.data);
  const auto metadata = load_tensors(state).metadata;
  const auto found = metadata.find("run");
  if (found == metadata.end()) return load_corpus({});
  const JsonEntry text = parse_json(found->second, state.string()).at("text");
  if (text.has("pipe")) {
    throw UsageError(fmt::format("{} has learned from a text that came by a pipe: name it by --data", folder.string()));
  }
  if (!text.has("file")) return load_corpus({});
  const std::filesystem::path file = text.at("file").path();
  if (!is_file(file)) {
    throw UsageError(fmt::format("{} has learned from {}, which is gone or no file: name that text by --data",
                                 folder.string(), file.string()));
  }
  // The folder may come from elsewhere: only the text itself is opened for it, and no other file of that name.
  Corpus corpus = load_corpus(file);
  if (text_digest(corpus.text) != text.at("digest").text()) {
    throw UsageError(fmt::format("{} has learned from {}, which has changed since: name that text by --data",
                                 folder.string(), file.string()));
  }
  return corpus;
}

/// What the program is asked for.
struct Request {
  std::optional<std::filesystem::path> run, report, curve, out, score;
  std::optional<std::string> with, fault;
  std::int64_t sample = 200, steps = 600, warmup = 100, layers = 4, width = 128, batch_size = 12;
  double learning_rate = 1e-3, dropout = 0;
  bool listens = false, one_batch = false, health = false;
};

/// What the book quotes of a run.
void record_run_of(const RunRecord& run, const Report& report) {
  std::vector<std::pair<double, double>> training, validation;
  for (const Metrics& row : run.rows) {
    if (row.train_loss) training.emplace_back(row.step, *row.train_loss);
    if (row.validation_loss) validation.emplace_back(row.step, *row.validation_loss);
  }
  if (!training.empty()) results().scalar("last_training", training.back().second, "nats");
  if (!validation.empty()) {
    results().scalar("first_validation", validation.front().second, "nats");
    results().scalar("last_validation", validation.back().second, "nats");
  }
  if (run.landmarks.floor) results().scalar("floor", *run.landmarks.floor, "nats");
  results().scalar("entropy_1", run.landmarks.characters, "nats");
  results().scalar("best_step", report.overfitting.best_step, "steps");
  results().scalar("best_validation", report.overfitting.best_loss, "nats");
  results().curve("training", "step", "nats", std::move(training));
  results().curve("validation", "step", "nats", std::move(validation));
}

/// A run, and everything that can be said about it.
void show_run(const Request& request, const Corpus& corpus, const SharedOptions& shared) {
  const std::filesystem::path& folder = *request.run;
  const bool has_model = std::filesystem::exists(folder / "model.safetensors");
  if (has_model && !std::filesystem::exists(folder / "metrics.csv")) {
    const auto tokenizer = Tokenizer::from_text(corpus.text);
    auto landmarks = measure_landmarks(tokenizer.encode_tensor(corpus.train), tokenizer.size());
    landmarks.floor = corpus.floor;
    show_model(folder, corpus, landmarks, shared);
    return;
  }
  const RunRecord run = load_record(folder, corpus);
  if (request.curve) {
    if (request.with) {
      plot_runs(*request.curve, named_runs(folder.string() + "," + *request.with, corpus));
    } else {
      plot_run(*request.curve, run);
    }
    return;
  }
  const std::filesystem::path page = request.report.value_or(folder / "report.html");
  const Report report = examine(run);
  record_run_of(run, report);
  fmt::print("{}", report_text(run, report));
  if (has_model) {
    fmt::print("\n");
    show_model(folder, corpus, run.landmarks, shared);
  }
  fmt::print("\nIt writes\n{}\n", for_standard_output(first_characters(run.sample, 300)));
  write_report(page, run, report);
  fmt::print(stderr, "wrote {}\n", page.string());
}

/// Trains with a fault, and keeps what can be seen of it.
void record(const Request& request, const Corpus& corpus, const SharedOptions& shared) {
  RecordingPlan plan;
  for (const auto& [name, fault] : fault_names()) {
    if (name == *request.fault) plan.fault = fault;
  }
  if (!request.out) throw UsageError("--fault needs --out, the folder to record into");
  const std::filesystem::path& folder = *request.out;
  if (std::filesystem::exists(folder)) throw UsageError(fmt::format("{} exists already", folder.string()));
  plan.peak = request.learning_rate;
  plan.warmup = request.warmup;
  plan.steps = request.steps;
  plan.seed = shared.seed;
  plan.layers = request.layers;
  plan.width = request.width;
  plan.batch_size = request.batch_size;
  plan.dropout = request.dropout;
  if (plan.fault == Fault::evaluation_dropout && plan.dropout == 0)
    throw UsageError("--fault evaluation-dropout needs a --dropout above 0");
  if (plan.width > 32 && plan.width % 32 != 0)
    throw UsageError(fmt::format("--width {} must be a multiple of 32, or below", plan.width));
  catch_interrupts();
  save_record(folder, record_run(corpus, plan));
  fmt::print(stderr, "recorded in {}\n", folder.string());
}

int run(int argc, char** argv) {
  prepare_cuda();
  std::vector<std::string> faults;
  for (const auto& [name, fault] : fault_names()) faults.push_back(name);
  Request request;
  CommandLine line("Shows which losses mean what on a text; with a run's folder, how that run went.");
  line.option("run", request.run, "a run's folder: what was learned, what went wrong", "RUN");
  line.positional("run");
  line.option("report", request.report, "the page to write about a run", "FILE.html");
  line.option("curve", request.curve, "draws a run's losses and nothing else", "FILE.svg");
  line.option("with", request.with, "further runs, for --curve to draw validation losses side by side", "RUN,RUN");
  line.option("sample", request.sample, {0, 100'000}, "characters of each sample");
  line.flag("listen", request.listens, "trains a small GPT and lets it write at each stage");
  line.flag("one-batch", request.one_batch, "trains healthy and broken models on one batch");
  line.flag("health", request.health, "gradients and updates by layer, of a good beginning and a bad one");
  line.choice("fault", request.fault, faults, "trains with a fault and records it: " + one_of(faults));
  line.option("out", request.out, "the folder to record into", "FOLDER");
  line.option("steps", request.steps, {1, 1'000'000}, "of --fault and --listen");
  line.option("learning-rate", request.learning_rate, {1e-9, 1e3}, "of --fault");
  line.option("warmup", request.warmup, {0, 1'000'000}, "of --fault");
  line.option("dropout", request.dropout, {0, 0.9}, "of --fault");
  line.option("layers", request.layers, {1, 100}, "of --fault");
  line.option("width", request.width, {1, 4096}, "of --fault");
  line.option("batch-size", request.batch_size, {1, 4096}, "of --fault");
  line.option("score", request.score, "asks every run of a folder, and counts how often the answers are right",
              "FOLDER");
  const auto shared = line.parse(argc, argv);
  if (request.score) {
    const auto runs = load_runs(*request.score);
    const auto thresholds = choose_thresholds();
    results().scalar("runs", static_cast<std::int64_t>(runs.size()));
    fmt::print("{} runs in {}\n", runs.size(), request.score->string());
    show_scores(score_findings(runs, thresholds));
    return 0;
  }
  if (request.run) {
    show_run(request, text_of_run(*request.run, shared), shared);
    return 0;
  }
  const auto corpus = load_corpus(shared.data);
  need_characters(corpus, 4, 1);  // entropies of up to four characters
  if (request.fault) {
    record(request, corpus, shared);
    return 0;
  }
  if (request.one_batch) {
    show_one_batch(corpus, shared);
    return 0;
  }
  if (request.health) {
    show_health(corpus, shared);
    return 0;
  }
  const auto tokenizer = Tokenizer::from_text(corpus.text);
  const auto train = tokenizer.encode_tensor(corpus.train);
  const auto landmarks = show_landmarks(corpus, train, tokenizer.size());
  show_stages(corpus, landmarks);
  if (request.listens) {
    catch_interrupts();
    listen(corpus, landmarks, request.steps, shared);
    return 0;
  }
  fmt::print("\n{} characters of each, drawn from {}'s training part\n", request.sample, corpus.name);
  show_texts(train, tokenizer, request.sample, shared.seed);
  return 0;
}

}  // namespace
}  // namespace verse

int main(int argc, char** argv) {
  return verse::run_program([&] { return verse::run(argc, argv); });
}
