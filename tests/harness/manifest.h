#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace verse {

/// A wrong answer that people really give; the exercise's test names it by its id.
struct KnownMistake {
  std::string id;    ///< "no_scaling"
  std::string says;  ///< in plain words, for the learner
};

struct Exercise {
  std::string id;       ///< "3.2"
  std::string title;    ///< "Causal mask"
  std::string file;     ///< within the chapter's folder: "attention.cpp"
  std::string section;  ///< the anchor in the chapter's chapter.md
  int minutes = 0;
  bool core = true;  ///< false: "Going further"
  std::array<std::string, 3> hints;
  std::vector<KnownMistake> mistakes;
  std::size_t line = 0;  ///< where its entry begins in the manifest

  /// The known mistake of that id, or nullptr.
  const KnownMistake* find_mistake(std::string_view id) const;
};

/// A question that a chapter asks before its program is run. It does not count as an exercise.
struct Prediction {
  std::string id;  ///< "P3.1"
  std::string question;
  std::optional<double> answer;     ///< a number ...
  double tolerance = 0;             ///< ... give or take this much,
  std::vector<std::string> accept;  ///< or any of these words
  std::string why;
  std::string section;
  std::size_t line = 0;
};

/// What a chapter's `exercises.toml` says.
struct Chapter {
  int number = 0;
  std::string folder;  ///< "03_attention"
  std::string title;
  std::vector<Exercise> exercises;
  std::vector<Prediction> predictions;
};

/// A manifest that does not say what it must; what() is one line that begins with file:line.
class ManifestError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Reads one manifest, and believes nothing: unknown, missing and ill-typed entries, numbers out of order and anything
/// but three hints are errors. What concerns other files (marks, sections) is for lint.
///
/// @param shown how errors name the file, such as its path within the repository.
/// @throws ManifestError
Chapter read_manifest(const std::filesystem::path& file, const std::string& shown);

/// The same from a file's text. @param in_folder the name of the folder in which the file lies
Chapter parse_manifest(const std::string& text, const std::string& in_folder, const std::string& shown);

}  // namespace verse
