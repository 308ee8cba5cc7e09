#pragma once

/// @file
/// Chapter 8: the tokens that a conversation needs and a play does not have. Given, not an exercise.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "01_tokenizer/tokenizer.h"

namespace verse {

/// The tokens that stand for no character: they say who speaks and what kind of speech it is.
struct SpecialTokens {
  std::int64_t user = 0;       ///< `<user>`: a question follows
  std::int64_t assistant = 0;  ///< `<assistant>`: a response follows
  std::int64_t think = 0;      ///< `<think>`: what follows is worked out, not yet the answer
  std::int64_t end_think = 0;  ///< `</think>`: the answer follows
  std::int64_t end = 0;        ///< `<end>`: the response is over
  std::int64_t filler = 0;     ///< `<filler>`: says nothing; also fills up rows
};

/// A base model's alphabet with what arithmetic and conversation add to it. The old tokens keep their numbers; the new
/// ones stand behind them: first the characters that the alphabet lacks, then the special tokens.
class ChatVocabulary {
 public:
  /// @param more special tokens behind the chapter's own, each in angle brackets: "<system>"
  explicit ChatVocabulary(Tokenizer base, const std::vector<std::string>& more = {});

  const Tokenizer& base() const { return base_; }
  std::int64_t size() const { return base_.size() + static_cast<std::int64_t>(added_.size()); }
  std::int64_t added() const { return static_cast<std::int64_t>(added_.size()); }
  const SpecialTokens& special() const { return special_; }

  /// The new tokens as they are shown, in order: "0", "1", ..., "<think>", ...
  const std::vector<std::string>& added_names() const { return added_; }

  /// The number of a new token by that name. @throws std::invalid_argument where none has it
  std::int64_t token(std::string_view name) const;

  /// Token numbers, one a character. No text gives a special token, so that nobody can type one: `<think>` in a
  /// question is seven characters.
  /// @throws UsageError that names a character that is not in the vocabulary.
  std::vector<std::int64_t> encode(std::string_view text) const;

  /// The text that the tokens stand for; special tokens are written out, such as `<think>`.
  std::string decode(const std::vector<std::int64_t>& tokens) const;

 private:
  Tokenizer base_;
  std::vector<std::string> added_;
  std::map<char, std::int64_t> numbers_;  ///< of the added characters
  SpecialTokens special_;
};

/// What tokenizer.json says of such a vocabulary: one of byte pairs that joins none, as the last chapter's program and
/// Hugging Face's read it. There a text may name the special tokens.
/// @throws UsageError for an alphabet with a character outside ASCII, which is more than one byte
std::string tokenizer_text(const ChatVocabulary& vocabulary);

}  // namespace verse
