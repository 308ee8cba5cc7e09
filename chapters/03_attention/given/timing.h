#pragma once

#include <algorithm>
#include <chrono>
#include <vector>

namespace verse {

/// The median time of five calls, in milliseconds. CUDA only queues work, so reading one number waits for all of it.
template <typename Function>
double median_milliseconds(const Function& function) {
  std::vector<double> times;
  for (int round = 0; round < 5; ++round) {
    const auto start = std::chrono::steady_clock::now();
    function().flatten()[0].template item<float>();
    times.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  std::sort(times.begin(), times.end());
  return times[2];
}

}  // namespace verse
