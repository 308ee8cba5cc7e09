#include "common/base/terminal.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace verse
