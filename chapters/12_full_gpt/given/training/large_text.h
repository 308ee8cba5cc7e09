#pragma once

/// @file
/// Texts of gigabytes: read as any other, in less memory.

#include <torch/torch.h>

#include <cstddef>
#include <string_view>

#include "01_tokenizer/tokenizer.h"
#include "10_subwords/given/text_codec.h"

namespace verse {

/// From so many bytes on a text is large. The tokens of others are eight bytes each and made by chapter 1's functions.
inline constexpr std::size_t kLargeText = 64'000'000;

/// The tokenizer of a text's own characters, as Tokenizer::from_text(). Of a large text its characters are marked in a
/// table instead of being collected. @throws UsageError for what is not UTF-8
Tokenizer tokenizer_of(std::string_view text, std::size_t large = kLargeText);

/// A text's tokens, on the CPU. Those of a large text that is read by characters are kept in one byte each where there
/// are at most 256 different ones, else in two or four.
/// @return [tokens], int64, or of a large text uint8, int16 or int32
torch::Tensor tokens_of_text(const TextCodec& codec, std::string_view text, std::size_t large = kLargeText);

}  // namespace verse
