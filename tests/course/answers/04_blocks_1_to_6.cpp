// Answers to exercises 4.1 to 4.6 of chapter 4: wrong ones that people give, and right ones written otherwise.

//! [4.1] wrong unbiased_variance: the unbiased variance
return (x - x.mean(-1, true)) / (x.var(-1, true, true) + epsilon).sqrt() * gain + bias;

//! [4.1] wrong epsilon_of_its_own: an epsilon of its own
const auto c = x - x.mean(-1, true);
return c / (c.square().mean(-1, true) + 1e-5).sqrt() * gain + bias;

//! [4.1] wrong mean_of_squares_less_square_of_mean: E[x^2] - E[x]^2
const auto mean = x.mean(-1, true);
const auto variance = x.square().mean(-1, true) - mean.square();
return (x - mean) / (variance + epsilon).sqrt() * gain + bias;

//! [4.1] wrong over_positions: over the positions
const auto c = x - x.mean(-2, true);
return c / (c.square().mean(-2, true) + epsilon).sqrt() * gain + bias;

//! [4.1] wrong over_the_batch: over the batch
const auto c = x - x.mean(0, true);
return c / (c.square().mean(0, true) + epsilon).sqrt() * gain + bias;

//! [4.1] wrong gain_forgotten: the gain forgotten
const auto c = x - x.mean(-1, true);
return c / (c.square().mean(-1, true) + epsilon).sqrt() + bias;

//! [4.1] wrong bias_forgotten: the bias forgotten
const auto c = x - x.mean(-1, true);
return c / (c.square().mean(-1, true) + epsilon).sqrt() * gain;

//! [4.1] wrong root_forgotten: without the root
const auto c = x - x.mean(-1, true);
return c / (c.square().mean(-1, true) + epsilon) * gain + bias;

//! [4.1] wrong mean_kept: the mean stays
return x / (x.square().mean(-1, true) + epsilon).sqrt() * gain + bias;

//! [4.1] wrong epsilon_outside_root: epsilon outside the root
return (x - x.mean(-1, true)) / (x.std(-1, false, true) + epsilon) * gain + bias;

//! [4.1] wrong computed_in_float: computed in float32
const auto y = x.to(torch::kFloat32);
const auto c = y - y.mean(-1, true);
return c / (c.square().mean(-1, true) + epsilon).sqrt() * gain + bias;

//! [4.1] wrong statistics_detached: the statistics detached
const auto c = x - x.mean(-1, true).detach();
return c / (c.square().mean(-1, true).detach() + epsilon).sqrt() * gain + bias;

//! [4.1] right: LibTorch's own
return torch::layer_norm(x, {x.size(-1)}, gain, bias, epsilon);

//! [4.1] right: var_mean
const auto [variance, mean] = torch::var_mean(x, {-1}, /*unbiased=*/false, /*keepdim=*/true);
return torch::addcmul(bias, (x - mean) * (variance + epsilon).rsqrt(), gain);

//! [4.1] right: sums over the width
const auto width = static_cast<double>(x.size(-1));
const auto c = x - (x.sum(-1) / width).unsqueeze(-1);
return gain * (c / torch::sqrt((c * c).sum(-1, true) / width + epsilon)) + bias;

//! [4.2] wrong exact_form: exact
return gelu_exact(x);

//! [4.2] wrong whole_number_constants: integer constants
return 1 / 2 * x * (1 + torch::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x.pow(3))));

//! [4.2] wrong whole_number_scale: integer root
const int scale = std::sqrt(2.0 / std::numbers::pi);
return 0.5 * x * (1 + torch::tanh(scale * (x + 0.044715 * x.pow(3))));

//! [4.2] wrong: float32 in between
const auto y = x.to(torch::kFloat32);
return (0.5 * y * (1 + torch::tanh(std::sqrt(2.0 / std::numbers::pi) * (y + 0.044715 * y.pow(3))))).to(x.dtype());

//! [4.2] wrong cubic_too_large: 0.44715
return 0.5 * x * (1 + torch::tanh(std::sqrt(2.0 / std::numbers::pi) * (x + 0.44715 * x.pow(3))));

//! [4.2] wrong squared_for_cubed: squared for cubed
return 0.5 * x * (1 + torch::tanh(std::sqrt(2.0 / std::numbers::pi) * (x + 0.044715 * x.pow(2))));

//! [4.2] wrong half_forgotten: without the half
return x * (1 + torch::tanh(std::sqrt(2.0 / std::numbers::pi) * (x + 0.044715 * x.pow(3))));

//! [4.2] wrong root_upside_down: the root of pi over 2
return 0.5 * x * (1 + torch::tanh(std::sqrt(std::numbers::pi / 2) * (x + 0.044715 * x.pow(3))));

