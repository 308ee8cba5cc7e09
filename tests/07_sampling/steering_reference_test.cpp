/// @file
/// The reference of chapter 7's steering: draws as a distribution, stop strings whatever the pieces, and texts of a
/// grammar that another parser reads.

#include "07_sampling/steering.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "07_sampling/given/grammar.h"
#include "07_sampling/given/steered.h"
#include "07_sampling/sampling.h"
#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/random.h"

namespace verse {
namespace {

torch::Tensor float64(const std::vector<double>& values) {
  return torch::tensor(values, torch::kFloat64);
}

/// Draws 10,000 tokens by the options and compares their counts with `expected` by the chi-square test, at one in a
/// thousand. @param critical that quantile, for one degree of freedom fewer than there are possible tokens
void expect_drawn(const torch::Tensor& logits, const SamplingOptions& options, const std::vector<double>& expected,
                  double critical) {
  constexpr int kDraws = 10'000;
  std::vector<int> observed(expected.size(), 0);
  Random random(77);
  for (int i = 0; i < kDraws; ++i) ++observed[static_cast<std::size_t>(choose_token(logits, options, random))];
  double chi_square = 0;
  std::string table;
  for (std::size_t token = 0; token < expected.size(); ++token) {
    const double count = kDraws * expected[token];
    table += fmt::format("token {}: observed {}, expected {:.1f}\n", token, observed[token], count);
    if (count > 0) {
      chi_square += std::pow(observed[token] - count, 2) / count;
    } else {
      EXPECT_EQ(observed[token], 0) << table;
    }
  }
  EXPECT_LE(chi_square, critical) << table;
}

// The quantiles of the chi-square distribution at 0.999.
constexpr double kTwoDegrees = 13.816, kThreeDegrees = 16.266;

TEST(MinP, DrawsFollowTheHandWorkedProbabilities) {
  // A tenth of 0.5 is 0.05: the last two stay out, and 0.5 0.3 0.12 are shared out over their sum, 0.92.
  const auto logits = torch::log(float64({0.3, 0.5, 0.04, 0.12, 0.04}));
  SamplingOptions options;
  options.temperature = 1;
  options.min_p = 0.1;
  expect_drawn(logits, options, {0.3 / 0.92, 0.5 / 0.92, 0, 0.12 / 0.92, 0}, kTwoDegrees);
}

TEST(MinP, ComesAfterTheTemperature) {
  // At temperature 1/2 probabilities are squared: 0.25 0.09 0.0144 0.0016, and a tenth of the first is 0.025.
  SamplingOptions options;
  options.temperature = 0.5;
  options.min_p = 0.1;
  Random random(1);
  for (int i = 0; i < 300; ++i)
    ASSERT_LE(choose_token(torch::log(float64({0.5, 0.3, 0.12, 0.04})), options, random), 1);
}

TEST(MinP, RefusesWhatIsNoShare) {
  for (const double wrong : {0.0, -0.1, 1.1, std::numeric_limits<double>::quiet_NaN()})
    EXPECT_THROW(keep_min_p(float64({0.5, 0.5}), wrong), UsageError) << wrong;
}

TEST(Penalties, DrawsFollowTheHandWorkedProbabilities) {
  // Logits ln 8, ln 4, ln 2 and -ln 2; tokens 0 and 3 have occurred. A repetition penalty of 2 makes of them (ln 8) / 2
  // and -2 ln 2; a presence penalty of ln 2 halves both odds: sqrt(8) / 2, 4, 2 and 1/8.
  const auto logits = torch::log(float64({8, 4, 2, 0.5}));
  SteeringOptions steering_options;
  steering_options.repetition = 2;
  steering_options.presence = std::log(2.0);
  const Steering steering(steering_options, {"a", "b", "c", "d"}, {0, 3, 0}, 10);
  SamplingOptions options;
  options.temperature = 1;
  options.change = [&](const torch::Tensor& given) { return steering.change(given); };
  const std::vector<double> odds = {std::sqrt(8.0) / 2, 4, 2, 0.125};
  const double sum = odds[0] + odds[1] + odds[2] + odds[3];
  expect_drawn(logits, options, {odds[0] / sum, odds[1] / sum, odds[2] / sum, odds[3] / sum}, kThreeDegrees);
}

TEST(Penalties, WorkOnEitherSideOfZeroAndLeaveTheRest) {
  const auto logits = float64({3, -3, 0, 1});
  EXPECT_TRUE(penalise(logits, {0, 1, 2, 1}, 1.5, 0).allclose(float64({2, -4.5, 0, 1})));
  EXPECT_TRUE(torch::equal(penalise(logits, {}, 1.5, 2), logits));
  EXPECT_THROW(penalise(logits, {0}, 0, 0), UsageError);
}

TEST(Bias, IsAddedToItsTokensAlone) {
  SteeringOptions options;
  options.bias = {{1, -5}, {2, 0.5}};
  const Steering steering(options, {"a", "b", "c"}, {0}, 10);
  EXPECT_TRUE(torch::equal(steering.change(float64({1, 1, 1})), float64({1, -4, 1.5})));
}

/// A text in pieces by chance, through the search.
std::string shown(const std::string& text, const std::vector<std::string>& stops, Random& random) {
  StopSearch search(stops);
  std::string seen;
  for (std::size_t at = 0; at < text.size() && !search.found();) {
    const auto length = static_cast<std::size_t>(random.below(4));  // 0 to 3 bytes, and never all of a stop string
    seen += search.add(std::string_view(text).substr(at, length));
    at += length;
    for (const auto& stop : stops) EXPECT_EQ(seen.find(stop), std::string::npos) << seen;
    EXPECT_EQ(text.rfind(seen, 0), 0U) << "what is shown is how the text begins";
  }
  return seen + search.finish();
}

TEST(StopSearch, ShowsTheSameHoweverTheTextIsCutIntoTokens) {
  Random random(3);
  for (int trial = 0; trial < 2000; ++trial) {
    // Texts and stop strings of two letters: beginnings, ends and overlaps of all kinds.
    const auto draw_text = [&](std::int64_t least, std::int64_t most) {
      std::string text;
      for (std::int64_t n = least + random.below(most - least + 1); n > 0; --n)
        text += random.below(2) == 0 ? 'a' : 'b';
      return text;
    };
    const std::string text = draw_text(0, 30);
    const std::vector<std::string> stops = {draw_text(4, 6), draw_text(4, 6)};
    // Letter by letter, the first stop string that the text ends with.
    std::string expected = text;
    for (std::size_t length = 1; length <= text.size() && expected == text; ++length) {
      for (const auto& stop : stops) {
        if (!text.substr(0, length).ends_with(stop)) continue;
        expected.resize(std::min(expected.size(), length - stop.size()));
      }
    }
    EXPECT_EQ(shown(text, stops, random), expected) << text << " " << stops[0] << " " << stops[1];
  }
}

TEST(StopSearch, HoldsBackNoMoreThanItMust) {
  StopSearch search({"\nKING"});
  EXPECT_EQ(search.add("my lord.\nKI"), "my lord.");
  EXPECT_EQ(search.add("ND"), "\nKIND");
  EXPECT_EQ(search.add("\n"), "");
  EXPECT_EQ(search.add("KING"), "");
  EXPECT_TRUE(search.found());
  EXPECT_EQ(search.add("and more"), "");
  EXPECT_EQ(search.finish(), "");
  StopSearch other({"\nKING"});
  EXPECT_EQ(other.add("on\nKIN"), "on");
  EXPECT_EQ(other.finish(), "\nKIN");
}

std::shared_ptr<const TextGrammar> given_grammar(const std::string& name) {
  const auto file = std::filesystem::path(VERSE_SOURCE_DIR) / "chapters/07_sampling/given/grammars" / name;
  return TextGrammar::parse(read_file(file), name);
}

/// A text by chance: of the tokens that the grammar lets through, each is as likely as the others.
std::string draw_from(const std::shared_ptr<const TextGrammar>& grammar, const std::vector<std::string>& tokens,
                      std::int64_t room, Random& random) {
  SteeringOptions options;
  options.grammar = grammar;
  Steering steering(options, tokens, {}, room);
  const auto nothing = torch::zeros({static_cast<std::int64_t>(tokens.size())});
  std::string text;
  for (bool goes_on = true; goes_on;) {
    const auto logits = steering.change(nothing).cpu();
    std::vector<std::int64_t> allowed;
    for (std::int64_t i = 0; i < logits.size(0); ++i) {
      if (logits.const_data_ptr<float>()[i] == 0) allowed.push_back(i);
    }
    const auto token = allowed.at(static_cast<std::size_t>(random.below(static_cast<std::int64_t>(allowed.size()))));
    text += tokens[static_cast<std::size_t>(token)];
    goes_on = steering.hear(token);
  }
  return text;
}

TEST(Grammar, TenThousandConstrainedTextsAreAllJson) {
  // Single characters, and tokens that reach across the grammar's borders.
  const std::vector<std::string> tokens = {
      "{", "}", "[",   "]",   ":",   ",",  "\"", " ",    "a",  "b",    "0",    "1", "7", "-",  ".",  "t", "r",
      "u", "e", "\":", "{\"", "\"}", "]}", "}}", ", \"", "tr", "true", "null", "n", "l", "00", "1.", "é", "x\ny"};
  const auto json = given_grammar("json.txt");
  Random random(11);
  std::set<std::string> different;
  std::size_t longest = 0;
  for (int i = 0; i < 10'000; ++i) {
    const auto text = draw_from(json, tokens, 2 + random.below(14), random);
    ASSERT_TRUE(nlohmann::json::accept(text)) << text;
    different.insert(text);
    longest = std::max(longest, text.size());
  }
  EXPECT_GE(different.size(), 2000U) << "they are not all {}";
  EXPECT_GE(longest, 15U);
}

TEST(Grammar, WithoutItNearlyNothingIsJson) {
  // The counter-test: the same draws with nothing forbidden.
  const std::vector<std::string> tokens = {"{", "}", "\"", ":", ",", "a", "1"};
  const auto anything = TextGrammar::parse("root ::= [{}\":,a1]+", "anything");
  Random random(11);
  int parsed = 0;
  for (int i = 0; i < 500; ++i) parsed += nlohmann::json::accept(draw_from(anything, tokens, 8, random)) ? 1 : 0;
  EXPECT_LE(parsed, 25);
}

TEST(Grammar, ASpeechFitsTheAlphabetOfThePlay) {
  std::vector<std::string> tokens;
  for (const char letter : std::string("\n !$&',-.3:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"))
    tokens.emplace_back(1, letter);
  Random random(5);
  const auto text = draw_from(given_grammar("speech.txt"), tokens, 60, random);
  EXPECT_EQ(text.back(), '\n') << text;
  EXPECT_NE(text.find(":\n"), std::string::npos) << text;
  SteeringOptions options;
  options.grammar = given_grammar("json.txt");
  try {
    const Steering steering(options, tokens, {}, 60);
    FAIL() << "there is no { in the play";
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("json.txt: no text of this grammar"), std::string::npos) << error.what();
  }
}

TEST(Grammar, TheProgramsSpeechIsTheFiles) {
  const auto file = std::filesystem::path(VERSE_SOURCE_DIR) / "chapters/07_sampling/given/grammars/speech.txt";
  EXPECT_TRUE(read_file(file).ends_with(kSpeechGrammar));
}

TEST(Grammar, SaysWhatIsMissingAndWhetherMoreMayFollow) {
  GrammarState state(TextGrammar::parse("root ::= \"ab\" (\"c\" | \"def\")? \"g\"*", "here"));
  EXPECT_EQ(state.missing(), 2);
  EXPECT_TRUE(state.take('a'));
  EXPECT_FALSE(state.take('a'));
  EXPECT_EQ(state.missing(), 1) << "what is refused changes nothing";
  EXPECT_TRUE(state.take('b'));
  EXPECT_EQ(state.missing(), 0);
  EXPECT_TRUE(state.take('d'));
  EXPECT_EQ(state.missing(), 2);
  GrammarState ended(TextGrammar::parse("root ::= \"x\"", "here"));
  EXPECT_TRUE(ended.goes_on());
  EXPECT_TRUE(ended.take('x'));
  EXPECT_FALSE(ended.goes_on());
}

TEST(Grammar, MistakesAreNamedWithTheirLine) {
  const auto complaint = [](const std::string& rules) -> std::string {
    try {
      TextGrammar::parse(rules, "g");
    } catch (const UsageError& error) {
      return error.what();
    }
    return "nothing";
  };
  EXPECT_EQ(complaint("root ::= other"), "g: the rule other is not defined");
  EXPECT_EQ(complaint("x ::= \"a\""), "g: the rule root is not defined");
  EXPECT_EQ(complaint("root ::= \"a\"\nroot ::= \"b\""), "g:2: another name than root was expected here, not ' '");
  EXPECT_EQ(complaint("root ::= root \"a\" | \"b\""), "g: a rule begins with itself: root");
  EXPECT_EQ(complaint("root ::= (\"a\"*)*"), "g: a rule begins with itself inside of *, + or parentheses");
  EXPECT_EQ(complaint("# a remark\nroot ::= \"a"), "g:2: the closing \" was expected here, but the text ends");
  EXPECT_EQ(complaint("root ::= (\"a\""), "g:1: ) was expected here, but the text ends");
  EXPECT_EQ(complaint("root ::= \"a\" )"), "g:1: a rule's name was expected here, not ')'");
  EXPECT_EQ(complaint("root ::= [z-a]"), "g:1: a range of ASCII characters was expected here, not ']'");
  EXPECT_EQ(complaint("root \"a\""), "g:1: ::= was expected here, not '\"'");
  EXPECT_EQ(complaint("root ::= \"a\" % \"b\""),
            "g:1: a text, a class, a group or a rule's name was expected here, not '%'");
  // What nobody writes, and what would take all stack, memory or time.
  EXPECT_EQ(complaint("root ::= " + std::string(300'000, '(')),
            "g:1: no parenthesis inside of 100 others was expected here, not '('");
  EXPECT_EQ(complaint(std::string(2'000'000, '#')), "g: a grammar of at most 1000000 bytes is read, not of 2000000");
  std::string chain = "root ::= a0\n";
  for (int i = 0; i < 1900; ++i) chain += fmt::format("a{} ::= a{}\n", i, i + 1);
  EXPECT_EQ(complaint(chain + "a1900 ::= \"z\""), "nothing");
  EXPECT_EQ(complaint(chain + "a1900 ::= root"), "g: a rule begins with itself: root");
  for (int i = 1900; i < 2000; ++i) chain += fmt::format("a{} ::= a{}\n", i, i + 1);
  EXPECT_NE(complaint(chain).find("no rule, group or repetition after 2000"), std::string::npos) << complaint(chain);
}

TEST(Grammar, WaysThatDoubleFromRuleToRuleAreRefused) {
  std::string rules = "root ::= a0\n";
  for (int i = 0; i < 30; ++i) rules += fmt::format("a{0} ::= a{1} \"x\" | a{1} \"y\"\n", i, i + 1);
  const auto grammar = TextGrammar::parse(rules + "a30 ::= \"z\"", "g");
  EXPECT_THROW(GrammarState{grammar}, UsageError);
  // Ways that are not too many by themselves, each of them deep.
  const auto doubled = [](int times, int deep) {
    std::string text = "root ::= c0\n";
    for (int i = 0; i < deep; ++i) text += fmt::format("c{} ::= c{} \"x\"\n", i, i + 1);
    text += fmt::format("c{} ::= a0\n", deep);
    for (int i = 0; i < times; ++i) text += fmt::format("a{0} ::= a{1} \"x\" | a{1} \"y\"\n", i, i + 1);
    return TextGrammar::parse(text + fmt::format("a{} ::= \"z\"", times), "g");
  };
  EXPECT_NO_THROW(GrammarState{doubled(14, 10)});
  EXPECT_NO_THROW(GrammarState{doubled(0, 1500)});
  EXPECT_THROW(GrammarState{doubled(14, 400)}, UsageError);
  // Many that lead to the same are one.
  rules = "root ::= ";
  for (int i = 0; i < 5000; ++i) rules += fmt::format("\"{}\" | ", i);
  GrammarState state(TextGrammar::parse(rules + "\"x\"", "g"));
  EXPECT_TRUE(state.take('4'));
  EXPECT_EQ(state.missing(), 0);
}

TEST(Steering, EndsWhereTheGrammarOrTheEndTokenSays) {
  SteeringOptions options;
  options.end_token = 2;
  options.grammar = TextGrammar::parse("root ::= \"a\" \"b\"?", "here");
  Steering steering(options, {"a", "b", "<end>"}, {}, 5);
  const auto never = -std::numeric_limits<double>::infinity();
  EXPECT_TRUE(torch::equal(steering.change(float64({1, 1, 1})), float64({1, never, never})));
  EXPECT_TRUE(steering.hear(0));
  EXPECT_TRUE(torch::equal(steering.change(float64({1, 1, 1})), float64({never, 1, 1}))) << "it may end here";
  EXPECT_FALSE(steering.hear(2));
  Steering other(options, {"a", "b", "<end>"}, {}, 5);
  EXPECT_TRUE(other.hear(0));
  EXPECT_FALSE(other.hear(1)) << "nothing may follow";
  EXPECT_THROW(Steering(options, {"a", "b", "<end>"}, {}, 0), UsageError);
}

}  // namespace
}  // namespace verse
