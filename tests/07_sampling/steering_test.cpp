/// @file
/// The checks of chapter 7's exercises in steering.cpp, and the mistakes that they know.

#include "07_sampling/steering.h"

#include <torch/torch.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "07_sampling/given/grammar.h"
#include "tests/harness/check.h"

namespace verse {
namespace {

using torch::Tensor;
using Tokens = std::vector<std::int64_t>;

constexpr Tolerance kFewSteps{1e-12, 1e-12, "float64 rounds, a handful of times"};
constexpr double kNever = -std::numeric_limits<double>::infinity();

Tensor float64(const std::vector<double>& values) {
  return torch::tensor(values, torch::kFloat64);
}

Tensor shared_out(const Tensor& kept) {
  return kept / kept.sum();
}

// 7.10
// ------------------------------------------------------------------------------------------------------------------

using KeepShare = std::function<Tensor(const Tensor&, double)>;

[[maybe_unused]] const auto& exercise_7_10 =
    exercise<KeepShare>("7.10", keep_min_p)
        .check("sure_and_unsure",
               [](const KeepShare& keep, Answers& answers) {
                 const auto sure = float64({0.03125, 0.8125, 0.125, 0.03125});
                 answers.add("of 1/32, 13/16, 1/8, 1/32 what a share of 0.1 keeps", keep(sure, 0.1), kFewSteps);
                 const auto unsure = float64({0.0625, 0.25, 0.1875, 0.25, 0.21875, 0.03125});
                 answers.add("of 1/16, 1/4, 3/16, 1/4, 7/32, 1/32 what a share of 0.2 keeps", keep(unsure, 0.2),
                             kFewSteps);
                 answers.add("the probabilities that were given, afterwards", unsure, exact);
               })
        .check("exactly_the_share",
               [](const KeepShare& keep, Answers& answers) {
                 const auto probabilities = float64({0.125, 0.5, 0.25, 0.125});
                 answers.add("of 1/8, 1/2, 1/4, 1/8 what a share of 1/4 keeps", keep(probabilities, 0.25), kFewSteps);
                 answers.add("of 1/8, 1/2, 1/4, 1/8 what a share of 1 keeps", keep(probabilities, 1.0), kFewSteps);
               })
        .mistake("share_for_probability",
                 [](const Tensor& probabilities, double share) {
                   const auto threshold = std::min(share, probabilities.max().item<double>());  // never nothing at all
                   return shared_out(torch::where(probabilities >= threshold, probabilities, 0.0));
                 })
        .mistake("share_dropped",
                 [](const Tensor& probabilities, double share) {
                   const auto stays =
                       (probabilities > share * probabilities.max()) | (probabilities == probabilities.max());
                   return shared_out(torch::where(stays, probabilities, 0.0));
                 })
        .mistake("not_shared_out_again",
                 [](const Tensor& probabilities, double share) {
                   return torch::where(probabilities >= share * probabilities.max(), probabilities, 0.0);
                 })
        .mistake("of_the_mean",
                 [](const Tensor& probabilities, double share) {
                   return shared_out(torch::where(probabilities >= share * probabilities.mean(), probabilities, 0.0));
                 })
        .mistake("share_for_probability",
                 [](const Tensor& probabilities, double share) {
                   return shared_out(torch::where(probabilities >= share, probabilities, 0.0));
                 })
        .mistake("share_dropped",
                 [](const Tensor& probabilities, double share) {
                   return shared_out(torch::where(probabilities > share * probabilities.max(), probabilities, 0.0));
                 })
        .mistake("input_changed", [](const Tensor& probabilities, double share) {
          auto kept = probabilities;  // another name of the same numbers
          kept.masked_fill_(probabilities < share * probabilities.max(), 0.0);
          return shared_out(kept);
        });

// 7.11
// ------------------------------------------------------------------------------------------------------------------

using Penalise = std::function<Tensor(const Tensor&, const Tokens&, double, double)>;

/// What of the penalties a slip gets wrong.
struct PenaltySlip {
  bool minds_sign = true, once = true, raises = false, presence_first = false, everywhere = false, only_last = false;
};

Penalise penalising_with(const PenaltySlip& slip) {
  return [slip](const Tensor& given, const Tokens& text, double repetition, double presence) {
    auto logits = given.clone();
    Tokens tokens = text;
    if (slip.only_last && tokens.size() > 1) tokens = {tokens.back()};
    if (slip.once || slip.everywhere) {
      std::sort(tokens.begin(), tokens.end());
      tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
    }
    if (slip.everywhere) {
      tokens.clear();
      for (std::int64_t token = 0; token < given.size(0); ++token) tokens.push_back(token);
    }
    for (const auto token : tokens) {
      double logit = logits[token].item<double>();
      if (slip.presence_first) logit -= presence;
      const bool divides = (logit > 0 || !slip.minds_sign) != slip.raises;
      logit = divides ? logit / repetition : logit * repetition;
      if (!slip.presence_first) logit += slip.raises ? presence : -presence;
      logits[token] = logit;
    }
    return logits;
  };
}

[[maybe_unused]] const auto& exercise_7_11 =
    exercise<Penalise>("7.11", penalise)
        .check(
            "repetition",
            [](const Penalise& penalty, Answers& answers) {
              const auto logits = float64({2.0, -1.0, 0.5, 3.0, -4.0});
              answers.add("2, -1, 0.5, 3, -4 with a repetition penalty of 2 after the tokens 0, 4",
                          penalty(logits, {0, 4}, 2.0, 0.0), kFewSteps);
              answers.add("the same after the tokens 3, 1, 3, 3", penalty(logits, {3, 1, 3, 3}, 2.0, 0.0), kFewSteps);
              answers.add("the logits that were given, afterwards", logits, exact);
            })
        .check("presence",
               [](const Penalise& penalty, Answers& answers) {
                 const auto logits = float64({2.0, -1.0, 0.5, 3.0});
                 answers.add("2, -1, 0.5, 3 with a presence penalty of 0.75 after the tokens 1, 3, 1",
                             penalty(logits, {1, 3, 1}, 1.0, 0.75), kFewSteps);
               })
        .check("both",
               [](const Penalise& penalty, Answers& answers) {
                 const auto logits = float64({2.0, -1.0, 0.5});
                 answers.add("2, -1, 0.5 with a repetition penalty of 4 and a presence penalty of 1 after 0, 1",
                             penalty(logits, {0, 1}, 4.0, 1.0), kFewSteps);
               })
        .check("nothing_to_do",
               [](const Penalise& penalty, Answers& answers) {
                 const auto logits = float64({2.0, -1.0, 0.5});
                 answers.add("2, -1, 0.5 after no text", penalty(logits, {}, 2.0, 1.0), kFewSteps);
                 answers.add("2, -1, 0.5 after 0, 1 with penalties of 1 and 0", penalty(logits, {0, 1}, 1.0, 0.0),
                             kFewSteps);
               })
        .mistake("negative_divided", penalising_with, {.minds_sign = false})
        .mistake("each_occurrence", penalising_with, {.once = false})
        .mistake("rewarded", penalising_with, {.raises = true})
        .mistake("presence_first", penalising_with, {.presence_first = true})
        .mistake("all_tokens", penalising_with, {.everywhere = true})
        .mistake("only_the_last", penalising_with, {.only_last = true})
        .mistake("input_changed", [](const Tensor& given, const Tokens& text, double repetition, double presence) {
          const auto right = penalising_with({})(given, text, repetition, presence);
          auto same = given;  // another name of the same numbers
          same.copy_(right);
          return same;
        });

// 7.12
// ------------------------------------------------------------------------------------------------------------------

using Stops = std::vector<std::string>;
using Show = std::function<Showable(std::string_view, const Stops&)>;

/// What of the search a slip gets wrong.
struct ShowSlip {
  enum { ends_first, begins_first, first_listed, last_place, listed_of_equals } which = ends_first;
  enum { longest, shortest, none, always, whole_text } waits = longest;
  bool shows_stop = false;
};

Show showing_with(const ShowSlip& slip) {
  return [slip](std::string_view text, const Stops& stops) -> Showable {
    std::size_t at = std::string_view::npos, length = 0;
    for (const auto& stop : stops) {
      const auto found = slip.which == ShowSlip::last_place ? text.rfind(stop) : text.find(stop);
      if (found == std::string_view::npos) continue;
      const bool is_first = at == std::string_view::npos;
      if (slip.which == ShowSlip::first_listed && !is_first) continue;
      if (slip.which == ShowSlip::begins_first && !is_first && found > at) continue;
      if (slip.which == ShowSlip::listed_of_equals && !is_first && found + stop.size() >= at + length) continue;
      if (slip.which == ShowSlip::ends_first && !is_first &&
          (found + stop.size() > at + length || (found + stop.size() == at + length && found > at)))
        continue;
      at = found;
      length = stop.size();
    }
    if (at != std::string_view::npos) return {slip.shows_stop ? at + length : at, true};
    if (slip.waits == ShowSlip::none) return {text.size(), false};
    if (slip.waits == ShowSlip::whole_text) return {0, false};
    std::size_t waiting = 0, least = text.size() + 1;
    for (const auto& stop : stops) {
      if (slip.waits == ShowSlip::always) waiting = std::max(waiting, std::min(stop.size() - 1, text.size()));
      if (slip.waits == ShowSlip::always) continue;
      for (std::size_t n = 1; n < stop.size() && n <= text.size(); ++n) {
        if (!text.ends_with(stop.substr(0, n))) continue;
        waiting = std::max(waiting, n);
        least = std::min(least, n);
      }
    }
    if (slip.waits == ShowSlip::shortest && least <= text.size()) waiting = least;
    return {text.size() - waiting, false};
  };
}

void add_shown(const Show& show, Answers& answers, const std::string& text, const Stops& stops) {
  std::string name;
  for (const auto& stop : stops) name += (name.empty() ? "\"" : " and \"") + stop + "\"";
  const auto result = show(text, stops);
  answers.add("how much of \"" + text + "\" may be shown with the stops " + name, result.length);
  answers.add("whether \"" + text + "\" is stopped by " + name, result.stopped);
}

[[maybe_unused]] const auto& exercise_7_12 =
    exercise<Show>("7.12", showable)
        .check("complete",
               [](const Show& show, Answers& answers) {
                 add_shown(show, answers, "to be END or not END", {"END"});
                 add_shown(show, answers, "END", {"END"});
                 add_shown(show, answers, "an END and an END", {"END"});
               })
        .check("halfway",
               [](const Show& show, Answers& answers) {
                 add_shown(show, answers, "to be", {"END"});
                 add_shown(show, answers, "to be E", {"END"});
                 add_shown(show, answers, "to be EN", {"END"});
                 add_shown(show, answers, "to be ENT", {"END"});
                 add_shown(show, answers, "E", {"END"});
                 add_shown(show, answers, "", {"END"});
               })
        .check("several",
               [](const Show& show, Answers& answers) {
                 add_shown(show, answers, "one two three four", {"four", "two"});
                 add_shown(show, answers, "one tw", {"four", "two"});
                 add_shown(show, answers, "one two three four", {"two three", "wo"});
                 add_shown(show, answers, "one two three four", {"two", "one two"});
                 add_shown(show, answers, "say n", {"now", "say nay"});
               })
        .check("an_end_within_an_end",
               [](const Show& show, Answers& answers) {
                 add_shown(show, answers, "ho ha ha", {"ha ha!"});
                 add_shown(show, answers, "ho ha ha ha", {"ha ha!"});
               })
        .mistake("half_of_it_shown", showing_with, {.waits = ShowSlip::none})
        .mistake("shortest_end", showing_with, {.waits = ShowSlip::shortest})
        .mistake("always_held", showing_with, {.waits = ShowSlip::always})
        .mistake("nothing_shown", showing_with, {.waits = ShowSlip::whole_text})
        .mistake("stop_shown", showing_with, {.shows_stop = true})
        .mistake("begins_first", showing_with, {.which = ShowSlip::begins_first})
        .mistake("first_listed", showing_with, {.which = ShowSlip::first_listed})
        .mistake("listed_of_equals", showing_with, {.which = ShowSlip::listed_of_equals})
        .mistake("last_place", showing_with, {.which = ShowSlip::last_place});

// 7.13
// ------------------------------------------------------------------------------------------------------------------

using Constrain =
    std::function<Tensor(const Tensor&, const GrammarState&, const std::vector<std::string>&, std::int64_t)>;

/// What of the constraint a slip gets wrong.
struct ConstraintSlip {
  bool copies = true, reads_all = true, minds_room = true, empty_too = false;
  std::int64_t room_off = 0;
  double forbidden = kNever;
  bool inverted = false;
};

Constrain constraining_with(const ConstraintSlip& slip) {
  return [slip](const Tensor& logits, const GrammarState& state, const std::vector<std::string>& tokens,
                std::int64_t room) {
    auto result = logits.clone();
    GrammarState shared = state;
    for (std::size_t token = 0; token < tokens.size(); ++token) {
      GrammarState own = state;
      GrammarState& after = slip.copies ? own : shared;
      bool fits = !tokens[token].empty() || slip.empty_too;
      const std::string_view bytes = tokens[token];
      for (const char byte : slip.reads_all ? bytes : bytes.substr(0, 1)) fits = fits && after.take(byte);
      if (slip.minds_room && after.missing() > room - 1 + slip.room_off) fits = false;
      if (fits == slip.inverted) result[static_cast<std::int64_t>(token)] = slip.forbidden;
    }
    return result;
  };
}

const std::vector<std::string>& sum_tokens() {
  static const std::vector<std::string> tokens = {"1", "23", " ", "+", " + ", "(", ")", "", "1)", "x", "+x"};
  return tokens;
}

GrammarState after(const std::string& text) {
  static const auto grammar = TextGrammar::parse(
      "root ::= part (\" + \" part)*\n"
      "part ::= [1-9]+ | \"(\" root \")\"\n",
      "the check's grammar");
  GrammarState state(grammar);
  for (const char byte : text) state.take(byte);
  return state;
}

/// Which tokens get through, by name; and what a token's logit is that does.
void add_allowed(const Constrain& constraint, Answers& answers, const std::string& text, std::int64_t room) {
  const auto count = static_cast<std::int64_t>(sum_tokens().size());
  const auto result = constraint(torch::arange(count, torch::kFloat32) - 4.5, after(text), sum_tokens(), room);
  answers.add("the logits after \"" + text + "\" with room for " + std::to_string(room) + " tokens", result, exact);
}

[[maybe_unused]] const auto& exercise_7_13 = exercise<Constrain>("7.13", constrain)
                                                 .check("what_may_follow",
                                                        [](const Constrain& constraint, Answers& answers) {
                                                          add_allowed(constraint, answers, "", 20);
                                                          add_allowed(constraint, answers, "1", 20);
                                                          add_allowed(constraint, answers, "(2", 20);
                                                          add_allowed(constraint, answers, "(2 +", 20);
                                                        })
                                                 .check("room_to_finish",
                                                        [](const Constrain& constraint, Answers& answers) {
                                                          add_allowed(constraint, answers, "((1", 3);
                                                          add_allowed(constraint, answers, "((1", 2);
                                                          add_allowed(constraint, answers, "1", 2);
                                                          add_allowed(constraint, answers, "", 1);
                                                        })
                                                 .mistake("first_byte_only", constraining_with, {.reads_all = false})
                                                 .mistake("one_state_for_all", constraining_with, {.copies = false})
                                                 .mistake("room_forgotten", constraining_with, {.minds_room = false})
                                                 .mistake("room_one_too_many", constraining_with, {.room_off = 1})
                                                 .mistake("zero_for_infinity", constraining_with, {.forbidden = 0})
                                                 .mistake("empty_allowed", constraining_with, {.empty_too = true})
                                                 .mistake("inverted", constraining_with, {.inverted = true});

}  // namespace
}  // namespace verse
