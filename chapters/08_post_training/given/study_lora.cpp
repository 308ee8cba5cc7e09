/// @file
/// Chapter 8's study of LoRA: a model that adds two numbers is to subtract them.

#include <fmt/format.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "08_post_training/given/adapters.h"
#include "08_post_training/given/study.h"

namespace verse {

namespace {

constexpr double kAlpha = 32;  ///< the same for every rank, so that one rate may suit several

/// What a model says about some sums of the task that it knew before, as logits.
torch::Tensor logits_on(GPT& model, const std::vector<Problem>& problems, const ChatVocabulary& vocabulary) {
  const torch::NoGradGuard no_gradients;
  std::vector<std::vector<std::int64_t>> rows;
  for (const auto& problem : problems) rows.push_back(format_problem(problem, Form::chain, vocabulary));
  const auto packed = pack(rows, model->options.context, vocabulary.special().filler);
  return packed_logits(model, to_device(packed, model->token_embedding.device()),
                       packed_mask(packed.owners).to(model->token_embedding.device()));
}

}  // namespace

void study_lora(Study& study) {
  const bool quick = study.options().quick;
  FineTuning known, wanted;
  known.steps = quick ? 3 : 200;
  wanted.rows = 8;
  known.learning_rate = 1e-3;
  wanted.task.kind = Kind::difference;
  struct Effort {
    std::int64_t steps;
    std::vector<double> rates_of_all, rates_of_few;
  };
  // All rates with few steps, and then those that were best for longer: few parameters may only be slower.
  const std::vector<Effort> efforts = {{quick ? 3 : 400, {3e-4, 1e-3, 3e-3, 1e-2}, {1e-3, 3e-3, 1e-2, 2e-2}},
                                       {quick ? 4 : 1000, {3e-3}, {1e-2}}};
  const auto setting = [](const FineTuning& options) {
    return fmt::format("{} steps, rate {:g}", options.steps, options.learning_rate);
  };

  for (const auto seed : study.seeds()) {
    known.seed = seed;
    wanted.seed = seed + 100;
    GPT knows{nullptr};
    const auto knowing = [&] {
      auto& beginning = study.beginning(seed);
      if (knows.is_empty()) {
        knows = copy_of(beginning.grown);
        fine_tune(knows, beginning.vocabulary, known);
      }
      return copy_of(knows);
    };
    const auto findings = [&](GPT& model) {
      auto& vocabulary = study.beginning(seed).vocabulary;
      return Findings{{"validation", study.measured(model, vocabulary, wanted.task, Split::validation).value()},
                      {"new task", study.measured(model, vocabulary, wanted.task, Split::test).value()},
                      {"old task", study.measured(model, vocabulary, known.task, Split::test).value()}};
    };

    study.look_at({"not trained on it", ""}, seed, [&] {
      auto model = knowing();
      return findings(model);
    });
    for (const auto& effort : efforts)
      for (const double rate : effort.rates_of_all) {
        auto options = wanted;
        options.steps = effort.steps;
        options.learning_rate = rate;
        study.look_at({"all parameters", setting(options)}, seed, [&] {
          auto model = knowing();
          fine_tune(model, study.beginning(seed).vocabulary, options);
          auto found = findings(model);
          found["count learning"] = static_cast<double>(model->parameter_count());
          return found;
        });
      }
    for (const std::int64_t rank : {1, 2, 4, 8, 16})
      for (const auto& effort : efforts)
        for (const double rate : effort.rates_of_few) {
          auto options = wanted;
          options.steps = effort.steps;
          options.learning_rate = rate;
          study.look_at({fmt::format("rank {}", rank), setting(options)}, seed, [&] {
            auto model = knowing();
            auto& vocabulary = study.beginning(seed).vocabulary;
            const auto& old = study.problems(known.task, Split::test);
            const auto before = logits_on(model, old, vocabulary);
            torch::manual_seed(seed);
            const auto learning = add_lora(model, rank, kAlpha, TokenTable::frozen);
            fine_tune(model, vocabulary, options, learning);
            auto found = findings(model);
            double count = 0;
            for (const auto& parameter : learning) count += static_cast<double>(parameter.numel());
            found["count learning"] = count;
            remove_lora(model);
            found["old bits"] = torch::equal(before, logits_on(model, old, vocabulary)) ? 1 : 0;
            return found;
          });
        }
  }
  study.report("A model that adds two numbers learns to subtract: right, most probable token", "validation",
               "all parameters", {"new task", "old task", "count learning", "old bits"});
}

}  // namespace verse
