#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/terminal.h"
#include "tests/harness/course.h"
#include "tests/harness/learner_state.h"
#include "tests/harness/verdict.h"

namespace verse {

/// How an exercise stands by what was last checked and what the file holds now.
enum class Progress { not_started, started, failed, passed, changed_since_passed };

/// "not_started", "changed_since_passed": as in JSON.
std::string name_of(Progress progress);

struct ExerciseProgress {
  const Exercise* exercise = nullptr;
  Progress progress = Progress::not_started;
  bool by_reference = false;  ///< `solve` put this body there
  int hints_shown = 0;
  std::string file;
  std::size_t line = 0;  ///< 0 where the marks are broken
  std::string place;     ///< both
};

struct ChapterProgress {
  const Chapter* chapter = nullptr;
  std::vector<ExerciseProgress> exercises;
  std::size_t predictions_right = 0;

  /// How many exercises of the core (or of "Going further") pass, and how many there are.
  std::size_t passed(bool core) const;
  std::size_t total(bool core) const;
};

/// One exercise, by its file and by what is remembered of it.
ExerciseProgress progress_of(const Course& course, const LearnerState& state, const Exercise& exercise);

/// Every chapter that has a manifest.
std::vector<ChapterProgress> progress_of(const Course& course, const LearnerState& state);

/// The first exercise to do: of the core, in the course's order; then of "Going further". nullptr when all is done.
const ExerciseProgress* next_exercise(const std::vector<ChapterProgress>& chapters);

std::string show_progress(const std::vector<ChapterProgress>& chapters, const Style& style);
std::string progress_as_json(const std::vector<ChapterProgress>& chapters);

/// Writes a check's verdict into the learner's state. `bodies` are the digests of the exercises' bodies when the check
/// began, in the manifest's order; `whole` is chapter_digest at that time if the check ran every test, else nothing.
void remember(const ChapterVerdict& verdict, const std::vector<std::string>& bodies,
              const std::optional<std::string>& whole, LearnerState& state);

/// The chapters that later ones can be built upon in the learner's own words: every test of them passed, together, with
/// the code as it is now.
std::vector<int> learner_chapters(const Course& course, const LearnerState& state);

/// Writes them to `.verse/learner_chapters.cmake` if that says anything else: `set(VERSE_LEARNER_CHAPTERS 1 2)`.
/// @return whether the list is another one than before
bool write_learner_chapters(const Course& course, const std::vector<int>& chapters);

}  // namespace verse
