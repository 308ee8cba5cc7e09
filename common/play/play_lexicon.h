#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace verse {

/// How a word sounds, as far as verse cares. English verse of this kind alternates weak and strong syllables, so a word
/// is told by its number of syllables and by where its first one may stand.
struct Metre {
  enum class Start { weak, strong, either };
  int syllables = 1;
  Start start = Start::either;

  auto operator<=>(const Metre&) const = default;
};

/// Words that sound alike: one metre, one rhyme. Sorted by spelling; a word's weight says how often it is chosen.
struct WordList {
  Metre metre;
  int rhyme = 0;                             ///< 0: rhymes with nothing; otherwise words of equal number rhyme
  std::vector<std::string> words;            ///< sorted, each once
  std::vector<std::int64_t> weights_before;  ///< sum of the weights before each word, and of all at the end

  std::int64_t weight() const { return weights_before.back(); }
};

/// The words of the play by category ("person.s", "person.p", "take.d", ...), each category as lists by sound.
///
/// Categories of nouns end in .s (singular), .p (plural), .g ("the king's"), .a (singular with its article: "a crown",
/// "an oath").
/// Categories of verbs end in .b (base), .s (third person), .d (past), .n (participle), .g (-ing).
/// Categories of adjectives end in .b (base), .a (with article), .c (comparative), .t (superlative), .y (adverb).
class Lexicon {
 public:
  /// Reads the words of play_words.cpp and inflects them.
  Lexicon();

  /// Adds one word to a category. @throws std::logic_error when the category has been asked for already.
  void add(const std::string& category, const std::string& word, Metre metre, std::int64_t weight);

  /// The lists of a category, none where it has no words.
  const std::vector<WordList>& lists(const std::string& category) const;

  /// The metre of a word that the rules spell out. @throws std::logic_error for one of several syllables that
  /// play_words.cpp does not list.
  Metre metre_of(const std::string& word) const;

 private:
  struct Entry {
    std::int64_t weight;
    Metre metre;
  };

  void add_noun(const std::string& category, const std::string& entry, Metre metre, std::int64_t weight);
  void add_verb(const std::string& category, const std::string& entry, Metre metre, std::int64_t weight);
  void add_adjective(const std::string& category, const std::string& entry, Metre metre, std::int64_t weight);

  std::map<std::string, std::map<std::string, Entry>> entries_;  // category, word
  mutable std::map<std::string, std::vector<WordList>> lists_;   // made from the entries when first asked for
  std::map<std::string, Metre> metres_;                          // of words that the rules spell out
};

/// The number of a word's rhyme, 0 for none: words with one number end in the same sound.
int rhyme_of(std::string_view word);

/// The word lists, one category and metre a line; see play_words.cpp.
extern const char* const play_words;

}  // namespace verse
