#pragma once

/// @file
/// Text to tokens and back, whichever way a model was taught to read: by characters, or by pieces of words.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "01_tokenizer/tokenizer.h"

namespace verse {

/// What stands between text and a model.
class TextCodec {
 public:
  virtual ~TextCodec() = default;

  /// @param text UTF-8 @return token numbers below size()
  /// @throws UsageError for a text that is not UTF-8, or has characters that the model does not know.
  virtual std::vector<std::int64_t> encode(std::string_view text) const = 0;

  /// What the tokenizer puts before every text that a model is to read; most put nothing.
  virtual std::vector<std::int64_t> before_text() const { return {}; }

  /// encode() with before_text() before it, unless the text names those tokens itself.
  std::vector<std::int64_t> encode_whole(std::string_view text) const;

  /// The bytes that a token stands for. They need not be whole characters, see TextStream; of a number that is no
  /// token there are none.
  virtual std::string bytes_of(std::int64_t token) const = 0;

  /// One more than the largest token number.
  virtual std::int64_t size() const = 0;

  /// What a token is called: "character" or "token".
  virtual std::string unit() const = 0;

  /// The text that tokens stand for, as UTF-8; U+FFFD where their bytes are no character.
  std::string decode(const std::vector<std::int64_t>& tokens) const;
};

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

/// How many bytes from the beginning of a text are whole characters of UTF-8: all of them, where it is one.
std::size_t length_of_utf8(std::string_view text);

/// Text that arrives in pieces which may end within a character: hands on whole characters only.
class TextStream {
 public:
  /// @return the characters that are whole now; U+FFFD for bytes that no character has
  std::string add(std::string_view bytes);

  /// What is left at the end: nothing, or U+FFFD for a character that was never finished.
  std::string finish();

 private:
  std::string take(bool at_the_end);

  std::string waiting_;
};

/// The codec that a tokenizer.json describes: of characters, or GPT-2's byte pairs. @param content the file's text
/// @throws UsageError for any other kind, with the place's name and what is not supported.
std::unique_ptr<TextCodec> read_codec(const std::filesystem::path& place, const std::string& content);

}  // namespace verse
