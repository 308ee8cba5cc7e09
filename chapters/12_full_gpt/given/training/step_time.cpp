#include "12_full_gpt/given/training/step_time.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace verse {

namespace {

/// The messages of a sum that wait for one another.
double messages(std::int64_t processes, Summing summing) {
  const auto n = static_cast<double>(processes);
  return summing == Summing::ring ? 2 * (n - 1) : 2 * std::ceil(std::log2(n));
}

/// How many times its gradients' bytes a process sends.
double times_sent(std::int64_t processes) {
  const auto n = static_cast<double>(processes);
  return 2 * (n - 1) / n;
}

}  // namespace

//! [sum-seconds]
double sum_seconds(const Cluster& cluster, std::int64_t processes, Summing summing) {
  return times_sent(processes) * cluster.bytes / cluster.bandwidth + messages(processes, summing) * cluster.latency;
}

double step_seconds(const Cluster& cluster, std::int64_t processes, Summing summing) {
  const double sum = sum_seconds(cluster, processes, summing);
  return cluster.compute + std::max(0.0, sum - cluster.hidden * cluster.compute);
}
//! [sum-seconds]

double fitted_bandwidth(double seconds, double bytes, double latency, std::int64_t processes) {
  const double sending = seconds - messages(processes, Summing::ring) * latency;
  if (sending <= 0) throw std::invalid_argument("a sum cannot be faster than its messages");
  return times_sent(processes) * bytes / sending;
}

}  // namespace verse
