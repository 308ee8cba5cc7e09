#include "tests/harness/given_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>

#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/text.h"
#include "tests/harness/learner_state.h"
#include "tests/harness/source_marks.h"

namespace verse {
namespace {

using Lines = std::vector<std::string>;

Lines split(std::string_view text) {
  Lines lines;
  for (const std::string_view line : lines_of(text)) lines.emplace_back(line);
  return lines;
}

// The course's code is formatted, so a function begins and ends in the first column.
bool starts_definition(const std::string& line) {
  return !line.empty() && std::isalpha(static_cast<unsigned char>(line[0])) && !line.starts_with("namespace");
}

bool ends_definition(const std::string& line) {
  return line.starts_with('}');
}

// A line that no function reaches across upward.
bool separates(const std::string& line) {
  return trimmed(line).empty() || ends_definition(line) || line.starts_with('#') || line.starts_with("//!") ||
         line.starts_with("namespace");
}

bool same_line(const std::string& left, const std::string& right) {
  return trimmed(left) == trimmed(right);
}

bool stands_at(const Lines& lines, std::size_t place, const Lines& part) {
  return place + part.size() <= lines.size() &&
         std::equal(part.begin(), part.end(), lines.begin() + static_cast<std::ptrdiff_t>(place), same_line);
}

// "causal_mask" out of the lines of a signature.
std::string name_in(const Lines& head) {
  for (const std::string& line : head) {
    const std::size_t bracket = line.find('(');
    if (bracket == std::string::npos) continue;
    std::size_t begin = bracket;
    const auto belongs = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == ':'; };
    while (begin > 0 && belongs(line[begin - 1])) --begin;
    return line.substr(begin, bracket - begin);
  }
  return {};
}

// An exercise's function in the solution, and what follows it there.
struct Frame {
  GivenFunction given;
  std::string mark;  // the line of a mark
  std::string stub;  // what stands between the marks of a stub
  Lines following;   // the solution's lines behind the function
};

Frame frame_of(const Course& course, const Exercise& exercise) {
  const std::string file = course.solution_file(course.chapter(chapter_of(exercise.id)), exercise.file);
  const std::string text = read_file(course.root() / file);
  Frame frame;
  try {
    const MarkedPart part = find_mark(text, exercise.id);
    const Lines lines = split(text);
    const std::size_t opening = part.first_line - 1, closing = part.last_line - 1;
    std::size_t begin = opening;
    while (begin > 0 && !separates(lines[begin - 1])) --begin;
    std::size_t end = closing + 1;
    while (end < lines.size() && !ends_definition(lines[end])) ++end;
    if (end == lines.size() || begin == opening) throw MarkError(part.first_line, "the marks lie in no function");
    const auto at = [&](std::size_t place) { return lines.begin() + static_cast<std::ptrdiff_t>(place); };
    frame.given.head.assign(at(begin), at(opening));
    frame.given.tail.assign(at(closing + 1), at(end + 1));
    frame.given.name = name_in(frame.given.head);
    frame.mark = lines[opening];
    frame.stub = stub_body(part, exercise.title, course.section_of(exercise), exercise.calls);
    frame.following.assign(at(end + 1), lines.end());
  } catch (const MarkError& error) {
    throw UsageError(fmt::format("{}:{}: {}", file, error.line(), error.what()));
  }
  return frame;
}

// The learner's file in lines, and the work on it.
class Restoring {
 public:
  Restoring(Lines text, const Frame& frame, const Exercise& exercise)
      : lines_(std::move(text)), frame_(frame), head_(frame.given.head), tail_(frame.given.tail), exercise_(exercise) {
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      if (trimmed(lines_[i]) == trimmed(frame.mark)) marks_.push_back(i);
    }
  }

  // What was put back; empty if nothing was missing.
  std::string run() {
    if (marks_.size() > 2) cannot(fmt::format("its mark stands {} times", marks_.size()));
    if (marks_.size() == 2) return put_back_around();
    if (marks_.size() == 1) return put_back_one_mark();
    if (const auto place = place_of_head()) {
      insert(closing_place(*place), {frame_.mark});
      insert(*place, {frame_.mark});
      return "its two marks";
    }
    return put_back_all();
  }

  const Lines& lines() const { return lines_; }

 private:
  [[noreturn]] void cannot(const std::string& why) const {
    throw UsageError(fmt::format(
        "exercise {}: {}, so it cannot be told which lines are yours; nothing was changed. Its function is `{}`",
        exercise_.id, why, trimmed(head_.front())));
  }

  void insert(std::size_t place, const Lines& more) {
    lines_.insert(lines_.begin() + static_cast<std::ptrdiff_t>(place), more.begin(), more.end());
  }

  void replace(std::size_t begin, std::size_t end, const Lines& by) {
    lines_.erase(lines_.begin() + static_cast<std::ptrdiff_t>(begin),
                 lines_.begin() + static_cast<std::ptrdiff_t>(end));
    insert(begin, by);
  }

  bool head_before(std::size_t place) const {
    return place >= head_.size() && stands_at(lines_, place - head_.size(), head_);
  }

