// Answers to the exercises of chapter 4: wrong ones that people give, and right ones written otherwise.

//! [4.1] wrong: the unbiased variance
return (x - x.mean(-1, true)) / (x.var(-1, true, true) + epsilon).sqrt() * gain + bias;

//! [4.1] wrong: an epsilon of its own
const auto c = x - x.mean(-1, true);
return c / (c.square().mean(-1, true) + 1e-5).sqrt() * gain + bias;

//! [4.1] wrong: E[x^2] - E[x]^2
const auto mean = x.mean(-1, true);
const auto variance = x.square().mean(-1, true) - mean.square();
return (x - mean) / (variance + epsilon).sqrt() * gain + bias;

//! [4.1] wrong: over the positions
const auto c = x - x.mean(0, true);
return c / (c.square().mean(0, true) + epsilon).sqrt() * gain + bias;

//! [4.1] wrong: the gain forgotten
const auto c = x - x.mean(-1, true);
return c / (c.square().mean(-1, true) + epsilon).sqrt() + bias;

//! [4.1] wrong: the bias forgotten
const auto c = x - x.mean(-1, true);
return c / (c.square().mean(-1, true) + epsilon).sqrt() * gain;

//! [4.1] wrong: without the root
const auto c = x - x.mean(-1, true);
return c / (c.square().mean(-1, true) + epsilon) * gain + bias;

//! [4.1] wrong: the mean stays
return x / (x.square().mean(-1, true) + epsilon).sqrt() * gain + bias;

//! [4.1] wrong: epsilon outside the root
return (x - x.mean(-1, true)) / (x.std(-1, false, true) + epsilon) * gain + bias;

//! [4.1] wrong: computed in float32
const auto y = x.to(torch::kFloat32);
const auto c = y - y.mean(-1, true);
return c / (c.square().mean(-1, true) + epsilon).sqrt() * gain + bias;

//! [4.1] wrong: the statistics detached
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

//! [4.2] wrong: exact
return gelu_exact(x);

//! [4.2] wrong: integer constants
return 1 / 2 * x * (1 + torch::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x.pow(3))));

//! [4.2] wrong: integer root
const int scale = std::sqrt(2.0 / std::numbers::pi);
return 0.5 * x * (1 + torch::tanh(scale * (x + 0.044715 * x.pow(3))));

//! [4.2] wrong: float32 in between
const auto y = x.to(torch::kFloat32);
return (0.5 * y * (1 + torch::tanh(std::sqrt(2.0 / std::numbers::pi) * (y + 0.044715 * y.pow(3))))).to(x.dtype());

//! [4.2] wrong: 0.44715
return 0.5 * x * (1 + torch::tanh(std::sqrt(2.0 / std::numbers::pi) * (x + 0.44715 * x.pow(3))));

//! [4.2] wrong: squared for cubed
return 0.5 * x * (1 + torch::tanh(std::sqrt(2.0 / std::numbers::pi) * (x + 0.044715 * x.pow(2))));

//! [4.2] wrong: without the half
return x * (1 + torch::tanh(std::sqrt(2.0 / std::numbers::pi) * (x + 0.044715 * x.pow(3))));

//! [4.2] wrong: the root of pi over 2
return 0.5 * x * (1 + torch::tanh(std::sqrt(std::numbers::pi / 2) * (x + 0.044715 * x.pow(3))));

//! [4.2] wrong: a sigmoid
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

//! [4.3] wrong: no GELU
return torch::dropout(contract->forward(expand->forward(x)), options.dropout, is_training());

//! [4.3] wrong: dropout twice
const auto hidden = torch::dropout(gelu(expand->forward(x), options), options.dropout, is_training());
return torch::dropout(contract->forward(hidden), options.dropout, is_training());

//! [4.3] wrong: dropout inside
return contract->forward(torch::dropout(gelu(expand->forward(x), options), options.dropout, is_training()));

//! [4.3] wrong: dropout always
return torch::dropout(contract->forward(gelu(expand->forward(x), options)), options.dropout, true);

//! [4.3] wrong: no dropout
return contract->forward(gelu(expand->forward(x), options));

//! [4.3] wrong: a residual of its own
return x + torch::dropout(contract->forward(gelu(expand->forward(x), options)), options.dropout, is_training());

//! [4.3] wrong: a ReLU
return torch::dropout(contract->forward(torch::relu(expand->forward(x))), options.dropout, is_training());

//! [4.3] wrong: always the tanh form
return torch::dropout(contract->forward(torch::gelu(expand->forward(x), "tanh")), options.dropout, is_training());

//! [4.3] wrong: a dropout of a quarter, whatever is asked for
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

