#pragma once

/// @file
/// Chapter 11: the trainings from which a scaling law is read. Given, not an exercise.

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "01_tokenizer/tokenizer.h"

namespace verse {

/// Which training is meant: everything that decides how it ends.
struct ScalingTask {
  std::int64_t width = 0;
  std::int64_t steps = 0;
  std::uint64_t seed =
      1;            ///< of the first weights, of the order of its windows, and, with width and steps, of its play
  double rate = 0;  ///< the learning rate's peak

  bool operator<(const ScalingTask& other) const {
    return std::tie(width, steps, seed, rate) < std::tie(other.width, other.steps, other.seed, other.rate);
  }
};

/// How a training ended.
struct ScalingEnd {
  std::int64_t parameters = 0;
  double loss = 0;    ///< over the validation stretch, nats a character
  double second = 0;  ///< the same over the second half of each window, where more has been read before
};

/// Trains models of four layers and four heads with speedrun's parts and optimizer, on plays of their own.
///
/// Each training reads a play that no other reads (those that differ in their rate alone read the same), in windows
/// that lie side by side and come in a random order, so that it meets every character once. What it ends at is asked of
/// a stretch of the validation part of the play that everybody has, whose floor is known.
class ScalingRuns {
 public:
  static constexpr std::int64_t kBatch = 12, kContext = 64;
  static constexpr std::int64_t kTokens = kBatch * kContext;  ///< characters that a step reads
  static constexpr std::int64_t kWindows = 469;               ///< in the validation stretch

  /// @param device where to train @param kept a table of trainings that have been made, which need not be made again;
  /// those that come now are added to it, each as soon as it ends
  /// @throws UsageError where that is no such table
  ScalingRuns(torch::Device device, std::optional<std::filesystem::path> kept);

  /// How it ends: trained now, or as the table has it. @throws Interrupted
  ScalingEnd end_of(const ScalingTask& task);

  double floor() const { return floor_; }                ///< of the stretch, nats a character
  double second_floor() const { return second_floor_; }  ///< of the windows' second halves

 private:
  ScalingEnd train(const ScalingTask& task);
  void prepare();
  void keep() const;

  torch::Device device_;
  std::optional<std::filesystem::path> kept_;
  std::map<ScalingTask, ScalingEnd> ends_;
  std::vector<ScalingTask> order_;  ///< in which they came
  double floor_ = 0, second_floor_ = 0;
  std::optional<Tokenizer> tokenizer_;
  torch::Tensor validation_;  ///< [characters], int64
};

}  // namespace verse
