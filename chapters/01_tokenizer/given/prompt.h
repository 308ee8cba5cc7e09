#pragma once

/// @file
/// Where the programs of the course begin to speak. Given, not an exercise.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "01_tokenizer/tokenizer.h"
#include "common/base/text.h"
#include "common/corpus.h"

namespace verse {

/// The token that every program begins its text after: a line end (kPrompt), or, where the text has no lines, the first
/// character of its vocabulary.
inline std::int64_t starting_token(const Tokenizer& tokenizer) {
  const auto& known = tokenizer.vocabulary();
  const char32_t line_end = decode_utf8(kPrompt).back();
  return std::binary_search(known.begin(), known.end(), line_end) ? tokenizer.encode(kPrompt).back() : 0;
}

}  // namespace verse
