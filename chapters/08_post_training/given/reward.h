#pragma once

/// @file
/// Chapter 8, going further: learning from pairs and from rewards, with chapter 5's loop. Given, not an exercise.

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "04_blocks/blocks.h"
#include "08_post_training/given/chat.h"
#include "08_post_training/given/tasks.h"
#include "08_post_training/preference.h"
#include "common/base/random.h"

namespace verse {

/// Rows of different lengths as one tensor, filled up behind. [rows, longest], int64
torch::Tensor filled_rows(const std::vector<std::vector<std::int64_t>>& rows, std::int64_t filler);

/// Two responses to one question, both the model's own; whole rows, the question included.
struct Pair {
  std::vector<std::int64_t> chosen;    ///< its answer is right
  std::vector<std::int64_t> rejected;  ///< its answer is wrong
};

/// Lets the model answer training problems several times each, and keeps a pair wherever it was right and wrong.
std::vector<Pair> collect_pairs(GPT& model, const ChatVocabulary& vocabulary, const TaskOptions& task,
                                std::int64_t questions, std::int64_t samples, Random& random);

/// How probable both responses of each pair are to a model, in nats. Gradients flow through it.
PairLogProbabilities score_pairs(GPT& model, const ChatVocabulary& vocabulary, const std::vector<Pair>& pairs);

/// How to learn from pairs.
struct Preferring {
  std::int64_t steps = 100, pairs = 16;  ///< pairs a step, drawn with repetition
  double learning_rate = 3e-5, beta = 0.5;
  std::uint64_t seed = 1;
};

/// Direct preference optimization, in place; the model as it is given is the reference. @throws Interrupted
void prefer(GPT& model, const ChatVocabulary& vocabulary, const std::vector<Pair>& pairs, const Preferring& options);

/// How to learn from rewards.
struct Reinforcing {
  TaskOptions task;
  std::int64_t steps = 300;     ///< of the optimizer
  std::int64_t reuse = 2;       ///< steps with the same samples
  std::int64_t questions = 16;  ///< groups that are sampled together
  std::int64_t samples = 8;     ///< of each group
  double learning_rate = 5e-5;
  ObjectiveOptions objective{0.2, 0.02};
  std::uint64_t seed = 1;
};

/// What became of the reward.
struct RewardPoint {
  std::int64_t step = 0;
  double reward = 0;        ///< mean over the samples: the share that was right
  double split_groups = 0;  ///< share of the groups in which some were right and some wrong: only those teach
};

/// GRPO, in place, on training problems; the reward is 1 for exactly the right answer and 0 for anything else. The
/// model as it is given is the reference. @return a point for each time samples were drawn @throws Interrupted
std::vector<RewardPoint> reinforce(GPT& model, const ChatVocabulary& vocabulary, const Reinforcing& options);

}  // namespace verse
