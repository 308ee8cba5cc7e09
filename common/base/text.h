#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace verse {

/// The code points of a UTF-8 text. @throws UsageError that names the first byte at which no character begins;
/// overlong forms, surrogates and numbers above U+10FFFF are refused.
std::u32string decode_utf8(std::string_view text);

/// UTF-8 for code points. @throws std::invalid_argument for what is no Unicode scalar value.
std::string encode_utf8(std::u32string_view text);
std::string encode_utf8(char32_t character);

/// Whether bytes are UTF-8 from the first to the last.
bool is_utf8(std::string_view text);

/// The character with which a text begins.
struct FirstCharacter {
  char32_t value;
  std::string_view bytes;  ///< of the text
};

/// What a text begins with; none where it is empty, or begins with bytes that are not UTF-8.
std::optional<FirstCharacter> first_character(std::string_view text);

/// How many characters (code points) a text has. Bytes that no character begins with count as part of the one before.
std::size_t count_characters(std::string_view text);

/// The first characters of a text, whole ones all; the text itself where it has no more.
std::string_view first_characters(std::string_view text, std::size_t count);

/// The lines of a text without their line ends; "\r\n" counts as one.
std::vector<std::string_view> lines_of(std::string_view text);

/// Without the byte-order mark (U+FEFF) with which some programs begin a text.
std::string_view without_mark(std::string_view text);

/// Without the blanks, tabs and line ends around it.
std::string_view trimmed(std::string_view text);

/// The parts between separators: "a,,b" has three, "" has one.
std::vector<std::string> split(std::string_view text, char separator);

/// Whether a text is written as a whole number, however large: digits, and a minus sign where there is one.
bool is_whole_number(std::string_view text);

/// The whole number that a text is; nothing for anything else, and for one that does not fit into 64 bits.
std::optional<std::int64_t> to_whole_number(std::string_view text);

/// The number that a text is, "1e-3", "inf" and "nan" among them; nothing for anything else.
std::optional<double> to_number(std::string_view text);

/// Alternatives for a message: "a, b or c".
std::string one_of(const std::vector<std::string>& words);

/// A character in a form that can stand in a message: itself in quotation marks, `\n` for a newline, U+0007 for what
/// cannot be seen.
std::string show_character(char32_t character);

/// A whole number with commas between its thousands: 1115394 as "1,115,394".
std::string with_commas(std::int64_t number);

}  // namespace verse
