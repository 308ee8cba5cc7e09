#include "12_full_gpt/given/training/train.h"

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <future>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "01_tokenizer/tokenizer.h"
#include "05_training/given/checkpoint.h"
#include "05_training/training.h"
#include "06_loss_stages/loss_stages.h"
#include "10_subwords/given/text_codec.h"
#include "11_modern/given/modern_gpt.h"
#include "12_full_gpt/full_gpt.h"
#include "12_full_gpt/given/commands/generate.h"
#include "12_full_gpt/given/gpu/autocast.h"
#include "12_full_gpt/given/model/fast_gpt.h"
#include "12_full_gpt/given/model/loaded_run.h"
#include "12_full_gpt/given/training/recipes.h"
#include "12_full_gpt/given/training/run_folder.h"
#include "12_full_gpt/given/training/training_step.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/interrupt.h"
#include "common/base/progress.h"
#include "common/base/random.h"
#include "common/base/text.h"
#include "common/corpus.h"
#include "common/plot.h"
#include "common/program.h"

namespace verse {

namespace {

constexpr std::int64_t kRowEvery = 10;               ///< steps between two lines of metrics.csv
constexpr std::int64_t kEvaluationTokens = 8192;     ///< read at a time, without gradients
constexpr std::int64_t kTokensOnAGpu = 65536;        ///< the same on a GPU, which a few thousand do not fill
constexpr std::int64_t kEvaluationLogits = 1 << 26;  ///< at most at a time: a large vocabulary asks for fewer tokens
constexpr std::int64_t kSampleCharacters = 500;
constexpr double kSampleTemperature = 0.7;
constexpr std::size_t kPlottedPoints = 400;

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// A run in the making: everything that training touches.
class Training {
 public:
  Training(RunIdentity identity, Corpus corpus, const DeviceChoice& device)
      : identity_(std::move(identity)),
        corpus_(std::move(corpus)),
        tokenizer_file_(identity_.tokenizer_file.value_or("")),
        device_(device.device),
        bfloat16_(recipe().precision == "bf16" || (recipe().precision == "auto" && device.bfloat16)),
        random_(recipe().seed) {
    // A run that begins from another one reads text as that one does.
    if (!identity_.tokenizer_file) {
      const auto tokenizer = Tokenizer::from_text(corpus_.text);
      identity_.recipe.model.vocabulary_size = tokenizer.size();
      tokenizer_file_ = tokenizer_text(tokenizer);
    }
    codec_ = read_codec("tokenizer.json", tokenizer_file_);
    const auto train = torch::tensor(codec_->encode(corpus_.train), torch::kInt64);
    train_ = train.to(device_);
    validation_ = torch::tensor(codec_->encode(corpus_.validation), torch::kInt64).to(device_);
    refuse_short_text();
    if (codec_->unit() == "character") {
      landmarks_ = measure_landmarks(train, recipe().model.vocabulary_size);
      landmarks_->floor = corpus_.floor;
    }

    model_ = recipe().modern ? modern_gpt(recipe().model, recipe().without) : fast_gpt(recipe().model);
    model_->to(device_);
    if (auto* modern = dynamic_cast<ModernGPTImpl*>(model_.get())) {
      optimizer_ = modern_optimizer(*modern, recipe().adamw, make_adamw);
    } else {
      optimizer_ = make_adamw(model_->parameters(), recipe().adamw);
    }
  }

  const Recipe& recipe() const { return identity_.recipe; }
  const RunIdentity& identity() const { return identity_; }

  /// Begins with another model's weights instead of random ones.
  void take_weights(GPTImpl& model) { load_gpt2_tensors(*model_, gpt2_tensors(model)); }

  /// Takes a new folder, and saves the beginning there.
  void begin(const std::filesystem::path& path) {
    folder_ = std::make_unique<RunFolder>(RunFolder::create(path));
    save_state();
  }

  /// Goes on from a folder's state.
  void go_on(RunFolder folder, const RunState& state) {
    folder_ = std::make_unique<RunFolder>(std::move(folder));
    restore_training_state(state.tensors, *model_, *optimizer_, random_);
    progress_ = state.progress;
    if (landmarks_ && std::isfinite(progress_.best_loss)) stage_ = stage_of(progress_.best_loss, *landmarks_);
  }

