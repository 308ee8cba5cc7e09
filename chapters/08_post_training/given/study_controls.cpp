/// @file
/// Chapter 8's study of what it is about the chain.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "08_post_training/given/study.h"
#include "common/plot.h"
#include "common/results.h"

namespace verse {

namespace {

/// The learning rate of all ways, at its peak.
constexpr double kRate = 1e-3;

constexpr const char* kAnswers = "count answers";
constexpr const char* kSupervised = "count supervised tokens";
constexpr const char* kSteps = "count steps";

/// Thrown out of a training that has reached the ceiling.
struct AtCeiling {};

/// One way to show the solutions, with what the others have taken away.
struct Way {
  std::string name;
  Form form = Form::chain;
  bool units_first = false, hides_chain = false, from_random = false;
  bool trained = true;
};

/// The share of problems that are answered rightly behind as many fillers as their chains have tokens. The model is
/// given the fillers: it did not learn to say them.
double right_behind_fillers(GPT& model, const ChatVocabulary& vocabulary, const std::vector<Problem>& problems) {
  std::vector<std::vector<std::int64_t>> rows;
  for (const auto& problem : problems) {
    const auto row = format_problem(problem, Form::filler, vocabulary);
    const auto thought = std::find(row.begin(), row.end(), vocabulary.special().end_think);
    rows.emplace_back(row.begin(), thought + 1);
  }
  Random random(2000);
  const auto responses = respond(model, rows, vocabulary.special(), {}, random);
  double right = 0;
  for (std::size_t i = 0; i < problems.size(); ++i) {
    const auto reading = read_response(responses[i], vocabulary);
    right += reading.finished && reading.answer == problems[i].answer ? 1 : 0;
  }
  return right / static_cast<double>(problems.size());
}

/// Trains one way with one seed, and tells how often it was right at each look, and at the end.
/// @param every steps between two looks; with chains or fillers a row holds a third of the answers, and from the third
/// look on only every third is taken
Findings train(Study& study, const Way& way, std::int64_t steps, std::int64_t every, std::uint64_t seed) {
  FineTuning options;
  options.form = way.form;
  options.task.units_first = way.units_first;
  options.hides_chain = way.hides_chain;
  options.steps = steps;
  options.learning_rate = kRate;
  options.seed = seed;
  auto& start = study.beginning(seed);
  auto model = way.from_random ? fresh_like(start.grown, seed + 1) : copy_of(start.grown);
  const auto right = [&](Split split) {
    if (way.form == Form::filler)
      return right_behind_fillers(model, start.vocabulary, study.problems(options.task, split));
    return study.measured(model, start.vocabulary, options.task, split, 0, way.hides_chain).value();
  };

  Findings found;
  std::int64_t taken = 0;
  const auto look = [&](std::int64_t done) {
    taken = done;
    if (way.form != Form::answer && done > 3 * every && done % (3 * every) != 0 && done != steps) return;
    const double share = right(Split::validation);
    found[right_at_step(done)] = share;
    found["validation"] = share;
    fmt::print(stderr, "{}, seed {}: after step {}, {:.1f} % right\n", way.name, seed, done, 100 * share);
    if (share >= kRightEnough) throw AtCeiling();
  };
  if (way.trained) {
    try {
      fine_tune(model, start.vocabulary, options, {}, every, look);
    } catch (const AtCeiling&) {
      model->eval();
    }
  } else {
    found["validation"] = right(Split::validation);
  }
  found["test"] = right(Split::test);

  // Every step reads as many answers as any other, and about as many learned tokens.
  ExampleSource source(options, start.vocabulary);
  constexpr int kBatches = 10;
  double learned = 0;
  for (int i = 0; i < kBatches; ++i)
    learned += learned_tokens(source.next(), start.vocabulary.special()).sum().item<double>();
  found[kSteps] = static_cast<double>(taken);
  found[kAnswers] = static_cast<double>(taken * source.problems() / kBatches);
  found[kSupervised] = static_cast<double>(taken) * learned / kBatches;
  return found;
}

}  // namespace

void study_controls(Study& study) {
  const bool quick = study.options().quick;
  const std::int64_t steps = quick ? 8 : 4000, every = quick ? 2 : 100;
  const std::vector<Way> ways = {
      {"base", Form::answer, false, false, false, false},
      {"chain of thought"},
      {"answer alone, units first", Form::answer, true},
      {"chain of thought, from random weights", Form::chain, false, false, true},
      {"answer alone", Form::answer},
      {"chain hidden from the answer", Form::chain, false, true},
      {"filler as long as the chain", Form::filler},
  };
  for (const auto seed : study.seeds())
    for (const auto& way : ways)
      study.look_at({way.name, "", way.trained ? fmt::format("{} steps, rate {:g}", steps, kRate) : ""}, seed,
                    [&] { return train(study, way, steps, every, seed); });
  study.report("What of the chain it is that helps: right, most probable token", "", "",
               {"test", "validation", kSteps, kAnswers, kSupervised});

  // At equal answers and at equal learned tokens: those of 300 steps of chains, and multiples of them.
  const std::int64_t few = 3 * every;
  double answers = 0, tokens = 0;
  if (const auto chains = study.trainings({"chain of thought", ""}); !chains.empty()) {
    const double part = static_cast<double>(few) / chains.front().at(kSteps);
    answers = part * chains.front().at(kAnswers);
    tokens = part * chains.front().at(kSupervised);
  }
  struct Budget {
    std::string name, counted;
    double amount;
  };
  const std::vector<Budget> budgets = {{"answers_1", kAnswers, answers},       {"answers_4", kAnswers, 4 * answers},
                                       {"answers_12", kAnswers, 12 * answers}, {"tokens_1", kSupervised, tokens},
                                       {"tokens_2", kSupervised, 2 * tokens},  {"tokens_10", kSupervised, 10 * tokens}};
  results().scalar("answers_1", static_cast<std::int64_t>(answers), "answers");
  results().scalar("tokens_1", static_cast<std::int64_t>(tokens), "tokens");
  std::vector<std::string> columns = {"name", "trainings"};
  for (const auto& budget : budgets)
    for (const char* end : {"", "_low", "_high"}) columns.push_back(budget.name + end);
  auto& table = results().table("controls_budgets", columns);
  fmt::print("\nAt equal answers and at equal supervised tokens: right on validation problems, 95 % over trainings\n");
  std::vector<Series> curves;
  for (const auto& way : ways) {
    const auto trainings = study.trainings({way.name, ""});
    if (trainings.empty() || !way.trained) continue;
    std::vector<Recorded> cells = {way.name, std::ssize(trainings)};
    for (const auto& budget : budgets) {
      const auto right = right_after(trainings, budget.counted, budget.amount);
      for (const double value :
           right ? std::array<double, 3>{right->mean, right->low, right->high} : std::array<double, 3>{NAN, NAN, NAN})
        cells.emplace_back(value);
      if (!right) continue;
      fmt::print("  {:<38} {:>9.0f} {:<18} {:>5.1f} % ({:.1f} to {:.1f})\n", way.name, budget.amount,
                 budget.counted.substr(6), 100 * right->mean, 100 * right->low, 100 * right->high);
    }
    table.row(std::move(cells));
    Series curve{way.name, {}};
    for (int times = 1; times <= 40; ++times)
      if (const auto right = right_after(trainings, kAnswers, times * answers))
        curve.points.emplace_back(times * answers / 1000, 100 * right->mean);
    if (!curve.points.empty()) curves.push_back(std::move(curve));
  }
  if (study.options().plots && !curves.empty())
    plot_lines(*study.options().plots / "ch08-controls.svg",
               {"Sums of two three-digit numbers", "thousands of answers read", "right, %", true, false}, curves);
}

}  // namespace verse
