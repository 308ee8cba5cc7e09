/// Unicode's composed form, by examples of each of its rules.

#include "10_subwords/given/composition.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/base/text.h"

namespace verse {
namespace {

std::string utf8(const std::u32string& characters) {
  return encode_utf8(characters);
}

TEST(Composed, JoinsLettersAndAccents) {
  struct Case {
    std::u32string text, expected;
    const char* why;
  };
  const std::vector<Case> cases{
      {U"", U"", "nothing"},
      {U"plain \u00E9", U"plain \u00E9", "it is composed"},
      {U"e\u0301", U"\u00E9", "a letter and an accent"},
      {U"\u0301e", U"\u0301e", "an accent before its letter has none"},
      {U"u\u0308\u0304", U"\u01D6", "two accents, one after the other"},
      {U"a\u0323\u0302", U"\u1EAD", "dot below, circumflex above"},
      {U"a\u0302\u0323", U"\u1EAD", "the same in the other order"},
      {U"a\u0302\u0302", U"\u00E2\u0302", "a second one of the same class stays"},
      {U"q\u0307\u0323", U"q\u0323\u0307", "no such letter: only ordered"},
      {U"\u00E9\u0323", U"\u1EB9\u0301", "taken apart, ordered, and joined in another way"},
      {U"\u212B", U"\u00C5", "a sign that stands for a letter"},
      {U"\u0958", U"\u0915\u093C", "one that is never composed"},
      {U"\u1112\u1161\u11AB", U"\uD55C", "a Korean syllable"},
      {U"\uD558\u11AB", U"\uD55C", "one that gets a tail"},
      {U"\uD55C\u11AB", U"\uD55C\u11AB", "one that has a tail"},
      {U"\u1112\u1161\u11A7", U"\uD558\u11A7", "what stands before the tails is none"},
      {U"\u0651\u064E", U"\u064E\u0651", "Arabic marks in their order"},
      {U"a\u0315\u0300\u05AE\u0300b", U"\u00E0\u05AE\u0300\u0315b", "four accents (Unicode's own test)"},
  };
  for (const auto& [text, expected, why] : cases) {
    EXPECT_EQ(composed(utf8(text)), utf8(expected)) << why;
    EXPECT_EQ(composed(utf8(expected)), utf8(expected)) << why << ", again";
  }
}

}  // namespace
}  // namespace verse
