#include "11_modern/given/scaling_law.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "11_modern/given/scaling_fit.h"
#include "11_modern/given/scaling_runs.h"
#include "common/base/error.h"
#include "common/base/random.h"
#include "common/base/text.h"
#include "common/plot.h"
#include "common/results.h"

namespace verse {

namespace {

constexpr std::int64_t kLawWidths[] = {16, 32, 64, 128};
constexpr std::int64_t kShorter[] = {8, 4, 2, 1};  ///< the lengths, as parts of the longest
constexpr std::uint64_t kSeeds = 3;
constexpr double kStudent = 4.303;          ///< Student's t for the middle 95 % of three
constexpr std::uint64_t kTuningSeed = 100;  ///< added to the first seed, so that no other training has it
constexpr std::int64_t kTuningPart = 4;     ///< of the longest training, the length at which rates are tried
constexpr double kFirstRate = 0.025;        ///< speedrun's
constexpr int kMoves = 5;                   ///< that the search for a rate may take
constexpr int kResampled = 200;             ///< fits, for an interval
constexpr double kBudgets[] = {1e10, 1e11, 1e12, 1e13};  ///< operations

/// Some numbers' mean, and half of its 95 % interval.
struct Mean {
  double value = 0, half = 0;
};

Mean mean_of(const std::vector<double>& values) {
  const auto count = static_cast<double>(values.size());
  double mean = 0, squares = 0;
  for (const double each : values) mean += each / count;
  for (const double each : values) squares += (each - mean) * (each - mean);
  return {mean, kStudent * std::sqrt(squares / (count - 1) / count)};
}

/// All trainings of a width and a length, by both.
using Cells = std::map<std::pair<std::int64_t, std::int64_t>, std::vector<ScalingEnd>>;

/// What a law is fitted with.
struct Kind {
  std::string name, says;
  std::optional<double> floor;
};

/// The best rate of those that are tried: doubled or halved as long as that is better.
double tuned_rate(ScalingRuns& runs, std::int64_t width, std::int64_t steps, std::uint64_t seed) {
  static RecordedTable& table = results().table("rates", {"width", "rate", "above"});
  std::map<double, double> tried;
  const auto above = [&](double rate) {
    if (!tried.contains(rate)) {
      tried[rate] = runs.end_of({width, steps, seed, rate}).loss - runs.floor();
      table.row({width, rate, tried[rate]});
    }
    return tried[rate];
  };
  double best = kFirstRate;
  for (int move = 0; move < kMoves; ++move) {
    const double other = above(2 * best) < above(best / 2) ? 2 * best : best / 2;
    if (!(above(other) < above(best))) break;
    best = other;
  }
  fmt::print("{:>8}{:>14}   ", width, fmt::format("{:g}", best));
  for (const auto& [rate, loss] : tried) fmt::print("{:>9}: {:.3f}", fmt::format("{:g}", rate), loss);
  fmt::print("\n");
  std::fflush(stdout);
  results().scalar(fmt::format("rate_{}", width), best);
  return best;
}

std::string with_interval(double value, const Interval& interval, int digits) {
  return fmt::format("{:.{}f} ({:.{}f} to {:.{}f})", value, digits, interval.low, digits, interval.high, digits);
}

void record(const std::string& name, double value, const Interval& interval, const std::string& unit = "") {
  results().scalar(name, value, unit);
  results().scalar(name + "_low", interval.low, unit);
  results().scalar(name + "_high", interval.high, unit);
}

/// Prints a law that was fitted to all runs.
ScalingLaw show_law(const Kind& kind, const std::vector<ScalingRun>& all, const std::vector<ScalingLaw>& resampled) {
  const ScalingLaw law = fit_scaling(all, kind.floor);
  const Interval floor = middle_of(resampled, [](const ScalingLaw& each) { return each.floor; });
  const Interval a = middle_of(resampled, [](const ScalingLaw& each) { return each.size_exponent; });
  const Interval b = middle_of(resampled, [](const ScalingLaw& each) { return each.tokens_exponent; });
  double squares = 0;
  for (const ScalingRun& run : all) {
    squares += std::pow(law.loss(run.parameters, run.tokens) / run.loss - 1, 2) / static_cast<double>(all.size());
  }
  fmt::print("  {:<16}{:<26}{:<22}{:<22}{:.2f} %\n", kind.says,
             kind.floor ? fmt::format("{:.3f}", law.floor) : with_interval(law.floor, floor, 3),
             with_interval(law.size_exponent, a, 2), with_interval(law.tokens_exponent, b, 2),
             100 * std::sqrt(squares));
  record("floor_" + kind.name, law.floor, floor, "nats");
  record("size_exponent_" + kind.name, law.size_exponent, a);
  record("tokens_exponent_" + kind.name, law.tokens_exponent, b);
  results().scalar("size_factor_" + kind.name, law.size_factor);
  results().scalar("tokens_factor_" + kind.name, law.tokens_factor);
  results().scalar("off_" + kind.name, 100 * std::sqrt(squares), "percent");
  return law;
}

/// Whether both of a law's parts fall: else the best model has no size, or no end.
bool divides(const ScalingLaw& law) {
  return law.size_factor > 0 && law.tokens_factor > 0;
}

/// How an amount of computing is best divided.
void show_divisions(const ScalingLaw& law, const std::vector<ScalingLaw>& resampled) {
  if (!divides(law)) {
    fmt::print("\nthe runs do not settle how computing is best divided: one of the law's two parts is 0\n");
    return;
  }
  auto& table = results().table("divisions",
                                {"operations", "parameters", "low", "high", "tokens", "tokens_per_parameter", "above"});
  fmt::print("\n  {:<12}{:<36}{:>14}{:>12}{:>16}\n", "operations", "parameters", "characters", "a parameter",
             "above the floor");
  for (const double operations : kBudgets) {
    const double best = best_parameters(law, operations), tokens = operations / (6 * best);
    const Interval interval =
        middle_of(resampled, [&](const ScalingLaw& each) { return best_parameters(each, operations); });
    const auto whole = [](double number) { return number < 1e15 ? with_commas(std::llround(number)) : "no limit"; };
    fmt::print("  {:<12}{:<36}{:>14}{:>12.1f}{:>16.3f}\n", fmt::format("{:g}", operations),
               fmt::format("{} ({} to {})", whole(best), whole(interval.low), whole(interval.high)), whole(tokens),
               tokens / best, law.loss(best, tokens) - law.floor);
    table.row({fmt::format("{:g}", operations), best, interval.low, interval.high, tokens, tokens / best,
               law.loss(best, tokens) - law.floor});
  }
  const auto share = [](const ScalingLaw& each) {
    return each.tokens_exponent / (each.size_exponent + each.tokens_exponent);
  };
  const Interval interval = middle_of(resampled, share);
  fmt::print("\nthe best number of parameters grows as the operations to the power of {}\n",
             with_interval(share(law), interval, 2));
  record("share", share(law), interval);
}

/// A width's losses over what they cost, and the lowest that the law promises for each amount.
void draw(const std::filesystem::path& plot, const Cells& cells, const ScalingLaw& law, double floor) {
  std::map<std::int64_t, Series> by_width;
  double least = 1e300, most = 0;
  for (const auto& [place, ends] : cells) {
    const auto& [width, steps] = place;
    double mean = 0;
    for (const ScalingEnd& end : ends) mean += end.loss / static_cast<double>(ends.size());
    const double operations =
        6 * static_cast<double>(ends.front().parameters) * static_cast<double>(steps * ScalingRuns::kTokens);
    Series& series = by_width[width];
    series.label = fmt::format("{} wide", width);
    series.points.emplace_back(operations, mean - floor);
    least = std::min(least, operations);
    most = std::max(most, operations);
  }
  std::vector<Series> all;
  for (auto& [width, series] : by_width) all.push_back(std::move(series));
  Series best{"best by the law", {}, false};
  for (double operations = least; divides(law) && operations <= most * 1.001;
       operations *= std::pow(most / least, 1.0 / 24)) {
    const double parameters = best_parameters(law, operations);
    best.points.emplace_back(operations, law.loss(parameters, operations / (6 * parameters)) - floor);
  }
  all.push_back(std::move(best));
  plot_lines(plot,
             {"Loss above the play's floor, and what it cost", "operations of the training",
              "nats a character above the floor", true, true},
             all);
}

}  // namespace

void show_scaling_law(const SharedOptions& shared, std::int64_t steps, const std::optional<std::filesystem::path>& kept,
                      const std::optional<std::filesystem::path>& plot) {
  if (shared.data) throw UsageError("--scaling-law needs the play, whose floor is known; --data names another text");
  if (steps < kShorter[0]) {
    throw UsageError(fmt::format("--scaling-law needs --steps of {} at least, of which it takes an {}th too, not {}",
                                 kShorter[0], kShorter[0], steps));
  }
  ScalingRuns runs(shared.device.device, kept);
  results().scalar("floor", runs.floor(), "nats");
  fmt::print("the floor of the {} characters that are asked about is {:.4f} nats a character\n",
             with_commas(ScalingRuns::kWindows * ScalingRuns::kContext), runs.floor());

  fmt::print("\nlearning rates, tried for {} steps: loss above the floor\n{:>8}{:>14}\n", steps / kTuningPart, "width",
             "best");
  std::map<std::int64_t, double> rates;
  for (const auto width : kLawWidths) {
    rates[width] = tuned_rate(runs, width, steps / kTuningPart, shared.seed + kTuningSeed);
  }

  Cells cells;
  for (std::uint64_t seed = shared.seed; seed < shared.seed + kSeeds; ++seed) {
    for (const auto width : kLawWidths) {
      for (const auto shorter : kShorter) {
        cells[{width, steps / shorter}].push_back(runs.end_of({width, steps / shorter, seed, rates[width]}));
      }
    }
  }

  fmt::print("\nloss above the floor, mean of {} seeds and half of its 95 % interval, by characters read\n", kSeeds);
  fmt::print("{:>8}{:>14}", "width", "parameters");
  std::vector<std::string> columns{"width", "parameters"};
  for (const auto shorter : kShorter) {
    const std::int64_t characters = steps / shorter * ScalingRuns::kTokens;
    fmt::print("{:>18}", with_commas(characters));
    columns.push_back(fmt::format("characters_{}", characters));
  }
  fmt::print("\n");
  auto& table = results().table("scaling", std::move(columns));
  std::vector<ScalingRun> all, smaller;  // smaller: neither the widest nor the longest
  const std::int64_t widest = kLawWidths[std::size(kLawWidths) - 1];
  for (const auto width : kLawWidths) {
    const std::int64_t parameters = cells.at({width, steps}).front().parameters;
    fmt::print("{:>8}{:>14}", width, with_commas(parameters));
    std::vector<Recorded> row{width, parameters};
    for (const auto shorter : kShorter) {
      const std::int64_t length = steps / shorter, characters = length * ScalingRuns::kTokens;
      std::vector<double> above;
      for (const ScalingEnd& end : cells.at({width, length})) {
        above.push_back(end.loss - runs.floor());
        all.push_back({static_cast<double>(parameters), static_cast<double>(characters), end.loss});
        if (width != widest && length != steps) smaller.push_back(all.back());
      }
      const Mean mean = mean_of(above);
      fmt::print("{:>18}", fmt::format("{:.3f} +- {:.3f}", mean.value, mean.half));
      row.emplace_back(mean.value);
      results().scalar(fmt::format("above_{}_{}", width, characters), mean.value, "nats", mean.half);
    }
    fmt::print("\n");
    results().scalar(fmt::format("parameters_{}", width), parameters);
    table.row(std::move(row));
  }
  const std::vector<ScalingEnd>& corner = cells.at({widest, steps});
  std::vector<double> corner_loss, second_half;
  for (const ScalingEnd& end : corner) {
    corner_loss.push_back(end.loss);
    second_half.push_back(end.second - runs.second_floor());
  }
  const Mean second = mean_of(second_half), reached = mean_of(corner_loss);
  fmt::print("the last of them over the second half of each window: {:.3f} +- {:.3f}\n", second.value, second.half);
  results().scalar("second_half", second.value, "nats", second.half);

  const std::vector<Kind> kinds{
      {"known", "known", runs.floor()}, {"found", "fitted too", {}}, {"none", "left out", 0.0}};
  fmt::print("\nloss = floor + A / N^a + B / D^b, fitted to all {} trainings (95 % of {} resampled fits)\n", all.size(),
             kResampled);
  fmt::print("  {:<16}{:<26}{:<22}{:<22}{}\n", "the floor is", "floor", "a", "b", "off by");
  std::optional<ScalingLaw> law;
  std::vector<ScalingLaw> of_known;
  for (const Kind& kind : kinds) {
    Random random(shared.seed);
    auto resampled = resampled_fits(all, kind.floor, kResampled, random);
    const ScalingLaw found = show_law(kind, all, resampled);
    if (law) continue;
    law = found;
    of_known = std::move(resampled);
  }

  const auto parameters = static_cast<double>(corner.front().parameters);
  const auto characters = static_cast<double>(steps * ScalingRuns::kTokens);
  fmt::print(
      "\nfrom the {} trainings that are neither of the widest model nor of the longest text, {} characters\n"
      "read by {} parameters: loss {:.3f} is reached\n",
      smaller.size(), with_commas(std::llround(characters)), with_commas(corner.front().parameters), reached.value);
  results().scalar("corner", reached.value, "nats", reached.half);
  for (const Kind& kind : kinds) {
    Random random(shared.seed);
    const auto foretold = [&](const ScalingLaw& each) { return each.loss(parameters, characters); };
    const double loss = foretold(fit_scaling(smaller, kind.floor));
    const Interval interval = middle_of(resampled_fits(smaller, kind.floor, kResampled, random), foretold);
    fmt::print("  {:<16}{}\n", kind.says, with_interval(loss, interval, 3));
    record("foretold_" + kind.name, loss, interval, "nats");
  }

  show_divisions(*law, of_known);
  if (plot) draw(*plot, cells, *law, runs.floor());
}

}  // namespace verse
