/// The exercises of chapter 1, and the mistakes that their checks know. Nothing here calls a function of the chapter
/// except as the subject of its own exercise: a learner's mistake in one exercise is not to be found in another.

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "01_tokenizer/tokenizer.h"
#include "common/base/error.h"
#include "common/base/text.h"
#include "tests/harness/check.h"

namespace verse {
namespace {

using Characters = std::vector<char32_t>;
using Tokens = std::vector<std::int64_t>;
using Pair = std::pair<std::int64_t, std::int64_t>;

// Two bytes (e with an acute accent), three (the euro sign) and four (a treble clef).
constexpr const char* kWideText = "caf\xc3\xa9: 5 \xe2\x82\xac, \xf0\x9d\x84\x9e and caf\xc3\xa9";
const Characters kWideVocabulary = {U' ', U',', U'5', U':',      U'a',      U'c',
                                    U'd', U'f', U'n', U'\u00e9', U'\u20ac', U'\U0001d11e'};
const Characters kVocabulary = {U'\n', U' ', U'a', U'b', U'c', U'd', U'r'};

Tokens code_points(const Characters& characters) {
  return {characters.begin(), characters.end()};
}

/// A text's bytes, each taken for a character.
Characters bytes_of(std::string_view text) {
  Characters characters;
  for (const char byte : text) characters.push_back(static_cast<unsigned char>(byte));
  return characters;
}

Characters characters_of(std::string_view text) {
  const std::u32string decoded = decode_utf8(text);
  return {decoded.begin(), decoded.end()};
}

Characters sorted(Characters characters) {
  std::sort(characters.begin(), characters.end());
  return characters;
}

Characters sorted_once(Characters characters) {
  characters = sorted(std::move(characters));
  characters.erase(std::unique(characters.begin(), characters.end()), characters.end());
  return characters;
}

// 1.1 The vocabulary --------------------------------------------------------------------------------------------------

using Vocabulary = std::function<Characters(std::string_view)>;

[[maybe_unused]] const auto& exercise_1_1 =
    exercise<Vocabulary>("1.1", build_vocabulary)
        .check("each_character_once_in_order",
               [](const Vocabulary& vocabulary, Answers& answers) {
                 answers.add("the vocabulary of \"abracadabra\"", code_points(vocabulary("abracadabra")));
                 answers.add("the vocabulary of \"To be,\\nor not\"", code_points(vocabulary("To be,\nor not")));
                 answers.add("the vocabulary of an empty text", code_points(vocabulary("")));
               })
        .check("characters_beyond_ascii",
               [](const Vocabulary& vocabulary, Answers& answers) {
                 answers.add(fmt::format("the vocabulary of \"{}\"", kWideText), code_points(vocabulary(kWideText)));
               })
        .check("text_that_is_not_utf8",
               [](const Vocabulary& vocabulary, Answers& answers) {
                 answers.add_error("a text whose third byte is 0xff", [&] { vocabulary("ab\xff"); }, {"byte 3"});
               })
        .mistake("descending",
                 [](std::string_view text) {
                   Characters different = sorted_once(characters_of(text));
                   std::reverse(different.begin(), different.end());
                   return different;
                 })
        .mistake("unique_without_erase",
                 [](std::string_view text) {
                   Characters different = sorted(characters_of(text));
                   std::unique(different.begin(), different.end());
                   return different;
                 })
        .mistake("bytes_for_code_points", [](std::string_view text) { return sorted_once(bytes_of(text)); })
        .mistake("order_of_appearance",
                 [](std::string_view text) {
                   Characters different;
                   for (const char32_t character : characters_of(text)) {
                     if (std::find(different.begin(), different.end(), character) == different.end()) {
                       different.push_back(character);
                     }
                   }
                   return different;
                 })
        .mistake("repeats_kept", [](std::string_view text) { return sorted(characters_of(text)); })
        .mistake("capitals_made_small",
                 [](std::string_view text) {
                   Characters different = characters_of(text);
                   for (char32_t& c : different) {
                     if (c < 128 && std::isupper(static_cast<int>(c))) c += U'a' - U'A';
                   }
                   return sorted_once(different);
                 })
        .mistake("printable_only",
                 [](std::string_view text) {
                   Characters different = sorted_once(characters_of(text));
                   std::erase_if(different, [](char32_t c) { return c < 32; });
                   return different;
                 })
        .mistake("white_space_dropped", [](std::string_view text) {
          Characters different = sorted_once(characters_of(text));
          different.erase(std::remove_if(different.begin(), different.end(), [](char32_t c) { return c <= U' '; }),
                          different.end());
          return different;
        });

// 1.2 Encode ----------------------------------------------------------------------------------------------------------

using Encode = std::function<Tokens(const Characters&, std::string_view)>;

/// A mistaken encoder's parts: what becomes of a character that has a token, and what of the others.
struct EncodeParts {
  bool bytes = false;              ///< bytes for characters
  std::int64_t from = 0;           ///< the number of the vocabulary's first character
  bool code_points = false;        ///< the code point itself for a token
  bool skip_unknown = false;       ///< say nothing
  bool nearest = false;            ///< take the place where the character would be inserted
  bool first_only = false;         ///< name the first unknown character alone
  std::size_t positions_from = 1;  ///< the number of the text's first character
};

Encode encode_with(const EncodeParts& parts) {
  return [parts](const Characters& vocabulary, std::string_view text) {
    const Characters characters = parts.bytes ? bytes_of(text) : characters_of(text);
    Tokens tokens;
    Characters unknown;
    std::size_t first = 0;
    for (std::size_t i = 0; i < characters.size(); ++i) {
      const auto place = std::lower_bound(vocabulary.begin(), vocabulary.end(), characters[i]);
      const bool known = place != vocabulary.end() && *place == characters[i];
      if (known || parts.nearest) {
        tokens.push_back(parts.code_points ? characters[i] : parts.from + (place - vocabulary.begin()));
      } else {
        if (unknown.empty()) first = i + parts.positions_from;
        unknown.push_back(characters[i]);
      }
    }
    if (unknown.empty() || parts.skip_unknown) return tokens;
    std::string list;
    for (const char32_t character : unknown) {
      list += show_character(character) + " ";
      if (parts.first_only) break;
    }
    throw UsageError(fmt::format("{}(the first at character {} of the text)", list, first));
  };
}

/// What comes of an encoding that should be refused, in words.
std::string tokens_or_error(const std::function<Tokens()>& encode) {
  try {
    return fmt::format("the tokens {}", fmt::join(encode(), " "));
  } catch (const UsageError&) {
    return "a UsageError";
  }
}

/// What an error tells of unknown characters, whatever its words: which of them it names, and whether it says the
/// place.
std::string what_is_told(const std::function<void()>& encode, const Characters& unknown, std::size_t place) {
  try {
    encode();
  } catch (const UsageError& error) {
    const std::string text = error.what();
    std::string told = "a UsageError";
    for (const char32_t character : unknown) {
      const bool named = text.find(encode_utf8(character)) != std::string::npos;
      told += fmt::format(", {} {}", named ? "naming" : "without", show_character(character));
    }
    bool placed = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const auto digit = [&](std::size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '9'; };
      if (digit(i) && (i == 0 || !digit(i - 1))) placed = placed || std::stoull(text.substr(i)) == place;
    }
    return told + fmt::format(", {} its place, {}", placed ? "with" : "without", place);
  } catch (const std::out_of_range&) {
    return "threw std::out_of_range";
  }
  return "nothing was thrown";
}

[[maybe_unused]] const auto& exercise_1_2 =
    exercise<Encode>(
        "1.2", [](const Characters& vocabulary, std::string_view text) { return Tokenizer(vocabulary).encode(text); })
        .check("places_in_the_vocabulary",
               [](const Encode& encode, Answers& answers) {
                 answers.add("the tokens of \"abracadabra\\n\" over \"\\n abcdr\"",
                             encode(kVocabulary, "abracadabra\n"));
                 answers.add("the tokens of an empty text", encode(kVocabulary, ""));
               })
        .check("characters_beyond_ascii",
               [](const Encode& encode, Answers& answers) {
                 answers.add(fmt::format("the tokens of \"{}\"", kWideText), encode(kWideVocabulary, kWideText));
               })
        .check("unknown_characters",
               [](const Encode& encode, Answers& answers) {
                 answers.add("what encoding \"abz\" gives",
                             tokens_or_error([&] { return encode(kVocabulary, "abz"); }));
                 answers.add("a text whose second and fourth characters have no token", what_is_told(
                                                                                            [&] {
                                                                                              encode(kVocabulary,
                                                                                                     "a\xc3\xa9"
                                                                                                     "b!\xc3\xa9");
                                                                                            },
                                                                                            {U'\u00e9', U'!'}, 2));
                 answers.add("a text whose last character has no token, and is the largest",
                             what_is_told([&] { encode(kVocabulary, "abz"); }, {U'z'}, 3));
                 answers.add(
                     "a text whose 13th character is its first without a token",
                     what_is_told([&] { encode(kWideVocabulary, "caf\xc3\xa9: 5 \xe2\x82\xac, ax"); }, {U'x'}, 13));
               })
        .mistake("another_error",
                 [](const Characters& vocabulary, std::string_view text) {
                   Tokens tokens;
                   for (const char32_t character : characters_of(text)) {
                     const auto place = std::find(vocabulary.begin(), vocabulary.end(), character);
                     if (place == vocabulary.end()) throw std::out_of_range("no token");
                     tokens.push_back(place - vocabulary.begin());
                   }
                   return tokens;
                 })
        .mistake("bytes_for_code_points", encode_with, {.bytes = true})
        .mistake("code_points_for_tokens", encode_with, {.code_points = true})
        .mistake("tokens_from_one", encode_with, {.from = 1})
        .mistake("unknown_skipped", encode_with, {.skip_unknown = true})
        .mistake("unknown_takes_a_neighbour", encode_with, {.nearest = true})
        .mistake("only_first_named", encode_with, {.first_only = true})
        .mistake("unknown_is_minus_one",
                 [](const Characters& vocabulary, std::string_view text) {
                   Tokens tokens;
                   for (const char32_t character : characters_of(text)) {
                     const auto place = std::find(vocabulary.begin(), vocabulary.end(), character);
                     tokens.push_back(place != vocabulary.end() ? std::distance(vocabulary.begin(), place) : -1);
                   }
                   return tokens;
                 })
        .mistake("another_error",
                 [](const Characters& vocabulary, std::string_view text) {
                   std::map<char32_t, std::int64_t> token_of;
                   for (const char32_t known : vocabulary) token_of.emplace(known, std::ssize(token_of));
                   Tokens tokens;
                   for (const char32_t character : characters_of(text)) tokens.push_back(token_of.at(character));
                   return tokens;
                 })
        .mistake("position_from_zero", encode_with, {.positions_from = 0});

// 1.3 Decode ----------------------------------------------------------------------------------------------------------

using Decode = std::function<std::string(const Characters&, const Tokens&)>;

[[maybe_unused]] const auto& exercise_1_3 =
    exercise<Decode>(
        "1.3", [](const Characters& vocabulary, const Tokens& tokens) { return Tokenizer(vocabulary).decode(tokens); })
        .check("the_text_again",
               [](const Decode& decode, Answers& answers) {
                 answers.add("tokens 2 3 6 2 0 over \"\\n abcdr\"", decode(kVocabulary, {2, 3, 6, 2, 0}));
                 answers.add("no tokens", decode(kVocabulary, {}));
               })
        .check("characters_beyond_ascii",
               [](const Decode& decode, Answers& answers) {
                 answers.add("tokens 5 4 7 9 0 10 0 11 over a vocabulary with wider characters",
                             decode(kWideVocabulary, {5, 4, 7, 9, 0, 10, 0, 11}));
               })
        .check("numbers_that_are_no_token",
               [](const Decode& decode, Answers& answers) {
                 answers.add_error("token 7 of a vocabulary of 7", [&] { decode(kVocabulary, {2, 7}); });
                 answers.add_error("token -1", [&] { decode(kVocabulary, {2, -1}); });
               })
        .mistake("another_error",
                 [](const Characters& vocabulary, const Tokens& tokens) {
                   std::string text;
                   for (const auto token : tokens) {
                     if (token < 0 || token >= static_cast<std::int64_t>(vocabulary.size()))
                       throw UsageError("no such token");
                     text += encode_utf8(vocabulary[static_cast<std::size_t>(token)]);
                   }
                   return text;
                 })
        .mistake("bytes_for_code_points",
                 [](const Characters& vocabulary, const Tokens& tokens) {
                   std::string text;
                   for (const auto token : tokens) {
                     text.push_back(static_cast<char>(vocabulary.at(static_cast<std::size_t>(token))));
                   }
                   return text;
                 })
        .mistake("token_numbers_printed",
                 [](const Characters&, const Tokens& tokens) {
                   std::string text;
                   for (const auto token : tokens) text += std::to_string(token);
                   return text;
                 })
        .mistake("tokens_from_one",
                 [](const Characters& vocabulary, const Tokens& tokens) {
                   std::string text;
                   for (const auto token : tokens) {
                     text += encode_utf8(vocabulary.at(static_cast<std::size_t>(token - 1)));
                   }
                   return text;
                 })
        .mistake("tokens_for_code_points",
                 [](const Characters&, const Tokens& tokens) {
                   return encode_utf8(std::u32string(tokens.begin(), tokens.end()));
                 })
        .mistake("bad_tokens_accepted", [](const Characters& vocabulary, const Tokens& tokens) {
          std::string text;
          for (const auto token : tokens) {
            const bool exists = token >= 0 && token < static_cast<std::int64_t>(vocabulary.size());
            if (exists) text += encode_utf8(vocabulary[static_cast<std::size_t>(token)]);
          }
          return text;
        });

// 1.4 Pairs -----------------------------------------------------------------------------------------------------------

using CountPairs = std::function<torch::Tensor(const torch::Tensor&, std::int64_t)>;

/// Counts by a plain loop. @param stride 2 looks at every second pair, @param around whether the last is followed by
/// the first
torch::Tensor counted(const torch::Tensor& tokens, std::int64_t vocabulary_size, std::int64_t stride = 1,
                      bool around = false) {
  torch::Tensor counts = torch::zeros({vocabulary_size, vocabulary_size}, torch::kInt64);
  const auto token = tokens.accessor<std::int64_t, 1>();
  auto count = counts.accessor<std::int64_t, 2>();
  const std::int64_t pairs = around ? tokens.size(0) : tokens.size(0) - 1;
  for (std::int64_t i = 0; i < pairs; i += stride) ++count[token[i]][token[(i + 1) % tokens.size(0)]];
  return counts;
}

/// Tokens of which small numbers are more frequent, so that rows and columns differ: the smaller of two draws.
torch::Tensor uneven_tokens(std::int64_t length, std::int64_t vocabulary_size, std::uint64_t seed) {
  return torch::minimum(token_input({length}, vocabulary_size, seed), token_input({length}, vocabulary_size, seed + 1));
}

/// "abracadabra" over abcdr.
torch::Tensor abracadabra() {
  return torch::tensor(Tokens{0, 1, 4, 0, 2, 0, 3, 0, 1, 4, 0}, torch::kInt64);
}

[[maybe_unused]] const auto& exercise_1_4 =
    exercise<CountPairs>("1.4", count_pairs)
        .check("abracadabra",
               [](const CountPairs& count, Answers& answers) {
                 answers.add("the pairs of \"abracadabra\" over \"abcdr\"", count(abracadabra(), 5), exact);
               })
        .check("a_longer_text",
               [](const CountPairs& count, Answers& answers) {
                 answers.add("the pairs of 500 tokens", count(uneven_tokens(500, 7, 11), 7), exact);
               })
        .check("tokens_that_never_occur",
               [](const CountPairs& count, Answers& answers) {
                 answers.add("the pairs of \"aba\" over \"abcd\"",
                             count(torch::tensor(Tokens{0, 1, 0}, torch::kInt64), 4), exact);
                 answers.add("the pairs of a single token", count(torch::tensor(Tokens{2}, torch::kInt64), 4), exact);
                 answers.add("the pairs of \"ddd\" over \"abcd\"",
                             count(torch::tensor(Tokens{3, 3, 3}, torch::kInt64), 4), exact);
               })
        .mistake("left_flat",
                 [](const torch::Tensor& tokens, std::int64_t size) { return counted(tokens, size).flatten(); })
        .mistake("float_counts", [](const torch::Tensor& tokens,
                                    std::int64_t size) { return counted(tokens, size).to(torch::kFloat32); })
        .mistake("no_minlength",
                 [](const torch::Tensor& tokens, std::int64_t size) {
                   return torch::bincount(tokens.slice(0, 0, -1) * size + tokens.slice(0, 1)).view({size, size});
                 })
        .mistake("rows_and_columns_swapped",
                 [](const torch::Tensor& tokens, std::int64_t size) { return counted(tokens, size).t().contiguous(); })
        .mistake("every_second_pair",
                 [](const torch::Tensor& tokens, std::int64_t size) { return counted(tokens, size, 2); })
        .mistake("end_joined_to_beginning",
                 [](const torch::Tensor& tokens, std::int64_t size) { return counted(tokens, size, 1, true); })
        .mistake("order_ignored", [](const torch::Tensor& tokens,
                                     std::int64_t size) { return counted(tokens, size) + counted(tokens, size).t(); })
        .mistake("seen_or_not", [](const torch::Tensor& tokens, std::int64_t size) {
          return (counted(tokens, size) > 0).to(torch::kInt64);
        });

// 1.5 Coverage --------------------------------------------------------------------------------------------------------

using Measure = std::function<Coverage(const torch::Tensor&, std::int64_t)>;

Coverage right_coverage(const torch::Tensor& tokens, std::int64_t size) {
  Coverage coverage;
  coverage.vocabulary_size = size;
  coverage.characters = tokens.size(0);
  coverage.pairs_possible = size * size;
  coverage.pairs_seen = counted(tokens, size).count_nonzero().item<std::int64_t>();
  coverage.characters_per_pair = static_cast<double>(tokens.size(0)) / static_cast<double>(size * size);
  return coverage;
}

/// A coverage with one thing changed.
Measure coverage_but(const std::function<void(Coverage&)>& change) {
  return [change](const torch::Tensor& tokens, std::int64_t size) {
    Coverage coverage = right_coverage(tokens, size);
    change(coverage);
    return coverage;
  };
}

void add_coverage(const Coverage& coverage, Answers& answers) {
  answers.add("vocabulary_size", coverage.vocabulary_size);
  answers.add("characters", coverage.characters);
  answers.add("pairs_possible", coverage.pairs_possible);
  answers.add("pairs_seen", coverage.pairs_seen);
  answers.add("characters_per_pair", coverage.characters_per_pair);
}

[[maybe_unused]] const auto& exercise_1_5 =
    exercise<Measure>("1.5", measure_coverage)
        .check("abracadabra",
               [](const Measure& measure, Answers& answers) { add_coverage(measure(abracadabra(), 5), answers); })
        .check("a_longer_text", [](const Measure& measure,
                                   Answers& answers) { add_coverage(measure(uneven_tokens(300, 9, 21), 9), answers); })
        .mistake("without_doubles", coverage_but([](Coverage& coverage) {
                   coverage.pairs_possible = coverage.vocabulary_size * (coverage.vocabulary_size - 1);
                   coverage.characters_per_pair =
                       static_cast<double>(coverage.characters) / static_cast<double>(coverage.pairs_possible);
                 }))
        .mistake("pairs_for_characters", coverage_but([](Coverage& coverage) {
                   coverage.characters -= 1;
                   coverage.characters_per_pair =
                       static_cast<double>(coverage.characters) / static_cast<double>(coverage.pairs_possible);
                 }))
        .mistake("unordered_pairs", coverage_but([](Coverage& coverage) {
                   coverage.pairs_possible = coverage.vocabulary_size * (coverage.vocabulary_size - 1) / 2;
                   coverage.characters_per_pair =
                       static_cast<double>(coverage.characters) / static_cast<double>(coverage.pairs_possible);
                 }))
        .mistake("occurrences_for_pairs",
                 coverage_but([](Coverage& coverage) { coverage.pairs_seen = coverage.characters - 1; }))
        .mistake("whole_number_division", coverage_but([](Coverage& coverage) {
                   coverage.characters_per_pair = static_cast<double>(coverage.characters / coverage.pairs_possible);
                 }))
        .mistake("upside_down", coverage_but([](Coverage& coverage) {
                   coverage.characters_per_pair = 1 / coverage.characters_per_pair;
                 }))
        .mistake("divided_by_pairs_seen", coverage_but([](Coverage& coverage) {
                   coverage.characters_per_pair =
                       static_cast<double>(coverage.characters) / static_cast<double>(coverage.pairs_seen);
                 }));

// 1.6 The loss --------------------------------------------------------------------------------------------------------

using Loss = std::function<double(const torch::Tensor&)>;

/// Probabilities for tests: between 0.02 and 0.98.
torch::Tensor some_probabilities(std::int64_t count) {
  return normal_input({count}, 31).to(torch::kFloat64).sigmoid() * 0.96 + 0.02;
}

[[maybe_unused]] const auto& exercise_1_6 =
    exercise<Loss>("1.6", mean_negative_log_likelihood)
        .check("four_characters_by_hand",
               [](const Loss& loss, Answers& answers) {
                 const auto given = torch::tensor({0.5, 0.25, 0.125, 0.125}, torch::kFloat64);
                 answers.add("the loss of 1/2, 1/4, 1/8, 1/8", loss(given));
               })
        .check("sure_and_right",
               [](const Loss& loss, Answers& answers) {
                 answers.add("the loss of 1, 1, 1", loss(torch::ones({3}, torch::kFloat64)));
               })
        .check("a_hundred_characters",
               [](const Loss& loss, Answers& answers) {
                 answers.add("the loss of 100 probabilities", loss(some_probabilities(100)));
               })
        .mistake("probability", [](const torch::Tensor& p) { return -p.mean().item<double>(); })
        .mistake("logarithm_to_base_2", [](const torch::Tensor& p) { return -p.log2().mean().item<double>(); })
        .mistake("logarithm_to_base_10", [](const torch::Tensor& p) { return -p.log10().mean().item<double>(); })
        .mistake("sum_for_mean", [](const torch::Tensor& p) { return -p.log().sum().item<double>(); })
        .mistake("no_minus", [](const torch::Tensor& p) { return p.log().mean().item<double>(); })
        .mistake("logarithm_of_the_mean", [](const torch::Tensor& p) { return -p.mean().log().item<double>(); });

// 1.7 The counted pair model ------------------------------------------------------------------------------------------

using PairProbabilities = std::function<torch::Tensor(const torch::Tensor&, double)>;

[[maybe_unused]] const auto& exercise_1_7 =
    exercise<PairProbabilities>("1.7", pair_probabilities)
        .check("two_characters_by_hand",
               [](const PairProbabilities& probabilities, Answers& answers) {
                 const auto counts = torch::tensor(Tokens{1, 3, 6, 2}, torch::kInt64).view({2, 2});
                 answers.add("counts 1 3 / 6 2, smoothing 1", probabilities(counts, 1.0), double_rounding);
               })
        .check("other_smoothing",
               [](const PairProbabilities& probabilities, Answers& answers) {
                 const auto counts = token_input({6, 6}, 20, 41);
                 answers.add("smoothing 0.5", probabilities(counts, 0.5), double_rounding);
                 answers.add("smoothing 3", probabilities(counts, 3.0), double_rounding);
               })
        .check("no_smoothing",
               [](const PairProbabilities& probabilities, Answers& answers) {
                 // The second character is never followed by anything: 0 / 0, which is NaN.
                 const auto counts = torch::tensor(Tokens{1, 3, 0, 0}, torch::kInt64).view({2, 2});
                 answers.add("counts 1 3 / 0 0, smoothing 0", probabilities(counts, 0.0), double_rounding);
               })
        .mistake("softmax", [](const torch::Tensor& counts,
                               double smoothing) { return torch::softmax(counts.to(torch::kFloat64) + smoothing, 1); })
        .mistake("smoothing_after_division",
                 [](const torch::Tensor& counts, double smoothing) {
                   const auto shares = counts.to(torch::kFloat64);
                   return shares / shares.sum(1, true) + smoothing;
                 })
        .mistake("now_given_next",
                 [](const torch::Tensor& counts, double smoothing) {
                   const auto weights = counts.to(torch::kFloat64) + smoothing;
                   return weights / weights.sum(0, true);
                 })
        .mistake("share_of_all_pairs",
                 [](const torch::Tensor& counts, double smoothing) {
                   const auto weights = counts.to(torch::kFloat64) + smoothing;
                   return weights / weights.sum();
                 })
        .mistake("total_without_smoothing",
                 [](const torch::Tensor& counts, double smoothing) {
                   return (counts.to(torch::kFloat64) + smoothing) / counts.to(torch::kFloat64).sum(1, true);
                 })
        .mistake("total_of_another_row",
                 [](const torch::Tensor& counts, double smoothing) {
                   // sum(1) without keepdim is one row, which broadcasting lays over every row.
                   const auto weights = counts.to(torch::kFloat64) + smoothing;
                   return weights / weights.sum(1);
                 })
        .mistake("smoothing_left_out",
                 [](const torch::Tensor& counts, double) {
                   const auto weights = counts.to(torch::kFloat64);
                   return weights / weights.sum(1, true);
                 })
        .mistake("smoothing_once_a_row",
                 [](const torch::Tensor& counts, double smoothing) {
                   const auto exact_counts = counts.to(torch::kFloat64);
                   return (exact_counts + smoothing) / (exact_counts.sum(-1, true) + smoothing);
                 })
        .mistake("smoothing_always_one", [](const torch::Tensor& counts, double) {
          const auto weights = counts.to(torch::kFloat64) + 1;
          return weights / weights.sum(1, true);
        });

// 1.8 The pair model's loss -------------------------------------------------------------------------------------------

using ModelLoss = std::function<double(const torch::Tensor&, const torch::Tensor&)>;

torch::Tensor some_model(std::int64_t size) {
  return normal_input({size, size}, 51, 1.5).to(torch::kFloat64).softmax(1);
}

torch::Tensor now_of(const torch::Tensor& tokens) {
  return tokens.slice(0, 0, -1);
}

torch::Tensor next_of(const torch::Tensor& tokens) {
  return tokens.slice(0, 1);
}

[[maybe_unused]] const auto& exercise_1_8 =
    exercise<ModelLoss>("1.8", pair_model_loss)
        .check("abba_by_hand",
               [](const ModelLoss& loss, Answers& answers) {
                 const auto model = torch::tensor({0.75, 0.25, 0.5, 0.5}, torch::kFloat64).view({2, 2});
                 answers.add("the loss of the model 3/4 1/4 / 1/2 1/2 on \"abbaa\"",
                             loss(model, torch::tensor(Tokens{0, 1, 1, 0, 0}, torch::kInt64)));
               })
        .check("a_longer_text",
               [](const ModelLoss& loss, Answers& answers) {
                 answers.add("the loss on 200 tokens", loss(some_model(8), uneven_tokens(200, 8, 61)));
               })
        .mistake("over_characters",
                 [](const torch::Tensor& model, const torch::Tensor& tokens) {
                   return -model.index({now_of(tokens), next_of(tokens)}).log().sum().item<double>() /
                          static_cast<double>(tokens.size(0));
                 })
        .mistake("not_shifted",
                 [](const torch::Tensor& model, const torch::Tensor& tokens) {
                   return -model.index({tokens, tokens}).log().mean().item<double>();
                 })
        .mistake("now_given_next",
                 [](const torch::Tensor& model, const torch::Tensor& tokens) {
                   return -model.index({next_of(tokens), now_of(tokens)}).log().mean().item<double>();
                 })
        .mistake("logarithm_to_base_2",
                 [](const torch::Tensor& model, const torch::Tensor& tokens) {
                   return -model.index({now_of(tokens), next_of(tokens)}).log2().mean().item<double>();
                 })
        .mistake("every_pair_alike",
                 [](const torch::Tensor& model, const torch::Tensor& tokens) {
                   // Each different pair once, however often it occurs.
                   const auto seen = counted(tokens, model.size(0)) > 0;
                   return -model.masked_select(seen).log().mean().item<double>();
                 })
        .mistake("whole_table",
                 [](const torch::Tensor& model, const torch::Tensor&) { return -model.log().mean().item<double>(); })
        .mistake("sum_for_mean",
                 [](const torch::Tensor& model, const torch::Tensor& tokens) {
                   return -model.index({now_of(tokens), next_of(tokens)}).log().sum().item<double>();
                 })
        .mistake("logarithm_of_the_mean", [](const torch::Tensor& model, const torch::Tensor& tokens) {
          return -model.index({now_of(tokens), next_of(tokens)}).mean().log().item<double>();
        });

// 1.9 Sampling --------------------------------------------------------------------------------------------------------

using Sample = std::function<Tokens(const torch::Tensor&, std::int64_t, std::int64_t, Random&)>;

/// Sixteenths, whose running totals are exact, so that every honest way of drawing gives the same tokens.
torch::Tensor sixteenths() {
  return torch::tensor({1.0, 3.0, 8.0, 4.0, 6.0, 2.0, 1.0, 7.0, 4.0, 9.0, 2.0, 1.0, 2.0, 2.0, 10.0, 2.0},
                       torch::kFloat64)
             .view({4, 4}) /
         16;
}

/// A sampler by a rule for the next token. @param rule (probabilities, first, now, random)
Sample sampler(const std::function<std::int64_t(const torch::Tensor&, std::int64_t, std::int64_t, Random&)>& rule) {
  return [rule](const torch::Tensor& probabilities, std::int64_t first, std::int64_t count, Random& random) {
    Tokens tokens;
    std::int64_t now = first;
    for (std::int64_t i = 0; i < count; ++i) tokens.push_back(now = rule(probabilities, first, now, random));
    return tokens;
  };
}

/// The first token whose running total exceeds the number.
std::int64_t draw_from(const torch::Tensor& row, double number) {
  double total = 0;
  for (std::int64_t token = 0; token < row.size(0); ++token) {
    total += row[token].item<double>();
    if (total > number) return token;
  }
  return row.size(0) - 1;
}

[[maybe_unused]] const auto& exercise_1_9 =
    exercise<Sample>("1.9", sample_pairs)
        .check("rows_that_leave_no_choice",
               [](const Sample& sample, Answers& answers) {
                 const auto cycle =
                     torch::tensor({0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0}, torch::kFloat64).view({3, 3});
                 Random random(71);
                 answers.add("7 tokens after token 1 where a is always followed by b, b by c, c by a",
                             sample(cycle, 1, 7, random));
               })
        .check("drawn_tokens",
               [](const Sample& sample, Answers& answers) {
                 Random random(72);
                 answers.add("60 tokens after token 0", sample(sixteenths(), 0, 60, random));
                 answers.add("what is left of the random numbers", random.uniform(), exact);
                 answers.add("10 more after token 3", sample(sixteenths(), 3, 10, random));
               })
        .mistake("always_the_most_probable", sampler([](const torch::Tensor& model, std::int64_t, std::int64_t now,
                                                        Random&) { return model[now].argmax().item<std::int64_t>(); }))
        .mistake("row_of_the_first_token",
                 sampler([](const torch::Tensor& model, std::int64_t first, std::int64_t, Random& random) {
                   return draw_from(model[first], random.uniform());
                 }))
        .mistake("column_for_row", sampler([](const torch::Tensor& model, std::int64_t, std::int64_t now,
                                              Random& random) { return draw_from(model.t()[now], random.uniform()); }))
        .mistake("all_equally_likely", sampler([](const torch::Tensor& model, std::int64_t, std::int64_t,
                                                  Random& random) { return random.below(model.size(0)); }))
        .mistake("no_running_total",
                 sampler([](const torch::Tensor& model, std::int64_t, std::int64_t now, Random& random) {
                   // The first token that is itself more probable than the number.
                   const double number = random.uniform();
                   for (std::int64_t token = 0; token < model.size(0); ++token) {
                     if (model[now][token].item<double>() > number) return token;
                   }
                   return model.size(0) - 1;
                 }))
        .mistake("new_number_for_each",
                 [](const torch::Tensor& probabilities, std::int64_t first, std::int64_t count, Random& random) {
                   Tokens tokens;
                   std::int64_t token = first;
                   while (static_cast<std::int64_t>(tokens.size()) < count) {
                     const auto row = probabilities[token];
                     double end = 0;
                     for (token = 0; token + 1 < row.size(0); ++token) {
                       end += row[token].item<double>();
                       if (random.uniform() < end) break;
                     }
                     tokens.push_back(token);
                   }
                   return tokens;
                 })
        .mistake("first_token_included",
                 [](const torch::Tensor& model, std::int64_t first, std::int64_t count, Random& random) {
                   Tokens tokens = {first};
                   for (std::int64_t i = 0; i < count; ++i)
                     tokens.push_back(draw_from(model[tokens.back()], random.uniform()));
                   return tokens;
                 });

// 1.10 The most frequent pair -----------------------------------------------------------------------------------------

using Find = std::function<Pair(const Tokens&)>;

/// How often each pair occurs. @param stride 2 looks at every second pair
std::map<Pair, std::int64_t> pair_counts(const Tokens& tokens, std::size_t stride = 1) {
  std::map<Pair, std::int64_t> counts;
  for (std::size_t i = 0; i + 1 < tokens.size(); i += stride) ++counts[{tokens[i], tokens[i + 1]}];
  return counts;
}

/// The first pair of those that occur most often.
Pair first_of_most(const std::map<Pair, std::int64_t>& counts) {
  return std::max_element(counts.begin(), counts.end(),
                          [](const auto& one, const auto& other) { return one.second < other.second; })
      ->first;
}

Tokens listed(const Pair& pair) {
  return {pair.first, pair.second};
}

[[maybe_unused]] const auto& exercise_1_10 =
    exercise<Find>("1.10", most_frequent_pair)
        .check("one_pair_leads",
               [](const Find& find, Answers& answers) {
                 answers.add("the pair of 7 2 1 8 9 2 1 6 3 2 1 0", listed(find({7, 2, 1, 8, 9, 2, 1, 6, 3, 2, 1, 0})));
                 answers.add("the pair of 5 3 9 5 3 8 3 5 7 3 5 6 5 3",
                             listed(find({5, 3, 9, 5, 3, 8, 3, 5, 7, 3, 5, 6, 5, 3})));
               })
        .check("several_lead",
               [](const Find& find, Answers& answers) {
                 answers.add("the pair of 2 7 1 6 4 9 2 7 0 1 6 5 4 9",
                             listed(find({2, 7, 1, 6, 4, 9, 2, 7, 0, 1, 6, 5, 4, 9})));
                 answers.add("the pair of 8 1 7 8 0 8 1 3 8 0", listed(find({8, 1, 7, 8, 0, 8, 1, 3, 8, 0})));
               })
        .check("numbers_beyond_the_alphabet",
               [](const Find& find, Answers& answers) {
                 answers.add("the pair of 70000 3 70000 3", listed(find({70000, 3, 70000, 3})));
               })
        .check("large_second_numbers",
               [](const Find& find, Answers& answers) {
                 answers.add("the pair of 3 70000 3 70000", listed(find({3, 70000, 3, 70000})));
               })
        .mistake(
            "last_pair_missed",
            [](const Tokens& tokens) { return first_of_most(pair_counts(Tokens(tokens.begin(), tokens.end() - 1))); })
        .mistake("rarest",
                 [](const Tokens& tokens) {
                   const auto counts = pair_counts(tokens);
                   return std::min_element(counts.begin(), counts.end(),
                                           [](const auto& one, const auto& other) { return one.second < other.second; })
                       ->first;
                 })
        .mistake("smallest_pair", [](const Tokens& tokens) { return pair_counts(tokens).begin()->first; })
        .mistake("most_frequent_tokens",
                 [](const Tokens& tokens) {
                   std::map<std::int64_t, std::int64_t> counts;
                   for (const auto token : tokens) ++counts[token];
                   std::vector<Pair> ranking;
                   for (const auto& [token, count] : counts) ranking.push_back({-count, token});
                   std::sort(ranking.begin(), ranking.end());
                   return Pair(ranking[0].second, ranking[1].second);
                 })
        .mistake("largest_of_equals",
                 [](const Tokens& tokens) {
                   const auto counts = pair_counts(tokens);
                   auto best = counts.begin();
                   for (auto entry = counts.begin(); entry != counts.end(); ++entry) {
                     if (entry->second >= best->second) best = entry;
                   }
                   return best->first;
                 })
        .mistake("first_read_of_equals",
                 [](const Tokens& tokens) {
                   auto counts = pair_counts(tokens);
                   Pair best(tokens[0], tokens[1]);
                   for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
                     if (counts[{tokens[i], tokens[i + 1]}] > counts[best]) best = {tokens[i], tokens[i + 1]};
                   }
                   return best;
                 })
        .mistake("order_ignored",
                 [](const Tokens& tokens) {
                   std::map<Pair, std::int64_t> counts;
                   for (const auto& [pair, count] : pair_counts(tokens))
                     counts[std::minmax(pair.first, pair.second)] += count;
                   return first_of_most(counts);
                 })
        .mistake("packed_too_tightly",
                 [](const Tokens& tokens) {
                   std::map<std::int64_t, std::int64_t> counts;
                   for (std::size_t i = 1; i < tokens.size(); ++i) ++counts[(tokens[i - 1] << 8) + tokens[i]];
                   std::int64_t best = counts.begin()->first;
                   for (const auto& [packed, count] : counts) {
                     if (count > counts[best]) best = packed;
                   }
                   return Pair(best >> 8, best & 255);
                 })
        .mistake("every_second_pair", [](const Tokens& tokens) { return first_of_most(pair_counts(tokens, 2)); });

