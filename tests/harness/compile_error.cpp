#include "tests/harness/compile_error.h"

#include <fmt/format.h>

#include <regex>

#include "common/base/text.h"
#include "tests/harness/source_marks.h"
#include "tests/harness/workbench.h"

namespace verse {
namespace {

// A place `file:line` within a line of the log.
struct Place {
  std::string file;
  int line = 0;
};

std::string without_colour(std::string_view log) {
  static const std::regex escape("\x1b\\[[0-9;]*[A-Za-z]");
  return std::regex_replace(std::string(log), escape, "");
}

// The first place in a line of the log that lies in the learner's chapter, by its path from the repository's root.
std::optional<Place> learner_place(const std::string& text, const std::string& folder) {
  const std::string wanted = fmt::format("chapters/{}/", folder);
  const std::size_t begin = text.find(wanted);
  if (begin == std::string::npos) return std::nullopt;
  static const std::regex pattern(R"(([^\s:()<>"']+):(\d+))");
  std::smatch match;
  const std::string rest = text.substr(begin);
  if (!std::regex_search(rest, match, pattern, std::regex_constants::match_continuous)) return std::nullopt;
  return Place{match[1], std::stoi(match[2].str().substr(0, 9))};
}

bool names_error(const std::string& text) {
  static const std::regex pattern(R"((^|[\s:])(fatal )?error: )");
  return std::regex_search(text, pattern);
}

// What a linker says of a symbol that is nowhere defined: lld's "undefined symbol: ...", ld's "undefined reference to
// `...'".
std::optional<std::string> undefined_symbol(const std::string& text) {
  static const std::regex pattern(R"(undefined (?:symbol: |reference to `)(.*?)'?$)");
  std::smatch match;
  if (!std::regex_search(text, match, pattern)) return std::nullopt;
  return match[1];
}

// Lines that g++ prints before an error to say how the compiler came there.
bool leads_to_error(const std::string& text) {
  return text.starts_with("In file included from") || text.starts_with("                 from ") ||
         text.find(": In ") != std::string::npos || text.find("required from") != std::string::npos;
}

}  // namespace

std::optional<CompileError> first_compile_error(std::string_view log, const std::string& folder) {
  const std::string plain = without_colour(log);
  const std::vector<std::string_view> lines = lines_of(plain);
  std::size_t number = 0;
  CompileError error;
  for (; number < lines.size(); ++number) {
    const std::string line(lines[number]);
    if (const auto symbol = undefined_symbol(line)) {
      error.undefined = *symbol;
      error.message = "undefined symbol: " + *symbol;
      break;
    }
    if (names_error(line)) break;
  }
  if (number == lines.size()) return std::nullopt;

  // "file:line:column: error: message", or "ld.lld: error: message" without a place.
  const std::string text(lines[number]);
  static const std::regex placed(R"(^(.+?):(\d+):(?:\d+:)? (?:fatal )?error: (.*)$)");
  std::smatch match;
  if (!error.undefined.empty()) {
    // Its place is that of the use, which may be anybody's: what is missing is named instead.
  } else if (std::regex_match(text, match, placed)) {
    error.file = match[1];
    error.line = std::stoi(match[2].str().substr(0, 9));
    error.message = match[3];
  } else {
    error.message = text.substr(text.find("error: ") + 7);
  }

  // The learner's place: in the line itself, in the notes behind it, or in what leads to it.
  std::optional<Place> place = learner_place(text, folder);
  for (std::size_t i = number + 1; !place && i < lines.size() && !names_error(std::string(lines[i])); ++i) {
    place = learner_place(std::string(lines[i]), folder);
  }
  for (std::size_t i = number; !place && i > 0 && leads_to_error(std::string(lines[i - 1])); --i) {
    place = learner_place(std::string(lines[i - 1]), folder);
  }
  if (place) {
    error.learner_file = place->file;
    error.learner_line = place->line;
  }
  return error;
}

const Exercise* exercise_at(const Course& course, const Chapter& chapter, const std::string& learner_file, int line) {
  for (const Exercise& exercise : chapter.exercises) {
    const BodyInFile body = look_at_body(course, exercise);
    if (body.file != learner_file || body.line == 0 || line < 0) continue;
    const auto here = static_cast<std::size_t>(line);
    if (here >= body.line && here <= body.last_line) return &exercise;
  }
  return nullptr;
}

}  // namespace verse
