#pragma once

#include <torch/torch.h>

namespace verse {

/// An optimizer whose step reads the learning rate from where the parameters are, and leaves nothing to the processor
/// that changes from step to step: what is recorded once holds for all steps.
class RecordableOptimizer {
 public:
  virtual ~RecordableOptimizer() = default;

  /// Moves every parameter. @param learning_rate a scalar, float32, on the parameters' device
  virtual void step_by(const torch::Tensor& learning_rate) = 0;
};

}  // namespace verse
