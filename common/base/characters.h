#pragma once

#include <functional>
#include <string_view>

namespace verse {

/// Goes through the code points of a UTF-8 text in pieces of some thousands, for texts that may be large: as numbers of
/// 32 bits, all at once, they would take four times their bytes. @throws UsageError as decode_utf8()
void each_character(std::string_view text, const std::function<void(std::u32string_view piece)>& visit);

}  // namespace verse
