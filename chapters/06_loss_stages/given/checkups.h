#pragma once

/// @file
/// What chapter 6's program does with a model in training: the one-batch test, the health of its gradients, and
/// listening to it stage by stage. Given, not an exercise.

#include "06_loss_stages/loss_stages.h"
#include "common/corpus.h"
#include "common/program.h"

namespace verse {

/// Trains healthy models and broken ones on one batch each, and prints how far they get.
void show_one_batch(const Corpus& corpus, const SharedOptions& shared);

/// Prints gradient norms and update ratios by layer, at the first step and later, of a model as chapter 4 begins it and
/// of one as LibTorch's modules come.
void show_health(const Corpus& corpus, const SharedOptions& shared);

/// Trains a small GPT and lets it write whenever its validation loss has reached another stage.
void listen(const Corpus& corpus, const LossLandmarks& landmarks, std::int64_t steps, const SharedOptions& shared);

}  // namespace verse
