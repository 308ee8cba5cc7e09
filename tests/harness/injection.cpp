#include "tests/harness/injection.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/text.h"
#include "tests/harness/given_parts.h"
#include "tests/harness/source_marks.h"

namespace verse {
namespace {

// "3.2" -> "body_of_3_2", the name of the choice in the file.
std::string choice_name(std::string exercise) {
  std::replace(exercise.begin(), exercise.end(), '.', '_');
  return "body_of_" + exercise;
}

std::string line_mark(std::size_t line, const std::string& file) {
  return fmt::format("#line {} \"{}\"\n", line, file);
}

std::string whole_lines(std::string text) {
  if (!text.empty() && text.back() != '\n') text += '\n';
  return text;
}

// How often each line of a text occurs, blind to indentation.
std::map<std::string, int> counted_lines(std::string_view text) {
  std::map<std::string, int> counts;
  for (const std::string_view line : lines_of(text)) ++counts[std::string(trimmed(line))];
  return counts;
}

// Whether a file still has every line that it was given outside the exercises.
bool has_all_given_lines(std::string_view learner, std::string_view solution) {
  auto mine = counted_lines(learner);
  for (const auto& [line, count] : counted_lines(without_bodies(solution))) {
    if (!line.empty() && mine[line] < count) return false;
  }
  return true;
}

// Whether the function's lines before the opening mark are those of the solution.
bool head_stands_before(const std::vector<std::string_view>& lines, std::size_t first_line,
                        const GivenFunction& given) {
  if (first_line <= given.head.size()) return false;
  for (std::size_t i = 0; i < given.head.size(); ++i) {
    if (trimmed(lines[first_line - 1 - given.head.size() + i]) != trimmed(given.head[i])) return false;
  }
  return true;
}

}  // namespace

std::string inject(std::string_view source, const std::string& file, const std::vector<OtherBody>& bodies) {
  std::map<std::string, std::vector<const OtherBody*>> by_exercise;
  for (const OtherBody& body : bodies) by_exercise[body.exercise].push_back(&body);

  std::vector<MarkedPart> parts;
  for (const auto& [exercise, others] : by_exercise) parts.push_back(find_mark(source, exercise));
  std::sort(parts.begin(), parts.end(), [](const auto& one, const auto& other) { return one.begin < other.begin; });

  std::string result = "#include \"common/base/bodies.h\"\n";
  for (const MarkedPart& part : parts) {
    result += fmt::format("static const int& {} = verse::body_in_use(\"{}\");\n", choice_name(part.id), part.id);
  }
  result += line_mark(1, file);
  std::size_t done = 0;
  for (const MarkedPart& part : parts) {
    result += source.substr(done, part.begin - done);
    for (const OtherBody* other : by_exercise[part.id]) {
      result += fmt::format("if ({} == {}) {{\n", choice_name(part.id), other->number);
      result += line_mark(other->line, other->file) + whole_lines(other->text) + "} else ";
    }
    result += "{\n" + line_mark(part.first_line + 1, file);
    result += whole_lines(std::string(source.substr(part.begin, part.end - part.begin)));
    result += "}\n" + line_mark(part.last_line, file);
    done = part.end;
  }
  return result + std::string(source.substr(done));
}

std::string with_reference(const Course& course, const Chapter& chapter, const std::string& file,
                           const std::string& path) {
  const std::string learner = read_file(path);
  const std::string shown = course.solution_file(chapter, file);
  const std::string solution = read_file(course.root() / shown);
  std::vector<OtherBody> bodies;
  if (has_all_given_lines(learner, solution)) {
    const std::vector<std::string_view> lines = lines_of(learner);
    for (const Exercise& exercise : chapter.exercises) {
      if (exercise.file != file) continue;
      try {
        const MarkedPart mine = find_mark(learner, exercise.id);
        const MarkedPart reference = find_mark(solution, exercise.id);
        if (!head_stands_before(lines, mine.first_line, given_function(course, exercise))) continue;
        bodies.push_back(
            {exercise.id, 1, (course.root() / shown).string(), reference.first_line + 1, body_of(solution, reference)});
      } catch (const MarkError&) {
        // The learner has lost a mark: this exercise goes without.
      }
    }
  }
  return inject(learner, path, bodies);
}

}  // namespace verse
