#pragma once

/// @file
/// Chapter 1: one word, scored letter by letter. Given, not an exercise.

#include <torch/torch.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "01_tokenizer/tokenizer.h"

namespace verse {

/// What a model gave to one character of a text.
struct ScoredCharacter {
  std::string now, next;   ///< as one can see them: a space is ·, a line end ↵
  double probability = 0;  ///< of next, after now
  double surprise = 0;     ///< its -ln, in nats
};

/// Each character of a text but the first, as a pair model scores it. @param probabilities [vocabulary, vocabulary]
/// @throws UsageError for a text with characters that have no token
std::vector<ScoredCharacter> score_characters(const Tokenizer& tokenizer, const torch::Tensor& probabilities,
                                              std::string_view text);

/// Prints such scores, a line a character, with their mean; and draws them as bars where a file is given. Does nothing
/// where the text has characters without a token.
/// @param corpus what was counted, in words
void show_scored_word(const Tokenizer& tokenizer, const torch::Tensor& probabilities, std::string_view text,
                      const std::string& corpus, const std::optional<std::filesystem::path>& svg);

}  // namespace verse
