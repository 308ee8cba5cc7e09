#include "tests/harness/terminal.h"

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "tests/harness/arguments.h"

namespace verse {
namespace {

TEST(Terminal, ParagraphsAreBrokenBetweenWordsAndIndented) {
  std::string words;
  for (int i = 0; i < 60; ++i) words += "word ";
  const std::string text = paragraph(words, 4);
  std::size_t begin = 0;
  std::size_t lines = 0;
  while (begin < text.size()) {
    const std::size_t end = text.find('\n', begin);
    EXPECT_LE(end - begin, 100u);
    EXPECT_EQ(text.substr(begin, 8), "    word");
    begin = end + 1;
    ++lines;
  }
  EXPECT_EQ(lines, 4u);
}

TEST(Terminal, LinesThatFitKeepTheirLayout) {
  EXPECT_EQ(paragraph("a    b\n\n  c", 2), "  a    b\n\n    c\n");
}

TEST(Terminal, PaddingCountsCharactersAndNotBytes) {
  EXPECT_EQ(padded("\xC3\xA9", 3), "\xC3\xA9  ");
  EXPECT_EQ(padded("long", 2), "long");
}

TEST(Terminal, CountsInWords) {
  EXPECT_EQ(counted(1, "hint"), "1 hint");
  EXPECT_EQ(counted(3, "hint"), "3 hints");
}

const CommandSyntax syntax{"N [FILE]", 1, 2, {"--json"}, {"--into"}};

TEST(Arguments, AreTakenApart) {
  const Arguments arguments("test", syntax, {"3", "--json", "--into", "dir", "file"});
  EXPECT_EQ(arguments.words(), (std::vector<std::string>{"3", "file"}));
  EXPECT_TRUE(arguments.on("--json"));
  EXPECT_EQ(arguments.setting("--into"), "dir");
  EXPECT_EQ(arguments.chapter(0), 3);
  EXPECT_THROW(arguments.chapter(1), UsageError);
  EXPECT_EQ(Arguments("test", syntax, {"3", "--into=a=b"}).setting("--into"), "a=b");
  EXPECT_EQ(Arguments("test", syntax, {"3", "--", "--json"}).words().back(), "--json");
  EXPECT_FALSE(Arguments("test", syntax, {"3"}).on("--json"));
  EXPECT_EQ(Arguments("test", syntax, {"3"}).setting("--into"), std::nullopt);
}

TEST(Arguments, MistakesAreRefused) {
  for (const std::vector<std::string>& line : std::vector<std::vector<std::string>>{
           {}, {"1", "2", "3"}, {"1", "--unknown"}, {"1", "--into"}, {"1", "--json=yes"}}) {
    EXPECT_THROW(Arguments("test", syntax, line), UsageError);
  }
}

TEST(Arguments, NumbersAreAboveZero) {
  EXPECT_EQ(Arguments("test", syntax, {"3", "--into", "2.5"}).number("--into", 1), 2.5);
  EXPECT_EQ(Arguments("test", syntax, {"3"}).number("--into", 1), 1);
  for (const std::string text : {"0", "-1", "x", "", "1x", "inf", "nan"}) {
    EXPECT_THROW(Arguments("test", syntax, {"3", "--into=" + text}).number("--into", 1), UsageError) << text;
  }
}

}  // namespace
}  // namespace verse
