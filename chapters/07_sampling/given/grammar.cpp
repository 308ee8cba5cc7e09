#include "07_sampling/given/grammar.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <utility>

#include "common/base/error.h"

namespace verse {

namespace {

// A grammar may be a stranger's: what it takes to read and to follow it has bounds.
constexpr std::size_t kMostBytes = 1'000'000, kMostRules = 2000, kMostWays = 100'000;
constexpr std::size_t kMostSymbols = 10'000'000;  // looked at for all of these ways together
constexpr int kDeepest = 100;

}  // namespace

/// Reads the notation, from the first character to the last.
class TextGrammarReader {
 public:
  TextGrammarReader(std::string_view text, const std::string& place) : text_(text) { grammar_.place_ = place; }

  TextGrammar read() {
    if (text_.size() > kMostBytes)
      throw UsageError(fmt::format("{}: a grammar of at most {} bytes is read, not of {}", grammar_.place_, kMostBytes,
                                   text_.size()));
    rule_of("root");
    for (skip(); at_ < text_.size(); skip()) read_rule();
    for (const auto& [name, rule] : names_) {
      if (grammar_.rules_[static_cast<std::size_t>(rule)].empty()) {
        throw UsageError(fmt::format("{}: the rule {} is not defined", grammar_.place_, name));
      }
    }
    refuse_left_recursion();
    grammar_.measure();
    return std::move(grammar_);
  }

 private:
  [[noreturn]] void refuse(const std::string& expected) const {
    const auto line = 1 + std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(at_), '\n');
    const std::string found = at_ < text_.size() ? fmt::format("not '{}'", text_[at_]) : "but the text ends";
    throw UsageError(fmt::format("{}:{}: {} was expected here, {}", grammar_.place_, line, expected, found));
  }

  void skip() {
    while (at_ < text_.size() && (std::isspace(static_cast<unsigned char>(text_[at_])) != 0 || text_[at_] == '#')) {
      if (text_[at_] == '#') at_ = std::min(text_.find('\n', at_), text_.size());
      if (at_ < text_.size()) ++at_;
    }
  }

  bool next_is(std::string_view word) const { return text_.substr(at_, word.size()) == word; }

  static bool in_name(char letter) { return std::isalnum(static_cast<unsigned char>(letter)) != 0 || letter == '-'; }

  std::string read_name() {
    const std::size_t start = at_;
    while (at_ < text_.size() && in_name(text_[at_])) ++at_;
    if (at_ == start) refuse("a rule's name");
    return std::string(text_.substr(start, at_ - start));
  }

  /// Whether a name with ::= behind it stands here: the next rule.
  bool at_rule() {
    const std::size_t start = at_;
    while (at_ < text_.size() && in_name(text_[at_])) ++at_;
    const bool named = at_ > start;
    skip();
    const bool rule = named && next_is("::=");
    at_ = start;
    return rule;
  }

  int rule_of(const std::string& name) {
    const auto [found, is_new] = names_.emplace(name, static_cast<int>(grammar_.rules_.size()));
    if (is_new) add_rule({});
    return found->second;
  }

  int add_rule(std::vector<TextGrammar::Sequence> alternatives) {
    if (grammar_.rules_.size() == kMostRules) refuse(fmt::format("no rule, group or repetition after {}", kMostRules));
    grammar_.rules_.push_back(std::move(alternatives));
    return static_cast<int>(grammar_.rules_.size()) - 1;
  }

  void read_rule() {
    const std::string name = read_name();
    const int rule = rule_of(name);
    skip();
    if (!next_is("::=")) refuse("::=");
    at_ += 3;
    if (!grammar_.rules_[static_cast<std::size_t>(rule)].empty()) refuse(fmt::format("another name than {}", name));
    auto alternatives = read_alternatives();
    grammar_.rules_[static_cast<std::size_t>(rule)] = std::move(alternatives);
  }

  std::vector<TextGrammar::Sequence> read_alternatives() {
    std::vector<TextGrammar::Sequence> alternatives = {read_sequence()};
    while (next_is("|")) {
      ++at_;
      alternatives.push_back(read_sequence());
    }
    return alternatives;
  }

  TextGrammar::Sequence read_sequence() {
    TextGrammar::Sequence sequence;
    for (skip(); at_ < text_.size() && !next_is("|") && !next_is(")") && !at_rule(); skip()) {
      const std::size_t first = sequence.size();
      read_item(sequence);
      repeat(sequence, first);
    }
    return sequence;
  }

