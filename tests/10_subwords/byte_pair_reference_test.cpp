/// Byte pairs by hand: what `make test-interop` compares with Hugging Face's tokenizers on any text, here on a few
/// whose answer can be seen.

#include "10_subwords/given/byte_pair.h"

#include <gtest/gtest.h>

#include <ctime>

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "10_subwords/given/character_codec.h"
#include "10_subwords/given/unicode_classes.h"
#include "common/base/error.h"
#include "tests/common/temporary_folder.h"

namespace verse {
namespace {

using Tokens = std::vector<std::int64_t>;
using Words = std::vector<std::string_view>;

/// The alphabet a, b, c, space (written Ġ), é's two bytes (written Ã and ©), and merges in their order.
Json small_file() {
  return Json::parse(R"({
    "added_tokens": [{"id": 11, "content": "<|end|>", "single_word": false, "lstrip": false, "rstrip": false,
                      "normalized": false, "special": true},
                     {"id": 12, "content": "<|end|>ing", "normalized": false}],
    "normalizer": null, "post_processor": null, "decoder": {"type": "ByteLevel"},
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2, "Ġ": 3, "Ã": 4, "©": 5, "bc": 6, "ab": 7, "abc": 8,
                                       "Ġa": 9, "Ã©": 10},
              "merges": [["b", "c"], ["a", "b"], ["a", "bc"], ["Ġ", "a"], ["Ã", "©"]]}
  })");
}

BytePairCodec codec_of(const Json& file) {
  return BytePairCodec(parse_json(json_text(file), "tokenizer.json"));
}

TEST(CutIntoWords, KeepsTheSpaceBeforeAWord) {
  EXPECT_EQ(cut_into_words("To be,  or 2b?"), Words({"To", " be", ",", " ", " or", " 2", "b", "?"}));
  EXPECT_EQ(cut_into_words("it's I'LL we'll''s"), Words({"it", "'s", " I", "'", "LL", " we", "'ll", "''", "s"}));
  EXPECT_EQ(cut_into_words("a \n\n b\n"), Words({"a", " \n\n", " b", "\n"}));
  EXPECT_EQ(cut_into_words("né 12x² …!"), Words({"né", " 12", "x", "²", " …!"}));
  EXPECT_EQ(cut_into_words("a\xC2\xA0 b"), Words({"a", "\xC2\xA0", " b"}));  // a space that does not break
  EXPECT_EQ(cut_into_words("  "), Words({"  "}));
  EXPECT_EQ(cut_into_words(" '"), Words({" '"}));
  EXPECT_TRUE(cut_into_words("").empty());
  EXPECT_THROW(cut_into_words("a\xff"), UsageError);
}

TEST(ClassOf, KnowsTheKinds) {
  for (const char32_t letter : U"aZéßжΩ中あ한אﬁ𝓐") {
    if (letter != 0) EXPECT_EQ(class_of(letter), CharacterClass::letter) << static_cast<std::uint32_t>(letter);
  }
  for (const char32_t number : U"09²½Ⅷ٣๑") {
    if (number != 0) EXPECT_EQ(class_of(number), CharacterClass::number) << static_cast<std::uint32_t>(number);
  }
  for (const char32_t space : {U' ', U'\n', U'\t', U'\v', U'\u0085', U'\u00a0', U'\u2003', U'\u3000'}) {
    EXPECT_EQ(class_of(space), CharacterClass::space) << static_cast<std::uint32_t>(space);
  }
  for (const char32_t other : {U'!', U'_', U'\u0301', U'\u200b', U'\u001c', U'\0', U'\U0001F642', U'\U0010FFFF'}) {
    EXPECT_EQ(class_of(other), CharacterClass::other) << static_cast<std::uint32_t>(other);
  }
}

TEST(BytePairCodec, JoinsThePairLearnedFirst) {
  const BytePairCodec codec = codec_of(small_file());
  EXPECT_EQ(codec.size(), 13);
  EXPECT_EQ(codec.encode("abc"), Tokens({8}));  // bc was learned before ab, and then a bc
  EXPECT_EQ(codec.encode("ab"), Tokens({7}));
  EXPECT_EQ(codec.encode("abab"), Tokens({7, 7}));
  EXPECT_EQ(codec.encode("bcbc aabc"), Tokens({6, 6, 9, 8}));
  EXPECT_EQ(codec.encode("é"), Tokens({10}));
  EXPECT_TRUE(codec.encode("").empty());
  EXPECT_TRUE(codec.encode("xyz").empty()) << "bytes that have no token are left out";
}

TEST(BytePairCodec, CutsOutAddedTokensTheLongerFirst) {
  const BytePairCodec codec = codec_of(small_file());
  EXPECT_EQ(codec.encode("a<|end|>b<|end|>ing<|end"), Tokens({0, 11, 1, 12}));
  EXPECT_EQ(codec.decode({0, 11, 12}), "a<|end|><|end|>ing");
}

