/// @file
/// Chapter 8's study of bad examples.

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "08_post_training/given/study.h"
#include "common/plot.h"

namespace verse {

void study_quality(Study& study) {
  struct Way {
    std::string name;
    Damage damage;
    double bad;
  };
  const std::vector<Way> ways = {
      {"good examples", Damage::slip, 0},
      {"one step slips", Damage::slip, 0.05},
      {"one step slips", Damage::slip, 0.2},
      {"one step slips", Damage::slip, 0.5},
      {"carries are forgotten", Damage::carry, 0.5},
      {"chain right, answer wrong", Damage::answer, 0.5},
  };
  const auto arm_of = [](const Way& way) { return Arm{way.name, fmt::format("{:.0f} % bad", 100 * way.bad)}; };
  for (const auto seed : study.seeds())
    for (const auto& way : ways) {
      study.look_at(arm_of(way), seed, [&] {
        FineTuning options;
        options.bad_share = way.bad;
        options.damage = way.damage;
        options.seed = seed;
        options.learning_rate = 1e-3;  // as in the study of controls
        options.steps = study.options().quick ? 4 : 400;
        auto& start = study.beginning(seed);
        auto model = copy_of(start.grown);
        fine_tune(model, start.vocabulary, options);
        const auto measured = [&](double temperature) {
          return study.measured(model, start.vocabulary, options.task, Split::test, temperature).value();
        };
        return Findings{{"most probable", measured(0)}, {"drawn", measured(1)}};
      });
    }
  study.report("Bad examples: right on test problems", "", "good examples", {"most probable", "drawn"});
  if (!study.options().plots) return;
  Series best{"most probable token", {}}, drawn{"drawn at temperature 1", {}};
  for (const auto& way : ways) {
    if (way.damage != Damage::slip) continue;
    for (auto* series : {&best, &drawn})
      if (const auto values = study.found(arm_of(way), series == &best ? "most probable" : "drawn"); !values.empty())
        series->points.emplace_back(100 * way.bad, 100 * mean_interval(values).mean);
  }
  plot_lines(*study.options().plots / "ch08-quality.svg",
             {"Sums of two three-digit numbers", "bad examples, %", "right, %", false, false}, {best, drawn});
}

}  // namespace verse
