#include "common/base/option_reader.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <cxxopts.hpp>
#include <iostream>
#include <stdexcept>
#include <utility>

#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/system.h"
#include "common/base/text.h"

namespace verse {

namespace {

constexpr std::int64_t kNoEnd = std::numeric_limits<std::int64_t>::max();

/// A number for a message: whole ones without a point, infinities in words.
std::string show(double value) {
  return fmt::format("{:g}", value);
}

/// The values of a range as the help shows them, behind a comma; nothing for those without an end that is worth saying.
std::string shown(WholeRange range) {
  if (range.most != kNoEnd) return fmt::format(", {} to {}", range.least, range.most);
  return range.least > 0 ? fmt::format(", {} or more", range.least) : "";
}

std::string shown(NumberRange range) {
  if (!std::isinf(range.most)) return fmt::format(", {} to {}", show(range.least), show(range.most));
  return range.least > 0 ? fmt::format(", {} or more", show(range.least)) : "";
}

void check_whole(const std::string& name, const std::string& written, WholeRange range) {
  if (!is_whole_number(written))
    throw UsageError(fmt::format("--{} must be a whole number, not \"{}\"", name, written));
  const auto value = to_whole_number(written);
  if (value && *value >= range.least && *value <= range.most) return;
  const bool too_small = written.front() == '-' || (value && *value < range.least);
  if (range.most == kNoEnd && too_small) {
    throw UsageError(fmt::format("--{} must be at least {}, not {}", name, range.least, written));
  }
  throw UsageError(fmt::format("--{} must be between {} and {}, not {}", name, range.least, range.most, written));
}

void check_number(const std::string& name, const std::string& written, NumberRange range) {
  const auto value = to_number(written);
  if (!value || std::isnan(*value)) throw UsageError(fmt::format("--{} must be a number, not \"{}\"", name, written));
  if (*value >= range.least && *value <= range.most) return;
  if (std::isinf(range.most)) {
    throw UsageError(fmt::format("--{} must be at least {}, not {}", name, show(range.least), written));
  }
  throw UsageError(
      fmt::format("--{} must be between {} and {}, not {}", name, show(range.least), show(range.most), written));
}

void check_word(const std::string& name, const std::string& written, const std::vector<std::string>& words) {
  for (const auto& word : words) {
    if (word == written) return;
  }
  throw UsageError(fmt::format("--{} must be {}, not \"{}\"", name, one_of(words), written));
}

}  // namespace

/// What cxxopts needs, and the checks of each option in the order in which they were declared.
struct OptionReader::Parser {
  struct Declared {
    std::string name;
    Use check, set;
  };

  Parser(const std::string& program, const std::string& purpose) : options(program, purpose) {}

