// `build/verse`: reads the manifests and does the work around the exercises. `verse --help` lists its commands.

#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <filesystem>
#include <optional>

#include "common/base/error.h"
#include "tests/harness/commands.h"
#include "tests/harness/runner.h"

namespace {

using namespace verse;

void print_help() {
  fmt::print("verse: the work around the exercises\n\nuse: verse [--root DIR] COMMAND ...\n\n");
  for (const Command& command : all_commands()) {
    fmt::print("  {:<28} {}\n", command.name + " " + command.syntax.words, command.summary);
  }
  fmt::print("\nverse COMMAND --help says more of one. DIR is the repository's root.\n");
}

void print_help(const Command& command) {
  fmt::print("verse {} {}\n{}\n", command.name, command.syntax.words, command.summary);
  if (!command.details.empty()) fmt::print("\n{}", command.details);
}

const Command& find_command(const std::string& name) {
  for (const Command& command : all_commands()) {
    if (command.name == name) return command;
  }
  throw UsageError(fmt::format("there is no command `{}`; verse --help lists them", name));
}

// Takes --root, which may stand anywhere on the line, out of it.
std::optional<std::filesystem::path> take_root(std::vector<std::string>& line) {
  for (auto item = line.begin(); item != line.end() && *item != "--"; ++item) {
    if (item->starts_with("--root=")) {
      const std::string root = item->substr(7);
      line.erase(item);
      return root;
    }
    if (*item == "--root") {
      if (item + 1 == line.end()) throw UsageError("--root wants a folder");
      const std::string root = *(item + 1);
      line.erase(item, item + 2);
      return root;
    }
  }
  return std::nullopt;
}

// The repository that this program was built from, or the one around the current folder.
std::filesystem::path default_root() {
#ifdef VERSE_SOURCE_DIR
  if (std::filesystem::is_directory(std::filesystem::path(VERSE_SOURCE_DIR) / "chapters")) return VERSE_SOURCE_DIR;
#endif
  if (const auto found = Course::find_root(std::filesystem::current_path())) return *found;
  throw UsageError("no course here: neither this folder nor one above it has `chapters` and `solutions`; use --root");
}

bool asks_for_help(const std::vector<std::string>& line) {
  for (const std::string& item : line) {
    if (item == "--") return false;
    if (item == "--help" || item == "-h") return true;
  }
  return false;
}

int run(std::vector<std::string> line) {
  const auto root = take_root(line);
  if (line.empty()) {
    print_help();
    return 2;
  }
  const std::string name = line.front();
  if (name == "--help" || name == "-h" || name == "help") {
    print_help();
    return 0;
  }
  const Command& command = find_command(name);
  if (asks_for_help(line)) {
    print_help(command);
    return 0;
  }
  line.erase(line.begin());
  const Arguments arguments(command.name, command.syntax, line);
  return command.run(Course(root ? *root : default_root()), arguments);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const verse::UsageError& error) {
    fmt::print(stderr, "verse: {}\n", error.what());
    return 2;
  } catch (const verse::RunInterrupted& interruption) {
    fmt::print(stderr, "verse: interrupted\n");
    return 128 + interruption.signal;
  } catch (const std::exception& error) {
    fmt::print(stderr, "verse: {}\n", error.what());
    return 1;
  }
}
