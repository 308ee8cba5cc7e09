#include "common/base/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <variant>

#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/json_builder.h"
#include "common/base/shown.h"
#include "common/base/text.h"

namespace verse {

/// What was read; every entry of it keeps it alive.
struct JsonEntry::Source {
  std::string place;
  std::string text;
  Json root;
};

namespace {

/// A way into a JSON value: names of tables' entries, places in lists.
using Way = std::vector<std::variant<std::string, std::size_t>>;

/// Appends the way from one value to another that lies in it. @return whether it does
bool find_way(const Json& from, const Json* to, Way& way) {
  if (&from == to) return true;
  if (from.is_object()) {
    for (const auto& [name, value] : from.get_ref<const Json::object_t&>()) {
      way.emplace_back(name);
      if (find_way(value, to, way)) return true;
      way.pop_back();
    }
  } else if (from.is_array()) {
    for (std::size_t i = 0; i < from.size(); ++i) {
      way.emplace_back(i);
      if (find_way(from[i], to, way)) return true;
      way.pop_back();
    }
  }
  return false;
}

constexpr std::size_t kLongestName = 60;  ///< characters of an entry's name in a message

/// A way as a message names it: `model.vocab`, `merges[3]`.
std::string show_way(const Way& way) {
  std::string shown;
  for (const auto& step : way) {
    if (const auto* name = std::get_if<std::string>(&step)) {
      shown += (shown.empty() ? "" : ".") + one_line(*name, kLongestName);
    } else {
      shown += fmt::format("[{}]", std::get<std::size_t>(step));
    }
  }
  return shown;
}

/// Walks through a text that is known to be JSON.
class Walker {
 public:
  explicit Walker(std::string_view text) : text_(text) { skip_blanks(); }

  /// Goes to where the value stands that a way leads to.
  void follow(const Way& way) {
    for (const auto& step : way) {
      ++at_;  // the bracket
      skip_blanks();
      if (const auto* name = std::get_if<std::string>(&step)) {
        while (at_ < text_.size() && read_name() != *name) skip_value();
      } else {
        for (std::size_t i = 0; i < std::get<std::size_t>(step); ++i) skip_value();
      }
    }
  }

  std::size_t place() const { return std::min(at_, text_.size()); }

 private:
  void skip_blanks() {
    while (at_ < text_.size() && std::string_view(" \t\r\n\xEF\xBB\xBF").find(text_[at_]) != std::string_view::npos) {
      ++at_;
    }
  }

  void skip_string() {
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\') ++at_;
    }
    ++at_;
  }

  /// An entry's name; the walker then stands at its value.
  std::string read_name() {
    const std::size_t begin = at_;
    skip_string();
    const auto name = Json::parse(text_.substr(begin, at_ - begin), nullptr, /*allow_exceptions=*/false);
    skip_blanks();
    ++at_;  // the colon
    skip_blanks();
    return name.is_string() ? name.get<std::string>() : "";
  }

  /// A value with the comma behind it.
  void skip_value() {
    for (std::size_t depth = 0; at_ < text_.size();) {
      const char now = text_[at_];
      if (depth == 0 && (now == ',' || now == '}' || now == ']')) break;
      if (now == '"') {
        skip_string();
        continue;
      }
      if (now == '{' || now == '[') ++depth;
      if (now == '}' || now == ']') --depth;
      ++at_;
    }
    if (at_ < text_.size() && text_[at_] == ',') ++at_;
    skip_blanks();
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

std::size_t line_of(std::string_view text, std::size_t place) {
  const auto before = text.substr(0, place);
  return 1 + static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
}

/// The byte at which a text goes deeper than it may.
std::optional<std::size_t> find_too_deep(std::string_view text) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char now = text[at];
    if (in_string) {
      if (now == '\\') ++at;
      if (now == '"') in_string = false;
    } else if (now == '"') {
      in_string = true;
    } else if (now == '{' || now == '[') {
      if (++depth > kDeepestJson) return at;
    } else if ((now == '}' || now == ']') && depth > 0) {
      --depth;
    }
  }
  return std::nullopt;
}

/// A piece of a text for a message: not too long, on one line, and UTF-8.
std::string excerpt(std::string_view text) {
  constexpr std::size_t kCharacters = 30;
  std::string shown = json_text(Json(std::string(first_characters(text, kCharacters))));
  if (first_characters(text, kCharacters).size() < text.size()) shown += " ...";
  return shown;
}

/// A value for a message; of a list or table, what it is.
std::string show_value(const Json& value) {
  if (value.is_object()) return "a table";
  if (value.is_array()) return "a list";
  if (value.is_string()) return excerpt(value.get_ref<const std::string&>());
  return value.dump();
}

[[noreturn]] void refuse_text(std::string_view text, const std::string& place, std::size_t at, const std::string& why) {
  throw UsageError(fmt::format("{}:{}: {}", place, line_of(text, at), why));
}

}  // namespace

bool JsonEntry::has(const std::string& name) const {
  if (!is_table()) refuse("a table");
  const auto found = value_->find(name);
  return found != value_->end() && !found->is_null();
}

