#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace verse {

/// What the last check of an exercise found.
enum class Standing { never_checked, not_started, failed, passed };

/// What is kept of one exercise.
struct ExerciseRecord {
  Standing standing = Standing::never_checked;
  std::string checked_at;  ///< time_stamp() of the last check
  std::string body;        ///< code_digest of the body that was checked
  int hints_shown = 0;
  std::string solution_shown_at;  ///< when `solve` last put the reference's body in
  int checks = 0;                 ///< how often it was checked with more than a stub in it
  std::string begun_at;           ///< the first hint, or the first check with more than a stub
  std::string passed_at;          ///< when a check first passed it
};

/// What is kept of one prediction.
struct PredictionRecord {
  bool right = false;
  bool told = false;  ///< the answer was shown after three wrong ones
  std::vector<std::string> answers;
  std::string answered_at;
};

/// What is kept of one chapter.
struct ChapterRecord {
  std::string passed_with;  ///< digest of the learner's whole chapter when every test of it last passed together
  std::string passed_at;
};

/// What a learner has done: `.verse/progress.json`.
struct LearnerState {
  std::map<std::string, ExerciseRecord> exercises;      ///< by "3.2"
  std::map<std::string, PredictionRecord> predictions;  ///< by "P3.1"
  std::map<int, ChapterRecord> chapters;
  std::map<std::string, std::vector<std::string>> stubs_written;  ///< a file's digests, each as `stubs` once wrote it
};

/// The folder for everything of one learner, which survives `make clean` and is in no commit.
std::filesystem::path learner_folder(const std::filesystem::path& root);

/// Reads the state file's text. @param place the file's name, for messages @throws UsageError
LearnerState parse_state(std::string_view text, const std::string& place);

/// What is known of the learner; nothing where there is no file yet.
/// @throws UsageError for a file that cannot be understood, so that it is not overwritten.
LearnerState load_state(const std::filesystem::path& root);

/// Reads the state, changes it and writes it back while no other `verse` can do the same. The file is replaced as a
/// whole, and only if it changes.
void update_state(const std::filesystem::path& root, const std::function<void(LearnerState&)>& change);

/// Now, in UTC: "2026-01-31T12:03:04Z".
std::string time_stamp();

/// Puts a copy of what is about to be replaced into `.verse/backup/`, under a name with the time and the occasion
/// ("solve-3.2"). Returns where, relative to the root.
std::string back_up(const std::filesystem::path& root, const std::string& file, std::string_view text,
                    std::string_view occasion);

}  // namespace verse
