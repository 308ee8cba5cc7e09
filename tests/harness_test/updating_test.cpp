#include "tests/harness/updating.h"

#include "common/base/error.h"
#include "tests/harness/learner_state.h"
#include "tests/harness/source_marks.h"
#include "tests/harness/workbench.h"
#include "tests/harness_test/temporary_course.h"

namespace verse {
namespace {

namespace fs = std::filesystem;

const std::string other_file = "chapters/03_attention/mask.cpp";

std::string with_replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t place = text.find(from);
  EXPECT_NE(place, std::string::npos) << from << "\nin\n" << text;
  return place == std::string::npos ? text : text.replace(place, from.size(), to);
}

// A stub of one exercise, in a function.
std::string in_function(const std::string& signature, const std::string& id, const std::string& body = "") {
  const std::string stub = "  // Exercise " + id +
                           ": Title. Read \"S\" in README.md, then replace the next line; make hint-" + id +
                           " helps.\n  throw NotImplemented(\"" + id + "\");\n";
  return signature + " {\n  //! [" + id + "]\n" + (body.empty() ? stub : body) + "  //! [" + id + "]\n}\n\n";
}

const std::string first_head = "int first(int a)", second_head = "int second(int b)", third_head = "int third()";

TEST(Merging, WhatWasWrittenStaysAndWhatIsGivenIsNew) {
  const std::string began = "#include \"a.h\"\n\n" + in_function(first_head, "3.1") + in_function(second_head, "3.2");
  const std::string now = "#include \"a.h\"\n#include \"b.h\"\n\n" + in_function(first_head, "3.1") +
                          with_replaced(in_function(second_head, "3.2"), "Title", "Another title") +
                          in_function(third_head, "3.3");
  const std::string learner = "#include \"a.h\"\n\n" +
                              in_function(first_head, "3.1", "  return a + helper();  // mine\n") +
                              "// a remark of mine\n\n" + in_function(second_head, "3.2");
  const MergedFile merged = merge_file(began, now, learner);
  EXPECT_FALSE(merged.conflict);
  EXPECT_EQ(merged.added, std::vector<std::string>{"3.3"});
  EXPECT_EQ(body_of(merged.text, find_mark(merged.text, "3.1")), "  return a + helper();  // mine\n");
  EXPECT_NE(merged.text.find("// a remark of mine"), std::string::npos);
  EXPECT_NE(merged.text.find("Another title"), std::string::npos);
  EXPECT_NE(merged.text.find("#include \"b.h\""), std::string::npos);
}

TEST(Merging, ASecondMergeChangesNothing) {
  const std::string began = in_function(first_head, "3.1") + in_function(second_head, "3.2");
  const std::string now = "// given\n" + began;
  const std::string once =
      merge_file(began, now, in_function(first_head, "3.1", "  return 1;\n") + in_function(second_head, "3.2")).text;
  EXPECT_EQ(once, "// given\n" + in_function(first_head, "3.1", "  return 1;\n") + in_function(second_head, "3.2"));
  EXPECT_EQ(merge_file(now, now, once).text, once);
}

TEST(Merging, ALineOfTheLearnersBetweenFunctionsStays) {
  const std::string began = "// top\n\n" + in_function(first_head, "3.1") + in_function(second_head, "3.2");
  const std::string now = "// the new top\n\n" + in_function(first_head, "3.1") + in_function(second_head, "3.2");
  const std::string learner = "// top\n\n" + in_function(first_head, "3.1", "  return 1;\n") +
                              "int helper() { return 2; }\n\n" + in_function(second_head, "3.2");
  const MergedFile merged = merge_file(began, now, learner);
  EXPECT_FALSE(merged.conflict);
  EXPECT_EQ(merged.text, with_replaced(learner, "// top", "// the new top"));
}

TEST(Merging, NumbersThatChangePlacesTakeTheirBodiesAlong) {
  const std::string began = in_function(first_head, "3.1") + in_function(second_head, "3.2");
  const std::string now = in_function(first_head, "3.2") + in_function(second_head, "3.1");
  const std::string learner =
      in_function(first_head, "3.1", "  return 1;\n") + in_function(second_head, "3.2", "  return 2;\n");
  const MergedFile merged = merge_file(began, now, learner);
  EXPECT_FALSE(merged.conflict);
  EXPECT_EQ(merged.renumbered, (std::map<std::string, std::string>{{"3.1", "3.2"}, {"3.2", "3.1"}}));
  EXPECT_EQ(merged.text,
            in_function(first_head, "3.2", "  return 1;\n") + in_function(second_head, "3.1", "  return 2;\n"));
}

TEST(Merging, AChangedSignatureIsStillTheSameExercise) {
  const std::string began = in_function(first_head, "3.1") + in_function(second_head, "3.2");
  const std::string now = in_function("int first(int a, int more)", "3.1") + in_function(second_head, "3.2");
  const MergedFile merged =
      merge_file(began, now, in_function(first_head, "3.1", "  return 1;\n") + in_function(second_head, "3.2"));
  EXPECT_FALSE(merged.conflict);
  EXPECT_TRUE(merged.gone.empty());
  EXPECT_EQ(merged.text,
            in_function("int first(int a, int more)", "3.1", "  return 1;\n") + in_function(second_head, "3.2"));
}

TEST(Merging, AnExerciseThatIsGoneAndOneThatHasItsNumberNow) {
  const std::string began = in_function(first_head, "3.1") + in_function(second_head, "3.2");
  const std::string now = in_function(second_head, "3.1");  // the first is gone, the second has moved up
  const std::string learner =
      in_function(first_head, "3.1", "  return 1;\n") + in_function(second_head, "3.2", "  return 2;\n");
  const MergedFile merged = merge_file(began, now, learner);
  EXPECT_EQ(merged.gone, std::vector<std::string>{"3.1"});
  EXPECT_EQ(merged.lost, std::vector<std::string>{"3.1"});
  EXPECT_FALSE(merged.conflict);
  EXPECT_EQ(merged.text, in_function(second_head, "3.1", "  return 2;\n"));
}

TEST(Merging, TheSameGivenLineChangedByBothIsAConflict) {
  const std::string began = "const int size = 1;\n\n" + in_function(first_head, "3.1");
  const MergedFile merged = merge_file(began, with_replaced(began, "= 1", "= 2"),
                                       "const int size = 3;\n\n" + in_function(first_head, "3.1", "  return 1;\n"));
  EXPECT_TRUE(merged.conflict);
  for (const std::string part : {"size = 2", "size = 3", "return 1;", "<<<<<<<"}) {
    EXPECT_NE(merged.text.find(part), std::string::npos) << part;
  }
}

TEST(Merging, WindowsLineEndsStay) {
  const std::string began = "// one\n" + in_function(first_head, "3.1"),
                    now = "// two\n" + in_function(first_head, "3.1");
  std::string learner;
  for (const char c : "// one\n" + in_function(first_head, "3.1", "  return 1;\n"))
    learner += c == '\n' ? "\r\n" : std::string(1, c);
  EXPECT_EQ(merge_file(began, now, learner).text, with_replaced(learner, "// one", "// two"));
}

TEST(Merging, BrokenMarksAreRefused) {
  EXPECT_THROW(merge_file(in_function(first_head, "3.1"), "// new\n" + in_function(first_head, "3.1"),
                          with_replaced(in_function(first_head, "3.1", "  return 1;\n"), "  //! [3.1]\n", "")),
               MarkError);
}

// A course under git, as its authors have it, and a learner's clone.
class Updating : public testing::Test {
 protected:
  Updating() {
    write_stubs(Course(authors.path()), authors.path());
    fs::remove_all(authors.path() / ".verse");
    authors.write(".gitignore", "/.verse/\n");
    git(authors.path(), "init -q -b main && git add . && git commit -q -m begin");
    EXPECT_EQ(run_shell("git clone -q " + authors.path().string() + " " + root().string()).status, 0);
    git(root(), "config user.name Ada && git config user.email ada@example.org");
  }

