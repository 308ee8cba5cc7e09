// Answers to exercises 2.1 to 2.6 of chapter 2: wrong ones that people give, and right ones written otherwise.

//! [2.1] wrong columns_for_rows: columns
return table.t().index({tokens});

//! [2.1] wrong flattened_batch: flattened
return table.index_select(0, tokens.flatten());

//! [2.1] wrong cut_from_the_table: detached
return table.detach().index({tokens});

//! [2.1] wrong: counted from 1
return table.index({(tokens + 1).clamp_max(table.size(0) - 1)});

//! [2.1] wrong cut_from_the_table: copied row by row under a guard
torch::NoGradGuard guard;
return table.index({tokens}).clone();

//! [2.1] wrong: the batch joined to the width
return table.index({tokens}).flatten(-2);

//! [2.1] right: embedding
return torch::embedding(table, tokens);

//! [2.1] right: index_select and the shape again
auto shape = tokens.sizes().vec();
shape.push_back(table.size(1));
return table.index_select(0, tokens.reshape({-1})).view(shape);

//! [2.1] right: one-hot times the table
return torch::one_hot(tokens, table.size(0)).to(table.dtype()).matmul(table);

//! [2.2] wrong no_positions: no positions
return embed_tokens(token_table, tokens);

//! [2.2] wrong positions_over_the_batch: positions by the batch
return embed_tokens(token_table, tokens) + position_table.slice(0, 0, tokens.size(0)).unsqueeze(1);

//! [2.2] wrong whole_position_table: the whole position table
return embed_tokens(token_table, tokens) + position_table;

//! [2.2] wrong side_by_side: side by side
const auto where = position_table.slice(0, 0, tokens.size(1)).expand({tokens.size(0), -1, -1});
return torch::cat({embed_tokens(token_table, tokens), where}, -1);

//! [2.2] wrong positions_from_one: positions from 1
return embed_tokens(token_table, tokens) + position_table.slice(0, 1, tokens.size(1) + 1);

//! [2.2] wrong multiplied: multiplied
return embed_tokens(token_table, tokens) * position_table.slice(0, 0, tokens.size(1));

//! [2.2] wrong last_positions: the last positions
return embed_tokens(token_table, tokens) + position_table.slice(0, position_table.size(0) - tokens.size(1));

//! [2.2] right: positions are looked up too
return embed_tokens(token_table, tokens) + embed_tokens(position_table, torch::arange(tokens.size(1)));

//! [2.2] right: expanded by hand
const auto where = position_table.narrow(0, 0, tokens.size(1)).unsqueeze(0).expand({tokens.size(0), -1, -1});
return torch::embedding(token_table, tokens) + where;

//! [2.2] right: column by column
std::vector<torch::Tensor> columns;
for (std::int64_t t = 0; t < tokens.size(1); ++t)
  columns.push_back(token_table.index_select(0, tokens.select(1, t)) + position_table[t]);
return torch::stack(columns, 1);

//! [2.3] wrong overflow: overflows
const auto weights = scores.exp();
return weights / weights.sum(-1, true);

//! [2.3] wrong wrong_axis: the first dimension
const auto weights = (scores - scores.amax(0, true)).exp();
return weights / weights.sum(0, true);

//! [2.3] wrong largest_of_everything: the largest of all
const auto weights = (scores - scores.max()).exp();
return weights / weights.sum(-1, true);

//! [2.3] wrong not_normalised: not divided
return (scores - scores.amax(-1, true)).exp();

//! [2.3] wrong over_everything: over everything
const auto weights = (scores - scores.max()).exp();
return weights / weights.sum();

//! [2.3] wrong scores_clamped: clamped instead
const auto weights = scores.clamp(-80, 80).exp();
return weights / weights.sum(-1, true);

//! [2.3] wrong logarithm: the logarithm
return torch::log_softmax(scores, -1);

//! [2.3] wrong computed_in_float: in float32
const auto weights = (scores - scores.amax(-1, true)).to(torch::kFloat32).exp();
return weights / weights.sum(-1, true);

//! [2.3] wrong: something added to the sum
const auto weights = (scores - scores.amax(-1, true)).exp();
return weights / (weights.sum(-1, true) + 1e-3);

