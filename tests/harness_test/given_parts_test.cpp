#include "tests/harness/given_parts.h"

#include "common/base/error.h"
#include "tests/harness/compile_error.h"
#include "tests/harness_test/temporary_course.h"

namespace verse {
namespace {

// A learner's chapter 3 with exercise 3.1 written, out of which each test takes something.
class GivenParts : public testing::Test {
 protected:
  GivenParts() : course(files.path()) {
    write_stubs(course, files.path());
    written =
        replaced(files.read(learner_file), "  throw NotImplemented(\"3.1\");\n", "  return query * key;  // mine\n");
    EXPECT_NE(written, files.read(learner_file));
  }

  static std::string replaced(std::string text, const std::string& what, const std::string& by) {
    const std::size_t place = text.find(what);
    EXPECT_NE(place, std::string::npos) << what;
    return place == std::string::npos ? text : text.replace(place, what.size(), by);
  }

  // What `restore` says it put back.
  std::string restore(const std::string& id = "3.1") const {
    std::string done;
    restore_given(course, course.exercise(id), done);
    return done;
  }

  // A learner's file with a fault; restored, it is whole again.
  void expect_restored(const std::string& broken, const std::string& says) const {
    ASSERT_NE(broken, written);
    files.write(learner_file, broken);
    EXPECT_EQ(restore(), says);
    EXPECT_EQ(files.read(learner_file), written);
    EXPECT_EQ(restore(), "");
  }

  void expect_refused(const std::string& broken, const std::string& says) const {
    files.write(learner_file, broken);
    try {
      restore();
      ADD_FAILURE() << "restored what cannot be told";
    } catch (const UsageError& error) {
      EXPECT_NE(std::string(error.what()).find(says), std::string::npos) << error.what();
    }
    EXPECT_EQ(files.read(learner_file), broken);
  }

  TemporaryCourse files;
  Course course;
  std::string written;
};

TEST_F(GivenParts, NothingMissingNothingChanged) {
  files.write(learner_file, written);
  EXPECT_EQ(restore(), "");
  EXPECT_EQ(files.read(learner_file), written);
}

TEST_F(GivenParts, AMarkComesBackAndTheCodeStays) {
  const std::string mark = "  //! [3.1]\n";
  expect_restored(replaced(written, mark, ""), "its first mark");
  const std::size_t second = written.rfind(mark);
  expect_restored(std::string(written).erase(second, mark.size()), "its second mark");
  expect_restored(replaced(replaced(written, mark, ""), mark, ""), "its two marks");
}

TEST_F(GivenParts, AFunctionsGivenLinesComeBackAndTheCodeStays) {
  const std::string head = "int scores(int query, int key) {\n";
  expect_restored(replaced(written, head, "long scores(long query) {\n"), "the first lines of its function");
  expect_restored(replaced(written, head, ""), "the first lines of its function");
  expect_restored(replaced(written, "  //! [3.1]\n}\n", "  //! [3.1]\n"), "the last lines of its function");
}

TEST_F(GivenParts, AFunctionThatIsGoneComesBackAsAStub) {
  const std::string stubs = files.read(learner_file);
  const std::size_t begin = stubs.find("int scores("), end = stubs.find("int heads(");
  files.write(learner_file, std::string(stubs).erase(begin, end - begin));
  EXPECT_EQ(restore(), "its function, as a stub");
  EXPECT_EQ(files.read(learner_file), stubs);

  // The last function, too.
  const std::size_t last = stubs.find("int heads("), rest = stubs.find("}  // namespace verse");
  files.write(learner_file, std::string(stubs).erase(last, rest - last));
  EXPECT_EQ(restore("3.3"), "its function, as a stub");
  EXPECT_EQ(files.read(learner_file), stubs);
}

TEST_F(GivenParts, WhatCannotBeToldIsLeftAlone) {
  const std::string mark = "  //! [3.1]\n";
  expect_refused(written + mark, "its mark stands 3 times");
  expect_refused(replaced(replaced(written, mark, ""), "int scores(int query, int key) {", "int scores(int query) {"),
                 "does not begin as it was given");
  expect_refused(replaced(replaced(replaced(written, mark, ""), mark, ""), "int scores(int query, int key) {",
                          "int scores(int query) {"),
                 "begins its function with other lines");
}

TEST_F(GivenParts, AFileKeepsACopyAndItsLineEnds) {
  const std::string broken = replaced(written, "  //! [3.1]\n", "");
  files.write(learner_file, broken);
  std::string done;
  const BodyChange change = restore_given(course, course.exercise("3.1"), done);
  EXPECT_TRUE(change.changed);
  EXPECT_EQ(change.line, 6u);
  EXPECT_EQ(files.read(change.backup), broken);
}

TEST_F(GivenParts, AFunctionIsFoundByItsName) {
  EXPECT_EQ(line_of_definition(written, "scores"), 5u);
  EXPECT_EQ(line_of_definition(written, "core"), 0u);
  EXPECT_EQ(line_of_definition("int a() {\n  scores(1);\n}\nlong scores(long x) {\n}\n", "scores"), 4u);
}

class FailedBuild : public GivenParts {
 protected:
  // What a learner is told whose learner_file is `text` and whose build left that log.
  std::string told(const std::string& text, const std::string& log) const {
    files.write(learner_file, text);
    return explain_failed_build(course, course.chapter(3), log, Style{});
  }

