#include "common/base/digest.h"

#include <gtest/gtest.h>

namespace verse {
namespace {

TEST(Digest, IsThePublishedFnv1a) {
  // Test vectors from the FNV reference (Fowler, Noll and Vo).
  EXPECT_EQ(text_digest("a"), "af63dc4c8601ec8c");
  EXPECT_EQ(text_digest("foobar"), "85944171f73967e8");
}

TEST(Digest, DoesNotSeeWhereItsTextWasCut) {
  Digest whole, parts;
  whole.add("foobar");
  parts.add("foo");
  parts.add("");
  parts.add("bar");
  EXPECT_EQ(whole.number(), parts.number());
  EXPECT_EQ(whole.text(), text_digest("foobar"));
}

TEST(Digest, ByWordsSeesEveryBitAndTheLength) {
  const std::string text = "seventeen bytes..";
  const auto digest = [](const std::string& bytes) {
    Digest by_words;
    by_words.add_by_words(bytes);
    return by_words.number();
  };
  for (std::size_t place = 0; place < text.size(); ++place) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = text;
      changed[place] = static_cast<char>(changed[place] ^ (1 << bit));
      EXPECT_NE(digest(changed), digest(text)) << place << " " << bit;
    }
  }
  EXPECT_NE(digest(text + std::string(1, '\0')), digest(text));
}

}  // namespace
}  // namespace verse
