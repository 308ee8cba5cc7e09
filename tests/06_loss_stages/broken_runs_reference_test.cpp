/// @file
/// Chapter 6's findings against what was done to each recorded run, which its folder's name says and its files do not.

#include <gtest/gtest.h>

#include <filesystem>
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
  return {{"no-initialisation", bad_initialisation(run)},
          {"no-causal-mask", sees_the_future(run)},
          {"unshifted-targets", targets_not_shifted(run)},
          {"same-batch", same_batch_every_step(run)},
          {"no-warmup", warmup_missing(run)},
          {"high-learning-rate", learning_rate_too_high(run)}};
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
