/// @file
/// The checks of chapter 10's exercises from 10.6 on, and the mistakes that they know.

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "10_subwords/subwords.h"
#include "tests/10_subwords/plain_pairs.h"
#include "tests/harness/check.h"

namespace verse {
namespace {

using Numbers = std::vector<std::int64_t>;
using Words = std::vector<WeightedWord>;

std::string shown(const PairCounts& counts) {
  std::string line;
  for (const auto& [pair, count] : counts) {
    line += (line.empty() ? "(" : ", (") + std::to_string(pair.first) + " " + std::to_string(pair.second) +
            "): " + std::to_string(count);
  }
  return line;
}

std::string shown(const Numbers& tokens) {
  std::string line;
  for (const auto token : tokens) line += (line.empty() ? "" : " ") + std::to_string(token);
  return line;
}

// 10.6
// ------------------------------------------------------------------------------------------------------------------

using Update = std::function<void(Words&, PairCounts&, TokenPair, std::int64_t)>;

/// What keeping the counts does, with a slip.
struct UpdateSlip {
  bool takes = true, weights = true, weights_new = true, erases = true, keeps_word = true;
};

Update update_with(const UpdateSlip& slip) {
  return [slip](Words& words, PairCounts& counts, TokenPair pair, std::int64_t made) {
    for (auto& word : words) {
      Words alone = {word};
      if (!slip.weights) alone.front().weight = 1;
      const PairCounts before = plain_counts(alone);
      if (before.count(pair) == 0) continue;
      plain_join(alone, pair, made);
      if (slip.takes) {
        for (const auto& [each, count] : before) counts[each] -= count;
      }
      if (!slip.weights_new) alone.front().weight = 1;
      for (const auto& [each, count] : plain_counts(alone)) counts[each] += count;
      for (const auto& [each, count] : before) {
        if (slip.erases && counts[each] == 0) counts.erase(each);
      }
      if (slip.keeps_word) word.tokens = alone.front().tokens;
    }
  };
}

/// @param elsewhere what the counts know of words that are not given
void add_updated(const Update& update, Answers& answers, const std::string& name, Words words, TokenPair pair,
                 const Words& elsewhere = {}) {
  PairCounts counts = plain_counts(words);
  for (const auto& [each, count] : plain_counts(elsewhere)) counts[each] += count;
  update(words, counts, pair, 9);
  answers.add("the counts of " + name, shown(counts));
  std::string tokens;
  for (const auto& word : words) tokens += (tokens.empty() ? "" : ", ") + shown(word.tokens);
  answers.add("the words of " + name, tokens);
}

[[maybe_unused]] const auto& exercise_10_6 =
    exercise<Update>("10.6", merge_and_update)
        .check("neighbours",
               [](const Update& update, Answers& answers) {
                 add_updated(update, answers, "3 1 2 4 (5), 1 2 (2) and 3 4 (1) with (1 2) joined to 9",
                             {{{3, 1, 2, 4}, 5}, {{1, 2}, 2}, {{3, 4}, 1}}, {1, 2});
               })
        .check("several_in_a_word",
               [](const Update& update, Answers& answers) {
                 add_updated(update, answers, "1 2 1 2 3 (2) and 2 1 (7) with (1 2) joined to 9",
                             {{{1, 2, 1, 2, 3}, 2}, {{2, 1}, 7}}, {1, 2});
                 add_updated(update, answers, "4 4 4 4 4 (3) with (4 4) joined to 9", {{{4, 4, 4, 4, 4}, 3}}, {4, 4});
               })
        .check("not_anew",
               [](const Update& update, Answers& answers) {
                 // Whoever counts the given words once more loses what they do not have.
                 add_updated(update, answers,
                             "3 1 2 (5) and 5 6 (4), where 5 6 7 (3) lies elsewhere, with (1 2) joined to 9",
                             {{{3, 1, 2}, 5}, {{5, 6}, 4}}, {1, 2}, {{{5, 6, 7}, 3}});
               })
        .mistake("neighbours_forgotten",
                 [](Words& words, PairCounts& counts, TokenPair pair, std::int64_t made) {
                   plain_join(words, pair, made);
                   counts.erase(pair);
                 })
        .mistake("nothing_taken", update_with, {.takes = false})
        .mistake("weights_ignored", update_with, {.weights = false})
        .mistake("zeros_stay", update_with, {.erases = false})
        .mistake("words_left", update_with, {.keeps_word = false})
        .mistake("new_ones_by_one", update_with, {.weights_new = false})
        .mistake(
            "left_neighbour_alone",
            [](Words& words, PairCounts& counts, TokenPair pair, std::int64_t made) {
              for (auto& word : words) {
                Numbers joined;
                for (std::size_t i = 0; i < word.tokens.size(); ++i) {
                  const bool here = i + 1 < word.tokens.size() && TokenPair{word.tokens[i], word.tokens[i + 1]} == pair;
                  if (here && !joined.empty()) {
                    counts[{joined.back(), pair.first}] -= word.weight;
                    counts[{joined.back(), made}] += word.weight;
                  }
                  joined.push_back(here ? made : word.tokens[i]);
                  if (here) ++i;
                }
                word.tokens = joined;
              }
              counts.erase(pair);
              std::erase_if(counts, [](const auto& each) { return each.second == 0; });
            })
        .mistake("counted_anew", [](Words& words, PairCounts& counts, TokenPair pair, std::int64_t made) {
          plain_join(words, pair, made);
          counts = plain_counts(words);
        });

// 10.7
// ------------------------------------------------------------------------------------------------------------------

using Encode = std::function<Numbers(Numbers, const std::map<TokenPair, std::int64_t>&)>;

/// Of the places whose pair was learned, the one that a rule prefers, until none is left, or once.
Encode encode_with(const std::function<bool(std::int64_t made, std::int64_t best)>& prefers, bool once = false) {
  return [prefers, once](Numbers tokens, const std::map<TokenPair, std::int64_t>& made_by) {
    while (true) {
      std::size_t best = tokens.size();
      std::int64_t made = 0;
      for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
        const auto merge = made_by.find({tokens[i], tokens[i + 1]});
        if (merge == made_by.end() || (best < tokens.size() && !prefers(merge->second, made))) continue;
        best = i;
        made = merge->second;
      }
      if (best == tokens.size()) return tokens;
      tokens[best] = made;
      tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(best) + 1);
      if (once) return tokens;
    }
  };
}

