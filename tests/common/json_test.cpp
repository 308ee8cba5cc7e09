#include "common/base/json.h"

#include <gtest/gtest.h>

#include <ctime>
#include <nlohmann/json.hpp>
#include <string>

#include "common/base/error.h"
#include "tests/common/temporary_folder.h"

namespace verse {
namespace {

/// What is said of a text, when something is asked of what it holds; empty where nothing is wrong.
template <typename Ask>
std::string complaint(const std::string& text, Ask ask) {
  return message_of<UsageError>([&] { ask(parse_json(text, "a.json")); });
}

TEST(Json, GivesWhatIsThere) {
  const JsonEntry root = parse_json(R"({"a": 1, "b": -2.5, "c": "é\n", "d": [true, null], "e": {"f": {}}})", "a.json");
  EXPECT_EQ(root.at("a").whole(), 1);
  EXPECT_EQ(root.at("a").number(), 1.0);
  EXPECT_EQ(root.at("b").number(), -2.5);
  EXPECT_EQ(root.at("c").text(), "é\n");
  ASSERT_EQ(root.at("d").list().size(), 2U);
  EXPECT_TRUE(root.at("d").list()[0].flag());
  EXPECT_TRUE(root.at("d").list()[1].is_null());
  EXPECT_TRUE(root.has("e"));
  EXPECT_FALSE(root.has("x"));
  EXPECT_TRUE(root.at("e").at("f").is_table());
  std::vector<std::string> names;
  for (const auto& [name, entry] : root.table()) names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"a", "b", "c", "d", "e"}));
}

TEST(Json, SaysWhereWhatWasExpectedAndWhatCame) {
  const std::string text = "{\n  \"model\": {\n    \"layers\": 2.5,\n    \"sizes\": [1,\n \"two\"]\n  }\n}\n";
  EXPECT_EQ(complaint(text, [](const JsonEntry& root) { root.at("model").at("layers").whole(); }),
            "a.json:3: model.layers should be a whole number, not 2.5");
  EXPECT_EQ(complaint(text, [](const JsonEntry& root) { root.at("model").at("sizes").list()[1].number(); }),
            "a.json:5: model.sizes[1] should be a number, not \"two\"");
  EXPECT_EQ(complaint(text, [](const JsonEntry& root) { root.at("model").at("heads"); }),
            "a.json:2: model: heads is missing");
  EXPECT_EQ(complaint(text, [](const JsonEntry& root) { root.at("model").text(); }),
            "a.json:2: model should be a text, not a table");
  EXPECT_EQ(complaint("[1]", [](const JsonEntry& root) { root.at("x"); }),
            "a.json:1: there should be a table, not a list");
  EXPECT_EQ(
      complaint("\n{\"a\\n\\\"b\": [[], {\"}\": 3}],\n \"c\": 7}", [](const JsonEntry& root) { root.at("c").flag(); }),
      "a.json:3: c should be true or false, not 7");
}

TEST(Json, TakesNoNumberForAnother) {
  const auto whole = [](const std::string& number) {
    return complaint("[" + number + "]", [](const JsonEntry& root) { root.list()[0].whole(0, 100); });
  };
  EXPECT_EQ(whole("100"), "");
  EXPECT_EQ(whole("101"), "a.json:1: [0] should be a whole number from 0 to 100, not 101");
  for (const std::string wrong :
       {"-1", "2.0", "1e2", "true", "null", "\"3\"", "9223372036854775808", "18446744073709551616", "[1]"}) {
    EXPECT_NE(whole(wrong), "") << wrong;
  }
  EXPECT_EQ(parse_json("9223372036854775807", "a.json").whole(), INT64_MAX);
  EXPECT_EQ(complaint("9223372036854775808", [](const JsonEntry& root) { root.whole(); }),
            "a.json:1: there should be a whole number from -9223372036854775808 to 9223372036854775807, not "
            "9223372036854775808");
  EXPECT_EQ(complaint("-3", [](const JsonEntry& root) { root.whole(1); }),
            "a.json:1: there should be 1 or more, not -3");
  EXPECT_NE(complaint("\"1\"", [](const JsonEntry& root) { root.number(); }), "");
}

