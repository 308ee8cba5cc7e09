#include "tests/harness/source_marks.h"

#include <algorithm>

#include "tests/harness_test/temporary_course.h"

namespace verse {
namespace {

// The line and message of the error that finding one exercise's marks ends in.
std::pair<std::size_t, std::string> fault_of(const std::string& source, const std::string& id) {
  try {
    find_mark(source, id);
  } catch (const MarkError& error) {
    return {error.line(), error.what()};
  }
  return {0, "no fault"};
}

const std::string two_parts =
    "f() {\n"
    "  //! [3.1]\n"
    "  one;\n"
    "  //! [picture]\n"
    "  //! [3.1]\n"
    "}\n"
    "\t//! [3.20] \t\n"
    "\t//! [3.20]";

TEST(SourceMarks, AreFoundInOrderWithTheirLines) {
  const std::vector<MarkedPart> parts = find_marks(two_parts);
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[0].id, "3.1");
  EXPECT_EQ(parts[0].first_line, 2u);
  EXPECT_EQ(parts[0].last_line, 5u);
  EXPECT_EQ(parts[0].indentation, "  ");
  EXPECT_EQ(body_of(two_parts, parts[0]), "  one;\n  //! [picture]\n");
  EXPECT_EQ(parts[1].id, "3.20");
  EXPECT_EQ(parts[1].indentation, "\t");
  EXPECT_EQ(body_of(two_parts, parts[1]), "");
}

TEST(SourceMarks, OnlyAChapterAPointAndANumberCount) {
  EXPECT_TRUE(
      find_marks("//! [3]\n//! [3.]\n//! [.1]\n//! [3.1\n//! [a.1]\n//! [3.1.2]\n// [3.1]\n//![3.1]\nx //! [3.1]\n")
          .empty());
}

TEST(SourceMarks, FaultsAreNamedWithTheirLine) {
  EXPECT_EQ(fault_of("a\n", "3.1"), std::pair(std::size_t{0}, std::string("the two lines `//! [3.1]` are missing")));
  const auto alone = fault_of("a\n//! [3.1]\n", "3.1");
  EXPECT_EQ(alone.first, 2u);
  EXPECT_NE(alone.second.find("alone"), std::string::npos);
  const auto doubled = fault_of("//! [3.1]\n//! [3.1]\n//! [3.1]\n//! [3.1]\n", "3.1");
  EXPECT_EQ(doubled.first, 3u);
  EXPECT_NE(doubled.second.find("4 times"), std::string::npos);
  const auto nested = fault_of("//! [3.1]\n//! [3.2]\n//! [3.2]\n//! [3.1]\n", "3.1");
  EXPECT_EQ(nested.first, 2u);
  EXPECT_NE(nested.second.find("between"), std::string::npos);
}

TEST(SourceMarks, OneExerciseDoesNotCareForAnothersFaults) {
  const std::string source = "//! [3.2]\n//! [3.1]\nx\n//! [3.1]\n";
  EXPECT_EQ(body_of(source, find_mark(source, "3.1")), "x\n");
  EXPECT_THROW(find_marks(source), MarkError);
}

TEST(Splice, ReplacesTheBodyAndNothingElse) {
  const MarkedPart part = find_mark(two_parts, "3.1");
  const std::string changed = splice(two_parts, part, "  two;\n  three;\n");
  EXPECT_EQ(changed.substr(0, part.begin), two_parts.substr(0, part.begin));
  EXPECT_EQ(body_of(changed, find_mark(changed, "3.1")), "  two;\n  three;\n");
  EXPECT_EQ(changed.substr(find_mark(changed, "3.1").end), two_parts.substr(part.end));
  EXPECT_EQ(splice(changed, find_mark(changed, "3.1"), body_of(two_parts, part)), two_parts);
}

TEST(Splice, TakesOnTheLineEndsOfTheMarks) {
  const std::string source = "//! [3.1]\r\nold;\r\n//! [3.1]\r\nrest\r\n";
  EXPECT_EQ(splice(source, find_mark(source, "3.1"), "a;\nb;\n"), "//! [3.1]\r\na;\r\nb;\r\n//! [3.1]\r\nrest\r\n");
}

TEST(Stub, SaysWhatToDoAndThrows) {
  const std::string body = stub_body(find_mark(two_parts, "3.1"), "Scaled scores", "ch03-scores");
  EXPECT_EQ(body,
            "  // Exercise 3.1: Scaled scores. Read \"ch03-scores\" in README.md, then replace the next line; make "
            "hint-3.1 helps.\n"
            "  throw NotImplemented(\"3.1\");\n");
  EXPECT_TRUE(is_stub(body, "3.1"));
}

TEST(Stub, IsNeverWiderThanOneHundredAndTwentyColumns) {
  for (std::size_t length = 1; length < 100; ++length) {
    const std::string body = stub_body(find_mark(two_parts, "3.1"), std::string(length, 't'), "ch03-scores");
    EXPECT_LE(body.find('\n'), 120u) << length;
    EXPECT_TRUE(is_stub(body, "3.1"));
  }
}

TEST(Stub, IsToldFromALearnersWork) {
  const std::string stub = stub_body(find_mark(two_parts, "3.1"), "Old title", "old-section");
  EXPECT_TRUE(is_stub(stub, "3.1"));
  EXPECT_FALSE(is_stub(stub, "3.2"));
  EXPECT_FALSE(is_stub(stub + "  // my own note\n", "3.1"));
  EXPECT_FALSE(is_stub("  return 1;\n", "3.1"));
  EXPECT_FALSE(is_stub("  // mine\n  throw NotImplemented(\"3.1\");\n", "3.1"));
  EXPECT_FALSE(is_stub("", "3.1"));
  const std::string with_calls = stub_body(find_mark(two_parts, "3.1"), "Old title", "old-section",
                                           {{"x.topk(k, dim)", "the k largest values and their places"}});
  EXPECT_NE(with_calls.find("// New here: x.topk(k, dim)\n"), std::string::npos);
  EXPECT_NE(with_calls.find("//   does: the k largest values and their places\n"), std::string::npos);
  EXPECT_TRUE(is_stub(with_calls, "3.1"));
  EXPECT_FALSE(is_stub(with_calls + "  // my own note\n", "3.1"));
}

TEST(WithoutBodies, KeepsMarksAndWhatIsGiven) {
  EXPECT_EQ(without_bodies(two_parts), "f() {\n  //! [3.1]\n  //! [3.1]\n}\n\t//! [3.20] \t\n\t//! [3.20]");
}

TEST(SourceMarks, TheDigestOfCodeSeesWordsAndNotTheirLayout) {
  EXPECT_EQ(code_digest("  return 1;\n"), code_digest("\treturn 1;  \r\n\n"));
  EXPECT_NE(code_digest("return 1;\n"), code_digest("return 2;\n"));
  EXPECT_NE(code_digest("// a\nb;\n"), code_digest("// a b;\n"));
}

}  // namespace
}  // namespace verse