[[maybe_unused]] const auto& exercise_10_7 =
    exercise<Encode>("10.7", encode_by_rank)
        .check("learned_first_goes_first",
               [](const Encode& encode, Answers& answers) {
                 // b c is learned before a b, and a bc after both.
                 const std::map<TokenPair, std::int64_t> merges = {{{1, 2}, 10}, {{0, 1}, 11}, {{0, 10}, 12}};
                 answers.add("0 1 2", shown(encode({0, 1, 2}, merges)));
                 answers.add("0 1 2 0 1", shown(encode({0, 1, 2, 0, 1}, merges)));
                 answers.add("2 2", shown(encode({2, 2}, merges)));
                 answers.add("2 0 1 2", shown(encode({2, 0, 1, 2}, merges)));
                 answers.add("5 6 7, where 5 6 was learned before 6 7",
                             shown(encode({5, 6, 7}, {{{5, 6}, 20}, {{6, 7}, 21}})));
                 answers.add("9 3 4, where 9 3 was learned before 3 4",
                             shown(encode({9, 3, 4}, {{{9, 3}, 20}, {{3, 4}, 21}})));
                 answers.add("nothing", shown(encode({}, merges)));
               })
        .check("equal_pairs",
               [](const Encode& encode, Answers& answers) {
                 const std::map<TokenPair, std::int64_t> merges = {{{4, 4}, 10}, {{10, 10}, 11}};
                 answers.add("4 4 4", shown(encode({4, 4, 4}, merges)));
                 answers.add("4 4 4 4 4 4 4", shown(encode({4, 4, 4, 4, 4, 4, 4}, merges)));
               })
        .mistake("leftmost", encode_with([](std::int64_t, std::int64_t) { return false; }))
        .mistake("longest_first", encode_with([](std::int64_t made, std::int64_t best) { return made > best; }))
        .mistake("rightmost_of_equals", encode_with([](std::int64_t made, std::int64_t best) { return made <= best; }))
        .mistake("one_round", encode_with([](std::int64_t made, std::int64_t best) { return made < best; }, true))
        .mistake("order_of_the_pairs", [](const Numbers& tokens, const std::map<TokenPair, std::int64_t>& made_by) {
          Words word = {{tokens, 1}};
          for (const auto& [pair, made] : made_by) plain_join(word, pair, made);
          return word.front().tokens;
        });

