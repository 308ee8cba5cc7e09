#pragma once

/// @file
/// What kind of character a code point is, for cutting text into words.

#include <cstdint>

namespace verse {

/// The kinds that GPT-2's cutting of text tells apart.
enum class CharacterClass : std::uint8_t {
  letter,  ///< Unicode's general category L
  number,  ///< N
  space,   ///< Unicode's White_Space
  other    ///< punctuation, marks, symbols, and what is not assigned
};

/// A code point's class, by the Unicode (16.0) of Hugging Face's `tokenizers`.
CharacterClass class_of(char32_t character);

}  // namespace verse
