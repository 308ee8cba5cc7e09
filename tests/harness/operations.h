#pragma once

/// @file
/// Which of LibTorch's operations a piece of code calls: where the way is the lesson, a check looks at the way.

#include <ATen/record_function.h>

#include <functional>
#include <map>
#include <string>

namespace verse {

/// Runs `action` and counts the operations that it calls on this thread, by name ("aten::matmul"). With
/// at::RecordScope::BACKWARD_FUNCTION, the steps that autograd takes back ("TanhBackward0").
inline std::map<std::string, int> operations_called(const std::function<void()>& action,
                                                    at::RecordScope scope = at::RecordScope::FUNCTION) {
  static thread_local std::map<std::string, int>* counts = nullptr;
  std::map<std::string, int> called;
  counts = &called;
  const auto handle = at::addThreadLocalCallback(
      at::RecordFunctionCallback([](const at::RecordFunction& function) -> std::unique_ptr<at::ObserverContext> {
        if (counts != nullptr) ++(*counts)[function.name()];
        return nullptr;
      }).scopes({scope}));
  try {
    action();
  } catch (...) {
    at::removeCallback(handle);
    counts = nullptr;
    throw;
  }
  at::removeCallback(handle);
  counts = nullptr;
  return called;
}

}  // namespace verse
