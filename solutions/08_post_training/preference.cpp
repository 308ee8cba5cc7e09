#include "08_post_training/preference.h"

#include "common/base/error.h"

namespace verse {

torch::Tensor token_log_probabilities(const torch::Tensor& logits, const torch::Tensor& tokens) {
  //! [8.7]
  // The logits at a position are about the token after it.
  const std::int64_t predicted = tokens.size(1) - 1;
  const auto logarithms = torch::log_softmax(logits.narrow(1, 0, predicted), -1);  // [rows, time - 1, vocabulary]
  const auto said = tokens.narrow(1, 1, predicted).unsqueeze(-1);                  // [rows, time - 1, 1]

  // Of the whole distribution, only what was really said is asked for.
  return logarithms.gather(-1, said).squeeze(-1);  // [rows, time - 1]
  //! [8.7]
}

torch::Tensor response_log_probability(const torch::Tensor& logits, const torch::Tensor& tokens,
                                       const torch::Tensor& learned) {
  return (token_log_probabilities(logits, tokens) * learned.narrow(1, 1, tokens.size(1) - 1)).sum(1);
}

torch::Tensor dpo_loss(const PairLogProbabilities& policy, const PairLogProbabilities& reference, double beta) {
  //! [8.8]
  // How much more probable than under the reference each response has become: nobody has to score it.
  const auto gain_of_chosen = policy.chosen - reference.chosen.detach();        // [pairs]
  const auto gain_of_rejected = policy.rejected - reference.rejected.detach();  // [pairs]

  // The loss is that of guessing which of the two was chosen; log_sigmoid() is finite where sigmoid() rounds to 0.
  return -torch::log_sigmoid(beta * (gain_of_chosen - gain_of_rejected)).mean();
  //! [8.8]
}

torch::Tensor group_advantages(const torch::Tensor& rewards) {
  //! [8.9]
  // The group itself says what was to be expected, and how much rewards differ.
  const auto mean = rewards.mean(1, /*keepdim=*/true);                                // [groups, 1]
  const auto deviation = (rewards - mean).square().mean(1, /*keepdim=*/true).sqrt();  // [groups, 1]

  // Where all did equally well there is nothing to learn: 0 over something small is 0.
  return (rewards - mean) / (deviation + 1e-6);
  //! [8.9]
}

torch::Tensor clipped_objective(const torch::Tensor& current, const torch::Tensor& sampled,
                                const torch::Tensor& reference, const torch::Tensor& advantages,
                                const torch::Tensor& learned, const ObjectiveOptions& options) {
  //! [8.10]
  // A better sample's tokens are worth making likelier, but only until they have moved as far as the clip allows.
  const auto ratio = (current - sampled.detach()).exp();  // [samples, time]
  const auto advantage = advantages.unsqueeze(1);         // [samples, 1]
  const auto gain = torch::min(ratio * advantage, ratio.clamp(1 - options.clip, 1 + options.clip) * advantage);

  // How far the model has gone from the reference, estimated at each token; never below 0.
  const auto log_ratio = reference.detach() - current;
  const auto divergence = log_ratio.exp() - log_ratio - 1;

  // Each sample counts once, however long it is.
  const auto worth = (gain - options.kl_weight * divergence) * learned;
  return (worth.sum(1) / learned.sum(1)).mean();
  //! [8.10]
}

}  // namespace verse
