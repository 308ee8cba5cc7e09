#include "tests/harness/answer_list.h"

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "tests/harness/injection.h"
#include "tests/harness/source_marks.h"

namespace verse {
namespace {

TEST(AnswerList, HeadingsAndBodiesAreRead) {
  const auto answers = read_answers(
      "// What this list is.\n\n"
      "//! [3.1] wrong no_scaling: forgot the root\nreturn product;\n\n"
      "//! [3.10] right\n// With a remark.\nreturn 1;\n"
      "//! [3.1] wrong\nreturn 2;\n"
      "//! [3.1] wrong no_scaling+wrong_axis: two at once\nreturn 3;\n",
      "list");
  ASSERT_EQ(answers.size(), 4U);
  EXPECT_EQ(answers[0].exercise, "3.1");
  EXPECT_FALSE(answers[0].right);
  EXPECT_EQ(answers[0].mistake, "no_scaling");
  EXPECT_EQ(answers[0].note, "forgot the root");
  EXPECT_EQ(answers[0].line, 3U);
  EXPECT_EQ(answers[0].body, "return product;\n\n");
  EXPECT_TRUE(answers[1].right);
  EXPECT_EQ(answers[1].exercise, "3.10");
  EXPECT_TRUE(answers[2].mistake.empty());
  EXPECT_EQ(answers[3].mistake, "no_scaling+wrong_axis");
}

TEST(AnswerList, WhatCannotBeReadIsNamedWithItsLine) {
  const auto what = [](const std::string& text) -> std::string {
    try {
      read_answers(text, "list");
    } catch (const UsageError& error) {
      return error.what();
    }
    return "nothing";
  };
  EXPECT_EQ(what("").rfind("list: there is no answer", 0), 0U);
  EXPECT_EQ(what("return 1;\n").rfind("list:1: expected a heading", 0), 0U);
  EXPECT_EQ(what("//! [3.1] right\nreturn 1;\n//! [3.1] maybe\nreturn 2;\n").rfind("list:3: expected", 0), 0U);
  EXPECT_EQ(what("//! [3.1] right\n// only words\n").rfind("list:1: the answer to 3.1 has no code", 0), 0U);
}

constexpr const char* kSource =
    "int f(int x) {\n"
    "  //! [1.1]\n"
    "  return x;\n"
    "  //! [1.1]\n"
    "}\n"
    "int g() {\n"
    "  //! [1.2]\n"
    "  return 2;\n"
    "  //! [1.2]\n"
    "}\n";

TEST(Injection, OtherBodiesStandBesideTheFilesOwn) {
  const std::string text = inject(kSource, "mine.cpp", {{"1.1", 1, "theirs.cpp", 7, "  return -x;"}});
  EXPECT_NE(text.find("if (body_of_1_1 == 1) {\n#line 7 \"theirs.cpp\"\n  return -x;\n} else {\n"
                      "#line 3 \"mine.cpp\"\n  return x;\n}\n#line 4 \"mine.cpp\"\n  //! [1.1]\n"),
            std::string::npos)
      << text;
  EXPECT_EQ(text.find("body_of_1_2"), std::string::npos);
}

TEST(Injection, NothingIsChangedWithoutBodies) {
  EXPECT_EQ(inject(kSource, "mine.cpp", {}),
            "#include \"common/base/bodies.h\"\n#line 1 \"mine.cpp\"\n" + std::string(kSource));
}

TEST(Injection, MarksThatAreNotInOrderAreRefused) {
  EXPECT_THROW(inject("//! [1.1]\n", "mine.cpp", {{"1.1", 1, "theirs.cpp", 1, ""}}), MarkError);
}

}  // namespace
}  // namespace verse
