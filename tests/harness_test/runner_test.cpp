#include "tests/harness/runner.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "tests/harness_test/temporary_course.h"

namespace verse {
namespace {

namespace fs = std::filesystem;

// Runs tests of misbehaving_program.cpp with limits that suit a test.
class Runner : public testing::Test {
 protected:
  Runner() {
    // Where the tests are built with a sanitizer, signals shall stay signals.
    setenv("ASAN_OPTIONS", "handle_segv=0:handle_sigfpe=0:handle_abort=0", 1);
    request.program = MISBEHAVING_PROGRAM;
    request.log = folder.path() / "log.txt";
    request.limits.cpu_seconds = 1;
    request.limits.short_cpu_seconds = 0.3;
    request.limits.idle_seconds = 2;
    request.limits.memory_bytes = 1ull << 28;
    request.limits.output_bytes = 1 << 20;
  }

  const RunReport& run(const std::string& filter) {
    request.filter = filter;
    report = run_tests(request);
    return report;
  }

  // A script in place of a test program.
  void use_script(const std::string& text) {
    folder.write("program", "#!/bin/sh\n" + text);
    request.program = folder.path() / "program";
    chmod(request.program.c_str(), 0755);
  }

  const TestOutcome& outcome(const std::string& full_name) const {
    for (const TestOutcome& one : report.outcomes) {
      if (one.full_name() == full_name) return one;
    }
    throw std::runtime_error("no outcome for " + full_name);
  }

  TestStatus status(const std::string& full_name) const { return outcome(full_name).status; }

  void expect_message(const std::string& full_name, const std::string& part) const {
    EXPECT_NE(outcome(full_name).message.find(part), std::string::npos) << outcome(full_name).message;
  }

