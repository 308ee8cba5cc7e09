#include "tests/harness/manifest.h"

#include <fmt/format.h>

namespace verse {
[[noreturn]] void refuse_toml();
}
// What its authors take for impossible is possible in a damaged file: "[[[" ends the process by an assertion.
#define TOML_ASSERT(expression) ((expression) ? void() : verse::refuse_toml())
#include <toml++/toml.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "common/base/files.h"
#include "common/base/text.h"

namespace verse {

void refuse_toml() {
  throw ManifestError("it is no TOML");
}

namespace {

constexpr std::size_t most_columns = 100;  // of what stands in a stub as a line

// Reads typed entries out of one table and remembers which keys were asked for, so that no other one goes unnoticed.
class TableReader {
 public:
  TableReader(const toml::table& table, std::string file, std::string where)
      : table_(table), file_(std::move(file)), where_(std::move(where)) {}

  std::size_t line() const { return table_.source().begin.line; }

  [[noreturn]] void fail(std::size_t line, const std::string& message) const {
    throw ManifestError(fmt::format("{}:{}: {}{}", file_, line, where_, message));
  }

  /// Errors from here on say which exercise they concern.
  void name(const std::string& where) { where_ = where + ": "; }

  bool has(std::string_view key) const { return table_.contains(key); }

  std::size_t line_of(std::string_view key) const {
    const toml::node* node = table_.get(key);
    return node ? node->source().begin.line : line();
  }

  std::string text(std::string_view key) {
    const auto value = wanted(key).value_exact<std::string>();
    if (!value) fail(line_of(key), fmt::format("`{}` is not a text", key));
    if (trimmed(*value).empty()) fail(line_of(key), fmt::format("`{}` is empty", key));
    return *value;
  }

  std::string line_of_text(std::string_view key) {
    const std::string value = text(key);
    if (value.find('\n') != std::string::npos || value.size() > most_columns) {
      fail(line_of(key), fmt::format("`{}` is more than a line of {} columns", key, most_columns));
    }
    return value;
  }

  int whole_number(std::string_view key) {
    const auto value = wanted(key).value_exact<std::int64_t>();
    if (!value || *value < 0 || *value > 1'000'000) fail(line_of(key), fmt::format("`{}` is not a whole number", key));
    return static_cast<int>(*value);
  }

  double number(std::string_view key) {
    const auto value = wanted(key).is_number() ? wanted(key).value<double>() : std::nullopt;
    if (!value || !std::isfinite(*value)) fail(line_of(key), fmt::format("`{}` is not a number", key));
    return *value;
  }

  bool yes_or_no(std::string_view key) {
    const auto value = wanted(key).value_exact<bool>();
    if (!value) fail(line_of(key), fmt::format("`{}` is neither true nor false", key));
    return *value;
  }

  std::vector<std::string> texts(std::string_view key) {
    std::vector<std::string> result;
    const toml::array* array = wanted(key).as_array();
    if (!array) fail(line_of(key), fmt::format("`{}` is not a list of texts", key));
    for (const toml::node& node : *array) {
      const auto value = node.value_exact<std::string>();
      if (!value || trimmed(*value).empty()) {
        fail(node.source().begin.line, fmt::format("`{}` holds something that is not a text, or an empty one", key));
      }
      result.push_back(*value);
    }
    return result;
  }

  /// One reader for each table of a list `[[key]]`; none where the list is missing.
  std::vector<TableReader> tables(std::string_view key) {
    std::vector<TableReader> result;
    asked_.emplace_back(key);
    const toml::node* node = table_.get(key);
    if (!node) return result;
    const toml::array* array = node->as_array();
    if (!array || !array->is_homogeneous(toml::node_type::table)) {
      fail(line_of(key), fmt::format("`{}` is not a list of tables", key));
    }
    for (const toml::node& entry : *array) result.emplace_back(*entry.as_table(), file_, where_);
    return result;
  }

  void refuse_other_keys() const {
    for (const auto& [key, node] : table_) {
      if (std::find(asked_.begin(), asked_.end(), key.str()) == asked_.end()) {
        fail(node.source().begin.line, fmt::format("the key `{}` means nothing here", key.str()));
      }
    }
  }

 private:
  const toml::node& wanted(std::string_view key) {
    asked_.emplace_back(key);
    const toml::node* node = table_.get(key);
    if (!node) fail(line(), fmt::format("`{}` is missing", key));
    return *node;
  }

