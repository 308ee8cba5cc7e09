#pragma once

/// @file
/// Chapter 12: all of a model's parameters in one piece of memory, and AdamW over it.

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "12_full_gpt/given/training/training_step.h"

namespace verse {

/// Rows of a matrix in the one piece are rounded up to a multiple of this; those that are added are 0 and stay 0. A
/// table of 65 tokens can so be multiplied as one of 128, which suits the units that multiply.
constexpr std::int64_t kRowsTogether = 128;

/// DeviceAdamW whose parameters and moments lie in one piece of memory each, matrices and tables first. Each parameter
/// is a view of its part, so that nobody else sees a difference; but what is to be done to all can be done in one go.
class FlatAdamW : public DeviceAdamW {
 public:
  FlatAdamW(std::vector<torch::Tensor> parameters, const AdamWOptions& options);

  /// Moves a parameter's part of `flat_parameters` to the same part of another piece, such as the gradients'.
  /// @param padded with the rows that were added, as a matrix
  /// @return a view; undefined for a tensor that does not lie here
  torch::Tensor part(const torch::Tensor& flat, const torch::Tensor& parameter, bool padded = false) const;

  const AdamWOptions& options() const { return options_; }
  const torch::Tensor& step_number() const { return step_number_; }

  torch::Tensor flat_parameters, flat_gradients, flat_first, flat_second;  ///< [numbers], float32
  std::int64_t decaying = 0;                                               ///< numbers that decay: the first ones
};

}  // namespace verse
