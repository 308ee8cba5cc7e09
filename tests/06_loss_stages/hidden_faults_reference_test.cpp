/// @file
/// Chapter 6's probes, the findings that go by them, and how those are scored.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "06_loss_stages/given/hidden_faults.h"
#include "06_loss_stages/given/probes.h"
#include "06_loss_stages/given/recording.h"
#include "06_loss_stages/given/report.h"
#include "06_loss_stages/given/score.h"
#include "common/base/error.h"
#include "tests/06_loss_stages/recorded_runs.h"
#include "tests/common/temporary_folder.h"

namespace verse {
namespace {

TEST(AnswersDiffer, IsNoughtForAModelWithoutChance) {
  const auto tokens = torch::arange(8).unsqueeze(0);
  const LogitsFunction steady = [](const torch::Tensor& x) { return x.to(torch::kFloat).unsqueeze(-1); };
  EXPECT_EQ(answers_differ(steady, tokens), 0.0);
  int asked = 0;
  const LogitsFunction moody = [&](const torch::Tensor& x) { return x.to(torch::kFloat).unsqueeze(-1) + 3 * asked++; };
  EXPECT_EQ(answers_differ(moody, tokens), 3.0);
}

TEST(ShareSeenBefore, CountsWholeWindowsInCharacters) {
  // Three windows of three characters, of which the first and the last stand in the training text; the rest is too
  // short for a window.
  EXPECT_DOUBLE_EQ(*share_seen_before("xabcx ghi", "abcdefghijk", 3), 2.0 / 3.0);
  EXPECT_DOUBLE_EQ(*share_seen_before("abcabc", "abcabcabc", 3), 1.0);
  EXPECT_FALSE(share_seen_before("abc", "ab", 3));
  // A letter of two bytes is one character: \u043a\u043e\u0442 is one window of three.
  EXPECT_DOUBLE_EQ(*share_seen_before("\u043a\u043e\u0442", "\u043a\u043e\u0442\u043a\u043e\u043d", 3), 0.5);
  EXPECT_DOUBLE_EQ(*share_seen_before("\u738b\u5996\u6765", "\u738b\u5996\u6765", 3), 1.0);
}

TEST(SampleSurprise, HasAHandWorkedValue) {
  // After an a there was a b twice and nothing else; V = 2. So P(b|a) = 3/4; P(a|b) = 2/3, from one b with an a behind.
  std::string sample = "ab";
  for (int i = 0; i < 9; ++i) sample += "ab";  // 10 times b after a, 9 times a after b
  EXPECT_NEAR(*sample_surprise("abab", sample), -(10 * std::log(3.0 / 4.0) + 9 * std::log(2.0 / 3.0)) / 19, 1e-12);
  EXPECT_FALSE(sample_surprise("abab", "abababababababababa"));
  // What never occurred is a large surprise and no infinite one.
  EXPECT_TRUE(std::isfinite(*sample_surprise("abab", std::string(20, 'z'))));
}

TEST(ShareOfRounded, CountsWhatABfloat16Holds) {
  EXPECT_DOUBLE_EQ(*share_of_rounded({torch::tensor({1.0F, 0.5F, 1.0F + 0x1p-20F}), torch::tensor({0.1F})}), 0.5);
  EXPECT_DOUBLE_EQ(*share_of_rounded({torch::tensor({0.1F, 0.0F}).to(torch::kBFloat16)}), 1.0);
  EXPECT_FALSE(share_of_rounded({torch::zeros({3})}));
}

TEST(HiddenFaults, AnswerBySideOfTheLineAndNotAtAllWithoutANumber) {
  const HiddenThresholds lines;
  const double infinite = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  RunRecord run;
  run.landmarks = {4.17, 3.31, 2.45, 1.90, std::nullopt};
  run.future_influence = 0.0;
  run.sample = "The king of all the world was in his tent.";
  Metrics row;
  row.step = 400;
  row.validation_loss = 2.4;
  run.rows.push_back(row);
  struct Case {
    std::optional<double> Probes::*probe;
    Finding (*find)(const RunRecord&, const HiddenThresholds&);
    double line;
  };
  for (const Case& one : {Case{&Probes::answers_differ, dropout_at_evaluation, lines.answers_differ},
                          Case{&Probes::seen_before, splits_overlap, lines.seen_before},
                          Case{&Probes::sample_surprise, wrong_tokenizer, lines.surprise + 2.4},
                          Case{&Probes::rounded_weights, precision_lost, lines.rounded_weights}}) {
    EXPECT_EQ(one.find(run, lines), Finding::unknown);
    for (const double no_number : {nan, infinite}) {
      run.probes.*one.probe = no_number;
      EXPECT_EQ(one.find(run, lines), Finding::unknown);
    }
    run.probes.*one.probe = one.line * 0.99;
    EXPECT_EQ(one.find(run, lines), Finding::no);
    run.probes.*one.probe = one.line * 1.01;
    EXPECT_EQ(one.find(run, lines), Finding::yes);
  }
}

TEST(HiddenFaults, NonsenseWithAnotherReasonIsNotTheTokenizers) {
  RunRecord run;
  run.landmarks = {4.17, 3.31, 2.45, 1.90, std::nullopt};
  run.rows.emplace_back();
  run.rows.back().validation_loss = 0.05;
  run.sample = "qzxj vkwp qqzx jjvk wwpq";
  run.probes.sample_surprise = 6.0;
  run.future_influence = 0.0;
  EXPECT_EQ(wrong_tokenizer(run), Finding::yes);
  run.future_influence = 9.5;
  EXPECT_EQ(wrong_tokenizer(run), Finding::no);
  run.future_influence = 0.0;
  run.sample = std::string(60, 'e');
  EXPECT_EQ(wrong_tokenizer(run), Finding::no);
  run.sample = "qzxj vkwp qqzx jjvk wwpq";
  run.rows.back().validation_loss = std::nullopt;
  EXPECT_EQ(wrong_tokenizer(run), Finding::unknown);
}

/// A short text that a model of the smallest size can be trained on.
Corpus little_text(const std::string& letters) {
  std::string text;
  for (int i = 0; i < 700; ++i) text += letters + (i % 3 == 0 ? letters + "\n" : std::to_string(i * 7919 % 1000) + " ");
  return make_corpus("a little text", text);
}

/// A run of a few steps with that fault.
RunRecord short_run(const Corpus& corpus, Fault fault, double dropout = 0) {
  RecordingPlan plan;
  plan.fault = fault;
  plan.steps = 20;
  plan.warmup = 5;
  plan.layers = 1;
  plan.width = 16;
  plan.batch_size = 2;
  plan.dropout = dropout;
  return record_run(corpus, plan);
}

TEST(HiddenFaults, TheRecordersFaultsAreSeenByTheirProbesAndByNoOther) {
  const Corpus corpus = little_text("The queen and king ");
  const RunRecord healthy = short_run(corpus, Fault::none, 0.2);
  EXPECT_EQ(*healthy.probes.answers_differ, 0.0);
  EXPECT_LT(*healthy.probes.rounded_weights, 0.05);
  const RunRecord dropping = short_run(corpus, Fault::evaluation_dropout, 0.2);
  EXPECT_EQ(dropout_at_evaluation(dropping), Finding::yes);
  EXPECT_LT(*dropping.future_influence, 1e-4);  // chance is not the future
  const RunRecord rounded = short_run(corpus, Fault::lost_precision);
  EXPECT_EQ(*rounded.probes.rounded_weights, 1.0);
  const RunRecord leaking = short_run(corpus, Fault::leaking_split);
  EXPECT_GT(*leaking.probes.seen_before, *healthy.probes.seen_before + 0.3);
  EXPECT_GT(leaking.training_characters, healthy.training_characters);
  // Twenty steps teach hardly anything, so that only the letters can be compared: each is another one.
  const RunRecord plain = short_run(corpus, Fault::none), spelled = short_run(corpus, Fault::wrong_tokenizer);
  EXPECT_NE(plain.sample, spelled.sample);
  EXPECT_EQ(plain.rows.back().validation_loss, spelled.rows.back().validation_loss);
}

TEST(HiddenFaults, AreAskedOfRussianAndChineseRunsToo) {
  for (const std::string letters : {"\u041a\u043e\u0440\u043e\u043b\u044c \u0438 \u0448\u0443\u0442 ",
                                    "\u738b\u540e\u4e0e\u5f04\u81e3\u8bf4\u8bdd\uff0c"}) {
    const RunRecord run = short_run(little_text(letters), Fault::leaking_split);
    EXPECT_EQ(splits_overlap(run), Finding::yes) << letters;
    const Report report = examine(run);
    EXPECT_NE(report.verdict.find("Do the splits overlap? Yes"), std::string::npos) << report.verdict;
  }
}

TEST(HiddenFaults, TheProbesSurviveAFolder) {
  const TemporaryFolder folder;
  const RunRecord run = short_run(little_text("The queen and king "), Fault::none);
  save_record(folder.path() / "run", run);
  const RunRecord again = load_record(folder.path() / "run", {});
  EXPECT_EQ(again.probes.answers_differ, run.probes.answers_differ);
  EXPECT_EQ(again.probes.seen_before, run.probes.seen_before);
  EXPECT_EQ(again.probes.sample_surprise, run.probes.sample_surprise);
  EXPECT_EQ(again.probes.rounded_weights, run.probes.rounded_weights);
}

TEST(TuningRuns, EachHiddenFaultIsFoundAndNoOther) {
  for (const Score& score : score_findings(tuning_runs(), choose_thresholds())) {
    if (score.fault != "evaluation-dropout" && score.fault != "leaking-split" && score.fault != "wrong-tokenizer" &&
        score.fault != "lost-precision") {
      continue;
    }
    EXPECT_EQ(score.there, 4) << score.fault;
    EXPECT_EQ(score.found, score.there) << score.fault;
    EXPECT_EQ(score.accused, 0) << score.fault;
  }
}

TEST(Scores, LeaveOutRunsThatWereNeverAsked) {
  RunRecord asked = recorded_runs().front().second, never = asked;
  asked.probes.seen_before = 0.4;
  never.probes = {};
  for (const Score& score : score_findings({{"text-leaking-split-1", asked}, {"text-healthy-2", never}}, {})) {
    if (score.fault != "leaking-split") continue;
    EXPECT_EQ(score.there, 1);
    EXPECT_EQ(score.found, 1);
    EXPECT_EQ(score.not_there, 0);
  }
}

}  // namespace
}  // namespace verse
