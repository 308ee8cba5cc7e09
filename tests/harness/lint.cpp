#include "tests/harness/lint.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/files.h"
#include "common/base/terminal.h"
#include "tests/harness/source_marks.h"

namespace verse {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t fewest_mistakes = 3;
constexpr int fewest_minutes = 5;
constexpr int most_minutes = 30;

// A marked part of a solution.
struct FoundMark {
  std::string file;
  MarkedPart part;
};

// Collects findings about one chapter.
class Linter {
 public:
  Linter(const Course& course, const Chapter& chapter) : course_(course), chapter_(chapter) {}

  std::vector<std::string> run() {
    read_text_of_chapter();
    read_marks();
    for (const Exercise& exercise : chapter_.exercises) check_exercise(exercise);
    for (const Prediction& prediction : chapter_.predictions) {
      check_section(prediction.id, prediction.section, prediction.line);
    }
    check_that_marks_are_known();
    return std::move(findings_);
  }

 private:
  void find(const std::string& file, std::size_t line, const std::string& message) {
    findings_.push_back(line == 0 ? fmt::format("{}: {}", file, message)
                                  : fmt::format("{}:{}: {}", file, line, message));
  }

  void in_manifest(std::size_t line, const std::string& message) {
    find(course_.manifest_file(chapter_), line, message);
  }

  void read_text_of_chapter() {
    const auto text = read_file_if_there(course_.root() / course_.text_file(chapter_));
    if (!text) find(course_.text_file(chapter_), 0, "is missing");
    has_text_ = text.has_value();
  }

  void read_marks() {
    const fs::path folder = course_.root() / "solutions" / chapter_.folder;
    if (!fs::is_directory(folder)) {
      find("solutions/" + chapter_.folder, 0, "is missing");
      return;
    }
    has_solutions_ = true;
    std::vector<fs::path> files;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
      if (entry.path().extension() == ".cpp") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    for (const fs::path& file : files) {
      const std::string name = file.filename().string();
      try {
        for (MarkedPart& part : find_marks(read_file(file))) marks_.push_back({name, std::move(part)});
      } catch (const MarkError& error) {
        find(course_.solution_file(chapter_, name), error.line(), error.what());
      }
    }
  }

  void check_section(const std::string& id, const std::string& section, std::size_t line) {
    if (has_text_ && !course_.section_title(chapter_, section)) {
      in_manifest(line, fmt::format("{}: no heading in {} carries {{#{}}}", id, course_.text_file(chapter_), section));
    }
  }

  void check_exercise(const Exercise& exercise) {
    check_section(exercise.id, exercise.section, exercise.line);
    if (exercise.minutes < fewest_minutes || exercise.minutes > most_minutes) {
      in_manifest(exercise.line, fmt::format("{}: takes {} minutes, where {} to {} are wanted", exercise.id,
                                             exercise.minutes, fewest_minutes, most_minutes));
    }
    if (exercise.mistakes.size() < fewest_mistakes) {
      in_manifest(exercise.line, fmt::format("{}: knows {}, where at least {} are wanted", exercise.id,
                                             counted(exercise.mistakes.size(), "known mistake"), fewest_mistakes));
    }
    const bool marked = std::any_of(marks_.begin(), marks_.end(), [&](const FoundMark& mark) {
      return mark.part.id == exercise.id && mark.file == exercise.file;
    });
    if (has_solutions_ && !marked) {
      in_manifest(exercise.line, fmt::format("{}: {} has no lines `//! [{}]` in order", exercise.id,
                                             course_.solution_file(chapter_, exercise.file), exercise.id));
    }
  }

  void check_that_marks_are_known() {
    for (const FoundMark& mark : marks_) {
      const bool known = std::any_of(chapter_.exercises.begin(), chapter_.exercises.end(), [&](const Exercise& one) {
        return one.id == mark.part.id && one.file == mark.file;
      });
      if (!known) {
        find(course_.solution_file(chapter_, mark.file), mark.part.first_line,
             fmt::format("marks exercise {}, which {} does not place here", mark.part.id,
                         course_.manifest_file(chapter_)));
      }
    }
  }

  const Course& course_;
  const Chapter& chapter_;
  bool has_text_ = false;
  bool has_solutions_ = false;
  std::vector<FoundMark> marks_;
  std::vector<std::string> findings_;
};

bool has_sources(const fs::path& folder) {
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".cpp") return true;
  }
  return false;
}

}  // namespace

std::vector<std::string> lint_course(const Course& course) {
  std::vector<std::string> findings;
  const fs::path solutions = course.root() / "solutions";
  if (!fs::is_directory(solutions)) return {"solutions: is missing"};
  for (const fs::directory_entry& entry : fs::directory_iterator(solutions)) {
    const std::string folder = entry.path().filename().string();
    const std::string manifest = fmt::format("chapters/{}/exercises.toml", folder);
    if (entry.is_directory() && has_sources(entry.path()) && !fs::exists(course.root() / manifest)) {
      findings.push_back(fmt::format("{}: is missing, although solutions/{} has sources", manifest, folder));
    }
  }
  std::sort(findings.begin(), findings.end());
  return findings;
}

std::vector<std::string> lint_chapter(const Course& course, int number) {
  try {
    return Linter(course, course.chapter(number)).run();
  } catch (const ManifestError& error) {
    return {error.what()};
  }
}

}  // namespace verse
