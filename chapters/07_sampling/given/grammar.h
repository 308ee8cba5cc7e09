#pragma once

/// @file
/// Chapter 7: a small grammar, and where a text stands in it. Given, not an exercise.

#include <bitset>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace verse {

/// Which texts are allowed, by rules of the form
///
///     # a sum of whole numbers
///     root   ::= number (" + " number)*
///     number ::= "0" | [1-9] [0-9]*
///
/// `root` is the whole text. A text stands between double quotation marks, with a backslash before
/// a quotation mark, a backslash, n (a line end) and t; `[...]` is one of some ASCII characters or ranges of them, with
/// a backslash before what would mean something else; `|` stands between alternatives, parentheses group,
/// and `*`, `+` and `?` behind an item mean any number of times, at least once, at most once. A rule ends where the
/// next begins; `#` begins a remark.
class TextGrammar {
 public:
  /// @param place the file's name, for messages
  /// @throws UsageError with place and line for what is no such grammar, for a rule that is not defined, for one that
  /// begins with itself, and for what is larger than anybody writes: a million bytes, 2,000 rules (each group and each
  /// repetition counts as one), 100 parentheses in one another.
  static std::shared_ptr<const TextGrammar> parse(std::string_view rules, const std::string& place);

  /// The same grammar for a vocabulary: what is not in the alphabet is never allowed, and neither is a beginning that
  /// could not be completed without it. @param alphabet bytes @throws UsageError where no text is left
  std::shared_ptr<const TextGrammar> restricted_to(const std::string& alphabet) const;

  /// What stands at one place of a rule: a byte out of several, or another rule.
  struct Symbol {
    std::bitset<256> bytes;
    int rule = -1;  ///< -1: a byte
  };
  using Sequence = std::vector<Symbol>;

  const std::string& place() const { return place_; }

  const std::vector<Sequence>& alternatives(int rule) const { return rules_[static_cast<std::size_t>(rule)]; }

  /// The fewest bytes that a symbol can become; kImpossible where it can become nothing.
  std::int64_t least(const Symbol& symbol) const;
  static constexpr std::int64_t kImpossible = 1'000'000'000;

 private:
  friend class TextGrammarReader;
  void measure();

  std::vector<std::vector<Sequence>> rules_;  ///< each rule's alternatives; rule 0 is the root
  std::vector<std::int64_t> least_;           ///< of each rule
  std::string place_;
};

/// Where a text stands in a grammar, byte after byte: all the ways in which the grammar could have made it so far.
/// Copies are independent of each other.
class GrammarState {
 public:
  explicit GrammarState(std::shared_ptr<const TextGrammar> grammar);

  /// Goes on by one byte. @return whether the grammar allows it here; where it does not, nothing changes
  /// @throws UsageError where the rules that may come next can be opened in more than 100,000 ways, or have more than
  /// 10 million symbols to come in all of them together
  bool take(char byte);

  /// The fewest bytes with which the text is complete; 0 where it is.
  std::int64_t missing() const;

  /// Whether anything at all may follow.
  bool goes_on() const;

 private:
  /// A place in a rule: what is to come next is sequence[next].
  struct Place {
    const TextGrammar::Sequence* sequence;
    std::size_t next;
    auto operator<=>(const Place&) const = default;
  };
  using Stack = std::vector<Place>;  ///< the innermost rule last; empty where the text is complete

  std::vector<Stack> opened(std::vector<Stack> stacks) const;
  std::int64_t missing(const Stack& stack) const;

  std::shared_ptr<const TextGrammar> grammar_;
  std::vector<Stack> stacks_;  ///< each with a byte at its top, or empty; in order, each once
};

/// What a speech of a play is, in letters that tiny Shakespeare has; the same stands in grammars/speech.txt.
inline constexpr const char* kSpeechGrammar = R"(root    ::= speaker ":\n" line line?
speaker ::= "KING" | "QUEEN" | "FIRST " role | "SECOND " role
role    ::= "LORD" | "SERVANT" | "MURDERER"
line    ::= [A-Z] [a-z]* (" " [a-z]+)+ [.!?] "\n"
)";

}  // namespace verse
