#pragma once

/// @file
/// Chapter 5: batches, the loss, AdamW, the learning rate's schedule, and the loop that uses them.

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "04_blocks/blocks.h"
#include "common/base/random.h"

namespace verse {

/// What a model reads and what it should have said: targets are the inputs, one position later.
struct Batch {
  torch::Tensor inputs;   ///< [batch, context], int64
  torch::Tensor targets;  ///< [batch, context], int64
};

/// Windows that begin at random places of the text. (Exercise 5.1)
/// @param tokens [characters], int64, on the device where the batch is wanted
/// @throws UsageError when the text has no room for a window and its target (context + 1 characters).
Batch draw_batch(const torch::Tensor& tokens, std::int64_t batch_size, std::int64_t context, Random& random);

/// Mean cross-entropy in nats of the targets under the model, with chapter 2's cross-entropy. (Exercise 5.2)
/// @return a scalar that gradients flow through
torch::Tensor batch_loss(LanguageModel model, const Batch& batch);

/// AdamW's settings (Loshchilov and Hutter 2019); the defaults are nanoGPT's for characters.
struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.99;
  double epsilon = 1e-8;
  double weight_decay = 0.1;  ///< on matrices and tables, never on biases and gains
};

/// What AdamW remembers of one parameter.
struct Moments {
  torch::Tensor first;   ///< running mean of the gradient
  torch::Tensor second;  ///< running mean of its square
};

/// Moves both running means towards the gradient and its square, in place. (Exercise 5.3) Kingma and Ba 2015,
/// algorithm 1.
void update_moments(Moments& moments, const torch::Tensor& gradient, double beta1, double beta2);

/// The direction to step in: the first moment over the root of the second, both corrected for having started at zero.
/// (Exercise 5.4) @param step counts from 1 @return the parameter's shape
torch::Tensor adam_direction(const Moments& moments, std::int64_t step, const AdamWOptions& options);

/// One parameter's step, in place: its moments move by its gradient, it decays by itself, and it takes learning_rate
/// times the direction. (Exercise 5.5) Matrices and tables (two dimensions and more) decay, vectors do not.
/// @param parameter has a gradient @param step counts from 1
void adamw_update(torch::Tensor& parameter, Moments& moments, std::int64_t step, double learning_rate,
                  const AdamWOptions& options);

/// What the training loop asks of an optimizer.
class Optimizer {
 public:
  virtual ~Optimizer() = default;

  /// Moves every parameter by its gradient. @param learning_rate of this step
  virtual void step(double learning_rate) = 0;

  /// The parameters that it moves.
  virtual const std::vector<torch::Tensor>& parameters() const = 0;

  /// Everything to be saved so that training can go on exactly: the step count, then each parameter's moments.
  virtual std::vector<std::pair<std::string, torch::Tensor>> state() const = 0;

  /// Takes back what state() gave. @throws UsageError when names or shapes differ.
  virtual void set_state(const std::vector<std::pair<std::string, torch::Tensor>>& state) = 0;
};

/// AdamW by the functions above: the form to read.
class AdamW : public Optimizer {
 public:
  AdamW(std::vector<torch::Tensor> parameters, const AdamWOptions& options);

  void step(double learning_rate) override;
  const std::vector<torch::Tensor>& parameters() const override { return parameters_; }
  std::vector<std::pair<std::string, torch::Tensor>> state() const override;
  void set_state(const std::vector<std::pair<std::string, torch::Tensor>>& state) override;

 protected:
  std::vector<torch::Tensor> parameters_;
  std::vector<Moments> moments_;
  AdamWOptions options_;
  std::int64_t steps_ = 0;
};

/// Linear warm-up, then half a cosine from the peak down to the minimum.
struct Schedule {
  double peak = 1e-3;
  double minimum = 1e-4;
  std::int64_t warmup = 100;
  std::int64_t steps = 5000;  ///< of the whole training; the minimum is reached here
};

/// The learning rate of a step as an exact function of it. (Exercise 5.6)
/// Steps count from 0: peak * step / warmup below warmup; the peak at warmup; the minimum at `steps` and after.
/// Loshchilov and Hutter 2017, equation 5, without restarts.
double learning_rate_at(std::int64_t step, const Schedule& schedule);

/// Scales all gradients together so that their common norm is at most `limit`. (Exercise 5.7) Pascanu et al. 2013,
/// section 3.2.
/// Parameters without a gradient do not count.
/// @return the norm before, a scalar tensor (left on its device, so that asking for it does not wait)
torch::Tensor clip_gradients(const std::vector<torch::Tensor>& parameters, double limit);

/// The loss over a whole text in windows one context apart, dropout off, no gradients; the model is left in the mode it
/// was in. (Exercise 5.8) Each window reads `context` characters and is asked for the next ones; characters after the
/// last whole window form a shorter one, so that every character but the first is predicted once.
/// @param tokens [characters], int64, on the model's device @param batch_size windows at a time: some 2,000 characters
/// are fastest on a CPU, more on a GPU
/// @return nats a character @throws UsageError for fewer than two characters
double evaluate(LanguageModel model, const torch::Tensor& tokens, std::int64_t batch_size);

/// What a training loop needs to know.
struct TrainingOptions {
  std::int64_t first_step = 0;  ///< where to go on; 0 for a new run
  Schedule schedule;            ///< its `steps` is where the loop ends
  double gradient_clip = 1.0;   ///< 0 for none
  std::int64_t accumulate = 1;  ///< batches whose gradients are averaged for one step
};

/// What happened in a step.
struct StepReport {
  std::int64_t step = 0;  ///< this step's number, from 0
  double learning_rate = 0;
  torch::Tensor loss;           ///< scalar, detached, on its device: the mean over the step's batches
  torch::Tensor gradient_norm;  ///< scalar, before clipping
};

/// Draws a batch and gives its loss; the loop calls it `accumulate` times a step.
using LossFunction = std::function<torch::Tensor()>;

/// Hears of every step; returns false to stop.
using StepListener = std::function<bool(const StepReport&)>;

/// The loop: loss, gradients, clipping, optimizer, next. (Exercise 5.9)
/// It knows nothing of text: whatever has a loss can be trained with it.
void train(Optimizer& optimizer, const LossFunction& next_loss, const TrainingOptions& options,
           const StepListener& after_step);

}  // namespace verse