  static void git(const fs::path& folder, const std::string& commands) {
    const ProgramResult result = run_shell("cd " + folder.string() +
                                           " && export GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@example.org "
                                           "GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@example.org && git " +
                                           commands);
    EXPECT_EQ(result.status, 0) << result.output;
  }

  fs::path root() const { return clone.path() / "course"; }
  Course course() const { return Course(root()); }
  std::string read(const std::string& file) const { return clone.read("course/" + file); }
  void write(const std::string& file, const std::string& text) const { clone.write("course/" + file, text); }
  void work(const std::string& file, const std::string& id, const std::string& body) const {
    write(file, with_replaced(read(file), "throw NotImplemented(\"" + id + "\");", body));
  }

  // The authors change a stub (its title and what is given), a header, and a known mistake.
  void change_course() const {
    const auto edit = [&](const std::string& file, const std::string& from, const std::string& to) {
      authors.write(file, with_replaced(authors.read(file), from, to));
    };
    edit("chapters/03_attention/exercises.toml", "Scaled scores", "Scores, scaled");
    edit("chapters/03_attention/exercises.toml", "The scores are not scaled.", "The scores lack their scale.");
    edit("chapters/03_attention/attention.h", "#pragma once\n", "#pragma once\n// more of it\n");
    edit("solutions/03_attention/attention.cpp", "namespace verse {\n", "namespace verse {\n\n// Given since today.\n");
    write_stubs(Course(authors.path()), authors.path());
    git(authors.path(), "commit -q -a -m change");
  }

