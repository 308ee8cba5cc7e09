#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/play/play_lexicon.h"

namespace verse {

/// A probabilistic grammar whose lines scan.
///
/// It is written as rules, one a line, alternatives with their weights (see play_rules.cpp):
///
///     OATH = 3 by my @thing.s | 1 upon my $topic #closing
///
/// A rule whose name ends in .* is a pattern: where ACTION.I is asked for and has no rule of its own, it is ACTION.*
/// with I for each star.
///
/// CAPITALS name a rule, `@` a category of the lexicon, `$` a slot that the scene fills (a name, a title), `#` a mark
/// that leaves no trace in the text (#rhyme: the next two lines rhyme; #closing: the scene ends);
/// `/` ends a line of verse, `//` a speech. The rest is written as it stands.
///
/// At every point of the text the next word may come from several alternatives (the *arms* of a choice). Arms that
/// could not be brought to a good end, because the line would have a syllable too many or could not rhyme, are left
/// out, and the weights of the others are what the probabilities are made of.
class Grammar {
 public:
  /// What a scene says in the place of slots: the name of a category for each.
  enum Slot { kAddressee, kTitle, kPresent, kHe, kShe, kTopic, kSlots };
  using Scene = std::array<int, kSlots>;

  /// Everything about the text so far that the rest of it depends on.
  struct State {
    int rest = 0;          ///< what is still to be written: a list of symbols
    int beat = 0;          ///< syllables in this line of verse, or kProse
    int rhyme = 0;         ///< kFree, kFirst where this line must find a rhyme, or the rhyme that it must end in
    bool closing = false;  ///< whether #closing has been passed
    Scene scene{};

    bool operator==(const State&) const = default;
  };
  static constexpr int kProse = -1;
  static constexpr int kFree = 0;
  static constexpr int kFirst = -1;

  /// How a word joins what stands before it: by a space (or a new line of prose), or closely.
  enum class Kind { word, punctuation, line_end, speech_end, heading };

  /// One way on: words of one category, of which the metre and the rhyme admit these lists.
  struct Arm {
    Kind kind;                           ///< how its words join the text
    int category;                        ///< where the words come from
    int slot;                            ///< the slot that named the category, or -1
    int rest;                            ///< what is left to be written after it
    std::int64_t mass;                   ///< how often this arm is chosen, in proportion to the others
    std::vector<const WordList*> lists;  ///< the words
    std::int64_t weight;                 ///< of all the words
  };

  /// All ways on from a state. No arms: what was to be written is complete.
  struct Choice {
    std::vector<Arm> arms;
    std::int64_t mass = 0;  ///< sum over the arms
    bool may_end = false;   ///< whether it can be complete here; the text must show it, so there are no arms then
  };

  /// Reads rules. @throws std::logic_error for a rule that makes no sense, with the rule.
  Grammar(const Lexicon& lexicon, const std::string& rules);

  /// The state in which a rule is all that is to be written, at a beat of a line of verse or in prose (kProse). @throws
  /// std::logic_error when there is no such rule.
  State start(const std::string& rule, int beat, const Scene& scene);

  /// The number by which a Scene names a category of the lexicon.
  int category(const std::string& name);
  const std::string& category_name(int category) const { return categories_[static_cast<std::size_t>(category)].name; }

  /// The choice in a state, to be used before the next is asked for. @throws std::logic_error when there is no way to
  /// finish, or when the text would not show which way was taken.
  const Choice& choice(const State& state);

  /// The state after a word of an arm's list.
  State after(const State& state, const Arm& arm, const WordList& list) const;

 private:
  enum class Type { rule, category, slot, mark };
  struct Symbol {
    Type type;
    Kind kind = Kind::word;
    std::string name;
    int category = 0;                                                     // of Type::category
    int slot = 0;                                                         // of Type::slot
    std::vector<std::pair<std::int64_t, std::vector<int>>> alternatives;  // of Type::rule: weight, symbols
    unsigned slots = 0;                                                   // the slots it can come to, one bit each
    bool unfinished = false;  // of Type::rule: its alternatives are being read
  };
  struct Category {
    std::string name;
    std::vector<WordList> lists;
    int alike;  // the first category whose lists have the same sounds in the same order
  };
  struct Rest {
    int symbol;
    int rest;
    unsigned slots;
  };
  static std::uint64_t pair_key(int first, int second) {
    return static_cast<std::uint64_t>(first) << 32 | static_cast<std::uint64_t>(second);
  }
  struct Hash {
    std::size_t operator()(const State& state) const;
  };

  using Alternatives = std::vector<std::pair<std::int64_t, std::vector<std::string>>>;

  int add_category(const std::string& name, std::vector<WordList> lists);
  int symbol(const std::string& token);
  const Alternatives& alternatives_of(const std::string& rule);
  int followed_by(int symbol, int rest);
  State with_alternative(const State& state, const std::vector<int>& symbols);
  State essential(State state) const;
  State past_marks(State state) const;
  const Symbol& first(const State& state) const;
  int category_of(const Symbol& symbol, const State& state) const;
  bool admits(const State& state, Kind kind, const WordList& list) const;
  const std::string& shared_word(int category, int other);
  void check_distinct(const Choice& choice, bool of_names);
  bool can_finish(const State& state);
  bool can_finish_here(const State& state);
  void find_arms(const State& state, std::int64_t mass, Choice& choice);

  const Lexicon& lexicon_;
  std::vector<Symbol> symbols_;
  std::map<std::string, int> symbol_numbers_;
  std::deque<Category> categories_;  // a deque: arms point into it while it grows
  std::map<std::string, int> category_numbers_;
  std::map<std::vector<std::pair<Metre, int>>, int> alike_;
  std::map<std::string, Alternatives> rules_;  // as they are written
  std::vector<Rest> rests_;
  std::unordered_map<std::uint64_t, int> rest_numbers_;          // of a symbol and a rest
  std::unordered_map<std::uint64_t, std::string> shared_words_;  // of two categories
  std::unordered_map<State, bool, Hash> can_finish_;
  std::unordered_map<State, Choice, Hash> choices_;  // of states as essential() makes them
  Choice with_names_;                                // the last choice, with the words of its scene
};

/// The rules of the play; see play_rules.cpp.
extern const char* const play_rules;

}  // namespace verse
