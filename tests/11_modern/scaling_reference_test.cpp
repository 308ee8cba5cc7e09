/// The scaling law's fit on runs that are made up, whose law is known; and the table of trainings.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "11_modern/given/scaling_fit.h"
#include "11_modern/given/scaling_runs.h"
#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/random.h"
#include "tests/common/temporary_folder.h"

namespace verse {
namespace {

constexpr ScalingLaw kLaw{0.56, 40, 0.45, 900, 0.62};

/// Four sizes and four lengths, each three times. @param noise the standard deviation of the losses' relative errors
std::vector<ScalingRun> made_up_runs(double noise, const ScalingLaw& law = kLaw) {
  Random random(7);
  std::vector<ScalingRun> runs;
  for (const double parameters : {14496.0, 53568.0, 205440.0, 804096.0}) {
    for (const double tokens : {57600.0, 115200.0, 230400.0, 460800.0}) {
      for (int seed = 0; seed < 3; ++seed) {
        runs.push_back({parameters, tokens, law.loss(parameters, tokens) * (1 + noise * random.normal())});
      }
    }
  }
  return runs;
}

TEST(ScalingLaw, IsWorkedOutByHand) {
  const ScalingLaw law{0.5, 10, 0.5, 8, 1.0 / 3};
  EXPECT_NEAR(law.loss(100, 64), 0.5 + 1 + 2, 1e-12);
}

TEST(FitScaling, FindsTheLawBehindExactLosses) {
  for (const std::optional<double> floor : {std::optional<double>(kLaw.floor), std::optional<double>()}) {
    const ScalingLaw law = fit_scaling(made_up_runs(0), floor);
    EXPECT_NEAR(law.floor, kLaw.floor, 1e-3);
    EXPECT_NEAR(law.size_exponent, kLaw.size_exponent, 2e-3);
    EXPECT_NEAR(law.tokens_exponent, kLaw.tokens_exponent, 2e-3);
    // Far outside of what it was fitted to, too.
    EXPECT_NEAR(law.loss(1e8, 1e9), kLaw.loss(1e8, 1e9), 3e-3);
  }
}

TEST(FitScaling, FindsOtherLawsToo) {
  for (const ScalingLaw& other : {ScalingLaw{1.69, 406.4, 0.34, 410.7, 0.28}, ScalingLaw{0.2, 5, 0.2, 5000, 0.9}}) {
    const ScalingLaw law = fit_scaling(made_up_runs(0, other), other.floor);
    EXPECT_NEAR(law.size_exponent, other.size_exponent, 2e-3);
    EXPECT_NEAR(law.tokens_exponent, other.tokens_exponent, 2e-3);
    EXPECT_NEAR(law.size_factor / other.size_factor, 1, 0.03);
    EXPECT_NEAR(law.tokens_factor / other.tokens_factor, 1, 0.03);
  }
}

TEST(FitScaling, HasTheLeastSquaresOfAllLaws) {
  // No law nearby is better, and neither a factor nor the floor is below 0 where the best line would have it so.
  const auto runs = made_up_runs(0.02);
  const auto error = [&runs](const ScalingLaw& law) {
    double sum = 0;
    for (const ScalingRun& run : runs) sum += std::pow(law.loss(run.parameters, run.tokens) / run.loss - 1, 2);
    return sum;
  };
  const ScalingLaw best = fit_scaling(runs, {});
  EXPECT_LE(error(best), error(kLaw));
  Random random(11);
  for (int i = 0; i < 2000; ++i) {
    ScalingLaw other = best;
    const double size = std::pow(10, -1 - 4 * random.uniform());
    for (double* number :
         {&other.floor, &other.size_factor, &other.size_exponent, &other.tokens_factor, &other.tokens_exponent}) {
      *number *= 1 + size * random.normal();
    }
    EXPECT_LE(error(best), error(other) * (1 + 1e-9)) << i;
  }
  const ScalingLaw lawless = fit_scaling(made_up_runs(0, {0, 3, 0.02, 3, 0.02}), 5.0);
  EXPECT_GE(lawless.size_factor, 0);
  EXPECT_GE(lawless.tokens_factor, 0);
}

TEST(FitScaling, OfALawWithoutItsFloorHasSmallerExponents) {
  const ScalingLaw right = fit_scaling(made_up_runs(0), kLaw.floor), without = fit_scaling(made_up_runs(0), 0.0);
  EXPECT_EQ(without.floor, 0);
  EXPECT_LT(without.size_exponent, right.size_exponent - 0.02);
  EXPECT_LT(without.tokens_exponent, right.tokens_exponent - 0.05);
}

TEST(FitScaling, AsksForEnoughRuns) {
  auto runs = made_up_runs(0);
  runs.resize(12);  // of one size
  EXPECT_THROW(fit_scaling(runs, 0.5), std::invalid_argument);
  EXPECT_THROW(fit_scaling({}, 0.5), std::invalid_argument);
  Random random(1);
  EXPECT_THROW(resampled_fits(runs, 0.5, 3, random), std::invalid_argument);
}

TEST(ResampledFits, HoldTheLawMoreNarrowlyWhereTheFloorIsKnown) {
  const auto runs = made_up_runs(0.01);
  const auto a = [](const ScalingLaw& law) { return law.size_exponent; };
  Random random(3), again(3);
  const auto known = resampled_fits(runs, kLaw.floor, 200, random);
  const auto found = resampled_fits(runs, {}, 200, again);
  const Interval narrow = middle_of(known, a), wide = middle_of(found, a);
  EXPECT_LT(narrow.low, kLaw.size_exponent);
  EXPECT_GT(narrow.high, kLaw.size_exponent);
  EXPECT_LT(wide.low, kLaw.size_exponent);
  EXPECT_GT(wide.high, kLaw.size_exponent);
  EXPECT_LT(narrow.high - narrow.low, wide.high - wide.low);
  const Interval floor = middle_of(found, [](const ScalingLaw& law) { return law.floor; });
  EXPECT_LT(floor.low, kLaw.floor);
  EXPECT_GT(floor.high, kLaw.floor);
}

TEST(MiddleOf, LeavesOutAFortiethAtEachEnd) {
  std::vector<double> values;
  for (int i = 0; i < 200; ++i) values.push_back((i * 37) % 200);  // 0 to 199, out of order
  const Interval middle = middle_of(values);
  EXPECT_EQ(middle.low, 5);
  EXPECT_EQ(middle.high, 194);
  EXPECT_THROW(middle_of(std::vector<double>(39)), std::invalid_argument);
}

TEST(BestParameters, HaveTheLeastLossOfAllThatCostAsMuch) {
  for (const double operations : {1e10, 1e13}) {
    const double best = best_parameters(kLaw, operations);
    const auto loss = [&](double parameters) { return kLaw.loss(parameters, operations / (6 * parameters)); };
    for (const double share : {0.5, 0.9, 0.99, 1.01, 1.1, 2.0}) EXPECT_LT(loss(best), loss(best * share)) << share;
  }
}

TEST(ScalingRuns, KeepWhatWasTrained) {
  const TemporaryFolder folder;
  const auto kept = folder.path() / "runs.csv";
  const ScalingTask task{16, 2, 1, 0.025};
  ScalingEnd first;
  {
    ScalingRuns runs(torch::kCPU, kept);
    EXPECT_GT(runs.floor(), 0.4);
    EXPECT_LT(runs.floor(), 0.7);
    EXPECT_NEAR(runs.second_floor(), runs.floor(), 0.05);
    first = runs.end_of(task);
    EXPECT_GT(first.parameters, 10'000);
    EXPECT_GT(first.loss, runs.floor());
    EXPECT_LT(first.loss, std::log(65) + 0.1);
  }
  const std::string table = read_file(kept);
  EXPECT_NE(table.find("16,2,1,0.025,"), std::string::npos) << table;

  // As the table has it, whatever that is; and to the last digit.
  ScalingRuns again(torch::kCPU, kept);
  EXPECT_EQ(again.end_of(task).loss, first.loss);
  EXPECT_EQ(again.end_of(task).second, first.second);
  EXPECT_EQ(read_file(kept), table);
  const std::string header = table.substr(0, table.find('\n') + 1);
  write_file_atomically(kept, header + "16,2,1,0.025,77,1.5,1.25\n");
  EXPECT_EQ(ScalingRuns(torch::kCPU, kept).end_of(task).loss, 1.5);

  for (const std::string wrong : {"16,2,1,0.025,77,1.5\n", "16,2,1,,77,1.5,1.25\n", "16,2,one,0.025,77,1.5,1.25\n",
                                  "16,2,1,0.025,77,1.5,1.25\n16,2,1,0.025,77,1.5,1.25\n"}) {
    write_file_atomically(kept, header + wrong);
    EXPECT_THROW(ScalingRuns(torch::kCPU, kept), UsageError) << wrong;
  }
  write_file_atomically(kept, "no,such,table\n");
  EXPECT_THROW(ScalingRuns(torch::kCPU, kept), UsageError);
}

TEST(ScalingRuns, TrainTheSameFromTheSameSeedAndAnotherFromAnother) {
  ScalingRuns one(torch::kCPU, {}), two(torch::kCPU, {});
  const double loss = one.end_of({16, 3, 1, 0.025}).loss;
  EXPECT_EQ(two.end_of({16, 3, 1, 0.025}).loss, loss);
  EXPECT_NE(two.end_of({16, 3, 2, 0.025}).loss, loss);
}

}  // namespace
}  // namespace verse
