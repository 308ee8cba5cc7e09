#include "common/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <stdexcept>

#include "common/base/characters.h"
#include "common/base/error.h"

namespace verse {

namespace {

/// What the first byte of a character says: how many bytes it has, and the bits of the code point that stand in this
/// one.
struct FirstByte {
  int length = 0;  ///< 0 where no character begins so
  char32_t bits = 0;
  char32_t least = 0;  ///< what needs this many bytes; anything below is an overlong form
};

FirstByte read_first_byte(unsigned char byte) {
  if (byte < 0x80) return {1, byte, 0};
  if (byte >= 0xc2 && byte < 0xe0) return {2, byte & 0x1fU, 0x80};
  if (byte >= 0xe0 && byte < 0xf0) return {3, byte & 0x0fU, 0x800};
  if (byte >= 0xf0 && byte < 0xf5) return {4, byte & 0x07U, 0x10000};
  return {};
}

bool is_scalar_value(char32_t character) {
  const bool surrogate = character >= 0xd800 && character <= 0xdfff;
  return character <= 0x10ffff && !surrogate;
}

[[noreturn]] void refuse(std::string_view text, std::size_t position) {
  throw UsageError(fmt::format("the text is not UTF-8: no character begins at byte {} of {}, which is 0x{:02x}",
                               position + 1, text.size(), static_cast<unsigned char>(text[position])));
}

/// Marks, spaces of no width and other characters that a reader of a message would not see.
bool is_visible(char32_t character) {
  if (character < 0x20 || (character >= 0x7f && character <= 0xa0) || character == 0xad) return false;
  if (character >= 0x300 && character <= 0x36f) return false;    // combining accents
  if (character >= 0x2000 && character <= 0x200f) return false;  // spaces of every width
  if (character >= 0x2028 && character <= 0x202f) return false;  // line ends, directions
  if (character >= 0x205f && character <= 0x206f) return false;  // invisible operators
  if (character == 0x3000 || character == 0xfeff) return false;
  if (character >= 0xe000 && character <= 0xf8ff) return false;  // private use
  return character < 0xe0000 && (character & 0xfffe) != 0xfffe;
}

}  // namespace

void each_character(std::string_view text, const std::function<void(std::u32string_view)>& visit) {
  constexpr std::size_t kPiece = 1 << 16;
  std::u32string piece;
  piece.reserve(std::min(kPiece, text.size()));
  for (std::size_t position = 0; position < text.size();) {
    const auto character = first_character(text.substr(position));
    if (!character) refuse(text, position);
    piece.push_back(character->value);
    position += character->bytes.size();
    if (piece.size() < kPiece && position < text.size()) continue;
    visit(piece);
    piece.clear();
  }
}

std::u32string decode_utf8(std::string_view text) {
  std::u32string characters;
  characters.reserve(text.size());
  each_character(text, [&characters](std::u32string_view piece) { characters += piece; });
  return characters;
}

std::string encode_utf8(char32_t character) {
  if (!is_scalar_value(character)) {
    throw std::invalid_argument(
        fmt::format("U+{:04X} is no Unicode scalar value", static_cast<std::uint32_t>(character)));
  }
  const auto tail = [character](int shift) { return static_cast<char>(0x80 | ((character >> shift) & 0x3f)); };
  if (character < 0x80) return {static_cast<char>(character)};
  if (character < 0x800) return {static_cast<char>(0xc0 | (character >> 6)), tail(0)};
  if (character < 0x10000) return {static_cast<char>(0xe0 | (character >> 12)), tail(6), tail(0)};
  return {static_cast<char>(0xf0 | (character >> 18)), tail(12), tail(6), tail(0)};
}

std::string encode_utf8(std::u32string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (const char32_t character : text) {
    if (character < 0x80) {
      bytes.push_back(static_cast<char>(character));
    } else {
      bytes += encode_utf8(character);
    }
  }
  return bytes;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto character = first_character(text);
    if (!character) return false;
    text.remove_prefix(character->bytes.size());
  }
  return true;
}

std::optional<FirstCharacter> first_character(std::string_view text) {
  if (text.empty()) return std::nullopt;
  const FirstByte first = read_first_byte(static_cast<unsigned char>(text[0]));
  const auto length = static_cast<std::size_t>(first.length);
  if (length == 0 || length > text.size()) return std::nullopt;
  // Six bits from each byte that goes on.
  char32_t value = first.bits;
  for (std::size_t i = 1; i < length; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xc0) != 0x80) return std::nullopt;
    value = (value << 6) | (byte & 0x3fU);
  }
  if (value < first.least || !is_scalar_value(value)) return std::nullopt;
  return FirstCharacter{value, text.substr(0, length)};
}

namespace {

/// Whether a byte of UTF-8 is one with which a character begins.
bool begins_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xc0) != 0x80;
}

}  // namespace

std::size_t count_characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins_character));
}

std::string_view first_characters(std::string_view text, std::size_t count) {
  std::size_t seen = 0, end = 0;
  while (end < text.size() && (seen < count || !begins_character(text[end]))) {
    if (begins_character(text[end])) ++seen;
    ++end;
  }
  return text.substr(0, end);
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(line);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

std::string_view without_mark(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  return text;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blank = " \t\r\n";
  const std::size_t first = text.find_first_not_of(blank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

bool is_whole_number(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::optional<std::int64_t> to_whole_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<double> to_number(std::string_view text) {
  const std::string written(text);
  if (written.find_first_of("xX") != std::string::npos) return std::nullopt;  // strtod() reads 0x10 too
  if (written.empty() || std::string_view(" \t\r\n\v\f").find(written.front()) != std::string_view::npos) {
    return std::nullopt;
  }
  char* end = nullptr;
  const double number = std::strtod(written.c_str(), &end);
  if (end != written.c_str() + written.size()) return std::nullopt;
  return number;
}

std::string one_of(const std::vector<std::string>& words) {
  std::string shown;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) shown += i + 1 < words.size() ? ", " : " or ";
    shown += words[i];
  }
  return shown;
}

std::string show_character(char32_t character) {
  if (character == U'\n') return "\\n";
  if (character == U'\t') return "\\t";
  if (character == U'\r') return "\\r";
  if (!is_scalar_value(character) || !is_visible(character)) {
    return fmt::format("U+{:04X}", static_cast<std::uint32_t>(character));
  }
  return "\"" + encode_utf8(character) + "\"";
}

std::string with_commas(std::int64_t number) {
  std::string digits = std::to_string(number);
  const std::int64_t first = number < 0 ? 1 : 0;  // no comma right after the sign
  for (auto place = static_cast<std::int64_t>(digits.size()) - 3; place > first; place -= 3) {
    digits.insert(static_cast<std::size_t>(place), ",");
  }
  return digits;
}

}  // namespace verse
