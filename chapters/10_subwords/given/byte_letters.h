#pragma once

/// @file
/// How GPT-2's files write bytes: each as a letter that can be seen.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace verse {

/// The letter for each byte: those of Latin-1 that can be seen stand for themselves, the others, in their order, for
/// U+0100 and what follows. A space is Ġ, a line end Ċ.
const std::array<char32_t, 256>& letters_by_byte();

/// All bytes in the order of their letters, which is the order of their tokens where a tokenizer is trained.
const std::array<std::uint8_t, 256>& bytes_by_letter();

/// A token's bytes as a file writes them, in UTF-8.
std::string letters_of_bytes(std::string_view bytes);

/// The bytes that letters stand for; nothing where one of them stands for no byte.
std::optional<std::string> bytes_of_letters(std::string_view letters);

}  // namespace verse
