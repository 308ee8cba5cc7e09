#include "common/base/terminal.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "common/base/text.h"

namespace verse {
namespace {

constexpr std::size_t widest_line = 100;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::size_t columns(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

bool locale_is_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string value = environment(name);
    if (value.empty()) continue;
    return value.find("UTF-8") != std::string::npos || value.find("utf8") != std::string::npos;
  }
  return false;
}

}  // namespace

std::string Style::wrap(std::string_view code, std::string_view text) const {
  return colour ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
}

Style style_of_standard_output() {
  const bool terminal = isatty(STDOUT_FILENO) == 1;
  return {terminal && environment("NO_COLOR").empty() && environment("TERM") != "dumb", terminal && locale_is_utf8()};
}

void print_heading(const std::string& heading) {
  fmt::print("\n{}\n", heading);
  std::fflush(stdout);
}

std::string paragraph(std::string_view text, std::size_t indentation) {
  std::string result;
  for (const std::string_view line : lines_of(text)) {
    // A line that fits is kept as it is, so that tables and listings in a message survive.
    if (indentation + columns(line) <= widest_line) {
      if (!line.empty()) result += std::string(indentation, ' ');
      result += line;
      result += '\n';
      continue;
    }
    std::size_t column = 0;
    std::string_view rest = line;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(' '), rest.size());
      const std::string_view word = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (word.empty()) continue;
      if (column > 0 && column + 1 + columns(word) > widest_line) {
        result += '\n';
        column = 0;
      }
      result += column == 0 ? std::string(indentation, ' ') : " ";
      result += word;
      column += (column == 0 ? indentation : 1) + columns(word);
    }
    result += '\n';
  }
  return result;
}

std::string padded(std::string_view text, std::size_t width) {
  const std::size_t used = columns(text);
  return std::string(text) + std::string(used < width ? width - used : 0, ' ');
}

std::string counted(std::size_t number, std::string_view noun) {
  return fmt::format("{} {}{}", number, noun, number == 1 ? "" : "s");
}

}  // namespace verse
