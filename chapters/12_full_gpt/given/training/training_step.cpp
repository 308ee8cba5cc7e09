#include "12_full_gpt/given/training/training_step.h"

#include <ATen/Parallel.h>
#include <ATen/ops/_fused_adamw.h>
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "12_full_gpt/given/cpu/fast_dropout.h"
#include "12_full_gpt/given/cpu/half_products.h"
#include "12_full_gpt/given/cpu/own_texts.h"
#include "12_full_gpt/given/gpu/autocast.h"
#include "12_full_gpt/given/gpu/cuda_kernels.h"
#include "12_full_gpt/given/gpu/flat_adamw.h"
#include "12_full_gpt/given/gpu/hand_step.h"
#include "common/base/error.h"
#include "common/base/interrupt.h"

namespace verse {

namespace {

/// Steps taken one operation at a time before one is recorded: libraries choose their algorithms in them, and memory is
/// found.
constexpr std::int64_t kWarmUp = 3;

}  // namespace

torch::Tensor draw_starts(std::int64_t characters, std::int64_t batch_size, std::int64_t context, Random& random) {
  const std::int64_t places = characters - context;
  if (places < 1) {
    throw UsageError(
        fmt::format("a text of {} characters has no room for a context of {} and its target", characters, context));
  }
  const auto starts = torch::empty({batch_size}, torch::kInt64);
  for (std::int64_t row = 0; row < batch_size; ++row) starts.data_ptr<std::int64_t>()[row] = random.below(places);
  return starts;
}

Batch windows_at(const torch::Tensor& tokens, const torch::Tensor& starts, std::int64_t context) {
  const auto windows =
      tokens.unfold(0, context + 1, 1).index_select(0, starts).to(torch::kInt64);  // [batch, context + 1]
  return {windows.narrow(1, 0, context), windows.narrow(1, 1, context)};
}

DeviceAdamW::DeviceAdamW(std::vector<torch::Tensor> parameters, const AdamWOptions& options)
    : AdamW(std::move(parameters), options) {
  step_number_ = torch::zeros({}, parameters_.at(0).options().dtype(torch::kFloat32).requires_grad(false));
}

void DeviceAdamW::step(double learning_rate) {
  step_by(torch::full({}, learning_rate, step_number_.options()));
}

//! [step-by]
void DeviceAdamW::step_by(const torch::Tensor& learning_rate) {
  const torch::NoGradGuard no_gradients;
  step_number_.add_(1);
  for (const bool decays : {true, false}) {
    std::vector<torch::Tensor> parameters, gradients, first, second;
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      if ((parameters_[i].dim() >= 2) != decays || !parameters_[i].grad().defined()) continue;
      parameters.push_back(parameters_[i]);
      gradients.push_back(parameters_[i].grad());
      first.push_back(moments_[i].first);
      second.push_back(moments_[i].second);
    }
    if (parameters.empty()) continue;
    const std::vector<torch::Tensor> numbers(parameters.size(), step_number_);
    at::_fused_adamw_(parameters, gradients, first, second, /*max_exp_avg_sqs=*/{}, numbers, learning_rate,
                      options_.beta1, options_.beta2, decays ? options_.weight_decay : 0.0, options_.epsilon,
                      /*amsgrad=*/false, /*maximize=*/false);
  }
}
//! [step-by]

std::vector<std::pair<std::string, torch::Tensor>> DeviceAdamW::state() const {
  auto state = AdamW::state();
  state[0].second = step_number_.to(torch::kCPU, torch::kInt64).reshape({1});
  return state;
}

void DeviceAdamW::set_state(const std::vector<std::pair<std::string, torch::Tensor>>& state) {
  AdamW::set_state(state);
  step_number_.fill_(static_cast<double>(steps_));
}

std::unique_ptr<Optimizer> make_adamw(std::vector<torch::Tensor> parameters, const AdamWOptions& options) {
  if (parameters.at(0).is_cuda()) return std::make_unique<FlatAdamW>(std::move(parameters), options);
  return std::make_unique<FusedAdamW>(std::move(parameters), options);
}

namespace {

/// For whoever trains alone.
Team& nobody_else() {
  static Team team;
  return team;
}

}  // namespace

TrainingStep::TrainingStep(LanguageModel model, Optimizer& optimizer, torch::Tensor tokens,
                           const StepSettings& settings, Random& random)
    : TrainingStep(std::move(model), optimizer, std::move(tokens), settings, random, nobody_else()) {}

