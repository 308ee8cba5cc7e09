#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace verse {

/// One line of a run's metrics.csv: where training stood after `step` steps. What was not measured there stays empty.
struct Metrics {
  std::int64_t step = 0;    ///< steps done; 0 is the model before training
  std::int64_t tokens = 0;  ///< read so far
  double seconds = 0;       ///< spent in steps so far, evaluations left out
  std::optional<double> learning_rate;
  std::optional<double> train_loss;  ///< nats a token, the mean over the batches since the line before, dropout on
  std::optional<double> validation_loss;
  std::optional<double> gradient_norm;  ///< of the last step, before clipping
  std::optional<double> tokens_per_second;
};

/// The first line of metrics.csv, with its line end.
inline constexpr const char* kMetricsHeader =
    "step,tokens,seconds,learning_rate,train_loss,val_loss,grad_norm,tokens_per_second\n";

/// A line of metrics.csv, with its line end.
std::string format_metrics(const Metrics& metrics);

/// Reads a whole metrics.csv, the header included. @param place the file's name, for messages
/// @throws UsageError that names the file and the line, where the text is anything else, or its steps do not go up.
std::vector<Metrics> parse_metrics(std::string_view text, const std::string& place = "metrics.csv");

/// The same from a file.
std::vector<Metrics> load_metrics(const std::filesystem::path& path);

}  // namespace verse