JsonEntry JsonEntry::at(const std::string& name) const {
  if (!is_table()) refuse("a table");
  const auto found = value_->find(name);
  if (found == value_->end()) throw UsageError(fmt::format("{}: {} is missing", place(), name));
  return {source_, &*found};
}

bool JsonEntry::is_null() const {
  return value_->is_null();
}

bool JsonEntry::is_text() const {
  return value_->is_string();
}

bool JsonEntry::is_list() const {
  return value_->is_array();
}

bool JsonEntry::is_table() const {
  return value_->is_object();
}

std::string JsonEntry::text() const {
  if (!is_text()) refuse("a text");
  return value_->get<std::string>();
}

bool JsonEntry::flag() const {
  if (!value_->is_boolean()) refuse("true or false");
  return value_->get<bool>();
}

double JsonEntry::number() const {
  if (!value_->is_number() || !std::isfinite(value_->get<double>())) refuse("a number");
  return value_->get<double>();
}

double JsonEntry::number(double least, double most) const {
  const double value = number();
  if (value < least || value > most) refuse(fmt::format("a number from {} to {}", least, most));
  return value;
}

std::int64_t JsonEntry::whole(std::int64_t least, std::int64_t most) const {
  if (!value_->is_number_integer()) refuse("a whole number");
  const bool too_large = value_->is_number_unsigned() && value_->get<std::uint64_t>() > INT64_MAX;
  const auto number = too_large ? INT64_MAX : value_->get<std::int64_t>();
  if (too_large || number < least || number > most) {
    refuse(most == INT64_MAX && !too_large ? fmt::format("{} or more", least)
                                           : fmt::format("a whole number from {} to {}", least, most));
  }
  return number;
}

std::filesystem::path JsonEntry::path() const {
  if (is_text()) return text();
  if (!is_list()) refuse("a path");
  std::string bytes;
  for (const auto& byte : list()) bytes += static_cast<char>(byte.whole(0, 255));
  return bytes;
}

std::size_t JsonEntry::size() const {
  if (!is_list() && !is_table()) refuse("a list or a table");
  return value_->size();
}

std::vector<JsonEntry> JsonEntry::list() const {
  if (!is_list()) refuse("a list");
  std::vector<JsonEntry> entries;
  for (const auto& value : *value_) entries.push_back({source_, &value});
  return entries;
}

std::vector<std::pair<std::string, JsonEntry>> JsonEntry::table() const {
  if (!is_table()) refuse("a table");
  std::vector<std::pair<std::string, JsonEntry>> entries;
  for (const auto& [name, value] : value_->get_ref<const Json::object_t&>()) {
    entries.emplace_back(name, JsonEntry(source_, &value));
  }
  return entries;
}

std::string JsonEntry::place() const {
  Way way;
  find_way(source_->root, value_, way);
  Walker walker(source_->text);
  walker.follow(way);
  const std::string place = fmt::format("{}:{}", source_->place, line_of(source_->text, walker.place()));
  return way.empty() ? place : place + ": " + show_way(way);
}

void JsonEntry::refuse(const std::string& expected) const {
  const bool whole_text = value_ == &source_->root;
  throw UsageError(fmt::format("{} {} {}, not {}", place() + (whole_text ? ":" : ""),
                               whole_text ? "there should be" : "should be", expected, show_value(*value_)));
}

JsonEntry parse_json(std::string_view text, const std::string& place) {
  if (text.starts_with(kLargeFilePointer)) throw UsageError(place + kFetchLargeFile);
  if (const auto deep = find_too_deep(text)) {
    refuse_text(text, place, *deep, fmt::format("lists and tables lie more than {} deep in each other", kDeepestJson));
  }
  auto source = std::make_shared<JsonEntry::Source>();
  source->place = place;
  source->text = text;
  JsonBuilder builder;
  if (!Json::sax_parse(text.begin(), text.end(), &builder)) {
    using Problem = JsonBuilder::Problem;
    if (builder.problem == Problem::twice) {
      throw UsageError(fmt::format("{}: the entry {} is there twice in one table", place, excerpt(builder.name)));
    }
    if (builder.problem == Problem::large_number) refuse_text(text, place, 0, "one of its numbers is too large");
    const std::size_t at = builder.at == 0 ? 0 : builder.at - 1;
    if (trimmed(text.substr(std::min(at, text.size()))).empty()) {
      refuse_text(text, place, text.size(), "it is cut short, or no JSON: it ends in the middle");
    }
    refuse_text(text, place, at, fmt::format("it is no JSON: none goes on with {}", excerpt(text.substr(at))));
  }
  source->root = std::move(builder.root);
  const Json* root = &source->root;
  return {std::move(source), root};
}

JsonEntry load_json(const std::filesystem::path& path) {
  return parse_json(read_file(path), path.string());
}

std::string json_text(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

Json json_of_path(const std::filesystem::path& path) {
  const std::string& bytes = path.native();
  if (is_utf8(bytes)) return bytes;
  Json list = Json::array();
  for (const char byte : bytes) list.push_back(static_cast<unsigned char>(byte));
  return list;
}

}  // namespace verse