//! [4.2] wrong sigmoid_form: a sigmoid
return x * torch::sigmoid(1.702 * x);

//! [4.2] wrong gradient_cut: detached
return torch::gelu(x.detach(), "tanh");

//! [4.2] right: LibTorch's own
return torch::gelu(x, "tanh");

//! [4.2] right: as a sigmoid of twice the argument
return x * torch::sigmoid(2 * std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * torch::pow(x, 3)));

//! [4.2] right: factored
const auto inner = x * (1 + 0.044715 * x * x) * (M_2_SQRTPI * M_SQRT1_2);
return x.mul(inner.tanh().add(1)).div(2);

//! [4.3] wrong no_gelu: no GELU
return torch::dropout(contract->forward(expand->forward(x)), options.dropout, is_training());

//! [4.3] wrong dropout_twice: dropout twice
const auto hidden = torch::dropout(gelu(expand->forward(x), options), options.dropout, is_training());
return torch::dropout(contract->forward(hidden), options.dropout, is_training());

//! [4.3] wrong dropout_inside: dropout inside
return contract->forward(torch::dropout(gelu(expand->forward(x), options), options.dropout, is_training()));

//! [4.3] wrong dropout_always: dropout always
return torch::dropout(contract->forward(gelu(expand->forward(x), options)), options.dropout, true);

//! [4.3] wrong no_dropout: no dropout
return contract->forward(gelu(expand->forward(x), options));

//! [4.3] wrong own_residual: a residual of its own
return x + torch::dropout(contract->forward(gelu(expand->forward(x), options)), options.dropout, is_training());

//! [4.3] wrong relu: a ReLU
return torch::dropout(contract->forward(torch::relu(expand->forward(x))), options.dropout, is_training());

//! [4.3] wrong option_ignored: always the tanh form
return torch::dropout(contract->forward(torch::gelu(expand->forward(x), "tanh")), options.dropout, is_training());

//! [4.3] wrong share_of_its_own: a dropout of a quarter, whatever is asked for
return torch::dropout(contract->forward(gelu(expand->forward(x), options)), 0.25, is_training() && options.dropout > 0);

//! [4.3] wrong: whole rows are dropped
auto y = contract->forward(gelu(expand->forward(x), options));
if (is_training() && options.dropout > 0) {
  auto kept = torch::bernoulli(torch::full_like(y.narrow(-1, 0, 1), 1 - options.dropout));
  y = y * kept / (1 - options.dropout);
}
return y;

//! [4.3] right: by statement
auto y = expand->forward(x);
y = options.exact_gelu ? gelu_exact(y) : gelu_tanh(y);
y = contract->forward(y);
if (is_training()) y = torch::dropout(y, options.dropout, true);
return y;

//! [4.3] right: a mask of its own
auto y = contract->forward(gelu(expand->forward(x), options));
if (!is_training() || options.dropout == 0) return y;
return y * (torch::rand_like(y) >= options.dropout).to(y.dtype()) / (1 - options.dropout);

//! [4.3] right: in one line, by the functional dropout
namespace F = torch::nn::functional;
return F::dropout(contract->forward(gelu(expand->forward(x), options)), F::DropoutFuncOptions().p(options.dropout).training(is_training()));

//! [4.4] wrong post_norm: post-norm
const auto y = attention_norm->forward(x + attention->forward(x, extras));
return mlp_norm->forward(y + mlp->forward(y));

//! [4.4] wrong norms_exchanged: norms exchanged
const auto y = x + attention->forward(mlp_norm->forward(x), extras);
return y + mlp->forward(attention_norm->forward(y));

//! [4.4] wrong mlp_first: the MLP first
const auto y = x + mlp->forward(mlp_norm->forward(x));
return y + attention->forward(attention_norm->forward(y), extras);

//! [4.4] wrong attention_not_normed: attention without its norm
const auto y = x + attention->forward(x, extras);
return y + mlp->forward(mlp_norm->forward(y));

//! [4.4] wrong mlp_not_normed: the MLP without its norm
const auto y = x + attention->forward(attention_norm->forward(x), extras);
return y + mlp->forward(y);

//! [4.4] wrong extras_forgotten: the extras forgotten
const auto y = x + attention->forward(attention_norm->forward(x));
return y + mlp->forward(mlp_norm->forward(y));

//! [4.4] wrong first_residual_lost: the first residual dropped
const auto y = attention->forward(attention_norm->forward(x), extras);
return y + mlp->forward(mlp_norm->forward(y));

//! [4.4] wrong side_by_side: in parallel
return x + attention->forward(attention_norm->forward(x), extras) + mlp->forward(mlp_norm->forward(x));

