#include "04_blocks/blocks.h"

#include <fmt/format.h>

#include <cmath>
#include <numbers>
#include <stdexcept>
#include <string>

#include "common/base/error.h"

namespace verse {

namespace {

/// The standard deviation of every matrix and table.
constexpr double kDeviation = 0.02;

/// The activation function between an MLP's projections, as the options ask for it.
torch::Tensor gelu(const torch::Tensor& x, const GPTOptions& options) {
  if (options.fused) return torch::gelu(x, options.exact_gelu ? "none" : "tanh");
  return options.exact_gelu ? gelu_exact(x) : gelu_tanh(x);
}

/// Refuses sizes that no model can have, before anything is allocated.
const GPTOptions& checked(const GPTOptions& options) {
  const auto at_least_one = [](const char* what, std::int64_t value) {
    if (value < 1) throw UsageError(fmt::format("a GPT's {} must be at least 1, got {}", what, value));
  };
  at_least_one("vocabulary", options.vocabulary_size);
  at_least_one("context", options.context);
  at_least_one("number of layers", options.layers);
  at_least_one("number of heads", options.heads);
  at_least_one("width", options.width);
  if (options.width % options.heads != 0) {
    throw UsageError(fmt::format("{} heads do not divide a width of {}: each head takes an equal share", options.heads,
                                 options.width));
  }
  if (!(options.dropout >= 0.0 && options.dropout < 1.0)) {
    throw UsageError(fmt::format("dropout must be at least 0 and below 1, got {}", options.dropout));
  }
  return options;
}

AttentionOptions attention_options(const GPTOptions& options) {
  AttentionOptions attention;
  attention.width = options.width;
  attention.heads = options.heads;
  attention.dropout = options.dropout;
  attention.fused = options.fused;
  return attention;
}

//! [extras_of]
/// What one layer gets of the extras: the mask of all layers, its own part of the cache, its own place for the weights.
AttentionExtras extras_of(std::size_t layer, const ForwardExtras& extras) {
  AttentionExtras own;
  own.mask = extras.mask;
  if (extras.cache != nullptr) own.cache = (*extras.cache)[layer].get();
  if (extras.weights != nullptr) own.weights = &(*extras.weights)[layer];
  return own;
}
//! [extras_of]

}  // namespace

torch::Tensor layer_norm(const torch::Tensor& x, const torch::Tensor& gain, const torch::Tensor& bias, double epsilon) {
  //! [4.1]
  // Exercise 4.1. Read "Keeping numbers at a size" in README.md, then replace the next line; make hint-4.1 helps.
  throw NotImplemented("4.1");
  //! [4.1]
}

torch::Tensor gelu_tanh(const torch::Tensor& x) {
  //! [4.2]
  // Exercise 4.2. Read "The MLP: each position by itself" in README.md, then replace the next line; make hint-4.2 helps.
  throw NotImplemented("4.2");
  //! [4.2]
}

//! [gelu_exact]
torch::Tensor gelu_exact(const torch::Tensor& x) {
  // The same share, by the normal distribution itself.
  const auto share = 0.5 * (1.0 + torch::erf(x / std::numbers::sqrt2));
  return x * share;
}
//! [gelu_exact]

LayerNormImpl::LayerNormImpl(std::int64_t width, bool fused) : fused_(fused) {
  weight = register_parameter("weight", torch::ones({width}));
  bias = register_parameter("bias", torch::zeros({width}));
}

torch::Tensor LayerNormImpl::forward(const torch::Tensor& x) {
  if (fused_) return torch::layer_norm(x, weight.sizes(), weight, bias);
  return layer_norm(x, weight, bias);
}

MLPImpl::MLPImpl(const GPTOptions& given) : options(given) {
  expand = register_module("expand", std::make_shared<LinearProjection>(options.width, 4 * options.width));
  contract = register_module("contract", std::make_shared<LinearProjection>(4 * options.width, options.width));
}

torch::Tensor MLPImpl::forward(const torch::Tensor& x) {
  //! [4.3]
  // Exercise 4.3. Read "The MLP: each position by itself" in README.md, then replace the next line; make hint-4.3 helps.
  throw NotImplemented("4.3");
  //! [4.3]
}

//! [block_parts]
BlockImpl::BlockImpl(const GPTOptions& options) {
  attention_norm = register_module("attention_norm", LayerNorm(options.width, options.fused));
  attention = register_module("attention", CausalSelfAttention(attention_options(options)));
  mlp_norm = register_module("mlp_norm", LayerNorm(options.width, options.fused));
  mlp = register_module("mlp", MLP(options));
}
//! [block_parts]

torch::Tensor BlockImpl::forward(const torch::Tensor& x, const AttentionExtras& extras) {
  //! [4.4]
  // Exercise 4.4. Read "Adding, not replacing" in README.md, then replace the next line; make hint-4.4 helps.
  throw NotImplemented("4.4");
  //! [4.4]
}

//! [gpt_parts]
GPTImpl::GPTImpl(const GPTOptions& given) : options(checked(given)) {
  token_embedding = register_parameter("token_embedding", torch::empty({options.vocabulary_size, options.width}));
  position_embedding = register_parameter("position_embedding", torch::empty({options.context, options.width}));
  blocks = register_module("blocks", torch::nn::ModuleList());
  for (std::int64_t layer = 0; layer < options.layers; ++layer) blocks->push_back(Block(options));
  final_norm = register_module("final_norm", LayerNorm(options.width, options.fused));
  if (options.initialise) initialise();
}
//! [gpt_parts]

void GPTImpl::initialise() {
  //! [4.5]
  // Exercise 4.5. Read "The first values" in README.md, then replace the next line; make hint-4.5 helps.
  throw NotImplemented("4.5");
  //! [4.5]
}

//! [gpt_forward]
torch::Tensor GPTImpl::forward(const torch::Tensor& tokens, const ForwardExtras& extras) {
  // New tokens take the positions after those that the cache has kept, as long as the context has room for them.
  const auto positions = positions_of(tokens, extras);  // [time]
  const auto x = options.fused ? torch::embedding(token_embedding, tokens) : embed_tokens(token_embedding, tokens);
  return forward_embedded(x, positions, extras);  // from [batch, time, width]
}

torch::Tensor GPTImpl::forward_embedded(const torch::Tensor& x, const torch::Tensor& positions,
                                        const ForwardExtras& extras) {
  // Embed, blocks, head: the whole model.
  const auto embedded = torch::dropout(add_positions(x, positions), options.dropout, is_training());
  const auto features = run_blocks(embedded, extras);  // [batch, time, width]
  return head(extras.last_only ? features.narrow(1, features.size(1) - 1, 1) : features);
}
//! [gpt_forward]

torch::Tensor GPTImpl::add_positions(const torch::Tensor& x, const torch::Tensor& positions) {
  //! [4.6]
  // Exercise 4.6. Read "The whole GPT" in README.md, then replace the next line; make hint-4.6 helps.
  throw NotImplemented("4.6");
  //! [4.6]
}

torch::Tensor GPTImpl::run_blocks(torch::Tensor x, const ForwardExtras& extras) {
  if (extras.cache != nullptr && static_cast<std::int64_t>(extras.cache->size()) != options.layers) {
    throw std::invalid_argument(
        fmt::format("a cache needs one entry a layer: {} for {} layers", extras.cache->size(), options.layers));
  }
  if (extras.weights != nullptr) extras.weights->assign(static_cast<std::size_t>(options.layers), torch::Tensor());
  //! [4.7]
  // Exercise 4.7. Read "The whole GPT" in README.md, then replace the next line; make hint-4.7 helps.
  throw NotImplemented("4.7");
  //! [4.7]
}

torch::Tensor GPTImpl::head(const torch::Tensor& x) {
  //! [4.8]
  // Exercise 4.8: The tied head. Read "The whole GPT" in README.md, then replace the next line; make hint-4.8 helps.
  throw NotImplemented("4.8");
  //! [4.8]
}

}  // namespace verse
