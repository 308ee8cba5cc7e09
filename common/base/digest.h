#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace verse {

/// A number for some bytes that other bytes are most unlikely to have: FNV-1a of 64 bits (Fowler, Noll and Vo). It
/// tells that something was changed by accident; whoever means to deceive can find other bytes with the same number.
class Digest {
 public:
  /// Takes in bytes, one after the other.
  void add(std::string_view bytes) {
    for (const char byte : bytes) add_number(static_cast<unsigned char>(byte));
  }

  /// Takes in a number of up to 64 bits at one go.
  void add_number(std::uint64_t number) { value_ = (value_ ^ number) * kPrime; }

  /// Takes in bytes, eight at one go: for files of many megabytes. The digest is another than add()'s.
  void add_by_words(std::string_view bytes);

  std::uint64_t number() const { return value_; }

  /// The number in 16 hexadecimal digits.
  std::string text() const;

 private:
  static constexpr std::uint64_t kPrime = 0x100000001b3ULL;  // 2^40 + 2^8 + 0xb3
  std::uint64_t value_ = 14695981039346656037ULL;
};

/// The digest of a text's bytes, in 16 hexadecimal digits.
std::string text_digest(std::string_view text);

}  // namespace verse
