#include "08_post_training/preference.h"

#include "common/base/error.h"

namespace verse {

torch::Tensor token_log_probabilities(const torch::Tensor& logits, const torch::Tensor& tokens) {
  //! [8.7]
  // Exercise 8.7. Read "Going further: which is better?" in README.md, then replace the next line; make hint-8.7 helps.
  // New here: torch::log_softmax(x, dim)
  //   does: the logarithm of the softmax, computed without rounding small ones to 0
  throw NotImplemented("8.7");
  //! [8.7]
}

torch::Tensor response_log_probability(const torch::Tensor& logits, const torch::Tensor& tokens,
                                       const torch::Tensor& learned) {
  return (token_log_probabilities(logits, tokens) * learned.narrow(1, 1, tokens.size(1) - 1)).sum(1);
}

torch::Tensor dpo_loss(const PairLogProbabilities& policy, const PairLogProbabilities& reference, double beta) {
  //! [8.8]
  // Exercise 8.8. Read "Going further: which is better?" in README.md, then replace the next line; make hint-8.8 helps.
  // New here: torch::log_sigmoid(x)
  //   does: the logarithm of 1 / (1 + exp(-x)), finite also where the sigmoid rounds to 0
  throw NotImplemented("8.8");
  //! [8.8]
}

torch::Tensor group_advantages(const torch::Tensor& rewards) {
  //! [8.9]
  // Exercise 8.9. Read "Going further: rewards" in README.md, then replace the next line; make hint-8.9 helps.
  throw NotImplemented("8.9");
  //! [8.9]
}

torch::Tensor clipped_objective(const torch::Tensor& current, const torch::Tensor& sampled,
                                const torch::Tensor& reference, const torch::Tensor& advantages,
                                const torch::Tensor& learned, const ObjectiveOptions& options) {
  //! [8.10]
  // Exercise 8.10. Read "Going further: rewards" in README.md, then replace the next line; make hint-8.10 helps.
  // New here: x.clamp(least, most)
  //   does: every number brought into the range
  throw NotImplemented("8.10");
  //! [8.10]
}

}  // namespace verse
