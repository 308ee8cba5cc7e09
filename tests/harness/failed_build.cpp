// What a learner reads when their chapter cannot be built.

#include <fmt/format.h>

#include <algorithm>

#include "common/base/files.h"
#include "common/base/text.h"
#include "tests/harness/child_process.h"
#include "tests/harness/compile_error.h"
#include "tests/harness/given_parts.h"
#include "tests/harness/workbench.h"

namespace verse {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_lines_of_log = 20;

std::string last_lines(std::string_view text) {
  const std::vector<std::string_view> lines = lines_of(text);
  std::string result;
  for (std::size_t i = lines.size() > most_lines_of_log ? lines.size() - most_lines_of_log : 0; i < lines.size(); ++i) {
    result += fmt::format("  {}\n", lines[i]);
  }
  return result;
}

// "verse::causal_mask(long, long)" -> "causal_mask"
std::string name_of_symbol(std::string symbol) {
  symbol = symbol.substr(0, symbol.find('('));
  return symbol.starts_with("verse::") ? symbol.substr(7) : symbol;
}

bool is_learner_file(const Chapter& chapter, const std::string& path) {
  return std::any_of(chapter.exercises.begin(), chapter.exercises.end(),
                     [&](const Exercise& one) { return path.ends_with("/" + one.file); });
}

// The exercise whose function a line of the learner's file belongs to, outside its marks.
const Exercise* exercise_around(const Course& course, const Chapter& chapter, const std::string& file, int line) {
  for (const Exercise& exercise : chapter.exercises) {
    const BodyInFile body = look_at_body(course, exercise);
    if (body.file != file || body.line == 0) continue;
    const GivenFunction given = given_function(course, exercise);
    const auto here = static_cast<std::size_t>(std::max(line, 0));
    if (here + given.head.size() >= body.line && here <= body.last_line + given.tail.size()) return &exercise;
  }
  return nullptr;
}

// For files that hold nothing of a learner's.
std::string undo_changes(const std::string& file) {
  return fmt::format("  next   git diff {} shows what was changed; git checkout {} undoes it\n", file, file);
}

// For a learner's own file, which git checkout would empty of their work.
std::string show_changes(const std::string& file) {
  return fmt::format("  next   git diff {} shows what was changed there\n", file);
}

// A function that somebody uses and nobody defines: which exercise's it is, and how it comes back.
std::string explain_undefined(const Course& course, const Chapter& chapter, const CompileError& error,
                              const std::vector<std::string>& changed, const Style& style) {
  const std::string name = name_of_symbol(error.undefined);
  for (const Exercise& exercise : chapter.exercises) {
    const GivenFunction given = given_function(course, exercise);
    if (given.name != name) continue;
    const std::string file = course.learner_file(chapter, exercise.file);
    const auto text = read_file_if_there(course.root() / file);
    const std::size_t line = text ? line_of_definition(*text, name) : 0;
    const std::string wanted = std::string(trimmed(given.head.front()));
    std::string said = style.bold(fmt::format("Exercise {}, {}: ", exercise.id, exercise.title));
    if (line == 0) {
      return said + fmt::format("its function {} is missing in {}.\n", name, file) +
             fmt::format("  next   make restore-{} puts it back, as a stub; nothing else changes\n", exercise.id);
    }
    const std::vector<std::string_view> lines = lines_of(*text);
    const bool as_given = trimmed(lines[line - 1]) == wanted;
    if (as_given && !changed.empty()) {
      return said + fmt::format("{} is not declared as it was given: {} was changed.\n", name, changed.front()) +
             undo_changes(changed.front());
    }
    return said + fmt::format("its function has another signature than the one declared.\n") +
           fmt::format("  where  {}:{}: {}\n  given  {}\n", file, line, trimmed(lines[line - 1]), wanted) +
           fmt::format("  next   make restore-{} puts the given lines back; your code between the marks stays\n",
                       exercise.id);
  }
  std::string said =
      style.bold(fmt::format("Chapter {} cannot be linked: {} is missing.", chapter.number, error.undefined)) + "\n";
  for (const Exercise& exercise : chapter.exercises) {
    const std::string solution = course.solution_file(chapter, exercise.file);
    const auto text = read_file_if_there(course.root() / solution);
    if (!text || line_of_definition(*text, name) == 0) continue;
    const std::string file = course.learner_file(chapter, exercise.file);
    return said + fmt::format("  where  it was given in {}\n", file) + show_changes(file);
  }
  return said + (changed.empty() ? "" : undo_changes(changed.front()));
}

}  // namespace

