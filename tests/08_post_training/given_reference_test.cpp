/// @file
/// What chapter 8 is given: the generator of problems, batched responses, intervals, and the sources of examples.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "07_sampling/sampling.h"
#include "08_post_training/given/fine_tune.h"
#include "08_post_training/given/respond.h"
#include "08_post_training/given/reward.h"
#include "08_post_training/given/tasks.h"
#include "common/base/error.h"
#include "common/corpus.h"
#include "tests/04_blocks/small_model.h"

namespace verse {
namespace {

using Tokens = std::vector<std::int64_t>;

const ChatVocabulary& vocabulary() {
  static const ChatVocabulary chat(Tokenizer::from_text(load_corpus({}).text));
  return chat;
}

GPT small_chat_model(std::int64_t context = 48) {
  torch::manual_seed(3);
  GPTOptions options;
  options.vocabulary_size = vocabulary().size();
  options.context = context;
  options.layers = 2;
  options.heads = 2;
  options.width = 16;
  options.fused = true;
  GPT model(options);
  const torch::NoGradGuard no_gradients;
  for (auto& parameter : model->parameters())
    if (parameter.dim() > 1) parameter.mul_(10);  // so that some tokens are clearly likelier than others
  return model;
}

/// The sum by LibTorch-free arithmetic.
long long sum_of(const std::string& question) {
  long long sum = 0, number = 0;
  for (const char character : question + "+") {
    if (character == '+') {
      sum += number;
      number = 0;
    } else {
      number = 10 * number + (character - '0');
    }
  }
  return sum;
}

TEST(Tasks, AddUpRightly) {
  Random random(1);
  for (const auto& [numbers, digits] : std::vector<std::pair<int, int>>{{2, 3}, {3, 3}, {2, 1}, {9, 9}}) {
    TaskOptions task;
    task.numbers = numbers;
    task.digits = digits;
    for (int i = 0; i < 200; ++i) {
      const auto problem = draw_problem(task, Split::train, random);
      EXPECT_EQ(problem.answer, std::to_string(sum_of(problem.question))) << problem.question << " " << problem.chain;
    }
  }
}

TEST(Tasks, ShowTheStepsOnPaper) {
  Random random(2);
  TaskOptions task;
  task.digits = 1;
  for (;;) {
    const auto problem = draw_problem(task, Split::train, random);
    if (problem.question != "7+8") continue;
    EXPECT_EQ(problem.chain, "7+8+0=15");
    EXPECT_EQ(problem.answer, "15");
    break;
  }
  task.kind = Kind::count;
  task.letters = 6;
  const auto problem = draw_problem(task, Split::train, random);
  ASSERT_EQ(problem.question.size(), 8U);
  int count = 0;
  for (std::size_t i = 2; i < 8; ++i) {
    if (problem.question[i] == problem.question[0]) ++count;
    EXPECT_EQ(problem.chain.substr(2 * (i - 2), 2), problem.question[i] + std::to_string(count));
  }
  EXPECT_EQ(problem.answer, std::to_string(count));
}

TEST(Tasks, NeverShareAProblemBetweenSplits) {
  TaskOptions task;
  task.digits = 2;  // 8,100 sums: all of them turn up
  std::set<std::string> seen[3];
  for (const auto split : {Split::train, Split::validation, Split::test}) {
    Random random(3);
    for (int i = 0; i < 30000; ++i) {
      const auto question = draw_problem(task, split, random).question;
      ASSERT_EQ(split_of(question), split);
      seen[static_cast<int>(split)].insert(question);
      const auto plus = question.find('+');
      ASSERT_EQ(split_of(question.substr(plus + 1) + "+" + question.substr(0, plus)), split) << "turned round";
    }
  }
  for (const auto& question : seen[1]) EXPECT_EQ(seen[0].count(question) + seen[2].count(question), 0U);
  for (const auto& question : seen[2]) EXPECT_EQ(seen[0].count(question), 0U);
  const auto all = static_cast<double>(seen[0].size() + seen[1].size() + seen[2].size());
  EXPECT_GT(all, 8000);
  // A tenth each within four deviations of a binomial over some 4,000 unordered pairs (0.005 each).
  EXPECT_TRUE(std::abs(static_cast<double>(seen[1].size()) / all - 0.1) <= 0.02);
  EXPECT_TRUE(std::abs(static_cast<double>(seen[2].size()) / all - 0.1) <= 0.02);
}

TEST(Tasks, HaveHarderOnesThatCannotBeInTraining) {
  TaskOptions task, longer;
  longer.digits = 4;
  Random random(4);
  const auto hard = draw_distinct(longer, Split::test, 100, random);
  for (const auto& problem : hard) EXPECT_EQ(problem.question.size(), 9U);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(draw_problem(task, Split::train, random).question.size(), 7U);
}

TEST(Tasks, AreDistinctAndSeeded) {
  TaskOptions task;
  Random one(5), two(5);
  const auto problems = draw_distinct(task, Split::test, 300, one), again = draw_distinct(task, Split::test, 300, two);
  std::set<std::string> questions;
  for (std::size_t i = 0; i < problems.size(); ++i) {
    questions.insert(problems[i].question);
    EXPECT_EQ(problems[i].question, again[i].question);
  }
  EXPECT_EQ(questions.size(), 300U);
  task.digits = 1;
  EXPECT_THROW(draw_distinct(task, Split::test, 82, one), std::invalid_argument);
}

TEST(Tasks, SpoilEveryExampleThatTheyAreAskedTo) {
  Random random(6);
  for (const auto kind : {Kind::sum, Kind::count}) {
    for (const auto damage : {Damage::slip, Damage::carry, Damage::answer}) {
      TaskOptions task;
      task.kind = kind;
      for (int i = 0; i < 300; ++i) {
        const auto problem = draw_problem(task, Split::train, random);
        const auto bad = spoil(problem, task, damage, random);
        EXPECT_EQ(bad.question, problem.question);
        EXPECT_NE(bad.answer, problem.answer) << problem.question << ": " << bad.chain;
        EXPECT_FALSE(bad.right);
        EXPECT_EQ(bad.chain.size(), problem.chain.size());
        if (damage == Damage::answer) EXPECT_EQ(bad.chain, problem.chain);
        if (damage != Damage::answer) EXPECT_NE(bad.chain, problem.chain);
      }
    }
  }
}

TEST(Tasks, AlterOneStepAndSayWhatWouldFollow) {
  Random random(7);
  TaskOptions task;
  for (int i = 0; i < 300; ++i) {
    const auto problem = draw_problem(task, Split::test, random);
    std::string altered;
    const auto chain = alter_step(problem, task, random, altered);
    int different = 0;
    for (std::size_t place = 0; place < chain.size(); ++place) different += chain[place] != problem.chain[place];
    EXPECT_EQ(different, 1) << chain;
    EXPECT_NE(altered, problem.answer);
    EXPECT_EQ(altered.size(), problem.answer.size());
  }
}

TEST(Respond, SaysWhatChapterSevenSays) {
  auto model = small_chat_model();
  const std::vector<Tokens> rows = {{3, 1}, {70, 2, 40}, {5, 9}, {80, 81, 82}, {7}};
  RespondOptions options;
  options.most = 20;
  options.batch_size = 2;
  Random random(1);
  const auto responses = respond(model, rows, vocabulary().special(), options, random);
  SamplingOptions greedy_options;
  greedy_options.greedy = true;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    auto alone = generate(model, rows[i], 20, greedy_options, random,
                          [](std::int64_t token) { return token != vocabulary().special().end; });
    EXPECT_EQ(responses[i], alone) << i;
  }
}

TEST(Respond, DrawsDifferentlyAndWithinTheContext) {
  auto model = small_chat_model(12);
  RespondOptions options;
  options.temperature = 1;
  Random one(1), two(2), again(1);
  const std::vector<Tokens> rows(4, Tokens{3, 1, 4});
  const auto first = respond(model, rows, vocabulary().special(), options, one);
  EXPECT_NE(first, respond(model, rows, vocabulary().special(), options, two));
  EXPECT_EQ(first, respond(model, rows, vocabulary().special(), options, again));
  for (const auto& response : first) EXPECT_LE(response.size(), 10U) << "twelve positions, the last token unread";
}

TEST(Respond, HidesTheChainAlikeWithAndWithoutACache) {
  auto model = small_chat_model();
  const auto& special = vocabulary().special();
  const Tokens row = {special.user, 4, special.assistant, special.think, 30, 31, special.end_think};
  RespondOptions options;
  options.most = 8;
  options.hides_chain = true;
  Random random(1);
  const auto response = respond(model, {row}, special, options, random).front();

  // Read again as a whole, every token is what the masked model says is most probable.
  auto whole = row;
  whole.insert(whole.end(), response.begin(), response.end());
  const auto tokens = torch::tensor(whole, torch::kInt64).unsqueeze(0);
  const auto packed = pack({whole}, static_cast<std::int64_t>(whole.size()), special.filler);
  const torch::NoGradGuard no_gradients;
  const auto mask = torch::logical_and(packed_mask(packed.owners), chain_hiding_mask(tokens, special));
  const auto said = packed_logits(model, packed, mask)[0].argmax(-1);
  for (std::size_t i = 0; i < response.size(); ++i)
    EXPECT_EQ(said[static_cast<std::int64_t>(row.size() + i) - 1].item<std::int64_t>(), response[i]) << i;

  // And what the chain was makes no difference to it.
  auto other = row;
  other[4] = 50;
  other[5] = 60;
  EXPECT_EQ(respond(model, {other}, special, options, random).front(), response);
  options.hides_chain = false;
  EXPECT_NE(respond(model, {other}, special, options, random), respond(model, {row}, special, options, random));
}

TEST(Respond, IsReadBackRightly) {
  const auto& chat = vocabulary();
  Problem problem{"12+34", "2+4+0=06,1+3+0=04", "46"};
  auto row = format_problem(problem, Form::chain, chat);
  const auto start = format_question(chat.encode(problem.question), chat.special());
  const Tokens response(row.begin() + static_cast<std::ptrdiff_t>(start.size()), row.end());
  auto reading = read_response(response, chat);
  EXPECT_EQ(reading.chain, problem.chain);
  EXPECT_EQ(reading.answer, "46");
  EXPECT_TRUE(reading.finished);
  EXPECT_FALSE(read_response({response.begin(), response.end() - 1}, chat).finished) << "no end";
  EXPECT_FALSE(read_response({chat.special().think, 1, chat.special().end}, chat).finished) << "thought never closed";

  // Filler is as long as the chain, and says nothing.
  EXPECT_EQ(format_problem(problem, Form::filler, chat).size(), row.size());
  EXPECT_EQ(format_problem(problem, Form::answer, chat).size(), row.size() - problem.chain.size() - 2);
}

TEST(Accuracy, HasWilsonsInterval) {
  // Worked by hand from the formula, z = 1.959964.
  const Accuracy none{0, 10}, most{8, 10}, all{500, 500};
  EXPECT_NEAR(none.low(), 0, 1e-12);
  EXPECT_NEAR(none.high(), 0.2775, 5e-5);
  EXPECT_NEAR(most.low(), 0.4902, 5e-5);
  EXPECT_NEAR(most.high(), 0.9433, 5e-5);
  EXPECT_NEAR(all.low(), 0.9924, 5e-5);
  EXPECT_NEAR(all.high(), 1, 1e-12);
}

TEST(ExampleSource, DrawsFromTheTrainingSplitAndSpoilsItsShare) {
  FineTuning options;
  options.rows = 6;
  options.bad_share = 0.5;
  ExampleSource source(options, vocabulary());
  const auto& special = vocabulary().special();
  int examples = 0, wrong = 0;
  for (int round = 0; round < 40; ++round) {
    const auto rows = source.next();
    ASSERT_EQ(rows.tokens.size(0), options.rows);
    for (std::int64_t row = 0; row < rows.tokens.size(0); ++row) {
      const auto* first = rows.tokens[row].data_ptr<std::int64_t>();
      const Tokens tokens(first, first + options.row_length);
      for (auto place = tokens.begin(); place != tokens.end() && *place == special.user;) {
        const auto assistant = std::find(place, tokens.end(), special.assistant);
        const auto question = vocabulary().decode({place + 1, assistant});
        EXPECT_EQ(split_of(question), Split::train);
        const auto end = std::find(assistant, tokens.end(), special.end);
        ASSERT_NE(end, tokens.end()) << "no example is cut";
        const auto reading = read_response({assistant + 1, end + 1}, vocabulary());
        wrong += reading.answer != std::to_string(sum_of(question)) ? 1 : 0;
        ++examples;
        place = end + 1;
      }
    }
  }
  EXPECT_EQ(examples, source.problems());
  // Half of them, within four deviations of a binomial over some 700.
  EXPECT_GT(examples, 600);
  EXPECT_TRUE(std::abs(static_cast<double>(wrong) / examples - 0.5) <= 0.08) << wrong << " of " << examples;
}

TEST(Architecture, IsCheckedByNameAndShape) {
  auto model = small_chat_model();
  auto copy = copy_of(model);
  expect_same_architecture(model, copy);
  for (const auto& parameter : model->named_parameters()) {
    EXPECT_TRUE(torch::equal(parameter.value(), copy->named_parameters()[parameter.key()]));
    EXPECT_NE(parameter.value().data_ptr(), copy->named_parameters()[parameter.key()].data_ptr());
  }
  Random random(1);
  auto grown = grow_vocabulary(model, 2, random);
  expect_same_architecture(model, grown);
  auto longer = small_chat_model(49);
  EXPECT_THROW(expect_same_architecture(model, longer), std::logic_error);
}

TEST(FineTuning, LowersTheLossOnItsTask) {
  auto model = small_chat_model();
  FineTuning options;
  options.task.digits = 1;
  options.steps = 60;
  options.rows = 4;
  options.row_length = 48;
  options.learning_rate = 1e-2;
  const auto rows = ExampleSource(options, vocabulary()).next();
  const auto before = supervised_loss(model, rows, vocabulary().special(), false).item<double>();
  fine_tune(model, vocabulary(), options);
  const auto after = supervised_loss(model, rows, vocabulary().special(), false).item<double>();
  EXPECT_TRUE(after < before - 1) << before << " " << after;
}

TEST(Reinforcing, RaisesTheRewardOfWhatItRewards) {
  // A model that has seen one-digit sums for a moment is right now and then; rewards make it so more often.
  auto model = small_chat_model();
  FineTuning options;
  options.task.digits = 1;
  options.form = Form::answer;
  options.steps = 150;
  options.rows = 8;
  options.row_length = 48;
  options.learning_rate = 1e-2;
  fine_tune(model, vocabulary(), options);
  Reinforcing reinforcing;
  reinforcing.task = options.task;
  reinforcing.steps = 100;
  reinforcing.learning_rate = 1e-3;
  const auto points = reinforce(model, vocabulary(), reinforcing);
  ASSERT_EQ(points.size(), 50U);
  double first = 0, last = 0;
  for (std::size_t i = 0; i < 10; ++i) {
    first += points[i].reward / 10;
    last += points[points.size() - 1 - i].reward / 10;
  }
  EXPECT_TRUE(last > first) << first << " " << last;

  // And pairs of its own right and wrong answers are further apart after a few steps.
  Random random(8);
  const auto pairs = collect_pairs(model, vocabulary(), options.task, 60, 6, random);
  ASSERT_FALSE(pairs.empty());
  for (const auto& pair : pairs) EXPECT_NE(pair.chosen, pair.rejected);
  const auto margin = [&] {
    const torch::NoGradGuard no_gradients;
    const auto scores = score_pairs(model, vocabulary(), pairs);
    return (scores.chosen - scores.rejected).mean().item<double>();
  };
  const double before = margin();
  prefer(model, vocabulary(), pairs, {4, 8, 3e-4, 0.1});
  EXPECT_TRUE(margin() > before) << before << " " << margin();
}

TEST(Reinforcing, LearnsFromRowsThatFillTheContext) {
  // A model that knows nothing hardly ever ends a response: it goes on for as long as the context lasts.
  auto model = small_chat_model(24);
  Reinforcing reinforcing;
  reinforcing.task.digits = 1;
  reinforcing.steps = 2;
  reinforcing.questions = 2;
  reinforcing.samples = 4;
  EXPECT_EQ(reinforce(model, vocabulary(), reinforcing).size(), 1U);
  auto narrow = small_chat_model(4);
  EXPECT_THROW(reinforce(narrow, vocabulary(), reinforcing), UsageError);
}

}  // namespace
}  // namespace verse