  /// Says what is about to be trained on what.
  void show_plan() const {
    fmt::print("{}: {} {}s train, {} validate, {} different ones\n", corpus_.name, with_commas(train_.size(0)),
               codec_->unit(), with_commas(validation_.size(0)), codec_->size());
    fmt::print("a GPT of {} layers, {} heads, {} wide, context {}: {} parameters, on {}, {}\n", recipe().model.layers,
               recipe().model.heads, recipe().model.width, recipe().model.context,
               with_commas(model_->parameter_count()), device_.str(), precision());
    if (landmarks_) show_stages(*landmarks_);
    std::fflush(stdout);
  }

  /// What numbers it computes in, and why.
  std::string precision() const {
    if (bfloat16_) return "products in bfloat16, the rest in float32";
    if (device_.is_cuda() && recipe().precision == "auto") {
      return "float32 (this GPU has no bfloat16 of its own; --precision bf16 asks for it all the same)";
    }
    return device_.is_cuda() ? "float32, its products in TF32 where the card has it" : "float32";
  }

  /// How much of the machine was used: operations a second, their share of what it could do, and memory.
  void show_use(double tokens_per_second) const {
    const double operations = training_operations_per_token(recipe().model.shape()) * tokens_per_second;
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
      fmt::print("at most {} MB of memory in use\n", with_commas(*bytes / 1'000'000));
    }
  }

  void show_stages(const LossLandmarks& landmarks) const {
    fmt::print("the stages of {}, each begun below the loss before it, in nats a character:\n", corpus_.name);
    fmt::print("  {:.3f}  every character alike\n  {:.3f}  how often each occurs\n  {:.3f}  which follows which\n",
               landmarks.uniform, landmarks.characters, landmarks.pairs);
    fmt::print("  {:.3f}  what follows each two\n", landmarks.triples);
    if (landmarks.floor) fmt::print("  {:.3f}  the floor: what nobody can foresee\n", *landmarks.floor);
  }

  /// The steps that are left. @throws Interrupted when asked to stop; what was learned is then saved
  void run() {
    const std::int64_t tokens_per_step = recipe().batch_size * recipe().model.context;
    bar_ = std::make_unique<Progress>(recipe().schedule.steps, tokens_per_step, progress_.step);
    if (progress_.step == 0 && folder_->metrics().empty()) evaluate_and_save();

    model_->train();
    step_began_ = Clock::now();
    row_loss_ = torch::full({}, progress_.row_loss, torch::dtype(torch::kFloat64).device(device_));
    take_steps();
    bar_->finish();
    bar_.reset();
    finish_saving();
    if (interrupted() && progress_.step < recipe().schedule.steps && !reached_goal()) stop();
  }

  /// What came out: the best model's loss, the plot, a sample.
  void finish() {
    draw();
    LoadedRun best = load_run(folder_->path());
    best.model->to(device_);
    const double loss = recipe().evaluate_batches == 0 ? progress_.best_loss : whole_loss(best.model);
    fmt::print("\nthe best model: validation loss {:.4f} after {} steps", loss, progress_.best_step);
    if (landmarks_ && landmarks_->floor) {
      const double floor = *landmarks_->floor;
      fmt::print(", {:.4f} above the floor of {} at {:.4f}", loss - floor, corpus_.name, floor);
    }
    fmt::print("\n{} steps took {:.1f} s", progress_.step, progress_.seconds);
    if (progress_.step > 0) {
      const double step_seconds = progress_.seconds / static_cast<double>(progress_.step);
      const auto tokens = static_cast<double>(recipe().batch_size * recipe().model.context);
      fmt::print(": {:.1f} ms a step, {:.0f} {}s/s", 1e3 * step_seconds, tokens / step_seconds, codec_->unit());
      show_use(tokens / step_seconds);
    }
    fmt::print("\na sample, {} {}s at temperature {}:\n\n", kSampleCharacters, codec_->unit(), kSampleTemperature);

    SamplingOptions options;
    options.temperature = kSampleTemperature;
    std::string sample = continue_text(best, sample_prompt(), kSampleCharacters, options, recipe().seed,
                                       [](const std::string& character) {
                                         std::fwrite(character.data(), 1, character.size(), stdout);
                                         std::fflush(stdout);
                                         return true;
                                       });
    fmt::print("\n");
    write_file_atomically(folder_->path() / "sample.txt", sample + "\n");
  }

