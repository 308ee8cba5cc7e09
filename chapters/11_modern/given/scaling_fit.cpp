#include "11_modern/given/scaling_fit.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <set>
#include <stdexcept>
#include <utility>

namespace verse {

namespace {

constexpr double kLeastExponent = 0.01, kMostExponent = 4;
constexpr int kGrid = 24;            ///< exponents tried at first, in equal ratios
constexpr double kFinest = 1e-5;     ///< relative step of an exponent at which the search ends
constexpr std::size_t kColumns = 3;  ///< 1, N^-a, D^-b

using Numbers = std::array<double, kColumns>;

/// A least-squares problem in three columns: what is needed of its sums.
struct Problem {
  std::array<Numbers, kColumns> products{};  ///< of columns with each other
  Numbers with_target{};                     ///< of columns with the target
  double target = 0;                         ///< of the target with itself
};

/// Solves for the columns of `used` alone, by elimination. @return nothing where they do not settle it
std::optional<Numbers> solved(const Problem& problem, const std::vector<std::size_t>& used) {
  std::array<std::array<double, kColumns + 1>, kColumns> rows{};
  const std::size_t size = used.size();
  for (std::size_t i = 0; i < size; ++i) {
    for (std::size_t j = 0; j < size; ++j) rows[i][j] = problem.products[used[i]][used[j]];
    rows[i][size] = problem.with_target[used[i]];
  }
  for (std::size_t i = 0; i < size; ++i) {
    if (!(rows[i][i] > 1e-12 * problem.products[used[i]][used[i]])) return {};
    for (std::size_t below = 0; below < size; ++below) {
      if (below == i) continue;
      const double share = rows[below][i] / rows[i][i];
      for (std::size_t j = i; j <= size; ++j) rows[below][j] -= share * rows[i][j];
    }
  }
  Numbers result{};
  for (std::size_t i = 0; i < size; ++i) result[used[i]] = rows[i][size] / rows[i][i];
  return result;
}

double error_of(const Problem& problem, const Numbers& factors) {
  double error = problem.target;
  for (std::size_t i = 0; i < kColumns; ++i) {
    error -= 2 * factors[i] * problem.with_target[i];
    for (std::size_t j = 0; j < kColumns; ++j) error += factors[i] * factors[j] * problem.products[i][j];
  }
  return error;
}

/// The least squares with no factor below 0: the best of those that some of the columns have alone.
std::pair<double, Numbers> least_squares(const Problem& problem, bool with_floor) {
  std::pair<double, Numbers> best{problem.target, Numbers{}};
  for (unsigned choice = 1; choice < 8; ++choice) {
    if (!with_floor && (choice & 1U) != 0) continue;
    std::vector<std::size_t> used;
    for (std::size_t i = 0; i < kColumns; ++i) {
      if ((choice >> i & 1U) != 0) used.push_back(i);
    }
    const auto factors = solved(problem, used);
    if (!factors || std::any_of(factors->begin(), factors->end(), [](double each) { return each < 0; })) continue;
    const double error = error_of(problem, *factors);
    if (error < best.first) best = {error, *factors};
  }
  return best;
}

/// The runs, with sizes and lengths beside their middles, so that powers of them are neither huge nor tiny.
class Fit {
 public:
  Fit(const std::vector<ScalingRun>& runs, std::optional<double> floor) : runs_(runs), floor_(floor) {
    for (const ScalingRun& run : runs) {
      size_ += std::log(run.parameters) / static_cast<double>(runs.size());
      length_ += std::log(run.tokens) / static_cast<double>(runs.size());
    }
  }

  /// The best for two exponents: its error, and the floor and both factors at the middles.
  std::pair<double, Numbers> at(double size_exponent, double tokens_exponent) const {
    Problem problem;
    for (const ScalingRun& run : runs_) {
      const Numbers columns{1 / run.loss, std::exp(-size_exponent * (std::log(run.parameters) - size_)) / run.loss,
                            std::exp(-tokens_exponent * (std::log(run.tokens) - length_)) / run.loss};
      const double target = 1 - floor_.value_or(0) / run.loss;
      for (std::size_t i = 0; i < kColumns; ++i) {
        for (std::size_t j = 0; j < kColumns; ++j) problem.products[i][j] += columns[i] * columns[j];
        problem.with_target[i] += columns[i] * target;
      }
      problem.target += target * target;
    }
    return least_squares(problem, !floor_);
  }

