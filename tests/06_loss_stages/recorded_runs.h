#pragma once

/// @file
/// The runs that were recorded for chapter 6, each in a folder named by what was done to it.

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "06_loss_stages/given/recording.h"
#include "common/corpus.h"

namespace verse {

/// All of them, by name. They carry their evidence with them, so that no text is needed.
inline const std::vector<std::pair<std::string, RunRecord>>& recorded_runs() {
  static const auto runs = [] {
    std::vector<std::filesystem::path> folders;
    const auto root = std::filesystem::path(VERSE_SOURCE_DIR) / "chapters/06_loss_stages/given/runs";
    for (const auto& entry : std::filesystem::directory_iterator(root)) {
      if (std::filesystem::exists(entry.path() / "evidence.json")) folders.push_back(entry.path());
    }
    std::sort(folders.begin(), folders.end());
    std::vector<std::pair<std::string, RunRecord>> found;
    for (const auto& folder : folders) found.emplace_back(folder.filename().string(), load_record(folder, {}));
    return found;
  }();
  return runs;
}

}  // namespace verse
