#include "common/plot.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <regex>
#include <stdexcept>

#include "common/base/files.h"
#include "common/base/shown.h"
#include "common/base/system.h"
#include "common/picture.h"
#include "common/results.h"

extern char** environ;

namespace verse {

namespace {

/// Colours that can be told apart on white and on black, and by most readers who see few colours.
constexpr std::array<const char*, 6> kColours{"#2f7ebc", "#d9722e", "#3a9d5d", "#b5559c", "#a07a2c", "#6b7785"};
constexpr const char* kQuiet = "#8a8f98";  ///< grid and levels

/// A file in memory that a child process can have as one of its streams.
class MemoryFile {
 public:
  MemoryFile() : descriptor_(open_nameless_file()) {
    if (descriptor_ < 0) throw std::runtime_error(fmt::format("cannot plot: {}", std::strerror(errno)));
  }
  ~MemoryFile() { ::close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  int descriptor() const { return descriptor_; }

  void write(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t written = ::write(descriptor_, text.data(), text.size());
      if (written < 0) throw std::runtime_error(fmt::format("cannot plot: {}", std::strerror(errno)));
      text.remove_prefix(static_cast<std::size_t>(written));
    }
    ::lseek(descriptor_, 0, SEEK_SET);
  }

  std::string read() const {
    std::string text(static_cast<std::size_t>(::lseek(descriptor_, 0, SEEK_END)), '\0');
    const ssize_t got = ::pread(descriptor_, text.data(), text.size(), 0);
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    return text;
  }

