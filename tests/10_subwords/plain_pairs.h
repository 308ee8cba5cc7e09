#pragma once

/// @file
/// What the checks of chapter 10 need of its earlier exercises, written here once more: a check stands on nothing of
/// the learner's but what it checks.

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "10_subwords/subwords.h"

namespace verse {

inline PairCounts plain_counts(const std::vector<WeightedWord>& words) {
  PairCounts counts;
  for (const WeightedWord& word : words) {
    for (std::size_t i = 1; i < word.tokens.size(); ++i) counts[{word.tokens[i - 1], word.tokens[i]}] += word.weight;
  }
  return counts;
}

inline TokenPair plain_best(const PairCounts& counts) {
  auto best = counts.begin();
  for (auto each = counts.begin(); each != counts.end(); ++each) {
    if (each->second > best->second) best = each;
  }
  return best->first;
}

inline void plain_join(std::vector<WeightedWord>& words, TokenPair pair, std::int64_t made) {
  for (WeightedWord& word : words) {
    std::size_t written = 0;
    for (std::size_t i = 0; i < word.tokens.size(); ++written) {
      const bool here = i + 1 < word.tokens.size() && TokenPair{word.tokens[i], word.tokens[i + 1]} == pair;
      word.tokens[written] = here ? made : word.tokens[i];
      i += here ? 2 : 1;
    }
    word.tokens.resize(written);
  }
}

}  // namespace verse
