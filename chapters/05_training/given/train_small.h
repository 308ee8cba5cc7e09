#pragma once

/// @file
/// Chapter 5: the loop as programs use it, with AdamW, a schedule, progress and Ctrl-C around it. Given, not an
/// exercise.

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "05_training/training.h"

namespace verse {

/// Hears what has become of a training so far. @param done steps taken @param last what happened in the last of them
using Look = std::function<void(std::int64_t done, const StepReport& last)>;

/// What train_small() needs to know.
struct SmallTraining {
  Schedule schedule;  ///< its `steps` is where training ends
  AdamWOptions adamw;
  double gradient_clip = 1.0;    ///< 0 for none
  std::int64_t accumulate = 1;   ///< batches whose gradients are averaged for one step
  std::int64_t batch_size = 12;  ///< windows, or whatever a batch consists of
  std::uint64_t seed = 1;        ///< of the places where windows begin
  std::int64_t look_every = 0;   ///< steps from one look to the next; 0 for none
  Look look;                     ///< called then and after the last step; its time does not count as training's
};

/// Trains by train(), shows progress on standard error, and stops on Ctrl-C.
/// @param tokens_per_step what a step reads, for the rate that is shown @param next_loss as train() has it
/// @return tokens read a second, looks left out
/// @throws Interrupted on Ctrl-C; what was learned until then stays learned
double train_small(Optimizer& optimizer, std::int64_t tokens_per_step, const LossFunction& next_loss,
                   const SmallTraining& plan);

/// The same with AdamW for these parameters.
double train_small(const std::vector<torch::Tensor>& parameters, std::int64_t tokens_per_step,
                   const LossFunction& next_loss, const SmallTraining& plan);

/// The same for a language model, with AdamW, on windows of a text drawn by plan.seed. The model is then in evaluation
/// mode.
/// @param tokens [characters], int64, on the model's device
double train_small(LanguageModel model, const torch::Tensor& tokens, const SmallTraining& plan);

}  // namespace verse
