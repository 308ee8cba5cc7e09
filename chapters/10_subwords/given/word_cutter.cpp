#include "10_subwords/given/word_cutter.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>

#include "10_subwords/given/text_codec.h"
#include "10_subwords/given/unicode_classes.h"
#include "common/base/error.h"
#include "common/base/text.h"

namespace verse {

namespace {

/// One character of a text: what it is, and of how many bytes.
struct Look {
  CharacterClass kind;
  std::uint8_t length;
};

std::array<CharacterClass, 128> ascii_classes() {
  std::array<CharacterClass, 128> classes{};
  for (char32_t character = 0; character < 128; ++character) classes[character] = class_of(character);
  return classes;
}

const std::array<CharacterClass, 128> kAscii = ascii_classes();

/// The character that begins at a place. A text that is no UTF-8 is read somehow, and never beyond its end.
inline Look look(std::string_view text, std::size_t place) {
  const auto first = static_cast<unsigned char>(text[place]);
  if (first < 0x80) return {kAscii[first], 1};
  const std::size_t length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if (place + length > text.size()) return {CharacterClass::other, static_cast<std::uint8_t>(text.size() - place)};
  char32_t character = first & (0x7FU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    character = character << 6U | (static_cast<unsigned char>(text[place + i]) & 0x3FU);
  }
  return {class_of(character), static_cast<std::uint8_t>(length)};
}

/// The end of the characters of one kind that begin at a place.
inline std::size_t end_of_run(std::string_view text, std::size_t place, CharacterClass kind) {
  while (place < text.size()) {
    const Look next = look(text, place);
    if (next.kind != kind) break;
    place += next.length;
  }
  return place;
}

/// How many bytes of an English contraction stand at the beginning of a text: 0 where there is none.
std::size_t contraction(std::string_view text, bool any_case) {
  if (text.size() < 2) return 0;
  const auto letter = [&](std::size_t place) {
    const char byte = place < text.size() ? text[place] : '\0';
    return any_case && byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte - 'A' + 'a') : byte;
  };
  const char one = letter(1), two = letter(2);
  if (one == 's' || one == 't' || one == 'm' || one == 'd') return 2;
  if ((one == 'r' && two == 'e') || (one == 'v' && two == 'e') || (one == 'l' && two == 'l')) return 3;
  // The long s is an s to whoever does not ask for the case.
  if (any_case && text.substr(1, 2) == "\xC5\xBF") return 3;
  return 0;
}

/// White space from a place on: the last character of several is left for the word that follows.
std::size_t end_of_spaces(std::string_view text, std::size_t begin) {
  std::size_t place = begin, last = begin;
  while (place < text.size()) {
    const Look next = look(text, place);
    if (next.kind != CharacterClass::space) break;
    last = place;
    place += next.length;
  }
  return place < text.size() && last > begin ? last : place;
}

std::size_t end_by_gpt2(std::string_view text, std::size_t begin) {
  if (text[begin] == '\'') {
    if (const std::size_t length = contraction(text.substr(begin), /*any_case=*/false)) return begin + length;
  }
  const std::size_t place = begin + (text[begin] == ' ' && begin + 1 < text.size() ? 1 : 0);
  const Look first = look(text, place);
  if (first.kind == CharacterClass::space) return end_of_spaces(text, begin);
  return end_of_run(text, place + first.length, first.kind);
}

bool ends_line(char byte) {
  return byte == '\n' || byte == '\r';
}

/// @param most digits that stay together
std::size_t end_by_gpt4(std::string_view text, std::size_t begin, int most) {
  if (text[begin] == '\'') {
    if (const std::size_t length = contraction(text.substr(begin), /*any_case=*/true)) return begin + length;
  }
  const Look first = look(text, begin);
  std::size_t place = begin + first.length;
  if (first.kind == CharacterClass::letter) return end_of_run(text, place, CharacterClass::letter);
  if (first.kind == CharacterClass::number) {
    for (int digits = 1; digits < most && place < text.size(); ++digits) {
      const Look next = look(text, place);
      if (next.kind != CharacterClass::number) break;
      place += next.length;
    }
    return place;
  }
  // Letters may have any one character before them that is no line end.
  if (!ends_line(text[begin]) && place < text.size() && look(text, place).kind == CharacterClass::letter) {
    return end_of_run(text, place, CharacterClass::letter);
  }
  // Other characters with one space before them and the line ends after them.
  place = begin + (text[begin] == ' ' ? 1 : 0);
  if (place < text.size() && look(text, place).kind == CharacterClass::other) {
    place = end_of_run(text, place, CharacterClass::other);
    while (place < text.size() && ends_line(text[place])) ++place;
    return place;
  }
  // White space up to its last line end, or as everywhere.
  const std::size_t end = end_of_run(text, begin, CharacterClass::space);
  for (std::size_t last = end; last > begin; --last) {
    if (ends_line(text[last - 1])) return last;
  }
  return end_of_spaces(text, begin);
}

}  // namespace

Cutting cutting_named(const std::string& name) {
  if (name == "gpt2") return Cutting::gpt2;
  if (name == "gpt4") return Cutting::gpt4;
  throw UsageError(fmt::format("a pattern must be gpt2 or gpt4, not \"{}\"", name));
}

const char* pattern_of(Cutting cutting) {
  switch (cutting) {
    case Cutting::gpt2:
      return R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
    case Cutting::gpt4:
      return R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
    case Cutting::qwen:
      return R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
    case Cutting::none:
      break;
  }
  return "";
}

std::size_t end_of_word(std::string_view text, std::size_t begin, Cutting cutting) {
  switch (cutting) {
    case Cutting::gpt2:
      return end_by_gpt2(text, begin);
    case Cutting::gpt4:
      return end_by_gpt4(text, begin, 3);
    case Cutting::qwen:
      return end_by_gpt4(text, begin, 1);
    case Cutting::none:
      break;
  }
  return text.size();
}

std::size_t end_of_digit_or_rest(std::string_view text, std::size_t begin) {
  std::size_t place = begin;
  while (place < text.size()) {
    const Look next = look(text, place);
    if (next.kind == CharacterClass::number) return place == begin ? place + next.length : place;
    place += next.length;
  }
  return place;
}

std::vector<std::string_view> cut_into_words(std::string_view text, Cutting cutting) {
  if (length_of_utf8(text) < text.size()) decode_utf8(text);  // says where
  std::vector<std::string_view> words;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = end_of_word(text, begin, cutting);
    words.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return words;
}

std::size_t last_sure_cut(std::string_view text, std::size_t end) {
  // Before a space that follows a character of ASCII that is seen: none of the rules looks across it.
  for (std::size_t place = end; place > 1; --place) {
    const char before = text[place - 2], here = text[place - 1];
    if (here == ' ' && before > ' ' && before < '\x7F') return place - 1;
  }
  return 0;
}

}  // namespace verse
