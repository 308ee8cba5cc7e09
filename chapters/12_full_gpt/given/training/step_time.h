#pragma once

/// @file
/// How long a training step takes on several processes, on paper: by what each computes and what the cables carry.

#include <cstdint>

namespace verse {

/// What a step depends on, beside the number of processes.
struct Cluster {
  double compute = 0;    ///< seconds of one process for its own rows, without any sum
  double bytes = 0;      ///< of the gradients that are summed
  double bandwidth = 0;  ///< bytes a second that a process can send while it receives as many
  double latency = 0;    ///< seconds from sending a message to its arrival, however short it is
  double hidden = 0;     ///< share of the computing, from 0 to 1, beside which sums can go on
};

/// How the processes sum.
enum class Summing {
  ring,  ///< exercise 12.8's: 2 (N - 1) messages one after the other, together 2 (N - 1) / N of the bytes
  tree,  ///< halving and doubling: as many bytes in 2 log2(N) messages, for a power of two; rounded up for others
};

/// Seconds from the first message of a sum to its end. Nothing for one process. Thakur, Rabenseifner and Gropp 2005.
/// @param processes at least 1
double sum_seconds(const Cluster& cluster, std::int64_t processes, Summing summing);

/// Seconds of a step: computing, and what of the sum does not fit beside it. @param processes at least 1
double step_seconds(const Cluster& cluster, std::int64_t processes, Summing summing);

/// The bytes a second that a sum among so many processes must have gone at, by the seconds that it took; the other way
/// round, so to say. @throws std::invalid_argument where the messages' latency alone takes longer
double fitted_bandwidth(double seconds, double bytes, double latency, std::int64_t processes);

}  // namespace verse
