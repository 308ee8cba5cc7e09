// Answers to exercises 4.7 to 4.9 of chapter 4: wrong ones that people give, and right ones written otherwise.

//! [4.7] wrong last_to_first: from the last to the first
for (std::size_t layer = blocks->size(); layer-- > 0;) {
  AttentionExtras own;
  own.mask = extras.mask;
  if (extras.cache != nullptr) own.cache = (*extras.cache)[layer].get();
  if (extras.weights != nullptr) own.weights = &(*extras.weights)[layer];
  x = blocks->at<BlockImpl>(layer).forward(x, own);
}
return final_norm->forward(x);

//! [4.7] wrong first_block_left_out: from the second on
for (std::size_t layer = 1; layer < blocks->size(); ++layer) {
  AttentionExtras own;
  own.mask = extras.mask;
  if (extras.cache != nullptr) own.cache = (*extras.cache)[layer].get();
  if (extras.weights != nullptr) own.weights = &(*extras.weights)[layer];
  x = blocks->at<BlockImpl>(layer).forward(x, own);
}
return final_norm->forward(x);

//! [4.7] wrong last_block_left_out: the last one left out
for (std::size_t layer = 0; layer + 1 < blocks->size(); ++layer) {
  AttentionExtras own;
  own.mask = extras.mask;
  if (extras.cache != nullptr) own.cache = (*extras.cache)[layer].get();
  if (extras.weights != nullptr) own.weights = &(*extras.weights)[layer];
  x = blocks->at<BlockImpl>(layer).forward(x, own);
}
return final_norm->forward(x);

//! [4.7] wrong no_final_norm: no final norm
for (std::size_t layer = 0; layer < blocks->size(); ++layer) {
  AttentionExtras own;
  own.mask = extras.mask;
  if (extras.cache != nullptr) own.cache = (*extras.cache)[layer].get();
  if (extras.weights != nullptr) own.weights = &(*extras.weights)[layer];
  x = blocks->at<BlockImpl>(layer).forward(x, own);
}
return x;

//! [4.7] wrong extras_forgotten: no extras
for (std::size_t layer = 0; layer < blocks->size(); ++layer) x = blocks->at<BlockImpl>(layer).forward(x);
return final_norm->forward(x);

//! [4.7] wrong result_lost: the results lost
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

//! [4.7] right: children(), and the layer by a counter in the loop's head
const auto all = blocks->children();
for (std::size_t i = 0; i != all.size(); i++) {
  auto block = std::dynamic_pointer_cast<BlockImpl>(all[i]);
  torch::Tensor next = block->forward(x, extras_of(i, extras));
  std::swap(x, next);
}
return torch::layer_norm(x, {options.width}, final_norm->weight, final_norm->bias);

//! [4.8] wrong: a static table
static const auto table = token_embedding.t();
return torch::matmul(x, table);

//! [4.8] wrong: a static copy
static torch::Tensor kept;
if (!kept.defined()) kept = token_embedding.detach().clone();
return torch::matmul(x, (token_embedding - token_embedding.detach() + kept).t());

//! [4.8] wrong copied_table: detached
return torch::matmul(x, token_embedding.detach().t());

//! [4.8] wrong probabilities: probabilities
return torch::softmax(torch::matmul(x, token_embedding.t()), -1);

//! [4.8] wrong not_transposed: not transposed
return torch::matmul(x, token_embedding);

//! [4.8] wrong normed_again: normed again
return torch::matmul(final_norm->forward(x), token_embedding.t());

//! [4.8] wrong position_table: the position table
return torch::matmul(x, position_embedding.t());

//! [4.8] wrong not_transposed: viewed for transposed
return torch::matmul(x, token_embedding.view({x.size(-1), -1}));

//! [4.8] wrong scaled_like_scores: scaled
return torch::matmul(x, token_embedding.t()) / std::sqrt(static_cast<double>(options.width));

//! [4.8] right: linear
return torch::nn::functional::linear(x, token_embedding);

//! [4.8] right: einsum
return torch::einsum("...w,vw->...v", {x, token_embedding});

//! [4.8] right: flattened, by mm
const auto rows = x.reshape({-1, x.size(-1)});
auto sizes = x.sizes().vec();
sizes.back() = token_embedding.size(0);
return rows.mm(token_embedding.transpose(0, 1)).view(sizes);

//! [4.9] wrong pre_and_post_swapped: pre and post exchanged
switch (stack) {
  case Stack::plain: return layer(x);
  case Stack::residual: return x + layer(x);
  case Stack::normed: return layer(bare_norm(x));
  case Stack::pre_norm: return bare_norm(x + layer(x));
  case Stack::post_norm: return x + layer(bare_norm(x));
}
throw std::invalid_argument("no such stack");

//! [4.9] wrong norm_after_layer: the norm after the layer
switch (stack) {
  case Stack::plain: return layer(x);
  case Stack::residual: return x + layer(x);
  case Stack::normed: return bare_norm(layer(x));
  case Stack::pre_norm: return x + layer(bare_norm(x));
  case Stack::post_norm: return bare_norm(x + layer(x));
}
throw std::invalid_argument("no such stack");

//! [4.9] wrong norm_of_the_sum_forgotten: post-norm of the layer alone
switch (stack) {
  case Stack::plain: return layer(x);
  case Stack::residual: return x + layer(x);
  case Stack::normed: return layer(bare_norm(x));
  case Stack::pre_norm: return x + layer(bare_norm(x));
  case Stack::post_norm: return x + bare_norm(layer(x));
}
throw std::invalid_argument("no such stack");

//! [4.9] wrong falls_through: falls through
torch::Tensor result;
switch (stack) {
  case Stack::plain: result = layer(x); break;
  case Stack::residual: result = x + layer(x); break;
  case Stack::normed: result = layer(bare_norm(x)); break;
  case Stack::pre_norm: result = x + layer(bare_norm(x)); [[fallthrough]];
  case Stack::post_norm: result = bare_norm(x + layer(x)); break;
}
return result;

//! [4.9] wrong stream_overwritten_by_norm: the stream normed
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

//! [4.9] right: a map of functions
const auto same = [](const torch::Tensor& y) { return y; };
const auto norm = [](const torch::Tensor& y) { return bare_norm(y); };
using F = std::function<torch::Tensor(const torch::Tensor&)>;
const std::map<Stack, std::tuple<F, double, F>> parts = {{Stack::plain, {same, 0, same}}, {Stack::residual, {same, 1, same}}, {Stack::normed, {norm, 0, same}}, {Stack::pre_norm, {norm, 1, same}}, {Stack::post_norm, {same, 1, norm}}};
const auto& [before, share, after] = parts.at(stack);
return after(torch::add(layer(before(x)), x, share));

//! [4.9] right: by the names, with the norm written out
const auto norm = [](const torch::Tensor& y) {
  const auto centred = y - y.mean(-1, true);
  return centred / (centred.square().mean(-1, true) + 1e-5).sqrt();
};
const std::string formula = formula_of(stack);
if (formula == "f(x)") return layer(x);
if (formula == "x + f(x)") return layer(x).add(x);
if (formula == "f(norm(x))") return layer(norm(x));
if (formula == "x + f(norm(x))") return layer(norm(x)).add(x);
return norm(layer(x).add(x));
