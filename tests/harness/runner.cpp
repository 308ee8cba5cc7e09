#include "tests/harness/runner.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <stdexcept>

#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/json.h"
#include "tests/harness/child_process.h"

namespace verse {
namespace {

namespace fs = std::filesystem;

constexpr int milliseconds_between_looks = 20;
constexpr std::size_t most_printed_kept = 4096;

// Set by the signals that ask this program to end, and looked at between two reports.
volatile sig_atomic_t signal_that_came = 0;
void remember_signal(int number) {
  signal_that_came = number;
}

// While a test program runs, Ctrl-C and its like end that program first; afterwards they do what they did before.
class SignalGuard {
 public:
  SignalGuard() {
    signal_that_came = 0;
    struct sigaction action {};
    action.sa_handler = remember_signal;
    sigemptyset(&action.sa_mask);
    for (std::size_t i = 0; i < std::size(numbers); ++i) {
      sigaction(numbers[i], &action, &before_[i]);
      if (before_[i].sa_handler == SIG_IGN) sigaction(numbers[i], &before_[i], nullptr);  // as under nohup
    }
  }
  ~SignalGuard() {
    for (std::size_t i = 0; i < std::size(numbers); ++i) sigaction(numbers[i], &before_[i], nullptr);
  }
  SignalGuard(const SignalGuard&) = delete;
  SignalGuard& operator=(const SignalGuard&) = delete;

 private:
  static constexpr int numbers[] = {SIGINT, SIGTERM, SIGHUP};
  struct sigaction before_[std::size(numbers)]{};
};

std::uint64_t size_of(const fs::path& file) {
  std::error_code error;
  const auto size = fs::file_size(file, error);
  return error ? 0 : size;
}

// The last that was printed between two places of the log.
std::string printed_between(const fs::path& log, std::uint64_t begin, std::uint64_t end) {
  if (end <= begin) return {};
  if (end - begin > most_printed_kept) begin = end - most_printed_kept;
  std::ifstream stream(log, std::ios::binary);
  stream.seekg(static_cast<std::streamoff>(begin));
  std::string text(end - begin, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(stream.gcount(), 0)));
  return text;
}

// What a signal means to somebody who has just written a function.
std::string explain_signal(int number) {
  switch (number) {
    case SIGSEGV:
    case SIGBUS:
      return "it read or wrote memory that is not its own (SIGSEGV): an index past the end, something that is gone "
             "already, a null pointer, or a function that calls itself without end";
    case SIGILL:
    case SIGTRAP:
      return "it dereferenced a null pointer, or reached the end of a function without a return (SIGILL)";
    case SIGFPE:
      return "it divided a whole number by zero (SIGFPE)";
    case SIGABRT:
      return "it gave up (SIGABRT): an assertion failed, or an exception could not be caught";
    case SIGKILL:
      return "the system ended it (SIGKILL), as it does when memory runs out";
    default:
      return fmt::format("it was stopped by signal {} ({})", number, strsignal(number));
  }
}

// An assertion of the standard library's (-D_GLIBCXX_ASSERTIONS).
struct Assertion {
  const char *prints, *kind, *means;
};

const Assertion* assertion_of(const ProcessEnd& end, const std::string& printed) {
  static constexpr Assertion all[] = {
      {"< this->size()", "no_such_element",
       "it asked for an element that is not there: an index past the end of a vector or a string"},
      {"!this->empty()", "nothing_in_it", "it asked for the first or last element of something that is empty"},
      {"this->_M_is_engaged()", "empty_optional", "it asked an empty std::optional for its value"}};
  for (const Assertion& one : all) {
    if (end.signal == SIGABRT && printed.find(one.prints) != std::string::npos) return &one;
  }
  return nullptr;
}

std::string explain_end(const ProcessEnd& end, const std::string& printed = {}) {
  if (const auto* assertion = assertion_of(end, printed)) return assertion->means;
  if (end.signal != 0) return explain_signal(end.signal);
  return fmt::format("it left the program in the middle, by exit({})", end.exit_code);
}

std::string in_gib(std::uint64_t bytes) {
  return fmt::format("{:.3g} GiB", static_cast<double>(bytes) / (1ull << 30));
}

// What a line of the report says under a key; nothing where it is of another kind, for a test's result still counts.
std::string text_in(const JsonEntry& event, const char* key) {
  return event.has(key) && event.at(key).is_text() ? event.at(key).text() : std::string();
}

std::optional<std::int64_t> number_in(const JsonEntry& event, const char* key) {
  try {
    return event.at(key).whole();
  } catch (const UsageError&) {
    return std::nullopt;
  }
}

std::optional<TestStatus> status_in(const JsonEntry& event) {
  const std::string text = text_in(event, "status");
  if (text == "passed") return TestStatus::passed;
  if (text == "failed") return TestStatus::failed;
  if (text == "not_started") return TestStatus::not_started;
  if (text == "skipped") return TestStatus::skipped;
  return std::nullopt;
}

std::vector<std::string> arguments_for(const RunRequest& request, const std::string& filter) {
  std::vector<std::string> arguments = request.arguments;
  arguments.insert(arguments.end(), {"--gtest_filter=" + filter, "--gtest_color=no", "--gtest_repeat=1"});
  return arguments;
}

// Why a test had to be stopped.
struct Stop {
  TestStatus status;
  std::string message;
};

// One start of the test program, followed to its end.
class Attempt {
 public:
  Attempt(const RunRequest& request, const std::string& filter, double cpu_limit)
      : request_(request),
        cpu_limit_(cpu_limit),
        printed_before_(size_of(request.log)),
        child_({request.program, arguments_for(request, filter), request.log, "VERSE_REPORT_FD"}) {}