  void read_item(TextGrammar::Sequence& sequence) {
    if (next_is("\"")) {
      ++at_;
      while (!next_is("\"")) {
        TextGrammar::Symbol symbol;
        symbol.bytes.set(static_cast<unsigned char>(read_character("the closing \"")));
        sequence.push_back(symbol);
      }
      ++at_;
    } else if (next_is("[")) {
      sequence.push_back(read_class());
    } else if (next_is("(")) {
      if (depth_ == kDeepest) refuse(fmt::format("no parenthesis inside of {} others", kDeepest));
      ++depth_;
      ++at_;
      auto inside = read_alternatives();
      if (!next_is(")")) refuse(")");
      ++at_;
      --depth_;
      sequence.push_back({{}, add_rule(std::move(inside))});
    } else if (in_name(text_[at_])) {
      sequence.push_back({{}, rule_of(read_name())});
    } else {
      refuse("a text, a class, a group or a rule's name");
    }
  }

  char read_character(const std::string& expected) {
    if (at_ >= text_.size()) refuse(expected);
    const char letter = text_[at_++];
    if (letter != '\\') return letter;
    if (at_ >= text_.size()) refuse("a character after \\");
    const char escaped = text_[at_++];
    return escaped == 'n' ? '\n' : escaped == 't' ? '\t' : escaped;
  }

  TextGrammar::Symbol read_class() {
    TextGrammar::Symbol symbol;
    ++at_;
    while (!next_is("]")) {
      const auto first = static_cast<unsigned char>(read_character("the closing ]"));
      auto last = first;
      if (next_is("-") && at_ + 1 < text_.size() && text_[at_ + 1] != ']') {
        ++at_;
        last = static_cast<unsigned char>(read_character("the end of the range"));
      }
      if (first >= 0x80 || last >= 0x80 || last < first) refuse("a range of ASCII characters");
      for (int byte = first; byte <= last; ++byte) symbol.bytes.set(static_cast<std::size_t>(byte));
    }
    ++at_;
    if (symbol.bytes.none()) refuse("a class with a character in it");
    return symbol;
  }

  /// Makes a rule of the item that begins at `first` where *, + or ? stands behind it.
  void repeat(TextGrammar::Sequence& sequence, std::size_t first) {
    if (!next_is("*") && !next_is("+") && !next_is("?")) return;
    const char how = text_[at_++];
    const TextGrammar::Sequence item(sequence.begin() + static_cast<std::ptrdiff_t>(first), sequence.end());
    sequence.resize(first);
    const int rule = add_rule({});
    TextGrammar::Sequence again = item;
    if (how != '?') again.push_back({{}, rule});
    grammar_.rules_[static_cast<std::size_t>(rule)] = {again, {}};
    if (how == '+') sequence.insert(sequence.end(), item.begin(), item.end());
    sequence.push_back({{}, rule});
  }

  /// A rule that comes back to itself before any byte would be opened without end.
  void refuse_left_recursion() const {
    const std::size_t count = grammar_.rules_.size();
    std::vector<bool> may_be_empty(count, false);
    const auto vanishes = [&](const TextGrammar::Symbol& symbol) {
      return symbol.rule >= 0 && may_be_empty[static_cast<std::size_t>(symbol.rule)];
    };
    for (bool changed = true; changed;) {
      changed = false;
      for (std::size_t rule = 0; rule < count; ++rule) {
        for (const auto& sequence : grammar_.rules_[rule]) {
          if (may_be_empty[rule] || !std::all_of(sequence.begin(), sequence.end(), vanishes)) continue;
          may_be_empty[rule] = changed = true;
        }
      }
    }
    std::vector<int> state(count, 0);  // 1: being looked at, 2: done
    // A rule is done when all that it can begin with is; until then it stands in a list of its own, not on the stack.
    struct Look {
      int rule;
      std::vector<int> beginnings;
    };
    std::vector<Look> looks;
    const auto look_at = [&](int rule) {
      auto& here = state[static_cast<std::size_t>(rule)];
      if (here == 2) return;
      if (here == 1) throw UsageError(fmt::format("{}: a rule begins with itself{}", grammar_.place_, named(rule)));
      here = 1;
      looks.push_back({rule, {}});
      for (const auto& sequence : grammar_.rules_[static_cast<std::size_t>(rule)]) {
        for (const auto& symbol : sequence) {
          if (symbol.rule >= 0) looks.back().beginnings.push_back(symbol.rule);
          if (!vanishes(symbol)) break;
        }
      }
    };
    for (std::size_t rule = 0; rule < count; ++rule) {
      look_at(static_cast<int>(rule));
      while (!looks.empty()) {
        Look& last = looks.back();
        if (last.beginnings.empty()) {
          state[static_cast<std::size_t>(last.rule)] = 2;
          looks.pop_back();
        } else {
          const int next = last.beginnings.back();
          last.beginnings.pop_back();
          look_at(next);
        }
      }
    }
  }

