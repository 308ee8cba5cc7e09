#pragma once

/// @file
/// Chapter 12: a model whose matrices are kept in fewer bits, for generation on a CPU.

#include <torch/torch.h>

#include <cstdint>
#include <memory>

#include "04_blocks/blocks.h"
#include "11_modern/given/small_matrix.h"
#include "common/projection.h"

namespace verse {

/// A projection in small numbers. Only its bias is a parameter.
class SmallProjection : public Projection {
 public:
  SmallProjection(const LinearProjection& full, WeightKind kind);
  torch::Tensor forward(const torch::Tensor& x) override;  ///< without gradients; a few rows by multiply_rows()

  std::shared_ptr<const SmallMatrix> weight;
  torch::Tensor bias;
};

/// Chapter 4's GPT with its projections, and the head, in small numbers. Norms, biases and both tables are as they
/// were; of the tables, a token reads one row each. The head is a small copy of the token table. For reading and
/// writing text.
class SmallGPTImpl : public LanguageModelImpl {
 public:
  /// @param whole loses its projections to this one
  SmallGPTImpl(GPT whole, WeightKind kind);

  torch::Tensor forward(const torch::Tensor& tokens, const ForwardExtras& extras = {}) override;
  torch::Tensor forward_embedded(const torch::Tensor& x, const torch::Tensor& positions,
                                 const ForwardExtras& extras = {}) override;
  ModelShape shape() const override { return inner->shape(); }

  GPT inner;
  std::shared_ptr<const SmallMatrix> head;
};
TORCH_MODULE(SmallGPT);

/// The same model with its matrices in numbers of that kind; the given one is used up.
/// @throws UsageError for a model that there are no small ones of
LanguageModel in_small_numbers(const LanguageModel& model, WeightKind kind);

/// Bytes of the matrices that each token reads: of all projections, and of the head.
std::int64_t bytes_read_per_token(LanguageModelImpl& model);

}  // namespace verse
