/// @file
/// Chapter 8's study of a reward model: the best of several responses by its score, and how the score is raised without
/// the responses becoming better.

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "08_post_training/given/reward_model.h"
#include "08_post_training/given/study.h"

namespace verse {

namespace {

/// What all rows of a seed are about: an early model's responses to test problems, and the model that scores them.
struct Scored {
  std::size_t pairs = 0;  ///< the reward model was trained on
  RewardModel model;
  Candidates candidates;
  std::vector<double> scores;  ///< of the candidates' rows
};

Scored make_scored(Study& study, std::uint64_t seed) {
  const bool quick = study.options().quick;
  const TaskOptions task;
  auto& vocabulary = study.beginning(seed).vocabulary;
  auto early = study.early_model(seed, 0.5);
  Random random(seed);
  std::vector<Problem> asked;
  for (int i = 0; i < (quick ? 4 : 600); ++i) asked.push_back(draw_problem(task, Split::train, random));
  const auto pairs = pairs_of(draw_candidates(early, vocabulary, asked, quick ? 2 : 8, random));
  fmt::print(stderr, "{} pairs\n", pairs.size());
  Scored scored{pairs.size(), RewardModel(early), {}, {}};
  Scoring options;
  options.seed = seed;
  if (!pairs.empty()) train_reward_model(scored.model, pairs, options);  // a model that knows nothing has none
  auto problems = study.problems(task, Split::test);
  problems.resize(std::min<std::size_t>(problems.size(), quick ? 4 : 200));
  scored.candidates = draw_candidates(early, vocabulary, problems, 16, random);
  scored.scores = scored.model.score(scored.candidates.rows);
  return scored;
}

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value / static_cast<double>(values.size());
  return sum;
}

}  // namespace

void study_reward_model(Study& study) {
  const bool quick = study.options().quick;
  for (const auto seed : study.seeds()) {
    std::optional<Scored> made;
    const auto scored = [&]() -> Scored& {
      if (!made) made.emplace(make_scored(study, seed));
      return *made;
    };
    study.look_at({"one response", ""}, seed, [&] {
      const auto& all = scored();
      double right = 0;
      for (const bool each : all.candidates.right) right += each ? 1 : 0;
      return Findings{{"right", right / static_cast<double>(all.candidates.right.size())},
                      {"score", mean_of(all.scores)},
                      {"pairs in order", pairs_in_order(all.candidates, all.scores)},
                      {"count pairs", static_cast<double>(all.pairs)}};
    });
    for (const std::int64_t of : {2, 4, 8, 16})
      study.look_at({fmt::format("best of {} by score", of), ""}, seed, [&] {
        const auto& all = scored();
        std::vector<double> right, scores;
        for (const auto row : best_of(all.candidates, all.scores, of)) {
          right.push_back(all.candidates.right[row] ? 1 : 0);
          scores.push_back(all.scores[row]);
        }
        return Findings{{"right", mean_of(right)}, {"score", mean_of(scores)}};
      });
    study.look_at({"best of 16 by checking", ""}, seed, [&] {
      const auto& all = scored();
      std::vector<double> checked;
      for (const bool right : all.candidates.right) checked.push_back(right ? 1 : 0);
      std::vector<double> right;
      for (const auto row : best_of(all.candidates, checked, 16)) right.push_back(checked[row]);
      return Findings{{"right", mean_of(right)}};
    });
    // The best by score, altered for a still better score.
    for (const std::int64_t tries : {10, 50, 200})
      study.look_at({fmt::format("altered in {} tries", tries), ""}, seed, [&] {
        auto& all = scored();
        std::vector<std::vector<std::int64_t>> rows;
        for (const auto row : best_of(all.candidates, all.scores, 16)) rows.push_back(all.candidates.rows[row]);
        Random random(seed);
        const auto scores = climb(all.model, study.beginning(seed).vocabulary, quick ? 2 : tries, rows, random);
        return Findings{{"right", share_right(study.beginning(seed).vocabulary, all.candidates.problems, rows)},
                        {"score", mean_of(scores)}};
      });
  }
  study.report("Responses of an early model, chosen or altered by a reward model's score", "", "one response",
               {"right", "score", "pairs in order", "count pairs"});
}

}  // namespace verse
