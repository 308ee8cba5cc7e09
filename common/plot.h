#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace verse {

/// One curve.
struct Series {
  std::string label;
  std::vector<std::pair<double, double>> points;
  bool dots = false;  ///< points alone instead of a line
};

/// A level to compare with, drawn across the whole plot.
struct Level {
  std::string label;
  double value = 0;
};

/// What a plot says beside its curves. Titles name the corpus.
struct PlotText {
  std::string title;
  std::string x_label;
  std::string y_label;
  bool log_x = false;
  bool log_y = false;
};

/// Draws curves and levels as SVG by gnuplot. @throws std::runtime_error where gnuplot fails; what it said is in the
/// message.
void plot_lines(const std::filesystem::path& svg, const PlotText& text, const std::vector<Series>& series,
                const std::vector<Level>& levels = {});

/// The same, without a file. @return the picture, as SVG
std::string lines_as_svg(const PlotText& text, const std::vector<Series>& series,
                         const std::vector<Level>& levels = {});

/// The same, as characters for a terminal. @return the picture
std::string plot_lines_in_terminal(const PlotText& text, const std::vector<Series>& series,
                                   const std::vector<Level>& levels = {});

/// Draws one horizontal bar a value, from top to bottom, each with its name beside it and its value at its end.
void plot_bars(const std::filesystem::path& svg, const PlotText& text,
               const std::vector<std::pair<std::string, double>>& bars);

/// Draws a table of values as coloured squares. @param values values[row][column]
/// @param row_labels, column_labels one for each, or empty
void plot_heat_map(const std::filesystem::path& svg, const PlotText& text,
                   const std::vector<std::vector<double>>& values, const std::vector<std::string>& row_labels = {},
                   const std::vector<std::string>& column_labels = {});

}  // namespace verse
