#pragma once

/// @file
/// Chapter 12: a training step written out by hand: forward and backward without autograd, in memory taken once.

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "04_blocks/blocks.h"
#include "12_full_gpt/given/gpu/flat_adamw.h"
#include "12_full_gpt/given/gpu/step_kernels.h"

namespace verse {

/// How a HandStep works.
struct HandSettings {
  std::int64_t batch_size = 64;
  std::int64_t context = 256;
  double gradient_clip = 1.0;  ///< 0 for none
  /// Of what goes into products and comes out of them; the stream is kept in `stream`.
  torch::ScalarType numbers = torch::kBFloat16, stream = torch::kBFloat16;
};

/// The gradients of chapter 4's GPT, and AdamW's step, as one list of requests: nothing is allocated, nothing looked
/// up, and each part of the formulas stands where it is computed. Equal to autograd's within the rounding of its
/// numbers.
///
/// Weights are kept in float32, beside copies of 16 bits that the products read; the optimizer writes both.
class HandStep {
 public:
  /// Whether a model can be trained so. @return why not, in a few words; empty where it can
  static std::string obstacle(const GPTImpl& model, const Optimizer& optimizer);

  /// @param tokens [characters], int64, on the model's device @param optimizer of that model
  HandStep(GPT model, FlatAdamW& optimizer, torch::Tensor tokens, const HandSettings& settings,
           std::unique_ptr<StepKernels> kernels);

  /// The loss of the windows that begin at `starts`, and all gradients, which are then those of the parameters.
  /// Dropout is drawn anew from LibTorch's generator. @param loss a scalar, receives it
  void take_gradients(const torch::Tensor& starts, torch::Tensor loss);

  /// Clips, and moves the parameters. @param learning_rate, norm scalars, float32; norm receives what it was before
  void move(const torch::Tensor& learning_rate, torch::Tensor norm);

  /// The mean loss of those windows without dropout. Gradients are left as they are.
  void take_loss(const torch::Tensor& starts, torch::Tensor loss);

  /// Where dropout's seed stands, for tests that compare.
  const torch::Tensor& seed() const { return dropping_.seed; }

  /// The weights' copies are made anew: whoever has changed a weight has to ask for it.
  void refresh_copies();

 private:
  /// A projection: its weights' copy, and the gradients' places.
  struct Weights {
    torch::Tensor weight, to_weight;            ///< [outputs, inputs]
    torch::Tensor bias, copy_of_bias, to_bias;  ///< [outputs]
  };

  /// A norm with what it reads, writes and learns.
  struct NormPlace {
    Norm norm;
    torch::Tensor x, y;  ///< [rows, width]: what is normed, as the stream is kept; and the outcome
    torch::Tensor to_gain, to_bias;
  };

  struct Layer {
    NormPlace attention_norm, mlp_norm;
    Weights query_key_value, output, expand, contract;
    torch::Tensor parts, mixed, before_gelu, hidden;
  };

  Weights weights_of(const Projection& projection) const;
  NormPlace norm_place(const LayerNormImpl& norm) const;
  torch::Tensor numbers(std::int64_t columns) const;
  void forward(const Windows& windows, const Dropping& dropping, torch::Tensor loss);
  void backward(const Windows& windows);
  void multiply(torch::Tensor out, const torch::Tensor& a, const torch::Tensor& b, bool b_turned);
  void weight_gradient(torch::Tensor to_weight, const torch::Tensor& to_output, const torch::Tensor& input);

  GPT model_;
  FlatAdamW& optimizer_;
  torch::Tensor tokens_;
  HandSettings settings_;
  std::unique_ptr<StepKernels> kernels_;
  std::int64_t rows_;
  Dropping dropping_;

  torch::Tensor copies_;            ///< flat, of all parameters
  torch::Tensor table_, to_table_;  ///< the token table's copy and gradient, [padded vocabulary, width]
  std::vector<Layer> layers_;
  NormPlace final_norm_;
  torch::Tensor one_hot_, logits_, to_logits_;                         ///< [rows, padded vocabulary]
  torch::Tensor branch_, to_mlp_branch_, to_attention_branch_, to_y_;  ///< [rows, width]
  torch::Tensor to_x_, to_other_x_;                                    ///< [rows, width], as the stream is kept
  torch::Tensor to_parts_, to_hidden_;                                 ///< [rows, 3 width] and [rows, 4 width]
  torch::Tensor unused_;                                               ///< [width]: a sum that nobody asks for
};

}  // namespace verse
