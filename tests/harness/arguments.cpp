#include "tests/harness/arguments.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstdlib>

#include "common/base/error.h"

namespace verse {

Arguments::Arguments(const std::string& command, const CommandSyntax& syntax, const std::vector<std::string>& line) {
  const std::string advice = fmt::format("`verse {} --help` says more", command);
  bool only_words = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const std::string& item = line[i];
    if (item == "--" && !only_words) {
      only_words = true;
      continue;
    }
    if (only_words || !item.starts_with("--")) {
      words_.push_back(item);
      continue;
    }
    const std::size_t equals = item.find('=');
    const std::string name = item.substr(0, equals);
    if (syntax.settings.count(name) > 0) {
      if (equals == std::string::npos && i + 1 == line.size()) {
        throw UsageError(fmt::format("{} wants a value; {}", name, advice));
      }
      settings_[name] = equals == std::string::npos ? line[++i] : item.substr(equals + 1);
    } else if (syntax.flags.count(item) > 0) {
      flags_.insert(item);
    } else {
      throw UsageError(fmt::format("{} does not know {}; {}", command, name, advice));
    }
  }
  if (words_.size() < syntax.fewest_words || words_.size() > syntax.most_words) {
    throw UsageError(fmt::format("use: verse {} {}", command, syntax.words));
  }
}

std::optional<std::string> Arguments::setting(const std::string& name) const {
  const auto found = settings_.find(name);
  if (found == settings_.end()) return std::nullopt;
  return found->second;
}

double Arguments::number(const std::string& name, double otherwise) const {
  const auto text = setting(name);
  if (!text) return otherwise;
  char* end = nullptr;
  const double value = std::strtod(text->c_str(), &end);
  if (text->empty() || *end != '\0' || !std::isfinite(value) || value <= 0) {
    throw UsageError(fmt::format("{} wants a number above 0, not \"{}\"", name, *text));
  }
  return value;
}

int Arguments::chapter(std::size_t word) const {
  const std::string& text = words_.at(word);
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0) {
    throw UsageError(fmt::format("\"{}\" is not the number of a chapter", text));
  }
  return number;
}

}  // namespace verse
