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
  // Exercise 5.1: Batches. Read "Windows of the text" in README.md, then replace the next line; make hint-5.1 helps.
  throw NotImplemented("5.1");
  //! [5.1]
}

torch::Tensor batch_loss(LanguageModel model, const Batch& batch) {
  //! [5.2]
  // Exercise 5.2. Read "The loss of a batch" in README.md, then replace the next line; make hint-5.2 helps.
  throw NotImplemented("5.2");
  //! [5.2]
}

void update_moments(Moments& moments, const torch::Tensor& gradient, double beta1, double beta2) {
  //! [5.3]
  // Exercise 5.3: AdamW: moments. Read "Running means" in README.md, then replace the next line; make hint-5.3 helps.
  throw NotImplemented("5.3");
  //! [5.3]
}

torch::Tensor adam_direction(const Moments& moments, std::int64_t step, const AdamWOptions& options) {
  //! [5.4]
  // Exercise 5.4. Read "Correcting the start at zero" in README.md, then replace the next line; make hint-5.4 helps.
  throw NotImplemented("5.4");
  //! [5.4]
}

void adamw_update(torch::Tensor& parameter, Moments& moments, std::int64_t step, double learning_rate,
                  const AdamWOptions& options) {
  //! [5.5]
  // Exercise 5.5. Read "Weight decay" in README.md, then replace the next line; make hint-5.5 helps.
  throw NotImplemented("5.5");
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
  // Exercise 5.6. Read "The learning rate's schedule" in README.md, then replace the next line; make hint-5.6 helps.
  throw NotImplemented("5.6");
  //! [5.6]
}

torch::Tensor clip_gradients(const std::vector<torch::Tensor>& parameters, double limit) {
  //! [5.7]
  // Exercise 5.7: Clipping. Read "Clipping the gradient" in README.md, then replace the next line; make hint-5.7 helps.
  // New here: at::_foreach_norm(tensors)
  //   does: the norm of each of many tensors, in one call
  // New here: at::_foreach_mul_(tensors, factor)
  //   does: multiplies many tensors in place, in one call
  throw NotImplemented("5.7");
  //! [5.7]
}

double evaluate(LanguageModel model, const torch::Tensor& tokens, std::int64_t batch_size) {
  if (tokens.size(0) < 2) throw UsageError("a loss needs a text of at least two characters");
  //! [5.8]
  // Exercise 5.8: Evaluation. Read "Two losses" in README.md, then replace the next line; make hint-5.8 helps.
  throw NotImplemented("5.8");
  //! [5.8]
}

void train(Optimizer& optimizer, const LossFunction& next_loss, const TrainingOptions& options,
           const StepListener& after_step) {
  //! [5.9]
  // Exercise 5.9: The loop. Read "The loop" in README.md, then replace the next line; make hint-5.9 helps.
  throw NotImplemented("5.9");
  //! [5.9]
}

}  // namespace verse
