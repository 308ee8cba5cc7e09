#pragma once

/// @file
/// The seeds of a recorded run, where they are others than its --seed.

#include <cstdint>
#include <vector>

namespace verse {

/// Adds to the seeds that stand in the file of `--record`. The first call replaces the one of --seed.
void record_seeds(const std::vector<std::uint64_t>& seeds);

}  // namespace verse
