/// What the reference of chapter 1 is held against: numbers worked by hand, LibTorch's own functions, and the published
/// statistics of tiny Shakespeare (where that text is there).

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "01_tokenizer/given/merges.h"
#include "01_tokenizer/tokenizer.h"
#include "common/base/error.h"
#include "common/base/text.h"

namespace verse {
namespace {

using Tokens = std::vector<std::int64_t>;

torch::Tensor tensor_of(const Tokens& tokens) {
  return torch::tensor(tokens, torch::kInt64);
}

/// Numbers in [0, bound) that need no generator of ours: a linear congruential sequence (Knuth's MMIX constants).
Tokens scrambled(std::size_t count, std::int64_t bound) {
  Tokens tokens;
  std::uint64_t state = 1;
  for (std::size_t i = 0; i < count; ++i) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    // The smaller of two numbers, so that some tokens are much more frequent than others.
    const auto high = static_cast<std::int64_t>(state >> 48);
    tokens.push_back(std::min(high % bound, high / bound % bound));
  }
  return tokens;
}

template <typename Body>
std::string usage_error_of(const Body& body) {
  try {
    body();
  } catch (const UsageError& error) {
    return error.what();
  }
  return "no UsageError";
}

TEST(Vocabulary, IsSortedByCodePointAndListsEachCharacterOnce) {
  // U+20AC (three bytes) is smaller than U+1D11E (four bytes); U+00E9 takes two.
  const std::vector<char32_t> expected = {U'\n', U'a', U'b', U'\u00e9', U'\u20ac', U'\U0001d11e'};
  EXPECT_EQ(build_vocabulary("b\xe2\x82\xac\xc3\xa9"
                             "a\xf0\x9d\x84\x9e\nab\xc3\xa9"),
            expected);
  EXPECT_TRUE(build_vocabulary("").empty());
}

TEST(Vocabulary, RefusesWhatIsNotUtf8) {
  EXPECT_NE(usage_error_of([] { build_vocabulary("ab\xff"); }), "no UsageError");
}

TEST(TokenizerTest, RefusesAVocabularyOutOfOrder) {
  EXPECT_THROW(Tokenizer({U'b', U'a'}), std::invalid_argument);
  EXPECT_THROW(Tokenizer({U'a', U'a'}), std::invalid_argument);
  EXPECT_EQ(Tokenizer({U'a', U'b'}).size(), 2);
}

TEST(TokenizerTest, EncodesByPlaceAndDecodesBack) {
  const Tokenizer tokenizer = Tokenizer::from_text("hello\n");  // \n e h l o
  EXPECT_EQ(tokenizer.encode("hello\n"), (Tokens{2, 1, 3, 3, 4, 0}));
  EXPECT_EQ(tokenizer.decode({4, 2, 0}), "oh\n");
  EXPECT_EQ(tokenizer.decode({}), "");

  const std::string text =
      "na\xc3\xafve \xe2\x82\xac"
      "5";
  const Tokenizer wider = Tokenizer::from_text(text);
  EXPECT_EQ(wider.encode(text).size(), 8u);  // characters, not the 11 bytes
  EXPECT_EQ(wider.decode(wider.encode(text)), text);
  EXPECT_TRUE(torch::equal(wider.encode_tensor(text), tensor_of(wider.encode(text))));
  EXPECT_EQ(wider.encode_tensor("").size(0), 0);
  EXPECT_EQ(wider.encode_tensor("").scalar_type(), torch::kInt64);
}

TEST(TokenizerTest, NamesEveryUnknownCharacterAndWhereTheFirstStands) {
  const Tokenizer tokenizer = Tokenizer::from_text("abc");
  const std::string message = usage_error_of([&] {
    tokenizer.encode(
        "ab\xc3\xa9"
        "c7\xc3\xa9");
  });
  EXPECT_NE(message.find(show_character(U'\u00e9')), std::string::npos) << message;
  EXPECT_NE(message.find(show_character(U'7')), std::string::npos) << message;
  EXPECT_NE(message.find("character 3 "), std::string::npos) << message;

  // A text in another script: twenty are shown, the rest is counted.
  std::u32string greek;
  for (char32_t letter = 0x3b1; letter < 0x3b1 + 24; ++letter) greek.push_back(letter);
  const std::string many = usage_error_of([&] { tokenizer.encode(encode_utf8(greek)); });
  EXPECT_NE(many.find("and 4 more"), std::string::npos) << many;
}

TEST(TokenizerTest, RefusesNumbersThatAreNoToken) {
  const Tokenizer tokenizer = Tokenizer::from_text("abc");
  EXPECT_THROW(tokenizer.decode({0, 3}), std::out_of_range);
  EXPECT_THROW(tokenizer.decode({-1}), std::out_of_range);
}

TEST(Pairs, AreCountedByRowNowAndColumnNext) {
  // "abracadabra" over a b c d r: ab 2, br 2, ra 2, ac 1, ca 1, ad 1, da 1.
  const Tokenizer tokenizer = Tokenizer::from_text("abracadabra");
  const torch::Tensor counts = count_pairs(tokenizer.encode_tensor("abracadabra"), 5);
  const torch::Tensor expected =
      torch::tensor({0, 2, 1, 1, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2, 0, 0, 0, 0}, torch::kInt64)
          .view({5, 5});
  EXPECT_TRUE(torch::equal(counts, expected)) << counts;
  EXPECT_EQ(counts.scalar_type(), torch::kInt64);

  // A text without neighbours has no pairs.
  EXPECT_TRUE(torch::equal(count_pairs(tensor_of({}), 3), torch::zeros({3, 3}, torch::kInt64)));
  EXPECT_TRUE(torch::equal(count_pairs(tensor_of({2}), 3), torch::zeros({3, 3}, torch::kInt64)));
}

TEST(Pairs, AgreeWithOneHotProduct) {
  // The same table by another road: one-hot rows of now, transposed, times one-hot rows of next.
  const torch::Tensor tokens = tensor_of(scrambled(1000, 7));
  const torch::Tensor hot = torch::nn::functional::one_hot(tokens, 7).to(torch::kFloat64);
  const torch::Tensor expected = hot.slice(0, 0, -1).t().matmul(hot.slice(0, 1));
  EXPECT_TRUE(torch::equal(count_pairs(tokens, 7).to(torch::kFloat64), expected));  // whole numbers: exact
}

TEST(CoverageTest, OfAbracadabra) {
  const Tokenizer tokenizer = Tokenizer::from_text("abracadabra");
  const Coverage coverage = measure_coverage(tokenizer.encode_tensor("abracadabra"), 5);
  EXPECT_EQ(coverage.vocabulary_size, 5);
  EXPECT_EQ(coverage.characters, 11);
  EXPECT_EQ(coverage.pairs_possible, 25);
  EXPECT_EQ(coverage.pairs_seen, 7);
  EXPECT_DOUBLE_EQ(coverage.characters_per_pair, 11.0 / 25.0);
}

TEST(Loss, OfFourCharactersByHand) {
  // -ln(1/2), -ln(1/4), -ln(1/8), -ln(1/8) are 1, 2, 3 and 3 times ln 2: their mean is 9/4 ln 2, which is 9/4 bits.
  const double loss = mean_negative_log_likelihood(torch::tensor({0.5, 0.25, 0.125, 0.125}, torch::kFloat64));
  EXPECT_NEAR(loss, 2.25 * 0.6931471805599453, 1e-12);  // float64: a few roundings of 1e-16
  EXPECT_NEAR(nats_to_bits(loss), 2.25, 1e-12);
  EXPECT_NEAR(perplexity(loss), 4.756828460010884, 1e-11);  // 2 to the 9/4

  // float32 probabilities are averaged in float64: a tenth of 0.1f is off by 1.5e-8 relatively, and no more.
  EXPECT_NEAR(mean_negative_log_likelihood(torch::full({100000}, 0.1, torch::kFloat32)), std::log(10.0), 3e-8);
}

TEST(Loss, OfAUniformGuess) {
  // The talk's 4.17, which is a natural logarithm; as a logarithm to base 2 it is 6.02.
  const double loss = mean_negative_log_likelihood(torch::full({7}, 1.0 / 65.0, torch::kFloat64));
  EXPECT_NEAR(loss, 4.174387, 5e-7);
  EXPECT_NEAR(nats_to_bits(loss), 6.022368, 5e-7);
  EXPECT_NEAR(perplexity(loss), 65.0, 1e-9);
}

TEST(PairModel, ProbabilitiesByHand) {
  // Two characters: a is followed by a once and by b three times; b never comes before anything.
  const torch::Tensor counts = torch::tensor({1, 3, 0, 0}, torch::kInt64).view({2, 2});
  const torch::Tensor smoothed = pair_probabilities(counts, 1.0);
  EXPECT_TRUE(
      torch::allclose(smoothed, torch::tensor({2.0 / 6, 4.0 / 6, 0.5, 0.5}, torch::kFloat64).view({2, 2}), 0.0, 1e-15));
  const torch::Tensor bare = pair_probabilities(counts, 0.0);
  EXPECT_TRUE(torch::allclose(bare[0], torch::tensor({0.25, 0.75}, torch::kFloat64), 0.0, 1e-15));
  EXPECT_TRUE(bare[1].isnan().all().item<bool>());
  EXPECT_EQ(smoothed.scalar_type(), torch::kFloat64);
}

TEST(PairModel, LossAgreesWithLibTorchsCrossEntropy) {
  const torch::Tensor tokens = tensor_of(scrambled(2000, 9));
  const torch::Tensor probabilities = pair_probabilities(count_pairs(tokens, 9), 0.5);
  // The rows' logarithms are logits whose softmax is the row itself.
  const torch::Tensor expected = torch::nn::functional::cross_entropy(
      probabilities.log().index_select(0, tokens.slice(0, 0, -1)), tokens.slice(0, 1));
  EXPECT_NEAR(pair_model_loss(probabilities, tokens), expected.item<double>(), 1e-12);  // float64, 2000 terms
}

TEST(PairModel, SamplesWithItsOwnFrequencies) {
  // P(1 | 0) = 0.25, P(0 | 1) = 0.5: the chain is in state 0 two thirds of the time (0.25 / (0.25 + 0.5) is in 1).
  const torch::Tensor probabilities = torch::tensor({0.75, 0.25, 0.5, 0.5}, torch::kFloat64).view({2, 2});
  Random random(3);
  constexpr std::int64_t drawn = 200000;
  const Tokens tokens = sample_pairs(probabilities, 0, drawn, random);
  ASSERT_EQ(tokens.size(), static_cast<std::size_t>(drawn));
  const torch::Tensor estimate = pair_probabilities(count_pairs(tensor_of(tokens), 2), 0.0);
  // Each row has at least 66,000 draws: a standard deviation of at most sqrt(0.25 / 66000) = 0.002; five of them.
  EXPECT_TRUE(torch::allclose(estimate, probabilities, 0.0, 0.01)) << estimate;
  EXPECT_NEAR(static_cast<double>(std::count(tokens.begin(), tokens.end(), 0)) / drawn, 2.0 / 3.0, 0.01);
}

TEST(PairModel, SamplingIsDecidedByTheSeed) {
  const torch::Tensor probabilities = torch::full({5, 5}, 0.2, torch::kFloat64);
  Random first(11), again(11), other(12);
  const Tokens tokens = sample_pairs(probabilities, 2, 50, first);
  EXPECT_EQ(tokens, sample_pairs(probabilities, 2, 50, again));
  EXPECT_NE(tokens, sample_pairs(probabilities, 2, 50, other));

  // A row that allows one token only is followed whatever the numbers are.
  const torch::Tensor cycle =
      torch::tensor({0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0}, torch::kFloat64).view({3, 3});
  EXPECT_EQ(sample_pairs(cycle, 0, 7, first), (Tokens{1, 2, 0, 1, 2, 0, 1}));
}

TEST(Merging, TheExampleOfThePaper) {
  // Sennrich, Haddow and Birch 2016, algorithm 1: "low" 5 times, "lower" 2, "newest" 6, "widest" 3, each closed by a
  // mark (here a full stop). e+s, s+t and t+mark occur 9 times each, so three merges, in whatever order ties are
  // broken, make one token of "est" and its mark; then l+o and o+w occur 7 times each, and two merges make one token of
  // "low".
  std::vector<std::string> texts = {"e", "s", "t", ".", "d", "i", "l", "n", "o", "r", "w"};
  const std::vector<std::pair<std::string, int>> words = {{"low.", 5}, {"lower.", 2}, {"newest.", 6}, {"widest.", 3}};
  Tokens tokens;
  std::int64_t gap = 1000;  // a token that occurs once between words, so that no pair reaches across them
  for (const auto& [word, times] : words) {
    for (int i = 0; i < times; ++i) {
      for (const char letter : word) {
        tokens.push_back(std::find(texts.begin(), texts.end(), std::string(1, letter)) - texts.begin());
      }
      tokens.push_back(gap++);
    }
  }
  for (int merge = 0; merge < 5; ++merge) {
    const auto pair = most_frequent_pair(tokens);
    tokens = merge_pair(tokens, pair, static_cast<std::int64_t>(texts.size()));
    texts.push_back(texts.at(static_cast<std::size_t>(pair.first)) + texts.at(static_cast<std::size_t>(pair.second)));
    if (merge == 0) EXPECT_EQ(texts.back(), "es");
    if (merge == 2) EXPECT_EQ(texts.back(), "est.");
    if (merge == 4) EXPECT_EQ(texts.back(), "low");
  }
  // Letters and marks: 5 x 4 + 2 x 6 + 6 x 7 + 3 x 7 = 95. "est." saves 3 a time for 9 words, "low" 2 for 7. 16 gaps.
  EXPECT_EQ(tokens.size(), 95u - 27u - 14u + 16u);
}

TEST(Merging, TakesEqualNeighboursFromTheLeft) {
  EXPECT_EQ(merge_pair({7, 7, 7}, {7, 7}, 8), (Tokens{8, 7}));
  EXPECT_EQ(merge_pair({7, 7, 7, 7}, {7, 7}, 8), (Tokens{8, 8}));
  EXPECT_EQ(merge_pair({1, 2, 1, 1, 2}, {1, 2}, 3), (Tokens{3, 1, 3}));
  EXPECT_EQ(merge_pair({2, 1}, {1, 2}, 3), (Tokens{2, 1}));
  EXPECT_EQ(merge_pair({}, {1, 2}, 3), Tokens{});
  EXPECT_EQ(merge_pair({1}, {1, 2}, 3), Tokens{1});
}

TEST(Merging, OfEquallyFrequentPairsTheSmallestIsTaken) {
  EXPECT_EQ(most_frequent_pair({4, 5, 9, 0, 3, 9, 4, 5, 8, 0, 3}), (std::pair<std::int64_t, std::int64_t>{0, 3}));
  EXPECT_THROW(most_frequent_pair({1}), std::invalid_argument);
}

TEST(Merging, TheFastLearnerDoesWhatTheTwoExercisesDo) {
  for (const std::int64_t kinds : {1, 2, 3, 12}) {
    Tokens tokens = scrambled(1500, kinds);
    MergeLearner learner(tokens, kinds);
    for (std::int64_t merge = 0; merge < 60; ++merge) {
      const auto pair = most_frequent_pair(tokens);
      if (!learner.step()) {
        // It stops where nothing occurs twice.
        for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
          EXPECT_EQ(merge_pair(tokens, {tokens[i], tokens[i + 1]}, -1).size(), tokens.size() - 1);
        }
        break;
      }
      EXPECT_EQ(learner.merges().back().pair, pair) << kinds << " kinds, merge " << merge;
      tokens = merge_pair(tokens, pair, kinds + merge);
      ASSERT_EQ(learner.tokens(), tokens) << kinds << " kinds, merge " << merge;
    }
    EXPECT_FALSE(learner.merges().empty());
  }
}

