#pragma once

/// @file
/// Chapter 9: pictures from PNG files. Given, not an exercise.

#include <torch/torch.h>

#include <filesystem>
#include <string>
#include <string_view>

namespace verse {

/// Reads a PNG file of 8 bits a channel, grey, coloured or with a palette. What an alpha channel makes transparent is
/// laid on black; a tRNS chunk, which makes single colours transparent, is not read. Interlaced files are refused.
/// @return [3, height, width], red, green and blue in [0, 1]
/// @throws UsageError, in one line, for a file that is missing, damaged, cut short, or of another kind.
torch::Tensor read_png(const std::filesystem::path& path);

/// The same from the bytes of such a file. @param place the file's name, for messages
torch::Tensor parse_png(std::string_view bytes, const std::string& place);

/// What a stream in zlib's format stands for (RFC 1950 and 1951); its checksum is not looked at.
/// @param most bytes that it may become @throws UsageError for what is no such stream, or longer
std::string inflate(std::string_view stream, std::size_t most);

}  // namespace verse
