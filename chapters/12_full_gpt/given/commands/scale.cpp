#include "12_full_gpt/given/commands/scale.h"

#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "12_full_gpt/given/training/step_time.h"
#include "common/base/error.h"
#include "common/base/text.h"
#include "common/plot.h"
#include "common/program.h"
#include "common/results.h"

namespace verse {

namespace {

struct ScaleRequest {
  double compute_ms = 0, gigabits = 1, latency_us = 50, hidden = 2.0 / 3, sum_ms = 0;
  std::int64_t parameters = 10'770'816, bits = 32, most = 1024, sum_among = 2;
  std::optional<std::filesystem::path> plot;
};

/// What the cables must have carried where a sum was measured.
void fit_bandwidth(const ScaleRequest& request, Cluster& cluster) {
  try {
    cluster.bandwidth = fitted_bandwidth(1e-3 * request.sum_ms, cluster.bytes, cluster.latency, request.sum_among);
  } catch (const std::invalid_argument&) {
    throw UsageError(fmt::format("--sum-ms {:g} is less than the messages of a sum among {} take, {:g} us each",
                                 request.sum_ms, request.sum_among, request.latency_us));
  }
}

}  // namespace

int scale_command(int argc, char** argv) {
  ScaleRequest request;
  CommandLine line(
      "Computes how long a step would take on N processes, each with as many rows as one has: by the time of one, the\n"
      "bytes of the gradients, and what the cables carry.",
      "scale");
  line.group("Scale");
  line.option("step-ms", request.compute_ms, {1e-6, 1e9}, "milliseconds that one process takes for a step of its own");
  line.option("parameters", request.parameters, {1, 1'000'000'000'000'000}, "of the model");
  line.option("bits", request.bits, {1, 64}, "of a gradient as it is sent");
  line.option("gigabits", request.gigabits, {1e-6, 1e9}, "a second that a process sends while it receives as much");
  line.option("sum-ms", request.sum_ms, {1e-6, 1e9},
              "milliseconds that a sum took where it was measured: the gigabits are fitted to it");
  line.option("sum-among", request.sum_among, {2, 1'000'000}, "processes that summed there");
  line.option("latency-us", request.latency_us, {0, 1e9}, "microseconds until a message arrives, however short");
  line.option("hidden", request.hidden, {0, 1}, "share of a step beside which sums can go on");
  line.option("most", request.most, {2, 1'000'000}, "processes at most");
  line.option("plot", request.plot, "draws the efficiency", "SVG");
  line.parse(argc, argv);
  if (!line.given("step-ms")) throw UsageError("--step-ms is needed: what `bench` finds for one process, for example");
  if (line.given("sum-ms") && line.given("gigabits")) {
    throw UsageError("--sum-ms finds out how many --gigabits there were: give one of them");
  }

  Cluster cluster{1e-3 * request.compute_ms, static_cast<double>(request.parameters * request.bits) / 8,
                  1e9 * request.gigabits / 8, 1e-6 * request.latency_us, request.hidden};
  if (line.given("sum-ms")) fit_bandwidth(request, cluster);
  results().scalar("gigabits", cluster.bandwidth * 8 / 1e9, "Gbit/s");
  fmt::print("{} parameters, {:.1f} MB a sum; {:.4g} Gbit/s, {:g} us a message; {:g} ms of computing\n\n",
             with_commas(request.parameters), 1e-6 * cluster.bytes, cluster.bandwidth * 8 / 1e9, request.latency_us,
             request.compute_ms);
  fmt::print("{:>10}{:>14}{:>14}{:>12}{:>14}{:>12}\n", "processes", "ring, ms", "step, ms", "efficient", "tree, ms",
             "efficient");
  auto& table =
      results().table("scale", {"processes", "ring_ms", "step_ms", "efficiency", "tree_ms", "tree_efficiency"});
  std::vector<std::pair<double, double>> rings, trees;
  for (std::int64_t n = 1; n <= request.most; n *= 2) {
    const double ring = sum_seconds(cluster, n, Summing::ring), tree = sum_seconds(cluster, n, Summing::tree);
    const double step = step_seconds(cluster, n, Summing::ring);
    const double efficiency = cluster.compute / step;
    const double tree_efficiency = cluster.compute / step_seconds(cluster, n, Summing::tree);
    fmt::print("{:>10}{:>14.2f}{:>14.2f}{:>10.1f} %{:>14.2f}{:>10.1f} %\n", n, 1e3 * ring, 1e3 * step, 100 * efficiency,
               1e3 * tree, 100 * tree_efficiency);
    table.row({n, 1e3 * ring, 1e3 * step, efficiency, 1e3 * tree, tree_efficiency});
    rings.emplace_back(static_cast<double>(n), 100 * efficiency);
    trees.emplace_back(static_cast<double>(n), 100 * tree_efficiency);
  }
  if (request.plot) {
    plot_lines(*request.plot,
               {fmt::format("{:g} ms of computing, {:.0f} MB to sum, {:.4g} Gbit/s", request.compute_ms,
                            1e-6 * cluster.bytes, cluster.bandwidth * 8 / 1e9),
                "processes", "% of N times one process", true, false},
               {{"in a ring", rings}, {"halving and doubling", trees}});
  }
  return 0;
}

}  // namespace verse
