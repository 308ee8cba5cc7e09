#include "common/play/play_lexicon.h"

#include <array>
#include <sstream>
#include <stdexcept>

namespace verse {

namespace {

bool is_vowel(char letter) {
  return std::string_view("aeiou").find(letter) != std::string_view::npos;
}

bool ends_with_any(const std::string& word, std::initializer_list<std::string_view> endings) {
  for (const std::string_view ending : endings) {
    if (std::string_view(word).ends_with(ending)) return true;
  }
  return false;
}

Metre read_metre(const std::string& stresses) {
  if (stresses == "x") return {1, Metre::Start::weak};
  return {static_cast<int>(stresses.size()), stresses[0] == '/' ? Metre::Start::strong : Metre::Start::weak};
}

/// The same word with one more syllable at its end.
Metre longer(Metre metre) {
  return {metre.syllables + 1, metre.start};
}

/// "a crown", "an oath": with its article a word begins one weak syllable earlier.
Metre with_article(Metre metre) {
  return {metre.syllables + 1, Metre::Start::weak};
}

std::string article(const std::string& word) {
  const bool sounds_like_vowel = is_vowel(word[0]) && !ends_with_any(word.substr(0, 3), {"uni", "use", "eun"});
  const bool silent_h = word.starts_with("hon") || word.starts_with("heir");
  return sounds_like_vowel || silent_h ? "an " + word : "a " + word;
}

/// stab, stabbed: a short stressed syllable doubles its last consonant before an ending that begins with a vowel.
std::string doubled(const std::string& word, const Metre& metre) {
  const std::size_t n = word.size();
  const bool last_syllable_strong = (metre.syllables % 2 == 1) == (metre.start == Metre::Start::strong);
  if (n < 3 || metre.syllables > 2 || !last_syllable_strong) return word;
  const bool one_vowel = is_vowel(word[n - 2]) && (!is_vowel(word[n - 3]) || word.substr(n - 3, 1) == "q");
  const bool consonant = !is_vowel(word[n - 1]) && std::string_view("wxy").find(word[n - 1]) == std::string_view::npos;
  return one_vowel && consonant ? word + word[n - 1] : word;
}

bool consonant_and_y(const std::string& word) {
  return word.size() > 1 && word.back() == 'y' && !is_vowel(word[word.size() - 2]);
}

/// crowns, roses, cries: the ending of plurals and of the third person.
std::string with_s(const std::string& word) {
  if (consonant_and_y(word)) return word.substr(0, word.size() - 1) + "ies";
  if (word == "go" || word == "echo") return word + "es";
  return ends_with_any(word, {"s", "x", "z", "ch", "sh"}) ? word + "es" : word + "s";
}

/// Whether that ending is a syllable of its own.
bool s_is_syllable(const std::string& word) {
  return ends_with_any(word, {"s", "x", "z", "ch", "sh", "ce", "se", "ze", "ge"});
}

/// loved, buried, stabbed.
std::string with_ed(const std::string& word, const Metre& metre) {
  if (word.back() == 'e') return word + "d";
  if (consonant_and_y(word)) return word.substr(0, word.size() - 1) + "ied";
  return doubled(word, metre) + "ed";
}

/// loving, burying, stabbing, dying.
std::string with_ing(const std::string& word, const Metre& metre) {
  if (word.ends_with("ie")) return word.substr(0, word.size() - 2) + "ying";
  if (word.back() == 'e' && !word.ends_with("ee")) return word.substr(0, word.size() - 1) + "ing";
  return doubled(word, metre) + "ing";
}

/// colder, wiser, holier; coldest, wisest, holiest.
std::string compared(const std::string& word, const Metre& metre, const std::string& ending) {
  if (word.back() == 'e') return word + ending.substr(1);
  if (word.back() == 'y' && metre.syllables > 1) return word.substr(0, word.size() - 1) + "i" + ending;
  return doubled(word, metre) + ending;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

/// The endings that rhyme, as they are spelled: only those whose spelling tells their sound, but for a few words that
/// rhyme_of() knows.
constexpr std::array kRhymes = {
    "ain",  "ains", "ake",  "akes", "ale",  "all",   "alls", "ame",  "ames", "and",  "ands",  "ane",  "art",
    "arts", "ate",  "ates", "ave",  "ay",   "ays",   "eal",  "eam",  "eams", "eed",  "eeds",  "eep",  "eeps",
    "ell",  "ells", "end",  "ends", "ent",  "est",   "ide",  "ides", "ife",  "ight", "ights", "ile",  "ill",
    "ills", "ind",  "ine",  "ines", "ing",  "ings",  "ire",  "ires", "ite",  "oke",  "old",   "olds", "ong",
    "ongs", "ore",  "orn",  "ose",  "ound", "ounds", "ust",  "ice",  "ace",  "ade",  "ades",  "age",  "ail",
    "ails", "air",  "aint", "ance", "ast",  "awn",   "eet",  "een",  "eel",  "ess",  "ise",   "ies",  "ime",
    "oon",  "ope",  "ouse", "urn",  "urns", "urse",  "ude",  "y",    "ie",
};

}  // namespace

int rhyme_of(std::string_view word) {
  for (const std::string_view unlike : {"wind", "said", "wand", "wound", "have", "lose", "live", "are"}) {
    if (word == unlike) return 0;
  }
  // The rhyme begins at a vowel after a consonant; of several such endings the longest counts.
  for (std::size_t start = 0; start < word.size(); ++start) {
    const bool vowel = is_vowel(word[start]) || (word[start] == 'y' && start > 0);
    if (!vowel || (start > 0 && is_vowel(word[start - 1]))) continue;
    for (std::size_t i = 0; i < kRhymes.size(); ++i) {
      if (word.substr(start) == kRhymes[i]) return static_cast<int>(i) + 1;
    }
  }
  return 0;
}

Lexicon::Lexicon() {
  std::istringstream lines(play_words);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string part, category, stresses;
    if (!(fields >> part)) continue;
    if (part != "word") fields >> category;
    fields >> stresses;
    const Metre metre = read_metre(stresses);

    // Zipf's law, flattened at its head: the word of rank r is chosen in proportion to 1 / (r + 10).
    std::int64_t rank = 0;
    for (std::string entry; fields >> entry; ++rank) {
      const std::int64_t weight = 100000 / (rank + 10);
      if (part == "noun") add_noun(category, entry, metre, weight);
      if (part == "verb") add_verb(category, entry, metre, weight);
      if (part == "adjective") add_adjective(category, entry, metre, weight);
      if (part == "word") metres_[entry] = metre;
    }
  }
}

void Lexicon::add(const std::string& category, const std::string& word, Metre metre, std::int64_t weight) {
  if (lists_.count(category) != 0) throw std::logic_error("category " + category + " is in use already");
  if (!entries_[category].emplace(word, Entry{weight, metre}).second) {
    throw std::logic_error("the word " + word + " stands twice in category " + category);
  }
}

void Lexicon::add_noun(const std::string& category, const std::string& entry, Metre metre, std::int64_t weight) {
  const std::vector<std::string> forms = split(entry, ':');
  const std::string& noun = forms[0];
  add(category + ".s", noun, metre, weight);
  if (forms.size() > 1) {
    add(category + ".p", forms[1], s_is_syllable(noun) && forms[1].ends_with("es") ? longer(metre) : metre, weight);
  } else {
    add(category + ".p", with_s(noun), s_is_syllable(noun) ? longer(metre) : metre, weight);
  }
  add(category + ".g", noun + "'s", s_is_syllable(noun) ? longer(metre) : metre, weight);
  if (metre.start != Metre::Start::weak) add(category + ".a", article(noun), with_article(metre), weight);
}

void Lexicon::add_verb(const std::string& category, const std::string& entry, Metre metre, std::int64_t weight) {
  const std::vector<std::string> forms = split(entry, ':');
  const std::string& verb = forms[0];
  const bool ed_is_syllable = ends_with_any(verb, {"t", "d", "te", "de"});
  add(category + ".b", verb, metre, weight);
  add(category + ".s", with_s(verb), s_is_syllable(verb) ? longer(metre) : metre, weight);
  add(category + ".g", with_ing(verb, metre), longer(metre), weight);
  if (forms.size() == 3) {
    add(category + ".d", forms[1], metre, weight);
    add(category + ".n", forms[2], forms[2].ends_with("en") && forms[2] != "been" ? longer(metre) : metre, weight);
  } else {
    for (const char* form : {".d", ".n"}) {
      add(category + form, with_ed(verb, metre), ed_is_syllable ? longer(metre) : metre, weight);
    }
  }
}

void Lexicon::add_adjective(const std::string& category, const std::string& entry, Metre metre, std::int64_t weight) {
  const std::string adjective = split(entry, ':')[0];
  add(category + ".b", adjective, metre, weight);
  if (metre.start != Metre::Start::weak) add(category + ".a", article(adjective), with_article(metre), weight);
  if (adjective.find('-') != std::string::npos) return;

  // Only short adjectives are compared by an ending.
  if (metre.syllables == 1 || (metre.syllables == 2 && consonant_and_y(adjective))) {
    add(category + ".c", compared(adjective, metre, "er"), longer(metre), weight);
    add(category + ".t", compared(adjective, metre, "est"), longer(metre), weight);
  }
  // Adverbs: gently, happily, coldly; those that end in -ly already have none.
  if (adjective.ends_with("ly")) return;
  if (metre.syllables > 1 && adjective.ends_with("le") && !is_vowel(adjective[adjective.size() - 3])) {
    add(category + ".y", adjective.substr(0, adjective.size() - 1) + "y", metre, weight);
  } else if (adjective.ends_with("ic")) {
    add(category + ".y", adjective + "ally", longer(metre), weight);
  } else if (adjective.ends_with("ll")) {
    add(category + ".y", adjective + "y", longer(metre), weight);
  } else if (consonant_and_y(adjective) && metre.syllables > 1) {
    add(category + ".y", adjective.substr(0, adjective.size() - 1) + "ily", longer(metre), weight);
  } else {
    const bool drops_e = adjective == "true" || adjective == "due" || adjective == "whole";
    const std::string stem = drops_e ? adjective.substr(0, adjective.size() - 1) : adjective;
    add(category + ".y", stem + "ly", longer(metre), weight);
  }
}

const std::vector<WordList>& Lexicon::lists(const std::string& category) const {
  const auto made = lists_.find(category);
  if (made != lists_.end()) return made->second;

  // Group the words by sound; std::map keeps them sorted by spelling.
  std::map<std::pair<Metre, int>, WordList> by_sound;
  const auto entries = entries_.find(category);
  if (entries != entries_.end()) {
    for (const auto& [word, entry] : entries->second) {
      const bool ends_strong = entry.metre.syllables == 1 || entry.metre == Metre{2, Metre::Start::weak};
      const int rhyme = ends_strong ? rhyme_of(word) : 0;
      WordList& list = by_sound[{entry.metre, rhyme}];
      if (list.words.empty()) list = {entry.metre, rhyme, {}, {0}};
      list.words.push_back(word);
      list.weights_before.push_back(list.weight() + entry.weight);
    }
  }
  std::vector<WordList>& lists = lists_[category];
  for (auto& [sound, list] : by_sound) lists.push_back(std::move(list));
  return lists;
}

Metre Lexicon::metre_of(const std::string& word) const {
  const auto known = metres_.find(word);
  if (known != metres_.end()) return known->second;
  // A word with one group of vowels has one syllable, strong or weak as the line needs it.
  int groups = 0;
  for (std::size_t i = 0; i < word.size(); ++i) {
    const auto vowel = [&](std::size_t at) {
      return is_vowel(word[at]) || word[at] == 'y' || word[at] == 'I' || word[at] == 'O';
    };
    const bool silent_e = i + 1 == word.size() && word[i] == 'e' && groups > 0;
    if (vowel(i) && (i == 0 || !vowel(i - 1)) && !silent_e) ++groups;
  }
  if (groups > 1) throw std::logic_error("play_words.cpp gives no metre for " + word);
  return {1, Metre::Start::either};
}

}  // namespace verse
