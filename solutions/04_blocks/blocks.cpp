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
  // Shift each position's features to mean 0.
  const auto centred = x - x.mean(-1, /*keepdim=*/true);  // [..., width]

  // Their variance is the mean of the squares: over all features, not over one less.
  const auto variance = centred.square().mean(-1, /*keepdim=*/true);  // [..., 1]

  // Scale to variance 1; then the layer may choose a scale and a shift of its own.
  return centred * torch::rsqrt(variance + epsilon) * gain + bias;
  //! [4.1]
}

torch::Tensor gelu_tanh(const torch::Tensor& x) {
  //! [4.2]
  // How much of x to let through: from 0 far below zero to 1 far above.
  const double scale = std::sqrt(2.0 / std::numbers::pi);
  const auto share = 0.5 * (1.0 + torch::tanh(scale * (x + 0.044715 * x * x * x)));
  return x * share;
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
  // Four times as many features, each a question about the position ...
  const auto hidden = gelu(expand->forward(x), options);  // [..., 4 width]

  // ... and back to the width of the stream, some of it dropped while training.
  return torch::dropout(contract->forward(hidden), options.dropout, is_training());  // [..., width]
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
  // What the other positions have to say is added to the stream; only the copy that attention reads is normed.
  const auto attended = x + attention->forward(attention_norm->forward(x), extras);  // [batch, time, width]

  // Then what each position makes of it for itself.
  return attended + mlp->forward(mlp_norm->forward(attended));  // [batch, time, width]
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
  // Two projections a block add to the stream, so 2 x layers random terms pile up in it; each is kept smaller for it.
  const double into_stream = kDeviation / std::sqrt(2.0 * static_cast<double>(options.layers));

  torch::NoGradGuard no_gradient;
  for (auto& parameter : named_parameters()) {
    const std::string& name = parameter.key();
    if (name.ends_with("attention.output.weight") || name.ends_with("mlp.contract.weight")) {
      parameter->normal_(0.0, into_stream);
    } else if (parameter->dim() > 1) {
      parameter->normal_(0.0, kDeviation);
    } else {
      parameter->fill_(name.ends_with("bias") ? 0.0 : 1.0);
    }
  }
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
  // Who has no place in the text gets no position vector.
  if (!positions.defined()) return x;
  return x + embed_tokens(position_embedding, positions);  // [batch, time, width]
  //! [4.6]
}

torch::Tensor GPTImpl::run_blocks(torch::Tensor x, const ForwardExtras& extras) {
  if (extras.cache != nullptr && static_cast<std::int64_t>(extras.cache->size()) != options.layers) {
    throw std::invalid_argument(
        fmt::format("a cache needs one entry a layer: {} for {} layers", extras.cache->size(), options.layers));
  }
  if (extras.weights != nullptr) extras.weights->assign(static_cast<std::size_t>(options.layers), torch::Tensor());
  //! [4.7]
  // Each block reads what the one before it wrote.
  for (std::size_t layer = 0; layer < blocks->size(); ++layer) {
    x = blocks->at<BlockImpl>(layer).forward(x, extras_of(layer, extras));  // [batch, time, width]
  }

  // The stream has grown with every addition: the head reads it normed.
  return final_norm->forward(x);
  //! [4.7]
}

torch::Tensor GPTImpl::head(const torch::Tensor& x) {
  //! [4.8]
  // A token's score is how well the features match its own embedding: the table, read the other way.
  return torch::matmul(x, token_embedding.t());  // [..., vocabulary]
  //! [4.8]
}

}  // namespace verse
