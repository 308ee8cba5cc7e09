#pragma once

/// @file
/// Chapter 12: the parts that speed and scale need, each equal to the clear form of an earlier chapter.

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "02_embeddings/embeddings.h"
#include "05_training/training.h"
#include "common/base/random.h"

namespace verse {

/// AdamW in one call for all parameters that share their settings, instead of a dozen for each. Equal to chapter 5's
/// within rounding; what it remembers, and how that is saved, is chapter 5's.
class FusedAdamW : public AdamW {
 public:
  using AdamW::AdamW;

  /// (Exercise 12.1) By LibTorch's kernel `at::_fused_adamw_`, which reads and writes each number once. Matrices and
  /// tables decay, vectors do not; parameters without a gradient stay.
  void step(double learning_rate) override;
};

/// The loss of chapter 5's batch_loss() in LibTorch's own operations. (Exercise 12.2)
///
/// Looking rows up by torch::embedding and taking the loss by its cross-entropy saves passes over memory. The first
/// matters for another reason too: on several threads the gradient of a plain lookup is added up in whatever order the
/// threads come, so that two equal runs end with unequal weights; that of torch::embedding has one order.
/// @return a scalar that gradients flow through
torch::Tensor fast_batch_loss(LanguageModel model, const Batch& batch);

/// Gradients of the mean loss over several batches, one batch at a time, as if they were one. (Exercise 12.3)
///
/// Each batch's loss counts by the predictions that it is the mean of. Products are taken in bfloat16 where asked for,
/// but in the loss alone: backward() uses for each operation what forward used, and needs no guard (Micikevicius et al.
/// 2018, section 3).
/// @param batches need not be of one size @param loss_of the mean loss of a batch, a scalar
/// @return the mean loss over all of them, detached; the parameters' gradients have been added to
torch::Tensor accumulate_gradients(const std::vector<Batch>& batches,
                                   const std::function<torch::Tensor(const Batch&)>& loss_of, torch::Device device,
                                   bool bfloat16);

/// Everything that decides how training goes on: what is saved, and brought back by restore_training_state().
/// (Exercise 12.4)
/// @return `model.<parameter>` for each parameter; `optimizer.<entry>` for each of the optimizer's; `random`, [4], the
/// words of our generator as int64; `generator.cpu` or `generator.cuda`, the state of LibTorch's own on the model's
/// device, which dropout draws from. Copies: training on does not change them.
std::vector<std::pair<std::string, torch::Tensor>> collect_training_state(LanguageModelImpl& model,
                                                                          const Optimizer& optimizer,
                                                                          const Random& random);

/// Puts a state back, so that the steps that follow are those that would have followed. (Exercise 12.5)
/// @throws UsageError for a state of another model, or from another kind of device.
void restore_training_state(const std::vector<std::pair<std::string, torch::Tensor>>& state, LanguageModelImpl& model,
                            Optimizer& optimizer, Random& random);

/// The multiplications and additions of one training step a token, those of matrix products alone. (Exercise 12.6)
///
/// A product of [a, b] and [b, c] takes 2 a b c of them. Each weight of a block's matrices and of the head meets each
/// token once; attention adds two products with all `context` positions in each layer. Backward takes twice what
/// forward does. This is the count of Chowdhery et al. 2022 (PaLM, appendix B), with which a model's use of a machine
/// (MFU) is compared; the half of the scores that the mask throws away is counted, as it is there.
double training_operations_per_token(const ModelShape& shape);

}  // namespace verse
