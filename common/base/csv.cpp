#include "common/base/csv.h"

#include <fmt/format.h>

#include <utility>

#include "common/base/error.h"
#include "common/base/text.h"

namespace verse {

CsvRow::CsvRow(std::string place, std::size_t line, std::vector<std::string> fields,
               const std::vector<std::string>& columns)
    : place_(std::move(place)), line_(line), fields_(std::move(fields)), columns_(columns) {
  if (fields_.size() != columns_.size()) {
    refuse(fmt::format("{} fields were expected, not {}", columns_.size(), fields_.size()));
  }
}

std::int64_t CsvRow::whole(std::size_t column) const {
  const auto number = to_whole_number(fields_[column]);
  if (!number || *number < 0) {
    refuse(fmt::format("{} should be a whole number of 0 or more, not \"{}\"", columns_[column], fields_[column]));
  }
  return *number;
}

std::optional<double> CsvRow::number(std::size_t column) const {
  if (fields_[column].empty()) return std::nullopt;
  const auto number = to_number(fields_[column]);
  if (!number) refuse(fmt::format("{} should be a number or empty, not \"{}\"", columns_[column], fields_[column]));
  return number;
}

void CsvRow::refuse(const std::string& why) const {
  throw UsageError(fmt::format("{}:{}: {}", place_, line_, why));
}

std::vector<CsvRow> parse_csv(std::string_view text, std::string_view header, const std::string& place) {
  // Spreadsheets put a byte-order mark before it all, and Windows a carriage return before each line end.
  text = without_mark(text);
  const auto columns = split(header, ',');
  std::vector<CsvRow> rows;
  for (std::size_t line = 1; line == 1 || !text.empty(); ++line) {
    const std::size_t end = text.find('\n');
    std::string_view row = text.substr(0, end);
    if (end != std::string_view::npos && row.ends_with('\r')) row.remove_suffix(1);
    if (line == 1 && (row != header || end == std::string_view::npos)) {
      throw UsageError(fmt::format("{}:1: the header was expected, \"{}\"", place, header));
    }
    if (end == std::string_view::npos) throw UsageError(fmt::format("{}:{}: it is cut short", place, line));
    if (line > 1) rows.emplace_back(place, line, split(row, ','), columns);
    text.remove_prefix(end + 1);
  }
  return rows;
}

}  // namespace verse
