#pragma once

/// @file
/// Tokens that a text names by their own spelling, such as <|endoftext|>.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace verse {

/// The most bytes that such a token may have. Looking for them takes at most so many steps at each place of a text.
inline constexpr std::size_t kLongestAddedToken = 1000;

/// Spellings in a tree, a byte a branch: all of them are looked for at once, however many there are.
class AddedTokens {
 public:
  /// @param spelling not empty, and of at most kLongestAddedToken bytes
  void add(std::string_view spelling, std::int64_t number);

  bool empty() const { return numbers_.size() == 1; }

  /// A token found at the beginning of a text.
  struct Found {
    std::int64_t number;
    std::size_t length;  ///< in bytes
  };

  /// The longest one that a text begins with.
  std::optional<Found> at_beginning(std::string_view text) const;

 private:
  static constexpr std::int64_t kNone = -1;

  std::unordered_map<std::uint64_t, std::uint32_t> branches_;  ///< by node and byte
  std::vector<std::int64_t> numbers_{kNone};                   ///< by node; the first is the root
};

}  // namespace verse
