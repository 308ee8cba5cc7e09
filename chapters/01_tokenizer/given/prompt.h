#pragma once

/// @file
/// Where the programs of the course begin to speak. Given, not an exercise.

#include <cstdint>

#include "01_tokenizer/tokenizer.h"

namespace verse {

/// The token that every program begins its text after: a line end (kPrompt), or, where the text has no lines, the first
/// character of its vocabulary.
std::int64_t starting_token(const Tokenizer& tokenizer);

}  // namespace verse
