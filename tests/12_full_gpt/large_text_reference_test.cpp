#include "12_full_gpt/given/training/large_text.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "10_subwords/given/character_codec.h"
#include "12_full_gpt/given/training/training_step.h"
#include "common/base/error.h"
#include "common/base/text.h"
#include "tests/common/temporary_folder.h"

namespace verse {
namespace {

/// A text with as many different characters as asked for.
std::string text_of(char32_t characters) {
  std::string text = "plain, ";
  for (int round = 0; round < 2; ++round) {
    for (char32_t i = 0; i < characters; ++i) text += encode_utf8(0x4e00 + i);
  }
  return text + "caf\xc3\xa9\n";
}

TEST(LargeText, IsReadAsAnyOther) {
  for (const auto& [characters, type] : {std::pair{char32_t{3}, torch::kUInt8}, {char32_t{300}, torch::kInt16}}) {
    const std::string text = text_of(characters);
    const Tokenizer expected = Tokenizer::from_text(text);
    EXPECT_EQ(tokenizer_of(text, 0).vocabulary(), expected.vocabulary());
    EXPECT_EQ(tokenizer_of(text).vocabulary(), expected.vocabulary());
    const CharacterCodec codec(expected);
    const auto tokens = tokens_of_text(codec, text, 0), usual = tokens_of_text(codec, text);
    EXPECT_EQ(tokens.scalar_type(), type);
    EXPECT_EQ(usual.scalar_type(), torch::kInt64);
    EXPECT_TRUE(torch::equal(tokens.to(torch::kInt64), usual));

    // The same windows come from both.
    const auto starts = torch::tensor({0, 5, 7}, torch::kInt64);
    const Batch small = windows_at(tokens, starts, 4), wide = windows_at(usual, starts, 4);
    EXPECT_TRUE(torch::equal(small.inputs, wide.inputs));
    EXPECT_TRUE(torch::equal(small.targets, wide.targets));
    EXPECT_EQ(small.inputs.scalar_type(), torch::kInt64);
  }
}

TEST(LargeText, RefusesWhatAnyOtherIsRefusedFor) {
  const CharacterCodec codec(Tokenizer::from_text("abc"));
  const auto unknown = message_of<UsageError>([&] { tokens_of_text(codec, "abd", 0); });
  EXPECT_EQ(unknown, message_of<UsageError>([&] { tokens_of_text(codec, "abd"); }));
  EXPECT_NE(unknown.find("\"d\""), std::string::npos) << unknown;
  EXPECT_EQ(message_of<UsageError>([] { tokenizer_of("ab\xff", 0); }),
            message_of<UsageError>([] { tokenizer_of("ab\xff"); }));
}

}  // namespace
}  // namespace verse