//! [4.4] wrong stream_overwritten_by_norm: the normed stream goes on
auto y = attention_norm->forward(x);
y = y + attention->forward(y, extras);
auto z = mlp_norm->forward(y);
return z + mlp->forward(z);

//! [4.4] wrong input_changed: added in place
torch::NoGradGuard guard;
torch::Tensor y = x;
y += attention->forward(attention_norm->forward(x), extras);
y += mlp->forward(mlp_norm->forward(y));
return y;

//! [4.4] right: step by step
torch::Tensor stream = x;
const auto read = attention_norm->forward(stream);
stream = torch::add(stream, attention->forward(read, extras));
stream = torch::add(mlp->forward(mlp_norm->forward(stream)), stream);
return stream;

//! [4.4] right: a copy, added to in place
auto stream = x.clone();
stream += attention->forward(attention_norm->forward(x), extras);
const auto after = stream.clone();
stream += mlp->forward(mlp_norm->forward(after));
return stream;

//! [4.4] right: one loop over two branches
const std::vector<std::function<torch::Tensor(const torch::Tensor&)>> branches = {
    [&](const torch::Tensor& y) { return attention(attention_norm(y), extras); },
    [&](const torch::Tensor& y) { return mlp(mlp_norm(y)); }};
return std::accumulate(branches.begin(), branches.end(), x, [](const torch::Tensor& y, const auto& branch) { return y + branch(y); });

//! [4.5] wrong seeded_inside: seeded inside
torch::manual_seed(42);
torch::NoGradGuard guard;
for (auto& p : named_parameters()) {
  if (p.key().ends_with("attention.output.weight") || p.key().ends_with("mlp.contract.weight")) p->normal_(0, 0.02 / std::sqrt(2.0 * options.layers));
  else if (p->dim() > 1) p->normal_(0, 0.02);
  else p->fill_(p.key().ends_with("bias") ? 0.0 : 1.0);
}

//! [4.5] wrong one_addition_a_layer: 1 / root of layers
torch::NoGradGuard guard;
for (auto& p : named_parameters()) {
  if (p.key().ends_with("output.weight") || p.key().ends_with("contract.weight")) p->normal_(0, 0.02 / std::sqrt(1.0 * options.layers));
  else if (p->dim() > 1) p->normal_(0, 0.02);
  else p->fill_(p.key().ends_with("bias") ? 0.0 : 1.0);
}

//! [4.5] wrong no_residual_scaling: everything alike
torch::NoGradGuard guard;
for (auto& p : named_parameters()) {
  if (p->dim() > 1) p->normal_(0, 0.02);
  else p->fill_(p.key().ends_with("bias") ? 0.0 : 1.0);
}

//! [4.5] wrong gains_zero: norms get zeros too
torch::NoGradGuard guard;
for (auto& p : named_parameters()) {
  if (p.key().ends_with("output.weight") || p.key().ends_with("contract.weight")) p->normal_(0, 0.02 / std::sqrt(2.0 * options.layers));
  else if (p->dim() > 1) p->normal_(0, 0.02);
  else p->zero_();
}

//! [4.5] wrong whole_number_division: 2 * layers in whole numbers, 1 / 4 too early
torch::NoGradGuard guard;
for (auto& p : named_parameters()) {
  if (p.key().ends_with("output.weight") || p.key().ends_with("contract.weight")) p->normal_(0, 0.02 * (1 / (2 * options.layers)));
  else if (p->dim() > 1) p->normal_(0, 0.02);
  else p->fill_(p.key().ends_with("bias") ? 0.0 : 1.0);
}

//! [4.5] wrong gradient_recorded: without a guard
for (auto& p : named_parameters()) {
  if (p.key().ends_with("output.weight") || p.key().ends_with("contract.weight")) p->normal_(0, 0.02 / std::sqrt(2.0 * options.layers));
  else if (p->dim() > 1) p->normal_(0, 0.02);
  else p->fill_(p.key().ends_with("bias") ? 0.0 : 1.0);
}

//! [4.5] wrong six_layers: six layers taken for granted
torch::NoGradGuard guard;
for (auto& p : named_parameters()) {
  if (p.key().ends_with("output.weight") || p.key().ends_with("contract.weight")) p->normal_(0, 0.02 / std::sqrt(12.0));
  else if (p->dim() > 1) p->normal_(0, 0.02);
  else p->fill_(p.key().ends_with("bias") ? 0.0 : 1.0);
}

//! [4.5] wrong output_not_scaled: attention's output forgotten
torch::NoGradGuard guard;
for (auto& p : named_parameters()) {
  if (p.key().ends_with("contract.weight")) p->normal_(0, 0.02 / std::sqrt(2.0 * options.layers));
  else if (p->dim() > 1) p->normal_(0, 0.02);
  else p->fill_(p.key().ends_with("bias") ? 0.0 : 1.0);
}

