#pragma once

/// @file
/// Chapter 7: the search for a probable text, to see what it finds. Given, not an exercise.

#include <cstdint>
#include <vector>

#include "04_blocks/blocks.h"

namespace verse {

/// A text and how probable a model thinks it.
struct Beam {
  std::vector<std::int64_t> tokens;  ///< behind the prompt
  double log_probability = 0;        ///< of all of them, natural
};

/// Beam search: at each step every text that was kept is continued by every token, and of all these the `width` most
/// probable are kept. Width 1 is greedy decoding.
/// @param prompt at least one token; it and the new ones together fit into the context @param width at least 1
/// @return the most probable that was found @throws UsageError for what does not fit
Beam beam_search(LanguageModel model, const std::vector<std::int64_t>& prompt, std::int64_t count, std::int64_t width);

/// How probable a model thinks some tokens behind a prompt, within one context. @return natural logarithm, of all
double log_probability(LanguageModel model, const std::vector<std::int64_t>& prompt,
                       const std::vector<std::int64_t>& tokens);

}  // namespace verse
