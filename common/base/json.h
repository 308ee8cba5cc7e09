#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace verse {

/// JSON whose tables keep their order.
using Json = nlohmann::ordered_json;

/// An entry of a JSON text that was read. What is asked of it has to be there and of the right kind: anything else is a
/// UsageError of one line, which names the text and the line, what was expected and what came. Such as
/// `run/config.json:7: n_layer should be a whole number, not 2.5`.
class JsonEntry {
 public:
  /// Whether a table has an entry that is not null. @throws UsageError for what is no table.
  bool has(const std::string& name) const;

  /// An entry of a table. @throws UsageError where it is missing.
  JsonEntry at(const std::string& name) const;

  bool is_null() const;
  bool is_text() const;
  bool is_list() const;
  bool is_table() const;

  std::string text() const;
  bool flag() const;      ///< true or false
  double number() const;  ///< a finite one

  /// A number. @throws UsageError outside [least, most]
  double number(double least, double most) const;

  /// A whole number. @throws UsageError for a fraction (2.0 too is written as one), and outside [least, most].
  std::int64_t whole(std::int64_t least = INT64_MIN, std::int64_t most = INT64_MAX) const;

  /// What json_of_path() wrote.
  std::filesystem::path path() const;

  std::size_t size() const;  ///< of a list or a table
  std::vector<JsonEntry> list() const;
  std::vector<std::pair<std::string, JsonEntry>> table() const;

  /// The same as the library's own kind, to be compared or written again.
  const Json& json() const { return *value_; }

  /// Its place for a message: `run/config.json:7`, and the entry's name where it has one.
  std::string place() const;

  /// Says that something else was expected here. @param expected ends "should be ...", such as "a list of two numbers"
  [[noreturn]] void refuse(const std::string& expected) const;

 private:
  struct Source;

  JsonEntry(std::shared_ptr<const Source> source, const Json* value) : source_(std::move(source)), value_(value) {}
  friend JsonEntry parse_json(std::string_view text, const std::string& place);

  std::shared_ptr<const Source> source_;
  const Json* value_;
};

/// How deeply lists and tables may lie in each other. What people and programs mean is a few levels deep.
inline constexpr std::size_t kDeepestJson = 100;

/// How the small file begins that Git LFS keeps in a large one's place, and what a message says of it.
inline constexpr const char* kLargeFilePointer = "version https://git-lfs.github.com/spec/";
inline constexpr const char* kFetchLargeFile =
    " is a pointer of Git LFS and not the file itself; `git lfs pull` in its folder fetches that";

/// Reads a JSON text. @param place its file's name, for messages
/// @throws UsageError with the line, where it is no JSON, not UTF-8, nested more deeply than kDeepestJson, or has a
/// table with two entries of one name.
JsonEntry parse_json(std::string_view text, const std::string& place);

/// Reads a file of JSON. @throws UsageError as read_file() and parse_json()
JsonEntry load_json(const std::filesystem::path& path);

/// Writes JSON as text. Bytes in its strings that are not UTF-8 become U+FFFD. @param indent -1 for one line
std::string json_text(const Json& json, int indent = -1);

/// A path as JSON: text, where it is UTF-8; else its bytes as a list of numbers, since no byte of a path may be lost.
Json json_of_path(const std::filesystem::path& path);

}  // namespace verse
