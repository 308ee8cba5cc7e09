#pragma once

/// @file
/// How often chapter 6's findings are right, on runs whose faults are known. Given, not an exercise.

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "06_loss_stages/diagnosis.h"

namespace verse {

/// Runs by the names of their folders, which say what was done to each.
using NamedRuns = std::vector<std::pair<std::string, RunRecord>>;

/// Every run that a folder holds, in the order of their names. They carry their evidence with them.
/// @throws UsageError where there is none, or as load_record()
NamedRuns load_runs(const std::filesystem::path& folder);

/// The fault that a folder's name speaks of, such as "no-causal-mask" in play-no-causal-mask-12; empty for a healthy
/// run and for one of another kind.
std::string fault_in(const std::string& name);

/// What a finding answered to the runs that have its fault, and to all others. A run that was never asked what the
/// finding goes by (see Probes) counts as neither.
struct Score {
  std::string fault;
  std::int64_t there = 0, found = 0;              ///< runs with the fault, and how many of them got a yes
  std::int64_t not_there = 0, accused = 0;        ///< runs without it, and how many of them got a yes all the same
  std::int64_t healthy = 0, healthy_accused = 0;  ///< of those, the healthy ones
};

/// Asks every run all ten questions, and the runs that have the probes' answers the last four.
std::vector<Score> score_findings(const NamedRuns& runs, const Thresholds& thresholds);

/// The scores as a table with 95 % intervals (Wilson's); they go into the results as well.
void show_scores(const std::vector<Score>& scores);

}  // namespace verse
