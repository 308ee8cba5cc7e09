#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/harness/course.h"

/// A course that changes under a learner's work: the new stubs and what somebody wrote into the old ones become one
/// file, and nothing of theirs is lost.
namespace verse {

/// A learner's file and a stub that has changed, made one.
struct MergedFile {
  std::string text;
  bool conflict = false;  ///< both changed the same given lines: the text then holds both, between git's marks
  std::map<std::string, std::string> renumbered;  ///< an exercise's number before and now, where they differ
  std::vector<std::string> added;                 ///< exercises that the old stub had not
  std::vector<std::string> gone;                  ///< exercises that the new stub has no more
  std::vector<std::string> lost;                  ///< those of them that the learner had written
};

/// Joins three forms of a file: the stub that the learner began from, the stub as it is now, and the learner's own.
///
/// What stands between an exercise's marks is the learner's, if it is more than a stub, and goes where the exercise is
/// now; an exercise is known by its number, or by the first line of its function where the numbers have changed. All
/// other lines are merged as git merges them. Line ends stay as the learner has them.
/// @throws MarkError for marks of the learner's that are broken.
MergedFile merge_file(const std::string& began_from, const std::string& now, const std::string& learner);

/// The lines in which two stubs differ outside the exercises: `-` before the old ones, `+` before the new ones.
std::vector<std::string> changed_lines(const std::string& before, const std::string& now);

/// One learner's file after an update.
struct UpdatedFile {
  std::string path;
  std::string backup;                ///< where the file as it was is kept; empty where nothing was replaced
  std::string left_alone;            ///< why the file was not touched; empty where it was
  std::string beside;                ///< where the new form lies, for a file that was left alone
  std::vector<std::string> changes;  ///< what is different in the stub, a line each
};

/// Brings every learner's file to the stubs of today. Files that need nothing are not in the answer.
std::vector<UpdatedFile> update_files(const Course& course);

/// Files with exercises in chapters/ that the course of today does not have: it has renamed or dropped them, and
/// somebody's work in them stays.
std::vector<std::string> files_left_behind(const Course& course);

/// What fetching the course did.
struct FetchResult {
  std::string said;                     ///< one line
  std::vector<std::string> other_work;  ///< files of the course's own that the learner has changed, and it too
};

/// Gets the course's newest state by git, as `git pull` does, from the branch that this one follows. The learner's
/// files are as they were afterwards, committed or not, whatever happens in between: they are kept in .verse/update/
/// for so long, and put back from there if an earlier call was cut short.
/// @throws UsageError, with nothing changed, where git refuses.
FetchResult fetch_course(const Course& course);

/// What `start` and `reset` of everything did.
struct SweepResult {
  std::vector<std::string> changed;  ///< exercises whose bodies were replaced
  std::vector<std::string> kept;     ///< exercises that hold work and were left as they were
  std::string backup;                ///< the folder that holds every file as it was; empty where nothing changed
};

/// Puts the reference's answer into every stub of the chapters before `number`. What somebody has begun stays.
SweepResult start_at(const Course& course, int number);

/// Puts back every stub, and forgets what was done; the backup holds the files and what was known.
SweepResult reset_everything(const Course& course);

}  // namespace verse
