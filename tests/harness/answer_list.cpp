#include "tests/harness/answer_list.h"

#include <fmt/format.h>

#include <regex>

#include "common/base/error.h"
#include "common/base/text.h"

namespace verse {
namespace {

bool has_code(std::string_view body) {
  for (const std::string_view line : lines_of(body)) {
    const std::string_view words = trimmed(line);
    if (!words.empty() && !words.starts_with("//")) return true;
  }
  return false;
}

void check_body(const ListedAnswer& answer) {
  if (!has_code(answer.body)) {
    throw UsageError(fmt::format("{}:{}: the answer to {} has no code", answer.file, answer.line, answer.exercise));
  }
}

}  // namespace

std::vector<ListedAnswer> read_answers(std::string_view text, const std::string& file) {
  static const std::regex heading(R"(//! \[(\d+\.\d+)\] (?:(right)|wrong(?: ([a-z0-9_+]+))?)(?:: (.*))?)");
  std::vector<ListedAnswer> answers;
  std::size_t number = 0;
  for (const std::string_view line : lines_of(text)) {
    ++number;
    const std::string words(trimmed(line));
    if (words.starts_with("//! [")) {
      std::smatch match;
      if (!std::regex_match(words, match, heading)) {
        throw UsageError(
            fmt::format("{}:{}: expected `//! [N.M] right` or `//! [N.M] wrong MISTAKE`, with words behind "
                        "a colon or without, got `{}`",
                        file, number, words));
      }
      if (!answers.empty()) check_body(answers.back());
      answers.push_back({match[1], match[2].matched, match[3], match[4], file, number, ""});
    } else if (!answers.empty()) {
      answers.back().body += std::string(line) + "\n";
    } else if (!words.empty() && !words.starts_with("//")) {
      throw UsageError(
          fmt::format("{}:{}: expected a heading such as `//! [3.1] wrong`, got `{}`", file, number, words));
    }
  }
  if (answers.empty()) throw UsageError(fmt::format("{}: there is no answer in it", file));
  check_body(answers.back());
  return answers;
}

}  // namespace verse
