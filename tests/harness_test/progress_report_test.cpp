#include "tests/harness/progress_report.h"

#include <nlohmann/json.hpp>

#include "tests/harness/workbench.h"
#include "tests/harness_test/temporary_course.h"

namespace verse {
namespace {

class ProgressReport : public testing::Test {
 protected:
  ProgressReport() {
    write_stubs(course, files.path());
    for (const std::string id : {"3.1", "3.2", "3.3"}) solve_exercise(course, course.exercise(id));
  }

  // Remembers a check of all tests, in which the exercises ended as given.
  void check(const std::vector<TestStatus>& statuses, bool all_tests = true) const {
    RunReport report;
    const Chapter& chapter = course.chapter(3);
    for (std::size_t i = 0; i < statuses.size(); ++i) {
      TestOutcome one;
      one.suite = "Exercise_3_" + std::to_string(i + 1);
      one.test = "Test";
      one.status = statuses[i];
      if (one.status == TestStatus::not_started) one.exercise = chapter.exercises[i].id;
      report.outcomes.push_back(one);
    }
    std::vector<std::string> bodies;
    for (const Exercise& exercise : chapter.exercises) bodies.push_back(look_at_body(course, exercise).digest);
    update_state(files.path(), [&](LearnerState& state) {
      remember(judge(chapter, report), bodies,
               all_tests ? std::optional(chapter_digest(course, chapter)) : std::nullopt, state);
    });
  }

  Progress progress(const std::string& id) const {
    return progress_of(course, load_state(files.path()), course.exercise(id)).progress;
  }

  std::string shown() const { return show_progress(progress_of(course, load_state(files.path())), Style()); }
  std::vector<int> learners() const { return learner_chapters(course, load_state(files.path())); }

  void edit(const std::string& file, const std::string& from, const std::string& to) const {
    std::string text = files.read(file);
    const std::size_t place = text.find(from);
    ASSERT_NE(place, std::string::npos) << from;
    files.write(file, text.replace(place, from.size(), to));
  }

  static constexpr TestStatus pass = TestStatus::passed;
  static constexpr TestStatus fail = TestStatus::failed;

