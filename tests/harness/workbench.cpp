#include "tests/harness/workbench.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/text.h"
#include "tests/harness/child_process.h"
#include "tests/harness/learner_state.h"

namespace verse {
namespace {

namespace fs = std::filesystem;

std::string at(const std::string& file, std::size_t line) {
  return line == 0 ? file : fmt::format("{}:{}", file, line);
}

// The files of a folder that end in one of the given ways, by name; none where there is no such folder.
std::vector<fs::path> sources_in(const fs::path& folder, const std::vector<std::string>& endings) {
  std::vector<fs::path> files;
  if (!fs::is_directory(folder)) return files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string ending = entry.path().extension().string();
    if (std::find(endings.begin(), endings.end(), ending) == endings.end()) continue;
    if (entry.path().filename() != "main.cpp" && entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

const Exercise* exercise_of_mark(const Chapter& chapter, const std::string& id, const std::string& file) {
  for (const Exercise& exercise : chapter.exercises) {
    if (exercise.id == id && exercise.file == file) return &exercise;
  }
  return nullptr;
}

// A solution with every body emptied to its stub.
std::string make_stub_file(const Course& course, const Chapter& chapter, const fs::path& solution) {
  const std::string name = solution.filename().string();
  const std::string shown = course.solution_file(chapter, name);
  std::string text = read_file(solution);
  try {
    for (const MarkedPart& found : find_marks(text)) {
      const Exercise* exercise = exercise_of_mark(chapter, found.id, name);
      if (!exercise) {
        throw UsageError(fmt::format("{}: exercise {} is marked here, but {} does not say so",
                                     at(shown, found.first_line), found.id, course.manifest_file(chapter)));
      }
      const MarkedPart part = find_mark(text, found.id);  // where it stands after the bodies above were emptied
      text = splice(text, part, stub_body(part, exercise->title, course.section_of(*exercise), exercise->calls));
    }
  } catch (const MarkError& error) {
    throw UsageError(fmt::format("{}: {}", at(shown, error.line()), error.what()));
  }
  return text;
}

// Which exercises in a file are more than a stub.
std::vector<std::string> written_exercises(std::string_view text) {
  std::vector<std::string> ids;
  try {
    for (const MarkedPart& part : find_marks(text)) {
      if (!is_stub(body_of(text, part), part.id)) ids.push_back(part.id);
    }
  } catch (const MarkError&) {
  }
  return ids;
}

bool is_what_git_has(const fs::path& root, const std::string& path, const std::string& text) {
  const auto committed = output_of({"git", "-C", root.string(), "show", "HEAD:./" + path});
  return committed && *committed == text;
}

// Whether writing `stub` over a file loses nothing that a learner wrote.
bool may_be_replaced(const fs::path& root, const LearnerState& state, const StubFile& stub, const std::string& text) {
  const auto known = state.stubs_written.find(stub.path);
  if (known != state.stubs_written.end()) {
    const std::vector<std::string>& digests = known->second;
    if (std::find(digests.begin(), digests.end(), text_digest(text)) != digests.end()) return true;
  }
  if (!all_bodies_are_stubs(text)) return false;
  return without_bodies(text) == without_bodies(stub.text) || is_what_git_has(root, stub.path, text);
}

std::string refusal(const std::string& path, const std::string& text) {
  const std::vector<std::string> ids = written_exercises(text);
  const std::string what = ids.empty() ? "it was edited outside the exercises"
                                       : fmt::format("it holds work of yours ({})", fmt::join(ids, ", "));
  return fmt::format("{}: {}, so it is left as it is", path, what);
}

std::size_t first_different_line(std::string_view left, std::string_view right) {
  const auto left_lines = lines_of(left);
  const auto right_lines = lines_of(right);
  const auto [place, other] =
      std::mismatch(left_lines.begin(), left_lines.end(), right_lines.begin(), right_lines.end());
  return static_cast<std::size_t>(place - left_lines.begin()) + 1;
}

// What `solve` and `reset` share: one body replaced, everything else kept. `new_body` sees the learner's marks.
template <typename NewBody>
BodyChange replace_body(const Course& course, const Exercise& exercise, std::string_view occasion, NewBody new_body,
                        Backup backup = Backup::make) {
  BodyChange change;
  change.file = course.learner_file(course.chapter(chapter_of(exercise.id)), exercise.file);
  const auto text = read_file_if_there(course.root() / change.file);
  if (!text) throw UsageError(fmt::format("{} is not there; `make stubs` writes it", change.file));
  try {
    const MarkedPart part = find_mark(*text, exercise.id);
    change.line = part.first_line;
    const std::string result = splice(*text, part, new_body(part));
    if (result == *text) return change;
    if (backup == Backup::make) {
      change.backup = back_up(course.root(), change.file, *text, fmt::format("{}-{}", occasion, exercise.id));
    }
    write_file_atomically(course.root() / change.file, result);
    change.changed = true;
    return change;
  } catch (const MarkError& error) {
    throw UsageError(fmt::format("{}: {}; nothing was changed; make restore-{} puts back what is missing",
                                 at(change.file, error.line()), error.what(), exercise.id));
  }
}

// The reference's body of an exercise.
std::string reference_body(const Course& course, const Exercise& exercise) {
  const std::string file = course.solution_file(course.chapter(chapter_of(exercise.id)), exercise.file);
  const std::string text = read_file(course.root() / file);
  try {
    return body_of(text, find_mark(text, exercise.id));
  } catch (const MarkError& error) {
    throw UsageError(fmt::format("{}: {}", at(file, error.line()), error.what()));
  }
}

}  // namespace

bool all_bodies_are_stubs(std::string_view text) {
  try {
    const std::vector<MarkedPart> parts = find_marks(text);
    return std::all_of(parts.begin(), parts.end(),
                       [&](const MarkedPart& part) { return is_stub(body_of(text, part), part.id); });
  } catch (const MarkError&) {
    return false;
  }
}

std::vector<StubFile> make_stubs(const Course& course) {
  std::vector<StubFile> stubs;
  for (const int number : course.numbers()) {
    const Chapter& chapter = course.chapter(number);
    for (const fs::path& solution : sources_in(course.root() / "solutions" / chapter.folder, {".cpp"})) {
      stubs.push_back(
          {course.learner_file(chapter, solution.filename().string()), make_stub_file(course, chapter, solution)});
    }
  }
  return stubs;
}

void remember_stubs(const fs::path& target, const std::vector<StubFile>& stubs) {
  for (const StubFile& stub : stubs) {
    const fs::path copy = learner_folder(target) / "given" / stub.path;
    if (read_file_if_there(copy) == stub.text) continue;
    fs::create_directories(copy.parent_path());
    write_file_atomically(copy, stub.text);
  }
  update_state(target, [&](LearnerState& changing) {
    for (const StubFile& stub : stubs) {
      std::vector<std::string>& digests = changing.stubs_written[stub.path];
      const std::string current = text_digest(stub.text);
      if (std::find(digests.begin(), digests.end(), current) == digests.end()) digests.push_back(current);
    }
  });
}

StubsResult write_stubs(const Course& course, const fs::path& target) {
  const std::vector<StubFile> stubs = make_stubs(course);
  const LearnerState state = load_state(target);

  // First look at every file, then write: one refusal means that nothing changes.
  StubsResult result;
  std::vector<std::pair<const StubFile*, std::optional<std::string>>> to_write;
  for (const StubFile& stub : stubs) {
    auto text = read_file_if_there(target / stub.path);
    if (text == stub.text) continue;
    if (text && !may_be_replaced(target, state, stub, *text)) {
      result.refused.push_back(refusal(stub.path, *text));
    } else {
      to_write.emplace_back(&stub, std::move(text));
    }
  }
  if (!result.refused.empty()) return result;

  for (const auto& [stub, text] : to_write) {
    if (text) back_up(target, stub->path, *text, "stubs");
    fs::create_directories((target / stub->path).parent_path());
    write_file_atomically(target / stub->path, stub->text);
    result.written.push_back(stub->path);
  }

  remember_stubs(target, stubs);
  return result;
}

std::vector<std::string> find_drift(const Course& course, const fs::path& target) {
  std::vector<std::string> drift;
  for (const StubFile& stub : make_stubs(course)) {
    const auto text = read_file_if_there(target / stub.path);
    if (!text) {
      drift.push_back(fmt::format("{}: missing", stub.path));
    } else if (*text != stub.text) {
      drift.push_back(
          fmt::format("{}: not what `stubs` would write", at(stub.path, first_different_line(*text, stub.text))));
    }
  }
  return drift;
}

BodyChange solve_exercise(const Course& course, const Exercise& exercise, Backup backup) {
  const std::string body = reference_body(course, exercise);
  const BodyChange change = replace_body(
      course, exercise, "solve", [&](const MarkedPart&) { return body; }, backup);
  update_state(course.root(), [&](LearnerState& state) {
    // The reference's body passes; nobody needs to check that.
    ExerciseRecord& record = state.exercises[exercise.id];
    record.solution_shown_at = record.checked_at = time_stamp();
    record.standing = Standing::passed;
    record.body = code_digest(body);
  });
  return change;
}

BodyChange reset_exercise(const Course& course, const Exercise& exercise) {
  const BodyChange change = replace_body(course, exercise, "reset", [&](const MarkedPart& part) {
    return stub_body(part, exercise.title, course.section_of(exercise), exercise.calls);
  });
  // Begun anew: what was known of the body before is known of it no more.
  update_state(course.root(), [&](LearnerState& state) {
    const auto record = state.exercises.find(exercise.id);
    if (record == state.exercises.end()) return;
    record->second.standing = Standing::never_checked;
    record->second.passed_at.clear();
  });
  return change;
}

std::string BodyInFile::place() const {
  return at(file, line);
}

BodyInFile look_at_body(const Course& course, const Exercise& exercise, bool solution) {
  const Chapter& chapter = course.chapter(chapter_of(exercise.id));
  BodyInFile place;
  place.file = solution ? course.solution_file(chapter, exercise.file) : course.learner_file(chapter, exercise.file);
  place.digest = "unmarked";
  const auto text = read_file_if_there(course.root() / place.file);
  if (!text) return place;
  try {
    const MarkedPart part = find_mark(*text, exercise.id);
    const std::string body = body_of(*text, part);
    place.line = part.first_line;
    place.last_line = part.last_line;
    place.digest = code_digest(body);
    place.stub = is_stub(body, exercise.id);
  } catch (const MarkError&) {
  }
  return place;
}

std::string chapter_digest(const Course& course, const Chapter& chapter) {
  std::string all;
  for (const fs::path& file : sources_in(course.root() / "chapters" / chapter.folder, {".cpp", ".h"})) {
    all += fmt::format("{} {}\n", file.filename().string(), code_digest(read_file(file)));
  }
  return text_digest(all);
}

}  // namespace verse
