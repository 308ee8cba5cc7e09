#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "common/base/error.h"
#include "common/base/terminal.h"
#include "tests/harness/commands.h"
#include "tests/harness/given_parts.h"
#include "tests/harness/learner_state.h"
#include "tests/harness/updating.h"
#include "tests/harness/workbench.h"

namespace verse {
namespace {

namespace fs = std::filesystem;

// A relative path in an option is relative to where the command was called.
fs::path target_of(const Course& course, const Arguments& arguments) {
  const auto into = arguments.setting("--into");
  return into ? fs::absolute(*into).lexically_normal() : course.root();
}

int show_drift(const Course& course, const fs::path& target) {
  const std::vector<std::string> drift = find_drift(course, target);
  for (const std::string& line : drift) fmt::print("{}\n", line);
  if (!drift.empty())
    fmt::print("chapters/ is not what `make stubs` writes: {} to look at\n", counted(drift.size(), "file"));
  return drift.empty() ? 0 : 1;
}

void show_change(const BodyChange& change, const std::string& done, const std::string& was_so) {
  if (!change.changed) {
    fmt::print("{}:{}: {}\n", change.file, change.line, was_so);
    return;
  }
  fmt::print("{}:{}: {}\n", change.file, change.line, done);
  fmt::print("the file as it was: {}\n", change.backup);
}

}  // namespace

int run_stubs(const Course& course, const Arguments& arguments) {
  const fs::path target = target_of(course, arguments);
  if (arguments.on("--check")) return show_drift(course, target);

  const StubsResult result = write_stubs(course, target);
  if (!result.refused.empty()) {
    for (const std::string& line : result.refused) fmt::print(stderr, "{}\n", line);
    fmt::print(stderr,
               "nothing was written; `make reset-N.M` puts a single stub back, and a file moved away is made anew\n");
    return 2;
  }
  for (const std::string& file : result.written) fmt::print("wrote {}\n", file);
  if (result.written.empty()) fmt::print("all stubs are as they should be\n");
  return 0;
}

int run_hint(const Course& course, const Arguments& arguments) {
  const Exercise& exercise = course.exercise(arguments.words()[0]);
  const Chapter& chapter = course.chapter(chapter_of(exercise.id));
  const int count = static_cast<int>(exercise.hints.size());
  int shown_before = 0;
  update_state(course.root(), [&](LearnerState& state) {
    ExerciseRecord& record = state.exercises[exercise.id];
    if (record.begun_at.empty()) record.begun_at = time_stamp();
    int& shown = record.hints_shown;
    if (arguments.on("--from-start")) shown = 0;
    shown_before = std::clamp(shown, 0, count);
    shown = std::min(shown_before + 1, count);
  });

  const Style style = style_of_standard_output();
  const bool all_shown = shown_before == count;
  const int number = std::min(shown_before + 1, count);
  fmt::print("{}\n", style.bold(fmt::format("{} {}: hint {} of {}{}", exercise.id, exercise.title, number, count,
                                            all_shown ? ", again (there is no other)" : "")));
  fmt::print("\n{}\n", paragraph(exercise.hints[static_cast<std::size_t>(number - 1)], 2));

  fmt::print("{}\n", style.faint("where  " + look_at_body(course, exercise).place()));
  if (number < count) {
    fmt::print("{}\n", style.faint(fmt::format("next   make test-chapter-{}, or make hint-{} for the next hint",
                                               chapter.number, exercise.id)));
  } else {
    fmt::print("{}\n", style.faint(fmt::format("next   make test-chapter-{}, or make solve-{} to see the reference's "
                                               "answer in place (make reset-{} takes it out again)",
                                               chapter.number, exercise.id, exercise.id)));
  }
  return 0;
}

int run_solve(const Course& course, const Arguments& arguments) {
  const Exercise& exercise = course.exercise(arguments.words()[0]);
  show_change(solve_exercise(course, exercise),
              fmt::format("now holds the reference's answer to exercise {}; make reset-{} takes it out again",
                          exercise.id, exercise.id),
              fmt::format("already holds the reference's answer to exercise {}", exercise.id));
  return 0;
}

int run_reset(const Course& course, const Arguments& arguments) {
  if (arguments.on("--all") != arguments.words().empty()) {
    throw UsageError("use: verse reset N.M, or verse reset --all");
  }
  if (arguments.on("--all")) {
    const SweepResult result = reset_everything(course);
    fmt::print("every exercise is a stub again ({} changed), and nothing is known of what was done\n",
               counted(result.changed.size(), "file"));
    fmt::print("as it was: {0}; `cp -r {0}/. .` puts that back\n", result.backup);
    return 0;
  }
  const Exercise& exercise = course.exercise(arguments.words()[0]);
  show_change(reset_exercise(course, exercise), fmt::format("exercise {} is a stub again", exercise.id),
              fmt::format("exercise {} is a stub already", exercise.id));
  return 0;
}

int run_restore(const Course& course, const Arguments& arguments) {
  const Exercise& exercise = course.exercise(arguments.words()[0]);
  std::string done;
  const BodyChange change = restore_given(course, exercise, done);
  show_change(change,
              fmt::format("exercise {} has {} back; what stands between its marks is as it was", exercise.id, done),
              fmt::format("nothing is missing around exercise {}", exercise.id));
  return 0;
}

}  // namespace verse
