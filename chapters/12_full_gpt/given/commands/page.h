#pragma once

/// @file
/// `page`: from a run folder to one file that a browser opens, with the model in it.

#include <cstddef>
#include <filesystem>
#include <string>

namespace verse {

/// Bytes as text: 13 bits, the lowest first, are two characters out of 91 that HTML leaves alone; 1.23 times as much.
/// given/page/stored.mjs reads it.
std::string bytes_as_text(const void* bytes, std::size_t count);

/// The whole page of a run: its model, tokenizer, record of training, and the program that lets it write.
/// @param precision of the weights: fp16, fp32, or int8 for matrices whose rows quantise_rows() has rounded
/// @throws UsageError as load_run(), and for weights that the precision does not hold
std::string page_of(const std::filesystem::path& run, const std::string& precision);

/// The command. @return the exit status
int page_command(int argc, char** argv);

}  // namespace verse
