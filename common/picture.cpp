#include "common/picture.h"

#include <cmath>
#include <limits>

namespace verse {
namespace {

Json number_as_json(double number) {
  if (std::isfinite(number)) return number;
  return std::isnan(number) ? "nan" : number > 0 ? "inf" : "-inf";
}

double number_of(const JsonEntry& entry) {
  if (!entry.is_text()) return entry.number();
  const std::string word = entry.text();
  if (word == "nan") return std::nan("");
  if (word != "inf" && word != "-inf") entry.refuse("should be a number, inf, -inf or nan");
  return word == "inf" ? std::numeric_limits<double>::infinity() : -std::numeric_limits<double>::infinity();
}

std::vector<JsonEntry> list_of(const JsonEntry& entry, const std::string& name) {
  return entry.has(name) ? entry.at(name).list() : std::vector<JsonEntry>();
}

std::vector<std::string> texts_of(const JsonEntry& entry, const std::string& name) {
  std::vector<std::string> texts;
  for (const JsonEntry& one : list_of(entry, name)) texts.push_back(one.text());
  return texts;
}

/// A list [left, right].
std::pair<JsonEntry, JsonEntry> pair_of(const JsonEntry& entry) {
  const auto both = entry.list();
  if (both.size() != 2) entry.refuse("should be a list of two");
  return {both[0], both[1]};
}

}  // namespace

Json picture_as_json(const Picture& picture) {
  Json json = {
      {"kind", picture.kind}, {"title", picture.text.title}, {"x", picture.text.x_label}, {"y", picture.text.y_label}};
  if (picture.text.log_x) json["log_x"] = true;
  if (picture.text.log_y) json["log_y"] = true;
  for (const Series& series : picture.series) {
    Json points = Json::array();
    for (const auto& [x, y] : series.points) points.push_back({number_as_json(x), number_as_json(y)});
    json["series"].push_back({{"label", series.label}, {"dots", series.dots}, {"points", std::move(points)}});
  }
  for (const Level& level : picture.levels) json["levels"].push_back({level.label, number_as_json(level.value)});
  for (const auto& [name, value] : picture.bars) json["bars"].push_back({name, number_as_json(value)});
  for (const auto& row : picture.values) {
    Json cells = Json::array();
    for (const double value : row) cells.push_back(number_as_json(value));
    json["values"].push_back(std::move(cells));
  }
  if (!picture.row_labels.empty()) json["rows"] = picture.row_labels;
  if (!picture.column_labels.empty()) json["columns"] = picture.column_labels;
  return json;
}

Picture picture_from_json(const JsonEntry& entry) {
  Picture picture;
  picture.kind = entry.at("kind").text();
  picture.text = {entry.at("title").text(), entry.at("x").text(), entry.at("y").text(),
                  entry.has("log_x") && entry.at("log_x").flag(), entry.has("log_y") && entry.at("log_y").flag()};
  for (const JsonEntry& one : list_of(entry, "series")) {
    Series series{one.at("label").text(), {}, one.at("dots").flag()};
    for (const JsonEntry& point : one.at("points").list()) {
      const auto [x, y] = pair_of(point);
      series.points.emplace_back(number_of(x), number_of(y));
    }
    picture.series.push_back(std::move(series));
  }
  for (const JsonEntry& one : list_of(entry, "levels")) {
    const auto [label, value] = pair_of(one);
    picture.levels.push_back({label.text(), number_of(value)});
  }
  for (const JsonEntry& one : list_of(entry, "bars")) {
    const auto [name, value] = pair_of(one);
    picture.bars.emplace_back(name.text(), number_of(value));
  }
  for (const JsonEntry& row : list_of(entry, "values")) {
    picture.values.emplace_back();
    for (const JsonEntry& cell : row.list()) picture.values.back().push_back(number_of(cell));
  }
  picture.row_labels = texts_of(entry, "rows");
  picture.column_labels = texts_of(entry, "columns");
  return picture;
}

void draw_picture(const std::filesystem::path& svg, const Picture& picture) {
  if (picture.kind == "bars") {
    plot_bars(svg, picture.text, picture.bars);
  } else if (picture.kind == "heat map") {
    plot_heat_map(svg, picture.text, picture.values, picture.row_labels, picture.column_labels);
  } else {
    plot_lines(svg, picture.text, picture.series, picture.levels);
  }
}

}  // namespace verse
