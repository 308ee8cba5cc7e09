#include "common/base/shown.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <functional>

#include "common/base/text.h"

namespace verse {

namespace {

/// Whether a terminal would do something instead of showing something; line ends and tabs are no harm.
bool is_obeyed(char32_t character) {
  if (character == U'\n' || character == U'\t') return false;
  if (character < 0x20 || (character >= 0x7f && character <= 0x9f)) return true;
  if (character == 0x200e || character == 0x200f || character == 0x2028 || character == 0x2029) return true;
  return (character >= 0x202a && character <= 0x202e) || (character >= 0x2066 && character <= 0x2069);
}

/// Goes through a text piece by piece: a character of UTF-8 with its bytes, or one byte that begins none.
void each_piece(std::string_view text,
                const std::function<void(std::string_view bytes, bool whole, char32_t character)>& visit) {
  while (!text.empty()) {
    const auto character = first_character(text);
    const std::string_view bytes = character ? character->bytes : text.substr(0, 1);
    visit(bytes, character.has_value(), character ? character->value : static_cast<unsigned char>(text[0]));
    text.remove_prefix(bytes.size());
  }
}

std::string show_obeyed(char32_t character) {
  const auto number = static_cast<std::uint32_t>(character);
  return number < 0x80 ? fmt::format("\\x{:02x}", number) : fmt::format("\\u{:04x}", number);
}

}  // namespace

std::string harmless(std::string_view text) {
  std::string shown;
  shown.reserve(text.size());
  each_piece(text, [&shown](std::string_view bytes, bool whole, char32_t character) {
    if (!whole) {
      shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(bytes[0]));
    } else if (is_obeyed(character)) {
      shown += show_obeyed(character);
    } else {
      shown += bytes;
    }
  });
  return shown;
}

std::string for_standard_output(std::string_view text) {
  return ::isatty(STDOUT_FILENO) == 1 ? harmless(text) : std::string(text);
}

std::string one_line(std::string_view text, std::size_t most) {
  // What cannot be shown may grow by a factor of four; nothing longer is looked at.
  std::string shown = harmless(trimmed(text.substr(0, 4 * most + 4)));
  for (char& character : shown) {
    if (character == '\n' || character == '\t') character = ' ';
  }
  const auto first = first_characters(shown, most);
  if (first.size() == shown.size() && text.size() <= 4 * most + 4) return shown;
  return std::string(first) + " ...";
}

std::string shell_quoted(std::string_view word) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:=@%+,-";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string_view::npos) return std::string(word);

  std::string quoted;
  if (harmless(word) == word && word.find_first_of("\n\t") == std::string_view::npos) {
    for (const char byte : word) {
      if (byte == '\'') {
        quoted += "'\\''";
      } else {
        quoted += byte;
      }
    }
    return "'" + quoted + "'";
  }
  // bash's form for bytes that cannot be shown
  for (const char byte : word) {
    const auto number = static_cast<unsigned char>(byte);
    if (byte == '\'' || byte == '\\') {
      quoted += fmt::format("\\{}", byte);
    } else if (number < 0x20 || number >= 0x7f) {
      quoted += fmt::format("\\{:03o}", number);
    } else {
      quoted += byte;
    }
  }
  return "$'" + quoted + "'";
}

std::string escape_markup(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  each_piece(text, [&escaped](std::string_view bytes, bool whole, char32_t character) {
    const bool control = character < 0x20 && character != U'\n' && character != U'\t' && character != U'\r';
    if (!whole || control || (character >= 0x7f && character <= 0x9f) || (character & 0xfffe) == 0xfffe) {
      escaped += "\xEF\xBF\xBD";
    } else if (character == U'&') {
      escaped += "&amp;";
    } else if (character == U'<') {
      escaped += "&lt;";
    } else if (character == U'>') {
      escaped += "&gt;";
    } else if (character == U'"') {
      escaped += "&quot;";
    } else {
      escaped += bytes;
    }
  });
  return escaped;
}

std::string show_bytes(double bytes) {
  constexpr std::array<const char*, 6> kUnits{"bytes", "kB", "MB", "GB", "TB", "PB"};
  std::size_t unit = 0;
  while (bytes >= 1000 && unit + 1 < kUnits.size()) {
    bytes /= 1000;
    ++unit;
  }
  return fmt::format("{:.{}f} {}", bytes, unit == 0 || bytes >= 10 ? 0 : 1, kUnits[unit]);
}

}  // namespace verse
