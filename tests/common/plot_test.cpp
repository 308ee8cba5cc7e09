#include "common/plot.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

#include "common/base/files.h"
#include "tests/common/temporary_folder.h"

namespace verse {
namespace {

const PlotText kText{"Loss on <the play> & 'more'", "step", "nats a character", false, false};

TEST(Plot, DrawsCurvesAndLevels) {
  const TemporaryFolder folder;
  const std::vector<Series> series{{"training", {{0, 4.17}, {100, 2.5}, {200, 1.9}}},
                                   {"validation", {{0, 4.2}, {200, 2}}, true}};
  plot_lines(folder / "plot.svg", kText, series, {{"floor", 1.2}, {"pairs", 2.45}});
  const std::string svg = read_file(folder / "plot.svg");
  for (const char* expected : {"<svg", "</svg>", "floor 1.2", "pairs 2.45", "training", "validation",
                               "nats a character", "Loss on &lt;the play", "currentColor"}) {
    EXPECT_NE(svg.find(expected), std::string::npos) << expected;
  }
  // It takes the page's text colour and background, and names no program that drew it.
  EXPECT_EQ(svg.find("black"), std::string::npos);
  EXPECT_EQ(svg.find("white"), std::string::npos);
  EXPECT_EQ(svg.find("GNUPLOT"), std::string::npos);
  EXPECT_LT(svg.size(), 12'000U);
}

TEST(Plot, LeavesOutWhatCannotBeDrawn) {
  const TemporaryFolder folder;
  PlotText text = kText;
  text.log_y = true;
  plot_lines(folder / "plot.svg", text, {{"a", {{0, 1}, {1, NAN}, {2, 0}, {3, 10}}}});
  EXPECT_EQ(read_file(folder / "plot.svg").find("nan"), std::string::npos);
  EXPECT_THROW(plot_lines(folder / "none.svg", kText, {}), std::runtime_error);
  EXPECT_THROW(plot_lines(folder / "none.svg", kText, {{"a", {{0, NAN}}}}), std::runtime_error);
  plot_lines(folder / "constant.svg", kText, {{"a", {{0, 1}, {1, 1}}}});
}

TEST(Plot, DrawsInTheTerminal) {
  const std::string picture = plot_lines_in_terminal(kText, {{"training", {{0, 4.17}, {100, 2.5}}}}, {{"floor", 1.2}});
  EXPECT_NE(picture.find("step"), std::string::npos);
  EXPECT_NE(picture.find("floor 1.2"), std::string::npos);
}

TEST(Plot, DrawsHeatMapsSmall) {
  const TemporaryFolder folder;
  std::vector<std::vector<double>> values(65, std::vector<double>(65));
  for (int row = 0; row < 65; ++row) {
    for (int column = 0; column < 65; ++column) values[row][column] = std::sin(row * 0.3) * std::cos(column * 0.2);
  }
  values[3][4] = NAN;
  plot_heat_map(folder / "map.svg", kText, values, std::vector<std::string>(65, "\n"),
                std::vector<std::string>(65, "'x"));
  const std::string svg = read_file(folder / "map.svg");
  EXPECT_NE(svg.find("crispEdges"), std::string::npos);
  EXPECT_EQ(svg.find("polygon"), std::string::npos);
  EXPECT_LT(svg.size(), 220'000U);
  EXPECT_THROW(plot_heat_map(folder / "map.svg", kText, {}), std::runtime_error);
  EXPECT_THROW(plot_heat_map(folder / "map.svg", kText, {{1, 2}, {1}}), std::runtime_error);
}

}  // namespace
}  // namespace verse
