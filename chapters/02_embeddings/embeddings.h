#pragma once

/// @file
/// Chapter 2: tokens become vectors, scores become probabilities, and a loss gets a gradient.

#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <vector>

namespace verse {

/// The table's row for each token. (Exercise 2.1) Equal to one_hot(tokens) times table, without the multiplications by
/// 0.
/// @param table [vocabulary, width] @param tokens [...], int64 @return [..., width]
torch::Tensor embed_tokens(const torch::Tensor& table, const torch::Tensor& tokens);

/// Token vectors plus position vectors: what a GPT's first block reads. (Exercise 2.2)
/// @param token_table [vocabulary, width] @param position_table [context, width]
/// @param tokens [batch, time], int64, time <= context @return [batch, time, width]
torch::Tensor embed(const torch::Tensor& token_table, const torch::Tensor& position_table, const torch::Tensor& tokens);

/// Probabilities from scores along the last dimension, safe for scores of any size. (Exercise 2.3)
/// A score of minus infinity gets probability 0; a row of nothing else gives NaN.
/// @param scores [..., classes] @return the same shape; the last dimension sums to 1
torch::Tensor softmax(const torch::Tensor& scores);

/// Mean cross-entropy in nats of the targets under softmax(logits), computed without forming the softmax.
/// (Exercise 2.4)
/// @param logits [rows, classes] @param targets [rows], int64 @return a scalar that gradients flow through
torch::Tensor cross_entropy(const torch::Tensor& logits, const torch::Tensor& targets);

/// The gradient of cross_entropy() with respect to the logits, by formula: (softmax - one_hot) / rows. (Exercise 2.5)
/// @return [rows, classes]
torch::Tensor cross_entropy_gradient(const torch::Tensor& logits, const torch::Tensor& targets);

/// One step of plain gradient descent: each parameter moves against its gradient, and the gradient is then cleared.
/// (Exercise 2.6) Parameters without a gradient stay.
void descend(const std::vector<torch::Tensor>& parameters, double learning_rate);

/// The sizes that decide how many parameters a GPT has.
struct ModelShape {
  std::int64_t vocabulary_size = 65;
  std::int64_t context = 256;
  std::int64_t layers = 6;
  std::int64_t heads = 6;
  std::int64_t width = 384;
};

/// Parameters by part, each by formula. GPT-2's layout: biases everywhere, and a head that shares the token table.
struct ParameterCount {
  std::int64_t token_embedding = 0;     ///< vocabulary x width
  std::int64_t position_embedding = 0;  ///< context x width
  std::int64_t attention = 0;           ///< of one block: query, key, value and output projections with their biases
  std::int64_t mlp = 0;                 ///< of one block: width -> 4 width -> width with biases
  std::int64_t norms = 0;               ///< of one block: two layer norms, gain and bias each
  std::int64_t block = 0;               ///< attention + mlp + norms
  std::int64_t final_norm = 0;
  std::int64_t total = 0;  ///< everything, the shared head counted once
};

/// Counts parameters without building the model. (Exercise 2.7)
ParameterCount count_parameters(const ModelShape& shape);

/// The neural pair model: the vector of the token now, times an output matrix, scores the token that comes next. What
/// chapter 1 counted, gradient descent has to find.
class PairModelImpl : public torch::nn::Module {
 public:
  /// @param tied the output matrix is the token table itself instead of one of its own
  PairModelImpl(std::int64_t vocabulary_size, std::int64_t width, bool tied = false);

  /// (Exercise 2.8) @param tokens [rows], int64 @return logits [rows, vocabulary]
  torch::Tensor forward(const torch::Tensor& tokens);

  torch::Tensor token_table;   ///< [vocabulary, width]
  torch::Tensor output_table;  ///< [vocabulary, width]; the same tensor as token_table when tied
};
TORCH_MODULE(PairModel);

}  // namespace verse
