#include "common/base/metrics.h"

#include <fmt/format.h>

#include <cstdlib>

#include "common/base/error.h"
#include "common/base/files.h"

namespace verse {

namespace {

constexpr std::size_t kFields = 8;

/// What is wrong with a line; its number is added by the caller.
struct BadLine {
  std::string why;
};

std::string show(const std::optional<double>& value, const char* format) {
  return value ? fmt::format(fmt::runtime(format), *value) : "";
}

std::vector<std::string> split(std::string_view line, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const auto end = line.find(separator);
    parts.emplace_back(line.substr(0, end));
    if (end == std::string_view::npos) return parts;
    line.remove_prefix(end + 1);
  }
}

std::int64_t read_integer(const std::string& field) {
  char* end = nullptr;
  const std::int64_t value = std::strtoll(field.c_str(), &end, 10);
  if (field.empty() || *end != '\0' || value < 0) throw BadLine{fmt::format("\"{}\" is no whole number", field)};
  return value;
}

std::optional<double> read_number(const std::string& field) {
  if (field.empty()) return std::nullopt;
  char* end = nullptr;
  const double value = std::strtod(field.c_str(), &end);
  if (*end != '\0') throw BadLine{fmt::format("\"{}\" is no number", field)};
  return value;
}

Metrics read_line(std::string_view line) {
  const auto fields = split(line, ',');
  if (fields.size() != kFields) throw BadLine{fmt::format("{} fields instead of {}", fields.size(), kFields)};
  Metrics metrics;
  metrics.step = read_integer(fields[0]);
  metrics.tokens = read_integer(fields[1]);
  metrics.seconds = read_number(fields[2]).value_or(0);
  metrics.learning_rate = read_number(fields[3]);
  metrics.train_loss = read_number(fields[4]);
  metrics.validation_loss = read_number(fields[5]);
  metrics.gradient_norm = read_number(fields[6]);
  metrics.tokens_per_second = read_number(fields[7]);
  return metrics;
}

}  // namespace

std::string format_metrics(const Metrics& metrics) {
  return fmt::format("{},{},{:.3f},{},{},{},{},{}\n", metrics.step, metrics.tokens, metrics.seconds,
                     show(metrics.learning_rate, "{:.6g}"), show(metrics.train_loss, "{:.6f}"),
                     show(metrics.validation_loss, "{:.6f}"), show(metrics.gradient_norm, "{:.5g}"),
                     show(metrics.tokens_per_second, "{:.0f}"));
}

std::vector<Metrics> parse_metrics(std::string_view text) {
  const std::string_view header = kMetricsHeader;
  if (text.substr(0, header.size()) != header) throw UsageError("line 1 is not the header of a metrics.csv");
  text.remove_prefix(header.size());

  std::vector<Metrics> rows;
  for (std::size_t number = 2; !text.empty(); ++number) {
    const auto end = text.find('\n');
    try {
      if (end == std::string_view::npos) throw BadLine{"it is cut short"};
      rows.push_back(read_line(text.substr(0, end)));
      if (rows.size() > 1 && rows.back().step <= rows[rows.size() - 2].step) throw BadLine{"its step does not go up"};
    } catch (const BadLine& bad) {
      throw UsageError(fmt::format("line {}: {}", number, bad.why));
    }
    text.remove_prefix(end + 1);
  }
  return rows;
}

std::vector<Metrics> load_metrics(const std::filesystem::path& path) {
  try {
    return parse_metrics(read_file(path));
  } catch (const UsageError& error) {
    const std::string message = error.what();
    if (message.find(path.string()) != std::string::npos) throw;
    throw UsageError(fmt::format("{}: {}", path.string(), message));
  }
}

}  // namespace verse
