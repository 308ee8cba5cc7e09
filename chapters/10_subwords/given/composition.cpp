#include "10_subwords/given/composition.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <unordered_map>
#include <utility>
#include <vector>

#include "10_subwords/given/composition_tables.h"
#include "common/base/text.h"

namespace verse {

namespace {

/// Below it, every text is composed.
constexpr char32_t kFirstAccent = 0x300;

// Korean syllables are composed by arithmetic: a lead, a vowel and perhaps a tail (The Unicode Standard, 3.12).
constexpr char32_t kSyllables = 0xAC00, kLeads = 0x1100, kVowels = 0x1161, kTails = 0x11A7;
constexpr char32_t kLeadCount = 19, kVowelCount = 21, kTailCount = 28, kSyllableCount = 11172;

/// A character's parts; one that stands for another has no second part.
using Parts = std::pair<char32_t, char32_t>;

std::uint64_t key(char32_t first, char32_t second) {
  return std::uint64_t{first} << 32U | second;
}

struct Tables {
  std::unordered_map<char32_t, Parts> parts;
  std::unordered_map<std::uint64_t, char32_t> whole;  ///< by key() of its parts
  std::unordered_map<char32_t, int> accents;          ///< the classes of those that have one
};

/// Shows each entry of a table with its code point.
template <typename Visit>
void each_entry(const char* table, const Visit& visit) {
  std::istringstream words{std::string(table)};
  char32_t code = 0;
  for (std::string word; words >> word;) {
    if (word.back() == ':') {
      code = static_cast<char32_t>(std::strtoul(word.c_str(), nullptr, 16));
    } else {
      visit(code++, word.c_str());
    }
  }
}

Tables read_tables() {
  Tables tables;
  const auto number = [](const char* word, char** end = nullptr) {
    return static_cast<char32_t>(std::strtoul(word, end, 16));
  };
  each_entry(kSingles, [&](char32_t code, const char* word) { tables.parts[code] = {number(word), 0}; });
  each_entry(kPairs, [&](char32_t code, const char* word) {
    char* sign = nullptr;
    const char32_t first = number(word, &sign), second = number(sign + 1);
    tables.parts[code] = {first, second};
    if (*sign == '+') tables.whole[key(first, second)] = code;
  });
  each_entry(kAccentClasses,
             [&](char32_t code, const char* word) { tables.accents[code] = static_cast<int>(number(word)); });
  return tables;
}

const Tables& tables() {
  static const Tables all = read_tables();
  return all;
}

int accent_class(char32_t character) {
  if (character < kFirstAccent) return 0;
  const auto found = tables().accents.find(character);
  return found == tables().accents.end() ? 0 : found->second;
}

/// Adds a character's parts, and theirs.
void take_apart(char32_t character, std::u32string& text) {
  if (character >= kSyllables && character < kSyllables + kSyllableCount) {
    const char32_t place = character - kSyllables, tail = place % kTailCount;
    text += kLeads + place / (kVowelCount * kTailCount);
    text += kVowels + place / kTailCount % kVowelCount;
    if (tail > 0) text += kTails + tail;
    return;
  }
  const auto found = tables().parts.find(character);
  if (found == tables().parts.end()) {
    text += character;
    return;
  }
  take_apart(found->second.first, text);
  if (found->second.second != 0) text += found->second.second;  // which has no parts itself
}

/// Accents on one letter in the order of their classes; those of one class stay as they stand.
void order_accents(std::u32string& text) {
  for (std::size_t begin = 0; begin < text.size();) {
    std::size_t end = begin;
    while (end < text.size() && accent_class(text[end]) > 0) ++end;
    std::stable_sort(text.begin() + static_cast<std::ptrdiff_t>(begin), text.begin() + static_cast<std::ptrdiff_t>(end),
                     [](char32_t a, char32_t b) { return accent_class(a) < accent_class(b); });
    begin = std::max(end, begin + 1);
  }
}

/// The character that two become; 0 for none.
char32_t joined(char32_t first, char32_t second) {
  if (first >= kLeads && first < kLeads + kLeadCount && second >= kVowels && second < kVowels + kVowelCount) {
    return kSyllables + ((first - kLeads) * kVowelCount + (second - kVowels)) * kTailCount;
  }
  const bool open =
      first >= kSyllables && first < kSyllables + kSyllableCount && (first - kSyllables) % kTailCount == 0;
  if (open && second > kTails && second < kTails + kTailCount) return first + (second - kTails);
  const auto found = tables().whole.find(key(first, second));
  return found == tables().whole.end() ? 0 : found->second;
}

/// Joins each letter with those that follow it, as long as nothing of their class or above stands between.
std::u32string joined(const std::u32string& text) {
  constexpr std::size_t kNone = SIZE_MAX;
  std::u32string result;
  std::size_t letter = kNone;  // the last one that others may join
  int before = 0;              // the class of what was written last, since that letter
  for (const char32_t character : text) {
    const int own = accent_class(character);
    const bool beside = letter != kNone && letter + 1 == result.size();
    if (letter != kNone && (beside || (before < own && before > 0))) {
      if (const char32_t whole = joined(result[letter], character)) {
        result[letter] = whole;
        continue;
      }
    }
    if (own == 0) letter = result.size();
    before = own;
    result += character;
  }
  return result;
}

}  // namespace

std::string composed(std::string_view text) {
  const std::u32string characters = decode_utf8(text);
  if (std::all_of(characters.begin(), characters.end(), [](char32_t each) { return each < kFirstAccent; })) {
    return std::string(text);
  }
  std::u32string apart;
  for (const char32_t character : characters) take_apart(character, apart);
  order_accents(apart);
  return encode_utf8(joined(apart));
}

}  // namespace verse
