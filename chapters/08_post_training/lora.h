#pragma once

/// @file
/// Chapter 8, going further: fine-tuning by a few per cent of the parameters (Hu et al. 2021).

#include <torch/torch.h>

#include <cstdint>
#include <memory>

#include "common/projection.h"

namespace verse {

/// A projection that stays as it is, with a correction of low rank beside it that learns:
/// y = W x + b + (alpha / rank) * up (down x).
class LoraProjection : public Projection {
 public:
  /// `down` is normal with standard deviation 1 / sqrt(inputs), `up` is 0: at first the correction corrects nothing.
  /// The wrapped projection's parameters stop asking for gradients.
  /// @throws UsageError for a rank below 1.
  LoraProjection(std::shared_ptr<LinearProjection> wrapped, std::int64_t rank, double alpha);

  /// (Exercise 8.11) @param x [..., inputs] @return [..., outputs]
  torch::Tensor forward(const torch::Tensor& x) override;

  /// The one matrix that does the work of all three. (Exercise 8.12) Hu et al. 2021, section 4.1.
  /// @return [outputs, inputs], free of gradients and sharing no memory with the wrapped weight
  torch::Tensor merged_weight() const;

  std::shared_ptr<LinearProjection> wrapped;
  torch::Tensor down;  ///< [rank, inputs]
  torch::Tensor up;    ///< [outputs, rank]
  double scale;        ///< alpha / rank
};

}  // namespace verse
