/// @file
/// Chapter 8's conversations: templates, several turns, a calculator that a model asks, and a model that scores
/// responses.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "08_post_training/given/conversation.h"
#include "08_post_training/given/fine_tune.h"
#include "08_post_training/given/reward_model.h"
#include "08_post_training/given/tool.h"
#include "common/base/error.h"
#include "common/corpus.h"
#include "tests/04_blocks/small_model.h"

namespace verse {
namespace {

using Tokens = std::vector<std::int64_t>;

const Tokenizer& plain_alphabet() {
  static const auto tokenizer = Tokenizer::from_text(load_corpus({}).text + "0123456789+-=,: ");
  return tokenizer;
}

/// A tiny model that has learned one row by heart.
GPT with_row_by_heart(const ChatVocabulary& vocabulary, const Tokens& row) {
  torch::manual_seed(1);
  GPTOptions shape;
  shape.vocabulary_size = vocabulary.size();
  shape.context = 128;
  shape.layers = 1;
  shape.heads = 2;
  shape.width = 32;
  shape.fused = true;
  GPT model(shape);
  FineTuning options;
  options.steps = 150;
  options.rows = 1;
  options.learning_rate = 1e-2;
  options.draw = [&](Random&) { return row; };
  fine_tune(model, vocabulary, options);
  return model;
}

TEST(Templates, NameSpecialTokensThatNobodyCanType) {
  const ChatVocabulary vocabulary(plain_alphabet(), {"<system>"});
  const auto& special = vocabulary.special();
  EXPECT_EQ(vocabulary.token("<system>"), vocabulary.size() - 1) << "behind the chapter's own";
  EXPECT_EQ(vocabulary.token("<end>"), special.end);
  EXPECT_THROW(vocabulary.token("<tool>"), std::invalid_argument);
  EXPECT_EQ(vocabulary.decode({vocabulary.token("<system>")}), "<system>");

  const auto row = encode_marked(vocabulary, "<system>be brief<end><user>1+2<assistant>");
  ASSERT_EQ(row.size(), 15U);
  EXPECT_EQ(row.front(), vocabulary.token("<system>"));
  EXPECT_EQ(row[9], special.end);
  EXPECT_EQ(row[10], special.user);
  EXPECT_EQ(row[14], special.assistant);
  EXPECT_EQ(vocabulary.decode(row), "<system>be brief<end><user>1+2<assistant>");
  EXPECT_EQ(vocabulary.encode("<user>").size(), 6U);
  EXPECT_EQ(encode_marked(vocabulary, "1<2").size(), 3U) << "no name of a token";
  EXPECT_EQ(encode_marked(vocabulary, "<user>"), Tokens{special.user});

  EXPECT_EQ(fill_in("<user>{}\n<assistant>", "1+2"), "<user>1+2\n<assistant>");
  EXPECT_THROW(fill_in("<user>", "1+2"), std::invalid_argument);
}

TEST(Turns, AreReadWithWhatTheModelSaidBefore) {
  const ChatVocabulary vocabulary(plain_alphabet());
  auto model =
      with_row_by_heart(vocabulary, encode_marked(vocabulary, "<user>1+2<assistant>3<end><user>4+5<assistant>9<end>"));
  const Problem first{"1+2", "", "3", true}, second{"4+5", "", "9", true};
  Random random(1);
  const auto shares = measure_turns(model, vocabulary, {first, second}, 2, "", "<user>{}<assistant>", random);
  ASSERT_EQ(shares.size(), 2U);
  EXPECT_EQ(shares[0].of, 2);
  // The conversation that begins with 1+2 is the one known by heart: both of its turns are right.
  EXPECT_GE(shares[0].hits, 1);
  EXPECT_GE(shares[1].hits, 1);
  // What counts is the answer to what stands in the row: 3, and not 9.
  const auto row = [&](const std::string& text) { return encode_marked(vocabulary, text); };
  EXPECT_EQ(measure_rows(model, vocabulary, {first}, {row("<user>1+2<assistant>")}, random).hits, 1);
  EXPECT_EQ(measure_rows(model, vocabulary, {second}, {row("<user>1+2<assistant>")}, random).hits, 0);
}

TEST(Turns, CanFollowASystemTurn) {
  const ChatVocabulary vocabulary(plain_alphabet(), {"<system>"});
  const std::string opening = "<system>a<end>", form = "<user>{}<assistant>";
  auto model = with_row_by_heart(
      vocabulary, encode_marked(vocabulary, opening + "<user>1+2<assistant>3<end><user>4+5<assistant>9<end>"));
  const Problem first{"1+2", "", "3", true}, second{"4+5", "", "9", true};
  Random random(1);
  const auto with = measure_turns(model, vocabulary, {first, second}, 2, opening, form, random);
  EXPECT_GE(with[0].hits, 1);
  EXPECT_GE(with[1].hits, 1);
  EXPECT_EQ(measure_turns(model, vocabulary, {second}, 1, opening, form, random)[0].hits, 0)
      << "without its first turn";
  const std::string more = opening + "<user>1+2<assistant>3<end>";
  EXPECT_EQ(measure_turns(model, vocabulary, {second}, 1, more, form, random)[0].hits, 1) << "its first turn opens it";
}

TEST(Calculator, AnswersWhatItCanRead) {
  EXPECT_EQ(calculate("478+365"), "843");
  EXPECT_EQ(calculate("2-5"), "-3");
  EXPECT_EQ(calculate("12x12"), "144");
  EXPECT_EQ(calculate("999999999x999999999"), "999999998000000001");
  for (const char* call : {"", "478", "478+", "+365", "4 +5", "1+2+3", "1234567890+1", "four+5", "-3+5"})
    EXPECT_EQ(calculate(call), "error") << call;
}

TEST(WordProblems, SayWhatToAskTheCalculator) {
  Random random(1);
  bool plus = false, minus = false, times = false;
  for (int i = 0; i < 200; ++i) {
    const auto problem = draw_word_problem(Split::test, random);
    EXPECT_EQ(problem.answer, calculate(problem.chain));
    const auto left = problem.chain.substr(0, 3), right = problem.chain.substr(4);
    EXPECT_EQ(split_of(left + "+" + right), Split::test);
    switch (problem.chain[3]) {
      case '+':
        plus = true;
        EXPECT_EQ(problem.question, left + " plus " + right);
        break;
      case '-':
        minus = true;
        EXPECT_EQ(problem.question, "take " + right + " from " + left);
        EXPECT_GE(left, right);
        break;
      default:
        times = true;
        EXPECT_EQ(problem.question, left + " times " + right);
    }
  }
  EXPECT_TRUE(plus && minus && times);
}

TEST(Tool, TheProgramsWordsAreNotLearned) {
  const auto vocabulary = tool_vocabulary(plain_alphabet());
  const Problem problem{"478 plus 365", "478+365", "843", true};
  const auto asks = format_word_problem(problem, true, vocabulary);
  EXPECT_EQ(vocabulary.decode(asks), "<user>478 plus 365<assistant><tool>478+365<result>843</tool>843<end>");
  EXPECT_EQ(vocabulary.decode(format_word_problem(problem, false, vocabulary)),
            "<user>478 plus 365<assistant>843<end>");

  // Twice in a row: what the program writes ends with the call, or at the latest with the response.
  auto tokens = asks;
  tokens.insert(tokens.end(), asks.begin(), asks.end());
  const auto mask = own_words_mask(torch::tensor(tokens).unsqueeze(0), vocabulary)[0];
  Tokens learned;
  for (std::size_t i = 0; i < tokens.size(); ++i)
    if (mask[static_cast<std::int64_t>(i)].item<bool>()) learned.push_back(tokens[i]);
  EXPECT_EQ(vocabulary.decode(learned), "<tool>478+365<result>843<end><tool>478+365<result>843<end>");
}

TEST(Tool, IsAskedAndAnswered) {
  const auto vocabulary = tool_vocabulary(plain_alphabet());
  auto model =
      with_row_by_heart(vocabulary, format_word_problem({"478 plus 365", "478+365", "843", true}, true, vocabulary));
  const auto question = encode_marked(vocabulary, "<user>478 plus 365<assistant>");
  Random random(1);
  std::vector<std::string> calls;
  const auto calculator = [&](std::string_view call) {
    calls.emplace_back(call);
    return std::string("21");
  };
  const auto response = respond_with_tool(model, {question}, vocabulary, calculator, random).front();
  EXPECT_EQ(calls, std::vector<std::string>{"478+365"});
  EXPECT_TRUE(vocabulary.decode(response).starts_with("<tool>478+365<result>21</tool>")) << vocabulary.decode(response);
  EXPECT_EQ(read_tool_response(response, vocabulary).call, "478+365");

  // Left alone, it writes the result itself.
  const auto alone = respond_with_tool(model, {question}, vocabulary, {}, random).front();
  EXPECT_EQ(vocabulary.decode(alone), "<tool>478+365<result>843</tool>843<end>");
  const auto reading = read_tool_response(alone, vocabulary);
  EXPECT_TRUE(reading.finished);
  EXPECT_EQ(reading.answer, "843");

  // What ends before it asks is left as it is, and a call that is not answered is no answer.
  auto plain = with_row_by_heart(vocabulary, encode_marked(vocabulary, "<user>478 plus 365<assistant>843<end>"));
  calls.clear();
  EXPECT_EQ(vocabulary.decode(respond_with_tool(plain, {question}, vocabulary, calculator, random).front()),
            "843<end>");
  EXPECT_TRUE(calls.empty());
  EXPECT_FALSE(read_tool_response(encode_marked(vocabulary, "<tool>1+2<result>3<end>"), vocabulary).finished);
}

TEST(BradleyTerry, HasHandWorkedValues) {
  const auto one = torch::tensor({1.0}), none = torch::tensor({0.0});
  EXPECT_NEAR(bradley_terry_loss(none, none).item<double>(), std::log(2.0), 1e-6);
  EXPECT_NEAR(bradley_terry_loss(one, none).item<double>(), 0.31326169, 1e-6);  // ln(1 + 1/e)
  EXPECT_NEAR(bradley_terry_loss(none, one).item<double>(), 1.31326169, 1e-6);
  EXPECT_NEAR(bradley_terry_loss(torch::tensor({1.0, 0.0}), torch::tensor({0.0, 0.0})).item<double>(),
              (0.31326169 + std::log(2.0)) / 2, 1e-6);
  EXPECT_NEAR(bradley_terry_loss(torch::tensor({-1e4}), none.to(torch::kFloat32)).item<double>(), 1e4, 1)
      << "finite however wrong";
}

class Scores : public testing::Test {
 protected:
  Scores() {
    torch::manual_seed(3);
    auto options = small_options();
    options.vocabulary_size = vocabulary.size();
    options.context = 64;
    options.initialise = true;
    trunk = GPT(options);
    trunk->eval();
  }

