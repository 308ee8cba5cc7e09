#include "tests/harness/verdict.h"

#include <nlohmann/json.hpp>
#include <regex>

#include "common/base/json.h"
#include "common/base/text.h"
#include "tests/harness/workbench.h"
#include "tests/harness_test/temporary_course.h"

namespace verse {
namespace {

TestOutcome outcome(const std::string& suite, TestStatus status, const std::string& message = "",
                    const std::string& mistake = "") {
  TestOutcome one;
  one.suite = suite;
  one.test = "Test";
  one.status = status;
  one.message = message;
  one.mistake = mistake;
  return one;
}

TestOutcome stub_met(const std::string& suite, const std::string& exercise) {
  TestOutcome one = outcome(suite, TestStatus::not_started);
  one.exercise = exercise;
  return one;
}

class Verdict : public testing::Test {
 protected:
  Verdict() { write_stubs(course, files.path()); }

  ChapterVerdict judged(std::vector<TestOutcome> outcomes) const {
    RunReport report;
    report.outcomes = std::move(outcomes);
    return judge(course.chapter(3), report);
  }

  std::string shown(const ChapterVerdict& verdict) const {
    return show_verdict(course, verdict, {false, files.path() / "build", "build/log"}, Style());
  }

  static void expect_part(const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << "missing: " << part << "\nin:\n" << text;
  }
  static void expect_no_part(const std::string& text, const std::string& part) {
    EXPECT_EQ(text.find(part), std::string::npos) << "unwanted: " << part << "\nin:\n" << text;
  }