TrainingStep::TrainingStep(LanguageModel model, Optimizer& optimizer, torch::Tensor tokens,
                           const StepSettings& settings, Random& random, Team& team)
    : model_(std::move(model)),
      optimizer_(optimizer),
      recordable_(settings.recorded ? dynamic_cast<RecordableOptimizer*>(&optimizer) : nullptr),
      tokens_(std::move(tokens)),
      settings_(settings),
      autocast_(settings.bfloat16 && tokens_.is_cuda()),
      random_(random),
      team_(team) {
  const auto numbers = torch::dtype(torch::kFloat32).device(tokens_.device());
  starts_ = torch::zeros({settings_.batch_size}, tokens_.options().dtype(torch::kInt64));
  learning_rate_ = torch::zeros({}, numbers);
  loss_ = torch::zeros({}, numbers);
  norm_ = torch::zeros({}, numbers);
  shared_ = torch::zeros({2}, numbers.dtype(torch::kFloat64));
  if (team_.alone()) {
    if (settings_.by_hand) try_by_hand();
    return;
  }
  for (const auto& part : starts_.chunk(settings_.accumulate)) {
    if (part.size(0) >= team_.size()) continue;
    throw UsageError(
        fmt::format("a part of a batch has {} rows, and there are {} processes", part.size(0), team_.size()));
  }
  average_ = std::make_unique<GradientAverage>(team_, optimizer_.parameters(), settings_.team);
}

TrainingStep::~TrainingStep() = default;

void TrainingStep::try_by_hand() {
  std::string problem;
  const auto gpt = std::dynamic_pointer_cast<GPTImpl>(model_.ptr());
  if (!tokens_.is_cuda() || !settings_.bfloat16) problem = "it computes in bfloat16 on a GPU";
  if (gpt == nullptr) problem = "the model has other parts than GPT-2's";
  if (problem.empty() && (settings_.accumulate != 1 || settings_.context != gpt->options.context)) {
    problem = "the batch is in parts";
  }
  if (problem.empty()) problem = HandStep::obstacle(*gpt, optimizer_);
  std::unique_ptr<StepKernels> kernels;
  if (problem.empty()) {
    KernelChoices choices;
    choices.many_places = CudaKernels::many_places(gpt->options, settings_.batch_size);
    kernels = CudaKernels::make(gpt->options, choices, problem);
  }
  if (kernels == nullptr) {
    news_ = fmt::format("no step by hand: {}", problem);
    return;
  }
  HandSettings hand;
  hand.batch_size = settings_.batch_size;
  hand.context = settings_.context;
  hand.gradient_clip = settings_.gradient_clip;
  by_hand_ =
      std::make_unique<HandStep>(GPT(gpt), dynamic_cast<FlatAdamW&>(optimizer_), tokens_, hand, std::move(kernels));
}

//! [take]
StepReport TrainingStep::take(std::int64_t step, double learning_rate) {
  // What is new in this step: where its windows begin, and how far it goes.
  auto starts = draw_starts(tokens_.size(0), settings_.batch_size, settings_.context, random_);
  // A GPU fetches by itself from memory that stays where it is; from other memory, the processor has to wait for it.
  if (starts_.is_cuda()) starts = starts.pin_memory();
  starts_.copy_(starts, /*non_blocking=*/true);
  learning_rate_.fill_(learning_rate);
  rate_ = learning_rate;

  // The rest is the same in every step.
  if (settings_.recorded && recording_ == nullptr && taken_ >= kWarmUp) record();
  if (recording_ != nullptr) {
    recording_->play();
  } else {
    work();
  }
  ++taken_;
  return {step, learning_rate, loss_, norm_};
}
//! [take]

