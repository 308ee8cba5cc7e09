#pragma once

/// @file
/// Byte-level byte-pair encoding, as GPT-2 reads text (Radford et al. 2019, section 2.2).

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "10_subwords/given/added_tokens.h"
#include "10_subwords/given/text_codec.h"
#include "common/base/json.h"

namespace verse {

/// Cuts text as GPT-2 does before any pairs are joined: words, numbers and runs of other characters, each with the
/// space before it; English contractions ('s, 'll and the like); what is left of the spaces. The pieces side by side
/// are the text again.
/// @throws UsageError for a text that is not UTF-8.
std::vector<std::string_view> cut_into_words(std::string_view text);

/// GPT-2's tokenizer. A word's bytes are the first tokens; then, of all neighbouring pairs, the one whose merge was
/// learned first becomes one token, and so on until none is left that was learned. Every text can be written, since
/// every byte can. The tokens are those of Hugging Face's `tokenizers`.
class BytePairCodec : public TextCodec {
 public:
  /// @param file a tokenizer.json
  /// @throws UsageError where an entry is missing, or it asks for something that GPT-2's tokenizer does not do.
  explicit BytePairCodec(const JsonEntry& file);

  std::vector<std::int64_t> encode(std::string_view text) const override;
  std::string bytes_of(std::int64_t token) const override;
  std::int64_t size() const override { return static_cast<std::int64_t>(bytes_.size()); }
  std::string unit() const override { return "token"; }

 private:
  struct Merge {
    std::int32_t rank = 0;  ///< 0 was learned first
    std::int32_t result = 0;
  };
  using Merges = std::unordered_map<std::uint64_t, Merge>;  ///< by a pair of tokens
  using Known = std::unordered_map<std::string, std::vector<std::int64_t>>;

  void read_vocabulary(const JsonEntry& model);
  void read_merges(const JsonEntry& list);
  void read_added_tokens(const JsonEntry& list);

  void encode_around(std::string_view text, std::size_t stage, Known& known, std::vector<std::int64_t>& tokens) const;
  void encode_plain(std::string_view text, Known& known, std::vector<std::int64_t>& tokens) const;
  std::vector<std::int64_t> encode_word(std::string_view word) const;

  std::unordered_map<std::string, std::int64_t> numbers_;  ///< by the token as tokenizer.json writes it
  std::vector<std::string> bytes_;                         ///< by token number
  std::array<std::int64_t, 256> byte_tokens_{};            ///< -1 for a byte that has none
  std::int64_t unknown_ = -1;                              ///< stands for such a byte; -1 leaves it out
  bool joins_unknown_ = false;                             ///< one for a row of them
  Merges merges_;
  std::array<AddedTokens, 2> added_;  ///< those looked for first, and those looked for after them
  bool space_before_ = false;         ///< a space is put before a text that has none
  bool cuts_ = true;                  ///< false joins pairs across words
  bool whole_words_ = false;          ///< a word that is a token is not built from merges
};

}  // namespace verse
