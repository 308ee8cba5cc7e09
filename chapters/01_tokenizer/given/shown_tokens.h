#pragma once

/// @file
/// Tokens of more than one character, for a reader's eyes. Given, not an exercise.

#include <cstdint>
#include <string>
#include <vector>

#include "01_tokenizer/given/merges.h"
#include "01_tokenizer/tokenizer.h"

namespace verse {

/// A text on one line: line ends as \\n.
std::string on_one_line(const std::u32string& text);

/// A sentence of the text to cut into tokens: the first one of 40 to 80 characters that stands on one line.
std::u32string find_sentence(const std::u32string& text);

/// The text of every token, characters first, then merges in the order in which they were learned.
std::vector<std::u32string> token_texts(const Tokenizer& tokenizer, const std::vector<Merge>& merges);

/// Tokens as their texts with bars between them.
std::string cut(const std::vector<std::int64_t>& tokens, const std::vector<std::u32string>& texts);

}  // namespace verse
