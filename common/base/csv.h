#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace verse {

/// A line of a table in CSV: fields with commas between them. What is asked of a field has to be there: anything else
/// is a UsageError of one line that names the table, the line and the column, what was expected and what came.
class CsvRow {
 public:
  CsvRow(std::string place, std::size_t line, std::vector<std::string> fields, const std::vector<std::string>& columns);

  /// A whole number of 0 or more.
  std::int64_t whole(std::size_t column) const;

  /// A number, or nothing where the field is empty.
  std::optional<double> number(std::size_t column) const;

  /// Says what is wrong with the line.
  [[noreturn]] void refuse(const std::string& why) const;

 private:
  std::string place_;
  std::size_t line_;
  std::vector<std::string> fields_;
  std::vector<std::string> columns_;
};

/// Reads a table. A byte-order mark before it and carriage returns at its line ends are passed over.
/// @param header the first line that it must have, without its line end @param place its file's name,
/// for messages
/// @throws UsageError for another header, a line with more or fewer fields, or one without its line end.
std::vector<CsvRow> parse_csv(std::string_view text, std::string_view header, const std::string& place);

}  // namespace verse
