#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common/base/terminal.h"
#include "tests/harness/course.h"
#include "tests/harness/runner.h"

namespace verse {

/// How an exercise stands after its tests have run.
enum class ExerciseState {
  passed,
  not_started,
  waiting,  ///< it is written, but needs another exercise that is not
  wrong,
  crashed,
  endless,
  too_large,
  not_checked
};

struct ExerciseVerdict {
  const Exercise* exercise = nullptr;
  ExerciseState state = ExerciseState::not_checked;
  std::size_t tests = 0;
  std::size_t tests_passed = 0;
  std::optional<TestOutcome> cause;  ///< the test that says most about why it does not pass
};

struct ChapterVerdict {
  const Chapter* chapter = nullptr;
  std::vector<ExerciseVerdict> exercises;  ///< every one, in the manifest's order
  std::vector<TestOutcome> others;         ///< tests of the whole chapter that fail although they met no stub
  std::vector<std::string> notes;

  std::size_t count(ExerciseState state) const;
  bool all_exercises_pass() const;
  bool everything_passes() const { return all_exercises_pass() && others.empty(); }

  /// What to work on next: the first exercise that is started and does not pass, else the first of the core that is
  /// not started, else the first of the others; nullptr when all pass.
  const ExerciseVerdict* next() const;
};

/// The exercise that a suite tests: "3.2" for `Exercise_3_2`, `Some/Exercise_3_2` and `Exercise_3_2/0`.
std::optional<std::string> exercise_of_suite(const std::string& suite);

/// GoogleTest's filter for all tests of an exercise.
std::string filter_for(const std::string& exercise);

/// Sorts a run's outcomes by exercise.
ChapterVerdict judge(const Chapter& chapter, const RunReport& report);

/// What a verdict needs to know of the surroundings to say where to look.
struct Surroundings {
  bool solution = false;                       ///< the reference's files were checked
  std::filesystem::path build;                 ///< where the book may have been rendered
  std::string log;                             ///< what was printed, relative to the root
  std::vector<std::string> newly_passed = {};  ///< ids of exercises that had not passed before this check
};

/// The verdict as a learner reads it.
std::string show_verdict(const Course& course, const ChapterVerdict& verdict, const Surroundings& around,
                         const Style& style);

/// The verdict as JSON, for programs.
std::string verdict_as_json(const Course& course, const ChapterVerdict& verdict, const Surroundings& around);

/// For a reader ("waits for 3.1"), and for a program ("waiting").
std::string state_in_words(const ExerciseVerdict& verdict);
std::string state_name(ExerciseState state);

}  // namespace verse
