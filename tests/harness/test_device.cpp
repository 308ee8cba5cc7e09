#include "tests/harness/test_device.h"

#include <ATen/Context.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/library.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/device.h"

namespace verse {

namespace {

/// LibTorch asks this key's function first, whatever the operation, in a thread that has switched it on.
constexpr auto kKey = c10::DispatchKey::TESTING_ONLY_GenericMode;

torch::Device& device() {
  static torch::Device chosen = torch::kCPU;
  return chosen;
}

/// Calls `use` with every tensor in an argument, which may be a list, and takes over what it returns.
void change_tensors(c10::IValue& value, const std::function<torch::Tensor(const torch::Tensor&)>& use) {
  if (value.isTensor()) {
    if (value.toTensor().defined()) value = use(value.toTensor());
  } else if (value.isTensorList()) {
    auto list = value.toTensorList().copy();
    for (std::size_t i = 0; i < list.size(); ++i) list.set(i, use(list.get(i)));
    value = list;
  } else if (value.isOptionalTensorList()) {
    auto list = value.toOptionalTensorList().copy();
    for (std::size_t i = 0; i < list.size(); ++i) {
      const std::optional<torch::Tensor> item = list.get(i);
      if (item && item->defined()) list.set(i, std::optional<torch::Tensor>(use(*item)));
    }
    value = list;
  }
}

/// A number that C++ code wrote beside a tensor takes part in any operation as it is.
bool is_plain_number(const torch::Tensor& tensor) {
  return tensor.unsafeGetTensorImpl()->is_wrapped_number();
}

void move_all(c10::IValue& value, torch::Device to) {
  change_tensors(value, [to](const torch::Tensor& tensor) {
    return tensor.device() == to || is_plain_number(tensor) ? tensor : tensor.to(to);
  });
}

/// What an operation is about to work on.
struct Tensors {
  bool any = false;
  bool on_device = false, elsewhere = false;
  std::optional<std::size_t> written;  ///< the first argument that is written to
  torch::Device written_at = torch::kCPU;
};

Tensors look_at(const c10::FunctionSchema& schema, at::ArrayRef<c10::IValue> arguments) {
  Tensors seen;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    c10::IValue value = arguments[i];
    const auto* alias = schema.arguments()[i].alias_info();
    change_tensors(value, [&](const torch::Tensor& tensor) {
      seen.any = true;
      if (is_plain_number(tensor)) return tensor;
      (tensor.device() == device() ? seen.on_device : seen.elsewhere) = true;
      if (alias != nullptr && alias->isWrite() && !seen.written) {
        seen.written = i;
        seen.written_at = tensor.device();
      }
      return tensor;
    });
  }
  return seen;
}

/// Whether chance takes part in an operation.
bool is_random(const c10::FunctionSchema& schema) {
  static const std::set<std::string> by_name{"aten::dropout", "aten::dropout_", "aten::native_dropout"};
  if (by_name.count(schema.name()) > 0) return true;
  const auto& arguments = schema.arguments();
  return std::any_of(arguments.begin(), arguments.end(),
                     [](const auto& argument) { return argument.name() == "generator"; });
}

/// Whether an operation makes a new tensor with values in it, where nobody has said where. (What has no values yet is
/// filled by code that reads and writes memory itself.)
bool makes_values(const c10::FunctionSchema& schema, at::ArrayRef<c10::IValue> arguments) {
  if (schema.name().rfind("aten::empty", 0) == 0 || schema.returns().size() != 1) return false;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (schema.arguments()[i].name() == "device") return arguments[i].isNone();
  }
  return false;
}

/// What happens instead of each operation.
void on_device(const c10::OperatorHandle& operation, c10::DispatchKeySet, torch::jit::Stack* stack) {
  const c10::impl::ExcludeDispatchKeyGuard as_usual_below(kKey);
  static const std::set<std::string> moving{"aten::to", "aten::_to_copy", "aten::copy_", "aten::set_",
                                            "aten::set_data"};
  const auto& schema = operation.schema();
  const auto arguments = torch::jit::last(*stack, schema.arguments().size());
  const std::size_t first = stack->size() - arguments.size();
  const Tensors seen = look_at(schema, arguments);

  if (!seen.any) {
    const bool new_values = makes_values(schema, arguments);
    operation.callBoxed(stack);
    if (new_values) move_all(stack->back(), device());
  } else if (moving.count(schema.name()) > 0 || !seen.on_device) {
    operation.callBoxed(stack);
  } else if (is_random(schema)) {
    std::optional<torch::Tensor> written;
    if (seen.written) written = arguments[*seen.written].toTensor();
    for (std::size_t i = first; i < stack->size(); ++i) move_all((*stack)[i], torch::kCPU);
    operation.callBoxed(stack);
    if (written) {
      written->copy_(stack->back().toTensor());
      stack->back() = *written;
    } else {
      for (std::size_t i = stack->size() - schema.returns().size(); i < stack->size(); ++i) {
        move_all((*stack)[i], device());
      }
    }
  } else {
    const torch::Device to = seen.written ? seen.written_at : device();
    // Of several tensors that are written to (a list of parameters, say), some may lie elsewhere: they are written to
    // by way of a copy.
    std::vector<std::pair<torch::Tensor, torch::Tensor>> written_elsewhere;
    if (seen.elsewhere) {
      for (std::size_t i = first; i < stack->size(); ++i) {
        const auto* alias = schema.arguments()[i - first].alias_info();
        change_tensors((*stack)[i], [&](const torch::Tensor& tensor) {
          if (tensor.device() == to || is_plain_number(tensor)) return tensor;
          const auto moved = tensor.to(to);
          if (alias != nullptr && alias->isWrite()) written_elsewhere.emplace_back(tensor, moved);
          return moved;
        });
      }
    }
    operation.callBoxed(stack);
    for (auto& [tensor, moved] : written_elsewhere) {
      const torch::NoGradGuard no_gradients;
      tensor.copy_(moved);
    }
  }
}

}  // namespace

torch::Device test_device() {
  return device();
}

void move_tests_to(torch::Device to) {
  static torch::Library library(torch::Library::IMPL, "_", kKey, __FILE__, __LINE__);
  static const bool registered = [] {
    library.fallback(torch::CppFunction::makeFromBoxedFunction<&on_device>());
    return true;
  }();
  (void)registered;
  device() = to;
  c10::impl::tls_set_dispatch_key_included(kKey, !to.is_cpu());
}

void move_tests_where_asked() {
  const char* name = std::getenv("VERSE_DEVICE");
  if (name == nullptr || *name == '\0') return;
  const torch::Device to = choose_device(name).device;
  if (to.is_cpu()) return;
  // Tests are held to float32, whose products the programs take in TF32.
  at::globalContext().setAllowTF32CuBLAS(false);
  move_tests_to(to);
}

}  // namespace verse
