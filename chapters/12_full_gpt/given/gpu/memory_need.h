#pragma once

/// @file
/// How much of a GPU's memory a step of training takes, and what would fit where it takes too much.

#include <torch/torch.h>

#include <cstdint>
#include <string>

#include "12_full_gpt/given/training/recipes.h"
#include "12_full_gpt/given/training/training_step.h"

namespace verse {

/// The most memory that a step holds at a time, in bytes: so much at any rate, and so much for each window.
struct MemoryNeed {
  double fixed = 0;
  double each = 0;
};

/// How many processes share a batch's windows, and whether also the optimizer's state.
struct MemorySharing {
  std::int64_t processes = 1;
  bool optimizer = false;
};

/// What the tensors of a training certainly need: the model with its gradients and the optimizer's state, and for each
/// window what a backward pass asks for again. What a step really takes is more: measured in
/// tests/benchmarks/preset_memory.py.
MemoryNeed least_memory_need(const Recipe& recipe, torch::Device device, const MemorySharing& sharing = {});

/// The windows that are in memory at a time.
std::int64_t windows_at_a_time(const Recipe& recipe, const MemorySharing& sharing = {});

/// Refuses a recipe that cannot fit into a device's memory, before anything of it is built. It counts what is certainly
/// needed, so that what would just fit is never refused.
/// @throws UsageError that says what is needed, what there is, and what would fit
void need_memory_for(const Recipe& recipe, torch::Device device, const MemorySharing& sharing = {});

/// A line through two measurements.
/// @param bytes the most that a step of so many windows held @param more_windows more than `windows`
MemoryNeed memory_need(std::int64_t windows, std::int64_t bytes, std::int64_t more_windows, std::int64_t more_bytes);

/// The same, measured by two small steps, which change the model. On a GPU only.
MemoryNeed measure_memory_need(const LanguageModel& model, Optimizer& optimizer, const torch::Tensor& tokens,
                               StepSettings settings);

/// One line on a batch that was too large for `room` bytes: what it needs, and what would fit, a tenth of the room
/// being left over.
std::string memory_advice(const MemoryNeed& need, std::int64_t room, const StepSettings& settings);

/// What to say where a step met the end of a GPU's memory: that advice, or LibTorch's own message in one line where no
/// small step fits either. The model is of no use afterwards; the state saved last is.
std::string memory_trouble(const LanguageModel& model, Optimizer& optimizer, const torch::Tensor& tokens,
                           const StepSettings& settings, const c10::OutOfMemoryError& error);

}  // namespace verse