 private:
  int descriptor_;
};

/// gnuplot is not on this machine.
struct NoGnuplot : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Runs gnuplot on a script. @return what it wrote to standard output
std::string run_gnuplot(const std::string& script) {
  const MemoryFile input, output, errors;
  input.write(script);

  posix_spawn_file_actions_t streams;
  posix_spawn_file_actions_init(&streams);
  posix_spawn_file_actions_adddup2(&streams, input.descriptor(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&streams, output.descriptor(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&streams, errors.descriptor(), STDERR_FILENO);
  std::array<char*, 2> arguments{const_cast<char*>("gnuplot"), nullptr};
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, "gnuplot", &streams, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&streams);
  if (error != 0) throw NoGnuplot(fmt::format("cannot start gnuplot: {}", std::strerror(error)));

  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    std::string said = errors.read();
    std::replace(said.begin(), said.end(), '\n', ' ');
    throw std::runtime_error(fmt::format("gnuplot failed: {}", said.empty() ? "no reason given" : said));
  }
  return output.read();
}

/// A string for a gnuplot script: between single quotes nothing but the quote itself has a meaning.
std::string quote(const std::string& text) {
  std::string quoted = "'";
  const std::string shown = harmless(text);
  for (const char character : shown) {
    if (static_cast<unsigned char>(character) < 0x20) {
      quoted += ' ';
    } else {
      quoted += character;
      if (character == '\'') quoted += '\'';
    }
  }
  return quoted + "'";
}

/// The smallest and largest value there is to draw, as far as they can be drawn.
struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void include(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  bool empty() const { return low > high; }
};

bool can_be_drawn(double value, bool logarithmic) {
  return std::isfinite(value) && (!logarithmic || value > 0);
}

/// The vertical range, with a margin of a twentieth on both sides.
Range vertical_range(const PlotText& text, const std::vector<Series>& series, const std::vector<Level>& levels) {
  Range range;
  for (const auto& curve : series) {
    for (const auto& [x, y] : curve.points) {
      if (can_be_drawn(x, text.log_x) && can_be_drawn(y, text.log_y)) range.include(y);
    }
  }
  if (range.empty()) throw std::runtime_error("there is nothing to plot");
  for (const auto& level : levels) {
    if (can_be_drawn(level.value, text.log_y)) range.include(level.value);
  }
  if (text.log_y) {
    const double margin = std::pow(std::max(range.high / range.low, 1.01), 0.05);
    return {range.low / margin, range.high * margin};
  }
  const double margin = 0.05 * std::max(range.high - range.low, 1e-9 + 1e-3 * std::abs(range.high));
  return {range.low - margin, range.high + margin};
}

/// The part of a script that lines share between SVG and terminal: titles, axes, data, curves.
std::string line_script(const PlotText& text, const std::vector<Series>& series, const std::vector<Level>& levels,
                        bool in_terminal) {
  const Range range = vertical_range(text, series, levels);
  std::string script = fmt::format("set title {}\nset xlabel {}\nset ylabel {}\nset yrange [{}:{}]\n",
                                   quote(text.title), quote(text.x_label), quote(text.y_label), range.low, range.high);
  if (text.log_x) script += "set logscale x\n";
  if (text.log_y) script += "set logscale y\n";
  for (std::size_t i = 0; i < series.size(); ++i) {
    script += fmt::format("$data{} << EOD\n", i);
    for (const auto& [x, y] : series[i].points) {
      // A blank line interrupts the curve where a point cannot be drawn.
      if (can_be_drawn(x, text.log_x) && can_be_drawn(y, text.log_y)) {
        script += fmt::format("{:.8g} {:.8g}\n", x, y);
      } else {
        script += "\n";
      }
    }
    script += "EOD\n";
  }

  // A level's name stands on its line, at the right; one that would cover its neighbour moves to the left.
  std::vector<Level> sorted;
  for (const auto& level : levels) {
    if (can_be_drawn(level.value, text.log_y)) sorted.push_back(level);
  }
  std::sort(sorted.begin(), sorted.end(), [](const Level& a, const Level& b) { return a.value < b.value; });
  double previous = -std::numeric_limits<double>::infinity();
  bool moved = false;
  for (const auto& level : sorted) {
    const double height = text.log_y ? std::log(level.value / range.low) / std::log(range.high / range.low)
                                     : (level.value - range.low) / (range.high - range.low);
    moved = height - previous < 0.06 && !moved;
    previous = height;
    const std::string name = quote(fmt::format("{} {:.4g}", level.label, level.value));
    if (in_terminal) {
      script += fmt::format("set label {} at graph {}, first {} right front\n", name, moved ? 0.6 : 0.99, level.value);
    } else {
      script += fmt::format(
          "set arrow from graph 0, first {0} to graph 1, first {0} nohead dashtype (6,4) linecolor rgb '{1}'\n"
          "set label {2} at graph {3}, first {0} right front offset 0,0.45 font ',11'\n",
          level.value, kQuiet, name, moved ? 0.6 : 0.99);
    }
  }

  std::vector<std::string> curves;
  for (std::size_t i = 0; i < series.size(); ++i) {
    if (series[i].points.empty()) continue;
    std::string curve = fmt::format("$data{} using 1:2 ", i);
    if (in_terminal) {
      curve += series[i].dots ? "with points" : "with lines";
    } else {
      curve += series[i].dots ? "with points pointtype 7 pointsize 0.4 " : "with lines linewidth 1.8 ";
      curve += fmt::format("linecolor rgb '{}'", kColours[i % kColours.size()]);
    }
    curves.push_back(curve + (series[i].label.empty() ? " notitle" : " title " + quote(series[i].label)));
  }
  for (std::size_t i = 0; i < curves.size(); ++i) script += (i == 0 ? "plot " : ", \\\n  ") + curves[i];
  return script + "\n";
}

/// gnuplot draws each cell of a heat map as a polygon of its own; cells of one colour become one path here.
std::string join_cells(const std::string& svg) {
  static const std::regex cell(
      R"(\s*<polygon fill = 'rgb\(\s*(\d+),\s*(\d+),\s*(\d+)\)' points = '([\d.]+),([\d.]+) ([\d.]+),[\d.]+ [\d.]+,([\d.]+) [^']*'/>)");
  std::map<std::string, std::string> paths;
  std::string rest;
  auto last = svg.cbegin();
  for (std::sregex_iterator match(svg.begin(), svg.end(), cell), end; match != end; ++match) {
    rest.append(last, svg.cbegin() + match->position());
    last = svg.cbegin() + match->position() + match->length();
    const auto number = [&match](int group) { return std::stod((*match)[group].str()); };
    const std::string colour = fmt::format("#{:02x}{:02x}{:02x}", std::stoi((*match)[1].str()),
                                           std::stoi((*match)[2].str()), std::stoi((*match)[3].str()));
    if (paths.empty()) rest += "\n@cells@";
    paths[colour] +=
        fmt::format("M{:.1f} {:.1f}H{:.1f}V{:.1f}H{:.1f}z", number(4), number(5), number(6), number(7), number(4));
  }
  rest.append(last, svg.cend());
  if (paths.empty()) return svg;
  std::string joined = "<g shape-rendering=\"crispEdges\">\n";
  for (const auto& [colour, path] : paths) joined += fmt::format("<path fill=\"{}\" d=\"{}\"/>\n", colour, path);
  rest.replace(rest.find("@cells@"), 7, joined + "</g>");
  return rest;
}

/// A text as std::regex_replace() is to put it in: there a dollar sign has a meaning.
std::string literally(const std::string& text) {
  return std::regex_replace(text, std::regex("\\$"), "$$$$");
}

/// Takes from gnuplot's SVG what a page has no use for, and lets black be the text colour of the page around it.
std::string tidy(std::string svg, const std::string& title) {
  const auto replace = [&svg](const char* pattern, const std::string& with) {
    svg = std::regex_replace(svg, std::regex(pattern), with);
  };
  svg = join_cells(svg);

  // Symbols are defined whether or not a plot has points; one kind is used here.
  const auto definitions = svg.find("<defs>"), after = svg.find("</defs>");
  if (definitions != std::string::npos && after != std::string::npos) {
    const bool points = svg.find("#gpPt", after) != std::string::npos;
    svg.replace(
        definitions, after + 7 - definitions,
        points ? "<defs><circle id='gpPt6' fill='currentColor' stroke='none' cx='0' cy='0' r='1'/></defs>" : "");
  }

  replace("<title>Gnuplot</title>\\s*<desc>[^<]*</desc>", "<title>" + literally(escape_markup(title)) + "</title>");
  replace("<title>gnuplot_plot[^<]*</title>", "");
  replace("<rect x=\"0\" y=\"0\"[^>]*fill=\"none\"/>", "");
  replace(" id=\"gnuplot_[a-z]+(_[0-9]+)?\"", "");
  replace("<svg ", "<svg role=\"img\" ");
  // A heat map is a small picture made large: its squares are to stay squares.
  replace("<image ", "<image style=\"image-rendering:pixelated\" ");
  replace(" color=\"[a-z]+\"", "");
  replace("(stroke|fill)=(\"|')black(\"|')", "$1=\"currentColor\"");
  replace("stroke-linecap=\"butt\" stroke-linejoin=\"miter\"", "stroke-linejoin=\"round\"");
  replace("<tspan font-family=\"sans-serif\" >([^<]*)</tspan>", "$1");
  replace("<g [^>]*>\\s*</g>\\s*", "");
  replace("[ \\t]*\\n\\s*", "\n");
  return svg;
}

std::string draw_svg(const std::string& script, const PlotText& text) {
  const std::string svg = run_gnuplot(script);
  if (svg.find("</svg>") == std::string::npos) throw std::runtime_error("gnuplot drew nothing");
  return tidy(svg, text.title);
}

/// Draws a picture and records it. Where there is no gnuplot, but a record, that is enough: the picture can be drawn
/// from there.
void write_svg(const std::filesystem::path& path, const std::string& script, Picture picture) {
  const PlotText text = picture.text;
  results().picture(path.filename().string(), std::move(picture));
  std::string svg;
  try {
    svg = draw_svg(script, text);
  } catch (const NoGnuplot& error) {
    if (!recording()) throw;
    fmt::print(stderr, "{} is not drawn: {}; the record has what it shows\n", path.string(), error.what());
    return;
  }
  write_file_atomically(path, svg);
}

/// Labels beside a row or below a column of cells.
std::string tics(const char* axis, const std::vector<std::string>& labels, const char* more) {
  if (labels.empty()) return fmt::format("unset {}tics\n", axis);
  std::string script = fmt::format("set {}tics scale 0 {} font ',{}' (", axis, more, labels.size() > 40 ? 8 : 11);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    script += fmt::format("{}{} {}", i == 0 ? "" : ", ", quote(labels[i]), i);
  }
  return script + ")\n";
}

/// What gnuplot is to draw as a figure of curves.
std::string figure_of_lines(const PlotText& text, const std::vector<Series>& series, const std::vector<Level>& levels) {
  return fmt::format(
             "set encoding utf8\nset terminal svg noenhanced size 720,450 dynamic font 'sans-serif,13'\n"
             "set border 3 linewidth 0.8\nset tics nomirror scale 0.5\nset key below center horizontal\nset xlabel "
             "offset "
             "0,0.7\n"
             "set grid linecolor rgb '{}' linewidth 0.3 dashtype solid\n",
             kQuiet) +
         line_script(text, series, levels, false);
}

}  // namespace

