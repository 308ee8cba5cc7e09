#include "tests/harness/lint.h"

#include "tests/harness_test/temporary_course.h"

namespace verse {
namespace {

class Lint : public testing::Test {
 protected:
  std::vector<std::string> findings() const { return lint_chapter(Course(files.path()), 3); }

  void edit(const std::string& file, const std::string& from, const std::string& to) const {
    std::string text = files.read(file);
    const std::size_t place = text.find(from);
    ASSERT_NE(place, std::string::npos) << from;
    files.write(file, text.replace(place, from.size(), to));
  }

  TemporaryCourse files;
};

const std::string manifest = "chapters/03_attention/exercises.toml";

TEST_F(Lint, FindsNothingInAGoodChapter) {
  EXPECT_EQ(findings(), std::vector<std::string>{});
}

TEST_F(Lint, FindsASectionThatTheProseDoesNotHave) {
  edit("chapters/03_attention/chapter.md", "{#ch03-mask}", "");
  EXPECT_EQ(findings(),
            (std::vector<std::string>{
                manifest + ":23: 3.2: no heading in chapters/03_attention/chapter.md carries {#ch03-mask}",
                manifest + ":59: P3.1: no heading in chapters/03_attention/chapter.md carries {#ch03-mask}"}));
}

TEST_F(Lint, FindsTooFewKnownMistakes) {
  edit(manifest, "[[exercise.mistake]]\nid = \"wrong_axis\"\nsays = \"The sum runs over the wrong axis.\"\n", "");
  EXPECT_EQ(findings(), (std::vector<std::string>{manifest + ":5: 3.1: knows 2 known mistakes, where at least 3 are "
                                                             "wanted"}));
}

TEST_F(Lint, FindsAnExerciseThatIsTooLongOrTooShort) {
  edit(manifest, "minutes = 10", "minutes = 31");
  EXPECT_EQ(findings(), (std::vector<std::string>{manifest + ":5: 3.1: takes 31 minutes, where 5 to 30 are wanted"}));
  edit(manifest, "minutes = 31", "minutes = 4");
  EXPECT_EQ(findings().size(), 1u);
}

TEST_F(Lint, FindsMarksWithoutAnEntryAndEntriesWithoutMarks) {
  edit("solutions/03_attention/mask.cpp", "  //! [3.2]\n", "  //! [3.9]\n");
  edit("solutions/03_attention/mask.cpp", "  //! [3.2]\n", "  //! [3.9]\n");
  EXPECT_EQ(findings(),
            (std::vector<std::string>{
                manifest + ":23: 3.2: solutions/03_attention/mask.cpp has no lines `//! [3.2]` in order",
                "solutions/03_attention/mask.cpp:2: marks exercise 3.9, which " + manifest + " does not place here"}));
}

TEST_F(Lint, FindsMarksInTheWrongFile) {
  edit(manifest, "file = \"mask.cpp\"", "file = \"attention.cpp\"");
  EXPECT_EQ(findings().size(), 2u);
}

TEST_F(Lint, FindsBrokenMarks) {
  edit("solutions/03_attention/mask.cpp", "  //! [3.2]\n", "");
  const std::vector<std::string> found = findings();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0],
            "solutions/03_attention/mask.cpp:3: the mark `//! [3.2]` stands here alone: the other one is missing");
}

TEST_F(Lint, FindsMissingProseAndSolutions) {
  std::filesystem::remove(files.path() / "chapters/03_attention/chapter.md");
  std::filesystem::remove_all(files.path() / "solutions/03_attention");
  EXPECT_EQ(findings(), (std::vector<std::string>{"chapters/03_attention/chapter.md: is missing",
                                                  "solutions/03_attention: is missing"}));
}

TEST_F(Lint, FindsSolutionsWithoutAManifest) {
  EXPECT_EQ(lint_course(Course(files.path())), std::vector<std::string>{});
  files.write("solutions/04_blocks/blocks.cpp", "");
  files.write("solutions/05_notes/notes.md", "");
  EXPECT_EQ(lint_course(Course(files.path())),
            (std::vector<std::string>{
                "chapters/04_blocks/exercises.toml: is missing, although solutions/04_blocks has sources"}));
}

TEST_F(Lint, AManifestThatCannotBeReadIsAFinding) {
  edit(manifest, "minutes = 10", "minutes = \"ten\"");
  EXPECT_EQ(findings(), (std::vector<std::string>{manifest + ":10: exercise 3.1: `minutes` is not a whole number"}));
}

}  // namespace
}  // namespace verse