  ScalingLaw law(double size_exponent, double tokens_exponent) const {
    const Numbers found = at(size_exponent, tokens_exponent).second;
    return {floor_.value_or(found[0]), found[1] * std::exp(size_exponent * size_), size_exponent,
            found[2] * std::exp(tokens_exponent * length_), tokens_exponent};
  }

 private:
  const std::vector<ScalingRun>& runs_;
  std::optional<double> floor_;
  double size_ = 0, length_ = 0;  ///< means of logarithms
};

bool within(double exponent) {
  return exponent >= kLeastExponent && exponent <= kMostExponent;
}

/// Whether there are enough runs, and different ones, to tell of a law.
bool are_enough(const std::vector<ScalingRun>& runs) {
  std::set<double> sizes, lengths;
  for (const ScalingRun& run : runs) {
    sizes.insert(run.parameters);
    lengths.insert(run.tokens);
  }
  return runs.size() >= 5 && sizes.size() >= 2 && lengths.size() >= 2;
}

}  // namespace

double ScalingLaw::loss(double parameters, double tokens) const {
  return floor + size_factor * std::pow(parameters, -size_exponent) +
         tokens_factor * std::pow(tokens, -tokens_exponent);
}

ScalingLaw fit_scaling(const std::vector<ScalingRun>& runs, std::optional<double> floor) {
  if (!are_enough(runs)) {
    throw std::invalid_argument("a scaling law needs five runs, of two sizes and two lengths at least");
  }
  for (const ScalingRun& run : runs) {
    if (!(run.loss > 0 && std::isfinite(run.loss))) throw std::invalid_argument("a scaling law needs losses above 0");
  }
  const Fit fit(runs, floor);

  // A grid over both exponents, in equal ratios.
  const double ratio = std::pow(kMostExponent / kLeastExponent, 1.0 / (kGrid - 1));
  double size = 1, tokens = 1, best = std::numeric_limits<double>::infinity();
  const auto better = [&](double a, double b) {
    if (!within(a) || !within(b)) return false;
    const double error = fit.at(a, b).first;
    if (!(error < best)) return false;
    size = a, tokens = b, best = error;
    return true;
  };
  for (int i = 0; i < kGrid; ++i) {
    for (int j = 0; j < kGrid; ++j) {
      better(kLeastExponent * std::pow(ratio, i + 1e-9), kLeastExponent * std::pow(ratio, j + 1e-9));
    }
  }

  // From its best place downhill, with smaller and smaller steps.
  for (double step = ratio; step > 1 + kFinest;) {
    const double a = size, b = tokens;
    bool moved = false;
    for (const double up : {1 / step, 1.0, step}) {
      for (const double across : {1 / step, 1.0, step}) moved = better(a * up, b * across) || moved;
    }
    if (!moved) step = std::sqrt(step);
  }
  return fit.law(size, tokens);
}

std::vector<ScalingLaw> resampled_fits(const std::vector<ScalingRun>& runs, std::optional<double> floor, int count,
                                       Random& random) {
  if (!are_enough(runs)) return {fit_scaling(runs, floor)};  // which says why not
  std::vector<ScalingLaw> laws;
  while (std::cmp_less(laws.size(), count)) {
    std::vector<ScalingRun> drawn;
    for (std::size_t i = 0; i < runs.size(); ++i) {
      drawn.push_back(runs[static_cast<std::size_t>(random.below(static_cast<std::int64_t>(runs.size())))]);
    }
    if (are_enough(drawn)) laws.push_back(fit_scaling(drawn, floor));
  }
  return laws;
}

Interval middle_of(std::vector<double> values) {
  if (values.size() < 40) throw std::invalid_argument("the middle 95 % need forty values at least");
  std::sort(values.begin(), values.end());
  const auto outside = static_cast<std::size_t>(std::floor(0.025 * static_cast<double>(values.size())));
  return {values[outside], values[values.size() - 1 - outside]};
}

Interval middle_of(const std::vector<ScalingLaw>& laws, const std::function<double(const ScalingLaw&)>& number) {
  std::vector<double> values;
  for (const ScalingLaw& law : laws) values.push_back(number(law));
  return middle_of(std::move(values));
}

double best_parameters(const ScalingLaw& law, double operations) {
  const double together = law.size_exponent + law.tokens_exponent;
  const double balance =
      std::pow(law.size_exponent * law.size_factor / (law.tokens_exponent * law.tokens_factor), 1 / together);
  return balance * std::pow(operations / 6, law.tokens_exponent / together);
}

}  // namespace verse
