#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace verse {

/// Threads that a program's --threads takes at most.
inline constexpr std::int64_t kMostThreads = 1024;

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

/// The options that a program declares, read from its arguments.
///
/// An option is declared once: with its name, the variable that it sets, the range of its values, and a line for
/// --help. What the variable holds is the default. It is checked whether or not it is used later, before anything else
/// is done. (CommandLine, in common/program.h, has the options that all chapters' programs share.)
///
///     OptionReader options("Counts words.");
///     options.option("least", least, {1, 1'000'000}, "how often a word must occur");
///     options.option("out", out, "the file to write", "FILE");
///     options.read(argc, argv);
class OptionReader {
 public:
  /// @param purpose one sentence for --help @param command its name, where the program has several: "train"
  explicit OptionReader(const std::string& purpose, const std::string& command = "");
  OptionReader(OptionReader&&) noexcept;
  ~OptionReader();

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

  /// A folder to write into. make_folders() makes it where it is missing.
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

  /// Declares --help; where it stands among the options is where read() prints it.
  void declare_help();

  /// Reads the arguments and sets the options' variables. Prints help and ends the process for --help.
  /// @throws UsageError for unknown options, values of the wrong kind or out of range, or leftover words.
  void read(int argc, char** argv);

  /// Makes the folders that were named for writing. @throws UsageError where one cannot be made
  void make_folders() const;

  /// Whether an option stands on the command line.
  bool given(const std::string& name) const;

  /// Sets a variable where the option stands on the command line. @return whether it does
  bool take(const std::string& name, std::int64_t& value) const;
  bool take(const std::string& name, double& value) const;
  bool take(const std::string& name, std::string& value) const;

 protected:
  using Use = std::function<void(const std::string& written)>;

  /// An option of any kind. @param otherwise the default that --help shows
  void add(const std::string& name, const std::string& help, const std::string& value_name,
           const std::optional<std::string>& otherwise, Use check, Use set = {});

 private:
  struct Parser;

  std::optional<std::string> written(const std::string& name) const;

  std::unique_ptr<Parser> parser_;
};

}  // namespace verse
