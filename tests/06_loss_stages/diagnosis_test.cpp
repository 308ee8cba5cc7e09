/// @file
/// The checks of chapter 6's exercises on runs: overfitting, one batch, the health of gradients, the future's
/// influence.

#include "06_loss_stages/diagnosis.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tests/harness/check.h"

namespace verse {
namespace {

using torch::Tensor;

std::string name_of(Finding finding) {
  return finding == Finding::yes ? "yes" : finding == Finding::no ? "no" : "unknown";
}

// 6.3
// ------------------------------------------------------------------------------------------------------------------

using FindOverfitting = std::function<Overfitting(const std::vector<Metrics>&)>;

/// Rows every 100 steps. @param losses training and validation
std::vector<Metrics> rows_of(const std::vector<std::pair<std::optional<double>, std::optional<double>>>& losses) {
  std::vector<Metrics> rows;
  for (const auto& [train_loss, validation_loss] : losses) {
    Metrics row;
    row.step = static_cast<std::int64_t>(100 * rows.size());
    row.train_loss = train_loss;
    row.validation_loss = validation_loss;
    rows.push_back(row);
  }
  return rows;
}

void add_overfitting(const FindOverfitting& find, const std::vector<Metrics>& rows, Answers& answers) {
  const Overfitting found = find(rows);
  answers.add("the best step", found.best_step);
  answers.add("the best loss", found.best_loss);
  answers.add("the rise since then", found.rise);
  answers.add("the gap at the end", found.gap);
  answers.add("whether it overfits", name_of(found.found));
}

/// find_overfitting() on its own, with a switch for each slip.
struct OverfittingSlip {
  double margin = 0.05;
  bool best_of_training = false, gap_alone = false, whatever_training_does = false, last_best = false;
  bool gap_at_the_best = false, gap_turned_round = false, says_no_to_nothing = false, lacks_count_as_zero = false;
  bool no_number_counts = false;
};

FindOverfitting overfitting_with(const OverfittingSlip& slip) {
  return [slip](const std::vector<Metrics>& rows) {
    struct Point {
      std::int64_t step;
      double train_loss, validation_loss;
    };
    std::vector<Point> points;
    const double lacking = slip.lacks_count_as_zero ? 0.0 : std::numeric_limits<double>::quiet_NaN();
    for (const auto& row : rows) {
      const Point point{row.step, row.train_loss.value_or(lacking), row.validation_loss.value_or(lacking)};
      const bool there = slip.no_number_counts && row.train_loss && row.validation_loss;
      if (there || (std::isfinite(point.train_loss) && std::isfinite(point.validation_loss))) points.push_back(point);
    }
    Overfitting result;
    if (points.size() < 2) {
      if (slip.says_no_to_nothing) result.found = Finding::no;
      return result;
    }
    Point best = points.front();
    for (const auto& point : points) {
      const double loss = slip.best_of_training ? point.train_loss : point.validation_loss;
      const double least = slip.best_of_training ? best.train_loss : best.validation_loss;
      const bool better = slip.no_number_counts ? !(loss >= least) : loss < least;
      if (better || (slip.last_best && loss == least)) best = point;
    }
    const Point& last = points.back();
    const Point& at = slip.gap_at_the_best ? best : last;
    result.best_step = best.step;
    result.best_loss = best.validation_loss;
    result.rise = last.validation_loss - best.validation_loss;
    result.gap = (at.validation_loss - at.train_loss) * (slip.gap_turned_round ? -1 : 1);
    const bool worse = slip.gap_alone ? result.gap > slip.margin : result.rise > slip.margin;
    const bool learned = slip.whatever_training_does || last.train_loss < best.train_loss;
    result.found = worse && learned ? Finding::yes : Finding::no;
    return result;
  };
}

constexpr auto none = std::nullopt;

[[maybe_unused]] const auto& exercise_6_3 =
    exercise<FindOverfitting>("6.3", find_overfitting)
        .check("past_the_best",
               [](const FindOverfitting& find, Answers& answers) {
                 add_overfitting(find,
                                 rows_of({{none, 4.2}, {2.6, 2.5}, {2.0, 2.2}, {1.5, 2.2}, {1.25, 2.35}, {0.9, 2.7}}),
                                 answers);
               })
        .check("still_learning",
               [](const FindOverfitting& find, Answers& answers) {
                 add_overfitting(find, rows_of({{none, 4.2}, {2.6, 2.5}, {2.0, 2.3}, {1.7, 2.25}}), answers);
               })
        .check("a_gap_that_stands_still",
               [](const FindOverfitting& find, Answers& answers) {
                 add_overfitting(find, rows_of({{none, 4.2}, {2.6, 2.5}, {2.0, 2.25}, {1.7, 2.25}}), answers);
               })
        .check("a_tremble_is_no_turn",
               [](const FindOverfitting& find, Answers& answers) {
                 add_overfitting(find, rows_of({{none, 4.2}, {2.6, 2.5}, {2.0, 2.25}, {1.9, 2.28}}), answers);
               })
        .check("both_get_worse",
               [](const FindOverfitting& find, Answers& answers) {
                 // A run that falls apart is no overfitting.
                 add_overfitting(find, rows_of({{none, 4.2}, {2.6, 2.5}, {3.1, 3.2}, {3.3, 3.5}}), answers);
               })
        .check("numbers_that_are_missing",
               [](const FindOverfitting& find, Answers& answers) {
                 const double nan = std::numeric_limits<double>::quiet_NaN();
                 add_overfitting(find,
                                 rows_of({{none, 1.0}, {2.5, 2.4}, {2.0, none}, {1.9, 2.2}, {1.5, nan}, {1.2, 2.5}}),
                                 answers);
               })
        .check(
            "too_little_to_tell",
            [](const FindOverfitting& find, Answers& answers) {
              answers.add("with no row", name_of(find({}).found));
              answers.add("with one row that has both losses", name_of(find(rows_of({{none, 4.2}, {2.5, 2.4}})).found));
            })
        .mistake("best_of_training", overfitting_with, {.best_of_training = true})
        .mistake("gap_alone", overfitting_with, {.gap_alone = true})
        .mistake("no_margin", overfitting_with, {.margin = 0})
        .mistake("whatever_training_does", overfitting_with, {.whatever_training_does = true})
        .mistake("last_of_equal_ones", overfitting_with, {.last_best = true})
        .mistake("gap_at_the_best", overfitting_with, {.gap_at_the_best = true})
        .mistake("gap_turned_round", overfitting_with, {.gap_turned_round = true})
        .mistake("nothing_is_no", overfitting_with, {.says_no_to_nothing = true})
        .mistake("no_number_counts", overfitting_with, {.no_number_counts = true})
        .mistake("missing_is_zero", overfitting_with, {.lacks_count_as_zero = true});

// 6.4
// ------------------------------------------------------------------------------------------------------------------

using OverfitOneBatch = std::function<std::vector<double>(const std::function<Tensor()>&, const std::vector<Tensor>&,
                                                          const std::function<void()>&, std::int64_t)>;

/// overfit_one_batch() on its own, with a switch for each slip.
struct OneBatchSlip {
  bool gradients_pile_up = false, after_the_step = false, no_last = false, no_backward = false, one_loss = false;
  bool one_step_more = false;
};

OverfitOneBatch one_batch_with(const OneBatchSlip& slip) {
  return [slip](const std::function<Tensor()>& next_loss, const std::vector<Tensor>& parameters,
                const std::function<void()>& step, std::int64_t steps) {
    std::vector<double> losses;
    const std::int64_t rounds = steps + (slip.one_step_more ? 1 : 0);
    for (std::int64_t i = 0; i < rounds; ++i) {
      if (!slip.gradients_pile_up) {
        for (const auto& parameter : parameters) parameter.mutable_grad() = Tensor();
      }
      const auto loss = next_loss();
      if (!slip.after_the_step) losses.push_back(loss.item<double>());
      if (!slip.no_backward) loss.backward();
      step();
      if (slip.after_the_step) losses.push_back(next_loss().item<double>());
    }
    if (!slip.no_last && !slip.after_the_step) losses.push_back(next_loss().item<double>());
    if (slip.one_loss) return std::vector<double>{losses.back()};
    return losses;
  };
}

/// A parabola in two dimensions with its lowest point at (1, -2), and plain gradient descent on it.
struct Parabola {
  Tensor parameter = torch::zeros({2}, torch::requires_grad());
  int losses_asked = 0, steps = 0;

