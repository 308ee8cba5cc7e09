#pragma once

#include <torch/torch.h>

#include <memory>

namespace verse {

/// What takes features to features inside a block: x [..., inputs] to [..., outputs].
///
/// The model asks for no more than this, so that a later chapter can put an adapter around a projection (chapter 8
/// wraps each in a low-rank one) without a change to the model's code.
class Projection : public torch::nn::Module {
 public:
  virtual torch::Tensor forward(const torch::Tensor& x) = 0;
};

/// y = x W^T + b, with its parameters named `weight` [outputs, inputs] and `bias` [outputs], as in torch::nn::Linear.
class LinearProjection : public Projection {
 public:
  LinearProjection(std::int64_t inputs, std::int64_t outputs, bool with_bias = true);
  torch::Tensor forward(const torch::Tensor& x) override;

  torch::Tensor weight;  ///< [outputs, inputs], at first normal with standard deviation 0.02, as GPT-2's
  torch::Tensor bias;    ///< [outputs], at first 0; undefined without a bias
};

}  // namespace verse
