/// @file
/// Chapter 8's study of what it is about the chain.

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "08_post_training/given/study.h"

namespace verse {

void study_controls(Study& study) {
  const bool quick = study.options().quick;
  struct Way {
    std::string name;
    Form form;
    bool units_first, hides_chain, from_random;
    std::int64_t steps;
  };
  const std::int64_t few = quick ? 4 : 400, many = quick ? 8 : 1600;
  const std::vector<Way> ways = {
      {"chain of thought", Form::chain, false, false, false, few},
      {"chain of thought, from random weights", Form::chain, false, false, true, few},
      {"answer alone", Form::answer, false, false, false, many},
      {"answer alone, units first", Form::answer, true, false, false, many},
      {"filler as long as the chain", Form::filler, false, false, false, many},
      {"chain hidden from the answer", Form::chain, false, true, false, many},
  };
  for (const auto seed : study.seeds())
    for (const auto& way : ways) {
      FineTuning options;
      options.form = way.form;
      options.task.units_first = way.units_first;
      options.hides_chain = way.hides_chain;
      options.steps = way.steps;
      options.learning_rate = 1e-3;
      options.seed = seed;
      // Looked at eight times on the validation problems, and at the end on the test problems.
      const Arm whole{way.name, fmt::format("{} steps", way.steps)};
      study.look_at(whole, seed, [&] {
        auto& start = study.beginning(seed);
        auto model = way.from_random ? fresh_like(start.grown, seed + 1) : copy_of(start.grown);
        const auto measured = [&](Split split) {
          return study.measured(model, start.vocabulary, options.task, split, 0, way.hides_chain).value();
        };
        const auto every = way.steps / 8;
        const auto look = [&](std::int64_t done) {
          if (done < way.steps)
            study.keep({way.name, fmt::format("step {}", done)}, seed, {{"validation", measured(Split::validation)}});
        };
        const auto problems = fine_tune(model, start.vocabulary, options, {}, every, look);
        ExampleSource source(options, start.vocabulary);
        const auto rows = source.next();
        const auto learned = response_mask(rows.tokens, start.vocabulary.special()).sum().item<double>();
        return Findings{{"validation", measured(Split::validation)},
                        {"test", measured(Split::test)},
                        {"count answers", static_cast<double>(problems)},
                        {"count supervised tokens", learned * static_cast<double>(way.steps)}};
      });
      for (int eighth = 1; eighth < 8; ++eighth)
        if (study.options().kept && !study.to_train({way.name, fmt::format("step {}", eighth * way.steps / 8)}, seed))
          study.look_at({way.name, fmt::format("step {}", eighth * way.steps / 8)}, seed, [] { return Findings{}; });
    }
  study.report("What of the chain it is that helps: right, most probable token", "", "",
               {"validation", "test", "count answers", "count supervised tokens"});
}

}  // namespace verse
