#include "11_modern/given/llama.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <string_view>
#include <tuple>
#include <utility>

#include "03_attention/attention.h"
#include "common/base/error.h"
#include "common/base/shown.h"

namespace verse {

namespace {

constexpr double kDeviation = 0.02;        ///< of first values, as `initializer_range` is everywhere
constexpr std::size_t kLongestName = 100;  ///< characters of a tensor's name in a message

/// Puts a parameter with a dotted name into modules within modules, which are made where they are not there yet.
torch::Tensor put(torch::nn::Module& root, std::string_view name, const torch::Tensor& values) {
  auto* holder = &root;
  std::shared_ptr<torch::nn::Module> inner;
  for (std::size_t dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.')) {
    const std::string part(name.substr(0, dot));
    const auto children = holder->named_children();
    const auto* found = children.find(part);
    inner = found != nullptr ? *found : holder->register_module(part, std::make_shared<torch::nn::Module>());
    holder = inner.get();
    name.remove_prefix(dot + 1);
  }
  return holder->register_parameter(std::string(name), values);
}

/// @throws UsageError for sizes that do not fit together
void check_sizes(const LlamaOptions& options) {
  if (options.num_key_value_heads < 1 || options.num_attention_heads % options.num_key_value_heads != 0) {
    throw UsageError(
        fmt::format("{} attention heads cannot share {} key and value heads: each of these serves equally "
                    "many",
                    options.num_attention_heads, options.num_key_value_heads));
  }
}

}  // namespace

void check_llama_shapes(const LlamaOptions& options, const NamedTensors& tensors) {
  const std::map<std::string, torch::Tensor> given(tensors.begin(), tensors.end());
  // A configuration may speak of any number of layers; each has at least nine tensors.
  if (options.num_hidden_layers > static_cast<std::int64_t>(given.size()) / 9) {
    throw UsageError(
        fmt::format("{} tensors are too few for config.json's {} layers", given.size(), options.num_hidden_layers));
  }
  const auto shapes = llama_shapes(options);
  for (const auto& [name, shape] : shapes) {
    const auto found = given.find(name);
    if (found == given.end()) throw UsageError(fmt::format("the tensor {} is missing", name));
    if (!found->second.sizes().equals(shape)) {
      throw UsageError(fmt::format("the tensor {} is [{}], but config.json asks for [{}]", name,
                                   fmt::join(found->second.sizes(), ", "), fmt::join(shape, ", ")));
    }
  }
  for (const auto& [name, tensor] : given) {
    if (shapes.count(name) == 0) {
      throw UsageError(fmt::format("the tensor {} is superfluous", one_line(name, kLongestName)));
    }
  }
}

std::int64_t LlamaOptions::window_of(std::int64_t layer) const {
  const bool slides =
      sliding_layers.empty() ? layer >= max_window_layers : sliding_layers.at(static_cast<std::size_t>(layer));
  return slides ? sliding_window : 0;
}

std::map<std::string, std::vector<std::int64_t>> llama_shapes(const LlamaOptions& options) {
  const std::int64_t width = options.hidden_size, inside = options.intermediate_size, head = options.head_dim,
                     queries = options.num_attention_heads * head, keys = options.num_key_value_heads * head;
  std::map<std::string, std::vector<std::int64_t>> shapes = {{"model.embed_tokens.weight", {options.vocab_size, width}},
                                                             {"model.norm.weight", {width}}};
  if (!options.tie_word_embeddings) shapes["lm_head.weight"] = {options.vocab_size, width};
  for (std::int64_t layer = 0; layer < options.num_hidden_layers; ++layer) {
    const std::string name = fmt::format("model.layers.{}.", layer);
    const auto add = [&](const char* part, std::int64_t out, std::int64_t in, bool bias) {
      shapes[fmt::format("{}{}.weight", name, part)] = {out, in};
      if (bias) shapes[fmt::format("{}{}.bias", name, part)] = {out};
    };
    add("self_attn.q_proj", queries, width, options.query_bias());
    add("self_attn.k_proj", keys, width, options.query_bias());
    add("self_attn.v_proj", keys, width, options.query_bias());
    add("self_attn.o_proj", width, queries, options.attention_bias);
    add("mlp.gate_proj", inside, width, false);
    add("mlp.up_proj", inside, width, false);
    add("mlp.down_proj", width, inside, false);
    shapes[name + "input_layernorm.weight"] = shapes[name + "post_attention_layernorm.weight"] = {width};
    if (options.query_norm()) {
      shapes[name + "self_attn.q_norm.weight"] = shapes[name + "self_attn.k_norm.weight"] = {head};
    }
  }
  return shapes;
}

std::int64_t llama_parameters(const LlamaOptions& options) {
  std::int64_t count = 0;
  for (const auto& [name, shape] : llama_shapes(options)) {
    count += std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
  }
  return count;
}

double llama_training_operations(const LlamaOptions& options, std::int64_t context) {
  // Every matrix meets every token once, the table as the head alone; attention adds two products with all positions.
  double weights = options.tie_word_embeddings ? 0 : -static_cast<double>(options.vocab_size * options.hidden_size);
  for (const auto& [name, shape] : llama_shapes(options)) {
    if (shape.size() == 2) weights += static_cast<double>(shape[0] * shape[1]);
  }
  const double attention = 2.0 * static_cast<double>(options.num_hidden_layers * context) *
                           static_cast<double>(options.num_attention_heads * options.head_dim);
  return 3 * 2 * (weights + attention);
}

LlamaGPTImpl::LlamaGPTImpl(const LlamaOptions& given) : options(given), at_most_(given.max_position_embeddings) {
  check_sizes(options);
  build([](const std::string& name, const std::vector<std::int64_t>& shape) {
    if (shape.size() > 1) return torch::randn(shape) * kDeviation;
    return name.ends_with(".bias") ? torch::zeros(shape) : torch::ones(shape);
  });
}

LlamaGPTImpl::LlamaGPTImpl(const LlamaOptions& given, const NamedTensors& tensors)
    : options(given), at_most_(given.max_position_embeddings) {
  check_sizes(options);
  check_llama_shapes(options, tensors);
  const std::map<std::string, torch::Tensor> by_name(tensors.begin(), tensors.end());
  build([&by_name](const std::string& name, const std::vector<std::int64_t>&) { return by_name.at(name); });
}

namespace {

/// Frequencies with the rounding with which the models were trained: powers of float32 numbers, as Llama's and Hugging
/// Face's code computes them. They differ in the seventh digit, which shows after some thousand positions.
std::vector<double> rounded_as_trained(std::vector<double> frequencies, double base) {
  // Numbers that a processor reads below, whatever device tensors are made on otherwise.
  const auto on_processor = torch::TensorOptions(torch::kFloat64).device(torch::kCPU);
  const auto places = torch::arange(static_cast<std::int64_t>(frequencies.size()), on_processor);
  const auto exponents = 2 * places / (2.0 * static_cast<double>(frequencies.size()));  // [head_dim / 2]
  const auto exact = torch::pow(base, -exponents);
  const auto rounded = torch::pow(base, exponents.to(torch::kFloat32)).reciprocal().to(torch::kFloat64);
  const auto ratios = (rounded / exact).contiguous();
  for (std::size_t i = 0; i < frequencies.size(); ++i) frequencies[i] *= ratios.const_data_ptr<double>()[i];
  return frequencies;
}

}  // namespace

void LlamaGPTImpl::build(const Source& source) {
  frequencies_ = rounded_as_trained(rotary_frequencies(options.head_dim, options.rope_theta, options.rope_scaling),
                                    options.rope_theta);
  const auto shapes = llama_shapes(options);
  const auto parameter = [&](const std::string& name) {
    const auto shape = shapes.find(name);
    return shape == shapes.end() ? torch::Tensor() : put(*this, name, source(name, shape->second));
  };
  token_embedding = parameter("model.embed_tokens.weight");
  for (std::int64_t number = 0; number < options.num_hidden_layers; ++number) {
    const auto part = [&](const char* name) { return parameter(fmt::format("model.layers.{}.{}", number, name)); };
    Layer layer;
    layer.input_norm = part("input_layernorm.weight");
    layer.query.full = part("self_attn.q_proj.weight");
    layer.query_bias = part("self_attn.q_proj.bias");
    layer.key.full = part("self_attn.k_proj.weight");
    layer.key_bias = part("self_attn.k_proj.bias");
    layer.value.full = part("self_attn.v_proj.weight");
    layer.value_bias = part("self_attn.v_proj.bias");
    layer.output.full = part("self_attn.o_proj.weight");
    layer.output_bias = part("self_attn.o_proj.bias");
    layer.query_norm = part("self_attn.q_norm.weight");
    layer.key_norm = part("self_attn.k_norm.weight");
    layer.mlp_norm = part("post_attention_layernorm.weight");
    layer.gate.full = part("mlp.gate_proj.weight");
    layer.up.full = part("mlp.up_proj.weight");
    layer.down.full = part("mlp.down_proj.weight");
    layers_.push_back(std::move(layer));
  }
  final_norm_ = parameter("model.norm.weight");
  head_.full = options.tie_word_embeddings ? token_embedding : parameter("lm_head.weight");
}

ModelShape LlamaGPTImpl::shape() const {
  return {options.vocab_size, std::min(at_most_, options.max_position_embeddings), options.num_hidden_layers,
          options.num_attention_heads, options.hidden_size};
}

void LlamaGPTImpl::shrink(WeightKind kind) {
  for (Layer& layer : layers_) {
    for (auto* matrix : {&layer.query, &layer.key, &layer.value, &layer.output, &layer.gate, &layer.up, &layer.down}) {
      matrix->shrink(kind);
    }
  }
  if (options.tie_word_embeddings && kind != WeightKind::fp32) {
    head_.small = std::make_shared<SmallMatrix>(head_.full, kind);  // beside the table
  } else {
    head_.shrink(kind);
  }
}

void LlamaGPTImpl::read_at_most(std::int64_t positions) {
  at_most_ = std::max<std::int64_t>(positions, 1);
}

torch::Tensor LlamaGPTImpl::forward(const torch::Tensor& tokens, const ForwardExtras& extras) {
  return forward_embedded(torch::embedding(token_embedding, tokens), positions_of(tokens, extras), extras);
}

//! [llama-forward]
torch::Tensor LlamaGPTImpl::forward_embedded(const torch::Tensor& embedded, const torch::Tensor& positions,
                                             const ForwardExtras& extras) {
  if (!positions.defined() || positions.dim() != 1) throw UsageError("this model asks for positions, one a token");
  const double epsilon = options.rms_norm_eps;
  const auto angles = rotary_angles(positions, frequencies_);  // [time, head_dim / 2], the same in every layer
  auto x = embedded;                                           // [batch, time, hidden_size]
  if (extras.weights != nullptr) extras.weights->assign(layers_.size(), torch::Tensor());
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    AttentionExtras own;
    own.mask = extras.mask;
    if (extras.cache != nullptr) own.cache = extras.cache->at(i).get();
    if (extras.weights != nullptr) own.weights = &(*extras.weights)[i];
    x = x + attend(layer, static_cast<std::int64_t>(i), rms_norm(x, layer.input_norm, epsilon), angles, own);
    x = x + swiglu(rms_norm(x, layer.mlp_norm, epsilon), layer.gate.whole(), layer.up.whole(), layer.down.whole());
  }
  if (extras.last_only) x = x.narrow(1, x.size(1) - 1, 1);
  return head_.product(rms_norm(x, final_norm_, epsilon));
}
//! [llama-forward]