 private:
  void refuse_short_text() const {
    const std::int64_t context = recipe().model.context;
    if (train_.size(0) <= context || validation_.size(0) < 2) {
      throw UsageError(fmt::format("{} is too short for a context of {}: {} {}s train and {} validate", corpus_.name,
                                   context, train_.size(0), codec_->unit(), validation_.size(0)));
    }
  }

  /// Programs begin to speak at the start of a line; a text without lines begins with its own first token.
  std::string sample_prompt() const {
    try {
      if (!codec_->encode(kPrompt).empty()) return kPrompt;
    } catch (const UsageError&) {
      // There is no line end in the text.
    }
    return codec_->decode({0});
  }

  //! [take-steps]
  /// Chapter 5's loop, around a step that a GPU may record.
  void take_steps() {
    StepSettings settings;
    settings.batch_size = recipe().batch_size;
    settings.context = recipe().model.context;
    settings.gradient_clip = recipe().gradient_clip;
    settings.accumulate = recipe().accumulate;
    settings.bfloat16 = bfloat16_;
    settings.recorded = device_.is_cuda();
    settings.by_hand = device_.is_cuda() && bfloat16_;
    TrainingStep training_step(model_, *optimizer_, train_, settings, random_);

    bool goes_on = !reached_goal();
    for (std::int64_t step = progress_.step; goes_on && step < recipe().schedule.steps; ++step) {
      const StepReport report = training_step.take(step, learning_rate_of(recipe(), step));
      if (const std::string news = training_step.news(); !news.empty()) bar_->note(news);
      goes_on = after_step(report);
    }
  }
  //! [take-steps]

  double loss_over(GPT& model, const torch::Tensor& tokens) {
    const Autocast autocast(device_, bfloat16_);
    const std::int64_t most = device_.is_cuda() ? kTokensOnAGpu : kEvaluationTokens;
    const std::int64_t at_a_time = std::min(most, kEvaluationLogits / recipe().model.vocabulary_size);
    return evaluate(model, tokens, std::max<std::int64_t>(1, at_a_time / recipe().model.context));
  }

  double whole_loss(GPT& model) { return loss_over(model, validation_); }

  /// The validation loss by which training is steered: over the whole split, or a part where so asked for.
  double steering_loss() {
    if (recipe().evaluate_batches == 0) return whole_loss(model_);
    const std::int64_t tokens = 1 + recipe().evaluate_batches * recipe().batch_size * recipe().model.context;
    return loss_over(model_, validation_.slice(0, 0, tokens));
  }

  bool reached_goal() const { return recipe().stop_at_loss && progress_.best_loss <= *recipe().stop_at_loss; }

  /// Keeps the books after each step, and evaluates now and then. @return whether to go on
  bool after_step(const StepReport& report) {
    progress_.step = report.step + 1;
    row_loss_ += report.loss;
    const bool evaluates = progress_.step % recipe().evaluate_every == 0 || progress_.step == recipe().schedule.steps;
    if (evaluates || progress_.step % kRowEvery == 0) {
      Metrics row = close_row(report);
      if (evaluates) {
        evaluate_and_save(row);
      } else {
        folder_->append(row);
      }
    }
    return !interrupted() && !reached_goal();
  }

  /// The line of metrics.csv for the steps since the last one. Only here is a GPU asked for its numbers.
  Metrics close_row(const StepReport& report) {
    const std::int64_t tokens_per_step = recipe().batch_size * recipe().model.context;
    const double sum = row_loss_.item<double>();
    progress_.seconds += seconds_since(step_began_);
    step_began_ = Clock::now();

    Metrics row;
    row.step = progress_.step;
    row.tokens = progress_.step * tokens_per_step;
    row.seconds = progress_.seconds;
    row.learning_rate = report.learning_rate;
    row.train_loss = sum / static_cast<double>(progress_.step - progress_.row_step);
    row.gradient_norm = report.gradient_norm.item<double>();
    row.tokens_per_second = static_cast<double>((progress_.step - progress_.row_step) * tokens_per_step) /
                            std::max(progress_.seconds - progress_.row_seconds, 1e-9);
    if (!std::isfinite(*row.train_loss)) {
      throw std::runtime_error(fmt::format(
          "the training loss is no number any more at step {}; a lower --learning-rate may help", progress_.step));
    }
    progress_.row_step = progress_.step;
    progress_.row_seconds = progress_.seconds;
    row_loss_.zero_();
    bar_->update(progress_.step, *row.train_loss);
    return row;
  }

