#pragma once

/// @file
/// How text is cut into words before any pairs are joined.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace verse {

/// The rules by which text is cut.
enum class Cutting {
  gpt2,  ///< letters, numbers or others, each run with the one space before it (Radford et al. 2019)
  gpt4,  ///< as GPT-4: at most three digits together, letters with any one character before them, line ends apart
  qwen,  ///< as GPT-4's, but each digit by itself
  none   ///< the text is one word
};

/// "gpt2" or "gpt4". @throws UsageError for any other name
Cutting cutting_named(const std::string& name);

/// The rule as the regular expression by which Hugging Face's `tokenizers` know it.
const char* pattern_of(Cutting cutting);

/// Where the word that begins at a place of the text ends.
/// @param text UTF-8, which is not checked here @param begin below text.size()
std::size_t end_of_word(std::string_view text, std::size_t begin, Cutting cutting);

/// Where the piece that begins at a place of the text ends, each digit being a piece of its own.
/// @param text as in end_of_word() @param begin below text.size()
std::size_t end_of_digit_or_rest(std::string_view text, std::size_t begin);

/// The text's words; side by side they are the text again.
/// @throws UsageError for a text that is not UTF-8.
std::vector<std::string_view> cut_into_words(std::string_view text, Cutting cutting = Cutting::gpt2);

/// The last place, at most `end`, at which both rules cut whatever stands before and after: a text may be taken apart
/// there. 0 where there is none.
std::size_t last_sure_cut(std::string_view text, std::size_t end);

}  // namespace verse
