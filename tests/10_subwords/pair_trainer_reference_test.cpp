/// Training by pairs: the fast form against the clear one, threads and files against one text, and what is refused.
/// `make test-interop` holds it against Hugging Face's tokenizers.

#include "10_subwords/given/pair_trainer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "10_subwords/given/byte_letters.h"
#include "10_subwords/given/byte_pair.h"
#include "10_subwords/given/tokenizer_file.h"
#include "10_subwords/subwords.h"
#include "common/base/error.h"
#include "common/base/text.h"
#include "common/play/play.h"
#include "tests/common/temporary_folder.h"

namespace verse {
namespace {

using Words = std::vector<std::string_view>;

const std::string& play() {
  static const std::string text = generate_play(3, 1'300'000).text;
  return text;
}

/// The bytes as tokens, in the order in which training numbers them.
std::vector<std::string> byte_tokens() {
  std::vector<std::string> tokens;
  for (const unsigned char byte : bytes_by_letter()) tokens.emplace_back(1, static_cast<char>(byte));
  return tokens;
}

std::vector<WeightedWord> words_of(const WordCounts& counts, const std::vector<std::string>& tokens) {
  std::map<char, std::int64_t> numbers;
  for (std::size_t number = 0; number < tokens.size(); ++number) {
    numbers[tokens[number][0]] = static_cast<std::int64_t>(number);
  }
  std::vector<WeightedWord> words;
  for (const auto& entry : counts.words()) {
    words.push_back({{}, entry.value});
    for (const char byte : entry.word) words.back().tokens.push_back(numbers.at(byte));
  }
  return words;
}

PairTrainingOptions options_for(std::int64_t vocabulary, Cutting cutting = Cutting::gpt2) {
  PairTrainingOptions options;
  options.vocabulary = vocabulary;
  options.cutting = cutting;
  return options;
}

std::map<std::string, std::int64_t> counted(const WordCounts& counts) {
  std::map<std::string, std::int64_t> words;
  for (const auto& entry : counts.words()) words[std::string(entry.word)] = entry.value;
  return words;
}

TEST(CutIntoWords, ByGpt4sRule) {
  const auto cut = [](std::string_view text) { return cut_into_words(text, Cutting::gpt4); };
  EXPECT_EQ(cut("It's I'LL don'T"), Words({"It", "'s", " I", "'LL", " don", "'T"}));
  EXPECT_EQ(cut("in 12345 x9"), Words({"in", " ", "123", "45", " x", "9"}));
  EXPECT_EQ(cut("(see) \"it\""), Words({"(see", ")", " \"", "it", "\""}));
  EXPECT_EQ(cut("a.\n\n  b \n c"), Words({"a", ".\n\n", " ", " b", " \n", " c"}));
  EXPECT_EQ(cut("tab\there\r\n\r\n"), Words({"tab", "\there", "\r\n\r\n"}));
  EXPECT_EQ(cut("你好，世界"), Words({"你好", "，世界"}));
  EXPECT_EQ(cut("x   "), Words({"x", "   "}));
}

TEST(CutText, IsTheFastOne) {
  const std::string odd = "it's  I'd \n\n né 12x² …!\t'll\u00a0 ''s 你好 3٣  ";
  for (const std::string& text : {odd, play().substr(0, 20'000)}) {
    std::vector<std::string> clear;
    for (const auto& word : cut_text(decode_utf8(text))) clear.push_back(encode_utf8(word));
    const auto fast = cut_into_words(text);
    EXPECT_EQ(clear, std::vector<std::string>(fast.begin(), fast.end()));
  }
}

TEST(LearnPairs, IsTheClearForm) {
  for (const Cutting cutting : {Cutting::gpt2, Cutting::gpt4}) {
    WordCounts counts(cutting);
    counts.add(play().substr(0, 30'000));
    counts.add("aaaa aaaaaaa abababab \U0001F642\U0001F642");
    const LearnedPairs fast = learn_pairs(counts, options_for(420, cutting));
    std::vector<std::string> tokens = byte_tokens();
    const auto merges = learn_merges(words_of(counts, tokens), tokens, 420);
    EXPECT_EQ(tokens, fast.tokens);
    EXPECT_EQ(std::vector<TokenPair>(fast.merges.begin(), fast.merges.end()), merges);

    // And encoding by them, a word at a time.
    std::map<TokenPair, std::int64_t> made_by;
    for (const auto& pair : merges) {
      made_by[pair] = number_of(
          tokens[static_cast<std::size_t>(pair.first)] + tokens[static_cast<std::size_t>(pair.second)], tokens);
    }
    const BytePairCodec codec(parse_json(tokenizer_text(fast, cutting), "tokenizer.json"));
    EXPECT_EQ(codec.size(), 420);
    const std::string text = play().substr(40'000, 3'000);
    std::vector<std::int64_t> clear;
    for (const auto word : cut_into_words(text, cutting)) {
      std::vector<std::int64_t> bytes;
      for (const char byte : word) bytes.push_back(number_of(std::string(1, byte), tokens));
      for (const auto token : encode_by_rank(bytes, made_by)) clear.push_back(token);
    }
    EXPECT_EQ(codec.encode(text), clear);
    EXPECT_EQ(codec.decode(clear), text);
  }
}

TEST(MergeAndUpdate, KeepsCountsThatAreThoseOfCounting) {
  WordCounts counts(Cutting::gpt2);
  counts.add(play().substr(0, 5'000));
  std::vector<std::string> tokens = byte_tokens();
  auto words = words_of(counts, tokens);
  PairCounts kept = count_weighted_pairs(words);
  for (std::int64_t made = 256; made < 300; ++made) {
    merge_and_update(words, kept, most_frequent(kept), made);
    ASSERT_EQ(kept, count_weighted_pairs(words));
  }
}

TEST(BytePairCodec, JoinsLongWordsAsShortOnes) {
  // Words of up to 32 tokens are joined in another way than longer ones.
  WordCounts counts(Cutting::none);
  counts.add("aaaaaaaaaaaaaaaa");
  const BytePairCodec codec(parse_json(tokenizer_text(learn_pairs(counts, options_for(260)), Cutting::gpt2), "t"));
  std::map<std::size_t, std::size_t> lengths;
  for (std::size_t length = 1; length < 100; ++length) {
    EXPECT_EQ(codec.decode(codec.encode(std::string(length, 'a'))), std::string(length, 'a'));
    lengths[length] = codec.encode(std::string(length, 'a')).size();
  }
  EXPECT_EQ(lengths[16], 1U);
  EXPECT_EQ(lengths[32], 2U);
  EXPECT_EQ(lengths[64], 4U);
}

TEST(WordCounts, AreTheSameOnThreadsAndFromAFile) {
  const TemporaryFolder folder;
  const std::string text = play() + "\U0001F642 é\n\n" + play();
  std::ofstream(folder.path() / "text", std::ios::binary) << text;
  for (const Cutting cutting : {Cutting::gpt2, Cutting::gpt4}) {
    WordCounts one(cutting), several(cutting, 3), file(cutting, 2);
    one.add(text);
    several.add(text);
    file.add_file(folder.path() / "text");
    EXPECT_GT(one.words().size(), 100U);
    EXPECT_EQ(counted(one), counted(several));
    EXPECT_EQ(counted(one), counted(file));
    EXPECT_EQ(file.bytes(), static_cast<std::int64_t>(text.size()));
  }
}

TEST(LearnPairs, GivesSpecialTokensTheFirstNumbers) {
  PairTrainingOptions options = options_for(270);
  options.special = {"<|end|>", "<s>"};
  const Json file = Json::parse(train_byte_pairs(play().substr(0, 2'000), options));
  EXPECT_EQ(file["added_tokens"][1]["content"], "<s>");
  EXPECT_EQ(file["model"]["vocab"]["<|end|>"], 0);
  EXPECT_EQ(file["model"]["vocab"].size(), 270U);
  const BytePairCodec codec(parse_json(json_text(file), "t"));
  const auto tokens = codec.encode("<s>to be<|end|>");
  EXPECT_EQ(tokens.front(), 1);
  EXPECT_EQ(tokens.back(), 0);
}

TEST(LearnPairs, RefusesWhatCannotBe) {
  const auto refused = [](const std::string& text, PairTrainingOptions options, const std::string& word) {
    const auto message = message_of<UsageError>([&] { train_byte_pairs(text, options); });
    EXPECT_NE(message.find(word), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  };
  refused("to be", options_for(255), "256 bytes");
  refused("abc ab", options_for(1000), "allows 3 merges, and with them 259 tokens");
  refused("a\xff", options_for(256), "byte 2");
  PairTrainingOptions options = options_for(300);
  options.special = {"<s>", "<s>"};
  refused("to be", options, "twice");
  options.special = {""};
  refused("to be", options, "no text");

  const TemporaryFolder folder;
  WordCounts counts(Cutting::gpt2);
  std::ofstream(folder.path() / "empty", std::ios::binary).close();
  std::ofstream(folder.path() / "latin1", std::ios::binary) << "caf\xe9 au lait";
  EXPECT_THROW(counts.add_file(folder.path() / "missing"), UsageError);
  EXPECT_THROW(counts.add_file(folder.path()), UsageError);
  EXPECT_NE(message_of<UsageError>([&] { counts.add_file(folder.path() / "empty"); }).find("is empty"),
            std::string::npos);
  EXPECT_NE(message_of<UsageError>([&] { counts.add_file(folder.path() / "latin1"); }).find("latin1: "),
            std::string::npos);
}

TEST(ByteLetters, AreGoneThereAndBack) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  EXPECT_EQ(bytes_of_letters(letters_of_bytes(all)), all);
  EXPECT_EQ(letters_of_bytes(" a\n"), "ĠaĊ");
  EXPECT_FALSE(bytes_of_letters("a b"));
}

TEST(TokenizerOfFolder, TakesGpt2sFirstTwoFiles) {
  const TemporaryFolder folder;
  const auto write = [&](const char* name, const std::string& text) {
    std::ofstream(folder.path() / name, std::ios::binary) << text;
  };
  EXPECT_THROW(tokenizer_of_folder(folder.path()), UsageError);
  write("vocab.json", R"({"a": 0, "b": 1, "ab": 2, "<|endoftext|>": 3})");
  write("merges.txt", "#version: 0.2\na b\n");
  const BytePairCodec codec(parse_json(tokenizer_of_folder(folder.path()), "t"));
  EXPECT_EQ(codec.encode("ab<|endoftext|>a"), (std::vector<std::int64_t>{2, 3, 0}));
  write("merges.txt", "#version: 0.2\na b c\n");
  EXPECT_NE(message_of<UsageError>([&] { tokenizer_of_folder(folder.path()); }).find("merges.txt:2"),
            std::string::npos);
  write("merges.txt", "#version: 0.2\na b\n");
  write("added_tokens.json", R"({"<s>": 4})");
  EXPECT_THROW(tokenizer_of_folder(folder.path()), UsageError);
}

TEST(TokenizerOfFolder, RefusesFilesThatDisagree) {
  const TemporaryFolder folder;
  const auto write = [&](const char* name, const std::string& text) {
    std::ofstream(folder.path() / name, std::ios::binary) << text;
  };
  PairTrainingOptions options = options_for(260);
  options.special = {"<s>"};
  write("tokenizer.json", train_byte_pairs("to be or not to be", options));
  write("tokenizer_config.json", R"({"add_prefix_space": false})");
  write("added_tokens.json", R"({"<s>": 0})");
  EXPECT_NO_THROW(tokenizer_of_folder(folder.path()));
  write("tokenizer_config.json", R"({"add_prefix_space": true})");
  EXPECT_NE(message_of<UsageError>([&] { tokenizer_of_folder(folder.path()); }).find("add_prefix_space"),
            std::string::npos);
  write("tokenizer_config.json", "{}");
  write("added_tokens.json", R"({"<more>": 260})");
  EXPECT_NE(message_of<UsageError>([&] { tokenizer_of_folder(folder.path()); }).find("<more>"), std::string::npos);
}

}  // namespace
}  // namespace verse
