#include "common/base/shown.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <memory>

#include "common/base/error.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "tests/common/temporary_folder.h"

namespace verse {
namespace {

TEST(Shown, ATerminalHasNothingToObey) {
  EXPECT_EQ(harmless("plain, caf\xc3\xa9 \xe2\x80\x94 \xf0\x9f\x98\x80\tand\n"),
            "plain, caf\xc3\xa9 \xe2\x80\x94 \xf0\x9f\x98\x80\tand\n");
  EXPECT_EQ(harmless("\x1b[2J\a\r"), "\\x1b[2J\\x07\\x0d");
  EXPECT_EQ(harmless("\x7f\xc2\x9b"
                     "2J"),
            "\\x7f\\u009b2J");
  EXPECT_EQ(harmless("a\xe2\x80\xae"
                     "b"),
            "a\\u202eb");  // from here on, right to left
  EXPECT_EQ(harmless("caf\xe9.txt \xff\xc3"), "caf\\xe9.txt \\xff\\xc3");
  EXPECT_EQ(harmless("\xf0\x9f\x98"), "\\xf0\\x9f\\x98") << "a character that breaks off";
  EXPECT_EQ(harmless(""), "");
  // Whatever comes in: what goes out is UTF-8 without control characters.
  std::string every;
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) every += {static_cast<char>(first), static_cast<char>(second)};
  }
  for (const char32_t character : decode_utf8(harmless(every))) {
    EXPECT_TRUE(character == U'\n' || character == U'\t' || character >= 0x20) << static_cast<unsigned>(character);
    EXPECT_FALSE(character >= 0x7f && character < 0xa0) << static_cast<unsigned>(character);
  }
  for (const char32_t character : decode_utf8(escape_markup(every))) {
    EXPECT_TRUE(character == U'\n' || character == U'\r' || character == U'\t' || character >= 0x20);
  }
}

TEST(Shown, CharactersBeyondAsciiCostAboutAsMuchAsOthers) {
  const auto seconds = [](const std::string& text) {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(harmless(text), text);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  std::string beyond;
  for (int i = 0; i < 100'000; ++i) beyond += "é";
  const std::string plain(100'000, 'e');
  double least = 1e9;
  for (int round = 0; round < 5; ++round) least = std::min(least, seconds(beyond) / seconds(plain));
  EXPECT_LT(least, 20);
}

TEST(Shown, AMessageIsOneLineOfLimitedLength) {
  EXPECT_EQ(one_line("two\nlines\t\n\n", 100), "two lines");
  EXPECT_EQ(one_line("four", 4), "four");
  EXPECT_EQ(one_line("fives", 4), "five ...");
  EXPECT_EQ(one_line("\xc3\xa9\xc3\xa9\xc3\xa9", 2), "\xc3\xa9\xc3\xa9 ...");
  EXPECT_LE(one_line(std::string(3'000'000, '\x1b'), 1500).size(), 1510U);
}

TEST(Shown, MarkupStaysWhole) {
  EXPECT_EQ(escape_markup("<a href=\"x\">&"), "&lt;a href=&quot;x&quot;&gt;&amp;");
  EXPECT_EQ(escape_markup("\x1b[31m\xff\xef\xbf\xbe"), "\xEF\xBF\xBD[31m\xEF\xBF\xBD\xEF\xBF\xBD");
}

/// What bash makes of a word.
std::string by_bash(const std::string& word) {
  const std::string command = "bash -c " + shell_quoted("printf %s " + shell_quoted(word));
  std::string said;
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  for (int c = std::fgetc(pipe.get()); c != EOF; c = std::fgetc(pipe.get())) said += static_cast<char>(c);
  return said;
}

TEST(Shown, ACommandCanBePasted) {
  EXPECT_EQ(shell_quoted("runs/demo"), "runs/demo");
  EXPECT_EQ(shell_quoted("my run"), "'my run'");
  EXPECT_EQ(shell_quoted(""), "''");
  for (const std::string word : {"my run", "it's", "$HOME", "`ls`", "a;b", "*", "!x", "caf\xc3\xa9", "caf\xe9 1",
                                 "two\nlines", "back\\slash", "\x1b[2J", "a'b\xff\\c", "~", "#"}) {
    EXPECT_EQ(by_bash(word), word);
    EXPECT_EQ(harmless(shell_quoted(word)), shell_quoted(word));
    EXPECT_EQ(shell_quoted(word).find('\n'), std::string::npos);
  }
}

TEST(Shown, Sizes) {
  EXPECT_EQ(show_bytes(812), "812 bytes");
  EXPECT_EQ(show_bytes(1'500), "1.5 kB");
  EXPECT_EQ(show_bytes(4.096e9), "4.1 GB");
  EXPECT_EQ(show_bytes(2.4e10), "24 GB");
  EXPECT_EQ(show_bytes(1e20), "100000 PB");
}

TEST(Memory, WhatCannotBeThereIsRefused) {
  EXPECT_GT(machine_memory(), 1e8);
  EXPECT_EQ(message_of<UsageError>([] { need_memory(1e6, "a thing"); }), "");
  const auto message = message_of<UsageError>([] { need_memory(1e18, "a thing", "a smaller one would do"); });
  EXPECT_EQ(message.find("a thing needs at least 1000 PB of memory, and this machine has "), 0U) << message;
  EXPECT_NE(message.find("; a smaller one would do"), std::string::npos);
}

}  // namespace
}  // namespace verse
