#include "tests/harness/check.h"
#include "tests/harness/difference.h"

#include <fmt/format.h>

#include <map>
#include <sstream>

#include "common/base/error.h"
#include "common/base/random.h"
#include "tests/harness/test_device.h"

namespace verse {

namespace {

std::string ordinal(std::size_t number) {
  static const char* const names[] = {"first", "second", "third", "fourth", "fifth"};
  return number <= std::size(names) ? names[number - 1] : fmt::format("{}th", number);
}

/// The inputs that the check that runs has made, and what they were.
std::vector<std::pair<torch::Tensor, torch::Tensor>> watched_inputs;

}  // namespace

torch::Tensor normal_input(const std::vector<std::int64_t>& shape, std::uint64_t seed, double deviation) {
  Random random(seed);
  torch::Tensor tensor = torch::empty(shape, torch::kFloat32);
  float* data = tensor.data_ptr<float>();
  for (std::int64_t i = 0; i < tensor.numel(); ++i) data[i] = static_cast<float>(deviation * random.normal());
  return watched(tensor.to(test_device()));
}

torch::Tensor token_input(const std::vector<std::int64_t>& shape, std::int64_t vocabulary_size, std::uint64_t seed) {
  Random random(seed);
  torch::Tensor tensor = torch::empty(shape, torch::kInt64);
  auto* data = tensor.data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < tensor.numel(); ++i) data[i] = random.below(vocabulary_size);
  return watched(tensor.to(test_device()));
}

torch::Tensor watched(torch::Tensor input) {
  watched_inputs.emplace_back(input, input.detach().clone());
  return input;
}

void Answers::begin_watching() {
  watched_inputs.clear();
}

void Answers::end_watching() {
  for (std::size_t i = 0; i < watched_inputs.size(); ++i) {
    const auto& [input, before] = watched_inputs[i];
    if (input.sizes() == before.sizes() && torch::equal(input.detach(), before)) continue;
    effects_.emplace_back("input_changed",
                          fmt::format("An input was changed: what is given stays as it is, unless the exercise says "
                                      "otherwise. (The {} input of the check, {}.) Operations that end in _, and "
                                      "another name for the same tensor, write into it.",
                                      ordinal(i + 1), shape_text(before)));
  }
  watched_inputs.clear();
}

void Answers::add(const std::string& name, const torch::Tensor& value, const Tolerance& tolerance) {
  // A copy: what the subject does to its tensors later is not what it answered here.
  answers_.push_back({name, value.defined() ? value.detach().cpu().clone() : value, tolerance, {}});
}

void Answers::add_for_each(const std::string& name, const torch::Tensor& value, const torch::Tensor& input,
                           const Tolerance& tolerance) {
  add(name, value, tolerance);
  answers_.back().input = input.detach().cpu().clone();
}

void Answers::add(const std::string& name, double value, const Tolerance& tolerance) {
  answers_.push_back({name, torch::tensor(value, torch::kFloat64), tolerance, {}});
}

void Answers::add(const std::string& name, const std::string& value) {
  answers_.push_back({name, value, exact, {}});
}

void Answers::add(const std::string& name, const std::vector<std::int64_t>& values) {
  add(name, torch::tensor(values, torch::kInt64), exact);
}

void Answers::add_gradients(const torch::Tensor& output, const NamedTensors& inputs, const Tolerance& tolerance) {
  if (!output.defined() || !output.requires_grad()) {
    add("gradients", std::string(kNoGradientFlows) +
                         ": the result is cut off from its inputs (a NoGradGuard, detach(), item() or data()?)");
    throw CheckEnded{};
  }
  // Weights that differ from element to element, so that a gradient that has gone to the wrong place shows.
  const auto weights = normal_input(output.sizes().vec(), 271828).to(output.options());
  (output * weights).sum().backward();
  for (const auto& [name, input] : inputs) {
    if (input.grad().defined()) {
      add("the gradient of " + name, input.grad(), tolerance);
    } else {
      add("the gradient of " + name, "none: no path leads back to it");
    }
  }
}

void Answers::add_error(const std::string& name, const std::function<void()>& action,
                        const std::vector<std::string>& words) {
  std::string outcome = "nothing was thrown";
  try {
    action();
  } catch (const NotImplemented&) {
    throw;
  } catch (const std::exception& error) {
    // Type and wanted words are compared; the rest of the wording is the author's.
    const char* type = dynamic_cast<const UsageError*>(&error)              ? "UsageError"
                       : dynamic_cast<const c10::Error*>(&error)            ? "c10::Error"
                       : dynamic_cast<const std::out_of_range*>(&error)     ? "std::out_of_range"
                       : dynamic_cast<const std::invalid_argument*>(&error) ? "std::invalid_argument"
                                                                            : "another std::exception";
    outcome = fmt::format("threw {}", type);
    for (const auto& word : words) {
      const bool said = std::string(error.what()).find(word) != std::string::npos;
      outcome += fmt::format(", {}saying \"{}\"", said ? "" : "not ", word);
    }
  }
  add(name, outcome);
}

void Answers::load_parameters(torch::nn::Module& module) {
  torch::NoGradGuard no_gradients;
  module.to(test_device());
  std::vector<std::pair<std::string, torch::Tensor>> own;
  for (const auto& item : module.named_parameters()) own.emplace_back(item.key(), item.value());
  for (const auto& item : module.named_buffers()) own.emplace_back(item.key(), item.value());

  // The reference's own parameters are what everybody else gets. A check may fill several modules, one after another.
  const std::string prefix = std::to_string(modules_loaded_++) + ":";
  if (truth_ == nullptr) {
    for (const auto& [name, tensor] : own) parameters_.emplace_back(prefix + name, tensor.detach().cpu().clone());
    return;
  }

  // Names and shapes first: without them nothing can be compared.
  std::map<std::string, torch::Tensor> given;
  for (const auto& [name, tensor] : truth_->parameters_) {
    if (name.rfind(prefix, 0) == 0) given.emplace(name.substr(prefix.size()), tensor);
  }
  auto wanted = given;
  std::string problem;
  for (const auto& [name, tensor] : own) {
    const auto found = wanted.find(name);
    if (found == wanted.end()) {
      problem += fmt::format("\n  The module has a parameter `{}` ({}) that the exercise does not ask for.", name,
                             shape_text(tensor));
    } else {
      if (found->second.sizes() != tensor.sizes()) {
        problem += fmt::format("\n  The parameter `{}` should have {}; it has {}.", name, shape_text(found->second),
                               shape_text(tensor));
      }
      wanted.erase(found);
    }
  }
  for (const auto& [name, tensor] : wanted) {
    problem += fmt::format("\n  The module should register a parameter `{}` ({}); there is none of that name.", name,
                           shape_text(tensor));
  }
  if (!problem.empty()) {
    add("the module's parameters", problem);
    throw CheckEnded{};
  }
  for (auto& [name, tensor] : own) tensor.copy_(given.at(name));
}

void Answers::restore(std::vector<Answer> answers, NamedTensors parameters, Effects effects) {
  answers_ = std::move(answers);
  parameters_ = std::move(parameters);
  effects_ = std::move(effects);
}

}  // namespace verse
