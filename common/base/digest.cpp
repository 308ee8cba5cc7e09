#include "common/base/digest.h"

#include <fmt/format.h>

#include <cstdint>

namespace verse {

std::string text_digest(std::string_view text) {
  std::uint64_t digest = 14695981039346656037ULL;  // FNV's offset; its prime is 2^40 + 2^8 + 0xb3
  for (const char character : text) digest = (digest ^ static_cast<unsigned char>(character)) * 0x100000001b3ULL;
  return fmt::format("{:016x}", digest);
}

}  // namespace verse
