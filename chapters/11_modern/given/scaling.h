#pragma once

/// @file
/// Chapter 11: what wider models bring, and what more text. Given, not an exercise.

#include <cstdint>
#include <filesystem>
#include <optional>

#include "common/program.h"

namespace verse {

/// Trains models of four widths on four amounts of the play, and prints how far above its floor each ends: of five
/// looks on the way, the best counts, because a small text is learned by heart before the steps are over.
/// @param steps of each training @param plot where to draw the table, if anywhere
/// @throws UsageError where another text is named, whose floor nobody knows; Interrupted
void show_scaling(const SharedOptions& shared, std::int64_t steps, const std::optional<std::filesystem::path>& plot);

}  // namespace verse
