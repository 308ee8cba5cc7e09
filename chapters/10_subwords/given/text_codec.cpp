#include "10_subwords/given/text_codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <iomanip>
#include <iostream>

#include "common/base/error.h"
#include "common/base/text.h"

namespace verse {

namespace {

constexpr const char* kReplacement = "\xEF\xBF\xBD";  // U+FFFD

/// What the bytes at the beginning of a text are.
struct Beginning {
  enum Kind { whole, broken, unfinished } kind;
  std::size_t length;  ///< of the character, or of the bytes that no character can have
};

/// Reads one character. Bytes that begin one and then break off count as one mistake, as the Unicode Standard
/// recommends (section 3.9, "maximal subparts").
Beginning look_at(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return {Beginning::whole, 1};
  const std::size_t length = first >= 0xC2 && first < 0xE0   ? 2
                             : first >= 0xE0 && first < 0xF0 ? 3
                             : first >= 0xF0 && first < 0xF5 ? 4
                                                             : 0;
  if (length == 0) return {Beginning::broken, 1};

  // The second byte also rules out overlong forms, surrogates and what is beyond U+10FFFF.
  unsigned char least = 0x80, most = 0xBF;
  if (first == 0xE0) least = 0xA0;
  if (first == 0xED) most = 0x9F;
  if (first == 0xF0) least = 0x90;
  if (first == 0xF4) most = 0x8F;
  for (std::size_t i = 1; i < length; ++i) {
    if (i == text.size()) return {Beginning::unfinished, i};
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < least || byte > most) return {Beginning::broken, i};
    least = 0x80;
    most = 0xBF;
  }
  return {Beginning::whole, length};
}

}  // namespace

std::size_t length_of_utf8(std::string_view text) {
  constexpr std::uint64_t kHighBits = 0x8080808080808080;
  std::size_t place = 0;
  while (place < text.size()) {
    // Eight bytes at a time, while they are ASCII.
    std::uint64_t eight = kHighBits;
    if (place + sizeof(eight) <= text.size()) std::memcpy(&eight, text.data() + place, sizeof(eight));
    if ((eight & kHighBits) == 0) {
      place += sizeof(eight);
      continue;
    }
    const auto [kind, length] = look_at(text.substr(place));
    if (kind != Beginning::whole) return place;
    place += length;
  }
  return place;
}

std::vector<std::int64_t> TextCodec::encode_whole(std::string_view text) const {
  auto whole = before_text();
  const auto tokens = encode(text);
  if (std::equal(whole.begin(), whole.end(), tokens.begin(),
                 tokens.begin() + static_cast<std::ptrdiff_t>(std::min(whole.size(), tokens.size())))) {
    return tokens;
  }
  whole.insert(whole.end(), tokens.begin(), tokens.end());
  return whole;
}

std::string TextCodec::decode(const std::vector<std::int64_t>& tokens) const {
  std::string bytes;
  for (const auto token : tokens) bytes += bytes_of(token);
  TextStream stream;
  std::string text = stream.add(bytes);
  return text + stream.finish();
}

std::string TextStream::add(std::string_view bytes) {
  waiting_ += bytes;
  return take(/*at_the_end=*/false);
}

std::string TextStream::finish() {
  return take(/*at_the_end=*/true);
}

std::string TextStream::take(bool at_the_end) {
  std::string text;
  std::string_view rest = waiting_;
  while (!rest.empty()) {
    const auto [kind, length] = look_at(rest);
    if (kind == Beginning::unfinished && !at_the_end) break;
    text += kind == Beginning::whole ? rest.substr(0, length) : kReplacement;
    rest.remove_prefix(length);
  }
  waiting_ = std::string(rest);
  return text;
}

std::vector<std::int64_t> read_token_numbers(const TextCodec& codec) {
  constexpr int kLongestWord = 100;  // of a number that is one
  std::vector<std::int64_t> numbers;
  std::string word;
  while (std::cin >> std::setw(kLongestWord) >> word) {
    const auto number = to_whole_number(word);
    if (!number || *number < 0 || *number >= codec.size()) {
      throw UsageError(fmt::format("\"{}\" is no token: they are numbers from 0 to {}", word, codec.size() - 1));
    }
    numbers.push_back(*number);
  }
  return numbers;
}

}  // namespace verse
