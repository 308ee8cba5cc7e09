#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "common/play/play.h"

namespace verse {

/// Where every program of the course begins to speak, so that progress is heard from chapter to chapter: the start of a
/// line.
inline constexpr const char* kPrompt = "\n";

/// A text to learn from, in characters (code points), with its split: the first 90 % trains, the rest validates, as in
/// nanoGPT.
struct Corpus {
  std::string name;            ///< for titles and figures: "the play", or the file's name
  std::string text;            ///< UTF-8
  std::string train;           ///< the first 90 % of the characters
  std::string validation;      ///< the rest
  std::size_t characters = 0;  ///< of the whole text
  std::optional<double>
      floor;  ///< of the validation part, nats a character, where the text's source is known: the play
};

/// Reads a text, or writes the play where no path is given.
/// @throws UsageError for a file that is missing, a folder, empty, or not UTF-8 (with the byte's position).
Corpus load_corpus(const std::optional<std::filesystem::path>& path);

/// @throws UsageError where a part of a text has fewer characters than a program can do anything with.
void need_characters(const Corpus& corpus, std::size_t train, std::size_t validation);

/// Splits a text at 90 % of its characters, rounded down.
Corpus make_corpus(std::string name, std::string text);

}  // namespace verse
