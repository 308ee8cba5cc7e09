#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace verse {

/// The code points of a UTF-8 text. @throws UsageError that names the first byte at which no character begins;
/// overlong forms, surrogates and numbers above U+10FFFF are refused.
std::u32string decode_utf8(std::string_view text);

/// UTF-8 for code points. @throws std::invalid_argument for what is no Unicode scalar value.
std::string encode_utf8(std::u32string_view text);
std::string encode_utf8(char32_t character);

/// A character in a form that can stand in a message: itself in quotation marks, `\n` for a newline, U+0007 for what
/// cannot be seen.
std::string show_character(char32_t character);

/// A whole number with commas between its thousands: 1115394 as "1,115,394".
std::string with_commas(std::int64_t number);

}  // namespace verse
