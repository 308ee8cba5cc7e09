#pragma once

/// @file
/// The runs that were recorded for chapter 6, each in a folder named by what was done to it.

#include <filesystem>

#include "06_loss_stages/given/score.h"

namespace verse {

/// All of them, by name. They carry their evidence with them, so that no text is needed.
inline const NamedRuns& recorded_runs() {
  static const auto runs = load_runs(std::filesystem::path(VERSE_SOURCE_DIR) / "chapters/06_loss_stages/given/runs");
  return runs;
}

/// Those that the lines of given/hidden_faults.h were looked at by.
inline const NamedRuns& tuning_runs() {
  static const auto runs = load_runs(std::filesystem::path(VERSE_SOURCE_DIR) / "chapters/06_loss_stages/given/tuning");
  return runs;
}

/// Those that nobody looked at when rules and thresholds were chosen: other seeds, sizes, batches and texts.
inline const NamedRuns& held_out_runs() {
  static const auto runs =
      load_runs(std::filesystem::path(VERSE_SOURCE_DIR) / "chapters/06_loss_stages/given/held_out");
  return runs;
}

}  // namespace verse
