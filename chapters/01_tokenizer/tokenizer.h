#pragma once

/// @file
/// Chapter 1: from text to numbers, and the simplest language model there is, a table of pairs.

#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/random.h"

namespace verse {

/// The characters that a text uses, sorted by code point and each listed once. (Exercise 1.1)
/// @param text UTF-8.
/// @throws UsageError where the text is not UTF-8, with the byte's position.
std::vector<char32_t> build_vocabulary(std::string_view text);

/// Turns text into token numbers and back, one token a character: token i is the i-th character of the vocabulary.
class Tokenizer {
 public:
  /// @param vocabulary the characters in ascending order of code point, each once.
  /// @throws std::invalid_argument where they are out of order.
  explicit Tokenizer(std::vector<char32_t> vocabulary);

  /// The tokenizer for a text's own vocabulary.
  static Tokenizer from_text(std::string_view text);

  /// Token numbers, one a character. (Exercise 1.2)
  /// @throws UsageError that names the characters outside the vocabulary (the first twenty of them), and where in the
  /// text the first one stands, in characters, counted from 1.
  std::vector<std::int64_t> encode(std::string_view text) const;

  /// The text that the tokens stand for, as UTF-8. (Exercise 1.3)
  /// @throws std::out_of_range for a number that is no token.
  std::string decode(const std::vector<std::int64_t>& tokens) const;

  /// encode() as a tensor. @return [characters], int64
  torch::Tensor encode_tensor(std::string_view text) const;

  std::int64_t size() const { return static_cast<std::int64_t>(vocabulary_.size()); }
  const std::vector<char32_t>& vocabulary() const { return vocabulary_; }

 private:
  std::vector<char32_t> vocabulary_;
};

/// How often token b comes right after token a. (Exercise 1.4)
/// @param tokens [characters], int64, each in [0, vocabulary_size)
/// @return [vocabulary_size, vocabulary_size], int64; row a, column b
torch::Tensor count_pairs(const torch::Tensor& tokens, std::int64_t vocabulary_size);

/// How well a text covers the pairs that its vocabulary could form.
struct Coverage {
  std::int64_t vocabulary_size = 0;
  std::int64_t characters = 0;
  std::int64_t pairs_possible = 0;  ///< vocabulary size squared
  std::int64_t pairs_seen = 0;      ///< different pairs that occur
  double characters_per_pair = 0;   ///< characters over pairs possible: the talk's heuristic asks for at least 1
};

/// Measures coverage of the given tokens. (Exercise 1.5) @param tokens [characters], int64
Coverage measure_coverage(const torch::Tensor& tokens, std::int64_t vocabulary_size);

/// The loss of a prediction, in nats: the mean of -ln p over the probabilities that were given to what came.
/// (Exercise 1.6)
/// @param probabilities [predictions], each in (0, 1]
double mean_negative_log_likelihood(const torch::Tensor& probabilities);

/// A loss in nats a token as bits a token. Given, not an exercise.
double nats_to_bits(double nats);

/// exp(loss): the number of equally likely choices that would be as hard to guess. Given, not an exercise.
double perplexity(double nats);

/// The counted pair model: P(next = b | now = a), with `smoothing` added to every count. (Exercise 1.7)
/// @param counts [vocabulary, vocabulary]
/// @param smoothing 1 is Laplace's; 0 leaves rows that never occur undefined (NaN)
/// @return [vocabulary, vocabulary], float64; each row sums to 1
torch::Tensor pair_probabilities(const torch::Tensor& counts, double smoothing);

/// The loss of a pair model on a text: the mean of -ln P(next | now) over its neighbouring pairs, in nats.
/// (Exercise 1.8)
/// @param probabilities [vocabulary, vocabulary] @param tokens [characters], int64
double pair_model_loss(const torch::Tensor& probabilities, const torch::Tensor& tokens);

/// Continues a text from its last token by drawing from the pair model's rows. (Exercise 1.9)
/// Each token takes one number from random.uniform(): the first token whose cumulative probability exceeds it is drawn.
/// @param probabilities [vocabulary, vocabulary] @param first the token before the first new one
/// @return `count` new tokens
std::vector<std::int64_t> sample_pairs(const torch::Tensor& probabilities, std::int64_t first, std::int64_t count,
                                       Random& random);

/// The pair of neighbours that occurs most often; of several, the smallest. (Exercise 1.10)
/// @throws std::invalid_argument for fewer than two tokens.
std::pair<std::int64_t, std::int64_t> most_frequent_pair(const std::vector<std::int64_t>& tokens);

/// Replaces each occurrence of the pair, from the left and without overlap, by one new token. (Exercise 1.11)
/// This is the single step that byte-pair encoding repeats (Sennrich, Haddow and Birch 2016, section 3.2).
std::vector<std::int64_t> merge_pair(const std::vector<std::int64_t>& tokens,
                                     std::pair<std::int64_t, std::int64_t> pair, std::int64_t new_token);

}  // namespace verse
