/// @file
/// The checks of chapter 10's exercises, and the mistakes that they know.

#include "10_subwords/subwords.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "10_subwords/given/unicode_classes.h"
#include "common/base/text.h"
#include "tests/10_subwords/plain_pairs.h"
#include "tests/harness/check.h"

namespace verse {
namespace {

using Numbers = std::vector<std::int64_t>;
using Words = std::vector<WeightedWord>;

// 10.1
// ------------------------------------------------------------------------------------------------------------------

using Cut = std::function<std::vector<std::u32string>(std::u32string_view)>;

/// Words with bars between them, and white space as it can be seen: on a terminal "a |b" and "a| b" look alike.
std::string with_bars(const std::vector<std::u32string>& words) {
  if (words.empty()) return "no words";
  std::string line;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) line += "|";
    for (const char32_t character : words[i]) {
      line += character == U' '    ? "␣"
              : character == U'\n' ? "\\n"
              : character == U'\t' ? "\\t"
                                   : encode_utf8(std::u32string(1, character));
    }
    if (words[i].empty()) line += "(an empty word)";
  }
  return line;
}

/// What cutting does, with a slip.
struct CutSlip {
  bool joins_space = true, contractions = true, leaves_last = true, apart = true, any_space = false;
};

Cut cut_with(const CutSlip& slip) {
  return [slip](std::u32string_view text) {
    const auto kind_at = [&](std::size_t place) {
      const CharacterClass kind = class_of(text[place]);
      return !slip.apart && kind == CharacterClass::number ? CharacterClass::letter : kind;
    };
    std::vector<std::u32string> words;
    for (std::size_t begin = 0; begin < text.size();) {
      std::size_t end = begin + (slip.contractions ? contraction_at(text.substr(begin)) : 0);
      if (end == begin) {
        const bool joins = slip.any_space ? kind_at(begin) == CharacterClass::space : text[begin] == U' ';
        if (slip.joins_space && joins && begin + 1 < text.size()) ++end;
        CharacterClass kind = kind_at(end);
        if (kind == CharacterClass::space) kind = kind_at(end = begin);
        while (end < text.size() && kind_at(end) == kind) ++end;
        if (slip.leaves_last && kind == CharacterClass::space && end < text.size() && end - begin > 1) --end;
      }
      words.emplace_back(text.substr(begin, end - begin));
      begin = end;
    }
    return words;
  };
}

/// Each space goes to the word before it.
std::vector<std::u32string> cut_behind(std::u32string_view text) {
  std::vector<std::u32string> words;
  for (const std::u32string& word : cut_with({})(text)) {
    if (!words.empty() && word.size() > 1 && word.front() == U' ' && class_of(word[1]) != CharacterClass::space) {
      words.back() += U' ';
      words.push_back(word.substr(1));
    } else {
      words.push_back(word);
    }
  }
  return words;
}

[[maybe_unused]] const auto& exercise_10_1 =
    exercise<Cut>("10.1", cut_text)
        .check("runs",
               [](const Cut& cut, Answers& answers) {
                 answers.add("\"To be or not to be?!\" in words", with_bars(cut(U"To be or not to be?!")));
                 answers.add("\"in 1603, 22nd\" in words", with_bars(cut(U"in 1603, 22nd")));
                 answers.add("\"naïve 你好 x²\" in words", with_bars(cut(U"naïve 你好 x²")));
               })
        .check("contractions",
               [](const Cut& cut, Answers& answers) {
                 answers.add("\"it's we'll I'D 'tis\" in words", with_bars(cut(U"it's we'll I'D 'tis")));
                 answers.add("\"'tis 1's\" in words", with_bars(cut(U"'tis 1's")));
               })
        .check("white_space",
               [](const Cut& cut, Answers& answers) {
                 answers.add("\"a  b\\n\\n  c \" in words", with_bars(cut(U"a  b\n\n  c ")));
                 answers.add("\"a\\nb\\tc\" in words: only a space goes with what follows", with_bars(cut(U"a\nb\tc")));
                 answers.add("\"   \" in words", with_bars(cut(U"   ")));
                 answers.add("\"\" in words", with_bars(cut(U"")));
               })
        .mistake("spaces_alone", cut_with, {.joins_space = false})
        .mistake("space_behind", cut_behind)
        .mistake("no_contractions", cut_with, {.contractions = false})
        .mistake("all_spaces_kept", cut_with, {.leaves_last = false})
        .mistake("kinds_mixed", cut_with, {.apart = false})
        .mistake("any_white_space", cut_with, {.any_space = true});

