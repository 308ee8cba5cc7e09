#pragma once

/// @file
/// A plot as what it shows, so that a run's record holds it and it can be drawn again without the run.

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "common/base/json.h"
#include "common/plot.h"

namespace verse {

/// What one of the plot functions was given; what a kind has no use for is empty.
struct Picture {
  std::string kind;  ///< "lines", "bars" or "heat map"
  PlotText text;
  std::vector<Series> series;
  std::vector<Level> levels;
  std::vector<std::pair<std::string, double>> bars;
  std::vector<std::vector<double>> values;
  std::vector<std::string> row_labels, column_labels;
};

/// A picture as JSON. An infinity or NaN is a word there: "inf", "-inf", "nan".
Json picture_as_json(const Picture& picture);

/// The picture that picture_as_json() wrote. @throws UsageError for anything else
Picture picture_from_json(const JsonEntry& entry);

/// Draws it as SVG. @throws as plot_lines()
void draw_picture(const std::filesystem::path& svg, const Picture& picture);

}  // namespace verse
