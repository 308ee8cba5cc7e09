#pragma once

/// @file
/// Chapter 6: reading a run: overfitting, the one-batch test, what the gradients do, and faults that still let a
/// program run.

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "02_embeddings/given/speak.h"
#include "06_loss_stages/given/probes.h"
#include "06_loss_stages/loss_stages.h"
#include "common/base/metrics.h"

namespace verse {

/// What a run has left behind. What its program did wrong is not written in it.
struct RunRecord {
  std::string text_name;
  std::int64_t training_characters = 0;    ///< of the part that it learned from
  LossLandmarks landmarks;                 ///< of that part; the floor, where it is known, of the validation part
  std::vector<Metrics> rows;               ///< metrics.csv; the first is the model before training
  std::optional<double> future_influence;  ///< see future_influence(), of the trained model
  std::string sample;                      ///< text that it wrote
  Probes probes;                           ///< what the findings of given/hidden_faults.h go by
};

/// What a look at a run can end in.
enum class Finding {
  no,      ///< the fault is not there
  yes,     ///< it is
  unknown  ///< this record cannot tell
};

/// Where validation was best, and whether training went on past it.
struct Overfitting {
  std::int64_t best_step = 0;
  double best_loss = 0;  ///< validation, there
  double rise = 0;       ///< validation at the end, less best_loss
  double gap = 0;        ///< validation less training loss, at the end
  Finding found = Finding::unknown;
};

/// Looks for overfitting: since its best, validation loss has risen by more than 0.05 nats while training loss has
/// fallen. (Exercise 6.3) Rows that lack either loss, or in which one is no finite number, do not count; fewer than two
/// that have both tell nothing.
Overfitting find_overfitting(const std::vector<Metrics>& rows);

/// Trains a model on one batch and nothing else. (Exercise 6.4) A model that is put together rightly knows it by heart
/// soon; one that does not has a part that learns nothing.
/// @param next_loss the loss on the batch, anew for each step @param step moves the parameters by their gradients
/// @return the loss before each of the `steps` steps, then the one after the last: steps + 1 numbers
std::vector<double> overfit_one_batch(const std::function<torch::Tensor()>& next_loss,
                                      const std::vector<torch::Tensor>& parameters, const std::function<void()>& step,
                                      std::int64_t steps);

/// How a parameter was moved by a step.
struct ParameterHealth {
  std::string name;
  double gradient_norm = 0;
  double weight_norm = 0;   ///< before the step
  double update_ratio = 0;  ///< norm of the change over the norm before; 0 where both are 0
};

/// Compares parameters with what they were before a step. (Exercise 6.5)
/// @param after names, and parameters that still have the step's gradients (one without has norm 0)
/// @param before the same parameters' values before the step, in the same order
std::vector<ParameterHealth> measure_health(const std::vector<std::pair<std::string, torch::Tensor>>& after,
                                            const std::vector<torch::Tensor>& before);

/// How much what comes later changes what a model says now: the largest change of any logit at the positions before
/// `position` when the tokens from there on are replaced by their neighbours in the vocabulary. (Exercise 6.7)
/// @param tokens [1, time], int64 @return 0 within rounding for a model that sees only the past
double future_influence(const LogitsFunction& model, const torch::Tensor& tokens, std::int64_t position,
                        std::int64_t vocabulary_size);

/// Where the findings below draw their lines. Which values are good is exercise 6.13.
struct Thresholds {
  double initial_excess = 0;  ///< nats that the first validation loss may lie above ln V
  double influence = 0;       ///< that the future may have on a logit
  double repeated = 0;        ///< share of a sample's characters that may equal the one before
  double gap = 0;             ///< nats that validation may lie above training in the first pass over the text
  double rise = 0;            ///< nats that the training loss may rise as the rate goes up
  double early_rate = 0;      ///< share of the highest learning rate that may be reached at once
};

/// Thresholds chosen by looking at the recorded runs of seed 1. (Exercise 6.13) They are judged by runs that were kept
/// apart: see score_findings() in given/score.h.
Thresholds choose_thresholds();

/// The step from which on a loss or a gradient is no finite number; nothing for a run that has none such. What is not
/// recorded does not count. Given, not an exercise.
std::optional<std::int64_t> no_number_from(const std::vector<Metrics>& rows);

/// The share of a text's characters that equal the one before.
double repeated_share(const std::string& text);

/// Was the model given a bad start? (Exercise 6.6) Before the first step it should guess: its validation loss is ln V.
/// More than `initial_excess` above that, or no number at all, it is sure of things that it cannot know. Without a
/// first row of step 0 that has a validation loss: unknown.
Finding bad_initialisation(const RunRecord& run, const Thresholds& thresholds);

/// Did each position see what comes after it? (Exercise 6.8) An influence of the future above `influence` says so,
/// whatever the losses are. Not probed, or no finite number: unknown.
Finding sees_the_future(const RunRecord& run, const Thresholds& thresholds);

/// Was each position asked for its own token? (Exercise 6.9) Such a model repeats what it has just read: its validation
/// loss at the end is below the two-character entropy, and a larger share than `repeated` of its sample's characters
/// equal the one before. A model that sees the future has another reason: no. A sample of fewer than 20 characters, or
/// no finite validation loss at the end: unknown.
Finding targets_not_shifted(const RunRecord& run, const Thresholds& thresholds);

/// Was the same batch learned at every step? (Exercise 6.10) A row in which no more characters have been read than
/// there are to learn from (and some have), and validation loss stands more than `gap` above a training loss that is
/// below the two-character entropy: nobody learns by heart what they read once. No such row with both losses, finite
/// ones: unknown.
Finding same_batch_every_step(const RunRecord& run, const Thresholds& thresholds);

/// The highest finite learning rate on record; 0 where none is. Given, not an exercise.
double highest_rate(const RunRecord& run);

/// Whether 400 steps or more have not brought the training loss below the two-character entropy (a loss that is no
/// number is not below it); unknown for shorter runs that are not below it yet, and for those without a training loss
/// at the end. Given, not an exercise.
Finding is_stuck(const RunRecord& run);

/// Was a high learning rate reached without a warm-up? (Exercise 6.12) A run that is stuck, and whose first recorded
/// learning rate, within the first twentieth of its steps, is above the share `early_rate` of the highest one. Where
/// no finite rate is recorded that early: unknown. What is_stuck() cannot tell or denies is the answer too.
Finding warmup_missing(const RunRecord& run, const Thresholds& thresholds);

/// Was the learning rate too high? (Exercise 6.11) A run that is stuck, and whose training loss was lower while the
/// rate was still rising (below nine tenths of the highest) than at some time from there on, by more than `rise`; a
/// loss that is no number is worse than any. Where no row with a finite loss is from that time: unknown. What
/// is_stuck() cannot tell or denies is the answer too.
Finding learning_rate_too_high(const RunRecord& run, const Thresholds& thresholds);

}  // namespace verse