  TemporaryFolder folder;
  RunRequest request;
  RunReport report;
};

TEST_F(Runner, TellsPassedFailedAndNotStartedApart) {
  run("Exercise_7_*-*SetUp*");
  EXPECT_FALSE(report.trouble);
  EXPECT_TRUE(report.notes.empty());
  EXPECT_EQ(status("Exercise_7_1.Passes"), TestStatus::passed);
  EXPECT_EQ(status("Exercise_7_2.Fails"), TestStatus::failed);
  EXPECT_EQ(status("Exercise_7_2.PassesAlthoughAMistakeWasNamed"), TestStatus::passed);
  EXPECT_EQ(status("Exercise_7_3.ThrowsAStub"), TestStatus::not_started);
  EXPECT_EQ(status("Exercise_7_5.IsToldOfAStub"), TestStatus::not_started);
  EXPECT_EQ(status("Exercise_7_7.IsSkipped"), TestStatus::skipped);
  EXPECT_EQ(status("Exercise_7_8.Throws"), TestStatus::failed);
}

TEST_F(Runner, BringsWhatTheCheckSaid) {
  run("Exercise_7_2.*:Exercise_7_8.*");
  const TestOutcome& named = outcome("Exercise_7_2.Fails");
  EXPECT_EQ(named.mistake, "off_by_one");
  EXPECT_EQ(named.expected, "3");
  EXPECT_EQ(named.got, "4");
  EXPECT_NE(named.message.find("counted wrong"), std::string::npos);
  EXPECT_TRUE(named.file.ends_with("misbehaving_program.cpp"));
  EXPECT_GT(named.line, 0);
  EXPECT_EQ(outcome("Exercise_7_2.FailsWithoutAName").mistake, "") << "left over from another test";
  EXPECT_EQ(outcome("Exercise_7_2.FailsWithoutAName").message, "the first line\nthe second");
  EXPECT_EQ(outcome("Exercise_7_2.PassesAlthoughAMistakeWasNamed").mistake, "");
  EXPECT_EQ(outcome("Exercise_7_2.SaysItInItsOwnWords").message, "the learner's words \xEF\xBF\xBD");
  expect_message("Exercise_7_8.Throws", "shapes differ");
}

TEST_F(Runner, SaysWhichStubWasMetAndWhere) {
  run("Exercise_7_*");
  const TestOutcome& other = outcome("Exercise_7_4.MeetsAnotherStub");
  EXPECT_EQ(other.status, TestStatus::not_started);
  EXPECT_EQ(other.exercise, "7.3");
  EXPECT_EQ(other.file, "chapters/07_x/x.cpp");
  EXPECT_EQ(other.line, 12);
  EXPECT_EQ(outcome("Exercise_7_5.IsToldOfAStub").exercise, "7.5");
  EXPECT_EQ(outcome("Exercise_7_6.NeedsItsSetUp").status, TestStatus::not_started);
  EXPECT_EQ(outcome("Exercise_7_6.NeedsItsSetUp").exercise, "7.6");
}

TEST_F(Runner, KeepsWhatALearnersCodePrintsByTest) {
  run("Exercise_7_1.*:Exercise_7_2.Fails:Exercise_8_1.*");
  EXPECT_EQ(outcome("Exercise_7_1.Passes").printed, "");
  EXPECT_EQ(outcome("Exercise_7_1.PassesToo").printed, "printed in 7.1\n");
  EXPECT_EQ(outcome("Exercise_7_2.Fails").printed, "printed in 7.2\n");
  EXPECT_EQ(outcome("Exercise_8_1.StoresThroughNull").printed, "before the crash\n");
  EXPECT_EQ(folder.read("log.txt"), "printed in 7.1\nprinted in 7.2\nbefore the crash\n");
}

TEST_F(Runner, ACrashIsAnOutcomeAndTheOtherExercisesStillRun) {
  run("Exercise_8_1.*:Exercise_8_3.*:Exercise_8_5.*:Exercise_8_6.*:Exercise_8_10.*:Exercise_8_11.*");
  EXPECT_FALSE(report.trouble);
  EXPECT_EQ(report.outcomes.size(), 7u);
  EXPECT_EQ(status("Exercise_8_1.StoresThroughNull"), TestStatus::crashed);
  EXPECT_EQ(status("Exercise_8_1.NeverComesToRun"), TestStatus::left_out);
  EXPECT_EQ(status("Exercise_8_3.LeavesByExit"), TestStatus::crashed);
  expect_message("Exercise_8_3.LeavesByExit", "exit(0)");
  expect_message("Exercise_8_5.DividesByZero", "SIGFPE");
  expect_message("Exercise_8_6.Aborts", "SIGABRT");
  expect_message("Exercise_8_10.ReadsAnInvalidAddress", "SIGSEGV");
  EXPECT_EQ(status("Exercise_8_11.PassesAfterAllThat"), TestStatus::passed);
}

#ifdef __clang__
TEST_F(Runner, TheTrapsOfLearnersFilesAreExplained) {
  run("Exercise_8_1.*:Exercise_8_7.*");
  expect_message("Exercise_8_1.StoresThroughNull", "null pointer");
  expect_message("Exercise_8_1.StoresThroughNull", "SIGILL");
  expect_message("Exercise_8_7.HasNoReturn", "without a return");
}
#endif

TEST_F(Runner, ALoopThatDoesNotEndIsStopped) {
  run("Exercise_8_2.*:Exercise_8_11.*");
  EXPECT_EQ(status("Exercise_8_2.LoopsForEver"), TestStatus::endless);
  expect_message("Exercise_8_2.LoopsForEver", "1 s of processor time");
  EXPECT_EQ(status("Exercise_8_2.NeverComesToRun"), TestStatus::left_out);
  EXPECT_EQ(status("Exercise_8_11.PassesAfterAllThat"), TestStatus::passed);
}

TEST_F(Runner, ProcessorTimeCountsAndNotTheClock) {
  // Standing still for longer than the limit on processor time is no endless loop yet, and is one in the end.
  request.limits.cpu_seconds = 0.2;
  const auto begin = std::chrono::steady_clock::now();
  run("Exercise_8_9.*");
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
  EXPECT_EQ(status("Exercise_8_9.StandsStill"), TestStatus::endless);
  expect_message("Exercise_8_9.StandsStill", "stood still for 2 s");
  EXPECT_GT(elapsed.count(), 1.5);
}

TEST_F(Runner, AllMemoryIsAnOutcome) {
  run("Exercise_8_4.*:Exercise_8_11.*");
  EXPECT_EQ(status("Exercise_8_4.TakesAllMemory"), TestStatus::too_large);
  expect_message("Exercise_8_4.TakesAllMemory", "0.25 GiB");
  EXPECT_EQ(status("Exercise_8_11.PassesAfterAllThat"), TestStatus::passed);
}

TEST_F(Runner, PrintingWithoutEndIsAnOutcomeAndDoesNotTouchLaterTests) {
  run("Exercise_8_8.*:Exercise_8_11.*");
  EXPECT_EQ(status("Exercise_8_8.PrintsForEver"), TestStatus::endless);
  expect_message("Exercise_8_8.PrintsForEver", "prints without end");
  EXPECT_LE(outcome("Exercise_8_8.PrintsForEver").printed.size(), 4096u);
  EXPECT_EQ(status("Exercise_8_11.PassesAfterAllThat"), TestStatus::passed);
}

TEST_F(Runner, ASetUpThatCrashesConcernsItsSuiteAlone) {
  run("Exercise_9_*");
  EXPECT_EQ(status("Exercise_9_1.SetUpCrashes"), TestStatus::crashed);
  expect_message("Exercise_9_1.SetUpCrashes", "SIGSEGV");
  EXPECT_EQ(status("Exercise_9_1.SetUpCrashesToo"), TestStatus::left_out);
  EXPECT_EQ(status("Exercise_9_2.PassesAfterThat"), TestStatus::passed);
}

TEST_F(Runner, ParameterisedTestsAreRunAgainByTheirFullNames) {
  run("Exercise_8_1.*:Widths/*");
  EXPECT_EQ(status("Exercise_8_1.StoresThroughNull"), TestStatus::crashed);
  EXPECT_EQ(status("Widths/Exercise_7_9.Holds/0"), TestStatus::passed);
  EXPECT_EQ(status("Widths/Exercise_7_9.Holds/1"), TestStatus::passed);
}

TEST_F(Runner, TheUsersGoogleTestSettingsDoNotMatter) {
  setenv("GTEST_FILTER", "Nothing.*", 1);
  setenv("GTEST_TOTAL_SHARDS", "7", 1);
  setenv("GTEST_SHARD_INDEX", "3", 1);
  run("Exercise_7_1.*");
  unsetenv("GTEST_FILTER");
  unsetenv("GTEST_TOTAL_SHARDS");
  unsetenv("GTEST_SHARD_INDEX");
  EXPECT_EQ(report.outcomes.size(), 2u);
}

TEST_F(Runner, AProgramThatCannotBeStartedIsTrouble) {
  folder.write("program", "no program");
  request.program = folder.path() / "program";
  run("*");
  ASSERT_TRUE(report.trouble);
  EXPECT_NE(report.trouble->find("cannot be started: Permission denied"), std::string::npos) << *report.trouble;
  EXPECT_TRUE(report.outcomes.empty());
}

TEST_F(Runner, AProgramThatDiesBeforeItsFirstTestIsTrouble) {
  use_script("echo 'error while loading shared libraries' >&2; exit 127\n");
  run("*");
  ASSERT_TRUE(report.trouble);
  EXPECT_NE(report.trouble->find("before its first test"), std::string::npos) << *report.trouble;
  EXPECT_NE(report.trouble->find("error while loading shared libraries"), std::string::npos) << *report.trouble;
}

TEST_F(Runner, AProgramThatReportsGarbageIsTroubleOrANote) {
  use_script(
      "echo 'no json' >&$VERSE_REPORT_FD; echo '[1]' >&$VERSE_REPORT_FD; echo '{\"event\":7}' >&$VERSE_REPORT_FD\n");
  run("*");
  EXPECT_TRUE(report.trouble);

  use_script(
      "report() { echo \"$1\" >&$VERSE_REPORT_FD; }\n"
      "report '{\"event\":\"plan\",\"tests\":[\"A.B\",\"A.C\",\"D.E\",5]}'\n"
      "report 'no json'\n"
      "report '{\"event\":\"result\",\"suite\":\"A\",\"test\":\"B\",\"status\":\"passed\"}'\n"  // before its start
      "report '{\"event\":\"start\",\"suite\":\"A\",\"test\":\"B\",\"printed\":-5}'\n"
      "report '{\"event\":\"result\",\"suite\":\"A\",\"test\":\"B\",\"status\":\"excellent\"}'\n"
      "report '{\"event\":\"result\",\"suite\":\"A\",\"test\":\"B\",\"status\":\"passed\",\"line\":\"x\"}'\n"
      "report '{\"event\":\"end\"}'\n");
  run("*");
  EXPECT_FALSE(report.trouble);
  EXPECT_FALSE(report.notes.empty());
  EXPECT_EQ(status("A.B"), TestStatus::passed);
  EXPECT_EQ(status("A.C"), TestStatus::crashed);
  expect_message("D.E", "did not run it");
}

TEST_F(Runner, AProgramThatHangsBeforeItsFirstTestIsStopped) {
  request.limits.idle_seconds = 0.3;
  use_script("sleep 100\n");
  run("*");
  ASSERT_TRUE(report.trouble);
  EXPECT_NE(report.trouble->find("stood still"), std::string::npos) << *report.trouble;
}

TEST_F(Runner, AnEndThatIsNotCleanIsANote) {
  use_script(
      "report() { echo \"$1\" >&$VERSE_REPORT_FD; }\n"
      "report '{\"event\":\"plan\",\"tests\":[\"A.B\"]}'\n"
      "report '{\"event\":\"start\",\"suite\":\"A\",\"test\":\"B\"}'\n"
      "report '{\"event\":\"result\",\"suite\":\"A\",\"test\":\"B\",\"status\":\"passed\"}'\n"
      "report '{\"event\":\"end\"}'\n"
      "kill -SEGV $$\n");
  run("*");
  EXPECT_EQ(status("A.B"), TestStatus::passed);
  ASSERT_EQ(report.notes.size(), 1u);
  EXPECT_NE(report.notes[0].find("SIGSEGV"), std::string::npos);
}

TEST_F(Runner, AnInterruptEndsTheProgramToo) {
  use_script("echo $$ > " + (folder.path() / "pid").string() + "\nsleep 100\n");
  std::thread interrupter([&] {
    while (!fs::exists(folder.path() / "pid") || fs::file_size(folder.path() / "pid") == 0) usleep(10000);
    kill(getpid(), SIGINT);
  });
  EXPECT_THROW(run("*"), RunInterrupted);
  interrupter.join();
  const pid_t pid = std::stoi(folder.read("pid"));
  EXPECT_NE(kill(pid, 0), 0) << "still runs";
}

TEST(PlainRun, IsOrdinaryGoogleTest) {
  const std::string program = MISBEHAVING_PROGRAM;
  const ProgramResult passing = run_shell(program + " --gtest_filter=Exercise_7_1.*");
  EXPECT_EQ(passing.status, 0);
  EXPECT_NE(passing.output.find("[  PASSED  ] 2 tests."), std::string::npos);
  const ProgramResult stub = run_shell(program + " --gtest_filter=Exercise_7_3.*");
  EXPECT_EQ(stub.status, 1);
  EXPECT_NE(stub.output.find("exercise 7.3 is not written yet (chapters/07_x/x.cpp:12)"), std::string::npos);
}

TEST(PlainRun, SaysSoWhenItCannotReport) {
  const ProgramResult result =
      run_shell("VERSE_REPORT_FD=99 " + std::string(MISBEHAVING_PROGRAM) + " --gtest_filter=Exercise_7_1.*");
  EXPECT_EQ(result.status, 0);
  EXPECT_NE(result.output.find("VERSE_REPORT_FD=99 is not an open file descriptor"), std::string::npos);
  EXPECT_NE(result.output.find("[  PASSED  ] 2 tests."), std::string::npos);
}

}  // namespace
}  // namespace verse