//! [4.4] wrong: post-norm
const auto y = attention_norm->forward(x + attention->forward(x, extras));
return mlp_norm->forward(y + mlp->forward(y));

//! [4.4] wrong: norms exchanged
const auto y = x + attention->forward(mlp_norm->forward(x), extras);
return y + mlp->forward(attention_norm->forward(y));

//! [4.4] wrong: the MLP first
const auto y = x + mlp->forward(mlp_norm->forward(x));
return y + attention->forward(attention_norm->forward(y), extras);

//! [4.4] wrong: attention without its norm
const auto y = x + attention->forward(x, extras);
return y + mlp->forward(mlp_norm->forward(y));

//! [4.4] wrong: the MLP without its norm
const auto y = x + attention->forward(attention_norm->forward(x), extras);
return y + mlp->forward(y);

//! [4.4] wrong: the extras forgotten
const auto y = x + attention->forward(attention_norm->forward(x));
return y + mlp->forward(mlp_norm->forward(y));

//! [4.4] wrong: the first residual dropped
const auto y = attention->forward(attention_norm->forward(x), extras);
return y + mlp->forward(mlp_norm->forward(y));

//! [4.4] wrong: in parallel
return x + attention->forward(attention_norm->forward(x), extras) + mlp->forward(mlp_norm->forward(x));

//! [4.4] wrong: the normed stream goes on
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

//! [4.5] wrong: seeded inside
torch::manual_seed(42);
torch::NoGradGuard guard;
for (auto& p : named_parameters()) {
  if (p.key().ends_with("attention.output.weight") || p.key().ends_with("mlp.contract.weight")) p->normal_(0, 0.02 / std::sqrt(2.0 * options.layers));
  else if (p->dim() > 1) p->normal_(0, 0.02);
  else p->fill_(p.key().ends_with("bias") ? 0.0 : 1.0);
}

//! [4.5] wrong: 1 / root of layers
torch::NoGradGuard guard;
for (auto& p : named_parameters()) {
  if (p.key().ends_with("output.weight") || p.key().ends_with("contract.weight")) p->normal_(0, 0.02 / std::sqrt(1.0 * options.layers));
  else if (p->dim() > 1) p->normal_(0, 0.02);
  else p->fill_(p.key().ends_with("bias") ? 0.0 : 1.0);
}

//! [4.5] wrong: everything alike
torch::NoGradGuard guard;
for (auto& p : named_parameters()) {
  if (p->dim() > 1) p->normal_(0, 0.02);
  else p->fill_(p.key().ends_with("bias") ? 0.0 : 1.0);
}

//! [4.5] wrong: norms get zeros too
torch::NoGradGuard guard;
for (auto& p : named_parameters()) {
  if (p.key().ends_with("output.weight") || p.key().ends_with("contract.weight")) p->normal_(0, 0.02 / std::sqrt(2.0 * options.layers));
  else if (p->dim() > 1) p->normal_(0, 0.02);
  else p->zero_();
}

//! [4.5] wrong: 2 * layers in whole numbers, 1 / 4 too early
torch::NoGradGuard guard;
for (auto& p : named_parameters()) {
  if (p.key().ends_with("output.weight") || p.key().ends_with("contract.weight")) p->normal_(0, 0.02 * (1 / (2 * options.layers)) + 1e-9);
  else if (p->dim() > 1) p->normal_(0, 0.02);
  else p->fill_(p.key().ends_with("bias") ? 0.0 : 1.0);
}

//! [4.5] wrong: without a guard
for (auto& p : named_parameters()) {
  if (p.key().ends_with("output.weight") || p.key().ends_with("contract.weight")) p->normal_(0, 0.02 / std::sqrt(2.0 * options.layers));
  else if (p->dim() > 1) p->normal_(0, 0.02);
  else p->fill_(p.key().ends_with("bias") ? 0.0 : 1.0);
}

//! [4.5] wrong: six layers taken for granted
torch::NoGradGuard guard;
for (auto& p : named_parameters()) {
  if (p.key().ends_with("output.weight") || p.key().ends_with("contract.weight")) p->normal_(0, 0.02 / std::sqrt(12.0));
  else if (p->dim() > 1) p->normal_(0, 0.02);
  else p->fill_(p.key().ends_with("bias") ? 0.0 : 1.0);
}

//! [4.5] wrong: attention's output forgotten
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

//! [4.6] wrong: dropout inside
if (!positions.defined()) return x;
return torch::dropout(x + embed_tokens(position_embedding, positions), 0.5, is_training());

//! [4.6] wrong: dropout as the options say
if (!positions.defined()) return torch::dropout(x, options.dropout, is_training());
return torch::dropout(x + embed_tokens(position_embedding, positions), options.dropout, is_training());

