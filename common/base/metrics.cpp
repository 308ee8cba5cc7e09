#include "common/base/metrics.h"

#include <fmt/format.h>

#include "common/base/csv.h"
#include "common/base/files.h"

namespace verse {

namespace {

std::string show(const std::optional<double>& value, const char* format) {
  return value ? fmt::format(fmt::runtime(format), *value) : "";
}

Metrics read_row(const CsvRow& row) {
  Metrics metrics;
  metrics.step = row.whole(0);
  metrics.tokens = row.whole(1);
  metrics.seconds = row.number(2).value_or(0);
  metrics.learning_rate = row.number(3);
  metrics.train_loss = row.number(4);
  metrics.validation_loss = row.number(5);
  metrics.gradient_norm = row.number(6);
  metrics.tokens_per_second = row.number(7);
  return metrics;
}

}  // namespace

std::string format_metrics(const Metrics& metrics) {
  return fmt::format("{},{},{:.3f},{},{},{},{},{}\n", metrics.step, metrics.tokens, metrics.seconds,
                     show(metrics.learning_rate, "{:.6g}"), show(metrics.train_loss, "{:.6f}"),
                     show(metrics.validation_loss, "{:.6f}"), show(metrics.gradient_norm, "{:.5g}"),
                     show(metrics.tokens_per_second, "{:.0f}"));
}

std::vector<Metrics> parse_metrics(std::string_view text, const std::string& place) {
  const std::string_view header = kMetricsHeader;
  std::vector<Metrics> rows;
  for (const CsvRow& row : parse_csv(text, header.substr(0, header.size() - 1), place)) {
    rows.push_back(read_row(row));
    if (rows.size() > 1 && rows.back().step <= rows[rows.size() - 2].step) row.refuse("its step does not go up");
  }
  return rows;
}

std::vector<Metrics> load_metrics(const std::filesystem::path& path) {
  return parse_metrics(read_file(path), path.string());
}

}  // namespace verse
