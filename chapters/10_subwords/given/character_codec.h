#pragma once

/// @file
/// The codec of a model that reads characters, and the choice between the two kinds. (A program that includes this
/// needs chapter 1's tokenizer, and with it LibTorch.)

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "01_tokenizer/tokenizer.h"
#include "10_subwords/given/text_codec.h"

namespace verse {

/// Chapter 1's tokenizer: a token is a character.
class CharacterCodec : public TextCodec {
 public:
  explicit CharacterCodec(Tokenizer tokenizer) : tokenizer_(std::move(tokenizer)) {}

  std::vector<std::int64_t> encode(std::string_view text) const override { return tokenizer_.encode(text); }
  std::string bytes_of(std::int64_t token) const override;
  std::int64_t size() const override { return tokenizer_.size(); }
  std::string unit() const override { return "character"; }
  const Tokenizer& tokenizer() const { return tokenizer_; }

 private:
  Tokenizer tokenizer_;
};

/// The codec that a tokenizer.json describes: of characters, or GPT-2's byte pairs. @param content the file's text
/// @throws UsageError for any other kind, with the place's name and what is not supported.
std::unique_ptr<TextCodec> read_codec(const std::filesystem::path& place, const std::string& content);

}  // namespace verse
