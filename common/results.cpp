#include "common/results.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <memory>
#include <set>
#include <stdexcept>
#include <thread>

#include "common/base/files.h"
#include "common/base/json.h"
#include "common/device.h"
#include "common/picture.h"
#include "common/record_seeds.h"

namespace verse {
namespace {

Json as_json(const Recorded& value) {
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return *whole;
  if (const auto* words = std::get_if<std::string>(&value)) return *words;
  const double number = std::get<double>(value);
  if (std::isfinite(number)) return number;
  return std::isnan(number) ? "nan" : number > 0 ? "inf" : "-inf";
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  std::array<char, 16> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d", &local)};
}

/// The source's commit by its short name, with a + where files differ from it; empty where it is no Git clone.
std::string source_commit() {
  const std::string git = "git -C '" VERSE_SOURCE_DIR "' ";
  const auto ask = [](const std::string& command) {
    std::string said;
    const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen((command + " 2>/dev/null").c_str(), "r"), pclose);
    if (!pipe) return said;
    for (int c = std::fgetc(pipe.get()); c != EOF && c != '\n'; c = std::fgetc(pipe.get())) {
      said += static_cast<char>(c);
    }
    return said;
  };
  const std::string commit = ask(git + "rev-parse --short=7 HEAD");
  const bool changed = !ask(git + "status --porcelain --untracked-files=no -- '*.h' '*.cpp'").empty();
  return commit + (changed && !commit.empty() ? "+" : "");
}

}  // namespace

Results::Results() = default;
Results::~Results() = default;

void RecordedTable::row(std::vector<Recorded> cells) {
  if (cells.size() != columns.size()) {
    throw std::invalid_argument(
        fmt::format("the table {} has {} columns, and this row {} cells", name, columns.size(), cells.size()));
  }
  rows.push_back(std::move(cells));
}

void Results::scalar(const std::string& name, Recorded value, const std::string& unit, double plus_minus) {
  const auto known = std::find_if(scalars_.begin(), scalars_.end(), [&](const Scalar& s) { return s.name == name; });
  Scalar scalar{name, std::move(value), unit, plus_minus};
  if (known == scalars_.end()) {
    scalars_.push_back(std::move(scalar));
  } else {
    *known = std::move(scalar);
  }
}

RecordedTable& Results::table(const std::string& name, std::vector<std::string> columns) {
  return tables_.emplace_back(RecordedTable{name, std::move(columns), {}});
}

void Results::curve(const std::string& name, const std::string& x, const std::string& y,
                    std::vector<std::pair<double, double>> points) {
  curves_.push_back({name, x, y, std::move(points)});
}

void Results::picture(const std::string& file, Picture picture) {
  const auto known = std::find_if(pictures_.begin(), pictures_.end(), [&](const auto& p) { return p.first == file; });
  if (known == pictures_.end()) {
    pictures_.emplace_back(file, std::move(picture));
  } else {
    known->second = std::move(picture);
  }
}

std::string Results::json(const Circumstances& circumstances) const {
  Json file;
  file["command"] = fmt::format("{}", fmt::join(circumstances.command, " "));
  file["commit"] = source_commit();
  file["date"] = today();
  file["machine"] = circumstances.machine;
  file["threads"] = circumstances.threads;
  file["seeds"] = circumstances.seeds;
  for (const Scalar& scalar : scalars_) {
    Json& entry = file["scalars"][scalar.name];
    entry["value"] = as_json(scalar.value);
    if (!scalar.unit.empty()) entry["unit"] = scalar.unit;
    if (scalar.plus_minus > 0) entry["plus_minus"] = scalar.plus_minus;
  }
  for (const RecordedTable& table : tables_) {
    Json& entry = file["tables"][table.name];
    entry["columns"] = table.columns;
    entry["rows"] = Json::array();
    for (const auto& row : table.rows) {
      Json cells = Json::array();
      for (const Recorded& cell : row) cells.push_back(as_json(cell));
      entry["rows"].push_back(std::move(cells));
    }
  }
  for (const Curve& curve : curves_) {
    Json& entry = file["curves"][curve.name];
    entry["x"] = curve.x;
    entry["y"] = curve.y;
    entry["points"] = Json::array();
    for (const auto& [x, y] : curve.points) entry["points"].push_back({as_json(x), as_json(y)});
  }
  for (const auto& [name, picture] : pictures_) file["pictures"][name] = picture_as_json(picture);
  return file.dump(1) + "\n";
}

void Results::write(const std::filesystem::path& file, const Circumstances& circumstances) const {
  write_file_atomically(file, json(circumstances));
}

Results& results() {
  static Results all;
  return all;
}

namespace {
std::filesystem::path wanted_file;
Circumstances wanted_circumstances;
std::set<std::uint64_t> seeds_shown;
}  // namespace

void record_to(const std::filesystem::path& file, Circumstances circumstances) {
  check_writable(file);
  wanted_file = file;
  wanted_circumstances = std::move(circumstances);
}

void record_seeds(const std::vector<std::uint64_t>& seeds) {
  seeds_shown.insert(seeds.begin(), seeds.end());
  if (!seeds_shown.empty()) wanted_circumstances.seeds.assign(seeds_shown.begin(), seeds_shown.end());
}

bool recording() {
  return !wanted_file.empty();
}

void record_nothing() {
  wanted_file.clear();
}

void write_results() {
  if (!wanted_file.empty()) results().write(wanted_file, wanted_circumstances);
}

std::string machine_in_words(bool cuda) {
  if (cuda) return device_peak(torch::kCUDA, false).name;
  std::ifstream facts("/proc/cpuinfo");
  std::string name = "a processor";
  for (std::string line; std::getline(facts, line);) {
    const auto colon = line.find(": ");
    if (line.rfind("model name", 0) == 0 && colon != std::string::npos) {
      name = line.substr(colon + 2);
      break;
    }
  }
  const unsigned threads = std::thread::hardware_concurrency();
  return fmt::format("{} ({} logical processor{})", name, threads, threads == 1 ? "" : "s");
}

}  // namespace verse
