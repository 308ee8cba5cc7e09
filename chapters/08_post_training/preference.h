#pragma once

/// @file
/// Chapter 8, going further: learning from which response is better, instead of from what to say.

#include <torch/torch.h>

#include <cstdint>
#include <vector>

namespace verse {

/// The logarithm of the probability that the model gave to each token after the first. (Exercise 8.7)
/// @param logits [rows, time, vocabulary] @param tokens [rows, time], int64
/// @return [rows, time - 1]: entry t is about the token at position t + 1
torch::Tensor token_log_probabilities(const torch::Tensor& logits, const torch::Tensor& tokens);

/// The same, summed over each row's learned tokens: how probable the response is as a whole. Given, not an exercise.
/// @param learned [rows, time], bool, as response_mask() gives it @return [rows]
torch::Tensor response_log_probability(const torch::Tensor& logits, const torch::Tensor& tokens,
                                       const torch::Tensor& learned);

/// How probable the two responses of each pair are, under one model.
struct PairLogProbabilities {
  torch::Tensor chosen;    ///< [pairs]
  torch::Tensor rejected;  ///< [pairs]
};

/// Direct preference optimization's loss, the mean over the pairs. (Exercise 8.8) Rafailov et al. 2023, equation 7.
/// @param policy of the model that learns @param reference of the frozen one: no gradient reaches it
/// @param beta how dear it is to move away from the reference, above 0
/// @return a scalar that gradients flow through, finite for margins of any size
torch::Tensor dpo_loss(const PairLogProbabilities& policy, const PairLogProbabilities& reference, double beta);

/// How much better each sample of a group is than the group: its reward less the mean, over the deviation (that divides
/// by the number of samples, not by one less) plus 1e-6. (Exercise 8.9) Shao et al. 2024, section 4.1.2.
/// @param rewards [groups, samples] @return the same shape; all 0 for a group of equal rewards
torch::Tensor group_advantages(const torch::Tensor& rewards);

/// Settings of the objective.
struct ObjectiveOptions {
  double clip = 0.2;  ///< how far a probability may move away from where the sample was drawn before it stops to pay
  double kl_weight = 0.0;  ///< how dear it is to move away from the reference
};

/// GRPO's objective, which is to be made large. (Exercise 8.10) Shao et al. 2024, equations 3 and 4.
/// Each token is worth min(ratio * advantage, clip(ratio, 1 - clip, 1 + clip) * advantage) - kl_weight * divergence,
/// with ratio = exp(current - sampled) and divergence = exp(reference - current) - (reference - current) - 1; the
/// objective is the mean over the samples of the means over each one's learned tokens.
/// @param current [samples, time]: log-probabilities of the sampled tokens under the model that learns
/// @param sampled the same under the model that drew them @param reference under the frozen one
/// @param advantages [samples] @param learned [samples, time], bool; at least one in each row
/// @return a scalar; gradients flow through `current` alone
torch::Tensor clipped_objective(const torch::Tensor& current, const torch::Tensor& sampled,
                                const torch::Tensor& reference, const torch::Tensor& advantages,
                                const torch::Tensor& learned, const ObjectiveOptions& options);

}  // namespace verse