void plot_lines(const std::filesystem::path& svg, const PlotText& text, const std::vector<Series>& series,
                const std::vector<Level>& levels) {
  write_svg(svg, figure_of_lines(text, series, levels), {"lines", text, series, levels, {}, {}, {}, {}});
}

std::string lines_as_svg(const PlotText& text, const std::vector<Series>& series, const std::vector<Level>& levels) {
  return draw_svg(figure_of_lines(text, series, levels), text);
}

std::string plot_lines_in_terminal(const PlotText& text, const std::vector<Series>& series,
                                   const std::vector<Level>& levels) {
  return run_gnuplot("set encoding utf8\nset terminal dumb noenhanced size 78,24\nset key below\n" +
                     line_script(text, series, levels, true));
}

void plot_bars(const std::filesystem::path& svg, const PlotText& text,
               const std::vector<std::pair<std::string, double>>& bars) {
  if (bars.empty()) throw std::runtime_error("there is nothing to plot");
  Range range;
  std::vector<std::string> names;
  std::string data;
  for (std::size_t i = 0; i < bars.size(); ++i) {
    const auto& [name, value] = bars[i];
    if (!std::isfinite(value) || value < 0) throw std::runtime_error("a bar needs a length of 0 or more");
    range.include(value);
    names.push_back(name);
    data += fmt::format("{:.8g} {} {:.3g}\n", value, i, value);
  }
  const std::string script = fmt::format(
      "set encoding utf8\nset terminal svg noenhanced size 720,{} dynamic font 'sans-serif,13'\n"
      "set title {}\nset xlabel {}\nset xrange [0:{}]\nset yrange [{}.6:-0.6]\nset border 1 linewidth 0.8\n"
      "set xtics nomirror scale 0.5\nset grid x linecolor rgb '{}' linewidth 0.3 dashtype solid\nunset key\n{}"
      "set style fill solid 0.85 noborder\n$bars << EOD\n{}EOD\n"
      "plot $bars using ($1/2):2:($1/2):(0.34) with boxxyerror linecolor rgb '{}', "
      "$bars using 1:2:3 with labels left offset 0.6,0\n",
      110 + 34 * bars.size(), quote(text.title), quote(text.x_label), 1.12 * std::max(range.high, 1e-12),
      bars.size() - 1, kQuiet, tics("y", names, ""), data, kColours[0]);
  write_svg(svg, script, {"bars", text, {}, {}, bars, {}, {}, {}});
}