//! [llama-attention]
torch::Tensor LlamaGPTImpl::attend(const Layer& layer, std::int64_t number, const torch::Tensor& x,
                                   const torch::Tensor& angles, const AttentionExtras& extras) const {
  // There are fewer heads of keys and values than of queries: [batch, heads, time, head_dim] each.
  auto query = split_heads(layer.query.product(x, layer.query_bias), options.num_attention_heads);
  auto key = split_heads(layer.key.product(x, layer.key_bias), options.num_key_value_heads);
  auto value = split_heads(layer.value.product(x, layer.value_bias), options.num_key_value_heads);
  if (layer.query_norm.defined()) {
    query = rms_norm(query, layer.query_norm, options.rms_norm_eps);
    key = rms_norm(key, layer.key_norm, options.rms_norm_eps);
  }
  query = rotate_halves(query, angles);
  key = rotate_halves(key, angles);

  // The cache keeps the few heads, turned already.
  if (extras.cache != nullptr) std::tie(key, value) = extras.cache->append(key, value);
  const auto mixed = mix(query, key, value, extras.mask, options.window_of(number), extras.weights);
  return layer.output.product(merge_heads(mixed), layer.output_bias);
}
//! [llama-attention]

/// @param query [batch, heads, time, head_dim] @param key, value [batch, key_value_heads, keys, head_dim]
/// @return the shape of query
torch::Tensor LlamaGPTImpl::mix(const torch::Tensor& query, const torch::Tensor& key, const torch::Tensor& value,
                                const torch::Tensor& given_mask, std::int64_t window, torch::Tensor* weights) const {
  const std::int64_t time = query.size(2), keys = key.size(2), group = query.size(1) / key.size(1);
  const double dropout = is_training() ? options.attention_dropout : 0.0;
  const bool slides = window > 0 && keys > window;
  const bool fused = options.fused && weights == nullptr;
  auto mask = given_mask;
  if (slides || (!fused && !mask.defined())) {
    const auto places = torch::arange(keys, torch::TensorOptions().dtype(torch::kInt64).device(query.device()));
    const auto seen = sliding_mask(places.narrow(0, keys - time, time), places, slides ? window : 0);  // [time, keys]
    mask = mask.defined() ? mask.logical_and(seen) : seen;
  }
  if (!fused) {
    return verse::attend(query, repeat_heads(key, group), repeat_heads(value, group), mask, weights, dropout);
  }
  if (time == 1 && !given_mask.defined()) {
    // The queries of a group look at the same keys, as if they were positions of one head: nothing has to be repeated.
    const std::int64_t first = slides ? keys - window : 0;
    const auto grouped = query.reshape({query.size(0), key.size(1), group, query.size(3)});
    return at::scaled_dot_product_attention(grouped, key.narrow(2, first, keys - first),
                                            value.narrow(2, first, keys - first), {}, dropout)
        .reshape(query.sizes());
  }
  return attend_fused(query, repeat_heads(key, group), repeat_heads(value, group), mask, dropout);
}

}  // namespace verse