// 10.8
// ------------------------------------------------------------------------------------------------------------------

using Whole = std::function<std::size_t(std::string_view)>;

/// What can be shown, if no character were longer than so many bytes.
std::size_t whole_by(std::string_view bytes, std::size_t longest) {
  std::size_t begin = bytes.size();
  while (begin > 0 && (static_cast<unsigned char>(bytes[begin - 1]) & 0xC0U) == 0x80U) --begin;
  if (begin == 0) return begin;
  const auto first = static_cast<unsigned char>(bytes[--begin]);
  const std::size_t length = first < 0x80 ? 1 : first < 0xE0 ? 2 : 3;
  return begin + std::min(length, longest) <= bytes.size() ? bytes.size() : begin;
}

[[maybe_unused]] const auto& exercise_10_8 =
    exercise<Whole>("10.8", whole_characters)
        .check("ascii",
               [](const Whole& whole, Answers& answers) {
                 answers.add("bytes of \"abc\" that can be shown", whole("abc"));
                 answers.add("bytes of an empty text that can be shown", whole(""));
               })
        .check("byte_after_byte",
               [](const Whole& whole, Answers& answers) {
                 const std::string text = "aé€🙂z";
                 for (std::size_t length = 1; length <= text.size(); ++length) {
                   // a has one byte, é two, € three, 🙂 four.
                   answers.add(
                       "bytes that can be shown when " + std::to_string(length) + " of aé€🙂z have arrived",
                       whole(std::string_view(text).substr(0, length)));
                 }
               })
        .mistake("all_shown", [](std::string_view bytes) { return bytes.size(); })
        .mistake("last_character_held",
                 [](std::string_view bytes) {
                   std::size_t begin = bytes.size();
                   while (begin > 0 && (static_cast<unsigned char>(bytes[begin - 1]) & 0xC0U) == 0x80U) --begin;
                   return begin > 0 ? begin - 1 : 0;
                 })
        .mistake("ascii_only",
                 [](std::string_view bytes) {
                   const auto* end = std::find_if(bytes.begin(), bytes.end(),
                                                  [](char byte) { return static_cast<unsigned char>(byte) >= 0x80; });
                   return static_cast<std::size_t>(end - bytes.begin());
                 })
        .mistake("two_bytes", [](std::string_view bytes) { return whole_by(bytes, 2); })
        .mistake("three_bytes_at_most", [](std::string_view bytes) { return whole_by(bytes, 3); });

// 10.9
// ------------------------------------------------------------------------------------------------------------------

using Split = std::function<std::vector<TextPiece>(std::string_view, const std::vector<std::string>&)>;

std::string shown(const std::vector<TextPiece>& pieces) {
  std::string line;
  for (const auto& piece : pieces) {
    line += (line.empty() ? "" : "|") + (piece.special ? "[" + piece.text + "]" : piece.text);
    if (piece.text.empty()) line += "(empty)";
  }
  return line;
}

/// Of the tokens that begin at a place, the one that a rule prefers.
Split split_with(const std::function<bool(std::size_t length, std::size_t best)>& prefers, bool keeps_empty = false,
                 bool keeps_special = true) {
  return [=](std::string_view text, const std::vector<std::string>& special) {
    std::vector<TextPiece> pieces;
    std::size_t begin = 0;
    const auto add = [&](std::size_t end) {
      if (keeps_empty || end > begin) pieces.push_back({std::string(text.substr(begin, end - begin)), false});
    };
    for (std::size_t place = 0; place < text.size();) {
      std::size_t length = 0;
      for (const auto& token : special) {
        if (text.substr(place, token.size()) == token && (length == 0 || prefers(token.size(), length))) {
          length = token.size();
        }
      }
      if (length == 0) {
        ++place;
        continue;
      }
      add(place);
      if (keeps_special) pieces.push_back({std::string(text.substr(place, length)), true});
      begin = place = place + length;
    }
    add(text.size());
    return pieces;
  };
}

bool longer(std::size_t length, std::size_t best) {
  return length > best;
}

std::vector<TextPiece> split_by_list(std::string_view text, const std::vector<std::string>& special) {
  const Split whole = split_with(longer);
  std::vector<TextPiece> pieces = {{std::string(text), false}};
  for (const auto& token : special) {
    std::vector<TextPiece> finer;
    for (const auto& piece : pieces) {
      if (piece.special) {
        finer.push_back(piece);
        continue;
      }
      for (const auto& part : whole(piece.text, {token})) finer.push_back(part);
    }
    pieces = finer;
  }
  return pieces;
}