//! [2.3] wrong gradient_cut: in place on the scores
torch::NoGradGuard guard;
auto x = scores;
x -= x.amax(-1, true);
x.exp_();
return x / x.sum(-1, true);

//! [2.3] right: through logsumexp
return (scores - scores.logsumexp(-1, true)).exp();

//! [2.3] right: LibTorch's own
return torch::softmax(scores, -1);

//! [2.3] right: the largest detached
const auto largest = std::get<0>(scores.max(-1, true)).detach();
const auto weights = torch::exp(scores - largest);
return weights.div(weights.sum(-1).unsqueeze(-1));

//! [2.4] wrong logarithm_of_softmax: the logarithm of a softmax
return -softmax(logits).gather(1, targets.unsqueeze(1)).log().mean();

//! [2.4] wrong sum_for_mean: the sum
return -torch::log_softmax(logits, -1).gather(1, targets.unsqueeze(1)).sum();

//! [2.4] wrong sign: no minus
return torch::log_softmax(logits, -1).gather(1, targets.unsqueeze(1)).mean();

//! [2.4] wrong one_a_row: one a row
return -torch::log_softmax(logits, -1).gather(1, targets.unsqueeze(1)).squeeze(1);

//! [2.4] wrong over_rows: over the rows
return -torch::log_softmax(logits, 0).gather(1, targets.unsqueeze(1)).mean();

//! [2.4] wrong something_added: something added before the logarithm
return -(softmax(logits).gather(1, targets.unsqueeze(1)) + 1e-9).log().mean();

//! [2.4] wrong not_safe: exp without the largest taken off
return (logits.exp().sum(-1).log() - logits.gather(1, targets.unsqueeze(1)).squeeze(1)).mean();

//! [2.4] wrong columns_for_numbers: every pair of rows (index_select for gather)
return (logits.logsumexp(-1) - logits.index_select(1, targets)).mean();

//! [2.4] wrong gradient_cut: item
return torch::tensor(-torch::log_softmax(logits, -1).gather(1, targets.unsqueeze(1)).mean().item<float>());

//! [2.4] wrong log2: base 2
return -torch::log_softmax(logits, -1).gather(1, targets.unsqueeze(1)).mean() / 0.6931471805599453;

//! [2.4] right: LibTorch's own
return torch::nn::functional::cross_entropy(logits, targets);

//! [2.4] right: one-hot
const auto happened = torch::one_hot(targets, logits.size(1)).to(logits.dtype());
return -(torch::log_softmax(logits, 1) * happened).sum() / logits.size(0);

//! [2.4] right: row by row
auto total = torch::zeros({}, logits.options().requires_grad(false));
for (std::int64_t row = 0; row < logits.size(0); ++row)
  total = total + logits[row].logsumexp(0) - logits[row][targets[row].item<std::int64_t>()];
return total / static_cast<double>(logits.size(0));

//! [2.5] wrong over_every_number: the mean over numel
return (softmax(logits) - torch::one_hot(targets, logits.size(-1))) / logits.numel();

//! [2.5] wrong softmax_alone: index() -= 1 on a copy
auto gradient = softmax(logits);
gradient.index({torch::arange(logits.size(0)), targets}) -= 1;
return gradient / logits.size(0);

//! [2.5] wrong not_averaged: not divided
return softmax(logits) - torch::one_hot(targets, logits.size(-1));

//! [2.5] wrong sign: the sign
return (torch::one_hot(targets, logits.size(-1)) - softmax(logits)) / logits.size(0);

//! [2.5] wrong over_classes: over the classes
return (softmax(logits) - torch::one_hot(targets, logits.size(-1))) / logits.size(1);

//! [2.5] wrong one_hot_too_narrow: the one-hot as wide as the targets need
return (softmax(logits) - torch::one_hot(targets)) / logits.size(0);

//! [2.5] wrong whole_columns: whole columns
auto gradient = softmax(logits).clone();
gradient.index_put_({torch::indexing::Slice(), targets}, gradient.index({torch::indexing::Slice(), targets}) - 1);
return gradient / logits.size(0);

//! [2.5] right: by autograd
const auto leaf = logits.detach().clone().requires_grad_();
torch::AutoGradMode on(true);
cross_entropy(leaf, targets).backward();
return leaf.grad();

