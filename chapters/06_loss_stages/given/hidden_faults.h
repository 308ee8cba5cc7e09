#pragma once

/// @file
/// Four more findings, about faults that a run's losses hide. Each is read off the answer to one question of
/// given/probes.h. Given, not an exercise.

#include "06_loss_stages/diagnosis.h"

namespace verse {

/// Where these findings draw their lines: far from what a healthy run must have (no difference at all, hardly a window,
/// some tenths of a nat, one weight in 65,536), and far from what the faults bring. They were drawn before any run that
/// is to judge them was recorded.
struct HiddenThresholds {
  double answers_differ = 1e-3;  ///< that a logit may change when the same is asked again
  double seen_before = 0.05;     ///< share of the validation text that may stand in the training text
  double surprise = 2.0;         ///< nats that a sample may surprise more than its model's validation loss says
  double rounded_weights = 0.5;  ///< share of the weights that may be bfloat16 numbers
};

/// Was dropout left on where the validation loss is measured? The same question then gets two answers. Not asked, or no
/// finite number: unknown.
Finding dropout_at_evaluation(const RunRecord& run, const HiddenThresholds& thresholds = {});

/// Does validation text stand in the training text? Not compared, or no finite number: unknown.
Finding splits_overlap(const RunRecord& run, const HiddenThresholds& thresholds = {});

/// Is what the model says spelled with another vocabulary than the text that it has learned from? Its sample then
/// surprises a reader of that text much more than the model's own validation loss explains. A model that sees the
/// future, or whose targets are not shifted, writes nonsense for another reason: no. No sample, or no finite validation
/// loss at the end: unknown.
Finding wrong_tokenizer(const RunRecord& run, const HiddenThresholds& thresholds = {});

/// Were the weights kept with too few digits? Hardly any weight is a bfloat16 number by chance. Not counted, or no
/// finite number: unknown.
Finding precision_lost(const RunRecord& run, const HiddenThresholds& thresholds = {});

}  // namespace verse