  /// Returns when the program has ended, by itself or because it used more than it may. @throws RunInterrupted
  void follow() {
    while (!child_.ended()) {
      take_in(child_.read_report(milliseconds_between_looks));
      if (signal_that_came != 0) throw RunInterrupted{signal_that_came};
      if (!stop_) {
        stop_ = reason_to_stop();
        if (stop_) child_.kill();
      }
    }
    for (std::string rest = child_.read_report(0); !rest.empty(); rest = child_.read_report(0)) take_in(rest);

    // A test that was running when the program ended has that as its outcome.
    if (running_) {
      TestOutcome outcome = *std::exchange(running_, std::nullopt);
      outcome.printed = printed_between(request_.log, printed_before_, size_of(request_.log));
      outcome.seconds = seconds_since_start();
      if (outcome.message.empty()) {
        outcome.status = stop_ ? stop_->status : TestStatus::crashed;
        outcome.message = stop_ ? stop_->message : explain_end(*child_.ended(), outcome.printed);
        const auto* assertion = stop_ ? nullptr : assertion_of(*child_.ended(), outcome.printed);
        if (assertion) outcome.mistake = assertion->kind;
      }
      outcomes_.push_back(std::move(outcome));
      cut_short_ = true;
    }
  }

  const std::optional<std::vector<std::string>>& plan() const { return plan_; }
  const std::vector<TestOutcome>& outcomes() const { return outcomes_; }
  bool cut_short() const { return cut_short_; }  ///< the last outcome is a test that ended the program
  bool complete() const { return complete_; }    ///< GoogleTest came to its end
  std::size_t garbage() const { return garbage_; }
  std::string how_it_ended() { return stop_ ? stop_->message : explain_end(*child_.ended()); }
  bool ended_badly() { return stop_ || child_.ended()->signal != 0; }

 private:
  void take_in(const std::string& received) {
    pending_ += received;
    std::size_t newline = 0;
    while ((newline = pending_.find('\n')) != std::string::npos) {
      take_in_line(pending_.substr(0, newline));
      pending_.erase(0, newline + 1);
    }
  }

