#include "11_modern/given/modern_training.h"

#include "common/base/error.h"
#include "common/base/random.h"

namespace verse {

Schedule modern_schedule(std::int64_t steps) {
  return {0.025, 0.0, 0, steps};
}

FallingRate::FallingRate(std::unique_ptr<Optimizer> optimizer, const Schedule& schedule, double falling)
    : optimizer_(std::move(optimizer)), schedule_(schedule), falling_(falling) {}

void FallingRate::step(double) {
  optimizer_->step(falling_learning_rate(steps_++, schedule_, falling_));
}

std::vector<std::pair<std::string, torch::Tensor>> FallingRate::state() const {
  auto state = optimizer_->state();
  state.emplace_back("rate.step", torch::tensor({steps_}, torch::kInt64));
  return state;
}

void FallingRate::set_state(const std::vector<std::pair<std::string, torch::Tensor>>& state) {
  if (state.empty() || state.back().first != "rate.step") throw UsageError("the optimizer's state has no rate.step");
  optimizer_->set_state({state.begin(), state.end() - 1});
  steps_ = state.back().second.item<std::int64_t>();
}

//! [train-modern]
double train_modern(ModernGPT& model, const torch::Tensor& tokens, SmallTraining plan) {
  plan.schedule = modern_schedule(plan.schedule.steps);
  plan.gradient_clip = 0;
  FallingRate optimizer(modern_optimizer(*model, kModernAdamW), plan.schedule, kModernFalling);
  Random random(plan.seed);
  const auto next_loss = [&] {
    return batch_loss(model, draw_batch(tokens, plan.batch_size, model->context(), random));
  };
  model->train();
  const double rate = train_small(optimizer, plan.batch_size * model->context() * plan.accumulate, next_loss, plan);
  model->eval();
  return rate;
}
//! [train-modern]

}  // namespace verse
