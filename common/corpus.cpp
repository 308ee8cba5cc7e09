#include "common/corpus.h"

#include <fmt/format.h>

#include <utility>

#include "common/base/characters.h"
#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/shown.h"
#include "common/base/text.h"

namespace verse {

namespace {

constexpr std::uint64_t kPlaySeed = 1;
constexpr std::size_t kLongestName = 100;  ///< characters of a file's name in titles

/// The byte at which a text's character with the given number begins.
std::size_t byte_of_character(const std::string& text, std::size_t character) {
  std::size_t byte = 0;
  for (std::size_t seen = 0; byte < text.size(); ++byte) {
    const bool begins = (static_cast<unsigned char>(text[byte]) & 0xc0) != 0x80;
    if (begins && seen++ == character) break;
  }
  return byte;
}

}  // namespace

Corpus make_corpus(std::string name, std::string text) {
  Corpus corpus;
  corpus.name = std::move(name);
  each_character(text, [&corpus](std::u32string_view piece) { corpus.characters += piece.size(); });
  const std::size_t split = byte_of_character(text, corpus.characters * 9 / 10);
  corpus.train = text.substr(0, split);
  corpus.validation = text.substr(split);
  corpus.text = std::move(text);
  return corpus;
}

void need_characters(const Corpus& corpus, std::size_t train, std::size_t validation) {
  const std::size_t trains = count_characters(corpus.train), validates = count_characters(corpus.validation);
  if (trains >= train && validates >= validation) return;
  throw UsageError(fmt::format(
      "{} is too short: its parts have {} and {} characters; this program needs {} to train on and {} to validate with",
      corpus.name, trains, validates, train, validation));
}

Corpus load_corpus(const std::optional<std::filesystem::path>& path) {
  if (!path) {
    Play play = generate_play(kPlaySeed);
    const std::size_t characters = play.text.size();  // the play's alphabet is ASCII: a byte is a character
    const double floor = play_floor(play, characters * 9 / 10, characters);
    Corpus corpus = make_corpus("the play", std::move(play.text));
    corpus.floor = floor;
    return corpus;
  }
  std::string text = read_input(*path);
  if (text.empty()) throw UsageError(fmt::format("{} is empty", path->string()));
  try {
    return make_corpus(one_line(path->filename().string(), kLongestName), std::move(text));
  } catch (const UsageError& error) {
    throw UsageError(fmt::format("{}: {}", path->string(), error.what()));
  }
}

}  // namespace verse
