#pragma once

/// @file
/// Chapter 10: byte-pair encoding, from cutting a text into words to the loss that compares vocabularies. These are the
/// clear forms; the fast ones, which give the same, are in given/.

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace verse {

/// A text's words by GPT-2's rule. (Exercise 10.1)
///
/// From left to right, a word is the first of these that fits: a contraction; a run of letters, of numbers or of other
/// characters, with the one space before it, if there is one; white space, of which the last character is left to what
/// follows, if there are several and something follows.
/// @return the words in order; side by side they are the text again
std::vector<std::u32string> cut_text(std::u32string_view text);

/// How many characters of an English contraction ('s, 't, 'm, 'd, 're, 've, 'll) a text begins with: 0 for none. Given,
/// not an exercise.
std::size_t contraction_at(std::u32string_view text);

/// Two neighbouring tokens.
using TokenPair = std::pair<std::int64_t, std::int64_t>;

/// A word as its tokens, and how often it occurs in the text.
struct WeightedWord {
  std::vector<std::int64_t> tokens;
  std::int64_t weight = 1;
};

/// How often each pair occurs.
using PairCounts = std::map<TokenPair, std::int64_t>;

/// How often each pair of neighbours occurs within words. (Exercise 10.2) Each place counts, also where two overlap: in
/// aaa there are two pairs of a and a.
/// @return no pair that does not occur
PairCounts count_weighted_pairs(const std::vector<WeightedWord>& words);

/// The pair that occurs most often; of several, the one with the smallest numbers, the left one first. (Exercise 10.3)
/// @param counts at least one
TokenPair most_frequent(const PairCounts& counts);

/// Joins a pair wherever it stands within a word, from the left and without overlap. (Exercise 10.4)
/// @param made the token that it becomes
void merge_in_words(std::vector<WeightedWord>& words, TokenPair pair, std::int64_t made);

/// The number of the token that stands for these bytes; where there is none, it is added at the end. Given, not an
/// exercise.
std::int64_t number_of(const std::string& bytes, std::vector<std::string>& tokens);

/// Training, the clear way: counts all pairs, joins the most frequent one, and begins anew, until there are
/// `vocabulary` tokens or no pair is left. (Exercise 10.5) Sennrich, Haddow and Birch 2016, section 3.2.
/// @param tokens each token's bytes by its number; those that are made come to the end. A pair whose bytes have a token
/// already becomes that one.
/// @return the pairs in the order in which they were joined
std::vector<TokenPair> learn_merges(std::vector<WeightedWord> words, std::vector<std::string>& tokens,
                                    std::int64_t vocabulary);

/// merge_in_words(), with counts that are right again afterwards, without counting everything anew. (Exercise 10.6)
/// @param counts of the words as they are, and perhaps of others that lie elsewhere, which do not have the pair;
/// afterwards what count_weighted_pairs() would say of them all
void merge_and_update(std::vector<WeightedWord>& words, PairCounts& counts, TokenPair pair, std::int64_t made);

/// Joins a word's tokens as training did: of all pairs that are there, the one learned first; of equal ones, the
/// leftmost. (Exercise 10.7)
/// @param tokens the word's bytes as tokens
/// @param made_by the token that a pair becomes, for each pair that was learned; what was learned earlier has a smaller
/// number
std::vector<std::int64_t> encode_by_rank(std::vector<std::int64_t> tokens,
                                         const std::map<TokenPair, std::int64_t>& made_by);

/// How many bytes of a text that is still arriving can be shown: all but those of a last character that is not whole
/// yet. (Exercise 10.8)
/// @param bytes the beginning of a text in UTF-8, which may break off anywhere
std::size_t whole_characters(std::string_view bytes);

/// A piece of a text: a special token, or what lies between two of them.
struct TextPiece {
  std::string text;
  bool special = false;
};

/// Takes a text apart at its special tokens, which are never cut. (Exercise 10.9) The one that begins first is taken;
/// of several that begin at one place, the longest.
/// @return the pieces in order, none of them empty
std::vector<TextPiece> split_at_special(std::string_view text, const std::vector<std::string>& special);

/// A loss that can be compared whatever the tokens are. (Exercise 10.10)
/// @param nats the mean loss a token, in nats @param tokens how many were predicted @param bytes that they stand for
/// @return bits a byte
double bits_per_byte(double nats, std::int64_t tokens, std::int64_t bytes);

}  // namespace verse
