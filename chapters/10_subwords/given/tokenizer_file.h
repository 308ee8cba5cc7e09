#pragma once

/// @file
/// Tokenizers as Hugging Face writes them.

#include <filesystem>
#include <string>
#include <string_view>

#include "10_subwords/given/pair_trainer.h"
#include "common/base/json.h"

namespace verse {

/// What was learned as the text of a tokenizer.json.
std::string tokenizer_text(const LearnedPairs& learned, Cutting cutting);

/// The same of GPT-2's tokenizer in its first two files, vocab.json and merges.txt, as GPT2Tokenizer makes it of them:
/// <|endoftext|> is special. @param place the name of merges.txt, for messages
std::string tokenizer_of_two(const JsonEntry& vocabulary, std::string_view merges_text, const std::string& place);

/// The tokenizer.json of a folder of Hugging Face's: the one that is there, or what vocab.json and merges.txt say. What
/// the files beside it change about it is refused, where it is not what it is already.
/// @throws UsageError for a folder without either, and for what is not supported.
std::string tokenizer_of_folder(const std::filesystem::path& folder);

}  // namespace verse