/// Tiny Shakespeare, where `make data` has fetched it or VERSE_DATA_MIRROR names a folder that has it.
std::string tiny_shakespeare() {
  std::vector<std::filesystem::path> places = {std::filesystem::path(VERSE_SOURCE_DIR) / "data" /
                                               "tinyshakespeare.txt"};
  if (const char* mirror = std::getenv("VERSE_DATA_MIRROR")) {
    places.push_back(std::filesystem::path(mirror) / "tinyshakespeare.txt");
  }
  for (const auto& place : places) {
    std::ifstream file(place, std::ios::binary);
    if (!file) continue;
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  return "";
}

TEST(TinyShakespeare, HasThePublishedFigures) {
  const std::string text = tiny_shakespeare();
  if (text.empty()) GTEST_SKIP() << "tiny Shakespeare is not here (make data fetches it)";
  // nanoGPT, data/shakespeare_char/prepare.py, prints: length 1,115,394; 65 characters; train 1,003,854; val 111,540.
  const Tokenizer tokenizer = Tokenizer::from_text(text);
  const torch::Tensor all = tokenizer.encode_tensor(text);
  ASSERT_EQ(all.size(0), 1115394);
  ASSERT_EQ(tokenizer.size(), 65);
  const torch::Tensor train = all.slice(0, 0, 1003854);
  const torch::Tensor validation = all.slice(0, 1003854);

  EXPECT_EQ(measure_coverage(train, 65).pairs_possible, 4225);
  EXPECT_EQ(measure_coverage(train, 65).pairs_seen, 1380);
  EXPECT_EQ(measure_coverage(train.slice(0, 0, 4225), 65).pairs_seen, 477);
  EXPECT_NEAR(measure_coverage(train, 65).characters_per_pair, 237.6, 0.05);
  EXPECT_NEAR(measure_coverage(all, 65).characters_per_pair, 264.0, 0.05);

  // Counted, smoothed by one, on the validation split: computed in Python for the course's table of figures.
  EXPECT_NEAR(pair_model_loss(pair_probabilities(count_pairs(train, 65), 1.0), validation), 2.482, 0.0005);
}

TEST(VocabularyStations, EndAtTheLargestWhateverItIs) {
  using Stations = std::vector<std::int64_t>;
  EXPECT_EQ(vocabulary_stations(65, 3000), Stations({65, 128, 256, 512, 1024, 2048, 3000}));
  EXPECT_EQ(vocabulary_stations(65, 1024), Stations({65, 128, 256, 512, 1024}));
  EXPECT_EQ(vocabulary_stations(64, 129), Stations({64, 128, 129}));
  EXPECT_EQ(vocabulary_stations(65, 66), Stations({65, 66}));
  EXPECT_EQ(vocabulary_stations(65, 65), Stations({65}));
  EXPECT_EQ(vocabulary_stations(65, 2), Stations({65}));
}

}  // namespace
}  // namespace verse
