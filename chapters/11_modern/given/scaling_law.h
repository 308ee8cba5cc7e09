#pragma once

/// @file
/// Chapter 11: the law behind what wider models bring, and what more text. Given, not an exercise.

#include <cstdint>
#include <filesystem>
#include <optional>

#include "common/program.h"

namespace verse {

/// Trains models of four widths on four lengths of fresh text with three seeds each, at a learning rate tuned for each
/// width; prints how far above the play's floor they end, the law that fits this (with the floor known, found and left
/// out), what each predicts of the largest models on the longest text from the rest, and how an amount of computing is
/// best divided.
/// @param steps of the longest trainings; the others have a half, a quarter and an eighth of them, so at least 8
/// @param kept a table of the trainings, see ScalingRuns @param plot where to draw the table, if anywhere
/// @throws UsageError where another text is named, whose floor nobody knows; Interrupted
void show_scaling_law(const SharedOptions& shared, std::int64_t steps, const std::optional<std::filesystem::path>& kept,
                      const std::optional<std::filesystem::path>& plot);

}  // namespace verse
