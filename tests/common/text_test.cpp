#include "common/base/text.h"

#include <gtest/gtest.h>

#include <limits>
#include <optional>
#include <vector>

#include "common/base/error.h"
#include "tests/common/temporary_folder.h"

namespace verse {
namespace {

TEST(Text, DecodesOneToFourBytes) {
  // The examples of the Unicode standard, table 3-4: one character of each length.
  EXPECT_EQ(decode_utf8("M\u0430\u4E8C\U00010302"), U"M\u0430\u4E8C\U00010302");
  EXPECT_EQ(decode_utf8("\xf4\x8f\xbf\xbf"), std::u32string(1, 0x10ffff));
  EXPECT_EQ(decode_utf8(""), U"");
  EXPECT_EQ(decode_utf8(std::string_view("a\0b", 3)).size(), 3U);
}

TEST(Text, EncodesWhatItDecodes) {
  // Both ends of each length.
  const std::u32string characters = {0x0, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff, 0x10000, 0x10ffff};
  EXPECT_EQ(decode_utf8(encode_utf8(characters)), characters);
  EXPECT_EQ(encode_utf8(U'\u20ac'), "\xe2\x82\xac");
  EXPECT_THROW(encode_utf8(char32_t{0xd800}), std::invalid_argument);
  EXPECT_THROW(encode_utf8(char32_t{0x110000}), std::invalid_argument);
}

struct BadText {
  std::string bytes;
  int position;  ///< of the byte to be named, from 1
};

TEST(Text, RefusesWhatIsNotUtf8AndNamesTheByte) {
  const std::vector<BadText> cases = {
      {"ab\xff", 3},            // no character begins so
      {"\x80", 1},              // a byte that goes on, with nothing to go on from
      {"\xc0\xaf", 1},          // overlong '/'
      {"\xe0\x80\xaf", 1},      // overlong in three bytes
      {"\xf0\x80\x80\xaf", 1},  // overlong in four
      {"x\xed\xa0\x80", 2},     // a surrogate
      {"\xf4\x90\x80\x80", 1},  // above U+10FFFF
      {"\xf5\x80\x80\x80", 1},  // a first byte that would always be
      {"ab\xe2\x82", 3},        // cut short
      {"ab\xe2\x82zzz", 3},     // a letter where the character should go on
  };
  for (const auto& bad : cases) {
    const std::string message = message_of<UsageError>([&] { decode_utf8(bad.bytes); });
    EXPECT_NE(message.find("byte " + std::to_string(bad.position) + " "), std::string::npos) << message;
  }
}

TEST(Text, ShowsCharacters) {
  EXPECT_EQ(show_character(U'a'), "\"a\"");
  EXPECT_EQ(show_character(U'\u00e9'), "\"\u00e9\"");
  EXPECT_EQ(show_character(U' '), "\" \"");
  EXPECT_EQ(show_character(U'\n'), "\\n");
  EXPECT_EQ(show_character(char32_t{7}), "U+0007");
  EXPECT_EQ(show_character(char32_t{0x200b}), "U+200B");
  EXPECT_EQ(show_character(char32_t{0xfeff}), "U+FEFF");
}

TEST(Text, CommasStandBetweenThousands) {
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(1000), "1,000");
  EXPECT_EQ(with_commas(1115394), "1,115,394");
  EXPECT_EQ(with_commas(-100), "-100");
  EXPECT_EQ(with_commas(-123456), "-123,456");
}

TEST(Text, CountsAndCutsWholeCharacters) {
  const std::string text = "Чёt\u20ac\U0001f600";
  EXPECT_EQ(count_characters(text), 5U);
  EXPECT_EQ(count_characters(""), 0U);
  EXPECT_EQ(first_characters(text, 0), "");
  EXPECT_EQ(first_characters(text, 2), "Чё");
  EXPECT_EQ(first_characters(text, 4), "Чёt\u20ac");
  EXPECT_EQ(first_characters(text, 5), text);
  EXPECT_EQ(first_characters(text, 99), text);
  EXPECT_TRUE(is_utf8(text));
  EXPECT_FALSE(is_utf8("caf\xe9"));
}

TEST(Text, SplitsLinesAtBothKindsOfLineEnd) {
  EXPECT_EQ(lines_of("a\r\nb\n\nc"), (std::vector<std::string_view>{"a", "b", "", "c"}));
  EXPECT_EQ(lines_of("a\n"), (std::vector<std::string_view>{"a"}));
  EXPECT_TRUE(lines_of("").empty());
  EXPECT_EQ(trimmed(" \t a b\r\n"), "a b");
  EXPECT_EQ(trimmed(" \n"), "");
  EXPECT_EQ(split("a,,b", ','), (std::vector<std::string>{"a", "", "b"}));
  EXPECT_EQ(split("", ','), (std::vector<std::string>{""}));
}

TEST(Text, ReadsNumbersWholeOrNotAtAll) {
  EXPECT_EQ(to_whole_number("-12"), -12);
  EXPECT_EQ(to_whole_number("9223372036854775807"), INT64_MAX);
  for (const std::string wrong : {"", "-", "1.5", "12x", " 12", "1e3", "9223372036854775808"}) {
    EXPECT_EQ(to_whole_number(wrong), std::nullopt) << wrong;
  }
  EXPECT_TRUE(is_whole_number("99999999999999999999"));
  EXPECT_TRUE(is_whole_number("-3"));
  for (const std::string wrong : {"", "-", "3.0", "x"}) EXPECT_FALSE(is_whole_number(wrong)) << wrong;
  EXPECT_EQ(to_number("1e-3"), 1e-3);
  EXPECT_EQ(to_number("inf"), std::numeric_limits<double>::infinity());
  for (const std::string wrong : {"", "x", "1x", " 1", "1 "}) EXPECT_EQ(to_number(wrong), std::nullopt) << wrong;
}

TEST(Text, NamesAlternatives) {
  EXPECT_EQ(one_of({"a"}), "a");
  EXPECT_EQ(one_of({"a", "b"}), "a or b");
  EXPECT_EQ(one_of({"a", "b", "c"}), "a, b or c");
}

}  // namespace
}  // namespace verse
