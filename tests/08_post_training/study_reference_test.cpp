/// @file
/// What chapter 8's experiments over several trainings stand on: differences, adapters that come off, pairs compared at
/// the step where they part, rewards, intervals, and findings that are kept.

#include <gtest/gtest.h>
#include <torch/torch.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "08_post_training/given/adapters.h"
#include "08_post_training/given/reward.h"
#include "08_post_training/given/schooling.h"
#include "08_post_training/given/study.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/corpus.h"
#include "common/results.h"
#include "tests/04_blocks/small_model.h"
#include "tests/common/temporary_folder.h"

namespace verse {
namespace {

/// A model with random weights that has the vocabulary, for rows of 48 tokens at most.
GPT untrained(const ChatVocabulary& vocabulary) {
  torch::manual_seed(3);
  auto options = small_options();
  options.vocabulary_size = vocabulary.size();
  options.context = 48;
  options.initialise = true;
  GPT model(options);
  model->eval();
  return model;
}

TEST(Differences, AreRightAndShowWhatIsBorrowed) {
  Random random(1);
  TaskOptions task;
  task.kind = Kind::difference;
  bool borrowed = false, shorter = false;
  for (int i = 0; i < 300; ++i) {
    const auto problem = draw_problem(task, Split::train, random);
    const auto sign = problem.question.find('-');
    const int above = std::stoi(problem.question.substr(0, sign)), below = std::stoi(problem.question.substr(sign + 1));
    EXPECT_EQ(problem.answer, std::to_string(above - below)) << problem.question;
    EXPECT_EQ(split_of(problem.question), split_of(std::to_string(below) + "+" + std::to_string(above)));
    // Each step is a digit less a digit less what was borrowed; 10 more where it borrows itself.
    int before = 0;
    for (std::size_t step = 0; step < 3; ++step) {
      const auto text = problem.chain.substr(step * 9, 8);
      const int borrows = text[6] - '0';
      EXPECT_EQ(text[4] - '0', before) << problem.chain;
      EXPECT_EQ(text[7] - '0', (text[0] - '0') - (text[2] - '0') - before + 10 * borrows) << problem.chain;
      before = borrows;
      borrowed = borrowed || borrows == 1;
    }
    shorter = shorter || problem.answer.size() < 3;
  }
  EXPECT_TRUE(borrowed && shorter);
  const auto problem = draw_problem(task, Split::train, random);
  std::string altered;
  EXPECT_THROW(spoil(problem, task, Damage::slip, random), std::invalid_argument);
  EXPECT_THROW(alter_step(problem, task, random, altered), std::invalid_argument);
}

TEST(UnitsFirst, TurnsAnswersAndNothingElse) {
  Random one(2), other(2);
  TaskOptions task, turned;
  turned.units_first = true;
  for (int i = 0; i < 50; ++i) {
    const auto problem = draw_problem(task, Split::train, one);
    auto same = draw_problem(turned, Split::train, other);
    EXPECT_EQ(same.question, problem.question);
    EXPECT_EQ(same.chain, problem.chain);
    EXPECT_EQ(std::string(same.answer.rbegin(), same.answer.rend()), problem.answer);
  }
}

TEST(Schooling, ReadsLinesWithoutAConversation) {
  EXPECT_EQ(line_of({"478+365", "8+5+0=13,7+6+1=14,4+3+1=08", "843", true}),
            "478+365: 8+5+0=13,7+6+1=14,4+3+1=08: 843");
  Schooling tiny;
  tiny.shape = {1, 2, 16, 128, 2, 2, 4e-3, 1};
  const auto trained = train_schooled_base(load_corpus({}), tiny, torch::kCPU);
  const ChatVocabulary vocabulary(trained.tokenizer);
  for (const auto& name : vocabulary.added_names()) EXPECT_TRUE(name.find_first_of("0123456789+") == name.npos) << name;
}

GPT schooled_model() {
  GPT model(small_options());
  fill_with_numbers(*model);
  model->eval();
  return model;
}

TEST(Adapters, ComeOffWithoutATrace) {
  auto model = schooled_model();
  const auto names = model->named_parameters().keys();
  const auto tokens = token_input({2, 8}, 11, 1);
  const auto before = model->forward(tokens).detach().clone();
  const auto learning = add_lora(model, 2, 4, TokenTable::frozen);
  for (const auto& parameter : learning) {
    const torch::NoGradGuard no_gradients;
    parameter.add_(normal_input(parameter.sizes().vec(), 5, 0.5));
  }
  EXPECT_FALSE(torch::allclose(model->forward(tokens), before));
  EXPECT_FALSE(model->token_embedding.requires_grad()) << "the frozen table";
  remove_lora(model);
  EXPECT_EQ(model->named_parameters().keys(), names);
  EXPECT_TRUE(torch::equal(model->forward(tokens), before)) << "bit for bit";
}

TEST(Adapters, MergeIntoQueriesKeysAndValuesEachItsOwn) {
  auto model = schooled_model();
  const auto tokens = token_input({2, 8}, 11, 1);
  const auto learning = add_lora(model, 2, 4, TokenTable::frozen);
  for (std::size_t i = 0; i < learning.size(); ++i) {
    const torch::NoGradGuard no_gradients;
    learning[i].copy_(normal_input(learning[i].sizes().vec(), static_cast<int>(10 + i), 0.3));
  }
  const auto adapted = model->forward(tokens).detach().clone();
  const auto whole =
      std::dynamic_pointer_cast<SeparateAdapters>(model->blocks->at<BlockImpl>(0).attention->query_key_value);
  ASSERT_TRUE(whole);
  ASSERT_EQ(whole->adapters.size(), 3U);
  EXPECT_FALSE(torch::equal(whole->adapters[0]->up, whole->adapters[1]->up));
  merge_lora(model);
  EXPECT_TRUE(torch::allclose(model->forward(tokens), adapted, 1e-3, 1e-3));
}

TEST(MeanInterval, IsStudents) {
  EXPECT_EQ(mean_interval({0.5}).low, 0.5) << "one training says nothing about others";
  // The mean of 1, 2, 3 is 2, the deviation 1, and t with two degrees of freedom 4.303: 2 +- 4.303 / sqrt(3).
  const auto three = mean_interval({1, 2, 3});
  EXPECT_NEAR(three.mean, 2, 1e-12);
  EXPECT_NEAR(three.high, 2 + 2.48434, 1e-4);
  EXPECT_NEAR(three.low, 2 - 2.48434, 1e-4);
}

TEST(RightAfter, TakesTheNearestLookAndWhatHadEnded) {
  // 400 steps in which 4,000 answers were read: a look at 200 stands for 2,000.
  const Findings slow = {{"count steps", 400},      {"count answers", 4000},      {"validation", 0.9},
                         {right_at_step(100), 0.2}, {right_at_step(200), 0.5},    {right_at_step(210), 0.6},
                         {right_at_step(400), 0.9}, {"right at first sight", 1.0}};
  const auto mean = [](const std::vector<Findings>& trainings, double amount) {
    const auto right = right_after(trainings, "count answers", amount);
    return right ? right->mean : -1;
  };
  EXPECT_EQ(mean({slow}, 2000), 0.5);
  EXPECT_EQ(mean({slow}, 1960), 0.5);
  EXPECT_EQ(mean({slow}, 2090), 0.6) << "the nearer of two looks";
  EXPECT_EQ(mean({slow}, 1040), 0.2) << "4 % away";
  EXPECT_EQ(mean({slow}, 1100), -1) << "9 % away from the nearest look";
  EXPECT_EQ(mean({slow}, 6000), -1) << "it did not get there, and was not right enough to end";

  // Another that was right enough after 200 steps, and ended.
  const Findings quick = {{"count steps", 200},
                          {"count answers", 1000},
                          {"validation", 0.99},
                          {right_at_step(100), 0.4},
                          {right_at_step(200), 0.99}};
  EXPECT_EQ(mean({quick}, 500), 0.4);
  EXPECT_EQ(mean({quick}, 4000), 0.99) << "right enough, and ended";
  EXPECT_EQ(mean({quick}, 750), -1) << "it had not ended by then";
  EXPECT_EQ(mean({slow, quick}, 4000), (0.9 + 0.99) / 2);
  EXPECT_EQ(mean({slow, quick}, 500), -1) << "one of them has no look near by";
  EXPECT_FALSE(right_after({}, "count answers", 1000).has_value());

  // The deviation of 0.2 and 0.9 is 0.495, and t with one degree of freedom 12.7: wider than shares can be.
  auto poor = slow;
  poor[right_at_step(400)] = 0.2;
  const auto both = right_after({slow, poor}, "count answers", 4000);
  ASSERT_TRUE(both.has_value());
  EXPECT_NEAR(both->mean, 0.55, 1e-12);
  EXPECT_EQ(both->low, 0);
  EXPECT_EQ(both->high, 1);
}

TEST(Rewards, CanBeEarnedByAWrongAnswerWhereTheyLookAtOneDigit) {
  const Problem problem{"478+365", "", "843", true};
  EXPECT_EQ(reward_right({"", "843", true}, problem), 1);
  EXPECT_EQ(reward_right({"", "3", true}, problem), 0);
  EXPECT_EQ(reward_right({"", "843", false}, problem), 0) << "never ended";
  EXPECT_EQ(reward_last_digit({"", "3", true}, problem), 1);
  EXPECT_EQ(reward_last_digit({"", "844", true}, problem), 0);
  EXPECT_EQ(reward_last_digit({"", "", true}, problem), 0);
}

TEST(Pairs, CanBeComparedWhereTheyPart) {
  const ChatVocabulary vocabulary(Tokenizer::from_text(load_corpus({}).text));
  const auto row = [&](const std::string& answer) {
    Turn turn;
    turn.question = vocabulary.encode("12+13");
    turn.answer = vocabulary.encode(answer);
    return format_turn(turn, vocabulary.special());
  };
  GPT model = untrained(vocabulary);
  const torch::NoGradGuard no_gradients;
  const std::vector<Pair> pairs = {{row("25"), row("265")}};
  const auto parting = score_pairs(model, vocabulary, pairs, Compared::first_difference);
  // <user>12+13<assistant>2, then 5 or 6: place 8 is predicted from place 7.
  const auto logits = model->forward(torch::tensor(pairs[0].chosen).unsqueeze(0))[0][7];
  const auto logarithms = torch::log_softmax(logits, -1);
  EXPECT_NEAR(parting.chosen[0].item<double>(), logarithms[vocabulary.encode("5")[0]].item<double>(), 1e-4);
  EXPECT_NEAR(parting.rejected[0].item<double>(), logarithms[vocabulary.encode("6")[0]].item<double>(), 1e-4);
  EXPECT_LT(score_pairs(model, vocabulary, pairs).chosen[0].item<double>(), parting.chosen[0].item<double>());
}

TEST(Fillers, AreNotLearned) {
  const ChatVocabulary vocabulary(Tokenizer::from_text(load_corpus({}).text));
  const auto& special = vocabulary.special();
  GPT model = untrained(vocabulary);
  TaskOptions task;
  task.digits = 1;
  Random random(1);
  const auto row = format_problem(draw_problem(task, Split::train, random), Form::filler, vocabulary);
  const torch::NoGradGuard no_gradients;
  const auto logarithms = torch::log_softmax(model->forward(torch::tensor(row).unsqueeze(0))[0], -1);
  double loss = 0;
  int learned = 0;
  bool responds = false;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (responds && row[i] != special.filler) {
      loss -= logarithms[static_cast<std::int64_t>(i) - 1][row[i]].item<double>();
      ++learned;
    }
    responds = responds || row[i] == special.assistant;
  }
  EXPECT_TRUE(learned == 4 || learned == 5) << "<think>, </think>, a digit or two, <end>; no filler: " << learned;
  const auto packed = pack({row}, 48, special.filler);
  EXPECT_NEAR(supervised_loss(model, packed, special, false).item<double>(), loss / learned, 1e-4);
}

TEST(Studies, KeepWhatIsDoneAndGoOnFromThere) {
  const TemporaryFolder folder;
  const auto corpus = load_corpus({});
  StudyOptions options;
  options.kept = folder.path();
  int trainings = 0;
  const auto find = [&] {
    ++trainings;
    return Findings{{"validation", 0.25}};
  };
  {
    Study study("lora", corpus, options);
    study.look_at({"rank 8", "rate 0.01"}, 1, find);
    study.look_at({"rank 8", "rate 0.03"}, 1, find);
  }
  EXPECT_EQ(trainings, 2);
  Study again("lora", corpus, options);
  again.look_at({"rank 8", "rate 0.01"}, 1, find);
  EXPECT_EQ(trainings, 2) << "it is kept";
  again.look_at({"rank 8", "rate 0.01"}, 2, find);
  EXPECT_EQ(trainings, 3) << "another seed is another training";

  options.part = "all parameters|rank 2";
  Study part("lora", corpus, options);
  part.look_at({"rank 8", "rate 0.1"}, 1, find);
  EXPECT_EQ(trainings, 3) << "another part";
  part.look_at({"rank 2", "rate 0.1"}, 1, find);
  EXPECT_EQ(trainings, 4);

  options.part.reset();
  options.only_report = true;
  Study report("lora", corpus, options);
  report.look_at({"rank 16", "rate 0.1"}, 1, find);
  EXPECT_EQ(trainings, 4) << "a report trains nothing";

  // What another kind of run has kept is refused, and stays as it is.
  const auto refused = [&](const StudyOptions& other, const Arm& arm) {
    Study study("lora", corpus, other);
    try {
      study.look_at(arm, 1, find);
    } catch (const UsageError& error) {
      return std::string(error.what()).find("lora-rank_8__rate_0_01-1.json") != std::string::npos;
    }
    return false;
  };
  auto quick = options, fewer = options;
  quick.quick = true;
  fewer.problems = 8;
  EXPECT_FALSE(refused(options, {"rank 8", "rate 0.01"}));
  EXPECT_TRUE(refused(quick, {"rank 8", "rate 0.01"}));
  EXPECT_TRUE(refused(fewer, {"rank 8", "rate 0.01"}));
  std::ofstream(folder.path() / "lora-rank_8__rate_0_01-1.json")
      << R"({"quick": false, "problems": 500, "recipe": "400 steps", "findings": {"validation": 0.5}})";
  EXPECT_FALSE(refused(options, {"rank 8", "rate 0.01", "400 steps"}));
  EXPECT_TRUE(refused(options, {"rank 8", "rate 0.01", "1000 steps"}));
  // One without these words is a whole run's, by the recipe of now.
  std::ofstream(folder.path() / "lora-rank_8__rate_0_01-1.json") << R"({"findings": {"validation": 0.5}})";
  EXPECT_FALSE(refused(options, {"rank 8", "rate 0.01", "1000 steps"}));
  EXPECT_TRUE(refused(quick, {"rank 8", "rate 0.01"}));
  EXPECT_EQ(trainings, 4);

  // A damaged file is named, not read as something else.
  std::ofstream(folder.path() / "lora-rank_8__rate_0_01-1.json") << "{";
  Study damaged("lora", corpus, options);
  EXPECT_THROW(damaged.look_at({"rank 8", "rate 0.01"}, 1, find), UsageError);
}

TEST(Studies, CompareSettingsThatWereTrainedEquallyOften) {
  StudyOptions options;
  const auto corpus = load_corpus({});
  Study study("equally often", corpus, options);
  const auto finds = [](double share) { return [share] { return Findings{{"validation", share}}; }; };
  study.look_at({"all", "once"}, 1, finds(0.9));
  for (std::uint64_t seed = 1; seed <= 3; ++seed) study.look_at({"all", "thrice"}, seed, finds(0.5));
  for (std::uint64_t seed = 1; seed <= 3; ++seed) study.look_at({"all", "better"}, seed, finds(0.6));
  study.report("A title", "validation", "", {"validation"});
  const auto recorded = Json::parse(results().json({}));
  const auto& rows = recorded.at("tables").at("equally_often").at("rows");
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0][1], "better");
  EXPECT_EQ(rows[0][2], 3);
}

}  // namespace
}  // namespace verse