  cxxopts::Options options;
  cxxopts::ParseResult result;
  std::string heading = "This program";
  std::vector<Declared> declared;
  std::vector<std::filesystem::path> folders;  ///< to be made
};

OptionReader::OptionReader(const std::string& purpose, const std::string& command) {
  const std::string program = program_name();
  parser_ = std::make_unique<Parser>(command.empty() ? program : program + " " + command, purpose);
  parser_->options.set_width(100);
  parser_->options.allow_unrecognised_options();  // they are refused below, in our words
}

OptionReader::OptionReader(OptionReader&&) noexcept = default;
OptionReader::~OptionReader() = default;

void OptionReader::group(const std::string& heading) {
  parser_->heading = heading;
}

void OptionReader::add(const std::string& name, const std::string& help, const std::string& value_name,
                       const std::optional<std::string>& otherwise, Use check, Use set) {
  auto value = cxxopts::value<std::string>();
  if (otherwise) value->default_value(*otherwise);
  parser_->options.add_options(parser_->heading)(name, help, value, value_name);
  parser_->declared.push_back({name, std::move(check), std::move(set)});
}

void OptionReader::option(const std::string& name, std::int64_t& value, WholeRange range, const std::string& help) {
  add(
      name, help + shown(range), "N", std::to_string(value),
      [=](const std::string& text) { check_whole(name, text, range); },
      [&value](const std::string& text) { value = *to_whole_number(text); });
}

void OptionReader::option(const std::string& name, std::optional<std::int64_t>& value, WholeRange range,
                          const std::string& help) {
  add(
      name, help + shown(range), "N", {}, [=](const std::string& text) { check_whole(name, text, range); },
      [&value](const std::string& text) { value = to_whole_number(text); });
}

void OptionReader::option(const std::string& name, double& value, NumberRange range, const std::string& help) {
  add(
      name, help + shown(range), "X", show(value), [=](const std::string& text) { check_number(name, text, range); },
      [&value](const std::string& text) { value = *to_number(text); });
}

void OptionReader::option(const std::string& name, std::optional<double>& value, NumberRange range,
                          const std::string& help) {
  add(
      name, help + shown(range), "X", {}, [=](const std::string& text) { check_number(name, text, range); },
      [&value](const std::string& text) { value = to_number(text); });
}

void OptionReader::option(const std::string& name, std::optional<std::string>& value, const std::string& help,
                          const std::string& value_name) {
  add(name, help, value_name, {}, {}, [&value](const std::string& text) { value = text; });
}

void OptionReader::option(const std::string& name, std::optional<std::filesystem::path>& value, const std::string& help,
                          const std::string& value_name) {
  add(name, help, value_name, {}, {}, [&value](const std::string& text) { value = text; });
}

void OptionReader::choice(const std::string& name, std::string& value, const std::vector<std::string>& words,
                          const std::string& help) {
  add(
      name, help, "NAME", value, [=](const std::string& text) { check_word(name, text, words); },
      [&value](const std::string& text) { value = text; });
}

void OptionReader::choice(const std::string& name, std::optional<std::string>& value,
                          const std::vector<std::string>& words, const std::string& help) {
  add(
      name, help, "NAME", {}, [=](const std::string& text) { check_word(name, text, words); },
      [&value](const std::string& text) { value = text; });
}

void OptionReader::folder(const std::string& name, std::optional<std::filesystem::path>& value,
                          const std::string& help) {
  add(name, help, "FOLDER", {}, {}, [this_parser = parser_.get(), &value](const std::string& text) {
    value = text;
    this_parser->folders.emplace_back(text);
  });
}

void OptionReader::flag(const std::string& name, bool& value, const std::string& help) {
  declare_flag(name, help);
  parser_->declared.back().set = [&value](const std::string&) { value = true; };
}

void OptionReader::declare_flag(const std::string& name, const std::string& help) {
  parser_->options.add_options(parser_->heading)(name, help, cxxopts::value<std::string>()->implicit_value("true"), "");
  const auto check = [name](const std::string& text) {
    if (text != "true") throw UsageError(fmt::format("--{} takes no value, not \"{}\"", name, text));
  };
  parser_->declared.push_back({name, check, {}});
}

void OptionReader::declare(const std::string& name, WholeRange range, const std::string& help) {
  add(name, help + shown(range), "N", {}, [=](const std::string& text) { check_whole(name, text, range); });
}

void OptionReader::declare(const std::string& name, NumberRange range, const std::string& help) {
  add(name, help + shown(range), "X", {}, [=](const std::string& text) { check_number(name, text, range); });
}

void OptionReader::declare(const std::string& name, const std::vector<std::string>& words, const std::string& help) {
  add(name, help, "NAME", {}, [=](const std::string& text) { check_word(name, text, words); });
}

void OptionReader::declare(const std::string& name, const std::string& help, const std::string& value_name) {
  add(name, help, value_name, {}, {});
}

void OptionReader::positional(const std::string& name) {
  parser_->options.parse_positional({name});
  parser_->options.positional_help(fmt::format("[{}]", name));
}

void OptionReader::declare_help() {
  parser_->options.add_options(parser_->heading)("help", "this page");
}

void OptionReader::read(int argc, char** argv) {
  Parser& parser = *parser_;
  try {
    parser.result = parser.options.parse(argc, argv);
  } catch (const cxxopts::exceptions::missing_argument&) {
    // It can only be the last word that has nothing behind it.
    throw UsageError(fmt::format("{} needs a value", argv[argc - 1]));
  } catch (const cxxopts::exceptions::exception&) {
    throw UsageError("the options cannot be read; --help lists them");
  }
  if (parser.result.count("help") > 0) {
    std::cout << parser.options.help();
    std::cout.flush();
    std::exit(0);
  }
  if (!parser.result.unmatched().empty()) {
    const std::string word = parser.result.unmatched().front();
    throw UsageError(word.starts_with('-') ? fmt::format("there is no option {}; --help lists them", word)
                                           : fmt::format("\"{}\" is no option; --help lists them", word));
  }

  // First everything is looked at, then everything is set.
  for (const auto& option : parser.declared) {
    if (const auto text = written(option.name); text && option.check) option.check(*text);
  }
  for (const auto& option : parser.declared) {
    if (const auto text = written(option.name); text && option.set) option.set(*text);
  }
}

void OptionReader::make_folders() const {
  for (const auto& folder : parser_->folders) make_folder(folder);
}

bool OptionReader::given(const std::string& name) const {
  return parser_->result.count(name) > 0;
}

std::optional<std::string> OptionReader::written(const std::string& name) const {
  if (!given(name)) return std::nullopt;
  return parser_->result[name].as<std::string>();
}

bool OptionReader::take(const std::string& name, std::int64_t& value) const {
  const auto text = written(name);
  if (text) value = *to_whole_number(*text);
  return text.has_value();
}

bool OptionReader::take(const std::string& name, double& value) const {
  const auto text = written(name);
  if (text) value = *to_number(*text);
  return text.has_value();
}

bool OptionReader::take(const std::string& name, std::string& value) const {
  const auto text = written(name);
  if (text) value = *text;
  return text.has_value();
}

}  // namespace verse
