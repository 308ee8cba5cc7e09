#pragma once

/// @file
/// Unicode's composed form of a text (NFC), to which Qwen's tokenizers bring it first.

#include <string>
#include <string_view>

namespace verse {

/// The text with each letter and its accents as one character, where there is such a character, and accents in their
/// order: an e and an accent become an é (Unicode Standard Annex 15, Normalization Form C). By the Unicode of Hugging
/// Face's `tokenizers`.
/// @param text UTF-8
std::string composed(std::string_view text);

}  // namespace verse
