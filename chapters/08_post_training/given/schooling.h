#pragma once

/// @file
/// Chapter 8: a base that has read sums before anybody asks it for one. Given, not an exercise.

#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <vector>

#include "05_training/given/checkpoint.h"
#include "08_post_training/given/fine_tune.h"
#include "08_post_training/given/tasks.h"
#include "common/corpus.h"

namespace verse {

/// A problem as a line of a text, with nothing of a conversation about it: "478+365: 8+5+0=13,7+6+1=14,4+3+1=08: 843".
std::string line_of(const Problem& problem);

/// How a schooled base is made.
struct Schooling {
  BaseOptions shape{2, 4, 64, 128, 6, 1200, 4e-3, 1};  ///< `batch_size` windows of the text a step
  TaskOptions task;                                    ///< how large the numbers of its lines are
  std::int64_t rows = 6;                               ///< packed rows of lines a step, beside the windows
};

/// Trains a small GPT on a text and on lines of training problems (sums and differences), half and half, each token
/// predicted from those before it: pretraining, not instruction. Its alphabet has the text's characters and the lines'.
/// @throws Interrupted
TrainedModel train_schooled_base(const Corpus& corpus, const Schooling& options, torch::Device device);

}  // namespace verse
