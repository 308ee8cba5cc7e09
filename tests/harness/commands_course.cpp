#include <fmt/format.h>
#include <fmt/ranges.h>

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/terminal.h"
#include "common/base/text.h"
#include "tests/harness/child_process.h"
#include "tests/harness/commands.h"
#include "tests/harness/learner_state.h"
#include "tests/harness/progress_report.h"
#include "tests/harness/report_page.h"
#include "tests/harness/updating.h"

namespace verse {
namespace {

namespace fs = std::filesystem;

// A chapter that had passed whole, and whose code or headers are other ones now.
std::vector<int> chapters_to_check_again(const Course& course) {
  const LearnerState state = load_state(course.root());
  const std::vector<int> standing = learner_chapters(course, state);
  std::vector<int> again;
  for (const auto& [number, record] : state.chapters) {
    const bool stands = std::find(standing.begin(), standing.end(), number) != standing.end();
    if (!record.passed_with.empty() && !stands) again.push_back(number);
  }
  return again;
}

// Whose work it is: what was said, else what git knows, else nobody's name.
std::string name_of_learner(const Course& course, const Arguments& arguments) {
  const auto given = arguments.setting("--name");
  if (given && !trimmed(*given).empty()) return std::string(trimmed(*given));
  const auto known = output_of({"git", "-C", course.root().string(), "config", "user.name"});
  const std::string name = known ? std::string(trimmed(*known)) : "";
  return name.empty() ? "learner" : name;
}

// A name as a file's: letters and digits of ASCII, and hyphens for anything between.
std::string as_file_name(const std::string& name) {
  std::string result;
  for (const char c : name) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 && static_cast<unsigned char>(c) < 128;
    if (plain) result += c;
    if (!plain && !result.empty() && result.back() != '-') result += '-';
  }
  while (!result.empty() && result.back() == '-') result.pop_back();
  return result.empty() ? "learner" : result;
}

int fetch(const Course& course) {
  const FetchResult result = fetch_course(course);
  if (!result.other_work.empty()) {
    fmt::print(stderr,
               "the course has changed files of its own that you have changed too: {}\n"
               "nothing was changed; put yours away first (`git stash push FILE...`), then make update again\n",
               fmt::join(result.other_work, ", "));
    return 2;
  }
  fmt::print("{}\n", result.said);
  return 0;
}

}  // namespace

int run_start(const Course& course, const Arguments& arguments) {
  const int number = course.chapter(arguments.chapter(0)).number;
  const SweepResult result = start_at(course, number);
  if (result.changed.empty()) {
    fmt::print("no exercise before chapter {} is a stub: nothing to do\n", number);
  } else {
    fmt::print("{} before chapter {} now {} the reference's answer\n", counted(result.changed.size(), "exercise"),
               number, result.changed.size() == 1 ? "holds" : "hold");
    fmt::print("the files as they were: {0}; `cp -r {0}/. .` puts them back\n", result.backup);
  }
  if (!result.kept.empty()) fmt::print("yours stay as they are: {}\n", fmt::join(result.kept, ", "));
  return 0;
}

int run_update(const Course& course, const Arguments& arguments) {
  if (arguments.on("--fetch")) return fetch(course);
  const Style style = style_of_standard_output();
  int status = 0;
  const std::vector<UpdatedFile> files = update_files(course);
  for (const UpdatedFile& file : files) {
    fmt::print("{}\n", style.bold(file.path));
    for (const std::string& change : file.changes) fmt::print("  {}\n", change);
    if (!file.backup.empty()) fmt::print("  the file as it was: {}\n", file.backup);
    if (file.left_alone.empty()) continue;
    fmt::print("  {}: {}\n", style.red("left as it is"), file.left_alone);
    fmt::print("  the new form: {}; make one of both in your file\n", file.beside);
    status = 1;
  }
  if (files.empty()) {
    fmt::print("every file has what the course gives now\n");
  } else if (status == 0) {
    fmt::print("{} brought to the course of today; nothing that you wrote is lost\n", counted(files.size(), "file"));
  }
  for (const std::string& path : files_left_behind(course)) {
    fmt::print("{}: the course has no such file any more; yours stays, for what you want to take from it\n", path);
  }
  for (const int number : chapters_to_check_again(course)) {
    fmt::print("chapter {} has changed since it passed: make test-chapter-{}\n", number, number);
  }
  return status;
}

int run_report(const Course& course, const Arguments& arguments) {
  const auto out = arguments.setting("--out");
  const fs::path folder = out ? fs::absolute(*out) : course.root() / "build" / "report";
  make_folder(folder);
  const Json report = make_report(course, load_state(course.root()), name_of_learner(course, arguments));
  write_file_atomically(folder / "report.json", json_text(report, 2) + "\n");
  write_file_atomically(folder / "report.html", report_as_page(report));
  fmt::print("{} of {} pass with code of your own, {} with the reference's answer\n", report["passed"].get<int>(),
             counted(report["exercises"].get<std::size_t>(), "exercise"), report["by_reference"].get<int>());
  fmt::print("wrote {0}/report.html and {0}/report.json\n", fs::proximate(folder, fs::current_path()).string());
  return 0;
}

int run_handin(const Course& course, const Arguments& arguments) {
  const std::string name = name_of_learner(course, arguments);
  const Json pack = make_pack(course, load_state(course.root()), name);
  if (pack["files"].empty()) throw UsageError("every exercise is a stub still: there is nothing to hand in");
  const auto out = arguments.setting("--out");
  const fs::path file =
      out ? fs::absolute(*out) : course.root() / "build" / "handin" / (as_file_name(name) + ".pack.json");
  make_folder(file.parent_path());
  write_file_atomically(file, json_text(pack, 1) + "\n");
  for (const auto& [path, text] : pack["files"].items()) fmt::print("  {}\n", path);
  fmt::print("packed {} of {} into {}\n", counted(pack["files"].size(), "file"), name,
             fs::proximate(file, fs::current_path()).string());
  return 0;
}

int run_grade(const Course& course, const Arguments& arguments) {
  // What sets up sandboxes and waits for them is a script; this program is what runs inside of them.
  std::vector<std::string> words{"/usr/bin/python3", "-B", (course.root() / "tests/course/grade.py").string(), "--root",
                                 course.root().string()};
  for (const std::string name : {"--chapters", "--out", "--build-dir", "--seconds", "--with"}) {
    if (const auto value = arguments.setting(name)) words.insert(words.end(), {name, *value});
  }
  if (arguments.on("--without-sandbox")) words.emplace_back("--without-sandbox");
  words.emplace_back("--");
  words.insert(words.end(), arguments.words().begin(), arguments.words().end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  std::fflush(nullptr);
  execv(pointers[0], pointers.data());
  throw std::runtime_error(fmt::format("{} cannot be started: {}", words[0], strerror(errno)));
}

}  // namespace verse