// 10.2
// ------------------------------------------------------------------------------------------------------------------

using Count = std::function<PairCounts(const Words&)>;

std::string shown(const PairCounts& counts) {
  std::string line;
  for (const auto& [pair, count] : counts) {
    line += (line.empty() ? "(" : ", (") + std::to_string(pair.first) + " " + std::to_string(pair.second) +
            "): " + std::to_string(count);
  }
  return line;
}

std::string shown(const Words& words) {
  std::string line;
  for (const WeightedWord& word : words) {
    line += line.empty() ? "" : ", ";
    for (const auto token : word.tokens) line += std::to_string(token) + " ";
    line += "x" + std::to_string(word.weight);
  }
  return line;
}

const Words& some_words() {
  static const Words words = {{{1, 2, 3}, 5}, {{3, 1, 2, 1, 2}, 2}, {{7}, 9}, {{4, 4, 4, 4, 4}, 3}, {{2, 1}, 1}};
  return words;
}

[[maybe_unused]] const auto& exercise_10_2 =
    exercise<Count>("10.2", count_weighted_pairs)
        .check(
            "words_with_weights",
            [](const Count& count, Answers& answers) {
              answers.add("the pairs of 1 2 3 (5 times) and 2 3 (once)", shown(count({{{1, 2, 3}, 5}, {{2, 3}, 1}})));
              answers.add("the pairs of 1 2 1 2 (twice)", shown(count({{{1, 2, 1, 2}, 2}})));
              answers.add("the pairs of 1 (3 times)", shown(count({{{1}, 3}})));
            })
        .check("overlapping_and_turned_round",
               [](const Count& count, Answers& answers) {
                 answers.add("the pairs of 4 4 4 (3 times)", shown(count({{{4, 4, 4}, 3}})));
                 answers.add("the pairs of 2 1 and of 1 2 (5 times)", shown(count({{{2, 1}, 1}, {{1, 2}, 5}})));
               })
        .mistake("weights_ignored",
                 [](const Words& words) {
                   Words once = words;
                   for (auto& word : once) word.weight = 1;
                   return plain_counts(once);
                 })
        .mistake("across_words",
                 [](const Words& words) {
                   PairCounts counts = plain_counts(words);
                   for (std::size_t i = 0; i + 1 < words.size(); ++i) {
                     counts[{words[i].tokens.back(), words[i + 1].tokens.front()}] += words[i].weight;
                   }
                   return counts;
                 })
        .mistake("no_overlap",
                 [](const Words& words) {
                   PairCounts counts;
                   for (const auto& word : words) {
                     for (std::size_t i = 0; i + 1 < word.tokens.size(); ++i) {
                       const TokenPair pair{word.tokens[i], word.tokens[i + 1]};
                       counts[pair] += word.weight;
                       if (i + 2 < word.tokens.size() && pair.first == pair.second && word.tokens[i + 2] == pair.first)
                         ++i;
                     }
                   }
                   return counts;
                 })
        .mistake("once_a_word",
                 [](const Words& words) {
                   PairCounts counts;
                   for (const auto& word : words) {
                     for (const auto& [pair, count] : plain_counts({{word.tokens, 1}})) counts[pair] += word.weight;
                   }
                   return counts;
                 })
        .mistake("last_word_alone",
                 [](const Words& words) {
                   PairCounts counts;
                   for (const auto& word : words) {
                     for (const auto& [pair, count] : plain_counts({word})) counts[pair] = word.weight;
                   }
                   return counts;
                 })
        .mistake("first_pair_left_out",
                 [](const Words& words) {
                   Words later = words;
                   for (auto& word : later) word.tokens.erase(word.tokens.begin());
                   return plain_counts(later);
                 })
        .mistake("either_order", [](const Words& words) {
          PairCounts counts;
          for (const auto& [pair, count] : plain_counts(words)) counts[std::minmax(pair.first, pair.second)] += count;
          return counts;
        });

// 10.3
// ------------------------------------------------------------------------------------------------------------------

using MostFrequent = std::function<TokenPair(const PairCounts&)>;

std::string shown(TokenPair pair) {
  return "(" + std::to_string(pair.first) + " " + std::to_string(pair.second) + ")";
}

