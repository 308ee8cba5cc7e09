#pragma once

/// @file
/// Chapter 7: everything that a text is steered by, put together for a generation loop. Given, not an exercise.

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "07_sampling/given/grammar.h"
#include "07_sampling/sampling.h"

namespace verse {

/// What a text may be steered by; as it is made, by nothing.
struct SteeringOptions {
  double repetition = 1;                              ///< see penalise()
  double presence = 0;                                ///< see penalise()
  std::vector<std::pair<std::int64_t, double>> bias;  ///< tokens, and what is added to their logits
  std::vector<std::string> stops;                     ///< the text ends before the first of them
  std::optional<std::int64_t> end_token;              ///< the text ends when it is chosen
  std::shared_ptr<const TextGrammar> grammar;         ///< what the new text has to be; null: anything

  /// Whether logits are changed, so that the loop has to ask.
  bool changes_logits() const;
  /// Whether there is anything at all.
  bool any() const { return changes_logits() || !stops.empty() || end_token; }
};

/// Holds back what may be the beginning of a stop string, so that none is ever shown halfway.
class StopSearch {
 public:
  explicit StopSearch(std::vector<std::string> stops) : stops_(std::move(stops)) {}

  /// @param piece the text that has come now @return what may be shown now; nothing once a stop string was found
  std::string add(std::string_view piece);

  /// The text has ended otherwise. @return what was still held back
  std::string finish();

  bool found() const { return found_; }

 private:
  std::vector<std::string> stops_;
  std::string waiting_;
  bool found_ = false;
};

/// One text as it grows: changes logits by what has been written, and knows when the text is complete.
class Steering {
 public:
  /// @param tokens the text of each token of the vocabulary @param prompt penalties count its tokens too
  /// @param count how many new tokens there will be at most
  /// @throws UsageError where not even the shortest text of the grammar has so few tokens
  Steering(SteeringOptions options, std::vector<std::string> tokens, const std::vector<std::int64_t>& prompt,
           std::int64_t count);

  /// For SamplingOptions::change: penalties, then biases, then the grammar. The steering has to outlive it.
  torch::Tensor change(const torch::Tensor& logits) const;

  /// Hears the token that was chosen. @return whether the text goes on
  bool hear(std::int64_t token);

 private:
  SteeringOptions options_;
  std::vector<std::string> tokens_;
  std::vector<std::int64_t> text_;
  std::int64_t room_;
  std::optional<GrammarState> state_;
};

}  // namespace verse
