#include "tests/harness/learner_state.h"

#include <thread>

#include "common/base/error.h"
#include "tests/harness_test/temporary_course.h"

namespace verse {
namespace {

TEST(LearnerState, ComesBackAsItWasWritten) {
  const TemporaryFolder folder;
  update_state(folder.path(), [](LearnerState& state) {
    state.exercises["3.2"] = {Standing::passed,       "2026-01-01T00:00:00Z", "abc", 2, "2026-01-02T00:00:00Z", 4,
                              "2026-01-05T00:00:00Z", "2026-01-06T00:00:00Z"};
    state.predictions["P3.1"] = {true, false, {"1", "32896"}, "2026-01-03T00:00:00Z"};
    state.chapters[3] = {"digest", "2026-01-04T00:00:00Z"};
    state.stubs_written["a.cpp"] = {"one", "two"};
  });
  const LearnerState state = load_state(folder.path());
  const ExerciseRecord& exercise = state.exercises.at("3.2");
  EXPECT_EQ(exercise.standing, Standing::passed);
  EXPECT_EQ(exercise.checked_at, "2026-01-01T00:00:00Z");
  EXPECT_EQ(exercise.body, "abc");
  EXPECT_EQ(exercise.hints_shown, 2);
  EXPECT_EQ(exercise.solution_shown_at, "2026-01-02T00:00:00Z");
  EXPECT_EQ(exercise.checks, 4);
  EXPECT_EQ(exercise.begun_at, "2026-01-05T00:00:00Z");
  EXPECT_EQ(exercise.passed_at, "2026-01-06T00:00:00Z");
  EXPECT_TRUE(state.predictions.at("P3.1").right);
  EXPECT_EQ(state.predictions.at("P3.1").answers, (std::vector<std::string>{"1", "32896"}));
  EXPECT_EQ(state.chapters.at(3).passed_with, "digest");
  EXPECT_EQ(state.stubs_written.at("a.cpp"), (std::vector<std::string>{"one", "two"}));
}

TEST(LearnerState, IsEmptyAtFirst) {
  const TemporaryFolder folder;
  EXPECT_TRUE(load_state(folder.path()).exercises.empty());
}

TEST(LearnerState, WhatCannotBeUnderstoodIsNotOverwritten) {
  const TemporaryFolder folder;
  for (const std::string text : {"{ not json", "[]", "{\"version\": 99}", "{\"version\": 1, \"exercises\": 5}",
                                 "{\"version\": 1, \"exercises\": {\"3.1\": {\"hints_shown\": \"x\"}}}", ""}) {
    folder.write(".verse/progress.json", text);
    EXPECT_THROW(load_state(folder.path()), UsageError) << text;
    EXPECT_THROW(update_state(folder.path(), [](LearnerState&) {}), UsageError) << text;
    EXPECT_EQ(folder.read(".verse/progress.json"), text);
  }
}

TEST(LearnerState, NoChangeIsLostWhenManyWriteAtOnce) {
  const TemporaryFolder folder;
  std::vector<std::thread> writers;
  for (int i = 0; i < 4; ++i) {
    writers.emplace_back([&] {
      for (int j = 0; j < 10; ++j) {
        update_state(folder.path(), [](LearnerState& state) { ++state.exercises["3.1"].hints_shown; });
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(load_state(folder.path()).exercises["3.1"].hints_shown, 40);
}

TEST(LearnerState, BackupsSayWhatTheyAre) {
  const TemporaryFolder folder;
  const std::string place = back_up(folder.path(), "chapters/03_attention/attention.cpp", "text", "solve-3.2");
  EXPECT_TRUE(place.starts_with(".verse/backup/")) << place;
  EXPECT_TRUE(place.ends_with("_solve-3.2_03_attention_attention.cpp")) << place;
  EXPECT_EQ(folder.read(place), "text");
}

}  // namespace
}  // namespace verse
