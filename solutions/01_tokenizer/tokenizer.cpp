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
  // Bytes become characters first: in UTF-8 a character takes one to four bytes.
  const std::u32string characters = decode_utf8(text);

  // A set keeps each character once, in ascending order.
  const std::set<char32_t> different(characters.begin(), characters.end());
  return {different.begin(), different.end()};
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
  const std::u32string characters = decode_utf8(text);
  std::vector<std::int64_t> tokens;
  tokens.reserve(characters.size());
  std::set<char32_t> unknown;
  std::size_t first_unknown = 0;  // counted from 1

  // The vocabulary is sorted, so a binary search finds a character's place in
  // it, and that place is its token.
  for (std::size_t i = 0; i < characters.size(); ++i) {
    const auto place = std::lower_bound(vocabulary_.begin(), vocabulary_.end(), characters[i]);
    if (place != vocabulary_.end() && *place == characters[i]) {
      tokens.push_back(place - vocabulary_.begin());
    } else {
      if (unknown.empty()) first_unknown = i + 1;
      unknown.insert(characters[i]);
    }
  }

  // All unknown characters are named at once: whoever mends a text wants to
  // mend it once.
  if (!unknown.empty()) throw UsageError(describe_unknown(unknown, first_unknown, size()));
  return tokens;
  //! [1.2]
}

std::string Tokenizer::decode(const std::vector<std::int64_t>& tokens) const {
  //! [1.3]
  // Each token is a place in the vocabulary; at() refuses a place that does
  // not exist, negative ones included.
  std::u32string characters;
  characters.reserve(tokens.size());
  for (const std::int64_t token : tokens) {
    characters.push_back(vocabulary_.at(static_cast<std::size_t>(token)));
  }
  return encode_utf8(characters);
  //! [1.3]
}

torch::Tensor Tokenizer::encode_tensor(std::string_view text) const {
  return torch::tensor(encode(text), torch::kInt64);
}

torch::Tensor count_pairs(const torch::Tensor& tokens, std::int64_t vocabulary_size) {
  //! [1.4]
  // The text beside itself, one character later: now[i] and next[i] are
  // neighbours.
  const torch::Tensor now = tokens.slice(0, 0, -1);  // [characters - 1]
  const torch::Tensor next = tokens.slice(0, 1);     // [characters - 1]

  // Pair (a, b) gets the number a * vocabulary_size + b, its place in a table
  // that is written row after row.
  const torch::Tensor pairs = now * vocabulary_size + next;
  const std::int64_t possible = vocabulary_size * vocabulary_size;
  return torch::bincount(pairs, {}, possible).view({vocabulary_size, vocabulary_size});
  //! [1.4]
}

Coverage measure_coverage(const torch::Tensor& tokens, std::int64_t vocabulary_size) {
  //! [1.5]
  Coverage coverage;
  coverage.vocabulary_size = vocabulary_size;
  coverage.characters = tokens.size(0);
  coverage.pairs_possible = vocabulary_size * vocabulary_size;

  // A pair has been seen when its count is not zero, however large it is.
  const torch::Tensor counts = count_pairs(tokens, vocabulary_size);
  coverage.pairs_seen = counts.count_nonzero().item<std::int64_t>();
  coverage.characters_per_pair =
      static_cast<double>(coverage.characters) / static_cast<double>(coverage.pairs_possible);
  return coverage;
  //! [1.5]
}

double mean_negative_log_likelihood(const torch::Tensor& probabilities) {
  //! [1.6]
  // Natural logarithm, and the mean, so that texts of different lengths can be
  // compared.
  return -probabilities.to(torch::kFloat64).log().mean().item<double>();
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
  // Every pair is credited with `smoothing` occurrences, so that none is
  // thought impossible.
  const torch::Tensor weights = counts.to(torch::kFloat64) + smoothing;

  // A row belongs to one character now; what may come next shares that row's
  // total.
  return weights / weights.sum(1, /*keepdim=*/true);
  //! [1.7]
}

double pair_model_loss(const torch::Tensor& probabilities, const torch::Tensor& tokens) {
  //! [1.8]
  // Look up what the model gave to each character that did come, and take the
  // loss of that.
  const torch::Tensor now = tokens.slice(0, 0, -1);              // [characters - 1]
  const torch::Tensor next = tokens.slice(0, 1);                 // [characters - 1]
  const torch::Tensor given = probabilities.index({now, next});  // [characters - 1]
  return mean_negative_log_likelihood(given);
  //! [1.8]
}

std::vector<std::int64_t> sample_pairs(const torch::Tensor& probabilities, std::int64_t first, std::int64_t count,
                                       Random& random) {
  //! [1.9]
  // Running totals turn a row into a ruler from 0 to 1, on which each token
  // owns a stretch as long as it is probable. [vocabulary, vocabulary]
  const torch::Tensor totals = probabilities.to(torch::kFloat64).cumsum(1).contiguous();
  const std::int64_t vocabulary_size = totals.size(1);

  // A uniform number falls into one of the stretches; the last token takes what
  // rounding leaves over.
  std::vector<std::int64_t> tokens;
  std::int64_t now = first;
  for (std::int64_t i = 0; i < count; ++i) {
    const double* row = totals.data_ptr<double>() + now * vocabulary_size;
    now = std::upper_bound(row, row + vocabulary_size - 1, random.uniform()) - row;
    tokens.push_back(now);
  }
  return tokens;
  //! [1.9]
}

std::pair<std::int64_t, std::int64_t> most_frequent_pair(const std::vector<std::int64_t>& tokens) {
  if (tokens.size() < 2) throw std::invalid_argument("a pair needs two tokens");
  //! [1.10]
  std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> counts;
  for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
    ++counts[{tokens[i], tokens[i + 1]}];
  }

  // The map is in ascending order and max_element gives the first of equals:
  // the smallest of the most frequent pairs.
  const auto rarer = [](const auto& left, const auto& right) { return left.second < right.second; };
  return std::max_element(counts.begin(), counts.end(), rarer)->first;
  //! [1.10]
}

std::vector<std::int64_t> merge_pair(const std::vector<std::int64_t>& tokens,
                                     std::pair<std::int64_t, std::int64_t> pair, std::int64_t new_token) {
  //! [1.11]
  std::vector<std::int64_t> merged;
  merged.reserve(tokens.size());
  std::size_t i = 0;
  while (i < tokens.size()) {
    // Where the pair stands, both of its tokens are used up, so that
    // occurrences cannot overlap.
    const bool has_next = i + 1 < tokens.size();
    if (has_next && tokens[i] == pair.first && tokens[i + 1] == pair.second) {
      merged.push_back(new_token);
      i += 2;
    } else {
      merged.push_back(tokens[i]);
      i += 1;
    }
  }
  return merged;
  //! [1.11]
}

}  // namespace verse
