#include "06_loss_stages/diagnosis.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "common/base/error.h"
#include "common/base/text.h"

namespace verse {

Overfitting find_overfitting(const std::vector<Metrics>& rows) {
  Overfitting result;
  //! [6.3]
  // Only rows in which both losses stand, and are numbers.
  std::vector<Metrics> known;
  for (const Metrics& row : rows) {
    const bool both = row.train_loss && row.validation_loss;
    if (both && std::isfinite(*row.train_loss) && std::isfinite(*row.validation_loss)) known.push_back(row);
  }
  if (known.size() < 2) return result;

  // The best model is where validation loss was least.
  const auto less = [](const Metrics& one, const Metrics& other) {
    return *one.validation_loss < *other.validation_loss;
  };
  const Metrics& best = *std::min_element(known.begin(), known.end(), less);
  const Metrics& last = known.back();
  result.best_step = best.step;
  result.best_loss = *best.validation_loss;
  result.rise = *last.validation_loss - *best.validation_loss;
  result.gap = *last.validation_loss - *last.train_loss;

  // Validation worse while training got better: what was learned since is this text by heart.
  const bool overfits = result.rise > 0.05 && *last.train_loss < *best.train_loss;
  result.found = overfits ? Finding::yes : Finding::no;
  //! [6.3]
  return result;
}

std::vector<double> overfit_one_batch(const std::function<torch::Tensor()>& next_loss,
                                      const std::vector<torch::Tensor>& parameters, const std::function<void()>& step,
                                      std::int64_t steps) {
  std::vector<double> losses;
  //! [6.4]
  for (std::int64_t i = 0; i < steps; ++i) {
    // The gradients of this step alone.
    for (const auto& parameter : parameters) parameter.mutable_grad() = torch::Tensor();
    const auto loss = next_loss();
    losses.push_back(loss.item<double>());
    loss.backward();
    step();
  }

  // What the last step was good for.
  const torch::NoGradGuard no_gradients;
  losses.push_back(next_loss().item<double>());
  //! [6.4]
  return losses;
}

std::vector<ParameterHealth> measure_health(const std::vector<std::pair<std::string, torch::Tensor>>& after,
                                            const std::vector<torch::Tensor>& before) {
  std::vector<ParameterHealth> health;
  //! [6.5]
  const torch::NoGradGuard no_gradients;
  for (std::size_t i = 0; i < after.size(); ++i) {
    const auto& [name, parameter] = after[i];
    ParameterHealth one;
    one.name = name;
    if (parameter.grad().defined()) one.gradient_norm = parameter.grad().norm().item<double>();
    one.weight_norm = before[i].norm().item<double>();

    // How far the step went, measured by how far there was to go.
    const double change = (parameter - before[i]).norm().item<double>();
    if (change > 0) one.update_ratio = change / one.weight_norm;
    health.push_back(one);
  }
  //! [6.5]
  return health;
}

Finding bad_initialisation(const RunRecord& run, const Thresholds& thresholds) {
  //! [6.6]
  // Only the row before the first step tells.
  if (run.rows.empty() || run.rows.front().step != 0 || !run.rows.front().validation_loss) return Finding::unknown;
  const double loss = *run.rows.front().validation_loss;

  // No loss at all (NaN) is no fair start either, so ask whether it is good.
  return loss <= run.landmarks.uniform + thresholds.initial_excess ? Finding::no : Finding::yes;
  //! [6.6]
}

std::optional<std::int64_t> no_number_from(const std::vector<Metrics>& rows) {
  for (const Metrics& row : rows) {
    for (const auto& value : {row.train_loss, row.validation_loss, row.gradient_norm}) {
      if (value && !std::isfinite(*value)) return row.step;
    }
  }
  return std::nullopt;
}

double repeated_share(const std::string& text) {
  const std::u32string characters = decode_utf8(text);
  std::size_t repeated = 0;
  for (std::size_t i = 1; i < characters.size(); ++i) repeated += characters[i] == characters[i - 1] ? 1 : 0;
  return characters.size() < 2 ? 0.0 : static_cast<double>(repeated) / static_cast<double>(characters.size() - 1);
}

double highest_rate(const RunRecord& run) {
  double highest = 0;
  for (const Metrics& row : run.rows) {
    if (row.learning_rate && std::isfinite(*row.learning_rate)) highest = std::max(highest, *row.learning_rate);
  }
  return highest;
}

Finding is_stuck(const RunRecord& run) {
  if (run.rows.empty() || !run.rows.back().train_loss) return Finding::unknown;
  if (*run.rows.back().train_loss < run.landmarks.pairs) return Finding::no;
  return run.rows.back().step < 400 ? Finding::unknown : Finding::yes;
}

double future_influence(const LogitsFunction& model, const torch::Tensor& tokens, std::int64_t position,
                        std::int64_t vocabulary_size) {
  //! [6.7]
  // The same text with another end.
  const torch::NoGradGuard no_gradients;
  auto changed = tokens.clone();
  changed.slice(1, position) = (tokens.slice(1, position) + 1) % vocabulary_size;

  // What is said before the end begins must not know of it.
  const auto difference = (model(tokens) - model(changed)).slice(1, 0, position).abs();  // [1, position, vocabulary]
  return difference.max().item<double>();
  //! [6.7]
}

Finding sees_the_future(const RunRecord& run, const Thresholds& thresholds) {
  //! [6.8]
  if (!run.future_influence || !std::isfinite(*run.future_influence)) return Finding::unknown;
  return *run.future_influence > thresholds.influence ? Finding::yes : Finding::no;
  //! [6.8]
}

Finding targets_not_shifted(const RunRecord& run, const Thresholds& thresholds) {
  //! [6.9]
  // Whoever sees the future has another reason to be this good.
  if (sees_the_future(run, thresholds) == Finding::yes) return Finding::no;
  if (count_characters(run.sample) < 20 || run.rows.empty()) return Finding::unknown;
  const auto loss = run.rows.back().validation_loss;
  if (!loss || !std::isfinite(*loss)) return Finding::unknown;

  // It has learned to say what it has just read: a fine loss, and a text that stands still.
  const bool fine_loss = *loss < run.landmarks.pairs;
  return fine_loss && repeated_share(run.sample) > thresholds.repeated ? Finding::yes : Finding::no;
  //! [6.9]
}

Finding same_batch_every_step(const RunRecord& run, const Thresholds& thresholds) {
  //! [6.10]
  // As long as no character can have been read twice, nothing can be known by heart.
  Finding finding = Finding::unknown;
  for (const Metrics& row : run.rows) {
    const bool first_pass = row.step > 0 && row.tokens <= run.training_characters;
    if (!first_pass || !row.train_loss || !row.validation_loss) continue;
    if (!std::isfinite(*row.train_loss) || !std::isfinite(*row.validation_loss)) continue;

    // A gap alone could be one bad moment of validation; somebody who knows a batch by heart is good at it.
    const bool by_heart = *row.train_loss < run.landmarks.pairs;
    if (by_heart && *row.validation_loss - *row.train_loss > thresholds.gap) return Finding::yes;
    finding = Finding::no;
  }
  return finding;
  //! [6.10]
}

Finding learning_rate_too_high(const RunRecord& run, const Thresholds& thresholds) {
  //! [6.11]
  const Finding stuck = is_stuck(run);
  if (stuck != Finding::yes) return stuck;

  // While the rate was rising, the loss had come down further than it stood when the rate was highest, or later.
  const double peak = highest_rate(run);
  constexpr double infinity = std::numeric_limits<double>::infinity();
  double least_before = infinity, most_after = 0;
  bool before = true;
  for (const Metrics& row : run.rows) {
    if (!row.learning_rate || !row.train_loss) continue;
    const double loss = std::isfinite(*row.train_loss) ? *row.train_loss : infinity;  // nothing is worse than no number
    before = before && *row.learning_rate < 0.9 * peak;
    if (before) {
      least_before = std::min(least_before, loss);
    } else {
      most_after = std::max(most_after, loss);
    }
  }
  if (std::isinf(least_before)) return Finding::unknown;
  return most_after > least_before + thresholds.rise ? Finding::yes : Finding::no;
  //! [6.11]
}

Finding warmup_missing(const RunRecord& run, const Thresholds& thresholds) {
  //! [6.12]
  // Without a warm-up some runs do well; it is missed only where the model learned nothing beyond pairs.
  const Finding stuck = is_stuck(run);
  if (stuck != Finding::yes) return stuck;

  // Was the rate near its peak from the beginning? The first twentieth of the steps shows it.
  const double peak = highest_rate(run);
  for (const Metrics& row : run.rows) {
    const bool early = row.step > 0 && row.step <= run.rows.back().step / 20;
    if (!early || !row.learning_rate || !std::isfinite(*row.learning_rate)) continue;
    return *row.learning_rate > thresholds.early_rate * peak ? Finding::yes : Finding::no;
  }
  return Finding::unknown;
  //! [6.12]
}

Thresholds choose_thresholds() {
  Thresholds thresholds;
  //! [6.13]
  // An untrained model guesses to within a few hundredths of a nat; one whose tables are too large is off by many nats.
  thresholds.initial_excess = 0.5;

  // Rounding moves a logit by some millionths, a missing mask by whole numbers: a thousandth is far from both.
  thresholds.influence = 1e-3;

  // Texts repeat one character in fifty; a model that says what it reads, nearly all of them.
  thresholds.repeated = 0.5;

  // In the first pass healthy runs have gaps of a tenth; one batch, learned by heart, has several nats.
  thresholds.gap = 1;

  // The mean over twenty batches trembles by some hundredths.
  thresholds.rise = 0.05;

  // With a warm-up, the first twentieth of the steps reaches a part of the peak only.
  thresholds.early_rate = 0.9;
  //! [6.13]
  return thresholds;
}

}  // namespace verse
