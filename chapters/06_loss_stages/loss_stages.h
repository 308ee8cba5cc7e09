#pragma once

/// @file
/// Chapter 6: what a loss means on the text it was measured on.

#include <torch/torch.h>

#include <optional>
#include <string>
#include <vector>

namespace verse {

/// The entropy of a text's next character given the `order - 1` before it, from counts of the text itself, in nats.
/// (Exercise 6.1)
///
/// Order 0 is the uniform guess, ln(vocabulary size); order 1 knows how often each character occurs; order 2 knows
/// pairs. On the text itself, no model that looks back at only `order - 1` characters can have a smaller loss. From
/// order 3 up the counts are too thin for the text and the figure is biased low (Shannon 1951, "Prediction and entropy
/// of printed English", discusses why): no target on other text, but still a bound.
/// @param tokens [characters], int64, each in [0, vocabulary_size)
/// @throws UsageError for an order below 0, or a text with fewer characters than the order.
double text_entropy(const torch::Tensor& tokens, std::int64_t vocabulary_size, int order);

/// The losses at which a model on this text has learned something new, from highest to lowest.
struct LossLandmarks {
  double uniform = 0;           ///< order 0
  double characters = 0;        ///< order 1
  double pairs = 0;             ///< order 2
  double triples = 0;           ///< order 3
  std::optional<double> floor;  ///< of the text's source, where it is known: the play, see Corpus::floor
};

/// Measures the entropies of a text; the floor is the caller's to fill in.
/// @param tokens [characters], int64: the text that is trained on
LossLandmarks measure_landmarks(const torch::Tensor& tokens, std::int64_t vocabulary_size);

/// A stage of training, named by what the model must have learned to reach the loss.
enum class LossStage {
  guessing,    ///< near the uniform guess
  characters,  ///< on the way to, and at, the one-character entropy
  pairs,       ///< clearly below it: the model looks at the character before
  words,       ///< clearly below the pair entropy: it looks back further than one character
  beyond,      ///< clearly below the three-character entropy: further than two
  memorised    ///< clearly below the source's floor: it has seen this very text. Never where no floor is known
};

/// The stage that a loss in nats a character belongs to. (Exercise 6.2)
///
/// Each landmark is passed when the loss is below it by a tenth of the way to the next one; after the last one comes
/// 0. The tenth keeps a run that is stuck at a landmark, its loss trembling from batch to batch, on the upper side. A
/// loss that is not a number is `guessing`.
LossStage stage_of(double loss, const LossLandmarks& landmarks);

/// One plain sentence a stage, such as "knows how often each character occurs".
std::string describe(LossStage stage);

}  // namespace verse
