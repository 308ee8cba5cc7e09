#include "02_embeddings/embeddings.h"

#include "common/base/error.h"

namespace verse {

torch::Tensor embed_tokens(const torch::Tensor& table, const torch::Tensor& tokens) {
  //! [2.1]
  // Each token number picks its row of the table.
  return table.index({tokens});  // [..., width]
  //! [2.1]
}

torch::Tensor embed(const torch::Tensor& token_table, const torch::Tensor& position_table,
                    const torch::Tensor& tokens) {
  //! [2.2]
  // What stands at each place of each row of the batch.
  const torch::Tensor what = embed_tokens(token_table, tokens);  // [batch, time, width]

  // Where it stands: the first `time` rows of the position table, the same for every row of the batch.
  const torch::Tensor where = position_table.slice(0, 0, tokens.size(1));  // [time, width]
  return what + where;                                                     // [batch, time, width]
  //! [2.2]
}

torch::Tensor softmax(const torch::Tensor& scores) {
  //! [2.3]
  // Subtracting the largest score changes no probability, and keeps exp() from overflowing.
  const torch::Tensor largest = scores.amax(-1, /*keepdim=*/true);  // [..., 1]
  const torch::Tensor weights = (scores - largest).exp();           // [..., classes], the largest is 1

  // Dividing by the sum makes them add up to 1.
  return weights / weights.sum(-1, /*keepdim=*/true);
  //! [2.3]
}

torch::Tensor cross_entropy(const torch::Tensor& logits, const torch::Tensor& targets) {
  //! [2.4]
  // ln softmax(logits) = logits - ln sum exp(logits): the logarithm is taken of a sum, never of a probability that
  // rounded to 0.
  const torch::Tensor log_normaliser = logits.logsumexp(-1);  // [rows]

  // Of each row, only the score of what really came matters.
  const torch::Tensor target_logits = logits.gather(-1, targets.unsqueeze(-1)).squeeze(-1);  // [rows]
  return (log_normaliser - target_logits).mean();
  //! [2.4]
}

torch::Tensor cross_entropy_gradient(const torch::Tensor& logits, const torch::Tensor& targets) {
  //! [2.5]
  // What the model believes, minus what happened; over the rows, because the loss is their mean.
  const torch::Tensor happened = torch::one_hot(targets, logits.size(-1));  // [rows, classes]
  return (softmax(logits) - happened) / logits.size(0);
  //! [2.5]
}

void descend(const std::vector<torch::Tensor>& parameters, double learning_rate) {
  //! [2.6]
  // Moving a parameter is not a part of the computation that gradients are taken of.
  torch::NoGradGuard no_gradients;
  for (torch::Tensor parameter : parameters) {
    if (!parameter.grad().defined()) continue;
    // Downhill is against the gradient.
    parameter -= learning_rate * parameter.grad();

    // backward() adds to what is there, so the next step has to start from nothing.
    parameter.mutable_grad().reset();
  }
  //! [2.6]
}

ParameterCount count_parameters(const ModelShape& shape) {
  //! [2.7]
  ParameterCount count;
  const std::int64_t width = shape.width;

  // The two tables that a token passes first.
  count.token_embedding = shape.vocabulary_size * width;
  count.position_embedding = shape.context * width;

  // A block: four projections of width x width, an MLP that is four times as wide inside, two norms; biases everywhere.
  count.attention = 4 * (width * width + width);
  count.mlp = (width * 4 * width + 4 * width) + (4 * width * width + width);
  count.norms = 2 * (width + width);
  count.block = count.attention + count.mlp + count.norms;

  // The head is the token table again, so it adds nothing. Heads cut the width up; their number adds nothing either.
  count.final_norm = width + width;
  count.total = count.token_embedding + count.position_embedding + shape.layers * count.block + count.final_norm;
  return count;
  //! [2.7]
}

//! [pair-model]
PairModelImpl::PairModelImpl(std::int64_t vocabulary_size, std::int64_t width, bool tied) {
  token_table = register_parameter("token_table", torch::randn({vocabulary_size, width}) * 0.02);
  output_table = tied ? token_table : register_parameter("output_table", torch::randn({vocabulary_size, width}) * 0.02);
}
//! [pair-model]

torch::Tensor PairModelImpl::forward(const torch::Tensor& tokens) {
  //! [2.8]
  // The vector of the token now, against the output vector of every token that could come next.
  const torch::Tensor now = embed_tokens(token_table, tokens);  // [rows, width]
  return torch::matmul(now, output_table.t());                  // [rows, vocabulary]
  //! [2.8]
}

}  // namespace verse