TEST(BytePairCodec, WritesBytesThatAreNoCharacterAsTheReplacement) {
  const BytePairCodec codec = codec_of(small_file());
  EXPECT_EQ(codec.decode({10, 9, 4, 0, 5, 4}), "é a\uFFFDa\uFFFD\uFFFD");
  EXPECT_EQ(codec.bytes_of(4), "\xC3");
  EXPECT_EQ(codec.bytes_of(99), "");
}

TEST(BytePairCodec, RefusesOtherKinds) {
  const auto refused = [](const char* pointer, const Json& value, const std::string& word) {
    Json file = small_file();
    file[Json::json_pointer(pointer)] = value;
    const auto message = message_of<UsageError>([&] { codec_of(file); });
    EXPECT_NE(message.find(word), std::string::npos) << pointer << ": " << message;
  };
  refused("/normalizer", {{"type", "Lowercase"}}, "normalizer");
  refused("/pre_tokenizer", {{"type", "Whitespace"}}, "Whitespace");
  refused("/decoder", nullptr, "decoder");
  refused("/model/dropout", 0.5, "dropout");
  refused("/model/merges", Json::array({Json::array({"a", "c"})}), "merge 1");
  refused("/added_tokens/0/rstrip", true, "rstrip");
  Json without_model = small_file();
  without_model.erase("model");
  EXPECT_THROW(codec_of(without_model), UsageError);
}

TEST(TextStream, HoldsBackWhatIsNotWhole) {
  TextStream stream;
  EXPECT_EQ(stream.add("a\xF0\x9F"), "a");
  EXPECT_EQ(stream.add("\x99"), "");
  EXPECT_EQ(stream.add("\x82!"), "\U0001F642!");
  EXPECT_EQ(stream.add("\xE2\x82"), "");
  EXPECT_EQ(stream.add("x"), "\uFFFDx") << "what broke off is one mistake";
  EXPECT_EQ(stream.add("\xC3"), "");
  EXPECT_EQ(stream.finish(), "\uFFFD");
  EXPECT_EQ(stream.finish(), "");
}

TEST(TextStream, ReplacesAsTheUnicodeStandardDoes) {
  // Tables 3-8 to 3-11 of the standard, version 16.0, section 3.9.
  const auto shown = [](const std::string& bytes) {
    TextStream stream;
    const std::string text = stream.add(bytes);
    return text + stream.finish();
  };
  EXPECT_EQ(shown("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"), "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDA");
  EXPECT_EQ(shown("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41"), "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDA");
  EXPECT_EQ(shown("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42"), "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDA\uFFFD\uFFFDB");
  EXPECT_EQ(shown("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), "\uFFFD\uFFFD\uFFFD\uFFFDA");
}

TEST(ReadCodec, TellsTheKindsApart) {
  const auto pairs = read_codec("tokenizer.json", small_file().dump());
  EXPECT_EQ(pairs->unit(), "token");
  const auto message =
      message_of<UsageError>([] { read_codec("tokenizer.json", R"({"model": {"type": "Unigram"}})"); });
  EXPECT_NE(message.find("Unigram"), std::string::npos) << message;
  EXPECT_THROW(read_codec("tokenizer.json", "no json"), UsageError);
  EXPECT_THROW(read_codec("tokenizer.json", "{}"), UsageError);
}

TEST(AddedTokens, TheLongestIsMeant) {
  AddedTokens tokens;
  EXPECT_TRUE(tokens.empty());
  tokens.add("<a", 1);
  tokens.add("<a>b", 2);
  tokens.add("<a", 3);  // the first of two is meant
  EXPECT_FALSE(tokens.empty());
  EXPECT_EQ(tokens.at_beginning("<a>c")->number, 1);
  EXPECT_EQ(tokens.at_beginning("<a>c")->length, 2U);
  EXPECT_EQ(tokens.at_beginning("<a>bc")->number, 2);
  EXPECT_FALSE(tokens.at_beginning("<"));
  EXPECT_FALSE(tokens.at_beginning("x<a"));
  EXPECT_FALSE(tokens.at_beginning(""));
}

// A long token that nearly fits at every place made the time grow with the square of the text's length.
TEST(AddedTokens, NearlyFittingCostsLittle) {
  AddedTokens tokens;
  for (int i = 1; i <= 1000; ++i) tokens.add(std::string(static_cast<std::size_t>(i), '<') + "end", i);
  const std::string text(20'000, '<');
  const std::clock_t start = std::clock();
  for (std::size_t place = 0; place < text.size(); ++place) {
    ASSERT_FALSE(tokens.at_beginning(std::string_view(text).substr(place)));
  }
  EXPECT_LT(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC, 20.0);
}

}  // namespace
}  // namespace verse
