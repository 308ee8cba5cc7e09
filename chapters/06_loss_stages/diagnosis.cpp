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
  // Exercise 6.3. Read "Two curves, one gap" in README.md, then replace the next line; make hint-6.3 helps.
  // New here: std::min_element(first, last, less)
  //   does: an iterator to the smallest element by `less`; of equals the first
  throw NotImplemented("6.3");
  //! [6.3]
  return result;
}

std::vector<double> overfit_one_batch(const std::function<torch::Tensor()>& next_loss,
                                      const std::vector<torch::Tensor>& parameters, const std::function<void()>& step,
                                      std::int64_t steps) {
  std::vector<double> losses;
  //! [6.4]
  // Exercise 6.4. Read "One batch, by heart" in README.md, then replace the next line; make hint-6.4 helps.
  throw NotImplemented("6.4");
  //! [6.4]
  return losses;
}

std::vector<ParameterHealth> measure_health(const std::vector<std::pair<std::string, torch::Tensor>>& after,
                                            const std::vector<torch::Tensor>& before) {
  std::vector<ParameterHealth> health;
  //! [6.5]
  // Exercise 6.5. Read "What the gradients do" in README.md, then replace the next line; make hint-6.5 helps.
  throw NotImplemented("6.5");
  //! [6.5]
  return health;
}

Finding bad_initialisation(const RunRecord& run, const Thresholds& thresholds) {
  //! [6.6]
  // Exercise 6.6. Read "A bad beginning" in README.md, then replace the next line; make hint-6.6 helps.
  throw NotImplemented("6.6");
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
  // Exercise 6.7. Read "Losses too good to be true" in README.md, then replace the next line; make hint-6.7 helps.
  throw NotImplemented("6.7");
  //! [6.7]
}

Finding sees_the_future(const RunRecord& run, const Thresholds& thresholds) {
  //! [6.8]
  // Exercise 6.8. Read "Losses too good to be true" in README.md, then replace the next line; make hint-6.8 helps.
  throw NotImplemented("6.8");
  //! [6.8]
}

Finding targets_not_shifted(const RunRecord& run, const Thresholds& thresholds) {
  //! [6.9]
  // Exercise 6.9. Read "Losses too good to be true" in README.md, then replace the next line; make hint-6.9 helps.
  throw NotImplemented("6.9");
  //! [6.9]
}

Finding same_batch_every_step(const RunRecord& run, const Thresholds& thresholds) {
  //! [6.10]
  // Exercise 6.10. Read "The same batch" in README.md, then replace the next line; make hint-6.10 helps.
  throw NotImplemented("6.10");
  //! [6.10]
}

Finding learning_rate_too_high(const RunRecord& run, const Thresholds& thresholds) {
  //! [6.11]
  // Exercise 6.11. Read "Rates" in README.md, then replace the next line; make hint-6.11 helps.
  throw NotImplemented("6.11");
  //! [6.11]
}

Finding warmup_missing(const RunRecord& run, const Thresholds& thresholds) {
  //! [6.12]
  // Exercise 6.12. Read "Rates" in README.md, then replace the next line; make hint-6.12 helps.
  throw NotImplemented("6.12");
  //! [6.12]
}

Thresholds choose_thresholds() {
  Thresholds thresholds;
  //! [6.13]
  // Exercise 6.13. Read "Thresholds of your own" in README.md, then replace the next line; make hint-6.13 helps.
  throw NotImplemented("6.13");
  //! [6.13]
  return thresholds;
}

}  // namespace verse