//! [2.5] right: scatter_add_
auto gradient = softmax(logits).detach().clone();
gradient.scatter_add_(1, targets.unsqueeze(1), torch::full({logits.size(0), 1}, -1.0, gradient.options()));
return gradient.div_(static_cast<double>(logits.size(0)));

//! [2.5] right: row by row
auto gradient = torch::softmax(logits, 1).detach().clone();
for (std::int64_t row = 0; row < logits.size(0); ++row) gradient[row][targets[row].item<std::int64_t>()] -= 1;
return gradient / logits.size(0);

//! [2.6] wrong a_new_tensor: zero_ before the step
torch::NoGradGuard guard;
for (auto parameter : parameters) {
  if (!parameter.grad().defined()) continue;
  parameter.mutable_grad().zero_();
  parameter -= learning_rate * parameter.grad();
}

//! [2.6] wrong a_new_tensor: rebound, then zero_
torch::NoGradGuard guard;
for (auto parameter : parameters) {
  if (!parameter.grad().defined()) continue;
  const auto gradient = parameter.grad();
  parameter = parameter - learning_rate * gradient;
  gradient.zero_();
}

//! [2.6] wrong uphill: uphill
torch::NoGradGuard guard;
for (auto parameter : parameters) {
  if (!parameter.grad().defined()) continue;
  parameter += learning_rate * parameter.grad();
  parameter.mutable_grad().reset();
}

//! [2.6] wrong gradient_kept: gradients kept
torch::NoGradGuard guard;
for (auto parameter : parameters)
  if (parameter.grad().defined()) parameter -= learning_rate * parameter.grad();

//! [2.6] wrong inside_autograd: without a guard
for (auto parameter : parameters) {
  if (!parameter.grad().defined()) continue;
  parameter -= learning_rate * parameter.grad();
  parameter.mutable_grad().reset();
}

//! [2.6] wrong rate_of_its_own: a learning rate of its own
torch::NoGradGuard guard;
for (auto parameter : parameters) {
  if (!parameter.grad().defined()) continue;
  parameter -= 0.1 * parameter.grad();
  parameter.mutable_grad().reset();
}

//! [2.6] wrong stops_at_the_first_without: stops at the first without a gradient
torch::NoGradGuard guard;
for (auto parameter : parameters) {
  if (!parameter.grad().defined()) break;
  parameter -= learning_rate * parameter.grad();
  parameter.mutable_grad().reset();
}

//! [2.6] wrong undefined_tensor: no gradient is not asked for
torch::NoGradGuard guard;
for (auto parameter : parameters) {
  parameter -= learning_rate * parameter.grad();
  parameter.mutable_grad().reset();
}

//! [2.6] wrong gradient_mode_left: grad mode left off
torch::GradMode::set_enabled(false);
for (auto parameter : parameters) {
  if (!parameter.grad().defined()) continue;
  parameter -= learning_rate * parameter.grad();
  parameter.mutable_grad().reset();
}

//! [2.6] wrong only_the_sign: only the sign
torch::NoGradGuard guard;
for (auto parameter : parameters) {
  if (!parameter.grad().defined()) continue;
  parameter -= learning_rate * parameter.grad().sign();
  parameter.mutable_grad().reset();
}

//! [2.6] right: zero_ afterwards
const torch::NoGradGuard guard;
for (const auto& parameter : parameters) {
  if (!parameter.grad().defined()) continue;
  parameter.add_(parameter.grad(), -learning_rate);
  parameter.grad().zero_();
}

//! [2.6] right: through data()
for (auto parameter : parameters) {
  const auto gradient = parameter.grad();
  if (!gradient.defined()) continue;
  parameter.data().sub_(gradient * learning_rate);
  parameter.mutable_grad() = torch::Tensor();
}

//! [2.6] right: copy_
torch::NoGradGuard guard;
for (std::size_t i = 0; i < parameters.size(); ++i) {
  auto parameter = parameters[i];
  if (parameter.grad().defined()) {
    parameter.copy_(parameter - parameter.grad() * learning_rate);
    parameter.mutable_grad().reset();
  }
}
