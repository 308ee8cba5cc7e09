#include "01_tokenizer/tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <stdexcept>

#include "common/base/error.h"
#include "common/base/text.h"

namespace verse {

namespace {

/// The message for characters that have no token. @param first the first one's place in the text, counted from 1
std::string describe_unknown(const std::set<char32_t>& unknown, std::size_t first, std::int64_t vocabulary_size) {
  constexpr std::size_t most_shown = 20;
  std::string list;
  std::size_t shown = 0;
  for (const char32_t character : unknown) {
    if (shown == most_shown) break;
    list += (shown++ == 0 ? "" : ", ") + show_character(character);
  }
  if (unknown.size() > most_shown) list += fmt::format(" and {} more", unknown.size() - most_shown);
  return fmt::format("not among the {} characters of the vocabulary: {} (the first at character {} of the text)",
                     vocabulary_size, list, first);
}

}  // namespace

std::vector<char32_t> build_vocabulary(std::string_view text) {
  //! [1.1]
  // Exercise 1.1. Read "Characters and their numbers" in README.md, then replace the next line; make hint-1.1 helps.
  throw NotImplemented("1.1");
  //! [1.1]
}

Tokenizer::Tokenizer(std::vector<char32_t> vocabulary) : vocabulary_(std::move(vocabulary)) {
  const auto not_ascending = [](char32_t left, char32_t right) { return left >= right; };
  if (std::adjacent_find(vocabulary_.begin(), vocabulary_.end(), not_ascending) != vocabulary_.end()) {
    throw std::invalid_argument("a vocabulary is in ascending order, each character once");
  }
}

Tokenizer Tokenizer::from_text(std::string_view text) {
  return Tokenizer(build_vocabulary(text));
}

std::vector<std::int64_t> Tokenizer::encode(std::string_view text) const {
  //! [1.2]
  // Exercise 1.2: Encode. Read "There and back" in README.md, then replace the next line; make hint-1.2 helps.
  // New here: std::lower_bound(first, last, value)
  //   does: an iterator to the first element of a sorted range that is not below `value`, or `last`
  throw NotImplemented("1.2");
  //! [1.2]
}

std::string Tokenizer::decode(const std::vector<std::int64_t>& tokens) const {
  //! [1.3]
  // Exercise 1.3: Decode. Read "There and back" in README.md, then replace the next line; make hint-1.3 helps.
  throw NotImplemented("1.3");
  //! [1.3]
}

torch::Tensor Tokenizer::encode_tensor(std::string_view text) const {
  return torch::tensor(encode(text), torch::kInt64);
}

torch::Tensor count_pairs(const torch::Tensor& tokens, std::int64_t vocabulary_size) {
  //! [1.4]
  // Exercise 1.4: Count the pairs. Read "Pairs" in README.md, then replace the next line; make hint-1.4 helps.
  throw NotImplemented("1.4");
  //! [1.4]
}

Coverage measure_coverage(const torch::Tensor& tokens, std::int64_t vocabulary_size) {
  //! [1.5]
  // Exercise 1.5. Read "How much text is enough?" in README.md, then replace the next line; make hint-1.5 helps.
  throw NotImplemented("1.5");
  //! [1.5]
}

double mean_negative_log_likelihood(const torch::Tensor& probabilities) {
  //! [1.6]
  // Exercise 1.6: What a loss is. Read "What a loss is" in README.md, then replace the next line; make hint-1.6 helps.
  throw NotImplemented("1.6");
  //! [1.6]
}

//! [units]
double nats_to_bits(double nats) {
  return nats / std::log(2.0);
}

double perplexity(double nats) {
  return std::exp(nats);
}
//! [units]

torch::Tensor pair_probabilities(const torch::Tensor& counts, double smoothing) {
  //! [1.7]
  // Exercise 1.7. Read "The pair model" in README.md, then replace the next line; make hint-1.7 helps.
  throw NotImplemented("1.7");
  //! [1.7]
}

double pair_model_loss(const torch::Tensor& probabilities, const torch::Tensor& tokens) {
  //! [1.8]
  // Exercise 1.8. Read "The pair model" in README.md, then replace the next line; make hint-1.8 helps.
  throw NotImplemented("1.8");
  //! [1.8]
}

std::vector<std::int64_t> sample_pairs(const torch::Tensor& probabilities, std::int64_t first, std::int64_t count,
                                       Random& random) {
  //! [1.9]
  // Exercise 1.9. Read "Letting it talk" in README.md, then replace the next line; make hint-1.9 helps.
  throw NotImplemented("1.9");
  //! [1.9]
}

std::pair<std::int64_t, std::int64_t> most_frequent_pair(const std::vector<std::int64_t>& tokens) {
  if (tokens.size() < 2) throw std::invalid_argument("a pair needs two tokens");
  //! [1.10]
  // Exercise 1.10. Read "Larger tokens" in README.md, then replace the next line; make hint-1.10 helps.
  // New here: std::max_element(first, last, less)
  //   does: an iterator to the largest element by `less`; of equals the first
  throw NotImplemented("1.10");
  //! [1.10]
}

std::vector<std::int64_t> merge_pair(const std::vector<std::int64_t>& tokens,
                                     std::pair<std::int64_t, std::int64_t> pair, std::int64_t new_token) {
  //! [1.11]
  // Exercise 1.11: One merge. Read "Larger tokens" in README.md, then replace the next line; make hint-1.11 helps.
  throw NotImplemented("1.11");
  //! [1.11]
}

}  // namespace verse