  /// Measures the validation loss, keeps the model if it is the best so far, and saves the state last of all.
  void evaluate_and_save(Metrics row = {}) {
    bar_->pause();
    double loss = steering_loss();
    row.validation_loss = loss;
    folder_->append(row);

    // What decides over the end of a training is measured on the whole split.
    if (recipe().stop_at_loss && recipe().evaluate_batches > 0 && loss <= *recipe().stop_at_loss) {
      loss = whole_loss(model_);
    }
    const bool best = loss < progress_.best_loss;
    if (best) {
      progress_.best_loss = loss;
      progress_.best_step = progress_.step;
      save_any_model(folder_->path(), model_, tokenizer_file_);
    }
    save_state();
    report(row, best);
    bar_->go_on();
    step_began_ = Clock::now();
  }

  void save_state() {
    RunState state{identity_, progress_, collect_training_state(*model_, *optimizer_, random_)};
    if (row_loss_.defined()) state.progress.row_loss = row_loss_.item<double>();
    finish_saving();
    if (!device_.is_cuda()) return folder_->save_state(state);
    // Beside a GPU, the processor has time for it while training goes on.
    folder_->sync_metrics();
    saving_ = std::async(std::launch::async, folder_->saving(state));
  }

  /// Waits for a state that is being saved. @throws what has kept it from being saved
  void finish_saving() {
    if (saving_.valid()) saving_.get();
  }

  /// One line an evaluation, and one more where training has entered a new stage.
  void report(const Metrics& row, bool best) {
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

  /// Saves what there is and says how to go on.
  [[noreturn]] void stop() {
    progress_.seconds += seconds_since(step_began_);
    save_state();
    finish_saving();
    draw();
    throw Interrupted(fmt::format("stopped after step {} of {} and saved; go on with: {} train --out {} --resume",
                                  progress_.step, recipe().schedule.steps, program_invocation_short_name,
                                  folder_->path().string()));
  }

  /// loss.svg. A run without its picture is still a run: where it cannot be drawn, a note says why.
  void draw() const {
    Series training{"training", {}, false}, validation{"validation", {}, false};
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
    try {
      plot_lines(folder_->path() / "loss.svg", text, {training, validation}, levels);
    } catch (const std::runtime_error& error) {
      fmt::print(stderr, "no loss.svg: {}\n", error.what());
    }
  }

  RunIdentity identity_;
  Corpus corpus_;
  std::string tokenizer_file_;
  std::shared_ptr<TextCodec> codec_;
  torch::Device device_;
  bool bfloat16_;
  Random random_;
  std::optional<LossLandmarks> landmarks_;  ///< of a text that is read by characters
  torch::Tensor train_, validation_;        ///< [characters], int64, on the device
  GPT model_{nullptr};
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<RunFolder> folder_;
  std::unique_ptr<Progress> bar_;
  RunProgress progress_;
  std::optional<LossStage> stage_;
  torch::Tensor row_loss_;  ///< sum of the batch losses since the last line of metrics.csv, on the device
  Clock::time_point step_began_ = Clock::now();
  std::future<void> saving_;  ///< of a state, beside training
};

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
  identity.recipe = preset(line.text("preset"));
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
  if (shared.data) identity.text_file = std::filesystem::absolute(*shared.data).string();
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
  if (line.given("preset")) asked.preset = preset(line.text("preset")).preset;
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
  if (!data && identity.text_file) data = *identity.text_file;
  Corpus corpus = load_corpus(data);
  if (text_digest(corpus.text) != identity.text_digest) {
    throw UsageError(fmt::format("{} is not the text that the run was started on", corpus.name));
  }
  if (data) identity.text_file = std::filesystem::absolute(*data).string();

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
