#pragma once

/// @file
/// Chapter 11: how a model's loss depends on its size and on what it has read, as a formula. Given, not an exercise.

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "common/base/random.h"
#include "common/base/statistics.h"

namespace verse {

/// One training.
struct ScalingRun {
  double parameters = 0;
  double tokens = 0;  ///< read in training, each once
  double loss = 0;    ///< at the end, nats a token
};

/// loss = floor + A / N^a + B / D^b, with N parameters and D tokens (Hoffmann et al. 2022, equation 2).
struct ScalingLaw {
  double floor = 0;                               ///< nats a token
  double size_factor = 0, size_exponent = 0;      ///< A, a
  double tokens_factor = 0, tokens_exponent = 0;  ///< B, b

  double loss(double parameters, double tokens) const;
};

/// The law with the least squares of the relative errors, (law's loss - loss) / loss. Neither the floor nor a factor is
/// below 0, and exponents lie between 0.01 and 4.
///
/// Given the exponents, everything else is a linear problem with a single answer; so only the two exponents are
/// searched for, first on a grid and then from its best place downhill (variable projection; Golub and Pereyra 1973).
/// @param floor where it is known; otherwise it is fitted too
/// @throws std::invalid_argument for fewer than five runs, or runs that are not of two sizes and two lengths at least
ScalingLaw fit_scaling(const std::vector<ScalingRun>& runs, std::optional<double> floor);

/// Fits of runs that are drawn, with replacement, as many as there are (the bootstrap; Efron 1979): how far they lie
/// apart says how well the runs settle the law, if its form is right.
std::vector<ScalingLaw> resampled_fits(const std::vector<ScalingRun>& runs, std::optional<double> floor, int count,
                                       Random& random);

/// Where the middle 95 % of some values lie. @throws std::invalid_argument for fewer than forty
Interval middle_of(std::vector<double> values);

/// The same of a number that is worked out from each law.
Interval middle_of(const std::vector<ScalingLaw>& laws, const std::function<double(const ScalingLaw&)>& number);

/// How many parameters the best model has that can be trained with so many operations, six a parameter and token
/// (Hoffmann et al. 2022, equation 4). The tokens are then operations / (6 * parameters).
double best_parameters(const ScalingLaw& law, double operations);

}  // namespace verse