  Tokens row(const std::string& question, const std::string& answer) const {
    return encode_marked(vocabulary, "<user>" + question + "<assistant>" + answer + "<end>");
  }

  ChatVocabulary vocabulary{plain_alphabet()};
  GPT trunk{nullptr};
};

TEST_F(Scores, AreLearnedFromPairs) {
  RewardModel model(trunk);
  const auto good = row("1+2", "3"), bad = row("1+2", "14");
  EXPECT_EQ(model.score({good, bad}), (std::vector<double>{0, 0})) << "nothing is learned yet";
  Scoring options;
  options.passes = 40;
  options.pairs = 1;
  options.learning_rate = 1e-2;
  const auto before = trunk->token_embedding.detach().clone();
  train_reward_model(model, {{good, bad}}, options);
  EXPECT_TRUE(torch::equal(trunk->token_embedding, before)) << "the trunk that was given is copied";

  // Rows of different lengths are filled up, which nobody may notice.
  const auto together = model.score({good, bad});
  EXPECT_GT(together[0], together[1] + 1);
  EXPECT_NEAR(model.score({good})[0], together[0], 1e-4);
  EXPECT_NEAR(model.score({bad})[0], together[1], 1e-4);
  EXPECT_THROW(train_reward_model(model, {}, options), std::invalid_argument);
}

TEST_F(Scores, ChooseAndPair) {
  // Two problems, three samples each.
  const Candidates candidates{
      {{"1+2", "", "3", true}, {"4+5", "", "9", true}},
      3,
      {row("1+2", "3"), row("1+2", "4"), row("1+2", "3"), row("4+5", "8"), row("4+5", "7"), row("4+5", "9")},
      {true, false, true, false, false, true}};
  const auto pairs = pairs_of(candidates);
  ASSERT_EQ(pairs.size(), 2U);
  EXPECT_EQ(pairs[0].chosen, candidates.rows[0]);
  EXPECT_EQ(pairs[0].rejected, candidates.rows[1]);
  EXPECT_EQ(pairs[1].chosen, candidates.rows[5]);
  EXPECT_EQ(pairs[1].rejected, candidates.rows[3]);

  const std::vector<double> scores = {2, 1, 0, 5, 6, 5};
  // Of (0,1), (2,1), (5,3), (5,4): in order, not, equal, not.
  EXPECT_DOUBLE_EQ(pairs_in_order(candidates, scores), 1.5 / 4);
  EXPECT_EQ(best_of(candidates, scores, 3), (std::vector<std::size_t>{0, 4}));
  EXPECT_EQ(best_of(candidates, scores, 1), (std::vector<std::size_t>{0, 3}));
  EXPECT_DOUBLE_EQ(share_right(vocabulary, {candidates.problems[0], candidates.problems[0], candidates.problems[1]},
                               {candidates.rows[0], candidates.rows[1], candidates.rows[5]}),
                   2.0 / 3);
}

TEST_F(Scores, AreClimbedByDigitsAlone) {
  RewardModel model(trunk);
  Scoring options;
  options.passes = 40;
  options.pairs = 1;
  options.learning_rate = 1e-2;
  train_reward_model(model, {{row("1+2", "3"), row("1+2", "8")}}, options);
  std::vector<Tokens> rows = {row("1+2", "555"), row("1+2", "a")};
  const auto begun = rows;
  const auto before = model.score(rows);
  Random random(1);
  const auto after = climb(model, vocabulary, 30, rows, random);
  EXPECT_GT(after[0], before[0]);
  EXPECT_NEAR(model.score({rows[0]})[0], after[0], 1e-4) << "the score is that of the altered row";
  EXPECT_EQ(rows[1], begun[1]) << "no digit in it to alter";
  EXPECT_NE(rows[0], begun[0]);
  EXPECT_EQ(rows[0].size(), begun[0].size());
  EXPECT_TRUE(std::equal(rows[0].begin(), rows[0].begin() + 5, begun[0].begin())) << "the question stays";
  EXPECT_EQ(rows[0].back(), begun[0].back());
}

}  // namespace
}  // namespace verse
