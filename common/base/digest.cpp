#include "common/base/digest.h"

#include <fmt/format.h>

#include <cstring>

namespace verse {

void Digest::add_by_words(std::string_view bytes) {
  // The high bits reach the low ones by a shift: with eight bytes at a time the product alone would not bring them
  // down.
  const auto add_word = [this](std::uint64_t word) {
    add_number(word);
    value_ ^= value_ >> 29;
  };
  std::uint64_t word = 0;
  for (; bytes.size() >= sizeof word; bytes.remove_prefix(sizeof word)) {
    std::memcpy(&word, bytes.data(), sizeof word);
    add_word(word);
  }
  word = 0;
  if (!bytes.empty()) std::memcpy(&word, bytes.data(), bytes.size());  // an empty view may point nowhere
  add_word(word);
  add_word(bytes.size());
}

std::string Digest::text() const {
  return fmt::format("{:016x}", value_);
}

std::string text_digest(std::string_view text) {
  Digest digest;
  digest.add(text);
  return digest.text();
}

}  // namespace verse
