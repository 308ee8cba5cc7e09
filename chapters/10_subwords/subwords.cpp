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
  // Exercise 10.1: Text to words. Read "Words first" in README.md, then replace the next line; make hint-10.1 helps.
  throw NotImplemented("10.1");
  //! [10.1]
  return words;
}

PairCounts count_weighted_pairs(const std::vector<WeightedWord>& words) {
  PairCounts counts;
  //! [10.2]
  // Exercise 10.2. Read "Counting and joining" in README.md, then replace the next line; make hint-10.2 helps.
  throw NotImplemented("10.2");
  //! [10.2]
  return counts;
}

TokenPair most_frequent(const PairCounts& counts) {
  //! [10.3]
  // Exercise 10.3. Read "Counting and joining" in README.md, then replace the next line; make hint-10.3 helps.
  throw NotImplemented("10.3");
  //! [10.3]
}

void merge_in_words(std::vector<WeightedWord>& words, TokenPair pair, std::int64_t made) {
  //! [10.4]
  // Exercise 10.4. Read "Counting and joining" in README.md, then replace the next line; make hint-10.4 helps.
  throw NotImplemented("10.4");
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
  // Exercise 10.5: Training. Read "Training" in README.md, then replace the next line; make hint-10.5 helps.
  throw NotImplemented("10.5");
  //! [10.5]
  return merges;
}

void merge_and_update(std::vector<WeightedWord>& words, PairCounts& counts, TokenPair pair, std::int64_t made) {
  //! [10.6]
  // Exercise 10.6. Read "Keeping the counts" in README.md, then replace the next line; make hint-10.6 helps.
  throw NotImplemented("10.6");
  //! [10.6]
}

std::vector<std::int64_t> encode_by_rank(std::vector<std::int64_t> tokens,
                                         const std::map<TokenPair, std::int64_t>& made_by) {
  //! [10.7]
  // Exercise 10.7: Encoding by rank. Read "Encoding" in README.md, then replace the next line; make hint-10.7 helps.
  throw NotImplemented("10.7");
  //! [10.7]
}

std::size_t whole_characters(std::string_view bytes) {
  //! [10.8]
  // Exercise 10.8. Read "Half a character" in README.md, then replace the next line; make hint-10.8 helps.
  throw NotImplemented("10.8");
  //! [10.8]
}

std::vector<TextPiece> split_at_special(std::string_view text, const std::vector<std::string>& special) {
  std::vector<TextPiece> pieces;
  //! [10.9]
  // Exercise 10.9. Read "Special tokens" in README.md, then replace the next line; make hint-10.9 helps.
  throw NotImplemented("10.9");
  //! [10.9]
  return pieces;
}

double bits_per_byte(double nats, std::int64_t tokens, std::int64_t bytes) {
  //! [10.10]
  // Exercise 10.10: Bits a byte. Read "Bits a byte" in README.md, then replace the next line; make hint-10.10 helps.
  throw NotImplemented("10.10");
  //! [10.10]
}

}  // namespace verse
