#pragma once

/// @file
/// Byte-level byte-pair encoding, as GPT-2 reads text (Radford et al. 2019, section 2.2), and GPT-4.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "10_subwords/given/added_tokens.h"
#include "10_subwords/given/tables.h"
#include "10_subwords/given/text_codec.h"
#include "10_subwords/given/word_cutter.h"
#include "common/base/json.h"

namespace verse {

/// The kind of model that a tokenizer.json describes: "BPE" for byte pairs, "WordLevel" for the course's characters;
/// empty where it does not say. @throws UsageError where there is no model in it
std::string model_of_tokenizer(const JsonEntry& file);

/// A tokenizer of byte pairs, as GPT-2's and GPT-4's are. A word's bytes are the first tokens; then, of all
/// neighbouring pairs, the one whose merge was learned first becomes one token, and so on until none is left that was
/// learned. Every text can be written, since every byte can. The tokens are those of Hugging Face's `tokenizers`.
class BytePairCodec : public TextCodec {
 public:
  /// @param file a tokenizer.json
  /// @throws UsageError where an entry is missing, or it asks for something that is not done here.
  explicit BytePairCodec(const JsonEntry& file);

  std::vector<std::int64_t> encode(std::string_view text) const override;
  std::string bytes_of(std::int64_t token) const override;
  std::int64_t size() const override { return static_cast<std::int64_t>(bytes_.size()); }
  std::string unit() const override { return "token"; }
  std::vector<std::int64_t> before_text() const override { return before_; }
  Cutting cutting() const { return cutting_; }
  bool composes() const { return composes_; }          ///< text is brought to Unicode's composed form first
  bool digits_apart() const { return digits_apart_; }  ///< each digit is a piece of its own before anything is cut

 private:
  struct Merge {
    std::int32_t rank = 0;  ///< 0 was learned first
    std::int32_t result = 0;
  };
  /// Where a word's tokens stand in a list of those of all words that have come.
  struct Range {
    std::uint32_t begin = 0, length = 0;
  };
  /// Words that have come, with their tokens: most come again and again.
  struct Known {
    WordTable<Range> words;
    std::vector<std::int32_t> tokens;
  };

  void read_steps(const JsonEntry& file);
  void read_cutter(const JsonEntry& step);
  void read_pattern(const JsonEntry& step);
  void read_post_processor(const JsonEntry& step);
  void read_template(const JsonEntry& step);
  void read_vocabulary(const JsonEntry& model);
  void read_merges(const JsonEntry& list);
  void read_added_tokens(const JsonEntry& list);

  void encode_around(std::string_view text, std::size_t stage, Known& known, std::vector<std::int64_t>& tokens) const;
  void encode_plain(std::string_view text, Known& known, std::vector<std::int64_t>& tokens) const;
  void encode_word(std::string_view word, std::vector<std::int32_t>& tokens) const;
  bool first_tokens(std::string_view word, std::vector<std::int32_t>& tokens) const;
  void join_short(std::vector<std::int32_t>& tokens, std::size_t begin) const;
  void join_long(std::vector<std::int32_t>& tokens, std::size_t begin) const;

  std::unordered_map<std::string, std::int64_t> numbers_;  ///< by the token as tokenizer.json writes it
  std::vector<std::string> bytes_;                         ///< by token number
  std::array<std::int64_t, 256> byte_tokens_{};            ///< -1 for a byte that has none
  std::int64_t unknown_ = -1;                              ///< stands for such a byte; -1 leaves it out
  bool joins_unknown_ = false;                             ///< one for a row of them
  PairTable<Merge> merges_;                                ///< by pair_key()
  std::array<AddedTokens, 2> added_;                       ///< those looked for first, and those looked for after them
  bool space_before_ = false;                              ///< a space is put before a text that has none
  Cutting cutting_ = Cutting::gpt2;
  bool digits_apart_ = false;
  bool composes_ = false;
  std::vector<std::int64_t> before_;  ///< what stands before every text
  bool whole_words_ = false;          ///< a word that is a token is not built from merges
};

}  // namespace verse
