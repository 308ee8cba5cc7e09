/// @file
/// Chapter 6's findings against what was done to each recorded run, which its folder's name says and its files do not.

#include <gtest/gtest.h>

#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "06_loss_stages/diagnosis.h"
#include "06_loss_stages/given/recording.h"
#include "06_loss_stages/given/report.h"
#include "common/base/error.h"
#include "common/base/files.h"
#include "tests/06_loss_stages/recorded_runs.h"
#include "tests/common/temporary_folder.h"

namespace verse {
namespace {

/// Every finding by the name of its fault.
std::vector<std::pair<std::string, Finding>> findings_of(const RunRecord& run) {
  const Thresholds thresholds = choose_thresholds();
  return {{"no-initialisation", bad_initialisation(run, thresholds)},
          {"no-causal-mask", sees_the_future(run, thresholds)},
          {"unshifted-targets", targets_not_shifted(run, thresholds)},
          {"same-batch", same_batch_every_step(run, thresholds)},
          {"no-warmup", warmup_missing(run, thresholds)},
          {"high-learning-rate", learning_rate_too_high(run, thresholds)}};
}

bool has(const std::string& name, const std::string& word) {
  return name.find(word) != std::string::npos;
}

TEST(RecordedRuns, EachFaultIsFoundAndNoOther) {
  int faults_found = 0;
  for (const auto& [name, run] : recorded_runs()) {
    for (const auto& [fault, finding] : findings_of(run)) {
      const bool there = has(name, fault) && !has(name, "healthy");
      faults_found += there && finding == Finding::yes ? 1 : 0;
      EXPECT_EQ(finding == Finding::yes, there) << name << ", asked for " << fault;
    }
  }
  // Each fault on the play with the seed that the thresholds were chosen by, and on what they were not.
  EXPECT_GE(faults_found, 18);
}

TEST(RecordedRuns, HealthyOnesAreCalledHealthy) {
  int healthy = 0;
  for (const auto& [name, run] : recorded_runs()) {
    if (!has(name, "healthy")) continue;
    ++healthy;
    EXPECT_EQ(examine(run).verdict.rfind("Healthy", 0), 0U) << name << ": " << examine(run).verdict;
  }
  EXPECT_GE(healthy, 10);
}

TEST(RecordedRuns, TheLongOneOnAShortTextOverfits) {
  for (const auto& [name, run] : recorded_runs()) {
    const auto found = find_overfitting(run.rows).found;
    // A single batch known by heart is overfitting too, and one that sees or says the answer never is.
    EXPECT_EQ(found == Finding::yes, has(name, "overfitting") || has(name, "same-batch")) << name;
  }
}

TEST(LoadRecord, SaysInOneLineWhatIsWrongWithAFolder) {
  const TemporaryFolder folder;
  const auto run = folder.path() / "run";
  const auto complaint = [&] {
    try {
      load_record(run, {});
    } catch (const UsageError& error) {
      return std::string(error.what());
    }
    return std::string("nothing");
  };
  EXPECT_TRUE(has(complaint(), "is no folder"));
  std::filesystem::create_directory(run);
  EXPECT_TRUE(has(complaint(), "has no metrics.csv"));
  write_file_atomically(run / "metrics.csv", "epoch,loss\n1,2\n");
  EXPECT_TRUE(has(complaint(), "metrics.csv:1: the header was expected"));
  write_file_atomically(run / "metrics.csv", kMetricsHeader);
  EXPECT_TRUE(has(complaint(), "no step is recorded"));
  write_file_atomically(run / "metrics.csv", std::string(kMetricsHeader) + "0,0,0.000,,,4.2,,\n20,15360,1,x,3,3,1,1\n");
  EXPECT_TRUE(has(complaint(), "metrics.csv:3: learning_rate should be a number or empty, not \"x\""));
  write_file_atomically(run / "metrics.csv", std::string(kMetricsHeader) + "0,0,0.000,,,4.2,,\n");
  write_file_atomically(run / "evidence.json", "{\"text\": \"the play\"}");
  EXPECT_TRUE(has(complaint(), "evidence.json:1: entropies is missing"));
}

TEST(LoadRecord, ReadsWhatASpreadsheetHasWrittenAgain) {
  const TemporaryFolder folder;
  const auto run = folder.path() / "run";
  std::filesystem::copy(std::filesystem::path(VERSE_SOURCE_DIR) / "chapters/06_loss_stages/given/runs/play-healthy-1",
                        run, std::filesystem::copy_options::recursive);
  const auto before = load_record(run, {});
  std::string table = "\xef\xbb\xbf", plain = read_file(run / "metrics.csv");
  plain.pop_back();  // no line end behind the last line
  for (const char letter : plain) table += letter == '\n' ? std::string("\r\n") : std::string(1, letter);
  write_file_atomically(run / "metrics.csv", table);
  const auto after = load_record(run, {});
  ASSERT_EQ(after.rows.size(), before.rows.size());
  EXPECT_EQ(after.rows.back().validation_loss, before.rows.back().validation_loss);
  EXPECT_EQ(after.rows.back().tokens_per_second, before.rows.back().tokens_per_second);
}

TEST(Examine, NamesARunThatBlewUp) {
  RunRecord run = recorded_runs().front().second;
  ASSERT_FALSE(no_number_from(run.rows));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (std::size_t i = 5; i < run.rows.size(); ++i) {
    run.rows[i].train_loss = run.rows[i].validation_loss = run.rows[i].gradient_norm = nan;
  }
  EXPECT_EQ(no_number_from(run.rows), run.rows[5].step);
  const Report report = examine(run);
  EXPECT_EQ(report.verdict.rfind("Did it blow up? Yes: a loss or a gradient is no number from step 100 on", 0), 0U)
      << report.verdict;
  EXPECT_EQ(report.overfitting.found, Finding::unknown);
  const auto text = report_text(run, report);
  EXPECT_TRUE(has(text, "training   no number")) << text;
  EXPECT_FALSE(has(text, "above it at the end")) << text;
  const TemporaryFolder folder;
  write_report(folder.path() / "page.html", run, report);
  run.rows.erase(run.rows.begin(), run.rows.begin() + 5);
  write_report(folder.path() / "page.html", run, examine(run));
}

TEST(Findings, OfNumbersThatAreNoneAreNeverAnAccusationByAccident) {
  // Every column as NaN, as infinite and as missing: each finding answers, and a fault that needs the number is not
  // found without it.
  const Thresholds thresholds = choose_thresholds();
  const double infinite = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  for (const std::optional<double> value : {std::optional(nan), std::optional(infinite), std::optional<double>()}) {
    RunRecord run = recorded_runs().front().second;
    for (Metrics& row : run.rows) row.train_loss = row.validation_loss = row.learning_rate = row.gradient_norm = value;
    run.future_influence = value;
    EXPECT_EQ(bad_initialisation(run, thresholds), value ? Finding::yes : Finding::unknown);
    EXPECT_EQ(sees_the_future(run, thresholds), Finding::unknown);
    EXPECT_EQ(targets_not_shifted(run, thresholds), Finding::unknown);
    EXPECT_EQ(same_batch_every_step(run, thresholds), Finding::unknown);
    EXPECT_EQ(learning_rate_too_high(run, thresholds), Finding::unknown);
    EXPECT_NE(warmup_missing(run, thresholds), Finding::no);
    EXPECT_EQ(find_overfitting(run.rows).found, Finding::unknown);
    EXPECT_EQ(highest_rate(run), 0);
  }
}

TEST(KnownWords, CountInAnyAlphabet) {
  EXPECT_DOUBLE_EQ(known_word_share("\u043a\u043e\u0440\u043e\u043b\u044c \u0438\u0434\u0451\u0442",
                                    "\u043a\u043e\u0440\u043e\u043b\u044c"),
                   0.5);
}

TEST(KnownWords, AreCountedAsOftenAsTheyOccur) {
  EXPECT_DOUBLE_EQ(known_word_share("The king, the kingg; O'er!", "o'er THE king"), 4.0 / 5.0);
  EXPECT_DOUBLE_EQ(known_word_share(" ,.\n", "word"), 0.0);
}

TEST(RepeatedShare, CountsNeighbours) {
  EXPECT_DOUBLE_EQ(repeated_share("aab"), 0.5);
  EXPECT_DOUBLE_EQ(repeated_share(""), 0.0);
}

}  // namespace
}  // namespace verse
