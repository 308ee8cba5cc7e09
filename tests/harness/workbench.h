#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tests/harness/course.h"
#include "tests/harness/source_marks.h"

/// What happens to a learner's files: stubs written, a solution put in, a stub put back. Each change touches only what
/// it names, keeps a copy of what it replaces, and replaces the file as a whole or not at all.
namespace verse {

/// A file of `chapters/` as `stubs` would write it.
struct StubFile {
  std::string path;  ///< "chapters/03_attention/attention.cpp"
  std::string text;
};

/// Every learner's file, from every .cpp file in `solutions/` that has a chapter.
/// @throws UsageError for marks that are broken or that the manifest does not know.
std::vector<StubFile> make_stubs(const Course& course);

/// Whether a file's marks are in order and every body is a stub.
bool all_bodies_are_stubs(std::string_view text);

/// Remembers that these stubs are nobody's work, and keeps their texts in .verse/given/, for a later merge.
void remember_stubs(const std::filesystem::path& target, const std::vector<StubFile>& stubs);

/// What `stubs` did, or why it did nothing.
struct StubsResult {
  std::vector<std::string> written;  ///< files that were written
  std::vector<std::string> refused;  ///< one line for each file that holds somebody's work; then nothing was written
};

/// Writes the learner's files into `target` (the course's own root, or another tree).
///
/// A file is written if nothing in it can be a learner's: it is missing; or it is, byte for byte, what `stubs` wrote at
/// some earlier time (remembered in .verse/); or its every body is a stub and the rest is the solution's, or is what
/// git has committed (a solution that changed after its stubs were committed). If any file is none of these, no file
/// is written.
StubsResult write_stubs(const Course& course, const std::filesystem::path& target);

/// One line for each file of `target` that is not what `stubs` would write.
std::vector<std::string> find_drift(const Course& course, const std::filesystem::path& target);

/// What `solve` and `reset` did.
struct BodyChange {
  bool changed = false;  ///< false: the file was so already
  std::string file;
  std::size_t line = 0;  ///< of the opening mark
  std::string backup;    ///< where the file as it was is kept
};

/// Whether the file as it was is still to be kept.
enum class Backup { make, made_already };

/// Puts the reference's body, or the stub, between the exercise's marks in the learner's file.
/// @throws UsageError, with nothing changed, for a missing file or marks that are not one pair.
BodyChange solve_exercise(const Course& course, const Exercise& exercise, Backup backup = Backup::make);
BodyChange reset_exercise(const Course& course, const Exercise& exercise);

/// Where an exercise stands in a file, and what is written there now.
struct BodyInFile {
  std::string file;
  std::size_t line = 0;  ///< 0 where the marks are broken
  std::size_t last_line = 0;
  std::string digest;  ///< code_digest of the body, or "unmarked"
  bool stub = false;

  std::string place() const;  ///< "chapters/03_attention/attention.cpp:41", without the line where there is none
};

/// An exercise in the learner's file or in the solution; never throws for what a learner did to the marks.
BodyInFile look_at_body(const Course& course, const Exercise& exercise, bool solution = false);

/// One digest over all of a learner's chapter except main.cpp: changes whenever its code does.
std::string chapter_digest(const Course& course, const Chapter& chapter);

}  // namespace verse