  TemporaryCourse authors;
  TemporaryFolder clone;
};

TEST_F(Updating, AChangedStubHeaderAndMistakeWithWorkInTheFileLoseNothing) {
  work(learner_file, "3.3", "return 17;  // mine");
  write(learner_file, with_replaced(read(learner_file), "int heads", "int helper();\n\nint heads"));
  const std::string before = read(learner_file);
  change_course();
  // git pull itself refuses: that is what `make update` is for.
  EXPECT_NE(run_shell("git -C " + root().string() + " pull -q --ff-only").status, 0);

  const FetchResult fetched = fetch_course(course());
  EXPECT_EQ(fetched.said, "1 change of the course has come");
  EXPECT_EQ(read(learner_file), before);
  EXPECT_NE(read("chapters/03_attention/attention.h").find("more of it"), std::string::npos);
  EXPECT_EQ(course().exercise("3.1").mistakes[0].says, "The scores lack their scale.");

  const std::vector<UpdatedFile> updated = update_files(course());
  ASSERT_EQ(updated.size(), 1u);
  EXPECT_EQ(updated[0].path, learner_file);
  EXPECT_EQ(updated[0].changes, (std::vector<std::string>{"+ // Given since today."}));
  EXPECT_EQ(read(updated[0].backup), before);
  const std::string after = read(learner_file);
  for (const std::string part : {"return 17;  // mine", "int helper();", "// Given since today.", "Scores, scaled"}) {
    EXPECT_NE(after.find(part), std::string::npos) << part << "\nin\n" << after;
  }
  EXPECT_TRUE(update_files(course()).empty());
  EXPECT_EQ(read(learner_file), after);
}

TEST_F(Updating, WorkThatTheLearnerHasCommittedIsMergedToo) {
  work(learner_file, "3.3", "return 17;");
  work(learner_file, "3.1", "return query;");
  git(root(), "commit -q -a -m work");
  change_course();
  EXPECT_EQ(fetch_course(course()).said, "1 change of the course has come");
  update_files(course());
  const std::string after = read(learner_file);
  for (const std::string part : {"return 17;", "return query;", "// Given since today."}) {
    EXPECT_NE(after.find(part), std::string::npos) << part << "\nin\n" << after;
  }
  EXPECT_EQ(after.find("<<<<"), std::string::npos);
}

TEST_F(Updating, WhatIsKnownOfAnExerciseGoesWithItsNumber) {
  work(learner_file, "3.1", "return 1;");
  work(learner_file, "3.3", "return 3;");
  update_state(root(), [](LearnerState& state) {
    state.exercises["3.1"].hints_shown = 1;
    state.exercises["3.3"].hints_shown = 3;
  });
  // The first is gone, and the third has its number now.
  std::string solution = authors.read("solutions/03_attention/attention.cpp");
  solution.erase(solution.find("int scores"), solution.find("int heads") - solution.find("int scores"));
  for (int mark = 0; mark < 2; ++mark) solution = with_replaced(solution, "[3.3]", "[3.1]");
  authors.write("solutions/03_attention/attention.cpp", solution);
  authors.write("chapters/03_attention/exercises.toml",
                "chapter = 3\nfolder = \"03_attention\"\ntitle = \"Attention\"\n" +
                    exercise_entry("3.1", "Heads", "ch03-heads") +
                    exercise_entry("3.2", "Causal mask", "ch03-mask", true, "mask.cpp"));
  fs::remove(authors.path() / learner_file);
  write_stubs(Course(authors.path()), authors.path());
  git(authors.path(), "commit -q -a -m renumber");
  fetch_course(course());
  update_files(course());
  EXPECT_EQ(load_state(root()).exercises.at("3.1").hints_shown, 3);
  EXPECT_EQ(load_state(root()).exercises.count("3.3"), 0u);
  EXPECT_NE(read(learner_file).find("return 3;"), std::string::npos);
}

TEST_F(Updating, AFileThatTheCourseRenamesStaysWithItsWork) {
  work(other_file, "3.2", "return row == column;");
  const std::string before = read(other_file);
  authors.write("chapters/03_attention/exercises.toml",
                with_replaced(authors.read("chapters/03_attention/exercises.toml"), "mask.cpp", "masks.cpp"));
  git(authors.path(), "mv solutions/03_attention/mask.cpp solutions/03_attention/masks.cpp && git mv " + other_file +
                          " chapters/03_attention/masks.cpp && git commit -q -a -m rename");
  EXPECT_EQ(fetch_course(course()).said, "1 change of the course has come");
  update_files(course());
  EXPECT_EQ(read(other_file), before);
  EXPECT_EQ(files_left_behind(course()), std::vector<std::string>{other_file});
  EXPECT_NE(read("chapters/03_attention/masks.cpp").find("NotImplemented"), std::string::npos);
}

TEST_F(Updating, NothingNewChangesNothing) {
  work(learner_file, "3.3", "return 17;");
  const std::string before = read(learner_file);
  EXPECT_EQ(fetch_course(course()).said, "nothing new has come");
  EXPECT_TRUE(update_files(course()).empty());
  EXPECT_EQ(read(learner_file), before);
  EXPECT_FALSE(fs::exists(root() / ".verse/backup"));
}

TEST_F(Updating, AHeaderThatBothChangedStopsItBeforeAnythingHappens) {
  work(learner_file, "3.3", "return 17;");
  write("chapters/03_attention/attention.h", "#pragma once\nint helper();\n");
  const std::string before = clone.snapshot("course/chapters");
  change_course();
  EXPECT_EQ(fetch_course(course()).other_work, std::vector<std::string>{"chapters/03_attention/attention.h"});
  EXPECT_EQ(clone.snapshot("course/chapters"), before);
}

TEST_F(Updating, AnUpdateThatWasCutShortIsPutRightByTheNext) {
  work(learner_file, "3.3", "return 17;");
  const std::string before = read(learner_file);
  write(".verse/update/" + learner_file, before);
  git(root(), "checkout -q HEAD -- .");  // killed here
  change_course();
  fetch_course(course());
  EXPECT_EQ(read(learner_file), before);
  update_files(course());
  EXPECT_NE(read(learner_file).find("return 17;"), std::string::npos);
}

TEST_F(Updating, WhatWasKeptIsPutBackThoughTheCourseHasNoSuchFileAnyMore) {
  work(other_file, "3.2", "return row == column;");
  const std::string before = read(other_file);
  authors.write("chapters/03_attention/exercises.toml",
                with_replaced(authors.read("chapters/03_attention/exercises.toml"), "mask.cpp", "masks.cpp"));
  git(authors.path(), "mv solutions/03_attention/mask.cpp solutions/03_attention/masks.cpp && git mv " + other_file +
                          " chapters/03_attention/masks.cpp && git commit -q -a -m rename");
  write(".verse/update/" + other_file, before);
  git(root(), "checkout -q HEAD -- . && git pull -q");  // killed here
  EXPECT_FALSE(fs::exists(root() / other_file));
  update_files(course());
  EXPECT_EQ(read(other_file), before);
  EXPECT_FALSE(fs::exists(root() / ".verse/update"));
}

TEST_F(Updating, AConflictLeavesTheFileAndPutsBothBeside) {
  write(learner_file, with_replaced(read(learner_file), "namespace verse {\n", "namespace verse {\n\n// Mine.\n"));
  work(learner_file, "3.1", "return 5;");
  const std::string before = read(learner_file);
  change_course();
  fetch_course(course());
  const std::vector<UpdatedFile> updated = update_files(course());
  ASSERT_EQ(updated.size(), 1u);
  EXPECT_NE(updated[0].left_alone.find("the same lines"), std::string::npos);
  EXPECT_EQ(read(learner_file), before);
  const std::string beside = read(updated[0].beside);
  for (const std::string part : {"// Mine.", "// Given since today.", "return 5;"}) {
    EXPECT_NE(beside.find(part), std::string::npos) << part;
  }
}

TEST(Starting, TakesTheReferenceForWhatIsNotBegunBefore) {
  const TemporaryCourse files;
  std::string later = "chapter = 5\nfolder = \"05_more\"\ntitle = \"More\"\n";
  files.write("chapters/05_more/exercises.toml", later + exercise_entry("5.1", "More", "ch05-more", true, "more.cpp"));
  files.write("solutions/05_more/more.cpp", "int more() {\n  //! [5.1]\n  return 5;\n  //! [5.1]\n}\n");
  const Course course(files.path());
  write_stubs(course, files.path());
  files.write(learner_file, with_replaced(files.read(learner_file), "throw NotImplemented(\"3.3\");", "return 17;"));
  const std::string before = files.snapshot("chapters");
  EXPECT_TRUE(start_at(course, 3).changed.empty());
  EXPECT_EQ(files.snapshot("chapters"), before);

  const SweepResult result = start_at(course, 5);
  EXPECT_EQ(result.changed, (std::vector<std::string>{"3.1", "3.2"}));
  EXPECT_EQ(result.kept, std::vector<std::string>{"3.3"});
  EXPECT_EQ(files.read(other_file), files.mask_solution);
  EXPECT_NE(files.read(learner_file).find("return 17;"), std::string::npos);
  EXPECT_NE(files.read("chapters/05_more/more.cpp").find("NotImplemented"), std::string::npos);
  EXPECT_EQ(load_state(files.path()).exercises.at("3.2").standing, Standing::passed);
  EXPECT_TRUE(start_at(course, 5).changed.empty());
  EXPECT_EQ(run_shell("cd " + files.path().string() + " && cp -r " + result.backup + "/chapters .").status, 0);
  EXPECT_EQ(files.snapshot("chapters"), before);
}

TEST(Resetting, PutsBackEverythingAndKeepsEverything) {
  const TemporaryCourse files;
  const Course course(files.path());
  write_stubs(course, files.path());
  const std::string stubs = files.snapshot("chapters");
  solve_exercise(course, course.exercise("3.1"));
  files.write(other_file, "int mask(int row, int column) { return row; }  // all mine\n");
  const std::string before = files.snapshot("chapters");
  const SweepResult result = reset_everything(course);
  EXPECT_EQ(result.changed, (std::vector<std::string>{learner_file, other_file}));
  EXPECT_EQ(files.snapshot("chapters"), stubs);
  EXPECT_TRUE(load_state(files.path()).exercises.empty());

  // What it prints as the way back is one.
  EXPECT_EQ(run_shell("cd " + files.path().string() + " && cp -r " + result.backup + "/. .").status, 0);
  EXPECT_EQ(files.snapshot("chapters"), before);
  EXPECT_FALSE(load_state(files.path()).exercises.at("3.1").solution_shown_at.empty());
}

}  // namespace
}  // namespace verse
