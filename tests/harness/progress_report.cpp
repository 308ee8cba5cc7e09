#include "tests/harness/progress_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/base/files.h"
#include "common/base/json.h"
#include "tests/harness/learner_state.h"
#include "tests/harness/workbench.h"

namespace verse {
namespace {

// What is remembered under an id, or the empty record.
template <typename Record>
Record record_of(const std::map<std::string, Record>& records, const std::string& id) {
  const auto found = records.find(id);
  return found == records.end() ? Record() : found->second;
}

// "4 of 6", or a dash where there is nothing to count.
std::string fraction(std::size_t done, std::size_t total) {
  return total == 0 ? "-" : fmt::format("{} of {}", done, total);
}

// A list of exercises under a heading, one a line; nothing for an empty list.
template <typename Wanted>
std::string listed(const std::vector<ChapterProgress>& chapters, const std::string& heading, Wanted wanted) {
  std::string text;
  for (const ChapterProgress& chapter : chapters) {
    for (const ExerciseProgress& one : chapter.exercises) {
      if (wanted(one))
        text +=
            fmt::format("  {}  {}  ({}:{})\n", padded(one.exercise->id, 5), one.exercise->title, one.file, one.line);
    }
  }
  return text.empty() ? "" : heading + "\n" + text + "\n";
}

}  // namespace

std::string name_of(Progress progress) {
  switch (progress) {
    case Progress::not_started:
      return "not_started";
    case Progress::started:
      return "started";
    case Progress::failed:
      return "failed";
    case Progress::passed:
      return "passed";
    case Progress::changed_since_passed:
      break;
  }
  return "changed_since_passed";
}

std::size_t ChapterProgress::passed(bool core) const {
  return static_cast<std::size_t>(std::count_if(exercises.begin(), exercises.end(), [&](const ExerciseProgress& one) {
    return one.exercise->core == core && one.progress == Progress::passed;
  }));
}

std::size_t ChapterProgress::total(bool core) const {
  return static_cast<std::size_t>(std::count_if(
      exercises.begin(), exercises.end(), [&](const ExerciseProgress& one) { return one.exercise->core == core; }));
}

ExerciseProgress progress_of(const Course& course, const LearnerState& state, const Exercise& exercise) {
  const ExerciseRecord record = record_of(state.exercises, exercise.id);
  const BodyInFile body = look_at_body(course, exercise);
  ExerciseProgress one;
  one.exercise = &exercise;
  one.hints_shown = record.hints_shown;
  one.file = body.file;
  one.line = body.line;
  one.place = body.place();

  const bool unchanged = record.body == body.digest;
  if (record.standing == Standing::passed) {
    one.progress = unchanged ? Progress::passed : Progress::changed_since_passed;
  } else if (body.stub) {
    one.progress = Progress::not_started;
  } else {
    one.progress = record.standing == Standing::failed && unchanged ? Progress::failed : Progress::started;
  }
  one.by_reference = !record.solution_shown_at.empty() && body.digest == look_at_body(course, exercise, true).digest;
  return one;
}

std::vector<ChapterProgress> progress_of(const Course& course, const LearnerState& state) {
  std::vector<ChapterProgress> chapters;
  for (const int number : course.numbers()) {
    ChapterProgress progress;
    progress.chapter = &course.chapter(number);
    for (const Exercise& exercise : progress.chapter->exercises) {
      progress.exercises.push_back(progress_of(course, state, exercise));
    }
    for (const Prediction& prediction : progress.chapter->predictions) {
      if (record_of(state.predictions, prediction.id).right) ++progress.predictions_right;
    }
    chapters.push_back(std::move(progress));
  }
  return chapters;
}

const ExerciseProgress* next_exercise(const std::vector<ChapterProgress>& chapters) {
  for (const bool core : {true, false}) {
    for (const ChapterProgress& chapter : chapters) {
      for (const ExerciseProgress& one : chapter.exercises) {
        if (one.exercise->core == core && one.progress != Progress::passed) return &one;
      }
    }
  }
  return nullptr;
}

std::string show_progress(const std::vector<ChapterProgress>& chapters, const Style& style) {
  // The table: a line for each chapter.
  std::size_t width = 7;
  for (const ChapterProgress& one : chapters) width = std::max(width, one.chapter->title.size());
  std::string text = style.bold(fmt::format("    {}  {}  {}  predictions", padded("chapter", width), padded("core", 10),
                                            padded("going further", 13))) +
                     "\n";
  std::size_t done = 0;
  std::size_t total = 0;
  for (const ChapterProgress& one : chapters) {
    const bool all_done = one.passed(true) == one.total(true) && one.total(true) > 0;
    const std::string core = padded(fraction(one.passed(true), one.total(true)), 10);
    text += fmt::format("{:>3} {}  {}  {}  {}\n", one.chapter->number, padded(one.chapter->title, width),
                        all_done ? style.green(core) : core, padded(fraction(one.passed(false), one.total(false)), 13),
                        fraction(one.predictions_right, one.chapter->predictions.size()));
    done += one.passed(true) + one.passed(false);
    total += one.total(true) + one.total(false);
  }
  text += "\n";

  text += listed(chapters, style.yellow("Changed since it passed:"),
                 [](const ExerciseProgress& one) { return one.progress == Progress::changed_since_passed; });
  text += listed(chapters, style.red("Wrong when last checked:"),
                 [](const ExerciseProgress& one) { return one.progress == Progress::failed; });
  text += listed(chapters, style.faint("Passed with the reference's answer:"),
                 [](const ExerciseProgress& one) { return one.progress == Progress::passed && one.by_reference; });

  const std::string count = fmt::format("{} of {} pass", done, counted(total, "exercise"));
  const ExerciseProgress* next = next_exercise(chapters);
  if (!next) return text + style.green(count + ". The course is done.") + "\n";
  return text + style.bold(fmt::format("{}; next: {} {}", count, next->exercise->id, next->exercise->title)) +
         fmt::format("  ({} minutes, {})\n", next->exercise->minutes, next->place);
}

std::string progress_as_json(const std::vector<ChapterProgress>& chapters) {
  Json all = Json::array();
  for (const ChapterProgress& chapter : chapters) {
    Json exercises = Json::array();
    for (const ExerciseProgress& one : chapter.exercises) {
      exercises.push_back({{"id", one.exercise->id},
                           {"title", one.exercise->title},
                           {"core", one.exercise->core},
                           {"minutes", one.exercise->minutes},
                           {"progress", name_of(one.progress)},
                           {"by_reference", one.by_reference},
                           {"hints_shown", one.hints_shown},
                           {"file", one.file},
                           {"line", one.line}});
    }
    all.push_back({{"chapter", chapter.chapter->number},
                   {"title", chapter.chapter->title},
                   {"exercises", exercises},
                   {"predictions", chapter.chapter->predictions.size()},
                   {"predictions_right", chapter.predictions_right}});
  }
  const ExerciseProgress* next = next_exercise(chapters);
  const Json result = {{"chapters", all}, {"next", next ? Json(next->exercise->id) : Json(nullptr)}};
  return json_text(result, 2) + "\n";
}

void remember(const ChapterVerdict& verdict, const std::vector<std::string>& bodies,
              const std::optional<std::string>& whole, LearnerState& state) {
  const std::string now = time_stamp();
  for (std::size_t i = 0; i < verdict.exercises.size(); ++i) {
    const ExerciseVerdict& one = verdict.exercises[i];
    if (one.state == ExerciseState::not_checked) continue;
    ExerciseRecord& record = state.exercises[one.exercise->id];
    record.standing = one.state == ExerciseState::passed        ? Standing::passed
                      : one.state == ExerciseState::not_started ? Standing::not_started
                                                                : Standing::failed;
    if (one.state != ExerciseState::not_started) {
      ++record.checks;
      if (record.begun_at.empty()) record.begun_at = now;
    }
    if (one.state == ExerciseState::passed && record.passed_at.empty()) record.passed_at = now;
    record.checked_at = now;
    record.body = bodies.at(i);
  }
  if (!whole) return;
  ChapterRecord& chapter = state.chapters[verdict.chapter->number];
  chapter = verdict.everything_passes() ? ChapterRecord{*whole, now} : ChapterRecord{};
}

std::vector<int> learner_chapters(const Course& course, const LearnerState& state) {
  std::vector<int> chapters;
  for (const int number : course.numbers()) {
    const auto record = state.chapters.find(number);
    if (record == state.chapters.end() || record->second.passed_with.empty()) continue;
    if (record->second.passed_with == chapter_digest(course, course.chapter(number))) chapters.push_back(number);
  }
  return chapters;
}

bool write_learner_chapters(const Course& course, const std::vector<int>& chapters) {
  const std::string setting =
      fmt::format("set(VERSE_LEARNER_CHAPTERS{}{})\n", chapters.empty() ? "" : " ", fmt::join(chapters, " "));
  const std::filesystem::path file = learner_folder(course.root()) / "learner_chapters.cmake";
  const auto text = read_file_if_there(file);
  if (text && text->ends_with(setting)) return false;  // CMake would configure anew for nothing
  std::filesystem::create_directories(file.parent_path());
  write_file_atomically(
      file, "# Written by build/verse: the chapters that pass whole, so that later ones use them.\n" + setting);
  return text ? true : !chapters.empty();
}

}  // namespace verse