  Tensor loss() {
    ++losses_asked;
    return (parameter - torch::tensor({1.0F, -2.0F})).square().sum();
  }
  void step() {
    ++steps;
    const torch::NoGradGuard no_gradients;
    if (parameter.grad().defined()) parameter -= 0.25 * parameter.grad();
  }
};

[[maybe_unused]] const auto& exercise_6_4 =
    exercise<OverfitOneBatch>("6.4", overfit_one_batch)
        .check("down_a_parabola",
               [](const OverfitOneBatch& overfit, Answers& answers) {
                 Parabola parabola;
                 const auto losses =
                     overfit([&] { return parabola.loss(); }, {parabola.parameter}, [&] { parabola.step(); }, 4);
                 answers.add("the losses of 4 steps", torch::tensor(losses, torch::kFloat64));
                 answers.add("the steps taken", parabola.steps);
                 answers.add("how often the loss was asked for", parabola.losses_asked);
                 answers.add("where the parameter ends", parabola.parameter);
               })
        .check("a_part_that_learns_nothing",
               [](const OverfitOneBatch& overfit, Answers& answers) {
                 // The second number has been cut off: no step changes its share of the loss, which is 4.
                 Parabola parabola;
                 const auto losses = overfit(
                     [&] {
                       ++parabola.losses_asked;
                       return (parabola.parameter[0] - 1).square() + (parabola.parameter[1].detach() + 2).square();
                     },
                     {parabola.parameter}, [&] { parabola.step(); }, 3);
                 answers.add("the losses of 3 steps", torch::tensor(losses, torch::kFloat64));
               })
        .check("no_step_at_all",
               [](const OverfitOneBatch& overfit, Answers& answers) {
                 Parabola parabola;
                 const auto losses =
                     overfit([&] { return parabola.loss(); }, {parabola.parameter}, [&] { parabola.step(); }, 0);
                 answers.add("the losses of 0 steps", torch::tensor(losses, torch::kFloat64));
               })
        .mistake("asked_twice",
                 [](const std::function<Tensor()>& next_loss, const std::vector<Tensor>& parameters,
                    const std::function<void()>& step, std::int64_t steps) {
                   const auto twice = [&] {
                     next_loss();
                     return next_loss();
                   };
                   int asked = 0;
                   return one_batch_with({})([&] { return asked++ < steps ? twice() : next_loss(); }, parameters, step,
                                             steps);
                 })
        .mistake("stepped_before_backward",
                 [](const std::function<Tensor()>& next_loss, const std::vector<Tensor>& parameters,
                    const std::function<void()>& step, std::int64_t steps) {
                   std::vector<double> losses;
                   for (std::int64_t i = 0; i < steps; ++i) {
                     const auto loss = next_loss();
                     losses.push_back(loss.item<double>());
                     step();
                     for (const auto& parameter : parameters) parameter.mutable_grad() = Tensor();
                     loss.backward();
                   }
                   losses.push_back(next_loss().item<double>());
                   return losses;
                 })
        .mistake("gradients_pile_up", one_batch_with, {.gradients_pile_up = true})
        .mistake("after_the_step", one_batch_with, {.after_the_step = true})
        .mistake("last_loss_missing", one_batch_with, {.no_last = true})
        .mistake("no_backward", one_batch_with, {.no_backward = true})
        .mistake("only_the_last", one_batch_with, {.one_loss = true})
        .mistake("one_step_more", one_batch_with, {.one_step_more = true});

// 6.5
// ------------------------------------------------------------------------------------------------------------------

using MeasureHealth = std::function<std::vector<ParameterHealth>(const std::vector<std::pair<std::string, Tensor>>&,
                                                                 const std::vector<Tensor>&)>;

/// measure_health() on its own, with a switch for each slip.
struct HealthSlip {
  bool by_gradient = false, of_the_new = false, mean_size = false, squared = false, difference_of_norms = false;
  bool largest = false, nothing_by_nothing = false, turned_round = false;
};

MeasureHealth health_with(const HealthSlip& slip) {
  return [slip](const std::vector<std::pair<std::string, Tensor>>& after, const std::vector<Tensor>& before) {
    const torch::NoGradGuard no_gradients;
    const auto size = [&](const Tensor& x) {
      const Tensor size = slip.mean_size ? x.abs().mean() : slip.largest ? x.abs().max() : x.norm();
      return (slip.squared ? size.square() : size).item<double>();
    };
    std::vector<ParameterHealth> health;
    for (std::size_t i = 0; i < after.size(); ++i) {
      const auto& [name, parameter] = after[i];
      ParameterHealth one;
      one.name = name;
      if (parameter.grad().defined()) one.gradient_norm = size(parameter.grad());
      one.weight_norm = size(slip.of_the_new ? parameter : before[i]);
      double change = size(parameter - before[i]);
      if (slip.by_gradient) change = one.gradient_norm;
      if (slip.difference_of_norms) change = std::abs(size(parameter) - size(before[i]));
      one.update_ratio = slip.turned_round ? one.weight_norm / change : change / one.weight_norm;
      if (!slip.nothing_by_nothing && change == 0) one.update_ratio = 0;
      health.push_back(one);
    }
    return health;
  };
}

[[maybe_unused]] const auto& exercise_6_5 =
    exercise<MeasureHealth>("6.5", measure_health)
        .check("a_step_of_five_parameters",
               [](const MeasureHealth& measure, Answers& answers) {
                 // 3-4-5 triangles: norms and changes that can be worked out in the head. The fourth has no gradient
                 // and has never been anything but 0; the fifth was 0 before this step.
                 const std::vector<Tensor> before = {torch::tensor({{3.0, 4.0}, {0.0, 0.0}}), torch::tensor({6.0, 8.0}),
                                                     torch::tensor({0.3, 0.4}), torch::zeros({2}, torch::kFloat64),
                                                     torch::zeros({2})};
                 std::vector<std::pair<std::string, Tensor>> after = {
                     {"blocks.0.weight", torch::tensor({{3.0, 4.0}, {0.03, 0.04}})},
                     {"blocks.0.bias", torch::tensor({6.6, 8.8})},
                     {"blocks.1.bias", torch::tensor({0.3, 0.4})},
                     {"blocks.1.gain", torch::zeros({2}, torch::kFloat64)},
                     {"moved from zero", torch::tensor({0.6, 0.8})}};
                 after[0].second.mutable_grad() = torch::tensor({{1.0, 2.0}, {2.0, 4.0}}, after[0].second.options());
                 after[1].second.mutable_grad() = torch::tensor({0.0, 12.0}, after[1].second.options());
                 after[2].second.mutable_grad() = torch::tensor({5.0, 12.0}, after[2].second.options());
                 const auto health = measure(after, before);
                 answers.add("the number of parameters", health.size());
                 const Tolerance norms{1e-9, 1e-6, "norms may be taken in float32 or in float64"};
                 for (const auto& one : health) {
                   answers.add("gradient norm of " + one.name, one.gradient_norm, norms);
                   answers.add("weight norm of " + one.name, one.weight_norm, norms);
                   answers.add("update ratio of " + one.name, one.update_ratio, norms);
                 }
               })
        .mistake("something_added_below",
                 [](const std::vector<std::pair<std::string, Tensor>>& after, const std::vector<Tensor>& before) {
                   auto health = health_with({})(after, before);
                   for (std::size_t i = 0; i < health.size(); ++i) {
                     health[i].update_ratio =
                         (after[i].second.detach() - before[i]).norm().item<double>() / (health[i].weight_norm + 1e-3);
                   }
                   return health;
                 })
        .mistake("moved_from_zero",
                 [](const std::vector<std::pair<std::string, Tensor>>& after, const std::vector<Tensor>& before) {
                   auto health = health_with({})(after, before);
                   for (auto& one : health)
                     if (one.weight_norm == 0) one.update_ratio = 0;
                   return health;
                 })
        .mistake("gradient_for_change", health_with, {.by_gradient = true})
        .mistake("norm_after_the_step", health_with, {.of_the_new = true})
        .mistake("mean_for_norm", health_with, {.mean_size = true})
        .mistake("squared", health_with, {.squared = true})
        .mistake("difference_of_norms", health_with, {.difference_of_norms = true})
        .mistake("largest_for_norm", health_with, {.largest = true})
        .mistake("nothing_by_nothing", health_with, {.nothing_by_nothing = true})
        .mistake("turned_round", health_with, {.turned_round = true});

// 6.7
// ------------------------------------------------------------------------------------------------------------------

using FutureInfluence = std::function<double(const LogitsFunction&, const Tensor&, std::int64_t, std::int64_t)>;

/// future_influence() on its own, with a switch for each slip.
struct FutureSlip {
  bool all_positions = false, from_here_on = false, changes_the_past = false, input_changed = false, mean = false;
  bool one_position_less = false, only_the_last_token = false, same_end = false, signed_difference = false;
};

FutureInfluence influence_with(const FutureSlip& slip) {
  return
      [slip](const LogitsFunction& model, const Tensor& tokens, std::int64_t position, std::int64_t vocabulary_size) {
        const torch::NoGradGuard no_gradients;
        const auto said = model(tokens).clone();
        auto changed = slip.input_changed ? tokens : tokens.clone();
        const std::int64_t time = tokens.size(1);
        auto end = slip.changes_the_past      ? changed.slice(1, 0, position)
                   : slip.only_the_last_token ? changed.slice(1, time - 1)
                   : slip.one_position_less   ? changed.slice(1, position + 1)
                                              : changed.slice(1, position);
        if (!slip.same_end) end.copy_((end + 1) % vocabulary_size);
        auto difference = said - model(changed);
        if (!slip.signed_difference) difference = difference.abs();
        if (slip.from_here_on) {
          difference = difference.slice(1, position);
        } else if (!slip.all_positions) {
          difference = difference.slice(1, 0, position);
        }
        return (slip.mean ? difference.mean() : difference.max()).item<double>();
      };
}

/// A model of eight tokens: each position's logits are its own token's row (one for even tokens, one for odd: both
/// neighbours of a token are of the other kind, so that it does not matter which of them replaces it), plus `ahead`
/// times the row of the token `distance` later, less `behind` times the row before.
LogitsFunction looking(double ahead, std::int64_t distance, double behind) {
  return [=](const Tensor& tokens) {
    const auto odd = (tokens % 2).unsqueeze(-1).to(torch::kFloat32);  // [batch, time, 1]
    const auto table = torch::tensor({{1.0F, 0.0F, 0.5F}, {0.0F, 2.0F, 0.25F}});
    const auto rows = (1 - odd) * table[0] + odd * table[1];  // [batch, time, 3]
    const auto zeros = torch::zeros_like(rows);
    const auto later = torch::cat({rows, zeros}, 1).slice(1, distance, distance + rows.size(1));
    const auto earlier = torch::cat({zeros.slice(1, 0, 1), rows}, 1).slice(1, 0, rows.size(1));
    return rows - ahead * later - behind * earlier;
  };
}

[[maybe_unused]] const auto& exercise_6_6 =
    exercise<FutureInfluence>("6.7", future_influence)
        .check(
            "models_that_look_back_and_ahead",
            [](const FutureInfluence& influence, Answers& answers) {
              const auto tokens = torch::tensor({{3, 6, 0, 2, 5, 1, 7, 3}});
              answers.add("of a model that looks back only", influence(looking(0, 1, 0.5), tokens.clone(), 4, 8));
              answers.add("of one that sees the next token", influence(looking(0.5, 1, 0.5), tokens.clone(), 4, 8));
              answers.add("of one that sees the second next", influence(looking(0.5, 2, 0), tokens.clone(), 4, 8));
              answers.add("of one that refuses what is not in the vocabulary",
                          influence(
                              [](const Tensor& all) {
                                if (all.max().item<std::int64_t>() > 7 || all.min().item<std::int64_t>() < 0) {
                                  throw std::out_of_range("a token that is not in the vocabulary");
                                }
                                return looking(0.5, 1, 0)(all);
                              },
                              tokens.clone(), 4, 8));
              answers.add("of one that looks four ahead, and hard", influence(looking(3, 4, 0), tokens.clone(), 4, 8));
              answers.add("of one that looks five ahead", influence(looking(0.75, 5, 0), tokens.clone(), 4, 8));
              answers.add("of one that sees the next, later on", influence(looking(0.25, 1, 0), tokens.clone(), 6, 8));
            })
        .check("tokens_are_left_as_they_were",
               [](const FutureInfluence& influence, Answers& answers) {
                 auto tokens = torch::tensor({{3, 6, 0, 2, 5, 1, 7, 3}});
                 influence(looking(0.5, 1, 0), tokens, 4, 8);
                 answers.add("the tokens afterwards", tokens);
               })
        .mistake(
            "one_token_changed",
            [](const LogitsFunction& model, const Tensor& tokens, std::int64_t position, std::int64_t vocabulary_size) {
              const torch::NoGradGuard no_gradients;
              auto changed = tokens.clone();
              changed.select(1, position) = (tokens.select(1, position) + 1) % vocabulary_size;
              return (model(changed) - model(tokens)).slice(1, 0, position).abs().max().item<double>();
            })
        .mistake("every_position_compared", influence_with, {.all_positions = true})
        .mistake("the_changed_ones_compared", influence_with, {.from_here_on = true})
        .mistake("the_past_changed", influence_with, {.changes_the_past = true})
        .mistake("tokens_overwritten", influence_with, {.input_changed = true})
        .mistake("mean_for_largest", influence_with, {.mean = true})
        .mistake("one_position_left_alone", influence_with, {.one_position_less = true})
        .mistake("only_the_last_token", influence_with, {.only_the_last_token = true})
        .mistake("nothing_changed", influence_with, {.same_end = true})
        .mistake("no_absolute_value", influence_with, {.signed_difference = true});

}  // namespace
}  // namespace verse
