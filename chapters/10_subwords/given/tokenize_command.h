#pragma once

/// @file
/// What `gpt tokenize` and the program `tokenize` do: training a tokenizer of byte pairs, and using one. LibTorch is
/// not needed for it: `tokenize` goes without, and so takes a tenth of the memory.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "10_subwords/given/text_codec.h"
#include "common/base/option_reader.h"

namespace verse {

/// What is asked for. No data means the play, where a tokenizer is to be trained.
struct TokenizeRequest {
  std::optional<std::filesystem::path> data, out, tokenizer;
  std::optional<std::string> prompt, more, special;
  std::int64_t vocabulary = 1024;
  std::string pattern = "gpt2";
  bool decode = false, count = false;
  int threads = 1;
};

/// One sentence for --help.
extern const char* const kTokenizePurpose;

/// Declares all options but those of data and threads, which each program has already.
void declare_tokenize(OptionReader& options, TokenizeRequest& request);

/// Makes a codec of a tokenizer.json. @param content the file's text
using CodecReader =
    std::function<std::unique_ptr<TextCodec>(const std::filesystem::path& place, const std::string& content)>;

/// Trains a tokenizer, or uses one. @param options as they were read @return the exit status
/// @throws UsageError for options that do not go together, and for a file that is missing, empty, not UTF-8 or no
/// tokenizer; Interrupted
int tokenize(const OptionReader& options, const TokenizeRequest& request, const CodecReader& read);

}  // namespace verse
