#pragma once

#include <string>
#include <vector>

#include "tests/harness/course.h"

namespace verse {

/// What is wrong with a chapter, each as one line "file:line: ...": its manifest against the solution's marks, the
/// sections of its prose, and what every exercise must have (three hints, three known mistakes, 5 to 30 minutes).
/// Without a chapter.md or without a folder in solutions/ that part is a single finding.
std::vector<std::string> lint_chapter(const Course& course, int number);

/// What is wrong with the course as a whole: exercises in solutions/ whose chapter has no manifest.
std::vector<std::string> lint_course(const Course& course);

}  // namespace verse
