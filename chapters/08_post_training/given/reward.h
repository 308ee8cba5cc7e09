#pragma once

/// @file
/// Chapter 8, going further: learning from pairs and from rewards, with chapter 5's loop. Given, not an exercise.

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "04_blocks/blocks.h"
#include "08_post_training/given/chat.h"
#include "08_post_training/given/respond.h"
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

/// Which tokens of a pair's responses DPO compares.
enum class Compared {
  whole,            ///< the responses as they are; what they have in common at the start cancels
  first_difference  ///< only the first token in which they differ: the step at which they part
};

/// How probable both responses of each pair are to a model, in nats. Gradients flow through it.
PairLogProbabilities score_pairs(GPT& model, const ChatVocabulary& vocabulary, const std::vector<Pair>& pairs,
                                 Compared compared = Compared::whole);

/// How to learn from pairs: each pair is seen `passes` times.
struct Preferring {
  std::int64_t passes = 1, pairs = 16;  ///< pairs a step
  double learning_rate = 3e-5;          ///< at its peak; it falls to a tenth of it
  double beta = 0.5;
  double preference = 1;  ///< weight of DPO's loss
  double likelihood = 0;  ///< weight of the chosen responses' loss, the mean over each one's tokens
  Compared compared = Compared::whole;
  std::uint64_t seed = 1;
};

/// Direct preference optimization, in place; the model as it is given is the reference. Without the preference and with
/// the likelihood it is supervised learning from the chosen responses. @throws Interrupted
void prefer(GPT& model, const ChatVocabulary& vocabulary, const std::vector<Pair>& pairs, const Preferring& options);

/// What a response is worth. @param reading what it says @param problem what was asked
using RewardFunction = std::function<double(const Reading& reading, const Problem& problem)>;

/// 1 for exactly the right answer, and 0 for anything else.
double reward_right(const Reading& reading, const Problem& problem);

/// 1 for an answer of which the last digit is right. A wrong answer can earn it.
double reward_last_digit(const Reading& reading, const Problem& problem);

/// How to learn from rewards.
struct Reinforcing {
  TaskOptions task;
  std::int64_t steps = 300;     ///< of the optimizer
  std::int64_t reuse = 2;       ///< steps with the same samples
  std::int64_t questions = 16;  ///< groups that are sampled together
  std::int64_t samples = 8;     ///< of each group
  double learning_rate = 5e-5;
  ObjectiveOptions objective{0.2, 0.02};
  RewardFunction reward = reward_right;
  std::uint64_t seed = 1;
};

/// What became of the reward.
struct RewardPoint {
  std::int64_t step = 0;
  double reward = 0;        ///< mean over the samples
  double split_groups = 0;  ///< share of the groups whose samples were not all rewarded alike: only those teach
};

/// GRPO, in place, on training problems. The model as it is given is the reference. @return a point for each time
/// samples were drawn @throws Interrupted
std::vector<RewardPoint> reinforce(GPT& model, const ChatVocabulary& vocabulary, const Reinforcing& options);

}  // namespace verse
