#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/harness/manifest.h"

namespace verse {

/// Where everything of the course lies, and what its manifests say. A manifest is read when it is first asked for, so
/// that a mistake in one chapter does not stop the work on another.
class Course {
 public:
  /// @throws UsageError where `root` is not the repository's root.
  explicit Course(const std::filesystem::path& root);

  /// The nearest folder that holds a course, from `start` upward.
  static std::optional<std::filesystem::path> find_root(std::filesystem::path start);

  const std::filesystem::path& root() const { return root_; }

  /// The numbers of the chapters that have a manifest, in order.
  std::vector<int> numbers() const;

  /// A chapter by its number, an exercise or a prediction by its id. @throws UsageError where there is none.
  const Chapter& chapter(int number) const;
  const Exercise& exercise(std::string_view id) const;
  const Prediction& prediction(std::string_view id) const;

  /// "chapters/03_attention/attention.cpp", and the file it was made from, "solutions/03_attention/attention.cpp".
  std::string learner_file(const Chapter& chapter, std::string_view file) const;
  std::string solution_file(const Chapter& chapter, std::string_view file) const;
  std::string manifest_file(const Chapter& chapter) const;
  /// The chapter's text with its anchors, and what is written from it to be read beside the code.
  std::string text_file(const Chapter& chapter) const;
  std::string readme_file(const Chapter& chapter) const;

  /// The heading that carries an anchor `{#ch03-mask}` in the chapter's chapter.md, without the anchor.
  std::optional<std::string> section_title(const Chapter& chapter, std::string_view anchor) const;

  /// How a reader finds an exercise's section: by its title; by its anchor, where the text has no such section.
  std::string section_of(const Exercise& exercise) const;

  /// The page of the rendered book that holds an anchor, relative to the root, where the book has been built.
  std::optional<std::string> book_page(const std::filesystem::path& build, std::string_view anchor) const;

 private:
  std::filesystem::path root_;
  std::map<int, std::string> folders_;  // by chapter number
  mutable std::map<int, Chapter> chapters_;
};

/// The chapter in "3.2" or "P3.2". @throws UsageError for anything else.
int chapter_of(std::string_view id);

}  // namespace verse