  TemporaryCourse files;
  Course course{files.path()};
};

TEST_F(Verdict, TwoMistakesAtOnceAreBothInWords) {
  const auto& mistakes = course.exercise("3.1").mistakes;
  ASSERT_GE(mistakes.size(), 2u);
  const auto told = [&](const std::string& id) {
    return shown(judged({outcome("Exercise_3_1", TestStatus::failed, "`scores` differs.", id)}));
  };
  const std::string two = told(mistakes[0].id + "+" + mistakes[1].id);
  expect_part(two, "Two things at once. First: " + mistakes[0].says.substr(0, 20));
  expect_part(two, "And: " + mistakes[1].says.substr(0, 20));
  expect_part(told(mistakes[0].id + "+gradient_cut"), "And: no gradient flows");
  expect_part(told(mistakes[0].id + "+unheard_of"), "`scores` differs.");
}

TEST_F(Verdict, SuitesBelongToExercisesByName) {
  EXPECT_EQ(exercise_of_suite("Exercise_3_2"), "3.2");
  EXPECT_EQ(exercise_of_suite("Widths/Exercise_3_12"), "3.12");
  EXPECT_EQ(exercise_of_suite("Exercise_3_2/0"), "3.2");
  EXPECT_EQ(exercise_of_suite("Chapter_3"), std::nullopt);
  EXPECT_EQ(exercise_of_suite("Exercise_3"), std::nullopt);
  EXPECT_EQ(exercise_of_suite("Exercise_3_2_More"), std::nullopt);
}

TEST_F(Verdict, TheStateOfAnExerciseIsThatOfItsWorstTest) {
  const auto state = [&](std::vector<TestOutcome> outcomes) { return judged(std::move(outcomes)).exercises[0].state; };
  const std::string suite = "Exercise_3_1";
  const TestOutcome pass = outcome(suite, TestStatus::passed);
  EXPECT_EQ(state({}), ExerciseState::not_checked);
  EXPECT_EQ(state({outcome(suite, TestStatus::skipped)}), ExerciseState::not_checked);
  EXPECT_EQ(state({pass, outcome(suite, TestStatus::skipped)}), ExerciseState::passed);
  EXPECT_EQ(state({pass, outcome(suite, TestStatus::failed)}), ExerciseState::wrong);
  EXPECT_EQ(state({outcome(suite, TestStatus::failed), outcome(suite, TestStatus::crashed)}), ExerciseState::crashed);
  EXPECT_EQ(state({outcome(suite, TestStatus::endless), outcome(suite, TestStatus::left_out)}), ExerciseState::endless);
  EXPECT_EQ(state({outcome(suite, TestStatus::too_large)}), ExerciseState::too_large);
  EXPECT_EQ(state({pass, stub_met(suite, "3.1"), outcome(suite, TestStatus::failed)}), ExerciseState::not_started);
  EXPECT_EQ(state({pass, stub_met(suite, "3.2")}), ExerciseState::waiting);
  EXPECT_EQ(state({stub_met(suite, "3.2"), outcome(suite, TestStatus::failed)}), ExerciseState::wrong);
}

TEST_F(Verdict, ARecognisedMistakeIsTheCauseThatIsShown) {
  const ChapterVerdict verdict = judged({outcome("Exercise_3_1", TestStatus::failed, "some numbers"),
                                         outcome("Exercise_3_1", TestStatus::failed, "others", "one_over_d")});
  EXPECT_EQ(verdict.exercises[0].cause->mistake, "one_over_d");
}

TEST_F(Verdict, TheNextIsTheFirstStartedOneThatIsWrongThenTheFirstOfTheCore) {
  const auto next = [&](std::vector<TestOutcome> outcomes) {
    const ChapterVerdict verdict = judged(std::move(outcomes));
    return verdict.next() ? verdict.next()->exercise->id : "none";
  };
  const auto pass = [](const std::string& suite) { return outcome(suite, TestStatus::passed); };
  EXPECT_EQ(next({stub_met("Exercise_3_1", "3.1"), outcome("Exercise_3_2", TestStatus::failed),
                  stub_met("Exercise_3_3", "3.3")}),
            "3.2");
  EXPECT_EQ(next({pass("Exercise_3_1"), stub_met("Exercise_3_2", "3.2"), stub_met("Exercise_3_3", "3.3")}), "3.2");
  EXPECT_EQ(next({pass("Exercise_3_1"), pass("Exercise_3_2"), stub_met("Exercise_3_3", "3.3")}), "3.3");
  EXPECT_EQ(next({pass("Exercise_3_1"), pass("Exercise_3_2"), pass("Exercise_3_3")}), "none");
}

TEST_F(Verdict, WithNothingStartedItNamesTheFirstExerciseAndItsFile) {
  const std::string text = shown(
      judged({stub_met("Exercise_3_1", "3.1"), stub_met("Exercise_3_2", "3.2"), stub_met("Exercise_3_3", "3.3")}));
  EXPECT_EQ(text,
            "Chapter 3: Attention\n"
            "\n"
            "  . 3.1   Scaled scores  not started\n"
            "  . 3.2   Causal mask    not started\n"
            "  . 3.3   Heads          not started  (going further)\n"
            "\n"
            "3.1 Scaled scores: not started\n"
            "  Nothing is started yet; begin here. Read the section, then replace the line `throw\n"
            "  NotImplemented(\"3.1\");` (10 minutes).\n"
            "\n"
            "  where  chapters/03_attention/attention.cpp:6\n"
            "  read   chapters/03_attention/README.md, \"The scores\"\n"
            "  next   make hint-3.1\n"
            "\n"
            "0 of 3 exercises pass; next: 3.1\n");
}

TEST_F(Verdict, WhatIsNewIsNamedBeforeTheStartAndTheReferenceShownAfterThePass) {
  std::string manifest = files.manifest;
  manifest.replace(manifest.find("core = true\n"), 12,
                   "core = true\nreference = \"It divides last.\"\n"
                   "calls = [{ call = \"x.topk(k, dim)\", does = \"the k largest values\" }]\n");
  files.write("chapters/03_attention/exercises.toml", manifest);
  const Course with_calls(files.path());
  const auto show = [&](const TestOutcome& first, const std::vector<std::string>& newly_passed) {
    RunReport report;
    report.outcomes = {first, stub_met("Exercise_3_2", "3.2"), stub_met("Exercise_3_3", "3.3")};
    return show_verdict(with_calls, judge(with_calls.chapter(3), report),
                        {false, files.path() / "build", "build/log", newly_passed}, Style());
  };
  const std::string before = show(stub_met("Exercise_3_1", "3.1"), {});
  expect_part(before, "  New calls that it takes:\n    x.topk(k, dim): the k largest values\n");
  expect_no_part(before, "reference's way");
  const std::string after = show(outcome("Exercise_3_1", TestStatus::passed), {"3.1"});
  expect_part(after,
              "3.1 Scaled scores: passed\n  the reference's way  solutions/03_attention/attention.cpp:6\n"
              "  It divides last.\n");
  expect_no_part(after, "New calls");
  expect_no_part(show(outcome("Exercise_3_1", TestStatus::passed), {}), "reference's way");
}

// What an editor's list of problems would hold: `.vscode/tasks.json` says how it is read out of a verdict.
std::vector<std::string> problems_in(const std::string& text) {
  const auto tasks = load_json(std::filesystem::path(VERSE_SOURCE_DIR) / ".vscode/tasks.json");
  const std::vector<std::string_view> lines = lines_of(text);
  std::vector<std::string> problems;
  for (const JsonEntry& matcher : tasks.at("tasks").list().at(0).at("problemMatcher").list()) {
    if (matcher.is_text()) continue;  // the editor's own, for the compiler
    const JsonEntry pattern = matcher.at("pattern");
    const std::vector<JsonEntry> rows = pattern.is_list() ? pattern.list() : std::vector<JsonEntry>{pattern};
    for (std::size_t begin = 0; begin + rows.size() <= lines.size(); ++begin) {
      std::map<std::string, std::string> found;
      bool matches = true;
      for (std::size_t i = 0; i < rows.size() && matches; ++i) {
        std::cmatch groups;
        const std::string_view line = lines[begin + i];
        matches =
            std::regex_match(line.data(), line.data() + line.size(), groups, std::regex(rows[i].at("regexp").text()));
        for (const char* part : {"file", "line", "message"}) {
          if (matches && rows[i].has(part)) found[part] = groups[static_cast<std::size_t>(rows[i].at(part).whole())];
        }
      }
      if (matches) problems.push_back(found["file"] + ":" + found["line"] + ": " + found["message"]);
    }
  }
  return problems;
}

TEST_F(Verdict, AnEditorFindsTheProblemsInIt) {
  const auto pass = outcome("Exercise_3_1", TestStatus::passed);
  const auto wrong = [](const char* suite) { return outcome(suite, TestStatus::failed, "some numbers"); };
  EXPECT_EQ(problems_in(shown(judged({pass, wrong("Exercise_3_2"), wrong("Exercise_3_3")}))),
            (std::vector<std::string>{
                "chapters/03_attention/mask.cpp:2: chapters/03_attention/README.md, \"Hiding the future\"",
                "chapters/03_attention/attention.cpp:13: 3.3 Heads: wrong"}));
  const auto done = [](const char* suite) { return outcome(suite, TestStatus::passed); };
  EXPECT_TRUE(problems_in(shown(judged({pass, done("Exercise_3_2"), done("Exercise_3_3")}))).empty());
}

TEST_F(Verdict, AKnownMistakeIsSaidInPlainWords) {
  TestOutcome mistaken = outcome("Exercise_3_2", TestStatus::failed, "raw numbers", "no_scaling");
  mistaken.expected = "[2, 2]";
  mistaken.got = "[4, 4]";
  mistaken.printed = "look here\n";
  const std::string text = shown(
      judged({outcome("Exercise_3_1", TestStatus::passed), mistaken, outcome("Exercise_3_3", TestStatus::passed)}));
  expect_part(text, "x 3.2   Causal mask    wrong");
  expect_part(text, "3.2 Causal mask: wrong\n  The scores are not scaled.\n  expected  [2, 2]\n  got       [4, 4]\n");
  expect_no_part(text, "raw numbers");
  expect_part(text, "Printed during the test (build/log has all of it):\n    look here\n");
  expect_part(text, "where  chapters/03_attention/mask.cpp:2\n");
  expect_part(text, "read   chapters/03_attention/README.md, \"Hiding the future\"\n");
  expect_part(text, "next   make hint-3.2\n");
  expect_part(text, "2 of 3 exercises pass; next: 3.2\n");
}

TEST_F(Verdict, AMistakeNobodyForesawShowsWhatTheCheckFound) {
  const std::string text = shown(judged({outcome("Exercise_3_1", TestStatus::failed, "element (0, 1) is 3, not 4"),
                                         outcome("Exercise_3_2", TestStatus::failed, "strange", "not_in_the_manifest"),
                                         outcome("Exercise_3_3", TestStatus::crashed, "it gave up")}));
  expect_part(text, "3.1 Scaled scores: wrong\n  element (0, 1) is 3, not 4\n");
  expect_part(text, "3.2 Causal mask: wrong  chapters/03_attention/mask.cpp:2\n  strange\n");
  expect_part(text, "3.3 Heads: crashed  chapters/03_attention/attention.cpp:13\n  It gave up.\n");
  EXPECT_EQ(text.find("make hint"), text.rfind("make hint")) << "only the first one is taught in full";
}

TEST_F(Verdict, AnExerciseThatNeedsAnotherSaysWhich) {
  const std::string text = shown(judged(
      {stub_met("Exercise_3_1", "3.1"), outcome("Exercise_3_2", TestStatus::passed), stub_met("Exercise_3_3", "3.1")}));
  expect_part(text, "~ 3.3   Heads          waits for 3.1");
  expect_part(text, "1 of 3 exercises pass; next: 3.1");
  expect_no_part(text, "Nothing is started yet");
}

TEST_F(Verdict, AllPassedIsDone) {
  std::vector<TestOutcome> outcomes = {outcome("Exercise_3_1", TestStatus::passed),
                                       outcome("Exercise_3_2", TestStatus::passed),
                                       outcome("Exercise_3_3", TestStatus::passed)};
  const ChapterVerdict verdict = judged(outcomes);
  EXPECT_TRUE(verdict.everything_passes());
  expect_part(shown(verdict), "3 of 3 exercises pass. Chapter 3 is done.\n");

  // A test of the chapter as a whole can still fail, and one that meets a stub says nothing.
  outcomes.push_back(stub_met("Chapter_3", "2.1"));
  EXPECT_TRUE(judged(outcomes).everything_passes());
  outcomes.push_back(outcome("Chapter_3", TestStatus::failed, "the parts do not fit"));
  EXPECT_FALSE(judged(outcomes).everything_passes());
  expect_part(shown(judged(outcomes)), "The whole chapter: Chapter_3.Test\n  The parts do not fit\n");
  expect_part(shown(judged(outcomes)), "3 of 3 exercises pass, but not the chapter as a whole\n");
}

TEST_F(Verdict, MarksThatALearnerLostAreSaid) {
  files.write("chapters/03_attention/mask.cpp", "int mask(int, int) { return 1; }\n");
  expect_part(shown(judged({outcome("Exercise_3_2", TestStatus::failed, "wrong")})),
              "where  chapters/03_attention/mask.cpp (its two lines `//!` are not in order)");
}

TEST_F(Verdict, TheBooksPageIsNamedWhereItHasBeenBuilt) {
  files.write("build/book/html/c.html", "<a id=\"ch03-scores\">");
  expect_part(shown(judged({stub_met("Exercise_3_1", "3.1")})), "         build/book/html/c.html#ch03-scores\n");
}

TEST_F(Verdict, ColourAndSymbolsComeOnlyWhenWanted) {
  const ChapterVerdict verdict =
      judged({stub_met("Exercise_3_1", "3.1"), outcome("Exercise_3_2", TestStatus::failed, "x")});
  const auto styled = [&](const Style& style) {
    return show_verdict(course, verdict, {false, files.path(), "log"}, style);
  };
  expect_no_part(styled(Style()), "\x1b");
  const std::string rich = styled({true, true});
  expect_part(rich, "\x1b[31m✗\x1b[0m 3.2");
  expect_part(rich, "\x1b[2m·\x1b[0m 3.1");
}

TEST_F(Verdict, TheLastOfALongPrintingIsShown) {
  TestOutcome loud = outcome("Exercise_3_1", TestStatus::failed, "wrong");
  for (int i = 0; i < 100; ++i) loud.printed += "line " + std::to_string(i) + "\n";
  const std::string text = shown(judged({loud}));
  expect_part(text, "    ...\n    line 88\n");
  expect_part(text, "    line 99\n");
  expect_no_part(text, "line 87\n");
}

TEST_F(Verdict, ProgramsGetJson) {
  const ChapterVerdict verdict = judged({outcome("Exercise_3_1", TestStatus::failed, "m", "no_scaling"),
                                         stub_met("Exercise_3_2", "3.2"), outcome("Exercise_3_3", TestStatus::passed)});
  const auto json = nlohmann::json::parse(verdict_as_json(course, verdict, {false, "", ""}));
  EXPECT_EQ(json["next"], "3.1");
  EXPECT_EQ(json["passes"], false);
  EXPECT_EQ(json["exercises"][0]["state"], "wrong");
  EXPECT_EQ(json["exercises"][0]["mistake"], "no_scaling");
  EXPECT_EQ(json["exercises"][0]["line"], 6);
  EXPECT_EQ(json["exercises"][1]["state"], "not_started");
  EXPECT_EQ(json["exercises"][2]["state"], "passed");
}

}  // namespace
}  // namespace verse