std::vector<std::string> changed_given_files(const Course& course, const Chapter& chapter) {
  std::vector<std::string> changed;
  const auto listed = output_of({"git", "-C", course.root().string(), "diff", "--name-only", "--relative", "HEAD", "--",
                                 "chapters/" + chapter.folder});
  if (!listed) return changed;
  for (const std::string_view line : lines_of(*listed)) {
    const std::string path(line);
    if ((path.ends_with(".h") || path.ends_with(".cpp")) && !is_learner_file(chapter, path)) changed.push_back(path);
  }
  return changed;
}

std::string explain_failed_build(const Course& course, const Chapter& chapter, std::string_view log,
                                 const Style& style) {
  for (const Exercise& exercise : chapter.exercises) {
    const std::string file = course.learner_file(chapter, exercise.file);
    if (!fs::exists(course.root() / file)) {
      return fmt::format(
          "{} is not there.\n  next   make stubs writes it anew and leaves your other files as they are\n", file);
    }
  }
  const std::vector<std::string> changed = changed_given_files(course, chapter);
  const auto error = first_compile_error(log, chapter.folder);
  if (!error) {
    // Whatever went wrong then is most likely said at the end.
    return fmt::format("Chapter {} could not be built, and no compiler says why. The build ended with:\n{}",
                       chapter.number, last_lines(log));
  }
  if (!error->undefined.empty()) return explain_undefined(course, chapter, *error, changed, style);

  std::string said = style.bold(fmt::format("Chapter {} does not compile.", chapter.number)) + "\n\n" +
                     paragraph(style.red("error: ") + error->message, 2) + "\n";
  if (error->learner_file.empty()) {
    if (changed.empty() && error->file.find("/solutions/") != std::string::npos) {
      // The reference's bodies are compiled beside the learner's, and meet what the learner has declared around them.
      return said + paragraph(fmt::format("Something that you have declared outside the exercises has a name that the "
                                          "reference uses too ({}:{}). Rename it, or move it into the exercise.",
                                          error->file.substr(error->file.find("/solutions/") + 1), error->line),
                              2);
    }
    if (!error->file.empty()) said += fmt::format("  where  {}:{}\n", error->file, error->line);
    return said + (changed.empty() ? "" : undo_changes(changed.front()));
  }
  const std::string place = fmt::format("{}:{}", error->learner_file, error->learner_line);
  const auto text = read_file_if_there(course.root() / error->learner_file);
  const auto lines = text ? lines_of(*text) : std::vector<std::string_view>();
  const auto number = static_cast<std::size_t>(error->learner_line);
  if (number >= 1 && number <= lines.size()) said += fmt::format("  {:>5} | {}\n\n", number, lines[number - 1]);
  if (const Exercise* exercise = exercise_at(course, chapter, error->learner_file, error->learner_line)) {
    return said + fmt::format("  where  {} lies in exercise {}, {}\n", place, exercise->id, exercise->title) +
           fmt::format("  next   make hint-{}, or make reset-{} to begin it anew\n", exercise->id, exercise->id);
  }
  if (const Exercise* exercise = exercise_around(course, chapter, error->learner_file, error->learner_line)) {
    if (!changed.empty()) {
      return said + fmt::format("  where  {}; {} was changed\n", place, changed.front()) +
             undo_changes(changed.front());
    }
    return said + fmt::format("  where  {} is given, around exercise {}, {}\n", place, exercise->id, exercise->title) +
           fmt::format("  next   make restore-{} puts the given lines back; your code between the marks stays\n",
                       exercise->id);
  }
  said += fmt::format("  where  {} lies in no exercise: it belongs to what was given\n", place);
  return said + (is_learner_file(chapter, error->learner_file) ? show_changes(error->learner_file)
                                                               : undo_changes(error->learner_file));
}

}  // namespace verse
