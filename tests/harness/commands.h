#pragma once

#include <string>
#include <vector>

#include "tests/harness/arguments.h"
#include "tests/harness/course.h"

namespace verse {

/// A command of `build/verse`.
struct Command {
  std::string name;
  CommandSyntax syntax;
  std::string summary;                          ///< one line
  std::string details;                          ///< what --help adds
  int (*run)(const Course&, const Arguments&);  ///< returns the exit status
};

/// All of them, in the order of the help text.
const std::vector<Command>& all_commands();

// Work on the learner's files (commands_work.cpp).
int run_stubs(const Course& course, const Arguments& arguments);
int run_hint(const Course& course, const Arguments& arguments);
int run_solve(const Course& course, const Arguments& arguments);
int run_reset(const Course& course, const Arguments& arguments);
int run_restore(const Course& course, const Arguments& arguments);

// Checks, and what is known of the learner (commands_check.cpp).
int run_check(const Course& course, const Arguments& arguments);
int run_compile_error(const Course& course, const Arguments& arguments);
int run_predict(const Course& course, const Arguments& arguments);
int run_progress(const Course& course, const Arguments& arguments);
int run_swap(const Course& course, const Arguments& arguments);
int run_list(const Course& course, const Arguments& arguments);
int run_lint(const Course& course, const Arguments& arguments);

// The course as a whole: where to begin, its updates, what is handed in (commands_course.cpp).
int run_start(const Course& course, const Arguments& arguments);
int run_update(const Course& course, const Arguments& arguments);
int run_report(const Course& course, const Arguments& arguments);
int run_handin(const Course& course, const Arguments& arguments);
int run_grade(const Course& course, const Arguments& arguments);

// Answers side by side with the reference's (commands_try.cpp).
int run_try(const Course& course, const Arguments& arguments);
int run_beside(const Course& course, const Arguments& arguments);

}  // namespace verse
