#include "10_subwords/subwords.h"

#include <algorithm>
#include <cmath>

#include "10_subwords/given/unicode_classes.h"
#include "common/base/error.h"

namespace verse {

std::size_t contraction_at(std::u32string_view text) {
  for (const std::u32string_view each : {U"'s", U"'t", U"'m", U"'d", U"'re", U"'ve", U"'ll"}) {
    if (text.substr(0, each.size()) == each) return each.size();
  }
  return 0;
}

std::vector<std::u32string> cut_text(std::u32string_view text) {
  std::vector<std::u32string> words;
  //! [10.1]
  for (std::size_t begin = 0; begin < text.size();) {
    std::size_t end = begin + contraction_at(text.substr(begin));
    if (end == begin) {
      // What follows at most one space decides what the word is made of.
      const bool space = text[begin] == U' ' && begin + 1 < text.size();
      end = begin + (space ? 1 : 0);
      CharacterClass kind = class_of(text[end]);
      if (kind == CharacterClass::space) {
        end = begin;
        kind = class_of(text[begin]);
      }
      while (end < text.size() && class_of(text[end]) == kind) ++end;
      // The last of several spaces belongs to what follows.
      if (kind == CharacterClass::space && end < text.size() && end - begin > 1) --end;
    }
    words.emplace_back(text.substr(begin, end - begin));
    begin = end;
  }
  //! [10.1]
  return words;
}

PairCounts count_weighted_pairs(const std::vector<WeightedWord>& words) {
  PairCounts counts;
  //! [10.2]
  for (const WeightedWord& word : words) {
    for (std::size_t i = 0; i + 1 < word.tokens.size(); ++i) {
      counts[{word.tokens[i], word.tokens[i + 1]}] += word.weight;
    }
  }
  //! [10.2]
  return counts;
}

TokenPair most_frequent(const PairCounts& counts) {
  //! [10.3]
  // A map is in the order of its keys, and of equal counts max_element() takes the first.
  return std::max_element(counts.begin(), counts.end(),
                          [](const auto& a, const auto& b) { return a.second < b.second; })
      ->first;
  //! [10.3]
}

void merge_in_words(std::vector<WeightedWord>& words, TokenPair pair, std::int64_t made) {
  //! [10.4]
  for (WeightedWord& word : words) {
    std::vector<std::int64_t> joined;
    for (std::size_t i = 0; i < word.tokens.size(); ++i) {
      const bool here = i + 1 < word.tokens.size() && word.tokens[i] == pair.first && word.tokens[i + 1] == pair.second;
      joined.push_back(here ? made : word.tokens[i]);
      if (here) ++i;
    }
    word.tokens = std::move(joined);
  }
  //! [10.4]
}

std::int64_t number_of(const std::string& bytes, std::vector<std::string>& tokens) {
  const auto found = std::find(tokens.begin(), tokens.end(), bytes);
  const auto number = static_cast<std::int64_t>(found - tokens.begin());
  if (found == tokens.end()) tokens.push_back(bytes);
  return number;
}

std::vector<TokenPair> learn_merges(std::vector<WeightedWord> words, std::vector<std::string>& tokens,
                                    std::int64_t vocabulary) {
  std::vector<TokenPair> merges;
  //! [10.5]
  while (static_cast<std::int64_t>(tokens.size()) < vocabulary) {
    const PairCounts counts = count_weighted_pairs(words);
    if (counts.empty()) break;
    const TokenPair pair = most_frequent(counts);
    const std::string bytes =
        tokens[static_cast<std::size_t>(pair.first)] + tokens[static_cast<std::size_t>(pair.second)];
    merge_in_words(words, pair, number_of(bytes, tokens));
    merges.push_back(pair);
  }
  //! [10.5]
  return merges;
}

void merge_and_update(std::vector<WeightedWord>& words, PairCounts& counts, TokenPair pair, std::int64_t made) {
  //! [10.6]
  for (WeightedWord& word : words) {
    std::vector<WeightedWord> alone = {word};
    const PairCounts before = count_weighted_pairs(alone);
    if (before.count(pair) == 0) continue;
    // All pairs of the word go, and those that it has afterwards come.
    merge_in_words(alone, pair, made);
    for (const auto& [each, count] : before) counts[each] -= count;
    for (const auto& [each, count] : count_weighted_pairs(alone)) counts[each] += count;
    for (const auto& [each, count] : before) {
      if (counts[each] == 0) counts.erase(each);
    }
    word = alone.front();
  }
  //! [10.6]
}

std::vector<std::int64_t> encode_by_rank(std::vector<std::int64_t> tokens,
                                         const std::map<TokenPair, std::int64_t>& made_by) {
  //! [10.7]
  while (true) {
    std::size_t best = tokens.size();
    std::int64_t made = 0;
    for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
      const auto merge = made_by.find({tokens[i], tokens[i + 1]});
      if (merge == made_by.end() || (best < tokens.size() && merge->second >= made)) continue;
      best = i;
      made = merge->second;
    }
    if (best == tokens.size()) return tokens;
    tokens[best] = made;
    tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
  //! [10.7]
}

std::size_t whole_characters(std::string_view bytes) {
  //! [10.8]
  // Back to the byte that begins the last character: bytes that go on are 10xxxxxx.
  std::size_t begin = bytes.size();
  do {
    if (begin == 0) return 0;
    --begin;
  } while ((static_cast<unsigned char>(bytes[begin]) & 0xC0U) == 0x80U);
  // Its first bits say how long it is.
  const auto first = static_cast<unsigned char>(bytes[begin]);
  const std::size_t length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  return begin + length <= bytes.size() ? begin + length : begin;
  //! [10.8]
}

std::vector<TextPiece> split_at_special(std::string_view text, const std::vector<std::string>& special) {
  std::vector<TextPiece> pieces;
  //! [10.9]
  std::size_t begin = 0;  // of what has not been handed on
  for (std::size_t place = 0; place < text.size();) {
    std::size_t length = 0;
    for (const std::string& token : special) {
      if (token.size() > length && text.substr(place, token.size()) == token) length = token.size();
    }
    if (length == 0) {
      ++place;
      continue;
    }
    if (place > begin) pieces.push_back({std::string(text.substr(begin, place - begin)), false});
    pieces.push_back({std::string(text.substr(place, length)), true});
    begin = place = place + length;
  }
  if (begin < text.size()) pieces.push_back({std::string(text.substr(begin)), false});
  //! [10.9]
  return pieces;
}

double bits_per_byte(double nats, std::int64_t tokens, std::int64_t bytes) {
  //! [10.10]
  // The text's whole surprise, in bits, shared out among its bytes.
  return nats * static_cast<double>(tokens) / std::log(2.0) / static_cast<double>(bytes);
  //! [10.10]
}

}  // namespace verse
