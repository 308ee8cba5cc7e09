#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/terminal.h"
#include "tests/harness/course.h"

namespace verse {

/// The first error in the log of a compiler or a linker.
struct CompileError {
  std::string file;  ///< empty for the linker's
  int line = 0;
  std::string message;

  // The learner's line that led there: the error's own, or, for an error inside a header, the place that used it.
  std::string learner_file;  ///< "chapters/03_attention/attention.cpp"; empty if the log names no such place
  int learner_line = 0;

  std::string undefined;  ///< the linker's: what is not defined, "verse::causal_mask(long, long, c10::Device)"
};

/// Reads the log of clang, g++, lld or ld, coloured or not. `folder` is the chapter's ("03_attention").
std::optional<CompileError> first_compile_error(std::string_view log, const std::string& folder);

/// The chapter's given files that differ from what git has committed, by their paths from the root; none without git.
std::vector<std::string> changed_given_files(const Course& course, const Chapter& chapter);

/// The verdict on a chapter that cannot be built, by the log of the compiler or linker: what is wrong, where, what
/// next.
std::string explain_failed_build(const Course& course, const Chapter& chapter, std::string_view log,
                                 const Style& style);

/// The exercise of a chapter between whose marks a line of a learner's file lies, if any.
const Exercise* exercise_at(const Course& course, const Chapter& chapter, const std::string& learner_file, int line);

}  // namespace verse
