#pragma once

/// @file
/// Four questions that a run's losses do not answer, put to its program, its weights and its texts. Given, not an
/// exercise.

#include <torch/torch.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "02_embeddings/given/speak.h"

namespace verse {

/// What came out. A question that was not put has no answer.
struct Probes {
  std::optional<double> answers_differ;   ///< see answers_differ(), of the program as it measures its validation loss
  std::optional<double> seen_before;      ///< see share_seen_before(), of its validation text
  std::optional<double> sample_surprise;  ///< see sample_surprise(), of what it wrote, nats a character
  std::optional<double> rounded_weights;  ///< see share_of_rounded(), of its weights at the end
};

/// Asks the same twice: the largest change of any logit. 0 for a model without chance in its answers, on a CPU.
/// @param tokens [1, time], int64
double answers_differ(const LogitsFunction& model, const torch::Tensor& tokens);

/// Cuts a validation text into windows of `length` characters, and counts how many of them stand in the training text,
/// character for character. @return a share; nothing where the validation text has no such window
std::optional<double> share_seen_before(const std::string& train, const std::string& validation, std::int64_t length);

/// The mean surprise, in nats, at each character of a sample but the first, for a reader who has counted the pairs of
/// the training text: one is added to each count, so that what never occurred is a large surprise and no infinite one.
/// @return nothing for a sample of fewer than 20 characters
std::optional<double> sample_surprise(const std::string& train, const std::string& sample);

/// The share of all weights that a bfloat16, a number of 8 binary digits, holds exactly; zeros do not count, as every
/// format holds them. @return nothing where there is no weight but 0
std::optional<double> share_of_rounded(const std::vector<torch::Tensor>& parameters);

}  // namespace verse
