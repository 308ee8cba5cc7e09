#include "tests/harness/verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <regex>

namespace verse {
namespace {

// How much a failing test tells about its exercise; the one that tells most is shown.
int weight(const TestOutcome& outcome) {
  switch (outcome.status) {
    case TestStatus::crashed:
    case TestStatus::endless:
    case TestStatus::too_large:
      return 4;
    case TestStatus::failed:
      return outcome.mistake.empty() ? 2 : 3;
    case TestStatus::not_started:
      return 1;
    default:
      return 0;
  }
}

ExerciseState state_of(const ExerciseVerdict& verdict, bool met_own_stub) {
  if (met_own_stub) return ExerciseState::not_started;
  if (!verdict.cause) return verdict.tests_passed > 0 ? ExerciseState::passed : ExerciseState::not_checked;
  switch (verdict.cause->status) {
    case TestStatus::crashed:
      return ExerciseState::crashed;
    case TestStatus::endless:
      return ExerciseState::endless;
    case TestStatus::too_large:
      return ExerciseState::too_large;
    case TestStatus::not_started:
      return ExerciseState::waiting;
    default:
      return ExerciseState::wrong;
  }
}

}  // namespace

std::size_t ChapterVerdict::count(ExerciseState state) const {
  return static_cast<std::size_t>(std::count_if(exercises.begin(), exercises.end(),
                                                [&](const ExerciseVerdict& one) { return one.state == state; }));
}

bool ChapterVerdict::all_exercises_pass() const {
  return count(ExerciseState::passed) == exercises.size();
}

const ExerciseVerdict* ChapterVerdict::next() const {
  const auto first = [&](auto wanted) -> const ExerciseVerdict* {
    const auto found = std::find_if(exercises.begin(), exercises.end(), wanted);
    return found == exercises.end() ? nullptr : &*found;
  };
  const auto started = [](const ExerciseVerdict& one) {
    return one.state == ExerciseState::wrong || one.state == ExerciseState::crashed ||
           one.state == ExerciseState::endless || one.state == ExerciseState::too_large;
  };
  const auto open = [](const ExerciseVerdict& one) { return one.state == ExerciseState::not_started; };
  const auto open_core = [&](const ExerciseVerdict& one) { return open(one) && one.exercise->core; };
  if (const ExerciseVerdict* found = first(started)) return found;
  if (const ExerciseVerdict* found = first(open_core)) return found;
  if (const ExerciseVerdict* found = first(open)) return found;
  return first([](const ExerciseVerdict& one) { return one.state != ExerciseState::passed; });
}

std::optional<std::string> exercise_of_suite(const std::string& suite) {
  static const std::regex pattern(R"((?:[^/]*/)?Exercise_(\d+)_(\d+)(?:/\d+)?)");
  std::smatch match;
  if (!std::regex_match(suite, match, pattern)) return std::nullopt;
  return fmt::format("{}.{}", match[1].str(), match[2].str());
}

std::string filter_for(const std::string& exercise) {
  std::string suite = "Exercise_" + exercise;
  std::replace(suite.begin(), suite.end(), '.', '_');
  return fmt::format("{0}.*:{0}/*:*/{0}.*:*/{0}/*", suite);
}

ChapterVerdict judge(const Chapter& chapter, const RunReport& report) {
  ChapterVerdict verdict;
  verdict.chapter = &chapter;
  verdict.notes = report.notes;
  std::vector<std::string> known;
  for (const Exercise& exercise : chapter.exercises) {
    ExerciseVerdict one;
    one.exercise = &exercise;
    known.push_back(exercise.id);
    bool met_own_stub = false;
    for (const TestOutcome& outcome : report.outcomes) {
      if (exercise_of_suite(outcome.suite) != exercise.id) continue;
      ++one.tests;
      if (outcome.status == TestStatus::passed) ++one.tests_passed;
      if (outcome.status == TestStatus::not_started && outcome.exercise == exercise.id) met_own_stub = true;
      if (weight(outcome) > (one.cause ? weight(*one.cause) : 0)) one.cause = outcome;
    }
    one.state = state_of(one, met_own_stub);
    verdict.exercises.push_back(std::move(one));
  }

  // Tests of the chapter as a whole say something only where they met no stub.
  for (const TestOutcome& outcome : report.outcomes) {
    const auto exercise = exercise_of_suite(outcome.suite);
    if (exercise && std::find(known.begin(), known.end(), *exercise) != known.end()) continue;
    if (weight(outcome) > 1) verdict.others.push_back(outcome);
  }
  return verdict;
}

std::string state_name(ExerciseState state) {
  switch (state) {
    case ExerciseState::passed:
      return "passed";
    case ExerciseState::not_started:
      return "not_started";
    case ExerciseState::waiting:
      return "waiting";
    case ExerciseState::wrong:
      return "wrong";
    case ExerciseState::crashed:
      return "crashed";
    case ExerciseState::endless:
      return "endless";
    case ExerciseState::too_large:
      return "too_large";
    case ExerciseState::not_checked:
      break;
  }
  return "not_checked";
}

std::string state_in_words(const ExerciseVerdict& verdict) {
  switch (verdict.state) {
    case ExerciseState::passed:
      return "passed";
    case ExerciseState::not_started:
      return "not started";
    case ExerciseState::waiting:
      return "waits for " + verdict.cause->exercise;
    case ExerciseState::wrong:
      return "wrong";
    case ExerciseState::crashed:
      return "crashed";
    case ExerciseState::endless:
      return "endless loop";
    case ExerciseState::too_large:
      return "too much memory";
    case ExerciseState::not_checked:
      break;
  }
  return "not checked";
}

}  // namespace verse
