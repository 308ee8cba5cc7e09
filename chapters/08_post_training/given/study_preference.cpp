/// @file
/// Chapter 8's study of preferences: an early model learns from pairs of its own responses.

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "08_post_training/given/reward.h"
#include "08_post_training/given/study.h"

namespace verse {

void study_preference(Study& study) {
  const bool quick = study.options().quick;
  const TaskOptions task;
  const std::int64_t questions = quick ? 20 : 1000, samples = 8;

  struct Way {
    std::string name;
    double preference, likelihood;
    Compared compared;
    std::vector<double> rates, betas;
  };
  const std::vector<Way> ways = {
      {"chosen alone", 0, 1, Compared::whole, {3e-4, 1e-3, 3e-3}, {0}},
      {"DPO alone", 1, 0, Compared::whole, {3e-6, 1e-5, 3e-5}, {0.1, 0.3, 1}},
      {"DPO with likelihood", 1, 1, Compared::whole, {1e-4, 3e-4, 1e-3}, {0.03, 0.1, 0.3}},
      {"DPO at the first difference", 1, 0, Compared::first_difference, {1e-5, 3e-5, 1e-4}, {0.3}},
  };
  for (const auto seed : study.seeds()) {
    GPT begun{nullptr};
    std::vector<Pair> pairs;
    const auto beginning = [&]() -> ChatVocabulary& {
      auto& start = study.beginning(seed);
      if (begun.is_empty()) {
        begun = study.early_model(seed, 0.5);
        Random random(seed);
        pairs = collect_pairs(begun, start.vocabulary, task, questions, samples, random);
        fmt::print(stderr, "{} pairs\n", pairs.size());
      }
      return start.vocabulary;
    };
    const auto findings = [&](GPT& model) {
      auto& vocabulary = study.beginning(seed).vocabulary;
      Findings found = {{"validation", study.measured(model, vocabulary, task, Split::validation, 1).value()},
                        {"drawn", study.measured(model, vocabulary, task, Split::test, 1).value()},
                        {"most probable", study.measured(model, vocabulary, task, Split::test).value()},
                        {"count pairs", static_cast<double>(pairs.size())}};
      if (!pairs.empty()) {
        const torch::NoGradGuard no_gradients;
        const std::vector<Pair> some(pairs.begin(), pairs.begin() + std::min<std::ptrdiff_t>(200, std::ssize(pairs)));
        const auto scores = score_pairs(model, vocabulary, some);
        found["nats chosen"] = scores.chosen.mean().item<double>();
        found["nats rejected"] = scores.rejected.mean().item<double>();
      }
      return found;
    };
    study.look_at({"the early model", ""}, seed, [&] {
      beginning();
      auto model = copy_of(begun);
      return findings(model);
    });
    for (const auto& way : ways)
      for (const double rate : way.rates)
        for (const double beta : way.betas) {
          const auto setting =
              beta > 0 ? fmt::format("rate {:g}, beta {:g}", rate, beta) : fmt::format("rate {:g}", rate);
          study.look_at({way.name, setting}, seed, [&] {
            auto& vocabulary = beginning();
            auto model = copy_of(begun);
            Preferring options;
            options.learning_rate = rate;
            options.beta = beta;
            options.preference = way.preference;
            options.likelihood = way.likelihood;
            options.compared = way.compared;
            options.seed = seed;
            if (!pairs.empty()) prefer(model, vocabulary, pairs, options);
            return findings(model);
          });
        }
  }
  study.report("An early model learns from pairs of its own responses, in one pass: right, drawn at temperature 1",
               "validation", "chosen alone", {"drawn", "most probable", "nats chosen", "nats rejected", "count pairs"});
}

}  // namespace verse
