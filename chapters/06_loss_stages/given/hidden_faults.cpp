#include "06_loss_stages/given/hidden_faults.h"

#include <cmath>

namespace verse {

namespace {

/// Whether a number that may be missing is above a line.
Finding above(const std::optional<double>& number, double line) {
  if (!number || !std::isfinite(*number)) return Finding::unknown;
  return *number > line ? Finding::yes : Finding::no;
}

}  // namespace

//! [hidden]
Finding dropout_at_evaluation(const RunRecord& run, const HiddenThresholds& thresholds) {
  return above(run.probes.answers_differ, thresholds.answers_differ);
}

Finding splits_overlap(const RunRecord& run, const HiddenThresholds& thresholds) {
  return above(run.probes.seen_before, thresholds.seen_before);
}

Finding wrong_tokenizer(const RunRecord& run, const HiddenThresholds& thresholds) {
  const Thresholds others = choose_thresholds();
  if (sees_the_future(run, others) == Finding::yes) return Finding::no;
  if (targets_not_shifted(run, others) == Finding::yes) return Finding::no;
  if (run.rows.empty() || !run.rows.back().validation_loss) return Finding::unknown;
  if (!run.probes.sample_surprise) return Finding::unknown;
  return above(*run.probes.sample_surprise - *run.rows.back().validation_loss, thresholds.surprise);
}

Finding precision_lost(const RunRecord& run, const HiddenThresholds& thresholds) {
  return above(run.probes.rounded_weights, thresholds.rounded_weights);
}
//! [hidden]

}  // namespace verse