TEST(Json, RefusesWhatIsNoJson) {
  const auto nothing = [](const JsonEntry&) {};
  for (const std::string text : {"", "  \n", "{", "{\"a\": 1", "[1, 2", "\"a"}) {
    EXPECT_NE(complaint(text, nothing).find("cut short"), std::string::npos) << text;
  }
  EXPECT_EQ(complaint("{\n\"a\": 1,\n\"b\": nought\n}", nothing),
            "a.json:3: it is no JSON: none goes on with \"ought\\n}\"");
  for (const std::string text : {"{]", "[1,]", "{\"a\" 1}", "1 2", "nan", "\"caf\xe9\"", "[1e999]", "\"\x01\""}) {
    const std::string message = complaint(text, nothing);
    EXPECT_EQ(message.rfind("a.json:1: ", 0), 0U) << text;
    EXPECT_EQ(message.find("json.exception"), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

TEST(Json, RefusesNestingThatWouldEndTheProcess) {
  for (const std::string bracket : {"[", "{\"a\":"}) {
    std::string text;
    for (int i = 0; i < 300'000; ++i) text += bracket;
    EXPECT_EQ(complaint(text, [](const JsonEntry&) {}),
              "a.json:1: lists and tables lie more than 100 deep in each other");
  }
  // Brackets within strings open nothing, and as deep as is allowed is allowed.
  EXPECT_EQ(complaint("[\"" + std::string(500, '[') + "\\\"" + std::string(500, '[') + "\"]", [](const JsonEntry&) {}),
            "");
  const std::string deep = std::string(kDeepestJson, '[') + std::string(kDeepestJson, ']');
  EXPECT_EQ(complaint(deep, [](const JsonEntry&) {}), "");
}

TEST(Json, RefusesATableThatSaysOneThingTwice) {
  EXPECT_EQ(complaint(R"({"a": 1, "b": {"c": 1, "d": 2, "c": 3}})", [](const JsonEntry&) {}),
            "a.json: the entry \"c\" is there twice in one table");
  EXPECT_EQ(complaint(R"({"a": {"a": 1}, "b": {"a": 1}})", [](const JsonEntry&) {}), "");
}

TEST(Json, NamesAPointerOfGitLargeFileStorage) {
  EXPECT_NE(complaint("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", [](const JsonEntry&) {})
                .find("`git lfs pull`"),
            std::string::npos);
}

TEST(Json, ALongNameMakesNoLongMessage) {
  const std::string name(1'000'000, 'n');
  EXPECT_LT(complaint("{\"" + name + "\": 1}", [&](const JsonEntry& root) { root.at(name).text(); }).size(), 200U);
  EXPECT_LT(complaint("[\"" + name + "\"]", [&](const JsonEntry& root) { root.list()[0].whole(); }).size(), 200U);
}

// The time that a table takes grows with its entries and not with their square: 200,000 of them took 130 s.
TEST(Json, ReadsALargeTableInNoTime) {
  std::string text = "{";
  for (int i = 0; i < 200'000; ++i)
    text += (i == 0 ? "\"token" : ",\"token") + std::to_string(i) + "\":" + std::to_string(i);
  const std::clock_t start = std::clock();
  EXPECT_EQ(parse_json(text + "}", "a.json").size(), 200'000U);
  EXPECT_LT(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC, 5.0);
}

TEST(Json, WritesBytesThatAreNotUtf8) {
  EXPECT_EQ(json_text(Json("caf\xe9")), "\"caf\xEF\xBF\xBD\"");
}

TEST(Json, APathComesBackByteForByte) {
  for (const std::string path : {"runs/demo", "runs/café", "runs/caf\xe9", "\xff", ""}) {
    const JsonEntry read = parse_json(json_text(json_of_path(path)), "a.json");
    EXPECT_EQ(read.path().native(), path);
  }
  EXPECT_NE(complaint("[300]", [](const JsonEntry& root) { root.path(); }), "");
  EXPECT_NE(complaint("3", [](const JsonEntry& root) { root.path(); }), "");
}

TEST(Json, NamesTheFile) {
  const TemporaryFolder folder;
  const auto message = message_of<UsageError>([&] { load_json(folder / "missing.json"); });
  EXPECT_NE(message.find("missing.json"), std::string::npos) << message;
}

}  // namespace
}  // namespace verse
