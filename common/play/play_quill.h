#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/random.h"
#include "common/play/play_grammar.h"

namespace verse {

/// What writes a play, choice by choice, or reads one back. The play is told once (perform_play) and both follow it, so
/// that they cannot disagree about what comes next.
///
/// Either way each character gets its cost, -ln p of it given all characters before it, in nats: the share of the
/// words that begin as the text does, before and after the character. That a word is over only shows in the character
/// after it, which bears that cost.
class Quill {
 public:
  struct Chosen {
    const Grammar::Arm* arm = nullptr;
    const WordList* list = nullptr;
    std::size_t word = 0;
  };

  virtual ~Quill() = default;

  /// Takes one of the ways on and writes its word. After that the text may be complete: see done().
  Chosen write(const Grammar::Choice& choice);

  /// From here on lines are verse or prose.
  void set_verse(bool verse) { verse_ = verse; }

  virtual bool done() const = 0;
  const std::string& text() const { return text_; }
  std::vector<double> take_costs() { return std::move(costs_); }
  std::string take_text() { return std::move(text_); }

 protected:
  /// How a word would stand at this place: what joins it to the text, and whether it begins with a capital.
  std::string_view glue(Grammar::Kind kind) const;
  char letter(const Grammar::Arm& arm, const std::string& word, std::size_t i) const;
  std::string spelling(const Grammar::Arm& arm, const std::string& word) const;

  /// The text that the next word is found in, from its first character (glue included) on.
  virtual std::string_view coming(const Grammar::Choice& choice) = 0;
  /// Called where what comes is no word of the choice.
  virtual void fail(std::size_t position) const = 0;

 private:
  struct Range {
    const Grammar::Arm* arm;
    const WordList* list;
    std::size_t begin, end;  // the words that begin as the text does
    double per_weight;       // probability of a word for each unit of its weight
  };

  std::string text_;
  std::vector<double> costs_;
  std::vector<Range> ranges_;
  double pending_ = 0;  // cost of the last word's end, not yet borne by a character
  std::size_t column_ = 0;
  bool capital_ = true;
  bool verse_ = true;
};

/// Writes a play by chance, up to a number of characters.
class Author : public Quill {
 public:
  Author(std::uint64_t seed, std::size_t characters) : random_(seed), characters_(characters) {}
  bool done() const override { return text().size() >= characters_; }

 private:
  std::string_view coming(const Grammar::Choice& choice) override;
  void fail(std::size_t position) const override;

  Random random_;
  std::size_t characters_;
  std::string word_;
};

/// Reads a play. @throws std::invalid_argument, with the line, where a text is none.
class Reader : public Quill {
 public:
  explicit Reader(std::string_view play) : play_(play) {}
  bool done() const override { return text().size() >= play_.size(); }

 private:
  std::string_view coming(const Grammar::Choice& choice) override;
  void fail(std::size_t position) const override;

  std::string_view play_;
};

}  // namespace verse
