#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "tests/harness/course.h"

/// Several bodies of one exercise in one file, one of which is chosen while the program runs (common/base/bodies.h).
namespace verse {

/// A body that is to stand beside the one in the file.
struct OtherBody {
  std::string exercise;  ///< "3.2"
  int number = 1;        ///< what body_in_use() has to be for it to run; 0 is the file's own
  std::string file;      ///< where it comes from, for the compiler's messages
  std::size_t line = 1;  ///< the number of its first line there
  std::string text;
};

/// The source with other bodies beside its own. What the compiler says of a line names the file it came from.
/// @param file the source's path, for the compiler's messages
/// @throws MarkError for an exercise whose marks are not in order
std::string inject(std::string_view source, const std::string& file, const std::vector<OtherBody>& bodies);

/// A learner's file with the reference's body beside each of theirs, as far as the reference's fits there: the marks
/// and the function's first lines are in place, and so is everything else that the solution's file gives.
/// @param path the learner's file
std::string with_reference(const Course& course, const Chapter& chapter, const std::string& file,
                           const std::string& path);

}  // namespace verse
