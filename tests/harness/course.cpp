#include "tests/harness/course.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/text.h"

namespace verse {
namespace {

namespace fs = std::filesystem;

// The number in a chapter's folder name, such as 3 in "03_attention".
std::optional<int> number_of_folder(std::string_view name) {
  if (name.size() < 4 || name[2] != '_') return std::nullopt;
  int number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + 2, number);
  if (error != std::errc() || end != name.data() + 2) return std::nullopt;
  return number;
}

}  // namespace

int chapter_of(std::string_view id) {
  std::string_view text = id;
  if (text.starts_with('P')) text.remove_prefix(1);
  int chapter = 0;
  int number = 0;
  const char* const last = text.data() + text.size();
  const auto first_part = std::from_chars(text.data(), last, chapter);
  if (first_part.ec == std::errc() && first_part.ptr != last && *first_part.ptr == '.') {
    const auto second_part = std::from_chars(first_part.ptr + 1, last, number);
    if (second_part.ec == std::errc() && second_part.ptr == last && chapter >= 0 && number > 0) return chapter;
  }
  throw UsageError(fmt::format("\"{}\" is not the number of an exercise, such as 3.2, or of a prediction, P3.1", id));
}

Course::Course(const fs::path& root) : root_(fs::absolute(root).lexically_normal()) {
  const fs::path chapters = root_ / "chapters";
  if (!fs::is_directory(chapters)) {
    throw UsageError(fmt::format("{} holds no course: it has no folder `chapters`", root_.string()));
  }
  for (const fs::directory_entry& entry : fs::directory_iterator(chapters)) {
    const std::string name = entry.path().filename().string();
    const auto number = number_of_folder(name);
    if (number && fs::exists(entry.path() / "exercises.toml")) folders_[*number] = name;
  }
}

std::optional<fs::path> Course::find_root(fs::path start) {
  for (fs::path folder = fs::absolute(start);; folder = folder.parent_path()) {
    if (fs::is_directory(folder / "chapters") && fs::is_directory(folder / "solutions")) return folder;
    if (folder == folder.parent_path()) return std::nullopt;
  }
}

std::vector<int> Course::numbers() const {
  std::vector<int> result;
  for (const auto& [number, folder] : folders_) result.push_back(number);
  return result;
}

const Chapter& Course::chapter(int number) const {
  const auto known = chapters_.find(number);
  if (known != chapters_.end()) return known->second;

  const auto folder = folders_.find(number);
  if (folder == folders_.end()) {
    throw UsageError(fmt::format("there is no chapter {} with exercises; there are {}", number,
                                 folders_.empty() ? "none" : fmt::format("{}", fmt::join(numbers(), ", "))));
  }
  const std::string shown = fmt::format("chapters/{}/exercises.toml", folder->second);
  return chapters_.emplace(number, read_manifest(root_ / shown, shown)).first->second;
}

const Exercise& Course::exercise(std::string_view id) const {
  const Chapter& its_chapter = chapter(chapter_of(id));
  for (const Exercise& exercise : its_chapter.exercises) {
    if (exercise.id == id) return exercise;
  }
  throw UsageError(fmt::format("chapter {} has no exercise {}; its exercises are {}.1 to {}.{}", its_chapter.number, id,
                               its_chapter.number, its_chapter.number, its_chapter.exercises.size()));
}

const Prediction& Course::prediction(std::string_view id) const {
  const Chapter& its_chapter = chapter(chapter_of(id));
  for (const Prediction& prediction : its_chapter.predictions) {
    if (prediction.id == id) return prediction;
  }
  throw UsageError(fmt::format("chapter {} has no prediction {}; it has {} (P{}.1 ...)", its_chapter.number, id,
                               its_chapter.predictions.size(), its_chapter.number));
}

std::string Course::learner_file(const Chapter& chapter, std::string_view file) const {
  return fmt::format("chapters/{}/{}", chapter.folder, file);
}

std::string Course::solution_file(const Chapter& chapter, std::string_view file) const {
  return fmt::format("solutions/{}/{}", chapter.folder, file);
}

std::string Course::manifest_file(const Chapter& chapter) const {
  return learner_file(chapter, "exercises.toml");
}

std::string Course::text_file(const Chapter& chapter) const {
  return learner_file(chapter, "chapter.md");
}

std::string Course::readme_file(const Chapter& chapter) const {
  return learner_file(chapter, "README.md");
}

std::optional<std::string> Course::section_title(const Chapter& chapter, std::string_view anchor) const {
  const auto text = read_file_if_there(root_ / text_file(chapter));
  if (!text) return std::nullopt;
  const std::string mark = fmt::format("{{#{}}}", anchor);
  for (const std::string_view line : lines_of(*text)) {
    const std::size_t place = line.find(mark);
    if (!line.starts_with('#') || place == std::string_view::npos) continue;
    const std::string_view heading = trimmed(line.substr(0, place));
    return std::string(trimmed(heading.substr(heading.find_first_not_of('#'))));
  }
  return std::nullopt;
}

std::string Course::section_of(const Exercise& exercise) const {
  return section_title(chapter(chapter_of(exercise.id)), exercise.section).value_or(exercise.section);
}

std::optional<std::string> Course::book_page(const fs::path& build, std::string_view anchor) const {
  const fs::path pages = build / "book" / "html";
  std::error_code ignored;
  if (!fs::is_directory(pages, ignored)) return std::nullopt;

  // The anchor is looked for in the pages themselves: how Doxygen names its pages is then of no matter.
  const std::string mark = fmt::format("id=\"{}\"", anchor);
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(pages)) {
    if (entry.path().extension() == ".html") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    const auto text = read_file_if_there(file);
    if (text && text->find(mark) != std::string::npos) {
      return fmt::format("{}#{}", fs::proximate(file, root_).string(), anchor);
    }
  }
  return std::nullopt;
}

}  // namespace verse
