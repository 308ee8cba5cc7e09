#include "common/results.h"

#include "common/base/error.h"
#include "common/base/json.h"
#include "common/picture.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <cmath>
#include <fstream>
#include <limits>
#include <stdexcept>

#include "tests/common/temporary_folder.h"

namespace verse {
namespace {

nlohmann::json read(const Results& results) {
  return nlohmann::json::parse(results.json({{"build/solution_02", "--threads", "1"}, "a processor", 1, {7}}));
}

TEST(Results, SayUnderWhatCircumstancesTheyWereFound) {
  const auto file = read(Results());
  EXPECT_EQ(file["command"], "build/solution_02 --threads 1");
  EXPECT_EQ(file["machine"], "a processor");
  EXPECT_EQ(file["threads"], 1);
  EXPECT_EQ(file["seeds"], nlohmann::json({7}));
  EXPECT_EQ(file["date"].get<std::string>().size(), 10u);
}

TEST(Results, HoldValuesTablesAndCurves) {
  Results results;
  results.scalar("loss", 2.5, "nats", 0.25);
  results.scalar("pairs", std::int64_t{1380});
  auto& table = results.table("coverage", {"part", "seen"});
  table.row({"the whole text", std::int64_t{1403}});
  results.curve("descent", "step", "nats", {{0, 4.0}, {10, 3.5}});
  const auto file = read(results);
  EXPECT_EQ(file["scalars"]["loss"]["value"], 2.5);
  EXPECT_EQ(file["scalars"]["loss"]["unit"], "nats");
  EXPECT_EQ(file["scalars"]["loss"]["plus_minus"], 0.25);
  EXPECT_EQ(file["scalars"]["pairs"]["value"], 1380);
  EXPECT_FALSE(file["scalars"]["pairs"].contains("unit"));
  EXPECT_EQ(file["tables"]["coverage"]["rows"][0][1], 1403);
  EXPECT_EQ(file["curves"]["descent"]["points"][1][1], 3.5);
}

TEST(Results, ASecondValueUnderANameReplacesTheFirst) {
  Results results;
  results.scalar("loss", 2.5);
  results.scalar("loss", 2.25);
  EXPECT_EQ(read(results)["scalars"]["loss"]["value"], 2.25);
}

TEST(Results, InfinityAndNoNumberAreWords) {
  Results results;
  results.scalar("without smoothing", std::numeric_limits<double>::infinity());
  results.scalar("too fast", std::nan(""));
  EXPECT_EQ(read(results)["scalars"]["without smoothing"]["value"], "inf");
  EXPECT_EQ(read(results)["scalars"]["too fast"]["value"], "nan");
}

TEST(Results, ARowHasOneCellAColumn) {
  Results results;
  EXPECT_THROW(results.table("coverage", {"part", "seen"}).row({"the whole text"}), std::invalid_argument);
}

TEST(Results, APictureComesBackAsItWasRecorded) {
  Results results;
  Picture lines{"lines",
                {"A descent", "step", "nats", false, true},
                {{"training", {{0, 4.25}, {10, std::numeric_limits<double>::infinity()}}, true}},
                {{"uniform", 4.174}},
                {},
                {},
                {},
                {}};
  Picture map{"heat map", {"Head 1", "looked at", "looking"}, {},         {},
              {},         {{1, 0}, {0.5, std::nan("")}},      {"a", "b"}, {}};
  Picture bars{"bars", {"A step", "ms", ""}, {}, {}, {{"clear", 2.5}, {"fast", 1}}, {}, {}, {}};
  results.picture("descent.svg", lines);
  results.picture("head.svg", map);
  results.picture("step.svg", bars);
  const JsonEntry file = parse_json(read(results).dump(), "record.json");
  const auto again = [&](const char* name) { return picture_from_json(file.at("pictures").at(name)); };
  EXPECT_TRUE(again("descent.svg").text.log_y);
  EXPECT_TRUE(again("descent.svg").series[0].dots);
  EXPECT_EQ(picture_as_json(again("descent.svg")), picture_as_json(lines));
  EXPECT_TRUE(std::isnan(again("head.svg").values[1][1]));
  EXPECT_EQ(picture_as_json(again("head.svg")), picture_as_json(map));
  EXPECT_EQ(picture_as_json(again("step.svg")), picture_as_json(bars));
  EXPECT_EQ(file.at("pictures").size(), 3u);
}

TEST(Results, WhatIsNoPictureIsRefused) {
  EXPECT_THROW(picture_from_json(parse_json(R"({"kind": "lines"})", "record.json")), UsageError);
  EXPECT_THROW(picture_from_json(parse_json(
                   R"({"kind": "bars", "title": "", "x": "", "y": "", "bars": [["fast", "quick"]]})", "record.json")),
               UsageError);
}

TEST(Results, AFileThatCannotBeWrittenIsRefusedBeforehand) {
  const TemporaryFolder folder;
  EXPECT_THROW(record_to(folder.path() / "missing" / "record.json", {}), UsageError);
  EXPECT_THROW(record_to(folder.path(), {}), UsageError);
  EXPECT_FALSE(recording());
  std::ofstream(folder.path() / "old.json") << "old";
  record_to(folder.path() / "old.json", {});
  EXPECT_TRUE(recording());
  record_nothing();
  EXPECT_FALSE(recording());
  std::ifstream old(folder.path() / "old.json");
  std::string text;
  old >> text;
  EXPECT_EQ(text, "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(Results, AreWrittenAsAFile) {
  const TemporaryFolder folder;
  Results results;
  results.scalar("loss", 2.5);
  results.write(folder.path() / "02-descent.json", {});
  std::ifstream file(folder.path() / "02-descent.json");
  EXPECT_EQ(nlohmann::json::parse(file)["scalars"]["loss"]["value"], 2.5);
}

}  // namespace
}  // namespace verse
