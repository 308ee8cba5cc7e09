#include "06_loss_stages/given/score.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <tuple>

#include "06_loss_stages/given/hidden_faults.h"
#include "06_loss_stages/given/recording.h"
#include "common/base/error.h"
#include "common/base/statistics.h"
#include "common/results.h"

namespace verse {

namespace {

/// A fault, the finding that looks for it, and the probe that the finding needs, if it needs one.
struct Question {
  const char* fault;
  Finding (*find)(const RunRecord&, const Thresholds&);
  Finding (*find_hidden)(const RunRecord&, const HiddenThresholds&) = nullptr;
  std::optional<double> Probes::*probe = nullptr;
};

constexpr std::array<Question, 10> kQuestions = {
    {{"no-initialisation", bad_initialisation},
     {"no-causal-mask", sees_the_future},
     {"unshifted-targets", targets_not_shifted},
     {"same-batch", same_batch_every_step},
     {"high-learning-rate", learning_rate_too_high},
     {"no-warmup", warmup_missing},
     {"evaluation-dropout", nullptr, dropout_at_evaluation, &Probes::answers_differ},
     {"leaking-split", nullptr, splits_overlap, &Probes::seen_before},
     {"wrong-tokenizer", nullptr, wrong_tokenizer, &Probes::sample_surprise},
     {"lost-precision", nullptr, precision_lost, &Probes::rounded_weights}}};

double share(std::int64_t hits, std::int64_t trials) {
  return trials == 0 ? 0.0 : static_cast<double>(hits) / static_cast<double>(trials);
}

std::string share_in_words(std::int64_t hits, std::int64_t trials) {
  if (trials == 0) return "none";
  const Interval interval = wilson_interval(hits, trials);
  return fmt::format("{:>3} of {:<3} {:>3.0f} % ({:.0f} to {:.0f})", hits, trials, 100 * share(hits, trials),
                     100 * interval.low, 100 * interval.high);
}

}  // namespace

NamedRuns load_runs(const std::filesystem::path& folder) {
  if (!std::filesystem::is_directory(folder)) throw UsageError(fmt::format("{} is no folder", folder.string()));
  std::vector<std::filesystem::path> places;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (std::filesystem::exists(entry.path() / "evidence.json")) places.push_back(entry.path());
  }
  if (places.empty()) throw UsageError(fmt::format("{} holds no folder of a recorded run", folder.string()));
  std::sort(places.begin(), places.end());
  NamedRuns runs;
  for (const auto& place : places) runs.emplace_back(place.filename().string(), load_record(place, {}));
  return runs;
}

std::string fault_in(const std::string& name) {
  if (name.find("healthy") != std::string::npos) return "";
  for (const Question& question : kQuestions) {
    if (name.find(question.fault) != std::string::npos) return question.fault;
  }
  return "";
}

std::vector<Score> score_findings(const NamedRuns& runs, const Thresholds& thresholds) {
  std::vector<Score> scores;
  for (const Question& question : kQuestions) {
    Score score;
    score.fault = question.fault;
    for (const auto& [name, run] : runs) {
      if (question.probe != nullptr && !(run.probes.*question.probe)) continue;
      const Finding found = question.find != nullptr ? question.find(run, thresholds) : question.find_hidden(run, {});
      const bool yes = found == Finding::yes;
      if (fault_in(name) == question.fault) {
        ++score.there;
        score.found += yes ? 1 : 0;
        continue;
      }
      ++score.not_there;
      score.accused += yes ? 1 : 0;
      if (name.find("healthy") == std::string::npos) continue;
      ++score.healthy;
      score.healthy_accused += yes ? 1 : 0;
    }
    scores.push_back(score);
  }
  return scores;
}

void show_scores(const std::vector<Score>& scores) {
  fmt::print("Shares with 95 % intervals, in per cent\n");
  fmt::print("  {:<20}{:<28}{:<28}{}\n", "fault", "found where it is", "said where it is not", "said of healthy runs");
  auto& table = results().table("scores", {"fault", "found", "there", "recall", "recall_low", "recall_high", "accused",
                                           "not_there", "alarms", "alarms_low", "alarms_high"});
  Score all;
  const auto show = [&](const Score& score) {
    fmt::print("  {:<20}{:<28}{:<28}{}\n", score.fault, share_in_words(score.found, score.there),
               share_in_words(score.accused, score.not_there), share_in_words(score.healthy_accused, score.healthy));
    const Interval recall = wilson_interval(score.found, score.there);
    const Interval alarms = wilson_interval(score.accused, score.not_there);
    std::string name = score.fault;
    std::replace_if(
        name.begin(), name.end(), [](char letter) { return letter == '-' || letter == ' '; }, '_');
    for (const auto& [what, interval, hits, trials] :
         {std::tuple{"recall_", recall, score.found, score.there},
          std::tuple{"alarms_", alarms, score.accused, score.not_there},
          std::tuple{"healthy_", wilson_interval(score.healthy_accused, score.healthy), score.healthy_accused,
                     score.healthy}}) {
      results().scalar(what + name, share(hits, trials), "share");
      results().scalar(what + name + "_low", interval.low, "share");
      results().scalar(what + name + "_high", interval.high, "share");
    }
    table.row({score.fault, score.found, score.there, share(score.found, score.there), recall.low, recall.high,
               score.accused, score.not_there, share(score.accused, score.not_there), alarms.low, alarms.high});
  };
  for (const Score& score : scores) {
    // A folder of older runs has nothing to say about the faults that need a probe.
    if (score.there + score.not_there == 0) continue;
    show(score);
    all.there += score.there;
    all.found += score.found;
    all.not_there += score.not_there;
    all.accused += score.accused;
    all.healthy += score.healthy;
    all.healthy_accused += score.healthy_accused;
  }
  all.fault = "all";
  show(all);
}

}  // namespace verse
