#include "tests/harness/report_listener.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <regex>
#include <string_view>

#include "common/base/json.h"

namespace verse::report {
namespace {

// A message may quote a tensor; what is longer than this helps nobody.
constexpr std::size_t longest_text = 16 * 1024;

// What is known of the test that runs, or of the suite that is being set up.
struct Details {
  std::string mistake;
  std::string message;  // what a check wants to be said
  std::string expected;
  std::string got;
  std::string exercise;  // whose stub was met
  std::string stub_file;
  int stub_line = 0;
  std::string failures;  // GoogleTest's words
  std::string failure_file;
  int failure_line = 0;
};

Details current;

std::string shortened(const std::string& text) {
  if (text.size() <= longest_text) return text;
  return text.substr(0, longest_text) + " ...";
}

// GoogleTest says "C++ exception with description "..." thrown in the test body." of what escaped; NotImplemented's
// description is "exercise 3.2 is not written yet (chapters/03_attention/attention.cpp:41)" (common/base/error.h). It
// is looked for anywhere in the text, because an exception that went through autograd comes back with more around it.
void look_for_stub(const std::string& message) {
  static const std::regex pattern(R"re(exercise (\d+\.\d+) is not written yet \(([^\n]*?):(\d+)\))re");
  std::smatch match;
  if (message.find("C++ exception") == std::string::npos || !std::regex_search(message, match, pattern)) return;
  set_not_started(match[1], match[2], std::stoi(match[3]));
}

// How much has been printed so far, when standard output is a file; everything buffered is written out first.
std::int64_t printed_so_far() {
  std::fflush(stdout);
  std::fflush(stderr);
  return lseek(STDOUT_FILENO, 0, SEEK_CUR);
}

class Listener : public testing::EmptyTestEventListener {
 public:
  explicit Listener(int descriptor) : descriptor_(descriptor) {}

  void OnTestIterationStart(const testing::UnitTest& program, int) override {
    Json tests = Json::array();
    for (int i = 0; i < program.total_test_suite_count(); ++i) {
      const testing::TestSuite& suite = *program.GetTestSuite(i);
      for (int j = 0; j < suite.total_test_count(); ++j) {
        const testing::TestInfo& test = *suite.GetTestInfo(j);
        if (test.should_run()) tests.push_back(std::string(suite.name()) + "." + test.name());
      }
    }
    send({{"event", "plan"}, {"tests", tests}});
  }

  void OnTestSuiteStart(const testing::TestSuite&) override { current = suite_ = Details(); }

  void OnTestStart(const testing::TestInfo& test) override {
    suite_ = current_of_suite();
    current = Details();
    send({{"event", "start"}, {"suite", test.test_suite_name()}, {"test", test.name()}, {"printed", printed_so_far()}});
  }

  void OnTestPartResult(const testing::TestPartResult& part) override {
    if (part.passed()) return;
    std::string message = part.message();
    if (part.failed()) look_for_stub(message);
    if (message.starts_with("Failed\n")) message.erase(0, 7);  // what ADD_FAILURE() and FAIL() put before the text
    if (!current.failures.empty()) current.failures += '\n';
    current.failures += message;
    if (current.failure_file.empty() && part.file_name()) {
      current.failure_file = part.file_name();
      current.failure_line = part.line_number();
    }
  }

  void OnTestEnd(const testing::TestInfo& test) override {
    // A suite whose set-up failed has no result for its tests but that failure.
    const bool suite_failed = !suite_.failures.empty();
    const Details& details = suite_failed ? suite_ : current;
    const testing::TestResult& result = *test.result();
    const bool failed = result.Failed() || suite_failed || !details.exercise.empty();

    Json event = {
        {"event", "result"}, {"suite", test.test_suite_name()}, {"test", test.name()}, {"printed", printed_so_far()}};
    if (!details.exercise.empty()) {
      event["status"] = "not_started";
      event["exercise"] = details.exercise;
      put(event, "file", details.stub_file);
      event["line"] = details.stub_line;
      put(event, "message", details.failures);
    } else if (failed) {
      event["status"] = "failed";
      put(event, "mistake", details.mistake);
      put(event, "message", details.message.empty() ? details.failures : details.message);
      put(event, "expected", details.expected);
      put(event, "got", details.got);
      put(event, "file", details.failure_file);
      event["line"] = details.failure_line;
    } else {
      event["status"] = result.Skipped() ? "skipped" : "passed";
      if (result.Skipped()) put(event, "message", details.failures);
    }
    send(event);
    current = Details();
  }

  void send_found(const std::string& message) const { send({{"event", "found"}, {"message", shortened(message)}}); }

  void OnTestProgramEnd(const testing::UnitTest&) override { send({{"event", "end"}}); }

 private:
  // Failures between a suite's start and its first test belong to the suite, and to each of its tests.
  Details current_of_suite() const { return current.failures.empty() ? suite_ : current; }

  static void put(Json& event, const char* key, const std::string& text) {
    if (!text.empty()) event[key] = shortened(text);
  }

  void send(const Json& event) const {
    std::string line = json_text(event) + "\n";
    std::string_view rest = line;
    while (!rest.empty()) {
      const ssize_t written = write(descriptor_, rest.data(), rest.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return;  // nobody listens any more
      rest.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  int descriptor_;
  Details suite_;
};

Listener* installed = nullptr;

}  // namespace

void install() {
  const char* text = std::getenv("VERSE_REPORT_FD");
  if (!text) return;
  char* end = nullptr;
  const long descriptor = std::strtol(text, &end, 10);
  if (*text == '\0' || *end != '\0' || descriptor < 0 || fcntl(static_cast<int>(descriptor), F_GETFD) < 0) {
    std::fprintf(stderr, "VERSE_REPORT_FD=%s is not an open file descriptor; the report is left out\n", text);
    return;
  }
  fcntl(static_cast<int>(descriptor), F_SETFD, FD_CLOEXEC);
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);  // so that a crash does not swallow what was printed before it

  testing::TestEventListeners& listeners = testing::UnitTest::GetInstance()->listeners();
  delete listeners.Release(listeners.default_result_printer());
  installed = new Listener(static_cast<int>(descriptor));
  listeners.Append(installed);
}

void found(const std::string& message) {
  if (installed) installed->send_found(message);
}

void set_mistake(const std::string& id) {
  current.mistake = id;
}

void set_comparison(const std::string& expected, const std::string& got) {
  current.expected = expected;
  current.got = got;
}

void set_message(const std::string& message) {
  current.message = message;
}

void set_not_started(const std::string& exercise, const std::string& file, int line) {
  current.exercise = exercise;
  current.stub_file = file;
  current.stub_line = line;
}

}  // namespace verse::report
