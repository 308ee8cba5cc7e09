// The program as a learner, the Makefile and CI call it.

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <regex>

#include "common/base/json.h"
#include "tests/harness_test/temporary_course.h"

namespace verse {
namespace {

namespace fs = std::filesystem;

class VerseProgram : public testing::Test {
 protected:
  VerseProgram() { EXPECT_EQ(files.verse("stubs").status, 0); }

  ProgramResult verse(const std::string& arguments) const { return files.verse(arguments); }

  // A test program of chapter 3, made of a script: `status NAME VALUE` reports a test.
  void use_tests(const std::string& reports) const {
    files.write("build/tests.sh",
                "#!/bin/bash\n"
                "send() { echo \"$1\" >&$VERSE_REPORT_FD; }\n"
                "wanted=${1#--gtest_filter=}\n"
                "status() { if asked $1; then send '{\"event\":\"start\",\"suite\":\"'$1'\",\"test\":\"T\"}'; send "
                "'{\"event\":\"result\",\"suite\":\"'$1'\",\"test\":\"T\",\"status\":\"'$2'\"'$3'}'; echo $1 >> " +
                    (files.path() / "build/ran").string() +
                    "; fi; }\n"
                    "asked() { case $wanted in '*') true;; '*-'*) [[ $wanted != *$1.* ]];; *) [[ $wanted == *$1.* ]];; "
                    "esac; }\n"
                    "send '{\"event\":\"plan\",\"tests\":[]}'\n" +
                    reports + "send '{\"event\":\"end\"}'\n");
    fs::permissions(files.path() / "build/tests.sh", fs::perms::owner_all);
    files.use_test_program("test_chapter_03", (files.path() / "build/tests.sh").string());
    files.use_test_program("test_solution_03", (files.path() / "build/tests.sh").string());
  }

  std::string ran() const {
    const std::string text = fs::exists(files.path() / "build/ran") ? files.read("build/ran") : "";
    fs::remove(files.path() / "build/ran");
    return text;
  }

  static void expect_part(const ProgramResult& result, const std::string& part) {
    EXPECT_NE(result.output.find(part), std::string::npos) << "missing: " << part << "\nin:\n" << result.output;
  }

  // Misuse ends in status 2 and one line.
  void expect_misuse(const std::string& arguments, const std::string& says) const {
    const ProgramResult result = verse(arguments);
    EXPECT_EQ(result.status, 2) << arguments;
    EXPECT_EQ(std::count(result.output.begin(), result.output.end(), '\n'), 1) << result.output;
    expect_part(result, says);
  }

