#include "06_loss_stages/loss_stages.h"

#include <fmt/core.h>

#include <cmath>
#include <cstddef>

#include "common/base/error.h"

namespace verse {

namespace {

/// The entropy of which number stands at a place drawn from all places alike, in nats. @param numbers [places], int64
double entropy(const torch::Tensor& numbers) {
  const auto counts = std::get<2>(torch::_unique2(numbers, /*sorted=*/false, /*return_inverse=*/false,
                                                  /*return_counts=*/true));
  const auto shares = counts.to(torch::kFloat64) / static_cast<double>(numbers.numel());
  return -(shares * shares.log()).sum().item<double>();
}

/// The same numbers made small: 0, 1, 2 and so on, equal ones equal. @param numbers [places], int64
torch::Tensor renumber(const torch::Tensor& numbers) {
  return std::get<1>(torch::_unique2(numbers, /*sorted=*/true, /*return_inverse=*/true));
}

}  // namespace

double text_entropy(const torch::Tensor& tokens, std::int64_t vocabulary_size, int order) {
  if (order < 0 || tokens.size(0) < order)
    throw UsageError(fmt::format("no entropy of order {} on a text of {} characters", order, tokens.size(0)));
  //! [6.1]
  // Exercise 6.1. Read "What is uncertain about a text" in README.md, then replace the next line; make hint-6.1 helps.
  throw NotImplemented("6.1");
  //! [6.1]
}

LossLandmarks measure_landmarks(const torch::Tensor& tokens, std::int64_t vocabulary_size) {
  LossLandmarks landmarks;
  landmarks.uniform = text_entropy(tokens, vocabulary_size, 0);
  landmarks.characters = text_entropy(tokens, vocabulary_size, 1);
  landmarks.pairs = text_entropy(tokens, vocabulary_size, 2);
  landmarks.triples = text_entropy(tokens, vocabulary_size, 3);
  return landmarks;
}

LossStage stage_of(double loss, const LossLandmarks& landmarks) {
  //! [6.2]
  // Exercise 6.2: Naming the stage. Read "The stages" in README.md, then replace the next line; make hint-6.2 helps.
  throw NotImplemented("6.2");
  //! [6.2]
}

std::string describe(LossStage stage) {
  switch (stage) {
    case LossStage::guessing:
      return "guesses: every character is as likely as every other";
    case LossStage::characters:
      return "knows how often each character occurs";
    case LossStage::pairs:
      return "knows which character follows which";
    case LossStage::words:
      return "looks back further than one character: it spells";
    case LossStage::beyond:
      return "looks back further than two characters: it has words, and what goes with them";
    case LossStage::memorised:
      return "knows this text by heart: no knowledge of its source alone gets below the floor";
  }
  return "";
}

}  // namespace verse
