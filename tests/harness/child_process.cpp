#include "tests/harness/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/prctl.h>
#endif

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string_view>

#include "common/base/system.h"

extern char** environ;

namespace verse {
namespace {

// A pipe whose ends are closed with it, and in every program that is started meanwhile.
struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    if (!open_pipe(ends)) throw std::runtime_error(fmt::format("cannot make a pipe: {}", strerror(errno)));
    read_end = ends[0];
    write_end = ends[1];
  }
  ~Pipe() {
    close_read();
    close_write();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  void close_read() { close_one(read_end); }
  void close_write() { close_one(write_end); }
  int release_read() { return std::exchange(read_end, -1); }

  int read_end;
  int write_end;

 private:
  static void close_one(int& end) {
    if (end >= 0) close(end);
    end = -1;
  }
};

// An array of C strings, as exec wants it, over strings that outlive it.
std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

// This program's environment without what steers GoogleTest from outside, and with the descriptor to report on. Idle
// threads of LibTorch's pool are to sleep soon (common/short_wait.h): a learner's machine has other work.
std::vector<std::string> environment_of_child(const std::string& report_variable, int descriptor) {
  std::vector<std::string> result;
  bool waits = false;  // as somebody chose
  for (char** entry = environ; *entry; ++entry) {
    const std::string_view text = *entry;
    if (text.starts_with("GTEST_") || text.starts_with(report_variable + "=")) continue;
    waits = waits || text.starts_with("OMP_WAIT_POLICY=") || text.starts_with("GOMP_SPINCOUNT=");
    result.emplace_back(text);
  }
  if (!waits) result.emplace_back("GOMP_SPINCOUNT=10000");
  result.push_back(fmt::format("{}={}", report_variable, descriptor));
  return result;
}

// The child's way from fork to exec: only calls that are allowed there. Returns by ending the process.
[[noreturn]] void become(const char* program, char** arguments, char** environment, int output, int report, int failure,
                         pid_t parent) {
  setpgid(0, 0);
#ifdef __linux__
  prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
  if (getppid() != parent) _exit(127);

  // When memory runs out, the kernel shall end this process and no other.
  const int score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (score >= 0 && write(score, "1000", 4) < 0) {
  }

  const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  dup2(nothing, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  fcntl(report, F_SETFD, 0);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) signal(number, SIG_DFL);
  execve(program, arguments, environment);
  const int error = errno;
  if (write(failure, &error, sizeof error) < 0) {
  }
  _exit(127);
}

std::string read_line_of(const std::string& file) {
  std::ifstream stream(file);
  std::string line;
  std::getline(stream, line);
  return line;
}

}  // namespace

std::optional<std::string> output_of(const std::vector<std::string>& command) {
  Pipe output;
  std::vector<std::string> texts = command;
  std::vector<char*> arguments = pointers(texts);
  const pid_t pid = fork();
  if (pid < 0) return std::nullopt;
  if (pid == 0) {
    const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(nothing, STDIN_FILENO);
    dup2(output.write_end, STDOUT_FILENO);
    dup2(nothing, STDERR_FILENO);
    execvp(arguments[0], arguments.data());
    _exit(127);
  }
  output.close_write();

  std::string text;
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t count = read(output.read_end, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return std::nullopt;
  return text;
}

ChildProcess::ChildProcess(const Launch& launch) {
  Pipe report;
  Pipe failure;
  const int output = open(launch.output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (output < 0) throw std::runtime_error(fmt::format("cannot write {}: {}", launch.output.string(), strerror(errno)));
  lseek(output, 0, SEEK_END);  // so that the program can tell how much has been printed

  std::vector<std::string> argument_texts{launch.program.string()};
  argument_texts.insert(argument_texts.end(), launch.arguments.begin(), launch.arguments.end());
  std::vector<char*> arguments = pointers(argument_texts);
  std::vector<std::string> environment_texts = environment_of_child(launch.report_variable, report.write_end);
  std::vector<char*> environment = pointers(environment_texts);

  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0) {
    become(launch.program.c_str(), arguments.data(), environment.data(), output, report.write_end, failure.write_end,
           parent);
  }
  close(output);
  if (pid_ < 0) throw std::runtime_error(fmt::format("cannot start a process: {}", strerror(errno)));
  setpgid(pid_, pid_);  // here too, so that it holds whichever of the two comes first

  // exec closes this pipe; what comes through it is why exec failed.
  failure.close_write();
  int error = 0;
  ssize_t count = 0;
  while ((count = read(failure.read_end, &error, sizeof error)) < 0 && errno == EINTR) {
  }
  if (count == static_cast<ssize_t>(sizeof error)) {
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
    throw std::runtime_error(fmt::format("{} cannot be started: {}", launch.program.string(), strerror(error)));
  }
  report_ = report.release_read();
  fcntl(report_, F_SETFL, O_NONBLOCK);
}

ChildProcess::~ChildProcess() {
  if (pid_ > 0 && !ended()) {
    kill();
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  if (report_ >= 0) close(report_);
}

std::string ChildProcess::read_report(int milliseconds) {
  pollfd waiting{report_, POLLIN, 0};  // a negative descriptor, once the pipe is closed, only waits
  if (poll(&waiting, 1, milliseconds) <= 0) return {};
  std::array<char, 65536> buffer{};
  const ssize_t count = read(report_, buffer.data(), buffer.size());
  if (count > 0) return {buffer.data(), static_cast<std::size_t>(count)};
  if (count == 0) {
    close(report_);
    report_ = -1;
  }
  return {};
}

std::optional<ProcessEnd> ChildProcess::ended() {
  if (end_) return end_;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  end_ = ProcessEnd{};
  if (WIFSIGNALED(status)) {
    end_->signal = WTERMSIG(status);
  } else {
    end_->exit_code = WEXITSTATUS(status);
  }
  ::kill(-pid_, SIGKILL);  // whatever it left running in its group
  return end_;
}

ProcessUsage ChildProcess::usage() const {
  ProcessUsage usage;
  if (end_) return usage;

  // /proc/PID/stat: the name in parentheses may hold anything, so fields are counted from behind it (man 5 proc).
  const std::string stat = read_line_of(fmt::format("/proc/{}/stat", pid_));
  const std::size_t name_end = stat.rfind(')');
  if (name_end != std::string::npos) {
    std::istringstream fields(stat.substr(name_end + 1));
    std::string skipped;
    for (int field = 3; field < 14; ++field) fields >> skipped;
    std::uint64_t user_ticks = 0;
    std::uint64_t system_ticks = 0;
    fields >> user_ticks >> system_ticks;
    usage.cpu_seconds = static_cast<double>(user_ticks + system_ticks) / static_cast<double>(sysconf(_SC_CLK_TCK));
  }

  std::istringstream sizes(read_line_of(fmt::format("/proc/{}/statm", pid_)));
  std::uint64_t total_pages = 0;
  std::uint64_t resident_pages = 0;
  sizes >> total_pages >> resident_pages;
  usage.resident_bytes = resident_pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  return usage;
}

void ChildProcess::kill() {
  if (pid_ > 0 && !end_) ::kill(-pid_, SIGKILL);
}

}  // namespace verse