  TemporaryCourse files;
  Course course{files.path()};
};

TEST_F(ProgressReport, FollowsAnExerciseFromStubToPassed) {
  reset_exercise(course, course.exercise("3.1"));
  EXPECT_EQ(progress("3.1"), Progress::not_started);
  edit(learner_file, "throw NotImplemented(\"3.1\");", "return 1;");
  EXPECT_EQ(progress("3.1"), Progress::started);
  check({fail, pass, pass});
  EXPECT_EQ(progress("3.1"), Progress::failed);
  edit(learner_file, "return 1;", "return 2;");
  EXPECT_EQ(progress("3.1"), Progress::started);
  check({pass, pass, pass});
  EXPECT_EQ(progress("3.1"), Progress::passed);
  edit(learner_file, "return 2;", "\n\n     return 2;  ");
  EXPECT_EQ(progress("3.1"), Progress::passed) << "layout is no change";
  edit(learner_file, "return 2;", "return 3;");
  EXPECT_EQ(progress("3.1"), Progress::changed_since_passed);
  EXPECT_EQ(progress("3.3"), Progress::passed) << "another exercise of the same file";
  check({fail, pass, pass});
  EXPECT_EQ(progress("3.1"), Progress::failed);
}

TEST_F(ProgressReport, AnExerciseThatWasNotCheckedKeepsItsStanding) {
  check({pass, pass, pass});
  check({fail}, false);
  EXPECT_EQ(progress("3.1"), Progress::failed);
  EXPECT_EQ(progress("3.2"), Progress::passed);
}

TEST_F(ProgressReport, ShowsATableAndWhatIsNext) {
  check({pass, pass, TestStatus::not_started});
  reset_exercise(course, course.exercise("3.3"));
  edit("chapters/03_attention/mask.cpp", "column <= row", "row >= column");
  update_state(files.path(), [](LearnerState& state) { state.predictions["P3.1"].right = true; });
  EXPECT_EQ(shown(),
            "    chapter    core        going further  predictions\n"
            "  3 Attention  1 of 2      0 of 1         1 of 2\n"
            "\n"
            "Changed since it passed:\n"
            "  3.2    Causal mask  (chapters/03_attention/mask.cpp:2)\n"
            "\n"
            "Passed with the reference's answer:\n"
            "  3.1    Scaled scores  (chapters/03_attention/attention.cpp:6)\n"
            "\n"
            "1 of 3 exercises pass; next: 3.2 Causal mask  (10 minutes, chapters/03_attention/mask.cpp:2)\n");
}

TEST_F(ProgressReport, TheCoreComesBeforeGoingFurther) {
  files.write("chapters/04_blocks/exercises.toml",
              "chapter = 4\nfolder = \"04_blocks\"\ntitle = \"Blocks\"\n" +
                  exercise_entry("4.1", "LayerNorm", "ch04-norm", true, "blocks.cpp"));
  check({pass, pass, fail});
  const Course both(files.path());
  const std::vector<ChapterProgress> chapters = progress_of(both, load_state(files.path()));
  ASSERT_NE(next_exercise(chapters), nullptr);
  EXPECT_EQ(next_exercise(chapters)->exercise->id, "4.1");
}

TEST_F(ProgressReport, AllDoneIsSaid) {
  check({pass, pass, pass});
  EXPECT_NE(shown().find("3 of 3 exercises pass. The course is done.\n"), std::string::npos) << shown();
}

TEST_F(ProgressReport, ProgramsGetJson) {
  check({pass, fail, TestStatus::not_started});
  const auto json = nlohmann::json::parse(progress_as_json(progress_of(course, load_state(files.path()))));
  EXPECT_EQ(json["next"], "3.2");
  const auto& exercises = json["chapters"][0]["exercises"];
  EXPECT_EQ(exercises[0]["progress"], "passed");
  EXPECT_EQ(exercises[0]["by_reference"], true);
  EXPECT_EQ(exercises[1]["progress"], "failed");
  EXPECT_EQ(json["chapters"][0]["predictions"], 2);
}

TEST_F(ProgressReport, AChapterIsTheLearnersWhileItPassesAsItIs) {
  EXPECT_EQ(learners(), std::vector<int>{});
  check({pass, pass, fail});
  EXPECT_EQ(learners(), std::vector<int>{});
  check({pass, pass, pass}, false);
  EXPECT_EQ(learners(), std::vector<int>{}) << "its tests have not passed together";
  check({pass, pass, pass});
  EXPECT_EQ(learners(), std::vector<int>{3});
  edit(learner_file, "namespace verse {\n", "namespace verse {\nint helper();\n");
  EXPECT_EQ(learners(), std::vector<int>{}) << "changed outside the exercises";
  check({pass, pass, pass});
  EXPECT_EQ(learners(), std::vector<int>{3});
  check({pass, fail, pass});
  EXPECT_EQ(learners(), std::vector<int>{});
}

TEST_F(ProgressReport, TheBuildsListIsRewrittenOnlyWhenItChanges) {
  const auto file = files.path() / ".verse" / "learner_chapters.cmake";
  files.write(".verse/learner_chapters.cmake", "set(VERSE_LEARNER_CHAPTERS)\n");
  write_learner_chapters(course, {});
  EXPECT_EQ(files.read(".verse/learner_chapters.cmake"), "set(VERSE_LEARNER_CHAPTERS)\n");
  write_learner_chapters(course, {1, 2});
  EXPECT_TRUE(files.read(".verse/learner_chapters.cmake").ends_with("\nset(VERSE_LEARNER_CHAPTERS 1 2)\n"));
  const auto long_ago = std::filesystem::last_write_time(file) - std::chrono::hours(1);
  std::filesystem::last_write_time(file, long_ago);
  write_learner_chapters(course, {1, 2});
  EXPECT_EQ(std::filesystem::last_write_time(file), long_ago);
  write_learner_chapters(course, {1});
  EXPECT_TRUE(files.read(".verse/learner_chapters.cmake").ends_with("\nset(VERSE_LEARNER_CHAPTERS 1)\n"));
}

}  // namespace
}  // namespace verse
