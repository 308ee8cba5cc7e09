#pragma once

/// @file
/// Chapter 11: how a ModernGPT is trained by chapter 5's loop. Given, not an exercise.

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "05_training/given/train_small.h"
#include "11_modern/given/modern_gpt.h"

namespace verse {

/// AdamW's settings for what Muon leaves to it: shorter memories than chapter 5's, and no decay.
inline constexpr AdamWOptions kModernAdamW{0.8, 0.95, 1e-8, 0.0};

/// The share of the steps in which the learning rate falls.
inline constexpr double kModernFalling = 0.6;

/// The peak of the learning rate is Muon's; it falls to nothing. @see falling_learning_rate()
Schedule modern_schedule(std::int64_t steps);

/// An optimizer whose learning rate stays and then falls in a straight line, whatever the loop's schedule asks for.
class FallingRate : public Optimizer {
 public:
  /// @param falling share of the steps in which it falls
  FallingRate(std::unique_ptr<Optimizer> optimizer, const Schedule& schedule, double falling);

  void step(double learning_rate) override;
  const std::vector<torch::Tensor>& parameters() const override { return optimizer_->parameters(); }
  std::vector<std::pair<std::string, torch::Tensor>> state() const override;
  void set_state(const std::vector<std::pair<std::string, torch::Tensor>>& state) override;

 private:
  std::unique_ptr<Optimizer> optimizer_;
  Schedule schedule_;
  double falling_;
  std::int64_t steps_ = 0;
};

/// Trains by train_small(), with the optimizer that goes with the model, and nothing clipped. Of the plan, its looks,
/// the batch's size and the seed count, and of its schedule the steps. The model is then in evaluation mode.
/// @param tokens [characters], int64, on the model's device @return characters a second @throws Interrupted
double train_modern(ModernGPT& model, const torch::Tensor& tokens, SmallTraining plan);

}  // namespace verse
