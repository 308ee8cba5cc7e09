#include "common/play/play_quill.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <stdexcept>

namespace verse {

namespace {

constexpr std::size_t kProseColumns = 54;  // prose begins a new line at the first space from this column on

bool is_word_character(char character) {
  return std::isalnum(static_cast<unsigned char>(character)) != 0 || character == '\'' || character == '-';
}

}  // namespace

std::string_view Quill::glue(Grammar::Kind kind) const {
  if (kind != Grammar::Kind::word || column_ == 0) return "";
  return !verse_ && column_ >= kProseColumns ? "\n" : " ";
}

char Quill::letter(const Grammar::Arm& arm, const std::string& word, std::size_t i) const {
  const bool first_letter = i == (word[0] == '\'' ? 1U : 0U);  // 'tis is written 'Tis
  const bool capital = first_letter && capital_ && arm.kind == Grammar::Kind::word;
  return capital ? static_cast<char>(std::toupper(static_cast<unsigned char>(word[i]))) : word[i];
}

std::string Quill::spelling(const Grammar::Arm& arm, const std::string& word) const {
  std::string text(glue(arm.kind));
  for (std::size_t i = 0; i < word.size(); ++i) text += letter(arm, word, i);
  return text;
}

Quill::Chosen Quill::write(const Grammar::Choice& choice) {
  const std::string_view coming_text = coming(choice);

  // At first every word of the choice is possible.
  ranges_.clear();
  double possible = 0;
  for (const Grammar::Arm& arm : choice.arms) {
    const double probability = static_cast<double>(arm.mass) / static_cast<double>(choice.mass);
    for (const WordList* list : arm.lists) {
      ranges_.push_back({&arm, list, 0, list->words.size(), probability / static_cast<double>(arm.weight)});
      possible += ranges_.back().per_weight * static_cast<double>(list->weight());
    }
  }

  // Character by character the words are dropped that do not go on as the text does.
  std::size_t length = 0;
  for (; length < coming_text.size(); ++length) {
    const char character = coming_text[length];
    double still_possible = 0;
    std::size_t kept = 0;
    for (Range range : ranges_) {
      const std::string_view joint = glue(range.arm->kind);
      if (length < joint.size()) {
        if (joint[length] != character) continue;
      } else {
        const std::size_t i = length - joint.size();
        const auto begin = range.list->words.begin();
        const auto before = [&](const std::string& word, char c) {
          return word.size() <= i || letter(*range.arm, word, i) < c;
        };
        const auto beyond = [&](char c, const std::string& word) {
          return word.size() > i && c < letter(*range.arm, word, i);
        };
        const auto from = begin + static_cast<std::ptrdiff_t>(range.begin);
        const auto to = begin + static_cast<std::ptrdiff_t>(range.end);
        const auto low = std::lower_bound(from, to, character, before);
        const auto high = std::upper_bound(low, to, character, beyond);
        range.begin = static_cast<std::size_t>(low - begin);
        range.end = static_cast<std::size_t>(high - begin);
        if (range.begin == range.end) continue;
      }
      const std::vector<std::int64_t>& before = range.list->weights_before;
      still_possible += range.per_weight * static_cast<double>(before[range.end] - before[range.begin]);
      ranges_[kept++] = range;
    }
    if (kept == 0) break;
    ranges_.resize(kept);
    costs_.push_back(pending_ + std::log(possible / still_possible));
    pending_ = 0;
    possible = still_possible;
  }

  // Of the words that are left one must be complete, and the others be told from it by the character that follows.
  Chosen chosen;
  double probability = 0;
  for (const Range& range : ranges_) {
    const std::size_t letters = length - std::min(length, glue(range.arm->kind).size());
    std::size_t next = range.begin;
    if (range.list->words[next].size() == letters && letters > 0) {
      if (chosen.arm != nullptr) throw std::logic_error("the grammar has two ways to " + range.list->words[next]);
      chosen = {range.arm, range.list, next};
      const std::vector<std::int64_t>& before = range.list->weights_before;
      probability = range.per_weight * static_cast<double>(before[next + 1] - before[next]);
      ++next;
    }
    for (; next < range.end; ++next) {
      const std::string& word = range.list->words[next];
      const bool told = is_word_character(word[letters]) || word == "\n\n";
      if (!told && chosen.arm != nullptr) throw std::logic_error("the grammar cannot tell where to end " + word);
    }
  }
  text_ += coming_text.substr(0, length);
  if (done()) return chosen;
  if (chosen.arm == nullptr) fail(text_.size());
  pending_ = std::log(possible / probability);

  // Where the pen stands now.
  const std::string& word = chosen.list->words[chosen.word];
  const bool new_line = word.back() == '\n';
  const std::size_t line_start = text_.rfind('\n');
  column_ = text_.size() - (line_start == std::string::npos ? 0 : line_start + 1);
  capital_ = new_line || word == "." || word == "!" || word == "?";
  return chosen;
}

std::string_view Author::coming(const Grammar::Choice& choice) {
  // First the arm, then the word: whole numbers all the way, so that chance falls alike on every machine.
  std::int64_t lot = random_.below(choice.mass);
  std::size_t arm = 0;
  while (lot >= choice.arms[arm].mass) lot -= choice.arms[arm++].mass;
  lot = random_.below(choice.arms[arm].weight);
  std::size_t list = 0;
  while (lot >= choice.arms[arm].lists[list]->weight()) lot -= choice.arms[arm].lists[list++]->weight();
  const WordList& words = *choice.arms[arm].lists[list];
  const auto after = std::upper_bound(words.weights_before.begin(), words.weights_before.end(), lot);
  word_ = spelling(choice.arms[arm], words.words[static_cast<std::size_t>(after - words.weights_before.begin()) - 1]);
  return std::string_view(word_).substr(0, characters_ - text().size());
}

void Author::fail(std::size_t) const {
  throw std::logic_error("the author wrote a word that was not to be chosen");
}

std::string_view Reader::coming(const Grammar::Choice&) {
  return play_.substr(text().size());
}

void Reader::fail(std::size_t position) const {
  const std::string_view read = play_.substr(0, position);
  const auto line = 1 + std::count(read.begin(), read.end(), '\n');
  throw std::invalid_argument("line " + std::to_string(line) + " is no line of the play: it goes wrong after \"" +
                              std::string(read.substr(read.size() - std::min<std::size_t>(read.size(), 30))) + "\"");
}

}  // namespace verse