  static void expect_part(const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << "missing: " << part << "\nin:\n" << text;
  }
};

TEST_F(FailedBuild, AMissingFunctionIsNamedWithItsExercise) {
  const std::string log = "ld.lld: error: undefined symbol: verse::scores(int, int)\n";
  const std::size_t begin = written.find("int scores("), end = written.find("int heads(");
  const std::string gone = told(std::string(written).erase(begin, end - begin), log);
  expect_part(gone, "Exercise 3.1, Scaled scores: its function scores is missing in " + learner_file);
  expect_part(gone, "make restore-3.1 puts it back");

  const std::string other = told(replaced(written, "int scores(int query, int key) {", "int scores(int query) {"), log);
  expect_part(other, "another signature");
  expect_part(other, learner_file + ":5: int scores(int query) {");
  expect_part(other, "given  int scores(int query, int key) {");
  expect_part(other, "make restore-3.1");
}

TEST_F(FailedBuild, AnErrorInTheGivenLinesIsNoHintsMatter) {
  const std::string text = told(replaced(written, "int scores(int query, int key) {", "int scores(int query, key) {"),
                                "../" + learner_file + ":5:23: error: unknown type name 'key'\n");
  expect_part(text, "is given, around exercise 3.1");
  expect_part(text, "make restore-3.1");
}

TEST_F(FailedBuild, ALearnersOwnFileIsNeverToBeCheckedOut) {
  // A function that was given in the same learner_file as the exercises.
  files.write("solutions/03_attention/attention.cpp",
              files.read("solutions/03_attention/attention.cpp") + "int extra() {\n}\n");
  const std::string text = told(written, "ld.lld: error: undefined symbol: verse::extra()\n");
  expect_part(text, "verse::extra() is missing");
  expect_part(text, "git diff " + learner_file);
  EXPECT_EQ(text.find("git checkout"), std::string::npos) << text;
  const std::string outside = told(written, "../" + learner_file + ":1:10: error: no such learner_file\n");
  expect_part(outside, "git diff " + learner_file);
  EXPECT_EQ(outside.find("git checkout"), std::string::npos) << outside;
}

TEST_F(FailedBuild, AMissingFileIsSaidBeforeAnythingElse) {
  files.write(learner_file, written);
  std::filesystem::remove(files.path() / learner_file);
  const std::string text = explain_failed_build(course, course.chapter(3), "ninja: error: unknown target\n", Style{});
  expect_part(text, learner_file + " is not there");
  expect_part(text, "make stubs");
}

TEST_F(FailedBuild, AChangedHeaderIsNamed) {
  ASSERT_EQ(run_shell("cd " + files.path().string() +
                      " && git init -q . && git add chapters && git -c user.name=a -c user.email=a@b commit -q -m a")
                .status,
            0);
  EXPECT_TRUE(changed_given_files(course, course.chapter(3)).empty());
  files.write(learner_file, written);
  EXPECT_TRUE(changed_given_files(course, course.chapter(3)).empty())
      << "the learner's own learner_file is to be changed";
  const std::string header = "chapters/03_attention/attention.h";
  files.write(header, "#pragma once\nlong scores(long query);\n");
  EXPECT_EQ(changed_given_files(course, course.chapter(3)), std::vector<std::string>{header});
  const std::string text = told(written, "ld.lld: error: undefined symbol: verse::scores(long)\n");
  expect_part(text, "Exercise 3.1");
  expect_part(text, header + " was changed");
  expect_part(text, "git checkout " + header);
}

}  // namespace
}  // namespace verse