[[maybe_unused]] const auto& exercise_10_3 =
    exercise<MostFrequent>("10.3", most_frequent)
        .check("one_is_largest",
               [](const MostFrequent& choose, Answers& answers) {
                 answers.add("the pair of (1 2): 3, (2 1): 7, (5 5): 4",
                             shown(choose({{{1, 2}, 3}, {{2, 1}, 7}, {{5, 5}, 4}})));
               })
        .check("ties",
               [](const MostFrequent& choose, Answers& answers) {
                 answers.add(
                     "the pair of (4 5): 6, (3 1): 6, (2 9): 6, (2 4): 6, (1 1): 2, (7 7): 1",
                     shown(choose({{{4, 5}, 6}, {{3, 1}, 6}, {{2, 9}, 6}, {{2, 4}, 6}, {{1, 1}, 2}, {{7, 7}, 1}})));
               })
        .mistake("last_of_equals",
                 [](const PairCounts& counts) {
                   auto best = counts.begin();
                   for (auto each = counts.begin(); each != counts.end(); ++each) {
                     if (each->second >= best->second) best = each;
                   }
                   return best->first;
                 })
        .mistake("rarest",
                 [](const PairCounts& counts) {
                   return std::min_element(counts.begin(), counts.end(),
                                           [](const auto& a, const auto& b) { return a.second < b.second; })
                       ->first;
                 })
        .mistake("largest_numbers", [](const PairCounts& counts) { return std::prev(counts.end())->first; })
        .mistake("right_number_first",
                 [](const PairCounts& counts) {
                   std::vector<std::pair<std::int64_t, TokenPair>> order;
                   for (const auto& [pair, count] : counts) order.push_back({-count, {pair.second, pair.first}});
                   const TokenPair best = std::min_element(order.begin(), order.end())->second;
                   return TokenPair{best.second, best.first};
                 })
        .mistake("smallest_numbers", [](const PairCounts& counts) { return counts.begin()->first; });

// 10.4
// ------------------------------------------------------------------------------------------------------------------

using Join = std::function<void(Words&, TokenPair, std::int64_t)>;

/// What joining does, with a slip.
struct JoinSlip {
  bool all = true, skips = true, either = false, in_place = true, to_the_end = true;
};

Join join_with(const JoinSlip& slip) {
  return [slip](Words& words, TokenPair pair, std::int64_t made) {
    for (auto& word : words) {
      Numbers joined;
      bool done = false;
      for (std::size_t i = 0; i + (slip.to_the_end ? 0 : 1) < word.tokens.size(); ++i) {
        const TokenPair here =
            i + 1 < word.tokens.size() ? TokenPair{word.tokens[i], word.tokens[i + 1]} : TokenPair{-1, -1};
        const bool fits = here == pair || (slip.either && here == TokenPair{pair.second, pair.first});
        if (!fits || (done && !slip.all)) {
          joined.push_back(word.tokens[i]);
          continue;
        }
        done = true;
        joined.push_back(made);
        if (slip.skips) ++i;
      }
      if (slip.in_place) word.tokens = joined;
    }
  };
}

void join_from_the_right(Words& words, TokenPair pair, std::int64_t made) {
  for (auto& word : words) std::reverse(word.tokens.begin(), word.tokens.end());
  join_with({})(words, {pair.second, pair.first}, made);
  for (auto& word : words) std::reverse(word.tokens.begin(), word.tokens.end());
}

[[maybe_unused]] const auto& exercise_10_4 =
    exercise<Join>("10.4", merge_in_words)
        .check("a_pair",
               [](const Join& join, Answers& answers) {
                 Words words = some_words();
                 join(words, {1, 2}, 9);
                 answers.add("1 2 3, 3 1 2 1 2, 7, 4 4 4 4 4, 2 1 with (1 2) joined to 9", shown(words));
               })
        .check("overlapping",
               [](const Join& join, Answers& answers) {
                 Words words = some_words();
                 join(words, {4, 4}, 9);
                 answers.add("the same with (4 4) joined to 9", shown(words));
               })
        .mistake("first_only", join_with, {.all = false})
        .mistake("from_the_right", join_from_the_right)
        .mistake("right_half_stays", join_with, {.skips = false})
        .mistake("either_order", join_with, {.either = true})
        .mistake("copies_joined", join_with, {.in_place = false})
        .mistake("last_token_lost", join_with, {.to_the_end = false});

