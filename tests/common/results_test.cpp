#include "common/results.h"

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
