#include "05_training/training.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>

#include "02_embeddings/embeddings.h"
#include "common/base/error.h"

namespace verse {

Batch draw_batch(const torch::Tensor& tokens, std::int64_t batch_size, std::int64_t context, Random& random) {
  //! [5.1]
  // A window is what the model reads and one character more, the last one's target.
  const std::int64_t window = context + 1;
  if (tokens.size(0) < window)
    throw UsageError(
        fmt::format("a text of {} characters has no room for a context of {} and its target", tokens.size(0), context));

  // Every place where a window fits is equally likely to be drawn.
  const auto starts = torch::empty({batch_size}, torch::kInt64);
  for (std::int64_t row = 0; row < batch_size; ++row)
    starts.data_ptr<std::int64_t>()[row] = random.below(tokens.size(0) - window + 1);

  // unfold() sees the text as all its windows without copying any; only those drawn are copied.
  const auto windows = tokens.unfold(0, window, 1).index_select(0, starts.to(tokens.device()));  // [batch, context + 1]

  // Inputs leave the last character out, targets the first: the same text, one position later.
  return {windows.narrow(1, 0, context), windows.narrow(1, 1, context)};
  //! [5.1]
}

torch::Tensor batch_loss(LanguageModel model, const Batch& batch) {
  //! [5.2]
  const auto logits = model->forward(batch.inputs);  // [batch, context, vocabulary]

  // Each position of each window is one prediction, and all of them count alike.
  return cross_entropy(logits.flatten(0, 1), batch.targets.flatten());
  //! [5.2]
}

void update_moments(Moments& moments, const torch::Tensor& gradient, double beta1, double beta2) {
  //! [5.3]
  // Each mean keeps a share beta of what it was and takes the rest from what is new.
  moments.first.mul_(beta1).add_(gradient, 1 - beta1);
  moments.second.mul_(beta2).addcmul_(gradient, gradient, 1 - beta2);
  //! [5.3]
}

torch::Tensor adam_direction(const Moments& moments, std::int64_t step, const AdamWOptions& options) {
  //! [5.4]
  // Means that began at 0 hold only a share 1 - beta^step of what they average; dividing by it makes up for that.
  const auto t = static_cast<double>(step);
  const auto mean = moments.first / (1 - std::pow(options.beta1, t));
  const auto mean_square = moments.second / (1 - std::pow(options.beta2, t));

  // Over its root mean square, a gradient is near 1 in size, whatever its scale; epsilon keeps 0 / 0 from happening.
  return mean / (mean_square.sqrt() + options.epsilon);
  //! [5.4]
}

void adamw_update(torch::Tensor& parameter, Moments& moments, std::int64_t step, double learning_rate,
                  const AdamWOptions& options) {
  //! [5.5]
  const torch::NoGradGuard no_gradients;
  update_moments(moments, parameter.grad(), options.beta1, options.beta2);

  // Decay pulls matrices and tables towards 0 by itself. It is no part of the gradient, so the moments never see it.
  if (parameter.dim() >= 2) parameter.mul_(1 - learning_rate * options.weight_decay);

  parameter.sub_(adam_direction(moments, step, options), learning_rate);
  //! [5.5]
}

AdamW::AdamW(std::vector<torch::Tensor> parameters, const AdamWOptions& options)
    : parameters_(std::move(parameters)), options_(options) {
  for (const auto& parameter : parameters_)
    moments_.push_back({torch::zeros_like(parameter).detach(), torch::zeros_like(parameter).detach()});
}

//! [adamw-step]
void AdamW::step(double learning_rate) {
  ++steps_;
  for (std::size_t i = 0; i < parameters_.size(); ++i)
    if (parameters_[i].grad().defined()) adamw_update(parameters_[i], moments_[i], steps_, learning_rate, options_);
}
//! [adamw-step]

std::vector<std::pair<std::string, torch::Tensor>> AdamW::state() const {
  std::vector<std::pair<std::string, torch::Tensor>> state = {{"step", torch::tensor({steps_}, torch::kInt64)}};
  for (std::size_t i = 0; i < moments_.size(); ++i) {
    state.emplace_back(fmt::format("first.{}", i), moments_[i].first.clone());
    state.emplace_back(fmt::format("second.{}", i), moments_[i].second.clone());
  }
  return state;
}

void AdamW::set_state(const std::vector<std::pair<std::string, torch::Tensor>>& state) {
  // Everything is compared before anything is taken: a mismatch leaves the optimizer as it was.
  const auto mine = this->state();
  if (state.size() != mine.size())
    throw UsageError(fmt::format("an optimizer's state of {} tensors, expected {}", state.size(), mine.size()));
  const std::map<std::string, torch::Tensor> given(state.begin(), state.end());  // in whatever order they come
  for (const auto& [name, tensor] : mine) {
    const auto found = given.find(name);
    if (found == given.end() || !found->second.sizes().equals(tensor.sizes()))
      throw UsageError(fmt::format("the optimizer's state has no {}, or another shape of it", name));
  }

  const torch::NoGradGuard no_gradients;
  steps_ = given.at("step").item<std::int64_t>();
  for (std::size_t i = 0; i < moments_.size(); ++i) {
    moments_[i].first.copy_(given.at(fmt::format("first.{}", i)));
    moments_[i].second.copy_(given.at(fmt::format("second.{}", i)));
  }
}

double learning_rate_at(std::int64_t step, const Schedule& schedule) {
  //! [5.6]
  // Up: a straight line from 0, because the first gradients of a fresh model are too rough for full steps.
  if (step < schedule.warmup) return schedule.peak * static_cast<double>(step) / static_cast<double>(schedule.warmup);
  if (step >= schedule.steps) return schedule.minimum;

  // Down: half a cosine, which lingers near the peak, then near the minimum.
  const double progress =
      static_cast<double>(step - schedule.warmup) / static_cast<double>(schedule.steps - schedule.warmup);
  return schedule.minimum + (schedule.peak - schedule.minimum) * 0.5 * (1 + std::cos(M_PI * progress));
  //! [5.6]
}

torch::Tensor clip_gradients(const std::vector<torch::Tensor>& parameters, double limit) {
  //! [5.7]
  const torch::NoGradGuard no_gradients;
  std::vector<torch::Tensor> gradients;
  for (const auto& parameter : parameters)
    if (parameter.grad().defined()) gradients.push_back(parameter.grad());
  if (gradients.empty()) return torch::zeros({});

  // The norm of all gradients laid end to end is the norm of their norms.
  const auto norm = torch::stack(at::_foreach_norm(gradients)).norm();

  // One factor for all keeps their common direction. It is computed where the gradients are: nothing waits for it.
  const auto factor = (limit / (norm + 1e-6)).clamp_max(1.0);
  at::_foreach_mul_(gradients, factor);
  return norm;
  //! [5.7]
}

double evaluate(LanguageModel model, const torch::Tensor& tokens, std::int64_t batch_size) {
  if (tokens.size(0) < 2) throw UsageError("a loss needs a text of at least two characters");
  //! [5.8]
  const torch::NoGradGuard no_gradients;
  const EvaluationMode evaluating(*model);

  // Every character but the first is predicted once; a mean has to be weighted by how many it stands for.
  const std::int64_t context = model->context();
  const std::int64_t predictions = tokens.size(0) - 1;
  auto total = torch::zeros({}, torch::dtype(torch::kFloat64).device(tokens.device()));
  const auto add = [&](std::int64_t first, std::int64_t rows, std::int64_t length) {
    const auto inputs = tokens.narrow(0, first, rows * length).view({rows, length});
    const auto targets = tokens.narrow(0, first + 1, rows * length).view({rows, length});
    total += batch_loss(model, {inputs, targets}) * static_cast<double>(rows * length);
  };

  // Whole windows, many at a time, and then what is left at the end of the text.
  const std::int64_t windows = predictions / context;
  for (std::int64_t row = 0; row < windows; row += batch_size)
    add(row * context, std::min(batch_size, windows - row), context);
  if (predictions % context > 0) add(windows * context, 1, predictions % context);

  return total.item<double>() / static_cast<double>(predictions);
  //! [5.8]
}

void train(Optimizer& optimizer, const LossFunction& next_loss, const TrainingOptions& options,
           const StepListener& after_step) {
  //! [5.9]
  for (std::int64_t step = options.first_step; step < options.schedule.steps; ++step) {
    // Gradients add up until they are cleared. One that is undefined is simply written by the next backward pass.
    for (auto parameter : optimizer.parameters()) parameter.mutable_grad().reset();

    // The gradient of the mean over the step's batches is the sum of the gradients of their shares.
    StepReport report;
    for (std::int64_t i = 0; i < options.accumulate; ++i) {
      const auto loss = next_loss() / static_cast<double>(options.accumulate);
      loss.backward();
      report.loss = i == 0 ? loss.detach() : report.loss + loss.detach();
    }

    const double limit = options.gradient_clip > 0 ? options.gradient_clip : std::numeric_limits<double>::infinity();
    report.gradient_norm = clip_gradients(optimizer.parameters(), limit);
    report.step = step;
    report.learning_rate = learning_rate_at(step, options.schedule);
    optimizer.step(report.learning_rate);

    if (!after_step(report)) break;
  }
  //! [5.9]
}

}  // namespace verse