// 10.5
// ------------------------------------------------------------------------------------------------------------------

using Learn = std::function<std::vector<TokenPair>(Words, std::vector<std::string>&, std::int64_t)>;

/// Words of letters a to e as tokens 0 to 4.
Words words_of(const std::vector<std::pair<std::string, std::int64_t>>& texts) {
  Words words;
  for (const auto& [text, weight] : texts) {
    words.push_back({{}, weight});
    for (const char letter : text) words.back().tokens.push_back(letter - 'a');
  }
  return words;
}

/// What training does, with a slip.
struct LearnSlip {
  bool recounts = true, counts_all = true, looks_up = true, left_first = true, writes_down = true;
  std::int64_t more = 0, least = 1;
};

Learn learn_with(const LearnSlip& slip) {
  return [slip](Words words, std::vector<std::string>& tokens, std::int64_t vocabulary) {
    std::vector<TokenPair> merges;
    PairCounts counts = plain_counts(words);
    const auto enough = [&] {
      const auto number = static_cast<std::int64_t>(slip.counts_all ? tokens.size() : merges.size());
      return number >= vocabulary + slip.more;
    };
    for (std::int64_t number = std::ssize(tokens); slip.writes_down ? !enough() : number < vocabulary; ++number) {
      if (slip.recounts) counts = plain_counts(words);
      if (counts.empty()) break;
      const TokenPair pair = plain_best(counts);
      if (counts[pair] < slip.least) break;
      const auto text_of = [&](std::int64_t token) {
        return token < std::ssize(tokens) ? tokens[static_cast<std::size_t>(token)] : std::string();
      };
      const std::string bytes =
          slip.left_first ? text_of(pair.first) + text_of(pair.second) : text_of(pair.second) + text_of(pair.first);
      if (!slip.looks_up) tokens.push_back(bytes);
      const auto made = !slip.writes_down ? number
                        : slip.looks_up   ? number_of(bytes, tokens)
                                          : static_cast<std::int64_t>(tokens.size()) - 1;
      plain_join(words, pair, made);
      merges.push_back(pair);
      if (!slip.recounts) counts.erase(pair);
    }
    return merges;
  };
}

void add_learned(const Learn& learn, Answers& answers, const std::string& name, const Words& words,
                 std::int64_t vocabulary, std::vector<std::string> tokens = {"a", "b", "c", "d", "e"}) {
  std::string merges;
  for (const TokenPair& pair : learn(words, tokens, vocabulary)) merges += shown(pair);
  answers.add("the merges of " + name, merges);
  std::string line;
  for (const auto& token : tokens) line += (line.empty() ? "" : " ") + token;
  answers.add("the tokens of " + name, line);
}

[[maybe_unused]] const auto& exercise_10_5 =
    exercise<Learn>("10.5", learn_merges)
        .check("up_to_a_vocabulary",
               [](const Learn& learn, Answers& answers) {
                 add_learned(learn, answers, "abcab (3), abcd (2), bcd (4), eab (1) up to 9 tokens",
                             words_of({{"abcab", 3}, {"abcd", 2}, {"bcd", 4}, {"eab", 1}}), 9);
               })
        .check(
            "until_no_pair_is_left",
            [](const Learn& learn, Answers& answers) {
              add_learned(learn, answers, "aaaa (2), de (1) up to 20 tokens", words_of({{"aaaa", 2}, {"de", 1}}), 20);
            })
        .check("bytes_that_have_a_token",
               [](const Learn& learn, Answers& answers) {
                 add_learned(learn, answers, "abc (3), abd (2) up to 8 tokens, with ab among those of the beginning",
                             words_of({{"abc", 3}, {"abd", 2}}), 8, {"a", "b", "c", "d", "e", "ab"});
               })
        .mistake("counted_once", learn_with, {.recounts = false})
        .mistake("one_too_many", learn_with, {.more = 1})
        .mistake("only_new_counted", learn_with, {.counts_all = false})
        .mistake("stops_at_one", learn_with, {.least = 2})
        .mistake("always_added", learn_with, {.looks_up = false})
        .mistake("tokens_not_written_down", learn_with, {.writes_down = false})
        .mistake("halves_exchanged", learn_with, {.left_first = false});

}  // namespace
}  // namespace verse
