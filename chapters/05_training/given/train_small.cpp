#include "05_training/given/train_small.h"

#include "common/base/error.h"
#include "common/base/interrupt.h"
#include "common/base/progress.h"
#include "common/base/random.h"

namespace verse {

//! [train-small]
double train_small(Optimizer& optimizer, std::int64_t tokens_per_step, const LossFunction& next_loss,
                   const SmallTraining& plan) {
  TrainingOptions training;
  training.schedule = plan.schedule;
  training.gradient_clip = plan.gradient_clip;
  training.accumulate = plan.accumulate;
  const std::int64_t steps = plan.schedule.steps;
  Progress progress(steps, tokens_per_step);
  train(optimizer, next_loss, training, [&](const StepReport& report) {
    if (interrupted()) return false;

    // Asking a GPU for a number waits for all it has been told to do, so it is not done at every step.
    const std::int64_t done = report.step + 1;
    if (done % 10 == 0 || done == steps) progress.update(done, report.loss.item<double>());
    if (plan.look_every > 0 && (done % plan.look_every == 0 || done == steps)) {
      progress.pause();
      progress.finish();
      plan.look(done, report);
      progress.go_on();
    }
    return true;
  });
  progress.finish();
  if (interrupted()) throw Interrupted("stopped");
  return progress.tokens_per_second();
}
//! [train-small]

double train_small(const std::vector<torch::Tensor>& parameters, std::int64_t tokens_per_step,
                   const LossFunction& next_loss, const SmallTraining& plan) {
  AdamW optimizer(parameters, plan.adamw);
  return train_small(optimizer, tokens_per_step, next_loss, plan);
}

double train_small(LanguageModel model, const torch::Tensor& tokens, const SmallTraining& plan) {
  Random random(plan.seed);
  const std::int64_t context = model->context();
  const auto next_loss = [&] { return batch_loss(model, draw_batch(tokens, plan.batch_size, context, random)); };
  model->train();
  const double rate = train_small(model->parameters(), plan.batch_size * context * plan.accumulate, next_loss, plan);
  model->eval();
  return rate;
}

}  // namespace verse
