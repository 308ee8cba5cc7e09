#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace verse {

/// How a test ended.
enum class TestStatus {
  passed,
  failed,
  not_started,  ///< it met a stub
  skipped,
  crashed,    ///< a signal, or an exit in the middle
  endless,    ///< it used up its processor time, stood still, or printed without end
  too_large,  ///< it used up its memory
  left_out    ///< not run, because an earlier test of the same exercise crashed or did not end
};

/// What is known of one test after a run.
struct TestOutcome {
  std::string suite;
  std::string test;
  TestStatus status = TestStatus::failed;
  std::string mistake;   ///< the known mistake that answers alike, two with a + between them, a kind, or empty
  std::string message;   ///< what was wrong, in one or more lines
  std::string expected;  ///< may be empty, as may be the next one
  std::string got;
  std::string exercise;  ///< not_started: the exercise whose stub was met
  std::string file;      ///< where the failure was noticed, or the stub
  int line = 0;
  double seconds = 0;   ///< from its start to its end, by the clock
  std::string printed;  ///< the last that the learner's code printed during the test

  std::string full_name() const { return suite + "." + test; }
};

/// What one test may use before it is stopped.
struct RunLimits {
  double cpu_seconds = 20;                   ///< processor time, over all threads
  double short_cpu_seconds = 5;              ///< the same, once another test has used up all of its own
  double idle_seconds = 30;                  ///< standing still, without using the processor at all
  std::uint64_t memory_bytes = 4ull << 30;   ///< resident memory of the whole program
  std::uint64_t output_bytes = 64ull << 20;  ///< what is printed
};

struct RunRequest {
  std::filesystem::path program;
  std::string filter = "*";   ///< GoogleTest's
  std::filesystem::path log;  ///< everything that the program prints goes there
  RunLimits limits;
  std::vector<std::string> arguments;  ///< for the program, before GoogleTest's
};

struct RunReport {
  std::vector<TestOutcome> outcomes;   ///< in the order of the program
  std::optional<std::string> trouble;  ///< why the run says nothing about the exercises, if it does not
  std::vector<std::string> notes;      ///< oddities that do not change a verdict
};

/// Ctrl-C, or another signal that asks this program to end; the test program is gone by then.
struct RunInterrupted {
  int signal;
};

/// Runs a GoogleTest program that reports through `tests/harness/report_listener.h`, and comes back with an outcome for
/// each of its tests, whatever these do.
///
/// The program is started once. When a test crashes, does not end or takes all memory, that is its outcome, the other
/// tests of its suite are left out, and the program is started again with the tests that are left.
/// @throws RunInterrupted
RunReport run_tests(const RunRequest& request);

}  // namespace verse
