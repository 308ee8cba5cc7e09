#pragma once

/// @file
/// Training of byte-level byte-pair encoding, fast: the merges and numbers of Hugging Face's `tokenizers`.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "10_subwords/given/tables.h"
#include "10_subwords/given/word_cutter.h"

namespace verse {

/// How a tokenizer is to be trained.
struct PairTrainingOptions {
  std::int64_t vocabulary = 1024;  ///< tokens in all: special ones, the 256 bytes, and what merges make
  Cutting cutting = Cutting::gpt2;
  std::vector<std::string> special;  ///< tokens that text may name and that are never cut; they have the first numbers
  int threads = 1;
};

/// The distinct words of a text, or of several, and how often each occurs.
class WordCounts {
 public:
  explicit WordCounts(Cutting cutting, int threads = 1) : cutting_(cutting), threads_(threads) {}

  /// Counts a text's words. @throws UsageError where it is not UTF-8, with the byte's position
  void add(std::string_view text);

  /// Counts a file's words, reading a stretch at a time. @throws UsageError for a file that is missing, empty or not
  /// UTF-8; Interrupted
  void add_file(const std::filesystem::path& file);

  const std::vector<WordTable<std::int64_t>::Entry>& words() const { return table_.entries(); }
  std::int64_t bytes() const { return bytes_; }  ///< of all texts

 private:
  void count(std::string_view text);

  Cutting cutting_;
  int threads_;
  std::int64_t bytes_ = 0;
  WordTable<std::int64_t> table_;
};

/// What training has learned.
struct LearnedPairs {
  std::vector<std::string> tokens;  ///< each token's bytes, by its number; special ones as text names them
  std::size_t special = 0;          ///< of them, at the beginning
  std::vector<std::pair<std::int32_t, std::int32_t>> merges;  ///< in their order
};

/// Learns merges: again and again, of all neighbouring tokens within words, the pair that occurs most often becomes a
/// token; of several, the one whose numbers are smallest. Counts are corrected where a pair stood, and words are looked
/// at again only where they have it.
/// @param so_far is told now and then how many tokens there are @throws UsageError for a vocabulary that has no room
/// for the bytes and the special tokens, or for which the text has too few pairs; Interrupted
LearnedPairs learn_pairs(const WordCounts& words, const PairTrainingOptions& options,
                         const std::function<void(std::int64_t tokens)>& so_far = {});

/// Trains on one text that is at hand. @return a tokenizer.json's text @throws UsageError as learn_pairs()
std::string train_byte_pairs(std::string_view text, const PairTrainingOptions& options);

}  // namespace verse