void plot_heat_map(const std::filesystem::path& svg, const PlotText& text,
                   const std::vector<std::vector<double>>& values, const std::vector<std::string>& row_labels,
                   const std::vector<std::string>& column_labels) {
  if (values.empty() || values.front().empty()) throw std::runtime_error("there is nothing to plot");
  const std::size_t rows = values.size(), columns = values.front().size();

  // The first row is on top; the cells are square.
  std::string script = fmt::format(
      "set encoding utf8\nset terminal svg noenhanced size 720,{} dynamic font 'sans-serif,13'\n"
      "set title {}\nset xlabel {}\nset ylabel {}\nset xrange [-0.5:{}.5]\nset yrange [{}.5:-0.5]\n"
      "set size ratio -1\nset border 0\nunset key\n"
      "set palette maxcolors 32 defined (0 '#440154', 0.25 '#3b528b', 0.5 '#21918c', 0.75 '#5ec962', 1 "
      "'#fde725')\n",
      std::clamp<std::size_t>(120 + 560 * rows / columns, 180, 900), quote(text.title), quote(text.x_label),
      quote(text.y_label), columns - 1, rows - 1);
  const bool long_labels =
      std::any_of(column_labels.begin(), column_labels.end(), [](const auto& label) { return label.size() > 4; });
  script += tics("x", column_labels, long_labels ? "rotate by 90 right" : "") + tics("y", row_labels, "");

  // Equal values everywhere would leave the colour scale without a length.
  Range range;
  for (const auto& row : values) {
    if (row.size() != columns) throw std::runtime_error("a heat map's rows must be equally long");
    for (const double value : row) {
      if (std::isfinite(value)) range.include(value);
    }
  }
  if (range.empty()) throw std::runtime_error("there is nothing to plot");
  if (range.low == range.high) range.high = range.low + 1;
  script += fmt::format("set cbrange [{}:{}]\n$values << EOD\n", range.low, range.high);
  for (const auto& row : values) {
    for (const double value : row) script += std::isfinite(value) ? fmt::format("{:.6g} ", value) : "NaN ";
    script += "\n";
  }
  write_svg(svg, script + "EOD\nplot $values matrix with image notitle\n",
            {"heat map", text, {}, {}, {}, values, row_labels, column_labels});
}

}  // namespace verse
