#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>

#include "common/base/files.h"
#include "common/base/text.h"
#include "tests/harness/child_process.h"
#include "tests/harness/source_marks.h"
#include "tests/harness/updating.h"

namespace verse {
namespace {

namespace fs = std::filesystem;

// A folder for what git and diff are to compare; gone with this object.
class Scratch {
 public:
  Scratch() {
    std::string name = (fs::temp_directory_path() / "verse-merge-XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("cannot make a temporary folder");
    folder_ = name;
  }
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  std::string put(const std::string& name, const std::string& text) const {
    write_file_atomically(folder_ / name, text);
    return (folder_ / name).string();
  }

 private:
  fs::path folder_;
};

// The first line of the function that an exercise lies in, and which of that function's exercises it is: how one is
// found again whose number has changed. The course's code is formatted, so a function begins in the first column.
std::map<std::string, std::string> functions_of(const std::string& text) {
  std::map<std::string, std::string> functions;
  std::map<std::string, int> seen;
  const std::vector<std::string_view> lines = lines_of(text);
  for (const MarkedPart& part : find_marks(text)) {
    std::size_t line = part.first_line - 1;
    const auto begins = [&](std::string_view one) {
      return !one.empty() && std::isalpha(static_cast<unsigned char>(one[0])) && !one.starts_with("namespace");
    };
    while (line > 0 && !begins(lines[line - 1])) --line;
    const std::string head(line == 0 ? "" : lines[line - 1]);
    functions[part.id] = fmt::format("{} #{}", head, seen[head]++);
  }
  return functions;
}

bool is_in(const std::vector<std::string>& list, const std::string& wanted) {
  return std::find(list.begin(), list.end(), wanted) != list.end();
}

// The numbers of the marks changed: `numbers` says for an old one what it is now.
std::string renumber(const std::string& text, const std::map<std::string, std::string>& numbers) {
  std::string result;
  std::size_t done = 0;
  for (const MarkedPart& part : find_marks(text)) {
    const auto now = numbers.find(part.id);
    if (now == numbers.end()) continue;
    const std::string mark = fmt::format("{}//! [{}]{}", part.indentation, now->second, part.line_end);
    const std::size_t opening = text.rfind('\n', part.begin - 2) == std::string::npos || part.begin < 2
                                    ? 0
                                    : text.rfind('\n', part.begin - 2) + 1;
    std::size_t closing_end = text.find('\n', part.end);
    closing_end = closing_end == std::string::npos ? text.size() : closing_end + 1;
    result += text.substr(done, opening - done) + mark + body_of(text, part) + mark;
    done = closing_end;
  }
  return result + text.substr(done);
}

// The text with another body for an exercise, where it has that exercise.
std::string with_body(const std::string& text, const std::string& id, const std::string& body) {
  for (const MarkedPart& part : find_marks(text)) {
    if (part.id == id) return splice(text, part, body);
  }
  return text;
}

std::string with_plain_line_ends(const std::string& text) {
  std::string plain;
  for (const char c : text) {
    if (c != '\r') plain += c;
  }
  return plain;
}

std::string with_windows_line_ends(const std::string& text) {
  std::string windows;
  for (const char c : text) windows += c == '\n' ? "\r\n" : std::string(1, c);
  return windows;
}

// Both stubs' exercises matched by number and function: fills in what is renumbered, added and gone.
void match_exercises(const std::string& began_from, const std::string& now, MergedFile& merged) {
  const auto before = functions_of(began_from), after = functions_of(now);
  std::vector<std::string> found;
  for (const auto& [id, function] : before) {
    const auto same = after.find(id);
    std::string is_now;
    if (same != after.end() && same->second == function) {
      is_now = id;
    } else {
      for (const auto& [other, its_function] : after) {
        if (its_function == function) is_now = other;
      }
      // The function is written otherwise now; unless the number has gone to one that was there before.
      const bool taken = same != after.end() && std::any_of(before.begin(), before.end(), [&](const auto& one) {
                           return one.second == same->second;
                         });
      if (is_now.empty() && same != after.end() && !taken) is_now = id;
    }
    if (is_now.empty()) {
      merged.gone.push_back(id);
    } else {
      found.push_back(is_now);
      if (is_now != id) merged.renumbered[id] = is_now;
    }
  }
  for (const auto& [id, function] : after) {
    if (!is_in(found, id)) merged.added.push_back(id);
  }
}

// Numbers that an exercise which is gone leaves behind must not be taken for the one that has the number now.
std::map<std::string, std::string> all_numbers(const MergedFile& merged) {
  std::map<std::string, std::string> numbers = merged.renumbered;
  for (const std::string& id : merged.gone) {
    numbers[id] = fmt::format("{}0000{}", id.substr(0, id.find('.') + 1), id.substr(id.find('.') + 1));
  }
  return numbers;
}

}  // namespace

MergedFile merge_file(const std::string& began_from, const std::string& now, const std::string& learner) {
  MergedFile merged;
  const bool windows = learner.find("\r\n") != std::string::npos;
  std::string theirs = with_plain_line_ends(learner), before = began_from, after = now;
  match_exercises(before, after, merged);

  std::vector<std::pair<std::string, bool>> bodies;  // the learner's exercises, and which of them are stubs
  for (const MarkedPart& part : find_marks(theirs)) {
    const bool stub = is_stub(body_of(theirs, part), part.id);
    bodies.emplace_back(part.id, stub);
    if (!stub && is_in(merged.gone, part.id)) merged.lost.push_back(part.id);
  }
  const auto numbers = all_numbers(merged);
  theirs = renumber(theirs, numbers);
  before = renumber(before, numbers);

  // The bodies are made alike in all three, so that only what is given is merged: the learner's, or the new stub.
  for (auto& [id, stub] : bodies) {
    const auto number = numbers.find(id);
    if (number != numbers.end()) id = number->second;
    const std::string& source = stub ? after : theirs;
    for (const MarkedPart& part : find_marks(source)) {
      if (part.id != id) continue;
      const std::string body = body_of(source, part);
      for (std::string* text : {&theirs, &before, &after}) *text = with_body(*text, id, body);
      break;
    }
  }

  const Scratch scratch;
  const std::string mine = scratch.put("yours", theirs);
  const std::string status =
      output_of(
          {"sh", "-c",
           "git merge-file -L 'as you have it' -L 'as it was given' -L 'as the course gives it now' \"$1\" \"$2\" "
           "\"$3\" >/dev/null; echo $?",
           "sh", mine, scratch.put("before", before), scratch.put("after", after)})
          .value_or("");
  const auto conflicts = to_whole_number(trimmed(status));
  if (!conflicts || *conflicts > 127) throw std::runtime_error("git merge-file failed; is git installed?");
  merged.conflict = *conflicts > 0;
  merged.text = read_file(mine);
  if (windows) merged.text = with_windows_line_ends(merged.text);
  return merged;
}

std::vector<std::string> changed_lines(const std::string& before, const std::string& now) {
  const Scratch scratch;
  const std::string text =
      output_of({"sh", "-c", "diff -U 0 \"$1\" \"$2\"; true", "sh", scratch.put("before", without_bodies(before)),
                 scratch.put("now", without_bodies(now))})
          .value_or("");
  std::vector<std::string> lines;
  for (const std::string_view line : lines_of(text)) {
    if (line.starts_with("---") || line.starts_with("+++") || line.size() < 2) continue;
    if (line[0] == '-' || line[0] == '+') lines.push_back(fmt::format("{} {}", line[0], line.substr(1)));
  }
  return lines;
}

}  // namespace verse
