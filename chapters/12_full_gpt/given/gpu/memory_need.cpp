#include "12_full_gpt/given/gpu/memory_need.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/device.h"

namespace verse {

MemoryNeed memory_need(std::int64_t windows, std::int64_t bytes, std::int64_t more_windows, std::int64_t more_bytes) {
  MemoryNeed need;
  need.each = static_cast<double>(more_bytes - bytes) / static_cast<double>(more_windows - windows);
  need.fixed = static_cast<double>(bytes) - need.each * static_cast<double>(windows);
  return need;
}

MemoryNeed measure_memory_need(const LanguageModel& model, Optimizer& optimizer, const torch::Tensor& tokens,
                               StepSettings settings) {
  constexpr std::int64_t kWindows = 4, kMoreWindows = 12;
  const auto most_memory = [&](std::int64_t windows) {
    Random random(1);
    settings.batch_size = windows;
    settings.accumulate = 1;
    settings.recorded = false;
    forget_peak_memory(tokens.device());
    TrainingStep(model, optimizer, tokens, settings, random).take(0, 0.0);
    return peak_memory(tokens.device()).value_or(0);
  };
  most_memory(kWindows);  // libraries take memory for themselves the first time
  const std::int64_t bytes = most_memory(kWindows), more_bytes = most_memory(kMoreWindows);
  return memory_need(kWindows, bytes, kMoreWindows, more_bytes);
}

MemoryNeed least_memory_need(const Recipe& recipe, torch::Device device, const MemorySharing& sharing) {
  const GPTOptions& model = recipe.model;
  const auto width = static_cast<double>(model.width), layers = static_cast<double>(model.layers),
             vocabulary = static_cast<double>(model.vocabulary_size), context = static_cast<double>(model.context);
  const double matrices = 12 * layers * width * width;
  const double parameters =
      recipe.llama ? static_cast<double>(llama_parameters(*recipe.llama)) : vocabulary * width + matrices;
  // Of a parameter: itself, its gradient, and AdamW's two moments or Muon's one, four bytes each. Muon has the
  // matrices.
  const bool muon = recipe.modern && !recipe.llama && !recipe.without.contains(Part::muon);
  const double moments = 8 * parameters - (muon ? 4 * matrices : 0);
  const double sharers = sharing.optimizer ? static_cast<double>(sharing.processes) : 1;
  // Of a position: in each layer, what backward asks for again (two norms, queries, keys and values, what the heads
  // bring home, the MLP's inside before and after its bend: 14 times the width), and at the end the logits with their
  // gradient. On a GPU, in 16 bits where 32 are not asked for. On a processor, products in bfloat16 keep what goes into
  // them in 16 bits (norms, what the heads bring home, the MLP's inside after its bend: 7 of the 14); the rest stays.
  const double bytes = device.is_cuda() && recipe.precision != "fp32" ? 2 : 4;
  const bool half_products = !device.is_cuda() && recipe.precision == "bf16";
  const double of_layer = (half_products ? 7 * 2 + 7 * 4 : 14 * bytes) * width;
  MemoryNeed need;
  need.fixed = parameters * 8 + moments / sharers;
  need.each = context * (of_layer * layers + 2 * bytes * vocabulary);
  return need;
}

std::int64_t windows_at_a_time(const Recipe& recipe, const MemorySharing& sharing) {
  const std::int64_t parts = recipe.accumulate * sharing.processes;
  return (recipe.batch_size + parts - 1) / parts;
}

void need_memory_for(const Recipe& recipe, torch::Device device, const MemorySharing& sharing) {
  const GPTOptions& model = recipe.model;
  const auto [fixed, window] = least_memory_need(recipe, device, sharing);
  const std::int64_t at_a_time = windows_at_a_time(recipe, sharing);

  const bool gpu = device.is_cuda();
  const double there = gpu ? static_cast<double>(memory_for_tensors(device)) : machine_memory();
  const char* where = gpu ? "the GPU" : "this machine";
  const std::string sizes = fmt::format("--layers {} and --width {}", model.layers, model.width);
  need_memory(fixed, "a model with " + sizes, "fewer layers or a smaller width fit", there, where);
  const double fit = std::floor((there - fixed) / window), needed = fixed + window * static_cast<double>(at_a_time);
  const std::string what =
      fmt::format("a batch of {} windows of {} with {}", with_commas(at_a_time), model.context, sizes);
  if (fit < 1) return need_memory(needed, what, "a smaller --context fits", there, where);
  const auto windows = std::min(static_cast<std::int64_t>(fit), at_a_time);
  const std::int64_t together = windows * sharing.processes;
  need_memory(needed, what,
              fmt::format("no more fit than --batch-size {}, or --accumulate {}", together,
                          (recipe.batch_size + together - 1) / together),
              there, where);
}

std::string memory_advice(const MemoryNeed& need, std::int64_t room, const StepSettings& settings) {
  constexpr double kGibibyte = 1024.0 * 1024.0 * 1024.0;
  const std::int64_t at_a_time = (settings.batch_size + settings.accumulate - 1) / settings.accumulate;
  std::string text =
      fmt::format("the GPU's memory does not suffice: {} windows at a time need about {:.1f} GiB, and {:.1f} are there",
                  with_commas(at_a_time), (need.fixed + need.each * static_cast<double>(at_a_time)) / kGibibyte,
                  static_cast<double>(room) / kGibibyte);
  const double fit = std::floor((0.9 * static_cast<double>(room) - need.fixed) / std::max(need.each, 1.0));
  if (fit < 1) return text + "; not one would fit, so the model is too large, or its --context";
  const auto windows = std::min(static_cast<std::int64_t>(fit), at_a_time);
  const std::int64_t parts = (settings.batch_size + windows - 1) / windows;
  return text + fmt::format("; --batch-size {}, or --accumulate {}, would fit", windows, parts);
}

std::string memory_trouble(const LanguageModel& model, Optimizer& optimizer, const torch::Tensor& tokens,
                           const StepSettings& settings, const c10::OutOfMemoryError& error) {
  try {
    const std::int64_t room = memory_for_tensors(tokens.device());
    return memory_advice(measure_memory_need(model, optimizer, tokens, settings), room, settings);
  } catch (const c10::Error&) {
    return out_of_memory_line(error.what_without_backtrace());
  }
}

}  // namespace verse
