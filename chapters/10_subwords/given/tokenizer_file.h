#pragma once

/// @file
/// Tokenizers as Hugging Face writes them.

#include <filesystem>
#include <string>

#include "10_subwords/given/pair_trainer.h"

namespace verse {

/// What was learned as the text of a tokenizer.json.
std::string tokenizer_text(const LearnedPairs& learned, Cutting cutting);

/// The tokenizer.json of a folder of Hugging Face's: the one that is there, or what vocab.json and merges.txt say. What
/// the files beside it change about it is refused, where it is not what it is already.
/// @throws UsageError for a folder without either, and for what is not supported.
std::string tokenizer_of_folder(const std::filesystem::path& folder);

}  // namespace verse
