/// @file
/// The reference of chapter 6 against hand-worked entropies, direct counts, chapter 1's pair model and the figures of
/// tiny Shakespeare.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "01_tokenizer/tokenizer.h"
#include "06_loss_stages/diagnosis.h"
#include "06_loss_stages/loss_stages.h"
#include "common/base/error.h"
#include "common/base/random.h"
#include "common/corpus.h"

namespace verse {
namespace {

/// What text_entropy() promises, from maps of strings of numbers. Slow and plain.
double counted_entropy(const std::vector<std::int64_t>& tokens, int order) {
  std::map<std::vector<std::int64_t>, std::map<std::int64_t, int>> followers;
  int places = 0;
  for (std::size_t i = static_cast<std::size_t>(order) - 1; i < tokens.size(); ++i, ++places) {
    const auto here = tokens.begin() + static_cast<std::ptrdiff_t>(i);
    ++followers[{here - (order - 1), here}][tokens[i]];
  }
  double total = 0;
  for (const auto& [context, counts] : followers) {
    int all = 0;
    for (const auto& [token, count] : counts) all += count;
    for (const auto& [token, count] : counts) total -= count * std::log(static_cast<double>(count) / all);
  }
  return total / places;
}

/// A text with a habit: mostly one character further than the last, sometimes anywhere.
std::vector<std::int64_t> habitual_text(std::size_t characters, std::int64_t vocabulary_size, std::uint64_t seed) {
  Random random(seed);
  std::vector<std::int64_t> tokens = {0};
  while (tokens.size() < characters)
    tokens.push_back(random.uniform() < 0.6 ? (tokens.back() + 1) % vocabulary_size : random.below(vocabulary_size));
  return tokens;
}

LossLandmarks shakespeares() {
  LossLandmarks landmarks;
  landmarks.uniform = 4.174;
  landmarks.characters = 3.309;
  landmarks.pairs = 2.452;
  landmarks.triples = 1.903;
  return landmarks;
}

TEST(TextEntropy, HasHandWorkedValues) {
  const auto tokens = torch::tensor({0, 1, 0, 1, 0, 0}, torch::kInt64);
  EXPECT_DOUBLE_EQ(text_entropy(tokens, 7, 0), std::log(7.0));
  // Four of one and two of the other: 2/3 ln 3/2 + 1/3 ln 3.
  EXPECT_NEAR(text_entropy(tokens, 7, 1), 2.0 / 3 * std::log(1.5) + 1.0 / 3 * std::log(3.0), 1e-12);
  // After 0 (three times) comes 1, 1 and 0; after 1 (twice) always 0: 3/5 of what 2 to 1 is uncertain.
  EXPECT_NEAR(text_entropy(tokens, 7, 2), 0.6 * (2.0 / 3 * std::log(1.5) + 1.0 / 3 * std::log(3.0)), 1e-12);
  // After 0 1 (twice) comes 0; after 1 0 (twice) 1 and 0: ln 2 in two of four places.
  EXPECT_NEAR(text_entropy(tokens, 7, 3), 0.5 * std::log(2.0), 1e-12);
  EXPECT_NEAR(text_entropy(tokens, 7, 6), 0.0, 1e-12);
}

TEST(TextEntropy, EqualsPlainCounting) {
  const auto text = habitual_text(3000, 9, 5);
  // float64 sums in another order.
  for (int order = 1; order <= 5; ++order)
    EXPECT_NEAR(text_entropy(torch::tensor(text), 9, order), counted_entropy(text, order), 1e-10) << order;
}

TEST(TextEntropy, IsTheLossOfTheUnsmoothedPairModelOnItsOwnText) {
  const auto tokens = torch::tensor(habitual_text(3000, 9, 8));
  const double loss = pair_model_loss(pair_probabilities(count_pairs(tokens, 9), 0.0), tokens);
  EXPECT_NEAR(text_entropy(tokens, 9, 2), loss, 1e-10);
}

TEST(TextEntropy, TakesLargeVocabulariesAndHighOrders) {
  // 200,000 to the power of 8 is beyond 64 bits; what is counted are contexts that occur.
  const auto text = habitual_text(500, 200000, 3);
  EXPECT_NEAR(text_entropy(torch::tensor(text), 200000, 8), counted_entropy(text, 8), 1e-10);
}

TEST(TextEntropy, RefusesWhatHasNoMeaning) {
  EXPECT_THROW(text_entropy(torch::zeros({5}, torch::kInt64), 3, -1), UsageError);
  EXPECT_THROW(text_entropy(torch::zeros({2}, torch::kInt64), 3, 3), UsageError);
}

TEST(Landmarks, OfTinyShakespearesTrainingPart) {
  const char* mirror = std::getenv("VERSE_DATA_MIRROR");
  const auto folder = mirror != nullptr ? std::filesystem::path(mirror)
                                        : std::filesystem::path(VERSE_SOURCE_DIR).parent_path() / "shared" / "data";
  const auto path = folder / "tinyshakespeare.txt";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no " << path << "; VERSE_DATA_MIRROR names the folder it is in";
  const auto corpus = load_corpus(path);
  const auto tokenizer = Tokenizer::from_text(corpus.text);
  const auto train = tokenizer.encode_tensor(corpus.train);
  const auto landmarks = measure_landmarks(train, tokenizer.size());
  // The figures, counted independently of this code, have three decimals.
  EXPECT_NEAR(landmarks.uniform, 4.174, 0.0005);
  EXPECT_NEAR(landmarks.characters, 3.309, 0.0005);
  EXPECT_NEAR(landmarks.pairs, 2.452, 0.0005);
  EXPECT_NEAR(landmarks.triples, 1.903, 0.0005);
  EXPECT_NEAR(text_entropy(train, tokenizer.size(), 4), 1.491, 0.0005);
  EXPECT_FALSE(landmarks.floor.has_value());
}

TEST(StageOf, BeginsATenthOfTheWayBelowEachLandmark) {
  const auto landmarks = shakespeares();
  // By hand: 4.174 - 0.0865, 3.309 - 0.0857, 2.452 - 0.0549, 1.903 - 0.1903.
  EXPECT_EQ(stage_of(4.0876, landmarks), LossStage::guessing);
  EXPECT_EQ(stage_of(4.0874, landmarks), LossStage::characters);
  EXPECT_EQ(stage_of(3.2234, landmarks), LossStage::characters);
  EXPECT_EQ(stage_of(3.2232, landmarks), LossStage::pairs);
  EXPECT_EQ(stage_of(2.3972, landmarks), LossStage::pairs);
  EXPECT_EQ(stage_of(2.3970, landmarks), LossStage::words);
  EXPECT_EQ(stage_of(1.7128, landmarks), LossStage::words);
  EXPECT_EQ(stage_of(1.7126, landmarks), LossStage::beyond);
  EXPECT_EQ(stage_of(0.01, landmarks), LossStage::beyond);
}

TEST(StageOf, ProvesMemorisingOnlyWhereTheFloorIsKnown) {
  auto landmarks = shakespeares();
  landmarks.floor = 1.2;
  // The way from 1.903 ends at the floor now: 1.903 - 0.0703. Below 1.2 - 0.12 no knowledge of the source gets.
  EXPECT_EQ(stage_of(1.8328, landmarks), LossStage::words);
  EXPECT_EQ(stage_of(1.8326, landmarks), LossStage::beyond);
  EXPECT_EQ(stage_of(1.0801, landmarks), LossStage::beyond);
  EXPECT_EQ(stage_of(1.0799, landmarks), LossStage::memorised);
}

TEST(StageOf, KeepsARunThatIsStuckAtALandmarkAboveIt) {
  // A model that knows frequencies only has the one-character entropy, give or take a batch's luck: about 0.04.
  for (const double luck : {-0.04, 0.0, 0.04})
    EXPECT_EQ(stage_of(3.309 + luck, shakespeares()), LossStage::characters) << luck;
}

TEST(StageOf, OnlyRisesAsTheLossFalls) {
  auto landmarks = shakespeares();
  landmarks.floor = 1.2;
  auto last = LossStage::guessing;
  std::set<LossStage> seen;
  for (double loss = 6; loss >= 0; loss -= 0.01) {
    const auto stage = stage_of(loss, landmarks);
    EXPECT_GE(stage, last) << loss;
    last = stage;
    seen.insert(stage);
  }
  EXPECT_EQ(seen.size(), 6U);
  EXPECT_EQ(stage_of(std::numeric_limits<double>::quiet_NaN(), landmarks), LossStage::guessing);
  EXPECT_EQ(stage_of(std::numeric_limits<double>::infinity(), landmarks), LossStage::guessing);
}

TEST(Describe, HasASentenceForEachStage) {
  std::set<std::string> sentences;
  for (int stage = 0; stage <= static_cast<int>(LossStage::memorised); ++stage)
    sentences.insert(describe(static_cast<LossStage>(stage)));
  EXPECT_EQ(sentences.size(), 6U);
  EXPECT_EQ(sentences.count(""), 0U);
}

TEST(RepeatedShare, CountsCharactersAndNotBytes) {
  EXPECT_EQ(repeated_share("аабб"), 2.0 / 3.0);
  EXPECT_EQ(repeated_share("аба"), 0.0);
  EXPECT_EQ(repeated_share("я"), 0.0);

  // Nineteen characters in 38 bytes are too few to tell.
  RunRecord run;
  run.landmarks = {4, 3, 2, 1, std::nullopt};
  run.rows.emplace_back().validation_loss = 1.0;
  for (int i = 0; i < 19; ++i) run.sample += "я";
  EXPECT_EQ(targets_not_shifted(run, choose_thresholds()), Finding::unknown);
  run.sample += "я";
  EXPECT_EQ(targets_not_shifted(run, choose_thresholds()), Finding::yes);
}

}  // namespace
}  // namespace verse
