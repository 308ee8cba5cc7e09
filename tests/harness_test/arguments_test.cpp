#include "tests/harness/arguments.h"

#include <gtest/gtest.h>

#include "common/base/error.h"

namespace verse {
namespace {

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
