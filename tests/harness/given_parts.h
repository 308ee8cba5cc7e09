#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "tests/harness/course.h"
#include "tests/harness/workbench.h"

/// What is given around an exercise: its two marks, the lines of its function before the first and after the second.
/// A learner who has lost some of it gets it back without losing anything else.
namespace verse {

/// The function of an exercise, as the solution has it.
struct GivenFunction {
  std::string name;               ///< "causal_mask", "CausalSelfAttentionImpl::forward"
  std::vector<std::string> head;  ///< from the signature to the line before the opening mark
  std::vector<std::string> tail;  ///< from the line after the closing mark to the function's brace
};

/// @throws UsageError where the solution's marks are broken.
GivenFunction given_function(const Course& course, const Exercise& exercise);

/// The line, from 1, on which a file defines the function of that name, under whatever parameters; 0: it does not.
std::size_t line_of_definition(std::string_view text, const std::string& name);

/// What is wrong around an exercise in the learner's file: one clause about its marks, empty where they are in order.
std::string fault_of_marks(const Course& course, const Exercise& exercise);

/// Puts back what is missing: a mark, both marks, the function's lines around them, or the whole function with a stub.
/// What the learner wrote between the marks stays, byte for byte.
/// @param done says what was put back
/// @throws UsageError, with nothing changed, where it cannot be told what belongs to the exercise.
BodyChange restore_given(const Course& course, const Exercise& exercise, std::string& done);

}  // namespace verse
