#pragma once

/// @file
/// Chapter 1: byte-pair merges learned one after the other, fast enough for thousands of them. Given, not an exercise.

#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

namespace verse {

/// One merge: the pair of tokens that it replaced, and how many occurrences the pair had.
struct Merge {
  std::pair<std::int64_t, std::int64_t> pair;
  std::int64_t occurrences = 0;
};

/// The sizes of vocabulary at which merging is looked at: the alphabet, the powers of two above it, and the largest.
std::vector<std::int64_t> vocabulary_stations(std::int64_t alphabet, std::int64_t largest);

/// Learns merges from a text: what most_frequent_pair() and merge_pair() do in turn, without counting everything anew
/// each time.
///
/// A merge changes only the neighbours of the places where the pair stood, so the counts are kept and corrected there.
class MergeLearner {
 public:
  /// @param tokens the text @param vocabulary_size the number of the first token that a merge will make
  MergeLearner(std::vector<std::int64_t> tokens, std::int64_t vocabulary_size);

  /// Merges the most frequent pair (of several, the smallest) into a new token and writes the merge down.
  /// @return false, with nothing changed, where no pair occurs twice
  bool step();

  const std::vector<std::int64_t>& tokens() const { return tokens_; }
  std::int64_t vocabulary_size() const { return vocabulary_size_; }
  const std::vector<Merge>& merges() const { return merges_; }

 private:
  using Pair = std::pair<std::int64_t, std::int64_t>;

  void correct(const Pair& pair, std::int64_t difference);

  std::vector<std::int64_t> tokens_;
  std::int64_t vocabulary_size_;
  std::vector<Merge> merges_;
  std::map<Pair, std::int64_t> counts_;
  std::set<std::pair<std::int64_t, Pair>> ranking_;  ///< (-count, pair): the most frequent first, then the smallest
};

}  // namespace verse
