#pragma once

/// @file
/// Chapter 8: a model that scores responses, trained on pairs. Given, not an exercise.

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "04_blocks/blocks.h"
#include "08_post_training/given/chat.h"
#include "08_post_training/given/reward.h"
#include "08_post_training/given/tasks.h"
#include "common/base/random.h"

namespace verse {

/// A language model whose head is replaced: from the features of a row's last token to one number, the row's score.
class RewardModel {
 public:
  /// @param trunk is copied; the new head begins at 0, so that every row has the same score
  explicit RewardModel(GPT& trunk);

  /// @param rows question and response, each at least one token @return [rows]; gradients flow through it
  torch::Tensor scores(const std::vector<std::vector<std::int64_t>>& rows);

  /// The same without gradients, some rows at a time.
  std::vector<double> score(const std::vector<std::vector<std::int64_t>>& rows);

  std::vector<torch::Tensor> parameters() const;  ///< the trunk's and the head

 private:
  GPT trunk_;
  torch::Tensor head_;  ///< [width]; no bias: only differences of scores count
};

/// Bradley and Terry's loss: the mean of -ln sigmoid(chosen - rejected). Ouyang et al. 2022, equation 1.
/// @param chosen [pairs], scores @param rejected [pairs] @return a scalar that gradients flow through
torch::Tensor bradley_terry_loss(const torch::Tensor& chosen, const torch::Tensor& rejected);

/// Several responses to each of some problems, drawn at temperature 1.
struct Candidates {
  std::vector<Problem> problems;
  std::int64_t samples = 0;                     ///< to each problem
  std::vector<std::vector<std::int64_t>> rows;  ///< question and response; the first problem's samples first
  std::vector<bool> right;                      ///< of each row: whether its answer is
};
Candidates draw_candidates(GPT& model, const ChatVocabulary& vocabulary, const std::vector<Problem>& problems,
                           std::int64_t samples, Random& random);

/// Of each problem the first right response with the first wrong one, the second with the second, and so on.
std::vector<Pair> pairs_of(const Candidates& candidates);

/// How to train a reward model: each pair is seen `passes` times.
struct Scoring {
  std::int64_t passes = 4, pairs = 16;  ///< pairs a step
  double learning_rate = 5e-4;          ///< at its peak; it falls to a tenth of it
  std::uint64_t seed = 1;
};

/// Trains it in place. @throws Interrupted
void train_reward_model(RewardModel& model, const std::vector<Pair>& pairs, const Scoring& options);

/// Of all pairs of a right and a wrong response to the same problem, the share in which the right one has the higher
/// score. @param scores one for each row; an equal score counts half
double pairs_in_order(const Candidates& candidates, const std::vector<double>& scores);

/// For each problem, which of its first `of` responses has the highest score: its row. The first of equal ones.
std::vector<std::size_t> best_of(const Candidates& candidates, const std::vector<double>& scores, std::int64_t of);

/// Looks for a higher score with no regard to what is right: one digit of each response, at a random place, is replaced
/// by a random digit, and stays so where the score has risen. @param tries so often @param rows are changed
/// @return each row's score at last
std::vector<double> climb(RewardModel& model, const ChatVocabulary& vocabulary, std::int64_t tries,
                          std::vector<std::vector<std::int64_t>>& rows, Random& random);

/// Of how many rows, question and response, the answer is right. @param problems one for each row
double share_right(const ChatVocabulary& vocabulary, const std::vector<Problem>& problems,
                   const std::vector<std::vector<std::int64_t>>& rows);

}  // namespace verse
