/// @file
/// Chapter 8's study of rewards: GRPO from an early model, judged by how often one of several responses is right, and a
/// reward that a wrong answer can earn.

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "08_post_training/given/reward.h"
#include "08_post_training/given/study.h"
#include "08_post_training/post_training.h"

namespace verse {

namespace {

/// For each problem, how many of `samples` responses at temperature 1 are right.
std::vector<std::int64_t> right_of(GPT& model, const ChatVocabulary& vocabulary, const std::vector<Problem>& problems,
                                   std::int64_t samples) {
  std::vector<std::vector<std::int64_t>> rows;
  for (const auto& problem : problems)
    rows.insert(rows.end(), static_cast<std::size_t>(samples),
                format_question(vocabulary.encode(problem.question), vocabulary.special()));
  RespondOptions options;
  options.temperature = 1;
  Random random(3000);
  const auto responses = respond(model, rows, vocabulary.special(), options, random);
  std::vector<std::int64_t> right(problems.size());
  for (std::size_t i = 0; i < responses.size(); ++i) {
    const auto problem = i / static_cast<std::size_t>(samples);
    right[problem] += reward_right(read_response(responses[i], vocabulary), problems[problem]) > 0 ? 1 : 0;
  }
  return right;
}

/// How probable it is that at least one of k samples is right, without bias from n >= k samples of which c are right:
/// one minus the chance of k wrong ones (Chen et al. 2021), the mean over the problems.
double pass_at(std::int64_t k, std::int64_t n, const std::vector<std::int64_t>& right) {
  double sum = 0;
  for (const std::int64_t c : right) {
    double all_wrong = n - c < k ? 0 : 1;
    for (std::int64_t i = 0; i < k && all_wrong > 0; ++i)
      all_wrong *= static_cast<double>(n - c - i) / static_cast<double>(n - i);
    sum += 1 - all_wrong;
  }
  return sum / static_cast<double>(right.size());
}

}  // namespace

void study_rewards(Study& study) {
  const bool quick = study.options().quick;
  const TaskOptions task;
  const std::int64_t samples = 64;
  struct Way {
    std::string name;
    RewardFunction reward;
    double rate;
  };
  const std::vector<Way> ways = {
      {"rewarded for the right answer", reward_right, 1e-4},
      {"rewarded for its last digit", reward_last_digit, 1e-4},
  };
  for (const auto seed : study.seeds()) {
    GPT begun{nullptr};
    const auto beginning = [&] {
      if (begun.is_empty()) begun = study.early_model(seed, 0.25);
      return copy_of(begun);
    };
    const auto findings = [&](GPT& model) {
      auto& vocabulary = study.beginning(seed).vocabulary;
      auto problems = study.problems(task, Split::test);
      problems.resize(std::min<std::size_t>(problems.size(), quick ? 2 : 100));
      const auto right = right_of(model, vocabulary, problems, samples);
      return Findings{{"pass@1", pass_at(1, samples, right)},
                      {"pass@8", pass_at(8, samples, right)},
                      {"pass@64", pass_at(64, samples, right)},
                      {"most probable", study.measured(model, vocabulary, task, Split::test).value()}};
    };
    study.look_at({"the early model", ""}, seed, [&] {
      auto model = beginning();
      return findings(model);
    });
    for (const auto& way : ways)
      study.look_at({way.name, fmt::format("rate {:g}", way.rate)}, seed, [&] {
        auto model = beginning();
        Reinforcing options;
        options.task = task;
        options.steps = quick ? 4 : 200;
        options.learning_rate = way.rate;
        options.reward = way.reward;
        options.seed = seed;
        const auto points = reinforce(model, study.beginning(seed).vocabulary, options);
        auto found = findings(model);
        const auto mean_of = [&](std::size_t first, std::size_t last) {
          double sum = 0;
          for (std::size_t i = first; i < last; ++i) sum += points[i].reward / static_cast<double>(last - first);
          return sum;
        };
        const auto tenth = std::max<std::size_t>(1, points.size() / 10);
        found["reward at first"] = mean_of(0, tenth);
        found["reward at last"] = mean_of(points.size() - tenth, points.size());
        return found;
      });
  }
  study.report("GRPO from an early model", "", "the early model",
               {"pass@1", "pass@8", "pass@64", "most probable", "reward at first", "reward at last"});
}

}  // namespace verse
