#pragma once

#include <cxxopts.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "common/device.h"

namespace verse {

/// What every program of the course takes.
struct SharedOptions {
  std::optional<std::filesystem::path> data;  ///< --data FILE; none means the play
  DeviceChoice device;                        ///< --device auto|cpu|cuda
  std::uint64_t seed = 1;                     ///< --seed N
  int threads = 0;                            ///< --threads N; LibTorch's own choice where not given
};

/// A command line: the shared flags, and those that a program adds.
class CommandLine {
 public:
  /// @param program its name in messages, @param purpose one sentence for --help
  CommandLine(const std::string& program, const std::string& purpose);

  /// For a program's own flags: `line.add()("steps", "training steps",
  /// cxxopts::value<std::int64_t>()->default_value("2000"))`.
  cxxopts::OptionAdder add(const std::string& group = "This program");

  /// Lets a flag's value be given without the flag, as the one word that the program takes.
  void positional(const std::string& flag);

  /// Reads the arguments, seeds LibTorch, sets threads, chooses the device. Prints help and ends the process for
  /// --help.
  /// @throws UsageError for unknown flags, values of the wrong kind, or leftover words.
  SharedOptions parse(int argc, char** argv);

  bool given(const std::string& flag) const;
  /// @throws UsageError that names the flag and the range, when the value is outside [least, most].
  std::int64_t integer(const std::string& flag, std::int64_t least, std::int64_t most = INT64_MAX) const;
  double number(const std::string& flag, double least, double most) const;
  std::string text(const std::string& flag) const;
  bool on(const std::string& flag) const;
  /// A folder to write into, made where it is missing. @throws UsageError where it cannot be made.
  std::filesystem::path folder(const std::string& flag) const;

 private:
  std::string program_;
  cxxopts::Options options_;
  cxxopts::ParseResult result_;
};

/// Runs a program's body and turns what it throws into one line on standard error and an exit status: 0, 1 failure or
/// an exercise that is not written, 2 a mistake in use, 130 an interrupt.
int run_program(const std::function<int()>& body);

}  // namespace verse
