#include "12_full_gpt/given/training/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <stdexcept>
#include <utility>

#include "01_tokenizer/tokenizer.h"
#include "05_training/given/checkpoint.h"
#include "10_subwords/given/character_codec.h"
#include "11_modern/given/modern_gpt.h"
#include "12_full_gpt/given/cpu/own_texts.h"
#include "12_full_gpt/given/gpu/autocast.h"
#include "12_full_gpt/given/gpu/memory_need.h"
#include "12_full_gpt/given/gpu/settings.h"
#include "12_full_gpt/given/model/fast_gpt.h"
#include "12_full_gpt/given/training/large_text.h"
#include "12_full_gpt/given/training/sharded_optimizer.h"
#include "12_full_gpt/given/training/team_run.h"
#include "12_full_gpt/given/training/training_step.h"
#include "common/base/error.h"
#include "common/base/shown.h"
#include "common/base/system.h"

namespace verse {

namespace {

constexpr std::int64_t kRowEvery = 10;               ///< steps between two lines of metrics.csv
constexpr std::int64_t kEvaluationTokens = 8192;     ///< read at a time, without gradients
constexpr std::int64_t kTokensOnAGpu = 65536;        ///< the same on a GPU, which a few thousand do not fill
constexpr std::int64_t kEvaluationLogits = 1 << 26;  ///< at most at a time: a large vocabulary asks for fewer tokens

/// Of a large text, so many characters tell its entropies, and so many bytes the words that it has.
constexpr std::int64_t kMeasuredText = 1'000'000;
constexpr std::size_t kComparedText = 2'000'000;

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

Training::Training(RunIdentity identity, Corpus corpus, const DeviceChoice& device, Team& team,
                   const TeamOptions& options)
    : team_(team),
      team_options_(options),
      identity_(std::move(identity)),
      corpus_(std::move(corpus)),
      tokenizer_file_(identity_.tokenizer_file.value_or("")),
      device_(device.device),
      bfloat16_(uses_bfloat16(recipe(), device)),
      float16_(uses_float16(recipe(), device)),
      random_(recipe().seed),
      saves_beside_(device_.is_cuda() || std::getenv("VERSE_SAVE_BESIDE") != nullptr) {  // the latter for tests
  if (device_.is_mps()) {
    throw UsageError("--device mps: training sums in float64, which an Apple GPU has not; take --device cpu");
  }
  if (device_.is_cuda()) settle_gpu(recipe().model.dropout, recipe().deterministic);
  const std::int64_t parts = recipe().accumulate;
  if (device_.is_cpu()) settle_heaps(recipe().model, (recipe().batch_size + parts - 1) / parts);
  // A run that begins from another one reads text as that one does.
  if (!identity_.tokenizer_file) {
    const auto tokenizer = tokenizer_of(corpus_.text);
    identity_.recipe.model.vocabulary_size = tokenizer.size();
    tokenizer_file_ = tokenizer_text(tokenizer);
  }
  codec_ = read_codec("tokenizer.json", tokenizer_file_);
  const bool is_large = corpus_.text.size() >= kLargeText;
  if (is_large) corpus_.text = {};                     // its two parts are there
  const std::size_t from = is_large ? 0 : kLargeText;  // its parts are smaller than the whole
  const auto train = tokens_of_text(*codec_, corpus_.train, from);
  const auto validation = tokens_of_text(*codec_, corpus_.validation, from);
  if (is_large) {
    corpus_.train = corpus_.train.substr(0, kComparedText);
    corpus_.validation = {};
  }
  // A GPU's kernels read tokens of eight bytes.
  train_ = device_.is_cuda() ? train.to(device_, torch::kInt64) : train;
  validation_ = device_.is_cuda() ? validation.to(device_, torch::kInt64) : validation;
  refuse_short_text();
  if (codec_->unit() == "character") {
    landmarks_ = measure_landmarks(is_large ? train.slice(0, 0, kMeasuredText).to(torch::kInt64) : train,
                                   recipe().model.vocabulary_size);
    landmarks_->floor = corpus_.floor;
  }

  need_memory_for(recipe(), device_, {team_.size(), team_options_.shard_optimizer});
  if (recipe().llama) {
    LlamaGPT llama(*recipe().llama);
    llama->read_at_most(recipe().model.context);
    model_ = llama;
  } else if (recipe().modern) {
    model_ = ModernGPT(recipe().model, recipe().without);
  } else {
    model_ = fast_gpt(recipe().model);
  }
  model_->to(device_);
  if (auto* modern = dynamic_cast<ModernGPTImpl*>(model_.get())) {
    if (team_options_.shard_optimizer) {
      throw UsageError(
          fmt::format("--shard-optimizer is for AdamW; preset {} is trained by Muon too", recipe().preset));
    }
    optimizer_ = modern_optimizer(*modern, recipe().adamw, make_adamw);
  } else if (team_options_.shard_optimizer && !team_.alone()) {
    optimizer_ = std::make_unique<ShardedOptimizer>(
        team_, model_->parameters(),
        [this](std::vector<torch::Tensor> mine) { return make_adamw(std::move(mine), recipe().adamw); });
  } else {
    optimizer_ = make_adamw(model_->parameters(), recipe().adamw);
  }
}

void Training::take_weights(LanguageModelImpl& model) {
  if (auto* gpt = dynamic_cast<GPTImpl*>(&model)) {
    return load_gpt2_tensors(dynamic_cast<GPTImpl&>(*model_), gpt2_tensors(*gpt));
  }
  const torch::NoGradGuard no_gradients;
  const auto given = model.named_parameters();
  for (auto& parameter : model_->named_parameters()) parameter.value().copy_(given[parameter.key()]);
}

void Training::begin(const std::filesystem::path& path) {
  if (team_.leads()) folder_ = std::make_unique<RunFolder>(RunFolder::create(path));
  save();
  share_state(team_, *model_, *optimizer_, random_, progress_);
}

void Training::go_on(std::unique_ptr<RunFolder> folder, const RunState& state) {
  folder_ = std::move(folder);
  if (team_.leads()) restore_training_state(state.tensors, *model_, *optimizer_, random_);
  progress_ = state.progress;
  share_state(team_, *model_, *optimizer_, random_, progress_);
  if (landmarks_ && std::isfinite(progress_.best_loss)) stage_ = stage_of(progress_.best_loss, *landmarks_);
}

void Training::run() {
  const std::int64_t tokens_per_step = recipe().batch_size * recipe().model.context;
  if (team_.leads()) bar_ = std::make_unique<Progress>(recipe().schedule.steps, tokens_per_step, progress_.step);
  const bool begins = team_.leads() && progress_.step == 0 && folder_->metrics().empty();
  if (team_.sum(begins ? 1.0 : 0.0) > 0) evaluate_and_save();

  model_->train();
  step_began_ = Clock::now();
  row_loss_ = torch::full({}, progress_.row_loss, torch::dtype(torch::kFloat64).device(device_));
  take_steps();
  const bool stops = asked_to_stop_ && progress_.step < recipe().schedule.steps && !reached_goal();
  if (stops) {
    progress_.seconds += seconds_since(step_began_);
    save();
  }
  if (folder_) folder_->settle();
  team_.part();
  if (bar_) bar_->finish();
  bar_.reset();
  if (stops) stop();
}

void Training::refuse_short_text() const {
  const std::int64_t context = recipe().model.context;
  if (train_.size(0) <= context || validation_.size(0) < 2) {
    throw UsageError(fmt::format("{} is too short for a context of {}: {} {}s train and {} validate", corpus_.name,
                                 context, train_.size(0), codec_->unit(), validation_.size(0)));
  }
}

//! [take-steps]
/// Chapter 5's loop, around a step that a GPU may record.
void Training::take_steps() {
  StepSettings settings;
  settings.batch_size = recipe().batch_size;
  settings.context = recipe().model.context;
  settings.gradient_clip = recipe().gradient_clip;
  settings.accumulate = recipe().accumulate;
  settings.bfloat16 = bfloat16_;
  settings.float16 = float16_;
  settings.loss_scale = progress_.loss_scale;
  settings.recorded = device_.is_cuda() && recipe().recorded && team_.alone() && !float16_;
  settings.by_hand = settings.recorded && bfloat16_ && !recipe().deterministic;
  settings.team = team_options_;
  try {
    TrainingStep training_step(model_, *optimizer_, train_, settings, random_, team_);

    bool goes_on = !reached_goal();
    for (std::int64_t step = progress_.step; goes_on && step < recipe().schedule.steps; ++step) {
      const StepReport report = training_step.take(step, learning_rate_of(recipe(), step));
      progress_.loss_scale = training_step.loss_scale();
      if (const std::string news = training_step.news(); !news.empty() && bar_) bar_->note(news);
      // A processor's answer is at hand; a GPU would have to be waited for.
      const bool looks = device_.is_cpu() || team_.alone() || (step + 1) % kRowEvery == 0;
      if (looks) asked_to_stop_ = training_step.asked_to_stop();
      goes_on = after_step(report);
    }
  } catch (const c10::OutOfMemoryError& error) {
    if (bar_) bar_->finish();
    throw std::runtime_error(memory_trouble(model_, *optimizer_, train_, settings, error));
  }
}
//! [take-steps]

double Training::loss_over(Team& team, LanguageModel model, const torch::Tensor& tokens) {
  // A processor evaluates in float32.
  const Autocast autocast(device_, device_.is_cuda() && (bfloat16_ || float16_),
                          bfloat16_ ? torch::kBFloat16 : torch::kFloat16);
  const std::int64_t most = device_.is_cuda() ? kTokensOnAGpu : kEvaluationTokens;
  const std::int64_t at_a_time = std::min(most, kEvaluationLogits / recipe().model.vocabulary_size);
  return evaluate_together(team, model, tokens.to(torch::kInt64),
                           std::max<std::int64_t>(1, at_a_time / recipe().model.context));
}

double Training::loss_alone(LanguageModel model) {
  Team nobody_else;
  return loss_over(nobody_else, model, validation_);
}

double Training::steering_loss() {
  if (recipe().evaluate_batches == 0) return whole_loss(model_);
  const std::int64_t tokens = 1 + recipe().evaluate_batches * recipe().batch_size * recipe().model.context;
  return loss_over(team_, model_, validation_.slice(0, 0, tokens));
}

bool Training::after_step(const StepReport& report) {
  progress_.step = report.step + 1;
  row_loss_ += report.loss;
  if (folder_) folder_->notice_trouble();
  const bool evaluates = progress_.step % recipe().evaluate_every == 0 || progress_.step == recipe().schedule.steps;
  if (evaluates || progress_.step % kRowEvery == 0) {
    Metrics row = close_row(report);
    if (evaluates) {
      evaluate_and_save(row);
    } else if (team_.leads()) {
      folder_->append(row);
    }
  }
  return !asked_to_stop_ && !reached_goal();
}

Metrics Training::close_row(const StepReport& report) {
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
  if (bar_) bar_->update(progress_.step, *row.train_loss);
  return row;
}

void Training::evaluate_and_save(Metrics row) {
  if (bar_) bar_->pause();
  double loss = steering_loss();
  row.validation_loss = loss;
  if (!std::isfinite(loss)) {
    throw std::runtime_error(fmt::format("the validation loss is no number at step {}{}", progress_.step,
                                         progress_.step > 0 ? "; a lower --learning-rate may help" : ""));
  }
  if (team_.leads()) folder_->append(row);

  // What decides over the end of a training is measured on the whole split.
  if (recipe().stop_at_loss && recipe().evaluate_batches > 0 && loss <= *recipe().stop_at_loss) {
    loss = whole_loss(model_);
  }
  const bool best = loss < progress_.best_loss;
  if (best) {
    progress_.best_loss = loss;
    progress_.best_step = progress_.step;
  }
  save(best, saves_beside_);
  if (team_.leads()) {
    report(row, best);
    bar_->go_on();
  }
  step_began_ = Clock::now();
}

void Training::save(bool best, bool beside) {
  auto* const sharded = dynamic_cast<ShardedOptimizer*>(optimizer_.get());
  NamedTensors tensors;
  if (team_.leads()) tensors = collect_training_state(*model_, *optimizer_, random_);
  if (sharded != nullptr) sharded->gather(tensors, "optimizer.");
  if (!team_.leads()) return;
  RunState state{identity_, progress_, std::move(tensors)};
  if (row_loss_.defined()) state.progress.row_loss = row_loss_.item<double>();
  std::optional<ModelFiles> files;
  if (best) files = files_of_any(*model_, tokenizer_file_, model_notes(identity_, progress_.step));
  if (beside) {
    folder_->begin_saving(std::move(state), std::move(files));
  } else {
    folder_->save_state(state, files);
  }
}

void Training::stop() {
  if (!team_.leads()) throw Interrupted("rank 0 has saved");
  draw();
  throw Interrupted(fmt::format("stopped after step {} of {} and saved; go on with: {} train --out {} --resume",
                                progress_.step, recipe().schedule.steps, shell_quoted(program_as_called()),
                                shell_quoted(folder_->path().string())));
}

}  // namespace verse
