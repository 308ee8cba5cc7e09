#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/device.h"

namespace verse {

/// What every program of the course takes.
struct SharedOptions {
  std::optional<std::filesystem::path> data;  ///< --data FILE; none means the play
  DeviceChoice device;                        ///< --device auto|cpu|cuda|cuda:N
  std::uint64_t seed = 1;                     ///< --seed N
  int threads = 0;                            ///< --threads N; LibTorch's own choice where not given
};

/// The whole numbers that an option takes, both ends included.
struct WholeRange {
  std::int64_t least = 0;
  std::int64_t most = std::numeric_limits<std::int64_t>::max();
};

/// The numbers that an option takes, both ends included.
struct NumberRange {
  double least = 0;
  double most = std::numeric_limits<double>::infinity();
};

/// A command line: the shared options, and those that a program declares.
///
/// An option is declared once: with its name, the variable that it sets, the range of its values, and a line for
/// --help. What the variable holds is the default. It is checked whether or not it is used later, before anything else
/// is done.
///
///     CommandLine line("Trains a small GPT.");
///     line.option("steps", steps, {1, 1'000'000}, "training steps");
///     line.option("dropout", dropout, {0, 0.99}, "share of features dropped");
///     line.option("plot", plot, "draws the loss", "FILE.svg");
///     const SharedOptions shared = line.parse(argc, argv);
class CommandLine {
 public:
  /// @param purpose one sentence for --help @param command its name, where the program has several: "train"
  explicit CommandLine(const std::string& purpose, const std::string& command = "");
  CommandLine(CommandLine&&) noexcept;
  ~CommandLine();

  /// What is declared from here on stands under this heading in --help.
  void group(const std::string& heading);

  /// A whole number, or any number. An optional variable stays empty where the option is not given.
  void option(const std::string& name, std::int64_t& value, WholeRange range, const std::string& help);
  void option(const std::string& name, std::optional<std::int64_t>& value, WholeRange range, const std::string& help);
  void option(const std::string& name, double& value, NumberRange range, const std::string& help);
  void option(const std::string& name, std::optional<double>& value, NumberRange range, const std::string& help);

  /// A text or a path. @param value_name what stands for it in --help, such as "FILE"
  void option(const std::string& name, std::optional<std::string>& value, const std::string& help,
              const std::string& value_name);
  void option(const std::string& name, std::optional<std::filesystem::path>& value, const std::string& help,
              const std::string& value_name);

  /// One of several words.
  void choice(const std::string& name, std::string& value, const std::vector<std::string>& words,
              const std::string& help);
  void choice(const std::string& name, std::optional<std::string>& value, const std::vector<std::string>& words,
              const std::string& help);

  /// A folder to write into. parse() makes it where it is missing. @throws UsageError, there, where it cannot be made
  void folder(const std::string& name, std::optional<std::filesystem::path>& value, const std::string& help);

  /// An option without a value: its variable becomes true.
  void flag(const std::string& name, bool& value, const std::string& help);

  /// Options without a variable, whose value is taken when it is known where it goes, see take().
  void declare(const std::string& name, WholeRange range, const std::string& help);
  void declare(const std::string& name, NumberRange range, const std::string& help);
  void declare(const std::string& name, const std::vector<std::string>& words, const std::string& help);

  void declare(const std::string& name, const std::string& help, const std::string& value_name);
  void declare_flag(const std::string& name, const std::string& help);

  /// Lets an option's value also be given without its name, as the one word that the program takes.
  void positional(const std::string& name);

  /// Reads the arguments, sets the options' variables, seeds LibTorch, sets threads, chooses the device. Prints help
  /// and ends the process for --help.
  /// @throws UsageError for unknown options, values of the wrong kind or out of range, or leftover words.
  SharedOptions parse(int argc, char** argv);

  /// Whether an option stands on the command line.
  bool given(const std::string& name) const;

  /// Sets a variable where the option stands on the command line. @return whether it does
  bool take(const std::string& name, std::int64_t& value) const;
  bool take(const std::string& name, double& value) const;
  bool take(const std::string& name, std::string& value) const;

 private:
  struct Parser;
  using Use = std::function<void(const std::string& written)>;

  void add(const std::string& name, const std::string& help, const std::string& value_name,
           const std::optional<std::string>& otherwise, Use check, Use set = {});
  std::optional<std::string> written(const std::string& name) const;

  std::unique_ptr<Parser> parser_;
};

/// Runs a program's body and turns what it throws into one line on standard error and an exit status: 0, 1 failure or
/// an exercise that is not written, 2 a mistake in use, 130 an interrupt.
int run_program(const std::function<int()>& body);

}  // namespace verse
