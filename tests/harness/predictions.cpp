#include "tests/harness/predictions.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "common/base/text.h"

namespace verse {
namespace {

bool decimal_digit(char c) {
  return c >= '0' && c <= '9';
}

// Takes "32,896" to "32896". A comma that does not stand before three digits is kept, and is no number then.
std::string without_thousands_marks(std::string_view text) {
  const std::size_t end_of_whole = std::min(text.find_first_of(".eE"), text.size());
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool mark = (text[i] == ',' || text[i] == '_') && i > 0 && decimal_digit(text[i - 1]) && i < end_of_whole;
    const std::size_t group_end = i + 4;
    const bool three_follow = group_end <= end_of_whole && std::all_of(&text[i] + 1, &text[i] + 4, decimal_digit) &&
                              (group_end == end_of_whole || !decimal_digit(text[group_end]));
    if (mark && three_follow) continue;
    result += text[i];
  }
  return result;
}

// Words in the form in which they are compared: lower case, single blanks, no full stop.
std::string plain_words(std::string_view text) {
  std::string result;
  for (const char c : trimmed(text)) {
    const bool blank = c == ' ' || c == '\t';
    if (blank && result.ends_with(' ')) continue;
    result += blank ? ' ' : (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c;
  }
  while (result.ends_with('.') || result.ends_with('!')) result.pop_back();
  return result;
}

}  // namespace

std::optional<double> parse_number(std::string_view text) {
  text = trimmed(text);
  for (const std::string_view about : {"~", "\u2248", "about ", "ca. "}) {
    if (text.starts_with(about)) text = trimmed(text.substr(about.size()));
  }
  if (text.ends_with('%')) text = trimmed(text.substr(0, text.size() - 1));
  const std::size_t stroke = text.find('/');
  if (stroke != std::string_view::npos && text.find('/', stroke + 1) == std::string_view::npos) {
    const auto above = parse_number(text.substr(0, stroke)), below = parse_number(text.substr(stroke + 1));
    return above && below && *below != 0 ? std::optional(*above / *below) : std::nullopt;
  }
  const std::string plain = without_thousands_marks(text);
  const bool only_numeric = plain.find_first_not_of("0123456789+-.eE") == std::string::npos;
  if (plain.empty() || !only_numeric) return std::nullopt;
  char* end = nullptr;
  const double value = std::strtod(plain.c_str(), &end);
  if (*end != '\0' || end == plain.c_str() || !std::isfinite(value)) return std::nullopt;
  return value;
}

Answer judge_answer(const Prediction& prediction, std::string_view answer) {
  if (prediction.answer) {
    auto number = parse_number(answer);
    if (!number) return Answer::not_a_number;
    // A share may be given in per cent: 57.4% of what is asked for as 0.574.
    if (trimmed(answer).ends_with('%') && std::abs(*prediction.answer) <= 1 && std::abs(*number) > 1) *number /= 100;
    if (std::abs(*number - *prediction.answer) <= prediction.tolerance) return Answer::right;
    return *number < *prediction.answer ? Answer::too_low : Answer::too_high;
  }
  const std::string words = plain_words(answer);
  const bool accepted = std::any_of(prediction.accept.begin(), prediction.accept.end(),
                                    [&](const std::string& one) { return plain_words(one) == words; });
  return accepted ? Answer::right : Answer::wrong_words;
}

std::string without_tex(std::string_view text) {
  static const std::pair<const char*, const char*> replaced[] = {
      {"\\cdot", "x"},  {"\\times", "x"}, {"\\dots", "..."},  {"\\ldots", "..."}, {"\\approx", "~"},
      {"\\le ", "<= "}, {"\\ge ", ">= "}, {"\\sqrt", "sqrt"}, {"\\ln", "ln"},     {"\\log", "log"},
      {"{,}", ","},     {"\\,", " "},     {"$", ""}};
  std::string plain(text);
  for (const auto& [mark, by] : replaced) {
    for (std::size_t at = plain.find(mark); at != std::string::npos; at = plain.find(mark, at)) {
      plain.replace(at, std::string_view(mark).size(), by);
      at += std::string_view(by).size();
    }
  }
  return plain;
}

std::string right_answer(const Prediction& prediction) {
  if (!prediction.answer) return prediction.accept.front();
  const std::string number = fmt::format("{:.10g}", *prediction.answer);
  return prediction.tolerance == 0 ? number : fmt::format("{} (give or take {:.3g})", number, prediction.tolerance);
}

}  // namespace verse
