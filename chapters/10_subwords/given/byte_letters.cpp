#include "10_subwords/given/byte_letters.h"

#include <algorithm>
#include <numeric>

#include "common/base/text.h"

namespace verse {

namespace {

constexpr char32_t kFirstStandIn = 0x100;

/// The byte for each letter, -1 for a letter that stands for none.
std::array<std::int16_t, 2 * kFirstStandIn> make_bytes() {
  std::array<std::int16_t, 2 * kFirstStandIn> bytes{};
  bytes.fill(-1);
  for (std::size_t byte = 0; byte < 256; ++byte) bytes[letters_by_byte()[byte]] = static_cast<std::int16_t>(byte);
  return bytes;
}

}  // namespace

const std::array<char32_t, 256>& letters_by_byte() {
  static const auto letters = [] {
    std::array<char32_t, 256> made{};
    char32_t next = kFirstStandIn;
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const bool visible = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
      made[byte] = visible ? static_cast<char32_t>(byte) : next++;
    }
    return made;
  }();
  return letters;
}

const std::array<std::uint8_t, 256>& bytes_by_letter() {
  static const auto bytes = [] {
    std::array<std::uint8_t, 256> made{};
    std::iota(made.begin(), made.end(), std::uint8_t{0});
    std::sort(made.begin(), made.end(),
              [](std::uint8_t a, std::uint8_t b) { return letters_by_byte()[a] < letters_by_byte()[b]; });
    return made;
  }();
  return bytes;
}

std::string letters_of_bytes(std::string_view bytes) {
  std::string letters;
  for (const char byte : bytes) letters += encode_utf8(letters_by_byte()[static_cast<unsigned char>(byte)]);
  return letters;
}

std::optional<std::string> bytes_of_letters(std::string_view letters) {
  static const auto bytes_by_code = make_bytes();
  std::string bytes;
  for (const char32_t letter : decode_utf8(letters)) {
    if (letter >= bytes_by_code.size() || bytes_by_code[letter] < 0) return std::nullopt;
    bytes += static_cast<char>(bytes_by_code[letter]);
  }
  return bytes;
}

}  // namespace verse