//! [4.6] wrong: always from 0
if (!positions.defined()) return x;
return x + position_embedding.slice(0, 0, x.size(1));

//! [4.6] wrong: undefined means from 0
const auto where = positions.defined() ? positions : torch::arange(x.size(1));
return x + embed_tokens(position_embedding, where);

//! [4.6] wrong: undefined not asked for
return x + embed_tokens(position_embedding, positions);

//! [4.6] wrong: the token table
if (!positions.defined()) return x;
return x + embed_tokens(token_embedding, positions);

//! [4.6] wrong: in place on the vectors
if (!positions.defined()) return x;
torch::NoGradGuard guard;
auto y = x;
y += embed_tokens(position_embedding, positions);
return y;

//! [4.6] wrong: detached
if (!positions.defined()) return x;
return x + embed_tokens(position_embedding, positions).detach();

//! [4.6] wrong: only the first row's
if (!positions.defined()) return x;
return x + embed_tokens(position_embedding, positions.dim() == 2 ? positions[0] : positions);

//! [4.6] right: embedding
return positions.defined() ? torch::embedding(position_embedding, positions) + x : x;

//! [4.6] right: index_select and a view
if (positions.defined()) {
  auto shape = positions.sizes().vec();
  shape.push_back(options.width);
  return x.add(position_embedding.index_select(0, positions.flatten()).view(shape));
}
return x;

//! [4.7] wrong: from the last to the first
for (std::size_t layer = blocks->size(); layer-- > 0;) {
  AttentionExtras own;
  own.mask = extras.mask;
  if (extras.cache != nullptr) own.cache = (*extras.cache)[layer].get();
  if (extras.weights != nullptr) own.weights = &(*extras.weights)[layer];
  x = blocks->at<BlockImpl>(layer).forward(x, own);
}
return final_norm->forward(x);

//! [4.7] wrong: from the second on
for (std::size_t layer = 1; layer < blocks->size(); ++layer) {
  AttentionExtras own;
  own.mask = extras.mask;
  if (extras.cache != nullptr) own.cache = (*extras.cache)[layer].get();
  if (extras.weights != nullptr) own.weights = &(*extras.weights)[layer];
  x = blocks->at<BlockImpl>(layer).forward(x, own);
}
return final_norm->forward(x);

//! [4.7] wrong: the last one left out
for (std::size_t layer = 0; layer + 1 < blocks->size(); ++layer) {
  AttentionExtras own;
  own.mask = extras.mask;
  if (extras.cache != nullptr) own.cache = (*extras.cache)[layer].get();
  if (extras.weights != nullptr) own.weights = &(*extras.weights)[layer];
  x = blocks->at<BlockImpl>(layer).forward(x, own);
}
return final_norm->forward(x);

//! [4.7] wrong: no final norm
for (std::size_t layer = 0; layer < blocks->size(); ++layer) {
  AttentionExtras own;
  own.mask = extras.mask;
  if (extras.cache != nullptr) own.cache = (*extras.cache)[layer].get();
  if (extras.weights != nullptr) own.weights = &(*extras.weights)[layer];
  x = blocks->at<BlockImpl>(layer).forward(x, own);
}
return x;

//! [4.7] wrong: no extras
for (std::size_t layer = 0; layer < blocks->size(); ++layer) x = blocks->at<BlockImpl>(layer).forward(x);
return final_norm->forward(x);

//! [4.7] wrong: the results lost
for (std::size_t layer = 0; layer < blocks->size(); ++layer) {
  AttentionExtras own;
  own.mask = extras.mask;
  if (extras.cache != nullptr) own.cache = (*extras.cache)[layer].get();
  if (extras.weights != nullptr) own.weights = &(*extras.weights)[layer];
  blocks->at<BlockImpl>(layer).forward(x, own);
}
return final_norm->forward(x);

//! [4.7] wrong: three layers taken for granted
for (std::size_t layer = 0; layer < 3; ++layer) {
  AttentionExtras own;
  own.mask = extras.mask;
  if (extras.cache != nullptr) own.cache = (*extras.cache)[layer].get();
  if (extras.weights != nullptr) own.weights = &(*extras.weights)[layer];
  x = blocks->at<BlockImpl>(layer).forward(x, own);
}
return final_norm->forward(x);

//! [4.7] wrong: the cache is believed to be there
for (std::size_t layer = 0; layer < blocks->size(); ++layer) {
  AttentionExtras own;
  own.mask = extras.mask;
  own.cache = (*extras.cache)[layer].get();
  own.weights = &(*extras.weights)[layer];
  x = blocks->at<BlockImpl>(layer).forward(x, own);
}
return final_norm->forward(x);