  std::string named(int rule) const {
    for (const auto& [name, number] : names_) {
      if (number == rule) return ": " + name;
    }
    return " inside of *, + or parentheses";
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;  ///< parentheses that are open
  TextGrammar grammar_;
  std::map<std::string, int> names_;
};

std::shared_ptr<const TextGrammar> TextGrammar::parse(std::string_view rules, const std::string& place) {
  return std::make_shared<const TextGrammar>(TextGrammarReader(rules, place).read());
}

std::shared_ptr<const TextGrammar> TextGrammar::restricted_to(const std::string& alphabet) const {
  std::bitset<256> known;
  for (const char byte : alphabet) known.set(static_cast<unsigned char>(byte));
  auto grammar = std::make_shared<TextGrammar>(*this);
  for (auto& rule : grammar->rules_) {
    for (auto& sequence : rule) {
      for (auto& symbol : sequence) symbol.bytes &= known;
    }
  }
  grammar->measure();
  if (grammar->least_[0] >= kImpossible) {
    throw UsageError(fmt::format("{}: no text of this grammar can be written with the model's characters", place_));
  }
  return grammar;
}

std::int64_t TextGrammar::least(const Symbol& symbol) const {
  if (symbol.rule >= 0) return least_[static_cast<std::size_t>(symbol.rule)];
  return symbol.bytes.any() ? 1 : kImpossible;
}

void TextGrammar::measure() {
  // From "impossible" down, until nothing gets shorter.
  least_.assign(rules_.size(), kImpossible);
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t rule = 0; rule < rules_.size(); ++rule) {
      for (const auto& sequence : rules_[rule]) {
        std::int64_t sum = 0;
        for (const auto& symbol : sequence) sum = std::min(kImpossible, sum + least(symbol));
        if (sum >= least_[rule]) continue;
        least_[rule] = sum;
        changed = true;
      }
    }
  }
}

GrammarState::GrammarState(std::shared_ptr<const TextGrammar> grammar) : grammar_(std::move(grammar)) {
  std::vector<Stack> roots;
  for (const auto& sequence : grammar_->alternatives(0)) roots.push_back({{&sequence, 0}});
  stacks_ = opened(std::move(roots));
}

/// Opens the rules at the stacks' tops until a byte stands at each.
std::vector<GrammarState::Stack> GrammarState::opened(std::vector<Stack> stacks) const {
  std::vector<Stack> to;
  std::size_t symbols = 0;
  for (std::size_t ways = 0; !stacks.empty(); ++ways) {
    Stack stack = std::move(stacks.back());
    stacks.pop_back();
    for (const Place& place : stack) symbols += 1 + place.sequence->size() - place.next;
    if (ways == kMostWays || symbols > kMostSymbols)
      throw UsageError(
          fmt::format("{}: its rules can be opened in too many ways at one place of a text: more than {}, "
                      "or with more than {} symbols to come",
                      grammar_->place(), kMostWays, kMostSymbols));
    // What is done is left, so that a repetition does not make the stack deeper.
    while (!stack.empty() && stack.back().next == stack.back().sequence->size()) stack.pop_back();
    if (missing(stack) >= TextGrammar::kImpossible) continue;
    if (stack.empty() || (*stack.back().sequence)[stack.back().next].rule < 0) {
      to.push_back(std::move(stack));
      continue;
    }
    const int rule = (*stack.back().sequence)[stack.back().next++].rule;
    if (stack.back().next == stack.back().sequence->size()) stack.pop_back();
    for (const auto& sequence : grammar_->alternatives(rule)) {
      stacks.push_back(stack);
      stacks.back().push_back({&sequence, 0});
    }
  }
  std::sort(to.begin(), to.end());
  to.erase(std::unique(to.begin(), to.end()), to.end());
  return to;
}

bool GrammarState::take(char byte) {
  std::vector<Stack> moved;
  for (const Stack& stack : stacks_) {
    if (stack.empty()) continue;
    const Place& top = stack.back();
    if (!(*top.sequence)[top.next].bytes.test(static_cast<unsigned char>(byte))) continue;
    moved.push_back(stack);
    ++moved.back().back().next;
  }
  if (moved.empty()) return false;
  std::vector<Stack> after = opened(std::move(moved));
  if (after.empty()) return false;
  stacks_ = std::move(after);
  return true;
}

std::int64_t GrammarState::missing(const Stack& stack) const {
  std::int64_t sum = 0;
  for (const Place& place : stack) {
    for (std::size_t i = place.next; i < place.sequence->size(); ++i) {
      sum = std::min(TextGrammar::kImpossible, sum + grammar_->least((*place.sequence)[i]));
    }
  }
  return sum;
}

std::int64_t GrammarState::missing() const {
  std::int64_t least = TextGrammar::kImpossible;
  for (const Stack& stack : stacks_) least = std::min(least, missing(stack));
  return least;
}

bool GrammarState::goes_on() const {
  return std::any_of(stacks_.begin(), stacks_.end(), [](const Stack& stack) { return !stack.empty(); });
}

}  // namespace verse
