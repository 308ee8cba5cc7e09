#include "10_subwords/given/added_tokens.h"

namespace verse {

namespace {

std::uint64_t branch(std::uint32_t node, char byte) {
  return std::uint64_t{node} << 8U | static_cast<unsigned char>(byte);
}

}  // namespace

void AddedTokens::add(std::string_view spelling, std::int64_t number) {
  std::uint32_t node = 0;
  for (const char byte : spelling) {
    const auto [next, is_new] = branches_.try_emplace(branch(node, byte), static_cast<std::uint32_t>(numbers_.size()));
    if (is_new) numbers_.push_back(kNone);
    node = next->second;
  }
  // Of two with one spelling the first is meant.
  if (numbers_[node] == kNone) numbers_[node] = number;
}

std::optional<AddedTokens::Found> AddedTokens::at_beginning(std::string_view text) const {
  std::optional<Found> longest;
  std::uint32_t node = 0;
  for (std::size_t length = 0; length < text.size(); ++length) {
    const auto next = branches_.find(branch(node, text[length]));
    if (next == branches_.end()) break;
    node = next->second;
    if (numbers_[node] != kNone) longest = Found{numbers_[node], length + 1};
  }
  return longest;
}

}  // namespace verse
