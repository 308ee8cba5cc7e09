#pragma once

#include <optional>
#include <string>

#include "tests/harness/check.h"

/// Where and how two sets of answers differ, in words for a learner.
namespace verse {

/// A difference, and its kind where every exercise can have it.
struct Difference {
  std::string text;
  /// "computed_in_float", "input_changed", "gradient_cut", "gradient_mode_left", "random_numbers_drawn",
  /// "undefined_tensor", "no_such_element" or "empty_optional"; else empty.
  std::string kind;
};

/// The first answer that differs, by its largest difference; nothing where all agree.
/// @param slack widens every tolerance by this factor
std::optional<Difference> find_difference(const Answers& expected, const Answers& got, double slack = 1.0);

/// The one kind that all differences are of: "" where there are none; nothing where they are of several, or of none.
std::optional<std::string> only_kind(const Answers& expected, const Answers& got);

/// What an error of LibTorch's means to somebody who has just written a function, before its own first line.
std::string explain_libtorch_error(const std::string& message);

/// The same for an error of the standard library's.
std::string explain_exception(const std::string& message);

/// "shape [2, 3]", or "a single number".
std::string shape_text(const torch::Tensor& tensor);

}  // namespace verse