  const toml::table& table_;
  std::string file_;
  std::string where_;
  std::vector<std::string> asked_;
};

bool is_identifier(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

KnownMistake read_mistake(TableReader& table, const std::vector<KnownMistake>& earlier) {
  KnownMistake mistake{table.text("id"), table.text("says")};
  if (!is_identifier(mistake.id)) table.fail(table.line_of("id"), "a mistake's id is made of a-z, 0-9 and _");
  for (const KnownMistake& other : earlier) {
    if (other.id == mistake.id) {
      table.fail(table.line_of("id"), fmt::format("the mistake `{}` occurs twice", mistake.id));
    }
  }
  table.refuse_other_keys();
  return mistake;
}

NewCall read_call(TableReader& table) {
  NewCall call{table.line_of_text("call"), table.line_of_text("does")};
  table.refuse_other_keys();
  return call;
}

Exercise read_exercise(TableReader& table, const std::string& expected_id) {
  Exercise exercise;
  exercise.line = table.line();
  exercise.id = table.text("id");
  if (exercise.id != expected_id) {
    table.fail(table.line_of("id"),
               fmt::format("exercise `{}` is out of order: `{}` comes next here", exercise.id, expected_id));
  }
  table.name("exercise " + exercise.id);
  exercise.title = table.text("title");
  exercise.file = table.text("file");
  if (!exercise.file.ends_with(".cpp") || exercise.file.find('/') != std::string::npos) {
    table.fail(table.line_of("file"), "`file` is not the name of a .cpp file in the chapter's folder");
  }
  exercise.section = table.text("section");
  exercise.minutes = table.whole_number("minutes");
  if (exercise.minutes == 0) table.fail(table.line_of("minutes"), "`minutes` is 0");
  exercise.core = table.yes_or_no("core");

  const std::vector<std::string> hints = table.texts("hints");
  if (hints.size() != exercise.hints.size()) {
    table.fail(table.line_of("hints"), fmt::format("there are {} hints, where three are wanted", hints.size()));
  }
  std::copy(hints.begin(), hints.end(), exercise.hints.begin());
  if (hints[0] == hints[1] || hints[1] == hints[2] || hints[0] == hints[2]) {
    table.fail(table.line_of("hints"), "two hints are the same");
  }

  for (TableReader& entry : table.tables("calls")) exercise.calls.push_back(read_call(entry));
  if (table.has("reference")) exercise.reference = table.text("reference");
  for (TableReader& entry : table.tables("mistake")) {
    exercise.mistakes.push_back(read_mistake(entry, exercise.mistakes));
  }
  table.refuse_other_keys();
  return exercise;
}

Prediction read_prediction(TableReader& table, const std::string& expected_id) {
  Prediction prediction;
  prediction.line = table.line();
  prediction.id = table.text("id");
  if (prediction.id != expected_id) {
    table.fail(table.line_of("id"),
               fmt::format("prediction `{}` is out of order: `{}` comes next here", prediction.id, expected_id));
  }
  table.name("prediction " + prediction.id);
  prediction.question = table.text("question");
  prediction.why = table.text("why");
  prediction.section = table.text("section");

  // An answer is a number with a tolerance, or a list of words, and never both.
  if (table.has("answer") == table.has("accept")) {
    table.fail(table.line(), "wants either `answer` (a number) or `accept` (a list of words)");
  }
  if (table.has("answer")) {
    prediction.answer = table.number("answer");
    if (table.has("tolerance")) prediction.tolerance = table.number("tolerance");
    if (prediction.tolerance < 0) table.fail(table.line_of("tolerance"), "`tolerance` is negative");
  } else {
    prediction.accept = table.texts("accept");
    if (prediction.accept.empty()) table.fail(table.line_of("accept"), "`accept` is empty");
  }
  table.refuse_other_keys();
  return prediction;
}

/// The byte of the first character beyond ASCII that stands neither within quotation marks nor in a comment, or right
/// behind a backslash and the blanks after it. Where toml++ asks whether such a one is a blank, what it does is
/// undefined. It also asks for each character of a number or a word, and takes a quotation mark in one for a part of it
/// (1"é"): a string begins only where none of those has begun.
std::optional<std::size_t> find_stray_character(std::string_view text) {
  const auto beyond = [&text](std::size_t at) {
    return at < text.size() && static_cast<unsigned char>(text[at]) >= 0x80;
  };
  std::string_view closing;   // what ends the string that is open; a line end for a comment
  bool in_word = false;       // a key, a number or a word has begun; a string that has ended counts as one
  std::int64_t brackets = 0;  // that are open
  bool key_may_end = true;    // no equals sign has been on this line
  for (std::size_t at = text.starts_with("\xEF\xBB\xBF") ? 3 : 0; at < text.size(); ++at) {
    const char character = text[at];
    if (closing == "\n") {  // a comment
      if (character != '\n') continue;
      closing = {};
    }
    if (!closing.empty()) {
      if (text.substr(at, closing.size()) == closing) {
        at += closing.size() - 1;
        closing = {};
        in_word = true;
      } else if (character == '\\' && closing[0] == '"') {
        const std::size_t after = std::min(text.find_first_not_of(" \t\r\n", at + 1), text.size());
        if (beyond(after)) return after;
        at = std::max(at + 1, after - 1);
      } else if (character == '\n' && closing.size() == 1) {
        return std::nullopt;  // a string of one line that is not closed: toml++ reads no further
      }
      continue;
    }
    if (beyond(at)) return at;
    if (character == '"' || character == '\'') {
      if (in_word) continue;
      const bool three = text.substr(at, 3) == std::string(3, character);
      closing = text.substr(at, three ? 3 : 1);
      at += closing.size() - 1;
    } else if (character == '#') {
      closing = "\n";
    } else if (character == ']' || character == '}') {
      in_word = false;
      --brackets;
    } else if ((character == '[' || character == '{') && !in_word) {
      ++brackets;
    } else if (character == '=' && (!in_word || (brackets <= 0 && key_may_end))) {
      in_word = false;
      key_may_end = false;
    } else {
      in_word = std::string_view(" \t\r\n,").find(character) == std::string_view::npos;
    }
    if (character == '\n') key_may_end = true;
  }
  return std::nullopt;
}

toml::table parse(const std::string& text, const std::string& shown) {
  if (!is_utf8(text)) throw ManifestError(fmt::format("{}:1: it is not UTF-8", shown));
  if (const auto stray = find_stray_character(text)) {
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(*stray), '\n');
    throw ManifestError(fmt::format("{}:{}: a character beyond ASCII stands outside of quotation marks", shown, line));
  }
  try {
    return toml::parse(text, shown);
  } catch (const ManifestError& error) {
    throw ManifestError(fmt::format("{}:1: {}", shown, error.what()));
  } catch (const toml::parse_error& error) {
    throw ManifestError(fmt::format("{}:{}: {}", shown, error.source().begin.line, error.description()));
  }
}

}  // namespace

const KnownMistake* Exercise::find_mistake(std::string_view wanted) const {
  for (const KnownMistake& mistake : mistakes) {
    if (mistake.id == wanted) return &mistake;
  }
  return nullptr;
}

Chapter read_manifest(const std::filesystem::path& file, const std::string& shown) {
  return parse_manifest(read_file(file), file.parent_path().filename().string(), shown);
}

Chapter parse_manifest(const std::string& text, const std::string& in_folder, const std::string& shown) {
  const toml::table root = parse(text, shown);
  TableReader table(root, shown, "");

  Chapter chapter;
  chapter.number = table.whole_number("chapter");
  chapter.folder = table.text("folder");
  chapter.title = table.text("title");

  if (chapter.folder != in_folder) {
    table.fail(table.line_of("folder"),
               fmt::format("`folder` is \"{}\", but the manifest lies in \"{}\"", chapter.folder, in_folder));
  }
  if (!chapter.folder.starts_with(fmt::format("{:02}_", chapter.number))) {
    table.fail(table.line_of("chapter"),
               fmt::format("`chapter` is {}, but the folder is \"{}\"", chapter.number, chapter.folder));
  }

  for (TableReader& entry : table.tables("exercise")) {
    const std::string expected = fmt::format("{}.{}", chapter.number, chapter.exercises.size() + 1);
    chapter.exercises.push_back(read_exercise(entry, expected));
  }
  for (TableReader& entry : table.tables("prediction")) {
    const std::string expected = fmt::format("P{}.{}", chapter.number, chapter.predictions.size() + 1);
    chapter.predictions.push_back(read_prediction(entry, expected));
  }
  table.refuse_other_keys();
  return chapter;
}

}  // namespace verse