[[maybe_unused]] const auto& exercise_10_9 =
    exercise<Split>("10.9", split_at_special)
        .check("pieces",
               [](const Split& split, Answers& answers) {
                 answers.add("\"a<s>b<e>\" at <s>, <e>", shown(split("a<s>b<e>", {"<s>", "<e>"})));
                 answers.add("\"<s><s>a\" at <s>", shown(split("<s><s>a", {"<s>"})));
                 answers.add("\"a<s\" at <s>", shown(split("a<s", {"<s>"})));
                 answers.add("\"\" at <s>", shown(split("", {"<s>"})));
               })
        .check("which_one",
               [](const Split& split, Answers& answers) {
                 answers.add("\"x<s>ing<s>\" at <s>, <s>ing", shown(split("x<s>ing<s>", {"<s>", "<s>ing"})));
                 answers.add("\"x<s>ing<s>\" at <s>ing, <s>", shown(split("x<s>ing<s>", {"<s>ing", "<s>"})));
                 answers.add("\"abcd\" at bc, ab", shown(split("abcd", {"bc", "ab"})));
               })
        .mistake("shorter_first", split_with([](std::size_t length, std::size_t best) { return length < best; }))
        .mistake("by_list", split_by_list)
        .mistake("empty_pieces", split_with(longer, /*keeps_empty=*/true))
        .mistake("dropped", split_with(longer, /*keeps_empty=*/false, /*keeps_special=*/false))
        .mistake("not_marked",
                 [](std::string_view text, const std::vector<std::string>& special) {
                   auto pieces = split_with(longer)(text, special);
                   for (auto& piece : pieces) piece.special = false;
                   return pieces;
                 })
        .mistake("end_lost",
                 [](std::string_view text, const std::vector<std::string>& special) {
                   auto pieces = split_with(longer)(text, special);
                   if (!pieces.empty() && !pieces.back().special) pieces.pop_back();
                   return pieces;
                 })
        .mistake("first_of_the_list", split_with([](std::size_t, std::size_t) { return false; }));

// 10.10
// ------------------------------------------------------------------------------------------------------------------

using Bits = std::function<double(double, std::int64_t, std::int64_t)>;

[[maybe_unused]] const auto& exercise_10_10 =
    exercise<Bits>("10.10", bits_per_byte)
        .check("a_loss",
               [](const Bits& bits, Answers& answers) {
                 answers.add("bits a byte of 2 nats a token, 1000 tokens for 2500 bytes", bits(2.0, 1000, 2500));
                 answers.add("bits a byte of 1.47 nats a token, 111540 tokens for as many bytes",
                             bits(1.47, 111540, 111540));
               })
        .mistake("bits_a_token", [](double nats, std::int64_t, std::int64_t) { return nats / std::log(2.0); })
        .mistake("nats_a_byte",
                 [](double nats, std::int64_t tokens, std::int64_t bytes) {
                   return nats * static_cast<double>(tokens) / static_cast<double>(bytes);
                 })
        .mistake("times_ln2",
                 [](double nats, std::int64_t tokens, std::int64_t bytes) {
                   return nats * std::log(2.0) * static_cast<double>(tokens) / static_cast<double>(bytes);
                 })
        .mistake("other_way",
                 [](double nats, std::int64_t tokens, std::int64_t bytes) {
                   return nats / std::log(2.0) * static_cast<double>(bytes) / static_cast<double>(tokens);
                 })
        .mistake("whole_number_division",
                 [](double nats, std::int64_t tokens, std::int64_t bytes) {
                   return nats / std::log(2.0) * static_cast<double>(tokens / bytes);
                 })
        .mistake("bits_a_bit",
                 [](double nats, std::int64_t tokens, std::int64_t bytes) {
                   return nats / std::log(2.0) * static_cast<double>(tokens) / (8.0 * static_cast<double>(bytes));
                 })
        .mistake("logarithm_of_the_loss", [](double nats, std::int64_t tokens, std::int64_t bytes) {
          return std::log2(nats) * static_cast<double>(tokens) / static_cast<double>(bytes);
        });

}  // namespace
}  // namespace verse
