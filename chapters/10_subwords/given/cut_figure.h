#pragma once

/// @file
/// A picture of a text that is cut into tokens.

#include <filesystem>
#include <string>
#include <vector>

namespace verse {

/// A line of the picture: what stands before it, and the pieces side by side.
struct CutRow {
  std::string label;
  std::vector<std::string> pieces;
};

/// Draws rows of boxes with their text, in the page's ink, as SVG. @throws UsageError where there is no room
void draw_cuts(const std::filesystem::path& svg, const std::vector<CutRow>& rows);

}  // namespace verse