//! [4.5] right: everything, then block by block
const torch::NoGradGuard guard;
for (auto& p : parameters()) {
  if (p.dim() > 1) torch::nn::init::normal_(p, 0.0, 0.02);
  else p.zero_();
}
for (auto& p : named_parameters())
  if (p->dim() == 1 && p.key().find("norm.weight") != std::string::npos) torch::nn::init::ones_(p.value());
const double scale = 1 / std::sqrt(2.0 * static_cast<double>(options.layers));
for (auto& p : named_parameters())
  if (p.key().find("attention.output.weight") != std::string::npos || p.key().find("mlp.contract.weight") != std::string::npos) *p *= scale;

//! [4.5] right: through data() and randn
for (auto& p : named_parameters()) {
  const auto& name = p.key();
  auto data = p->data();
  const bool stream = name.ends_with("attention.output.weight") || name.ends_with("mlp.contract.weight");
  if (data.dim() > 1) data.copy_(torch::randn(data.sizes()) * (stream ? 0.02 / std::sqrt(2.0 * options.layers) : 0.02));
  else data.fill_(name.ends_with(".bias") ? 0 : 1);
}

//! [4.5] right: module by module, by hand
torch::NoGradGuard guard;
const double small = 0.02 * std::pow(2.0 * static_cast<double>(options.layers), -0.5);
const auto norm = [](LayerNorm& layer) {
  layer->weight.fill_(1);
  layer->bias.fill_(0);
};
const auto projection = [](Projection& layer, double deviation) {
  for (auto& p : layer.named_parameters()) {
    if (p.key() == "weight") p->copy_(at::normal(0.0, deviation, p->sizes()));
    else p->zero_();
  }
};
token_embedding.copy_(torch::randn(token_embedding.sizes()).mul(0.02));
position_embedding.normal_(0, 0.02);
for (std::size_t i = 0; i < blocks->size(); ++i) {
  auto& block = blocks->at<BlockImpl>(i);
  norm(block.attention_norm);
  norm(block.mlp_norm);
  projection(*block.attention->query_key_value, 0.02);
  projection(*block.attention->output, small);
  projection(*block.mlp->expand, 0.02);
  projection(*block.mlp->contract, small);
}
norm(final_norm);

//! [4.6] wrong: dropout inside
if (!positions.defined()) return x;
return torch::dropout(x + embed_tokens(position_embedding, positions), 0.5, is_training());

//! [4.6] wrong dropout_here: dropout as the options say
if (!positions.defined()) return torch::dropout(x, options.dropout, is_training());
return torch::dropout(x + embed_tokens(position_embedding, positions), options.dropout, is_training());

//! [4.6] wrong counted_from_zero: always from 0
if (!positions.defined()) return x;
return x + position_embedding.slice(0, 0, x.size(1));

//! [4.6] wrong undefined_counted: undefined means from 0
const auto where = positions.defined() ? positions : torch::arange(x.size(1));
return x + embed_tokens(position_embedding, where);

//! [4.6] wrong undefined_used: undefined not asked for
return x + embed_tokens(position_embedding, positions);

//! [4.6] wrong token_table: the token table
if (!positions.defined()) return x;
return x + embed_tokens(token_embedding, positions);

//! [4.6] wrong detached+input_changed: in place on the vectors
if (!positions.defined()) return x;
torch::NoGradGuard guard;
auto y = x;
y += embed_tokens(position_embedding, positions);
return y;

//! [4.6] wrong detached: detached
if (!positions.defined()) return x;
return x + embed_tokens(position_embedding, positions).detach();

//! [4.6] wrong first_row_for_all: only the first row's
if (!positions.defined()) return x;
return x + embed_tokens(position_embedding, positions.dim() == 2 ? positions[0] : positions);

//! [4.6] wrong undefined_used: undefined positions looked up
const auto rows = embed_tokens(position_embedding, positions);
return rows + x;

//! [4.6] right: embedding
return positions.defined() ? torch::embedding(position_embedding, positions) + x : x;

//! [4.6] right: index_select and a view
if (positions.defined()) {
  auto shape = positions.sizes().vec();
  shape.push_back(options.width);
  return x.add(position_embedding.index_select(0, positions.flatten()).view(shape));
}
return x;

//! [4.6] right: one-hot rows times the table
if (!positions.defined()) return x;
const auto chosen = torch::one_hot(positions, position_embedding.size(0)).to(position_embedding.dtype());
return torch::add(x, torch::matmul(chosen, position_embedding));
