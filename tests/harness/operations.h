#pragma once

/// @file
/// Which of LibTorch's operations a piece of code calls: where the way is the lesson, a check looks at the way.

#include <ATen/record_function.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/harness/test_device.h"

namespace verse {

/// Runs `action` and counts the operations that it calls on this thread, by name ("aten::matmul"). With
/// at::RecordScope::BACKWARD_FUNCTION, the steps that autograd takes back ("TanhBackward0").
inline std::map<std::string, int> operations_called(const std::function<void()>& action,
                                                    at::RecordScope scope = at::RecordScope::FUNCTION) {
  static thread_local std::map<std::string, int>* counts = nullptr;
  // Where tests run on another device, each operation comes twice: as the test calls it, and again from within, once
  // its arguments lie on the device.
  static thread_local std::vector<std::string> open;
  open.clear();
  std::map<std::string, int> called;
  counts = &called;
  const auto begun = [](const at::RecordFunction& function) -> std::unique_ptr<at::ObserverContext> {
    const std::string name = function.name();
    const bool again = !test_device().is_cpu() && !open.empty() && open.back() == name;
    if (counts != nullptr && !again) ++(*counts)[name];
    open.push_back(name);
    return nullptr;
  };
  const auto ended = [](const at::RecordFunction&, at::ObserverContext*) {
    if (!open.empty()) open.pop_back();
  };
  const auto handle = at::addThreadLocalCallback(at::RecordFunctionCallback(begun, ended).scopes({scope}));
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