//! [4.7] right: over the modules
std::size_t layer = 0;
for (const auto& module : *blocks) {
  AttentionExtras own{extras.mask, extras.cache ? extras.cache->at(layer).get() : nullptr,
                      extras.weights ? &extras.weights->at(layer) : nullptr};
  x = module->as<BlockImpl>()->forward(x, own);
  ++layer;
}
return final_norm(x);

//! [4.7] right: by recursion
const std::function<torch::Tensor(std::size_t)> up_to = [&](std::size_t count) -> torch::Tensor {
  if (count == 0) return x;
  const auto below = up_to(count - 1);
  AttentionExtras own;
  own.mask = extras.mask;
  if (extras.cache) own.cache = (*extras.cache)[count - 1].get();
  if (extras.weights) own.weights = extras.weights->data() + (count - 1);
  return blocks[count - 1]->as<Block>()->forward(below, own);
};
return final_norm->forward(up_to(blocks->size()));

//! [4.8] wrong: a static table
static const auto table = token_embedding.t();
return torch::matmul(x, table);

//! [4.8] wrong: a static copy
static torch::Tensor kept;
if (!kept.defined()) kept = token_embedding.detach().clone();
return torch::matmul(x, (token_embedding - token_embedding.detach() + kept).t());

//! [4.8] wrong: detached
return torch::matmul(x, token_embedding.detach().t());

//! [4.8] wrong: probabilities
return torch::softmax(torch::matmul(x, token_embedding.t()), -1);

//! [4.8] wrong: not transposed
return torch::matmul(x, token_embedding);

//! [4.8] wrong: normed again
return torch::matmul(final_norm->forward(x), token_embedding.t());

//! [4.8] wrong: the position table
return torch::matmul(x, position_embedding.t());

//! [4.8] wrong: viewed for transposed
return torch::matmul(x, token_embedding.view({x.size(-1), -1}));

//! [4.8] wrong: scaled
return torch::matmul(x, token_embedding.t()) / std::sqrt(static_cast<double>(options.width));

//! [4.8] right: linear
return torch::nn::functional::linear(x, token_embedding);

//! [4.8] right: einsum
return torch::einsum("...w,vw->...v", {x, token_embedding});

//! [4.9] wrong: pre and post exchanged
switch (stack) {
  case Stack::plain: return layer(x);
  case Stack::residual: return x + layer(x);
  case Stack::normed: return layer(bare_norm(x));
  case Stack::pre_norm: return bare_norm(x + layer(x));
  case Stack::post_norm: return x + layer(bare_norm(x));
}
throw std::invalid_argument("no such stack");

//! [4.9] wrong: the norm after the layer
switch (stack) {
  case Stack::plain: return layer(x);
  case Stack::residual: return x + layer(x);
  case Stack::normed: return bare_norm(layer(x));
  case Stack::pre_norm: return x + layer(bare_norm(x));
  case Stack::post_norm: return bare_norm(x + layer(x));
}
throw std::invalid_argument("no such stack");

//! [4.9] wrong: post-norm of the layer alone
switch (stack) {
  case Stack::plain: return layer(x);
  case Stack::residual: return x + layer(x);
  case Stack::normed: return layer(bare_norm(x));
  case Stack::pre_norm: return x + layer(bare_norm(x));
  case Stack::post_norm: return x + bare_norm(layer(x));
}
throw std::invalid_argument("no such stack");

//! [4.9] wrong: falls through
torch::Tensor result;
switch (stack) {
  case Stack::plain: result = layer(x); break;
  case Stack::residual: result = x + layer(x); break;
  case Stack::normed: result = layer(bare_norm(x)); break;
  case Stack::pre_norm: result = x + layer(bare_norm(x)); [[fallthrough]];
  case Stack::post_norm: result = bare_norm(x + layer(x)); break;
}
return result;

//! [4.9] wrong: the stream normed
switch (stack) {
  case Stack::plain: return layer(x);
  case Stack::residual: return x + layer(x);
  case Stack::normed: return layer(bare_norm(x));
  case Stack::pre_norm: return bare_norm(x) + layer(bare_norm(x));
  case Stack::post_norm: return bare_norm(x + layer(x));
}
throw std::invalid_argument("no such stack");

//! [4.9] right: put together from three questions
const bool norm_before = stack == Stack::normed || stack == Stack::pre_norm;
const bool adds = stack == Stack::residual || stack == Stack::pre_norm || stack == Stack::post_norm;
auto y = layer(norm_before ? bare_norm(x) : x);
if (adds) y = y + x;
return stack == Stack::post_norm ? bare_norm(y) : y;