  TemporaryCourse files;
};

TEST_F(VerseProgram, MisuseEndsInStatusTwoAndOneLine) {
  expect_misuse("frobnicate", "no command `frobnicate`");
  expect_misuse("hint", "use: verse hint N.M");
  expect_misuse("hint 3.9", "no exercise 3.9");
  expect_misuse("reset", "use: verse reset N.M");
  expect_misuse("reset 3.1 --all", "use: verse reset N.M");
  expect_misuse("start 9", "no chapter 9");
  expect_misuse("handin", "nothing to hand in");
  expect_misuse("hint three", "not the number of an exercise");
  expect_misuse("solve 3.1 --force", "does not know --force");
  expect_misuse("check three", "not the number of a chapter");
  expect_misuse("check 9", "no chapter 9");
  expect_misuse("check 3", "`make test-chapter-3` builds it");
  expect_misuse("check 3 --cpu-seconds 0", "above 0");
  expect_misuse("predict P3.1 lots", "not a number");
  expect_misuse("compile-error 3 missing.log", "is not there");
  EXPECT_EQ(run_shell(std::string(VERSE_PROGRAM) + " --root /nowhere list").status, 2);
  EXPECT_EQ(run_shell(VERSE_PROGRAM).status, 2);
}

TEST_F(VerseProgram, EveryCommandHasHelp) {
  const ProgramResult all = verse("--help");
  EXPECT_EQ(all.status, 0);
  for (const std::string name : {"check", "hint", "solve", "reset", "restore", "progress", "predict", "list", "swap",
                                 "compile-error", "stubs", "lint", "start", "update", "report", "handin", "grade"}) {
    expect_part(all, "  " + name + " ");
    const ProgramResult one = verse(name + " --help");
    EXPECT_EQ(one.status, 0) << name;
    EXPECT_TRUE(one.output.starts_with("verse " + name)) << one.output;
  }
}

TEST_F(VerseProgram, ReportAndPackSayWhatWasDoneAndHow) {
  verse("hint 3.1");
  files.write(learner_file, std::regex_replace(files.read(learner_file), std::regex("throw NotImplemented.\"3.1\".;"),
                                               "return 1 < 2;  // \xE2\x82\xAC"));
  use_tests("status Exercise_3_1 passed\n");
  verse("check 3");
  const std::string out = files.path().string();
  EXPECT_EQ(verse("report --name 'Ada <b>' --out " + out + "/report").status, 0);
  const Json report = Json::parse(files.read("report/report.json"));
  EXPECT_EQ(report["learner"], "Ada <b>");
  EXPECT_EQ(report["passed"], 1);
  const Json& one = report["chapters"][0]["exercises"][0];
  EXPECT_EQ(one["progress"], "passed");
  EXPECT_EQ(one["hints_shown"], 1);
  EXPECT_EQ(one["checks"], 1);
  EXPECT_EQ(one["begun_at"].get<std::string>().size(), 20u);
  EXPECT_EQ(one["passed_at"].get<std::string>().size(), 20u);
  EXPECT_EQ(report["chapters"][0]["exercises"][1]["begun_at"], "");
  const std::string page = files.read("report/report.html");
  EXPECT_NE(page.find("Ada &lt;b&gt;"), std::string::npos);
  EXPECT_EQ(page.find("<b>"), std::string::npos);
  EXPECT_EQ(page.find("http"), std::string::npos);  // it asks nobody for anything

  expect_part(verse("handin --name Ada --out " + out + "/ada.pack.json"), "packed 1 file of Ada");
  const Json pack = Json::parse(files.read("ada.pack.json"));
  EXPECT_EQ(pack["files"].size(), 1u);
  EXPECT_EQ(pack["files"][learner_file], files.read(learner_file));
  EXPECT_EQ(pack["report"]["passed"], 1);
}

TEST_F(VerseProgram, ThreeHintsDifferAndTheFourthIsTheThird) {
  expect_part(verse("hint 3.2"), "nudge 3.2");
  expect_part(verse("hint 3.2"), "shape 3.2");
  expect_part(verse("hint 3.1"), "nudge 3.1");
  const ProgramResult third = verse("hint 3.2");
  expect_part(third, "answer 3.2");
  expect_part(third, "make solve-3.2");
  const ProgramResult fourth = verse("hint 3.2");
  expect_part(fourth, "answer 3.2");
  expect_part(fourth, "there is no other");
  EXPECT_EQ(fourth.status, 0);
  expect_part(verse("hint 3.2 --from-start"), "nudge 3.2");
  expect_part(verse("hint 3.2"), "shape 3.2");
}

TEST_F(VerseProgram, SolveAndResetRoundTrip) {
  const std::string before = files.read(learner_file);
  const ProgramResult solved = verse("solve 3.1");
  EXPECT_EQ(solved.status, 0);
  expect_part(solved, learner_file + ":6: now holds the reference's answer");
  EXPECT_NE(files.read(learner_file), before);
  expect_part(verse("solve 3.1"), "already holds");
  EXPECT_EQ(verse("reset 3.1").status, 0);
  EXPECT_EQ(files.read(learner_file), before);
  expect_part(verse("reset 3.1"), "a stub already");
}

TEST_F(VerseProgram, BrokenMarksAreMisuseAndChangeNothing) {
  files.write(learner_file, "//! [3.1]\n");
  expect_misuse("solve 3.1", learner_file + ":1: the mark `//! [3.1]` stands here alone");
  EXPECT_EQ(files.read(learner_file), "//! [3.1]\n");
}

TEST_F(VerseProgram, MarksThatAreLostComeBack) {
  const std::string before = files.read(learner_file);
  const std::string mark = "  //! [3.1]\n";
  files.write(learner_file, std::string(before).erase(before.find(mark), mark.size()));
  expect_misuse("hint 3.1 --frobnicate", "does not know");
  expect_misuse("solve 3.1", "make restore-3.1 puts back what is missing");
  use_tests("status Exercise_3_1 passed\nstatus Exercise_3_2 passed\nstatus Exercise_3_3 passed\n");
  expect_part(verse("check 3"), "make restore-3.1 puts back what is missing, your code stays");
  const ProgramResult restored = verse("restore 3.1");
  EXPECT_EQ(restored.status, 0);
  expect_part(restored, learner_file + ":6: exercise 3.1 has its first mark back");
  EXPECT_EQ(files.read(learner_file), before);
  expect_part(verse("restore 3.1"), "nothing is missing around exercise 3.1");
}

TEST_F(VerseProgram, StubsRefuseAndCheckSeesDrift) {
  EXPECT_EQ(verse("stubs --check").status, 0);
  verse("solve 3.1");
  EXPECT_EQ(verse("stubs --check").status, 1);
  const std::string before = files.read(learner_file);
  const ProgramResult refused = verse("stubs");
  EXPECT_EQ(refused.status, 2);
  expect_part(refused, learner_file + ": it holds work of yours (3.1)");
  EXPECT_EQ(files.read(learner_file), before);

  const TemporaryFolder other;
  EXPECT_EQ(verse("stubs --into " + other.path().string()).status, 0);
  EXPECT_EQ(verse("stubs --check --into " + other.path().string()).status, 0);
  EXPECT_TRUE(fs::exists(other.path() / learner_file));
}

TEST_F(VerseProgram, CheckRemembersAndProgressTells) {
  verse("solve 3.1");
  use_tests(
      "status Exercise_3_1 passed\nstatus Exercise_3_2 not_started ',\"exercise\":\"3.2\"'\n"
      "status Exercise_3_3 failed ',\"mistake\":\"one_over_d\"'\n");
  const ProgramResult check = verse("check 3");
  EXPECT_EQ(check.status, 1);
  expect_part(check, "They are divided by d.");
  expect_part(check, "1 of 3 exercises pass; next: 3.3\n");
  expect_part(verse("progress"), "1 of 3 exercises pass; next: 3.2");
  fs::remove_all(files.path() / "build");
  expect_part(verse("progress"), "1 of 3 exercises pass; next: 3.2");
  expect_part(verse("swap"), "your own: none; the reference's: 3");
}

TEST_F(VerseProgram, AChapterThatPassesIsHandedToLaterOnes) {
  use_tests(
      "status Exercise_3_1 passed\nstatus Exercise_3_2 passed\nstatus Exercise_3_3 passed\nstatus Chapter_3 passed\n");
  const ProgramResult check = verse("check 3");
  EXPECT_EQ(check.status, 0) << check.output;
  EXPECT_TRUE(files.read(".verse/learner_chapters.cmake").ends_with("set(VERSE_LEARNER_CHAPTERS 3)\n"));
  expect_part(verse("swap"), "your own: 3; the reference's: none");
  verse("solve 3.1");
  expect_part(verse("swap"), "your own: none; the reference's: 3");
  EXPECT_TRUE(files.read(".verse/learner_chapters.cmake").ends_with("set(VERSE_LEARNER_CHAPTERS)\n"));
}

TEST_F(VerseProgram, AFailureOfTheChapterAsAWholeFailsTheCheck) {
  use_tests(
      "status Exercise_3_1 passed\nstatus Exercise_3_2 passed\nstatus Exercise_3_3 passed\nstatus Chapter_3 failed\n");
  EXPECT_EQ(verse("check 3").status, 1);
  EXPECT_TRUE(files.read(".verse/learner_chapters.cmake").ends_with("set(VERSE_LEARNER_CHAPTERS)\n"));
}

TEST_F(VerseProgram, TheReferencesCheckIsNotRemembered) {
  use_tests("status Exercise_3_1 passed\nstatus Exercise_3_2 passed\nstatus Exercise_3_3 passed\n");
  const ProgramResult check = verse("check 3 --solution");
  EXPECT_EQ(check.status, 0);
  expect_part(check, "(the reference's answers)");
  expect_part(verse("progress"), "0 of 3 exercises pass");
}

TEST_F(VerseProgram, FailedOnlyRunsTheRestWhenTheFailedOnesPass) {
  for (const std::string id : {"3.1", "3.2", "3.3"}) verse("solve " + id);
  use_tests("status Exercise_3_1 passed\nstatus Exercise_3_2 failed\nstatus Exercise_3_3 passed\n");
  verse("check 3");
  EXPECT_EQ(ran(), "Exercise_3_1\nExercise_3_2\nExercise_3_3\n");
  const ProgramResult again = verse("check 3 --failed-only");
  EXPECT_EQ(ran(), "Exercise_3_2\n");
  EXPECT_EQ(again.status, 1);
  expect_part(again, "2 of 3 exercises pass; next: 3.2");
  use_tests("status Exercise_3_1 passed\nstatus Exercise_3_2 passed\nstatus Exercise_3_3 passed\n");
  const ProgramResult done = verse("check 3 --failed-only");
  EXPECT_EQ(ran(), "Exercise_3_2\nExercise_3_1\nExercise_3_3\n");
  EXPECT_EQ(done.status, 0) << done.output;
  expect_part(verse("swap"), "your own: 3");
}

TEST_F(VerseProgram, OneExerciseCanBeChecked) {
  use_tests("status Exercise_3_1 passed\nstatus Exercise_3_2 failed\nstatus Exercise_3_3 passed\n");
  EXPECT_EQ(verse("check 3 --filter 3.1").status, 0);
  EXPECT_EQ(ran(), "Exercise_3_1\n");
  EXPECT_EQ(verse("check 3 --filter 3.2").status, 1);
  expect_misuse("check 3 --filter 3.7", "no exercise 3.7");
  expect_misuse("check 3 --filter 3.1 --failed-only", "exclude each other");
}

TEST_F(VerseProgram, CheckSpeaksJson) {
  use_tests("status Exercise_3_1 passed\nstatus Exercise_3_2 not_started ',\"exercise\":\"3.2\"'\n");
  const ProgramResult result = verse("check 3 --json");
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(nlohmann::json::parse(result.output)["next"], "3.2");
}

TEST_F(VerseProgram, ATestProgramThatCannotRunIsAFailureInWords) {
  files.write("build/tests.sh", "#!/bin/sh\necho 'cannot open libtorch_cpu.so' >&2; exit 127\n");
  fs::permissions(files.path() / "build/tests.sh", fs::perms::owner_all);
  files.use_test_program("test_chapter_03", (files.path() / "build/tests.sh").string());
  const ProgramResult result = verse("check 3");
  EXPECT_EQ(result.status, 1);
  expect_part(result, "cannot open libtorch_cpu.so");
  expect_part(verse("progress"), "0 of 3 exercises pass");
}

TEST_F(VerseProgram, AnInterruptEndsInStatus130AndEndsTheTestProgram) {
  files.write("build/tests.sh", "#!/bin/sh\necho $$ > " + (files.path() / "build/pid").string() + "\nsleep 100\n");
  fs::permissions(files.path() / "build/tests.sh", fs::perms::owner_all);
  files.use_test_program("test_chapter_03", (files.path() / "build/tests.sh").string());
  const std::string root = files.path().string();
  const pid_t verse_pid = fork();
  if (verse_pid == 0) {
    if (!freopen("/dev/null", "w", stderr)) _exit(1);
    execl(VERSE_PROGRAM, VERSE_PROGRAM, "--root", root.c_str(), "check", "3", static_cast<char*>(nullptr));
    _exit(1);
  }
  const fs::path pid_file = files.path() / "build/pid";
  while (!fs::exists(pid_file) || fs::file_size(pid_file) == 0) usleep(10000);
  kill(verse_pid, SIGINT);
  int status = 0;
  ASSERT_EQ(waitpid(verse_pid, &status, 0), verse_pid);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 130);
  EXPECT_NE(kill(std::stoi(files.read("build/pid")), 0), 0) << "the test program still runs";
  EXPECT_FALSE(fs::exists(files.path() / ".verse" / "learner_chapters.cmake")) << "nothing is remembered";
}

TEST_F(VerseProgram, PredictionsAreAskedJudgedAndRemembered) {
  const ProgramResult question = verse("predict P3.1 < /dev/null");
  EXPECT_EQ(question.status, 0);
  expect_part(question, "P3.1: How many?");
  const ProgramResult low = verse("predict P3.1 100");
  EXPECT_EQ(low.status, 1);
  expect_part(low, "too low");
  EXPECT_EQ(low.output.find("32896"), std::string::npos);
  const ProgramResult right = verse("predict P3.1 32,896");
  EXPECT_EQ(right.status, 0);
  expect_part(right, "P3.1: right.");
  expect_part(right, "Half of them and the diagonal.");
  expect_part(verse("progress"), "1 of 2\n");
  expect_part(verse("progress"), "0 of 3 exercises pass");
}

TEST_F(VerseProgram, TheThirdWrongAnswerIsToldTheRightOne) {
  EXPECT_EQ(verse("predict P3.2 explode").output.find("vanish"), std::string::npos);
  EXPECT_EQ(verse("predict P3.2 grow").output.find("vanish"), std::string::npos);
  const ProgramResult third = verse("predict P3.2 stay");
  EXPECT_EQ(third.status, 1);
  expect_part(third, "It is vanish.");
  expect_part(third, "Each layer shrinks it.");
  EXPECT_EQ(verse("predict P3.2 vanish").status, 0);
  expect_part(verse("progress"), "0 of 2\n");
}

TEST_F(VerseProgram, CompileErrorsAreTracedToTheirExercise) {
  files.write("log", "../chapters/03_attention/attention.cpp:8:3: error: no such thing\n");
  const ProgramResult inside = verse("compile-error 3 " + (files.path() / "log").string());
  EXPECT_EQ(inside.status, 0);
  expect_part(inside, "no such thing");
  expect_part(inside, learner_file + ":8 lies in exercise 3.1, Scaled scores");
  expect_part(inside, "    8 |   throw NotImplemented(\"3.1\");");
  files.write("log", "../chapters/03_attention/attention.cpp:3:3: error: no such thing\n");
  expect_part(verse("compile-error 3 - < " + (files.path() / "log").string()), "lies in no exercise");
  files.write("log", "ninja: build stopped: strange\n");
  expect_part(verse("compile-error 3 " + (files.path() / "log").string()), "ninja: build stopped: strange");
}

TEST_F(VerseProgram, ListsAndLints) {
  EXPECT_EQ(verse("list --ids").output, "3.1\n3.2\n3.3\n");
  expect_part(verse("list 3"), "3.2    10 min  Causal mask");
  const ProgramResult good = verse("lint");
  EXPECT_EQ(good.status, 0) << good.output;
  files.write("chapters/04_blocks/exercises.toml", "chapter = 4\n");
  const ProgramResult bad = verse("lint");
  EXPECT_EQ(bad.status, 1);
  expect_part(bad, "chapters/04_blocks/exercises.toml:1: `folder` is missing");
  EXPECT_EQ(verse("lint 3").status, 0);
}

TEST_F(VerseProgram, ARealTestProgramIsJudgedFromEndToEnd) {
  std::string manifest = "chapter = 7\nfolder = \"07_x\"\ntitle = \"Trials\"\n";
  for (int i = 1; i <= 5; ++i) {
    manifest += exercise_entry("7." + std::to_string(i), "Trial " + std::to_string(i), "ch07", true, "x.cpp");
  }
  files.write("chapters/07_x/exercises.toml", manifest);
  files.use_test_program("test_chapter_07", MISBEHAVING_PROGRAM);
  const auto json = nlohmann::json::parse(verse("check 7 --json --filter 'Exercise_7_*'").output);
  std::string states;
  for (const auto& exercise : json["exercises"]) states += exercise["state"].get<std::string>() + " ";
  EXPECT_EQ(states, "passed wrong not_started waiting not_started ");
}

}  // namespace
}  // namespace verse
