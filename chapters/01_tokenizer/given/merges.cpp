#include "01_tokenizer/given/merges.h"

#include <cstddef>
#include <utility>

namespace verse {

std::vector<std::int64_t> vocabulary_stations(std::int64_t alphabet, std::int64_t largest) {
  std::vector<std::int64_t> stations = {alphabet};
  for (std::int64_t power = 1; power < largest; power *= 2) {
    if (power > alphabet) stations.push_back(power);
  }
  if (largest > alphabet) stations.push_back(largest);
  return stations;
}

MergeLearner::MergeLearner(std::vector<std::int64_t> tokens, std::int64_t vocabulary_size)
    : tokens_(std::move(tokens)), vocabulary_size_(vocabulary_size) {
  for (std::size_t i = 0; i + 1 < tokens_.size(); ++i) ++counts_[{tokens_[i], tokens_[i + 1]}];
  for (const auto& [pair, count] : counts_) ranking_.insert({-count, pair});
}

bool MergeLearner::step() {
  if (ranking_.empty() || -ranking_.begin()->first < 2) return false;
  const auto [negative_count, pair] = *ranking_.begin();
  merges_.push_back({pair, -negative_count});
  const std::int64_t new_token = vocabulary_size_++;

  //! [corrections]
  // What has been written and what is still to be read are one text at every
  // moment; the counts are always its counts.
  std::map<Pair, std::int64_t> changes;
  std::vector<std::int64_t> merged;
  merged.reserve(tokens_.size());
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    const bool has_next = i + 1 < tokens_.size();
    if (!has_next || Pair(tokens_[i], tokens_[i + 1]) != pair) {
      merged.push_back(tokens_[i]);
      continue;
    }
    --changes[pair];
    if (!merged.empty()) {
      --changes[{merged.back(), pair.first}];
      ++changes[{merged.back(), new_token}];
    }
    if (i + 2 < tokens_.size()) {
      --changes[{pair.second, tokens_[i + 2]}];
      ++changes[{new_token, tokens_[i + 2]}];
    }
    merged.push_back(new_token);
    ++i;
  }
  tokens_ = std::move(merged);
  for (const auto& [changed, difference] : changes) {
    correct(changed, difference);
  }
  //! [corrections]
  return true;
}

void MergeLearner::correct(const Pair& pair, std::int64_t difference) {
  const std::int64_t before = counts_[pair];
  const std::int64_t after = before + difference;
  if (before > 0) ranking_.erase({-before, pair});
  if (after > 0) ranking_.insert({-after, pair});
  if (after > 0) {
    counts_[pair] = after;
  } else {
    counts_.erase(pair);
  }
}

}  // namespace verse
