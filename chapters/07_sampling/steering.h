#pragma once

/// @file
/// Chapter 7: what else a text is steered by: min-p, penalties for what was said, stop strings, a grammar.

#include <torch/torch.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "07_sampling/given/grammar.h"

namespace verse {

/// Keeps the tokens that are at least `share` times as probable as the most probable one, and shares their total out
/// again. (Exercise 7.10) Nguyen et al. 2024, section 3 ("min-p sampling").
/// @param probabilities [vocabulary]; stays as it is @param share in (0, 1]; 1 keeps only what ties with the largest
/// @return [vocabulary], sums to 1
torch::Tensor keep_min_p(const torch::Tensor& probabilities, double share);

/// Logits with penalties for the tokens that occur in a text. (Exercise 7.11)
///
/// Repetition: a positive logit is divided by it, a negative one multiplied, once however often the token occurs
/// (Keskar et al. 2019, section 4.1, with the sign minded). Presence: this much is subtracted afterwards, also once.
/// @param logits [vocabulary]; stays as it is @param text tokens, in any number, the same one perhaps several times
/// @param repetition above 0; 1 changes nothing, above 1 makes repetition less likely @param presence 0 changes nothing
torch::Tensor penalise(const torch::Tensor& logits, const std::vector<std::int64_t>& text, double repetition,
                       double presence);

/// How much of a text may be shown while more of it is still to come.
struct Showable {
  std::size_t length = 0;  ///< bytes from the start of the text
  bool stopped = false;    ///< a stop string is complete: from its first byte on, nothing is ever shown
};

/// Looks for stop strings in a text that is still growing. (Exercise 7.12) Where some are complete, the
/// one whose last byte comes first ends the text (of several, the longest), and what stands before it may be shown.
/// Else everything may, but for the longest end of the text with which one of the stop strings begins: it may turn out
/// to be the beginning of that one. So what is shown does not depend on the pieces in which a text comes.
/// @param stops none of them empty
Showable showable(std::string_view text, const std::vector<std::string>& stops);

/// Logits that let only such tokens through as the grammar allows; all others become minus infinity. (Exercise 7.13)
///
/// A token is allowed if it is not empty, each of its bytes may follow by the grammar, and what is still missing after
/// it, in bytes, fits into the tokens that may then still be written.
/// @param logits [vocabulary]; stays as it is @param state where the grammar stands after the text so far
/// @param tokens the text of each token of the vocabulary @param room how many tokens may still be written, this one
/// included
torch::Tensor constrain(const torch::Tensor& logits, const GrammarState& state, const std::vector<std::string>& tokens,
                        std::int64_t room);

}  // namespace verse
