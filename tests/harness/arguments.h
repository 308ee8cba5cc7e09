#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace verse {

/// What a command of `verse` takes on its command line.
struct CommandSyntax {
  std::string words;  ///< as shown: "N.M", "PN.M [ANSWER]"
  std::size_t fewest_words = 0;
  std::size_t most_words = 0;
  std::set<std::string> flags;     ///< "--json"
  std::set<std::string> settings;  ///< those with a value, "--into DIR" or "--into=DIR"
};

/// A command line taken apart.
class Arguments {
 public:
  /// @throws UsageError for unknown options, missing values, too few or too many words.
  Arguments(const std::string& command, const CommandSyntax& syntax, const std::vector<std::string>& line);

  const std::vector<std::string>& words() const { return words_; }
  bool on(const std::string& flag) const { return flags_.count(flag) > 0; }
  std::optional<std::string> setting(const std::string& name) const;

  /// A setting that is a number above zero. @throws UsageError
  double number(const std::string& name, double otherwise) const;

  /// A word that is a chapter's number. @throws UsageError
  int chapter(std::size_t word) const;

 private:
  std::vector<std::string> words_;
  std::set<std::string> flags_;
  std::map<std::string, std::string> settings_;
};

}  // namespace verse