  // The line behind the function's given first lines.
  std::optional<std::size_t> place_of_head() const {
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      if (stands_at(lines_, i, head_)) return i + head_.size();
    }
    return std::nullopt;
  }

  // Where the closing mark goes in the function whose body begins at `from`.
  std::size_t closing_place(std::size_t from) const {
    for (std::size_t i = from; i < lines_.size() && !starts_definition(lines_[i]); ++i) {
      if (stands_at(lines_, i, tail_) && ends_definition(lines_[i + tail_.size() - 1])) return i;
    }
    cannot("the end of its function is not as it was given");
  }

  std::string put_back_one_mark() {
    const std::size_t mark = marks_.front();
    if (head_before(mark)) {
      insert(closing_place(mark + 1), {frame_.mark});
      return "its second mark";
    }
    const auto place = place_of_head();
    if (!place || *place > mark) cannot("one of its marks is missing and its function does not begin as it was given");
    insert(*place, {frame_.mark});
    return "its first mark";
  }

  // Both marks are there: the function's lines before and after them.
  std::string put_back_around() {
    std::string done;
    std::size_t end = marks_[1] + 1;
    if (!stands_at(lines_, end, tail_)) {
      // What is left of them: indented lines that follow at once, and a brace alone on its line.
      while (end < lines_.size() && lines_[end].starts_with(' ') && !trimmed(lines_[end]).empty()) ++end;
      if (end < lines_.size() && (trimmed(lines_[end]) == "}" || trimmed(lines_[end]) == "};")) ++end;
      Lines tail = tail_;
      if (end < lines_.size() && !trimmed(lines_[end]).empty()) tail.emplace_back();
      replace(marks_[1] + 1, end, tail);
      done = "the last lines of its function";
    }
    if (!head_before(marks_[0])) {
      std::size_t begin = marks_[0];
      while (begin > 0 && !separates(lines_[begin - 1])) --begin;
      Lines head = head_;
      if (begin > 0 && !trimmed(lines_[begin - 1]).empty() && !lines_[begin - 1].starts_with("//!"))
        head.emplace(head.begin());
      replace(begin, marks_[0], head);
      done = done.empty() ? "the first lines of its function" : "the lines of its function around the marks";
    }
    return done;
  }

  // The function is gone: it comes back as a stub, before what follows it in the solution and is still there.
  std::string put_back_all() {
    std::string all;
    for (const std::string& line : lines_) all += line + "\n";
    if (const std::size_t line = line_of_definition(all, frame_.given.name)) {
      cannot(fmt::format("its marks are missing, and line {} begins its function with other lines than those given",
                         line));
    }
    for (const std::string& follower : frame_.following) {
      if (trimmed(follower).empty() || (!starts_definition(follower) && !follower.starts_with("}  // namespace")))
        continue;
      if (std::count(lines_.begin(), lines_.end(), follower) != 1) continue;
      auto place = static_cast<std::size_t>(std::find(lines_.begin(), lines_.end(), follower) - lines_.begin());
      while (place > 0 && !trimmed(lines_[place - 1]).empty() && !ends_definition(lines_[place - 1])) --place;
      Lines whole = head_;
      whole.push_back(frame_.mark);
      for (const std::string& line : split(frame_.stub)) whole.push_back(line);
      whole.push_back(frame_.mark);
      whole.insert(whole.end(), tail_.begin(), tail_.end());
      whole.emplace_back();
      insert(place, whole);
      return "its function, as a stub";
    }
    cannot("its function is gone, and so is all that followed it");
  }

  Lines lines_;
  const Frame& frame_;
  const Lines& head_;
  const Lines& tail_;
  const Exercise& exercise_;
  std::vector<std::size_t> marks_;  // the lines on which the exercise's marks stand
};

}  // namespace

GivenFunction given_function(const Course& course, const Exercise& exercise) {
  return frame_of(course, exercise).given;
}

std::size_t line_of_definition(std::string_view text, const std::string& name) {
  const Lines lines = split(text);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::size_t place = lines[i].find(name + "(");
    const bool whole_name = place != std::string::npos && place > 0 && lines[i][place - 1] == ' ';
    if (whole_name && starts_definition(lines[i])) return i + 1;
  }
  return 0;
}

std::string fault_of_marks(const Course& course, const Exercise& exercise) {
  const auto text = read_file_if_there(course.root() / look_at_body(course, exercise).file);
  if (!text) return {};
  try {
    find_mark(*text, exercise.id);
    return {};
  } catch (const MarkError& error) {
    return error.line() == 0 ? std::string(error.what()) : fmt::format("line {}: {}", error.line(), error.what());
  }
}

BodyChange restore_given(const Course& course, const Exercise& exercise, std::string& done) {
  const Frame frame = frame_of(course, exercise);
  BodyChange change;
  change.file = course.learner_file(course.chapter(chapter_of(exercise.id)), exercise.file);
  const auto text = read_file_if_there(course.root() / change.file);
  if (!text) throw UsageError(fmt::format("{} is not there; `make stubs` writes it", change.file));

  Restoring restoring(split(*text), frame, exercise);
  done = restoring.run();
  if (!done.empty()) {
    const std::string line_end = text->find("\r\n") == std::string::npos ? "\n" : "\r\n";
    std::string result;
    for (const std::string& line : restoring.lines()) result += line + line_end;
    try {
      find_mark(result, exercise.id);
    } catch (const MarkError& error) {
      throw UsageError(fmt::format("{}:{}: {}; nothing was changed", change.file, error.line(), error.what()));
    }
    change.backup = back_up(course.root(), change.file, *text, fmt::format("restore-{}", exercise.id));
    write_file_atomically(course.root() / change.file, result);
    change.changed = true;
  }
  change.line = look_at_body(course, exercise).line;
  return change;
}

}  // namespace verse