//! [work]
void TrainingStep::work() {
  if (by_hand_ != nullptr) {
    by_hand_->take_gradients(starts_, loss_);
    by_hand_->move(learning_rate_, norm_);
    return;
  }
  for (auto parameter : optimizer_.parameters()) parameter.mutable_grad().reset();
  const std::vector<torch::Tensor> parts = starts_.chunk(settings_.accumulate);
  if (const auto threads = threads_with_own_texts(parts); threads > 1) {
    const auto loss_of = [this](const torch::Tensor& starts) {
      return scaled_loss(windows_at(tokens_, starts, settings_.context));
    };
    loss_.copy_(gradients_by_threads(optimizer_.parameters(), parts, threads, loss_of));
  } else if (team_.alone()) {
    std::vector<Batch> batches;
    for (const auto& starts : parts) batches.push_back(windows_at(tokens_, starts, settings_.context));
    const auto loss_of = [this](const Batch& batch) { return scaled_loss(batch); };
    loss_.copy_(accumulate_gradients(batches, loss_of, tokens_.device(), autocast_));
  } else {
    loss_.copy_(take_part(parts));
  }
  if (settings_.float16) {
    loss_.div_(settings_.loss_scale.scale);
    norm_.zero_();
    if (!unscale_gradients(optimizer_.parameters(), settings_.loss_scale)) return;
  }

  const double limit = settings_.gradient_clip > 0 ? settings_.gradient_clip : std::numeric_limits<double>::infinity();
  norm_.copy_(clip_gradients(optimizer_.parameters(), limit));
  if (recordable_ != nullptr) {
    recordable_->step_by(learning_rate_);
  } else {
    optimizer_.step(rate_);
  }
}
//! [work]

/// How many threads work on texts of their own; 1 where they share each operation instead.
std::int64_t TrainingStep::threads_with_own_texts(const std::vector<torch::Tensor>& parts) const {
  if (!settings_.own_texts || !tokens_.is_cpu() || !team_.alone() || settings_.float16) return 1;
  if (at::in_parallel_region()) return 1;
  return threads_for_own_texts(*model_, parts, torch::get_num_threads());
}

/// A batch's loss, on a processor with products as asked for; for float16, times the scale, so that small gradients do
/// not become 0 on their way.
torch::Tensor TrainingStep::scaled_loss(const Batch& batch) {
  const HalfProducts products(settings_.bfloat16 && !autocast_);
  if (!settings_.float16) return fast_batch_loss(model_, batch);
  const Autocast autocast(tokens_.device(), true, torch::kFloat16);
  return fast_batch_loss(model_, batch).to(torch::kFloat32) * settings_.loss_scale.scale;
}

//! [take-part]
/// The gradients of the whole batch, of which this rank works on its rows.
torch::Tensor TrainingStep::take_part(const std::vector<torch::Tensor>& parts) {
  // Its rows of each part, and how much they count in the average of all ranks.
  std::vector<Batch> batches;
  std::vector<std::int64_t> first_rows;
  double weight = 0;
  for (const auto& starts : parts) {
    const Rows mine = rows_of(starts.size(0), team_.rank(), team_.size());
    batches.push_back(windows_at(tokens_, starts.narrow(0, mine.first, mine.count), settings_.context));
    first_rows.push_back(mine.first);
    weight += mine.weight * static_cast<double>(starts.size(0)) / static_cast<double>(starts_.size(0));
  }

  average_->begin(static_cast<std::int64_t>(batches.size()));
  std::size_t part = 0;
  const auto loss_of = [&](const Batch& batch) {
    const PartOfBatch here(first_rows[part++], batch.inputs.size(0));
    const auto loss = scaled_loss(batch) * weight;
    average_->expect_backward();
    return loss;
  };
  torch::Tensor loss;
  average_->run([&] { loss = accumulate_gradients(batches, loss_of, tokens_.device(), autocast_); });
  average_->finish();

  // The loss goes the same way, and beside it whether anybody has been asked to stop: so all stop after one step.
  shared_[0].copy_(loss / team_.size());
  shared_[1].fill_(interrupted() ? 1 : 0);
  team_.sum(shared_);
  return shared_[0];
}
//! [take-part]

bool TrainingStep::asked_to_stop() const {
  return team_.alone() ? interrupted() : shared_[1].item<double>() > 0;
}

void TrainingStep::record() {
  if (recordable_ == nullptr) {
    news_ = "no step is recorded: this optimizer's cannot be";
  } else {
    std::string problem;
    recording_ = Recording::make([this] { work(); }, problem);
    news_ = recording_ != nullptr ? "the steps are one recording, played back"
                                  : fmt::format("the steps are not recorded: {}", problem);
  }
  settings_.recorded = recording_ != nullptr;
}

std::string TrainingStep::news() {
  return std::exchange(news_, "");
}

}  // namespace verse
