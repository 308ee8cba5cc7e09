#include "tests/harness/workbench.h"

#include <sys/stat.h>

#include "common/base/error.h"
#include "tests/harness/learner_state.h"
#include "tests/harness_test/temporary_course.h"

namespace verse {
namespace {

namespace fs = std::filesystem;

const std::string mask_file = "chapters/03_attention/mask.cpp";

class Workbench : public testing::Test {
 protected:
  Course course() const { return Course(files.path()); }
  StubsResult stubs() const { return write_stubs(course(), files.path()); }
  void solve(const std::string& id) const { solve_exercise(course(), course().exercise(id)); }

  // Replaces a text that must be there.
  void edit(const std::string& file, const std::string& from, const std::string& to) const {
    std::string text = files.read(file);
    const std::size_t place = text.find(from);
    ASSERT_NE(place, std::string::npos) << from;
    files.write(file, text.replace(place, from.size(), to));
  }

  void expect_refusal(const std::string& says) const {
    const std::string before = files.snapshot("chapters");
    const StubsResult result = stubs();
    EXPECT_TRUE(result.written.empty());
    ASSERT_EQ(result.refused.size(), 1u);
    EXPECT_NE(result.refused[0].find(says), std::string::npos) << result.refused[0];
    EXPECT_EQ(files.snapshot("chapters"), before);
  }