  void take_in_line(const std::string& line) {
    try {
      if (take_in_event(parse_json(line, "the report"))) {
        usage_at_last_report_ = child_.usage().cpu_seconds;
        idle_looks_ = 0;
        return;
      }
    } catch (const UsageError&) {
    }
    ++garbage_;
  }

  // Whether the event is one that can come now.
  bool take_in_event(const JsonEntry& event) {
    const std::string kind = text_in(event, "event");
    if (kind == "plan") {
      std::vector<std::string> tests;
      for (const JsonEntry& test : event.at("tests").list()) {
        if (test.is_text()) tests.push_back(test.text());
      }
      plan_ = std::move(tests);
    } else if (kind == "start") {
      TestOutcome outcome;
      outcome.suite = text_in(event, "suite");
      outcome.test = text_in(event, "test");
      printed_before_ = static_cast<std::uint64_t>(std::max<std::int64_t>(number_in(event, "printed").value_or(0), 0));
      running_ = std::move(outcome);
      started_ = std::chrono::steady_clock::now();
    } else if (kind == "found" && running_) {
      // A difference that was found before the program ended says more than how it ended.
      running_->status = TestStatus::failed;
      running_->message = text_in(event, "message");
    } else if (kind == "result" && running_ && status_in(event)) {
      take_in_result(event);
    } else if (kind == "end") {
      complete_ = true;
    } else {
      return false;
    }
    return true;
  }

  void take_in_result(const JsonEntry& event) {
    TestOutcome outcome = *running_;
    outcome.status = *status_in(event);
    outcome.mistake = text_in(event, "mistake");
    outcome.message = text_in(event, "message");
    outcome.expected = text_in(event, "expected");
    outcome.got = text_in(event, "got");
    outcome.exercise = text_in(event, "exercise");
    outcome.file = text_in(event, "file");
    outcome.line = static_cast<int>(number_in(event, "line").value_or(0));
    outcome.seconds = seconds_since_start();
    const std::int64_t printed = std::max<std::int64_t>(number_in(event, "printed").value_or(0), 0);
    outcome.printed = printed_between(request_.log, printed_before_, static_cast<std::uint64_t>(printed));
    outcomes_.push_back(std::move(outcome));
    running_.reset();
  }

  double seconds_since_start() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
  }

  // What the program has used since its last report, against what it may use.
  std::optional<Stop> reason_to_stop() {
    const ProcessUsage usage = child_.usage();
    if (usage.resident_bytes > request_.limits.memory_bytes) {
      return Stop{TestStatus::too_large,
                  fmt::format("it used more than {} of memory", in_gib(request_.limits.memory_bytes))};
    }
    if (usage.cpu_seconds - usage_at_last_report_ > cpu_limit_) {
      return Stop{TestStatus::endless, fmt::format("it was stopped after {:.3g} s of processor time: a loop that does "
                                                   "not end, or far more work than is needed",
                                                   cpu_limit_)};
    }
    if (size_of(request_.log) > printed_before_ + request_.limits.output_bytes) {
      return Stop{TestStatus::endless, "it prints without end"};
    }

    // Standing still is counted in looks, not by the clock, so that a suspended machine is no reason.
    idle_looks_ = usage.cpu_seconds > usage_at_last_look_ ? 0 : idle_looks_ + 1;
    usage_at_last_look_ = usage.cpu_seconds;
    if (idle_looks_ * milliseconds_between_looks > request_.limits.idle_seconds * 1000) {
      return Stop{TestStatus::endless, fmt::format("it stood still for {:.3g} s, waiting for something that never came",
                                                   request_.limits.idle_seconds)};
    }
    return std::nullopt;
  }

