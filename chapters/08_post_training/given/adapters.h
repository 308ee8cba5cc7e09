#pragma once

/// @file
/// Chapter 8, going further: adapters put into a model, taken off, or merged into it. Given, not an exercise.

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "04_blocks/blocks.h"
#include "08_post_training/lora.h"

namespace verse {

/// One projection whose outputs are several things, with an adapter for each: the attention's queries, keys and values
/// leave one matrix, and what each has to learn need not have anything in common.
class SeparateAdapters : public Projection {
 public:
  /// @param whole its outputs are `parts` stretches of equal size @throws UsageError for a rank below 1
  SeparateAdapters(std::shared_ptr<LinearProjection> whole, std::int64_t parts, std::int64_t rank, double alpha);

  torch::Tensor forward(const torch::Tensor& x) override;  ///< [..., inputs] to [..., outputs]

  std::shared_ptr<LinearProjection> whole;
  std::vector<std::shared_ptr<LoraProjection>> adapters;  ///< each wraps a view of its stretch of the whole's weight
};

/// What of the token table learns beside the adapters.
enum class TokenTable { frozen, learns };

/// Puts adapters around the four projections of every block (one each for queries, keys and values) and freezes
/// everything else; the token table too, where it is not to learn. The first values are LibTorch's generator's. Until
/// the adapters are off again, the model stays on its device and in its type: the views of SeparateAdapters would
/// become copies, and nothing would be merged.
/// @return what is left to learn: the adapters' matrices, then the token table where it learns
std::vector<torch::Tensor> add_lora(GPT& model, std::int64_t rank, double alpha, TokenTable table);

/// Puts plain projections with the merged weights back, so that the model is of its old shape and costs what it did.
void merge_lora(GPT& model);

/// Puts the plain projections back as they were: without the adapters, and if the token table was frozen, the model
/// gives the same bits as before add_lora().
void remove_lora(GPT& model);

}  // namespace verse
