#pragma once

#include <string>
#include <string_view>

namespace verse {

/// A number for some bytes that other bytes are most unlikely to have (FNV-1a, 64 bits), in 16 hexadecimal digits. It
/// tells that something was changed by accident; whoever means to deceive can find other bytes with the same number.
std::string text_digest(std::string_view text);

}  // namespace verse
