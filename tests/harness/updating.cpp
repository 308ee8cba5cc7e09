#include "tests/harness/updating.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/terminal.h"
#include "common/base/text.h"
#include "tests/harness/child_process.h"
#include "tests/harness/learner_state.h"
#include "tests/harness/progress_report.h"
#include "tests/harness/source_marks.h"
#include "tests/harness/workbench.h"

namespace verse {
namespace {

namespace fs = std::filesystem;

constexpr int oldest_form = 60;  // so many earlier commits of a stub are looked at

std::optional<std::string> git(const fs::path& root, std::vector<std::string> words) {
  words.insert(words.begin(), {"git", "-C", root.string()});
  return output_of(words);
}

std::vector<std::string> lines_from_git(const fs::path& root, const std::vector<std::string>& words) {
  std::vector<std::string> lines;
  const auto text = git(root, words);
  if (!text) return lines;
  for (const std::string_view line : lines_of(*text)) {
    if (!line.empty()) lines.emplace_back(line);
  }
  return lines;
}

// How many of a stub's given lines a learner's file has no more.
std::size_t missing_lines(const std::string& stub, std::multiset<std::string_view> learner) {
  const std::string given = without_bodies(stub);
  std::size_t missing = 0;
  for (const std::string_view line : lines_of(given)) {
    const auto found = learner.find(line);
    if (found == learner.end()) {
      ++missing;
    } else {
      learner.erase(found);
    }
  }
  return missing;
}

// The stub from which a learner's file was begun: of all forms known, the one whose given lines it has most of.
std::optional<std::string> began_from(const fs::path& root, const std::string& path, const std::string& learner) {
  std::vector<std::string> forms;
  if (const auto kept = read_file_if_there(learner_folder(root) / "given" / path)) forms.push_back(*kept);
  for (const std::string& commit :
       lines_from_git(root, {"log", "--format=%H", fmt::format("-n{}", oldest_form), "--", path})) {
    if (auto form = git(root, {"show", commit + ":./" + path})) forms.push_back(*std::move(form));
  }
  std::multiset<std::string_view> lines;
  for (const std::string_view line : lines_of(learner)) lines.insert(line);
  std::optional<std::string> best;
  std::size_t fewest = 0;
  for (const std::string& form : forms) {
    if (!all_bodies_are_stubs(form)) continue;
    const std::size_t missing = missing_lines(form, lines);
    if (!best || missing < fewest) best = form, fewest = missing;
  }
  return best;
}

std::vector<std::string> changes_of(const MergedFile& merged, const std::string& before, const std::string& now) {
  std::vector<std::string> changes;
  for (const auto& [was, is] : merged.renumbered) changes.push_back(fmt::format("exercise {} is {} now", was, is));
  for (const std::string& id : merged.added) changes.push_back(fmt::format("exercise {} is new", id));
  for (const std::string& id : merged.gone) {
    changes.push_back(fmt::format("exercise {} is gone{}", id,
                                  std::find(merged.lost.begin(), merged.lost.end(), id) == merged.lost.end()
                                      ? ""
                                      : "; what you wrote for it is in the file as it was"));
  }
  const std::vector<std::string> lines = changed_lines(before, now);
  changes.insert(changes.end(), lines.begin(), lines.end());
  return changes;
}

// What is remembered of exercises whose numbers have changed goes with them; what is gone leaves nothing to the one
// that has its number now.
void renumber_records(const fs::path& root, const std::map<std::string, std::string>& numbers,
                      const std::set<std::string>& gone) {
  if (numbers.empty() && gone.empty()) return;
  update_state(root, [&](LearnerState& state) {
    std::map<std::string, ExerciseRecord> records;
    for (const auto& [id, record] : state.exercises) {
      if (gone.count(id) > 0) continue;
      const auto now = numbers.find(id);
      records.insert_or_assign(now == numbers.end() ? id : now->second, record);
    }
    state.exercises = std::move(records);
  });
}

// Leaves a learner's file as it is, and the new form beside it.
void leave_alone(const Course& course, UpdatedFile& file, const std::string& why, const std::string& text) {
  file.left_alone = why;
  file.beside = ".verse/new/" + file.path;
  const fs::path target = course.root() / file.beside;
  fs::create_directories(target.parent_path());
  write_file_atomically(target, text);
}

std::optional<UpdatedFile> update_one(const Course& course, const StubFile& stub,
                                      std::map<std::string, std::string>& renumbered, std::set<std::string>& gone) {
  UpdatedFile file;
  file.path = stub.path;
  const auto learner = read_file_if_there(course.root() / stub.path);
  if (learner == stub.text) return std::nullopt;
  if (!learner) {
    fs::create_directories((course.root() / stub.path).parent_path());
    write_file_atomically(course.root() / stub.path, stub.text);
    file.changes.push_back("this file is new");
    return file;
  }
  const auto base = began_from(course.root(), stub.path, *learner);
  if (!base) {
    leave_alone(course, file, "no earlier form of its stub is known, so it cannot be told what is yours", stub.text);
    return file;
  }
  try {
    const MergedFile merged = merge_file(*base, stub.text, *learner);
    file.changes = changes_of(merged, *base, stub.text);
    if (merged.conflict) {
      leave_alone(course, file, "you and the course have changed the same lines outside the exercises", merged.text);
      return file;
    }
    if (merged.text == *learner) return std::nullopt;
    file.backup = back_up(course.root(), stub.path, *learner, "update");
    write_file_atomically(course.root() / stub.path, merged.text);
    renumbered.insert(merged.renumbered.begin(), merged.renumbered.end());
    gone.insert(merged.gone.begin(), merged.gone.end());
  } catch (const MarkError& error) {
    leave_alone(course, file, fmt::format("line {}: {}", error.line(), error.what()), stub.text);
  }
  return file;
}

fs::path kept_folder(const fs::path& root) {
  return learner_folder(root) / "update";
}

// Puts the learner's files back from where an update keeps them, those too that the course of now does not have.
void put_back_kept(const fs::path& root) {
  const fs::path kept = kept_folder(root);
  if (!fs::exists(kept)) return;
  for (const fs::directory_entry& file : fs::recursive_directory_iterator(kept)) {
    if (file.path().extension() != ".cpp") continue;  // a folder, or what was never written to its end
    const std::string path = file.path().lexically_relative(kept).string();
    const std::string before = read_file(file.path());
    const auto text = read_file_if_there(root / path);
    if (text == before) continue;
    if (text && !all_bodies_are_stubs(*text)) back_up(root, path, *text, "update");
    fs::create_directories((root / path).parent_path());
    write_file_atomically(root / path, before);
  }
  fs::remove_all(kept);
}

// A folder in .verse/backup/ with every learner's file and what is known of the learner.
std::string back_up_everything(const Course& course, const std::vector<StubFile>& stubs, const std::string& occasion) {
  std::string stamp = time_stamp();
  std::erase_if(stamp, [](char c) { return c == ':' || c == '-'; });
  fs::path folder;
  for (int copy = 1; copy == 1 || fs::exists(folder); ++copy) {
    const std::string suffix = copy == 1 ? "" : fmt::format("-{}", copy);
    folder = learner_folder(course.root()) / "backup" / fmt::format("{}{}_{}", stamp, suffix, occasion);
  }
  std::vector<std::string> paths{".verse/progress.json"};
  for (const StubFile& stub : stubs) paths.push_back(stub.path);
  for (const std::string& path : paths) {
    const auto text = read_file_if_there(course.root() / path);
    if (!text) continue;
    fs::create_directories((folder / path).parent_path());
    write_file_atomically(folder / path, *text);
  }
  return fs::relative(folder, course.root()).string();
}

}  // namespace

std::vector<UpdatedFile> update_files(const Course& course) {
  const std::vector<StubFile> stubs = make_stubs(course);
  put_back_kept(course.root());
  std::vector<UpdatedFile> files;
  std::map<std::string, std::string> renumbered;
  std::set<std::string> gone;
  std::vector<StubFile> settled;
  for (const StubFile& stub : stubs) {
    auto file = update_one(course, stub, renumbered, gone);
    if (!file || file->left_alone.empty()) settled.push_back(stub);
    if (file) files.push_back(*std::move(file));
  }
  renumber_records(course.root(), renumbered, gone);
  remember_stubs(course.root(), settled);
  write_learner_chapters(course, learner_chapters(course, load_state(course.root())));
  return files;
}

std::vector<std::string> files_left_behind(const Course& course) {
  std::set<std::string> known;
  for (const StubFile& stub : make_stubs(course)) known.insert(stub.path);
  std::vector<std::string> behind;
  for (const fs::directory_entry& chapter : fs::directory_iterator(course.root() / "chapters")) {
    if (!chapter.is_directory()) continue;
    for (const fs::directory_entry& file : fs::directory_iterator(chapter.path())) {
      const std::string path = file.path().lexically_relative(course.root()).string();
      if (file.path().extension() != ".cpp" || file.path().filename() == "main.cpp") continue;
      if (!file.is_regular_file() || known.count(path) > 0) continue;
      if (read_file(file.path()).find("//! [") != std::string::npos) behind.push_back(path);
    }
  }
  std::sort(behind.begin(), behind.end());
  return behind;
}

FetchResult fetch_course(const Course& course) {
  const fs::path& root = course.root();
  const std::vector<StubFile> stubs = make_stubs(course);
  put_back_kept(root);
  const auto upstream = git(root, {"rev-parse", "--verify", "--quiet", "@{upstream}"});
  if (!upstream) return {"this branch follows no other (git branch --set-upstream-to=...), so nothing is fetched", {}};
  if (!git(root, {"fetch", "--quiet"})) {
    throw UsageError("the course cannot be fetched; `git fetch` in its folder says why; nothing was changed");
  }
  const auto count = git(root, {"rev-list", "--count", "HEAD..@{upstream}"});
  if (!count || trimmed(*count) == "0") return {"nothing new has come", {}};

  // What the learner has changed and the course too: their own files are kept aside, anything else stops the update.
  const std::vector<std::string> changed =
      lines_from_git(root, {"diff", "--name-only", "--no-renames", "--relative", "HEAD"});
  const std::vector<std::string> coming =
      lines_from_git(root, {"diff", "--name-only", "--no-renames", "--relative", "HEAD...@{upstream}"});
  FetchResult result;
  std::vector<std::string> aside;
  for (const std::string& path : changed) {
    if (std::find(coming.begin(), coming.end(), path) == coming.end()) continue;
    const bool learners =
        std::any_of(stubs.begin(), stubs.end(), [&](const StubFile& stub) { return stub.path == path; });
    (learners ? aside : result.other_work).push_back(path);
  }
  if (!result.other_work.empty()) return result;

  for (const StubFile& stub : stubs) {
    const auto text = read_file_if_there(root / stub.path);
    if (!text || all_bodies_are_stubs(*text)) continue;
    back_up(root, stub.path, *text, "update");
    fs::create_directories((kept_folder(root) / stub.path).parent_path());
    write_file_atomically(kept_folder(root) / stub.path, *text);
  }
  for (const std::string& path : aside) {
    const auto text = read_file_if_there(root / path);
    if (text && !fs::exists(kept_folder(root) / path)) {
      fs::create_directories((kept_folder(root) / path).parent_path());
      write_file_atomically(kept_folder(root) / path, *text);
    }
  }
  const bool cleared = aside.empty() || [&] {
    std::vector<std::string> words{"checkout", "--quiet", "HEAD", "--"};
    words.insert(words.end(), aside.begin(), aside.end());
    return git(root, words).has_value();
  }();
  const bool merged = cleared && git(root, {"merge", "--quiet", "--no-edit", "-X", "ours", "@{upstream}"}).has_value();
  if (!merged) git(root, {"merge", "--abort"});
  put_back_kept(root);
  if (!merged) {
    throw UsageError("git cannot merge the course's new state; `git merge @{upstream}` says why; nothing was changed");
  }
  result.said = fmt::format("{} of the course {} come",
                            counted(static_cast<std::size_t>(to_whole_number(trimmed(*count)).value_or(0)), "change"),
                            trimmed(*count) == "1" ? "has" : "have");
  return result;
}

SweepResult start_at(const Course& course, int number) {
  SweepResult result;
  const std::vector<StubFile> stubs = make_stubs(course);
  std::vector<const Exercise*> to_solve;
  for (const int earlier : course.numbers()) {
    if (earlier >= course.chapter(number).number) break;
    for (const Exercise& exercise : course.chapter(earlier).exercises) {
      const BodyInFile body = look_at_body(course, exercise);
      if (body.stub) {
        to_solve.push_back(&exercise);
      } else if (body.digest != look_at_body(course, exercise, true).digest) {
        result.kept.push_back(exercise.id);
      }
    }
  }
  if (to_solve.empty()) return result;
  result.backup = back_up_everything(course, stubs, fmt::format("start-{}", number));
  for (const Exercise* exercise : to_solve) {
    solve_exercise(course, *exercise, Backup::made_already);
    result.changed.push_back(exercise->id);
  }
  return result;
}

SweepResult reset_everything(const Course& course) {
  SweepResult result;
  const std::vector<StubFile> stubs = make_stubs(course);
  result.backup = back_up_everything(course, stubs, "reset");
  for (const StubFile& stub : stubs) {
    const auto text = read_file_if_there(course.root() / stub.path);
    if (text == stub.text) continue;
    fs::create_directories((course.root() / stub.path).parent_path());
    write_file_atomically(course.root() / stub.path, stub.text);
    result.changed.push_back(stub.path);
  }
  update_state(course.root(), [](LearnerState& state) {
    LearnerState fresh;
    fresh.stubs_written = state.stubs_written;
    state = fresh;
  });
  remember_stubs(course.root(), stubs);
  write_learner_chapters(course, {});
  return result;
}

}  // namespace verse
