#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/base/option_reader.h"
#include "common/device.h"

namespace verse {

/// What every program of the course takes.
struct SharedOptions {
  std::optional<std::filesystem::path> data;  ///< --data FILE; none means the play
  DeviceChoice device;                        ///< --device auto|cpu|cuda|cuda:N
  std::uint64_t seed = 1;                     ///< --seed N
  int threads = 0;                            ///< --threads N; LibTorch's own choice where not given
};

/// A command line: the shared options, and those that a program declares (see OptionReader).
///
///     CommandLine line("Trains a small GPT.");
///     line.option("steps", steps, {1, 1'000'000}, "training steps");
///     line.option("dropout", dropout, {0, 0.99}, "share of features dropped");
///     line.option("plot", plot, "draws the loss", "FILE.svg");
///     const SharedOptions shared = line.parse(argc, argv);
class CommandLine : public OptionReader {
 public:
  /// @param purpose one sentence for --help @param command its name, where the program has several: "train"
  explicit CommandLine(const std::string& purpose, const std::string& command = "");
  CommandLine(CommandLine&&) noexcept;
  ~CommandLine();

  /// Reads the arguments, sets the options' variables, seeds LibTorch, sets threads, chooses the device. Prints help
  /// and ends the process for --help. Folders that are written into are made last, when nothing else is wrong.
  /// @throws UsageError for unknown options, values of the wrong kind or out of range, or leftover words.
  SharedOptions parse(int argc, char** argv);

 private:
  struct Shared;
  std::unique_ptr<Shared> shared_;  ///< what the shared options set
};

/// Runs a program's body and turns what it throws into one line on standard error and an exit status: 0, 1 failure or
/// an exercise that is not written, 2 a mistake in use, 130 an interrupt.
int run_program(const std::function<int()>& body);

}  // namespace verse
