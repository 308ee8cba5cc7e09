#include "tests/harness/compile_error.h"

#include "tests/harness/workbench.h"
#include "tests/harness_test/temporary_course.h"

namespace verse {
namespace {

TEST(CompileError, IsTheFirstOfClangs) {
  const auto error = first_compile_error(
      "[3/9] Building CXX object x.o\n"
      "FAILED: x.o\n"
      "clang++ -Wno-error -c chapters/03_attention/attention.cpp\n"
      "../chapters/03_attention/attention.cpp:5:3: warning: unused\n"
      "../chapters/03_attention/attention.cpp:8:10: error: use of undeclared identifier 'qeury'\n"
      "  return qeury * key;\n"
      "../chapters/03_attention/attention.cpp:9:1: error: second\n",
      "03_attention");
  ASSERT_TRUE(error);
  EXPECT_EQ(error->file, "../chapters/03_attention/attention.cpp");
  EXPECT_EQ(error->line, 8);
  EXPECT_EQ(error->message, "use of undeclared identifier 'qeury'");
  EXPECT_EQ(error->learner_file, "chapters/03_attention/attention.cpp");
  EXPECT_EQ(error->learner_line, 8);
}

TEST(CompileError, InColourIsReadToo) {
  const auto error = first_compile_error(
      "\x1b[1m/r/chapters/03_attention/attention.cpp:8:10: \x1b[0m\x1b[0;1;31merror: \x1b[0m\x1b[1mexpected "
      "';'\x1b[0m\n",
      "03_attention");
  ASSERT_TRUE(error);
  EXPECT_EQ(error->message, "expected ';'");
  EXPECT_EQ(error->learner_line, 8);
}

TEST(CompileError, InAHeaderIsFollowedToTheLearnersLine) {
  const std::string clang =
      "/usr/include/torch/x.h:100:5: error: no matching function for call to 'f'\n"
      "/r/chapters/03_attention/attention.cpp:17:12: note: in instantiation of function template\n";
  const auto by_clang = first_compile_error(clang, "03_attention");
  ASSERT_TRUE(by_clang);
  EXPECT_EQ(by_clang->file, "/usr/include/torch/x.h");
  EXPECT_EQ(by_clang->learner_line, 17);

  const std::string gcc =
      "/usr/include/torch/x.h: In instantiation of 'void f()':\n"
      "/r/chapters/03_attention/attention.cpp:18:12:   required from here\n"
      "/usr/include/torch/x.h:100:5: error: no matching function for call to 'f'\n";
  const auto by_gcc = first_compile_error(gcc, "03_attention");
  ASSERT_TRUE(by_gcc);
  EXPECT_EQ(by_gcc->learner_line, 18);
}

TEST(CompileError, NotesOfALaterErrorDoNotCount) {
  const auto error = first_compile_error(
      "/usr/include/torch/x.h:1:1: error: first\n"
      "/r/chapters/03_attention/attention.cpp:17:12: error: second\n",
      "03_attention");
  ASSERT_TRUE(error);
  EXPECT_EQ(error->learner_file, "");
}

TEST(CompileError, OfTheLinkerIsReadToo) {
  const auto error = first_compile_error(
      "ld.lld: error: undefined symbol: verse::scores(int, int)\n"
      ">>> referenced by attention.cpp:19 (/r/chapters/03_attention/attention.cpp:19)\n"
      "clang: error: linker command failed with exit code 1\n",
      "03_attention");
  ASSERT_TRUE(error);
  EXPECT_EQ(error->message, "undefined symbol: verse::scores(int, int)");
  EXPECT_EQ(error->undefined, "verse::scores(int, int)");
  EXPECT_EQ(error->file, "");
  EXPECT_EQ(error->learner_line, 19);
}

TEST(CompileError, OfGnusLinkerIsReadToo) {
  const auto error = first_compile_error(
      "/usr/bin/ld: x.o: in function `verse::f()':\n"
      "attention_test.cpp:(.text+0x1b): undefined reference to `verse::scores(int, int)'\n"
      "collect2: error: ld returned 1 exit status\n",
      "03_attention");
  ASSERT_TRUE(error);
  EXPECT_EQ(error->undefined, "verse::scores(int, int)");
}

TEST(CompileError, FatalErrorsCountAndWarningsDoNot) {
  EXPECT_TRUE(first_compile_error("/a.cpp:1:10: fatal error: 'x.h' file not found\n", "03_attention"));
  EXPECT_FALSE(first_compile_error("/a.cpp:1:10: warning: nothing [-Werror=foo]\n", "03_attention"));
  EXPECT_FALSE(first_compile_error("", "03_attention"));
}

TEST(CompileError, LiesInAnExerciseOrInNone) {
  const TemporaryCourse files;
  const Course course(files.path());
  write_stubs(course, files.path());
  const Chapter& chapter = course.chapter(3);
  const std::string file = "chapters/03_attention/attention.cpp";
  const auto id_at = [&](const std::string& where, int line) {
    const Exercise* exercise = exercise_at(course, chapter, where, line);
    return exercise ? exercise->id : "none";
  };
  EXPECT_EQ(id_at(file, 5), "none");
  EXPECT_EQ(id_at(file, 6), "3.1");
  EXPECT_EQ(id_at(file, 9), "3.1");
  EXPECT_EQ(id_at(file, 10), "none");
  EXPECT_EQ(id_at(file, 14), "3.3");
  EXPECT_EQ(id_at("chapters/03_attention/mask.cpp", 3), "3.2");
  EXPECT_EQ(id_at("chapters/03_attention/other.cpp", 6), "none");
  EXPECT_EQ(id_at(file, -1), "none");
}

}  // namespace
}  // namespace verse
