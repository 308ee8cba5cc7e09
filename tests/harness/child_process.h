#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace verse {

/// What a command writes to standard output, or nothing if it could not be started or failed. Its errors are not shown.
std::optional<std::string> output_of(const std::vector<std::string>& command);

/// How a process is started.
struct Launch {
  std::filesystem::path program;
  std::vector<std::string> arguments;
  std::filesystem::path output;  ///< standard output and error are appended here
  std::string report_variable;   ///< the environment variable that tells the program where to report
};

/// How a process ended.
struct ProcessEnd {
  int exit_code = 0;
  int signal = 0;  ///< 0: it ended by itself
};

/// What a process has used so far.
struct ProcessUsage {
  double cpu_seconds = 0;            ///< over all its threads
  std::uint64_t resident_bytes = 0;  ///< memory in use now
};

/// A program started by fork and exec, in a process group of its own, with a pipe on which it reports. It is killed
/// when this object goes, and by the kernel when this program goes.
class ChildProcess {
 public:
  /// @throws std::runtime_error saying why the program cannot be started.
  explicit ChildProcess(const Launch& launch);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  /// Waits for a report for at most so many milliseconds and returns what came, perhaps nothing.
  std::string read_report(int milliseconds);

  /// Nothing while it runs; the last reports can still be read afterwards.
  std::optional<ProcessEnd> ended();

  ProcessUsage usage() const;
  void kill();

 private:
  pid_t pid_ = -1;
  int report_ = -1;
  std::optional<ProcessEnd> end_;
};

}  // namespace verse