  const RunRequest& request_;
  double cpu_limit_;
  std::uint64_t printed_before_;  // how long the log was when the test that runs began
  ChildProcess child_;
  std::string pending_;  // of a line that is not whole yet
  std::optional<std::vector<std::string>> plan_;
  std::optional<TestOutcome> running_;
  std::chrono::steady_clock::time_point started_;  // when it began
  std::vector<TestOutcome> outcomes_;
  std::optional<Stop> stop_;
  bool cut_short_ = false;
  bool complete_ = false;
  std::size_t garbage_ = 0;
  double usage_at_last_report_ = 0;
  double usage_at_last_look_ = 0;
  int idle_looks_ = 0;
};

TestOutcome outcome_of(const std::string& full_name, TestStatus status, const std::string& message) {
  TestOutcome outcome;
  const std::size_t point = full_name.find('.');
  outcome.suite = full_name.substr(0, point);
  outcome.test = point == std::string::npos ? "" : full_name.substr(point + 1);
  outcome.status = status;
  outcome.message = message;
  return outcome;
}

// The tests of a suite that are left have no chance to end otherwise than the one that has just ended the program.
void leave_out_suite(const std::string& suite, std::vector<std::string>& left, RunReport& report) {
  const auto in_suite = [&](const std::string& name) { return name.starts_with(suite + "."); };
  for (const std::string& name : left) {
    if (in_suite(name)) report.outcomes.push_back(outcome_of(name, TestStatus::left_out, ""));
  }
  std::erase_if(left, in_suite);
}

std::string last_printed(const fs::path& log) {
  const std::string text = printed_between(log, 0, size_of(log));
  return text.empty() ? "It printed nothing." : "It printed:\n" + text;
}

}  // namespace

RunReport run_tests(const RunRequest& request) {
  const SignalGuard guard;
  RunReport report;
  std::vector<std::string> left;  // the tests without an outcome, once the program has said which there are
  std::string filter = request.filter;
  double cpu_limit = request.limits.cpu_seconds;
  fs::create_directories(fs::absolute(request.log).parent_path());
  write_file_atomically(request.log, "");

  for (bool first = true; first || !left.empty(); first = false) {
    std::optional<Attempt> attempt;
    try {
      attempt.emplace(request, filter, cpu_limit);
    } catch (const std::runtime_error& error) {
      report.trouble = error.what();
      return report;
    }
    attempt->follow();
    if (attempt->garbage() > 0) report.notes.push_back("some lines of the test program's report made no sense");

    if (first) {
      if (!attempt->plan()) {
        report.trouble = fmt::format("The test program ended before its first test: {}. {}", attempt->how_it_ended(),
                                     last_printed(request.log));
        return report;
      }
      left = *attempt->plan();
    }

    // What has an outcome now is not run again.
    for (const TestOutcome& outcome : attempt->outcomes()) {
      std::erase(left, outcome.full_name());
      report.outcomes.push_back(outcome);
    }
    if (attempt->cut_short()) {
      if (report.outcomes.back().status == TestStatus::endless) {
        cpu_limit = std::min(cpu_limit, request.limits.short_cpu_seconds);
      }
      leave_out_suite(std::string(report.outcomes.back().suite), left, report);
    } else if (attempt->complete()) {
      // Asked again, it would not run them either.
      for (const std::string& name : left) {
        report.outcomes.push_back(outcome_of(name, TestStatus::crashed, "the test program did not run it"));
      }
      left.clear();
      if (attempt->ended_badly()) {
        report.notes.push_back("after its last test, the test program did not end well: " + attempt->how_it_ended());
      }
    } else if (!left.empty()) {
      // It ended between two tests: while the suite of the next one was set up.
      report.outcomes.push_back(outcome_of(left.front(), TestStatus::crashed, attempt->how_it_ended()));
      left.erase(left.begin());
      leave_out_suite(std::string(report.outcomes.back().suite), left, report);
    }
    filter = fmt::format("{}", fmt::join(left, ":"));
  }
  return report;
}

}  // namespace verse
