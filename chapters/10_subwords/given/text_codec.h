#pragma once

/// @file
/// Text to tokens and back, whichever way a model was taught to read: by characters, or by pieces of words.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

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

/// Token numbers from standard input, apart by spaces or lines. @throws UsageError for what is no token of the codec's
std::vector<std::int64_t> read_token_numbers(const TextCodec& codec);

}  // namespace verse