  TemporaryCourse files;
};

TEST_F(Workbench, StubsEmptyEveryBodyAndKeepTheRest) {
  EXPECT_EQ(stubs().written, (std::vector<std::string>{learner_file, mask_file}));
  EXPECT_EQ(files.read(learner_file),
            "#include \"03_attention/attention.h\"\n"
            "\n"
            "namespace verse {\n"
            "\n"
            "int scores(int query, int key) {\n"
            "  //! [3.1]\n"
            "  // Exercise 3.1: Scaled scores. Read \"The scores\" in README.md, then replace the next line; make "
            "hint-3.1 helps.\n"
            "  throw NotImplemented(\"3.1\");\n"
            "  //! [3.1]\n"
            "}\n"
            "\n"
            "int heads(int width) {\n"
            "    //! [3.3]\n"
            "    // Exercise 3.3: Heads. Read \"Many heads\" in README.md, then replace the next line; make hint-3.3 "
            "helps.\n"
            "    throw NotImplemented(\"3.3\");\n"
            "    //! [3.3]\n"
            "}\n"
            "\n"
            "}  // namespace verse\n");
  EXPECT_EQ(files.read("chapters/03_attention/main.cpp"), "int main() {}\n");
}

TEST_F(Workbench, StubsWrittenTwiceChangeNothing) {
  stubs();
  const std::string before = files.snapshot(".");
  EXPECT_TRUE(stubs().written.empty());
  EXPECT_EQ(files.snapshot("."), before);
}

TEST_F(Workbench, StubsRefuseALearnersWorkAndChangeNothing) {
  stubs();
  edit(learner_file, "throw NotImplemented(\"3.1\");", "return query * key;");
  fs::remove(files.path() / mask_file);  // would be written, were it not for the other
  const std::string before = files.snapshot("chapters");
  const StubsResult result = stubs();
  EXPECT_TRUE(result.written.empty());
  EXPECT_EQ(result.refused, (std::vector<std::string>{learner_file + ": it holds work of yours (3.1), so it is left as "
                                                                     "it is"}));
  EXPECT_EQ(files.snapshot("chapters"), before);
  EXPECT_FALSE(fs::exists(files.path() / mask_file));
}

TEST_F(Workbench, StubsRefuseANoteInAStubAndAChangeOfWhatIsGiven) {
  stubs();
  edit(learner_file, "  throw", "  // remember: divide by 8\n  throw");
  expect_refusal("3.1");
  files.write(learner_file, make_stubs(course())[0].text);
  edit(learner_file, "namespace verse {\n", "namespace verse {\nint helper();\n");
  expect_refusal("edited outside the exercises");
  files.write(learner_file, make_stubs(course())[0].text);
  edit(learner_file, "  //! [3.1]\n", "");
  expect_refusal(learner_file);
}

TEST_F(Workbench, StubsFollowASolutionThatChanges) {
  stubs();
  edit("solutions/03_attention/attention.cpp", "namespace verse {\n", "namespace verse {\n// Given since today.\n");
  EXPECT_EQ(stubs().written, std::vector<std::string>{learner_file});
  EXPECT_NE(files.read(learner_file).find("Given since today"), std::string::npos);

  // A form that was written before the last one is known too.
  const std::string newest = files.read(learner_file);
  edit("solutions/03_attention/attention.cpp", "// Given since today.\n", "");
  EXPECT_EQ(stubs().written.size(), 1u);
  files.write(learner_file, newest);
  EXPECT_EQ(stubs().written.size(), 1u);
}

TEST_F(Workbench, StubsAreKnownWithoutAnyMemoryWhereOnlyTheirWordsDiffer) {
  stubs();
  fs::remove_all(files.path() / ".verse");
  edit(learner_file, "Scaled scores", "An old title");
  EXPECT_EQ(stubs().written, std::vector<std::string>{learner_file});
}

TEST_F(Workbench, StubsThatGitHasAreKnownWithoutAnyMemory) {
  stubs();
  const std::string git = "git -C " + files.path().string() + " -c user.name=t -c user.email=t@example.org ";
  ASSERT_EQ(run_shell(git + "init -q && " + git + "add chapters && " + git + "commit -q -m stubs").status, 0);
  fs::remove_all(files.path() / ".verse");
  edit("solutions/03_attention/attention.cpp", "namespace verse {\n", "namespace verse {\n// Given since today.\n");
  EXPECT_EQ(stubs().written, std::vector<std::string>{learner_file});

  // What a learner has committed is no stub, whatever git has.
  edit(learner_file, "throw NotImplemented(\"3.1\");", "return query * key;");
  ASSERT_EQ(run_shell(git + "commit -q -a -m work").status, 0);
  expect_refusal("3.1");
}

TEST_F(Workbench, StubsOfAnUnknownOriginAreRefused) {
  stubs();
  fs::remove_all(files.path() / ".verse");
  edit("solutions/03_attention/attention.cpp", "namespace verse {\n", "namespace verse {\n// Given since today.\n");
  expect_refusal("edited outside the exercises");
}

TEST_F(Workbench, StubsCanBeWrittenIntoAnotherTree) {
  const TemporaryFolder other;
  const StubsResult result = write_stubs(course(), other.path());
  EXPECT_EQ(result.written.size(), 2u);
  EXPECT_FALSE(fs::exists(files.path() / learner_file));
  EXPECT_TRUE(find_drift(course(), other.path()).empty());
  EXPECT_EQ(find_drift(course(), files.path()).size(), 2u);
}

TEST_F(Workbench, DriftNamesFileAndLine) {
  stubs();
  EXPECT_TRUE(find_drift(course(), files.path()).empty());
  edit(learner_file, "throw NotImplemented(\"3.1\");", "return query * key;");
  fs::remove(files.path() / mask_file);
  files.write("chapters/03_attention/given.cpp", "");  // no solution, so no concern of ours
  EXPECT_EQ(find_drift(course(), files.path()),
            (std::vector<std::string>{learner_file + ":8: not what `stubs` would write", mask_file + ": missing"}));
}

TEST_F(Workbench, BrokenOrUnknownMarksInASolutionStopTheStubs) {
  edit("solutions/03_attention/mask.cpp", "  //! [3.2]\n", "");
  EXPECT_THROW(make_stubs(course()), UsageError);
  files.write("solutions/03_attention/mask.cpp", "//! [3.7]\n//! [3.7]\n");
  EXPECT_THROW(make_stubs(course()), UsageError);
  files.write("solutions/03_attention/mask.cpp", "//! [3.1]\n//! [3.1]\n");  // belongs to attention.cpp
  EXPECT_THROW(make_stubs(course()), UsageError);
  EXPECT_FALSE(fs::exists(files.path() / learner_file));
}

TEST_F(Workbench, SolveThenResetGivesBackEveryByte) {
  stubs();
  chmod((files.path() / learner_file).c_str(), 0640);
  const std::string before = files.read(learner_file);
  for (const std::string id : {"3.1", "3.3"}) {
    const BodyChange solved = solve_exercise(course(), course().exercise(id));
    EXPECT_TRUE(solved.changed);
    EXPECT_EQ(files.read(solved.backup), before);
    EXPECT_NE(files.read(learner_file), before);
    EXPECT_TRUE(reset_exercise(course(), course().exercise(id)).changed);
    EXPECT_EQ(files.read(learner_file), before);
  }
  struct stat status {};
  stat((files.path() / learner_file).c_str(), &status);
  EXPECT_EQ(status.st_mode & 07777, 0640u);
}

TEST_F(Workbench, SolvingEverythingGivesTheSolution) {
  stubs();
  for (const std::string id : {"3.1", "3.2", "3.3"}) solve(id);
  EXPECT_EQ(files.read(learner_file), files.solution);
  EXPECT_EQ(files.read(mask_file), files.mask_solution);
  EXPECT_FALSE(solve_exercise(course(), course().exercise("3.1")).changed);
}

TEST_F(Workbench, SolveTouchesOnlyItsOwnPart) {
  stubs();
  edit(learner_file, "throw NotImplemented(\"3.3\");", "return 17;  // mine");
  edit(learner_file, "namespace verse {\n", "namespace verse {\nint helper();\n");
  const std::string before = files.read(learner_file);
  solve("3.1");
  const std::string after = files.read(learner_file);
  EXPECT_EQ(without_bodies(after), without_bodies(before));
  EXPECT_EQ(body_of(after, find_mark(after, "3.3")), body_of(before, find_mark(before, "3.3")));
  EXPECT_EQ(body_of(after, find_mark(after, "3.1")), body_of(files.solution, find_mark(files.solution, "3.1")));
}

TEST_F(Workbench, SolveKeepsWindowsLineEnds) {
  files.write(mask_file, "int mask() {\r\n  //! [3.2]\r\n  mine;\r\n  //! [3.2]\r\n}\r\n");
  solve("3.2");
  EXPECT_EQ(files.read(mask_file), "int mask() {\r\n  //! [3.2]\r\n  return column <= row;\r\n  //! [3.2]\r\n}\r\n");
}

TEST_F(Workbench, BrokenMarksOfALearnerChangeNothing) {
  stubs();
  const std::string whole = files.read(learner_file);
  std::string none = whole;
  for (std::size_t place = 0; (place = none.find("  //! [3.1]\n")) != std::string::npos;) none.erase(place, 12);
  const std::string doubled = whole + "//! [3.1]\n//! [3.1]\n";
  for (const std::string& text : {none, doubled}) {
    files.write(learner_file, text);
    EXPECT_THROW(solve("3.1"), UsageError);
    EXPECT_THROW(reset_exercise(course(), course().exercise("3.1")), UsageError);
    EXPECT_EQ(files.read(learner_file), text);
    EXPECT_FALSE(fs::exists(files.path() / ".verse" / "backup"));
    solve("3.3");  // another exercise of the file is not concerned
    EXPECT_NE(files.read(learner_file), text);
    fs::remove_all(files.path() / ".verse");
  }
}

TEST_F(Workbench, BackupsOfOneSecondDoNotReplaceEachOther) {
  stubs();
  std::set<std::string> backups;
  for (int i = 0; i < 5; ++i) {
    backups.insert(solve_exercise(course(), course().exercise("3.1")).backup);
    backups.insert(reset_exercise(course(), course().exercise("3.1")).backup);
  }
  EXPECT_EQ(backups.size(), 10u);
}

TEST_F(Workbench, LooksAtABody) {
  stubs();
  const Exercise exercise = course().exercise("3.1");
  const BodyInFile stub = look_at_body(course(), exercise);
  EXPECT_EQ(stub.file, learner_file);
  EXPECT_EQ(stub.line, 6u);
  EXPECT_EQ(stub.last_line, 9u);
  EXPECT_TRUE(stub.stub);
  solve("3.1");
  const BodyInFile solved = look_at_body(course(), exercise);
  EXPECT_FALSE(solved.stub);
  EXPECT_EQ(solved.digest, look_at_body(course(), exercise, true).digest);
  files.write(learner_file, "gone\n");
  EXPECT_EQ(look_at_body(course(), exercise).digest, "unmarked");
  EXPECT_EQ(look_at_body(course(), exercise).line, 0u);
}

TEST_F(Workbench, TheChaptersDigestSeesAllItsCodeButTheProgram) {
  stubs();
  const Chapter chapter = course().chapter(3);
  const std::string before = chapter_digest(course(), chapter);
  files.write("chapters/03_attention/main.cpp", "int main() { return 1; }\n");
  files.write("chapters/03_attention/chapter.md", "other\n");
  EXPECT_EQ(chapter_digest(course(), chapter), before);
  files.write("chapters/03_attention/attention.h", "#pragma once\nint helper();\n");
  EXPECT_NE(chapter_digest(course(), chapter), before);
}

}  // namespace
}  // namespace verse