// 1.11 One merge ------------------------------------------------------------------------------------------------------

using MergeOne = std::function<Tokens(const Tokens&, Pair, std::int64_t)>;

/// Merges from the left. @param at_most merges made, @param either_order whether (b, a) is merged too,
/// @param keep_second whether the pair's second token stays, @param lose_last whether a last token on its own is lost
Tokens merged(const Tokens& tokens, Pair pair, std::int64_t new_token, std::size_t at_most, bool either_order,
              bool keep_second, bool lose_last) {
  Tokens result;
  std::size_t merges = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (i + 1 == tokens.size()) {
      if (!lose_last) result.push_back(tokens[i]);
      break;
    }
    const Pair here(tokens[i], tokens[i + 1]);
    const bool found = here == pair || (either_order && here == Pair(pair.second, pair.first));
    if (found && merges < at_most) {
      result.push_back(new_token);
      ++merges;
      if (!keep_second) ++i;
    } else {
      result.push_back(tokens[i]);
    }
  }
  return result;
}

constexpr std::size_t kNoLimit = SIZE_MAX;

[[maybe_unused]] const auto& exercise_1_11 =
    exercise<MergeOne>("1.11", merge_pair)
        .check(
            "each_occurrence",
            [](const MergeOne& merge, Answers& answers) {
              answers.add("1 2 merged into 9 in 1 2 3 2 1 2 1 1 2 3", merge({1, 2, 3, 2, 1, 2, 1, 1, 2, 3}, {1, 2}, 9));
              answers.add("1 2 merged into 9 in 3 1 2", merge({3, 1, 2}, {1, 2}, 9));
              answers.add("1 2 merged into 9 in 2 1 1", merge({2, 1, 1}, {1, 2}, 9));
            })
        .check("a_token_with_itself",
               [](const MergeOne& merge, Answers& answers) {
                 answers.add("4 4 merged into 9 in 4 4 4", merge({4, 4, 4}, {4, 4}, 9));
                 answers.add("4 4 merged into 9 in 4 4 4 4 1 4", merge({4, 4, 4, 4, 1, 4}, {4, 4}, 9));
               })
        .check("next_to_nothing",
               [](const MergeOne& merge, Answers& answers) {
                 answers.add("a single token", merge({1}, {1, 2}, 9));
                 answers.add("no token", merge({}, {1, 2}, 9));
               })
        .mistake("nothing_merged", [](const Tokens& tokens, Pair, std::int64_t) { return tokens; })
        .mistake("second_token_kept",
                 [](const Tokens& tokens, Pair pair, std::int64_t new_token) {
                   return merged(tokens, pair, new_token, kNoLimit, false, true, false);
                 })
        .mistake("only_the_first",
                 [](const Tokens& tokens, Pair pair, std::int64_t new_token) {
                   return merged(tokens, pair, new_token, 1, false, false, false);
                 })
        .mistake("either_order",
                 [](const Tokens& tokens, Pair pair, std::int64_t new_token) {
                   return merged(tokens, pair, new_token, kNoLimit, true, false, false);
                 })
        .mistake("last_token_lost",
                 [](const Tokens& tokens, Pair pair, std::int64_t new_token) {
                   return merged(tokens, pair, new_token, kNoLimit, false, false, true);
                 })
        .mistake("from_the_right", [](const Tokens& tokens, Pair pair, std::int64_t new_token) {
          Tokens backwards(tokens.rbegin(), tokens.rend());
          backwards = merged(backwards, {pair.second, pair.first}, new_token, kNoLimit, false, false, false);
          return Tokens(backwards.rbegin(), backwards.rend());
        });

}  // namespace
}  // namespace verse
