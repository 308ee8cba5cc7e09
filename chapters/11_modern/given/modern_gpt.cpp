#include "11_modern/given/modern_gpt.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <tuple>

#include "02_embeddings/embeddings.h"
#include "03_attention/attention.h"
#include "common/base/error.h"
#include "common/fast_gelu.h"

namespace verse {

namespace {

/// Of the matrices inside the layers, times the root of the width.
constexpr double kMatrixScale = 0.5;

/// Muon's learning rate is the run's; AdamW takes these shares of it.
constexpr double kTableShare = 0.4, kHeadShare = 0.2, kShiftShare = 2.0;
constexpr double kMatrixShare = 0.12;  ///< where AdamW has to move the matrices too

/// max(0, x)^2, and 2 max(0, x) for the way back: two passes over memory instead of six.
class SquaredRelu : public torch::autograd::Function<SquaredRelu> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& x) {
    const auto positive = torch::relu(x);
    context->save_for_backward({positive});
    return positive * positive;
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto positive = context->get_saved_variables()[0];
    return {(gradients[0] * positive).mul_(2)};
  }
};

/// shift_in() by five passes over memory, forward and backward together, instead of some twenty.
class ShiftIn : public torch::autograd::Function<ShiftIn> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& share) {
    context->save_for_backward({x, share});
    const std::int64_t time = x.size(1);
    auto result = x.clone();
    result.narrow(1, 1, time - 1).addcmul_(x.narrow(1, 0, time - 1), share);
    return result;
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const std::int64_t time = saved[0].size(1);
    const auto later = gradients[0].narrow(1, 1, time - 1), earlier = saved[0].narrow(1, 0, time - 1);
    auto for_x = gradients[0].clone();
    for_x.narrow(1, 0, time - 1).addcmul_(later, saved[1]);
    return {for_x, (later * earlier).sum(torch::IntArrayRef({0, 1}))};
  }
};

}  // namespace

torch::Tensor shift_in(const torch::Tensor& x, const torch::Tensor& share, const torch::Tensor& before) {
  const auto first = before.defined() ? before : torch::zeros_like(x.narrow(1, 0, 1));  // [batch, 1, width]
  return x + share * torch::cat({first, x.narrow(1, 0, x.size(1) - 1)}, 1);
}

torch::Tensor shift_in_fused(const torch::Tensor& x, const torch::Tensor& share) {
  return ShiftIn::apply(x, share);
}

torch::Tensor squared_relu(const torch::Tensor& x) {
  return SquaredRelu::apply(x);
}

namespace {

/// shift_in() for a layer that may have a cache. @param last where that keeps the last vector, or null
/// @param begins nothing was read before
torch::Tensor shifted(const torch::Tensor& x, const torch::Tensor& share, torch::Tensor* last, bool begins,
                      bool fused) {
  if (!share.defined()) return x;
  if (last == nullptr) return fused ? shift_in_fused(x, share) : shift_in(x, share);
  const auto before = begins ? torch::Tensor() : *last;
  *last = x.narrow(1, x.size(1) - 1, 1);
  return shift_in(x, share, before);
}

/// A cache's entry for one layer, put into a ShiftCache where it is in none yet.
ShiftCache& shift_cache(std::shared_ptr<LayerCache>& entry) {
  auto own = std::dynamic_pointer_cast<ShiftCache>(entry);
  if (own == nullptr) {
    if (entry->length() > 0) throw std::invalid_argument("what another model has read cannot be gone on with");
    own = std::make_shared<ShiftCache>(entry);
    entry = own;
  }
  return *own;
}

}  // namespace

const std::vector<std::pair<Part, std::string>>& part_names() {
  static const std::vector<std::pair<Part, std::string>> names{
      {Part::token_shift, "token-shift"},
      {Part::rotary, "rotary"},
      {Part::qk_norm, "qk-norm"},
      {Part::squared_relu, "squared-relu"},
      {Part::zero_outputs, "zero-outputs"},
      {Part::own_head, "own-head"},
      {Part::muon, "muon"},
  };
  return names;
}

ModernGPTImpl::ModernGPTImpl(const GPTOptions& given, std::set<Part> without)
    : options(given), without_(std::move(without)) {
  const std::int64_t width = options.width, vocabulary = options.vocabulary_size;
  if (options.heads < 1 || width % options.heads != 0 || (width / options.heads) % 2 != 0) {
    throw UsageError(fmt::format("{} heads cannot share a width of {}: each takes an equal, even number of features",
                                 options.heads, width));
  }

  // A normed stream does not care for the table's scale; a head that is the table does.
  const double table_deviation = has(Part::own_head) ? 1.0 : 0.02;
  const double deviation = kMatrixScale / std::sqrt(static_cast<double>(width));
  const auto normal = [this](std::vector<std::int64_t> sizes, double scale) {
    return options.initialise ? torch::randn(sizes) * scale : torch::empty(sizes);
  };
  const auto into_stream = [&](std::vector<std::int64_t> sizes) {
    return has(Part::zero_outputs) ? torch::zeros(sizes) : normal(std::move(sizes), deviation);
  };

  token_embedding = register_parameter("token_embedding", normal({vocabulary, width}, table_deviation));
  if (has(Part::own_head)) {
    own_head = register_parameter(
        "own_head", has(Part::zero_outputs) ? torch::zeros({vocabulary, width}) : normal({vocabulary, width}, 0.02));
  }
  if (!has(Part::rotary)) {
    position_embedding = register_parameter("position_embedding", normal({options.context, width}, table_deviation));
  }

  auto list = register_module("layers", torch::nn::ModuleList());
  for (std::int64_t i = 0; i < options.layers; ++i) {
    const auto holder = std::make_shared<torch::nn::Module>();
    Layer layer;
    layer.query_key_value = holder->register_parameter("query_key_value", normal({3, width, width}, deviation));
    layer.output = holder->register_parameter("output", into_stream({width, width}));
    layer.expand = holder->register_parameter("expand", normal({4 * width, width}, deviation));
    layer.contract = holder->register_parameter("contract", into_stream({width, 4 * width}));
    if (has(Part::token_shift)) {
      layer.attention_shift = holder->register_parameter("attention_shift", torch::zeros({width}));
      layer.mlp_shift = holder->register_parameter("mlp_shift", torch::zeros({width}));
    }
    list->push_back(holder);
    layers_.push_back(layer);
  }
}

torch::Tensor ModernGPTImpl::norm(const torch::Tensor& x) const {
  const std::int64_t width = x.size(-1);
  if (options.fused) return torch::layer_norm(x, {width});
  return layer_norm(x, torch::ones({width}, x.options()), torch::zeros({width}, x.options()));
}

torch::Tensor ModernGPTImpl::forward(const torch::Tensor& tokens, const ForwardExtras& extras) {
  const auto positions = positions_of(tokens, extras);  // [time]
  const auto x = options.fused ? torch::embedding(token_embedding, tokens) : embed_tokens(token_embedding, tokens);
  return forward_embedded(x, positions, extras);
}

//! [modern-forward]
torch::Tensor ModernGPTImpl::forward_embedded(const torch::Tensor& embedded, const torch::Tensor& positions,
                                              const ForwardExtras& extras) {
  if (!positions.defined() || positions.dim() != 1) throw UsageError("this model asks for positions, one a token");

  // Positions are turns, the same in every layer, or a table as in GPT-2.
  torch::Tensor x = embedded, turns;  // [batch, time, width], [time, 1, 1, head_width / 2]
  if (!has(Part::rotary)) {
    x = x + torch::embedding(position_embedding, positions);
  } else if (options.fused) {
    turns = turns_at(positions, options.width / options.heads).unsqueeze(-2).unsqueeze(-2);
  }
  x = torch::dropout(norm(x), options.dropout, is_training());

  if (extras.weights != nullptr) extras.weights->assign(layers_.size(), torch::Tensor());
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    AttentionExtras own;
    own.mask = extras.mask;
    ShiftCache* before = nullptr;
    if (extras.cache != nullptr) {
      if (has(Part::token_shift)) before = &shift_cache(extras.cache->at(i));
      own.cache = extras.cache->at(i).get();
    }
    if (extras.weights != nullptr) own.weights = &(*extras.weights)[i];
    const bool begins = own.cache == nullptr || own.cache->length() == 0;

    // What a layer reads is normed, and carries a share of the position before.
    const auto seen = shifted(norm(x), layer.attention_shift, before == nullptr ? nullptr : &before->before_attention,
                              begins, options.fused);
    x = x + attend(layer, seen, positions, turns, own);
    x = x + think(layer, shifted(norm(x), layer.mlp_shift, before == nullptr ? nullptr : &before->before_mlp, begins,
                                 options.fused));
  }
  if (extras.last_only) x = x.narrow(1, x.size(1) - 1, 1);
  return torch::nn::functional::linear(norm(x), has(Part::own_head) ? own_head : token_embedding);
}
//! [modern-forward]

//! [modern-attention]
torch::Tensor ModernGPTImpl::attend(const Layer& layer, const torch::Tensor& x, const torch::Tensor& positions,
                                    const torch::Tensor& turns, const AttentionExtras& extras) const {
  const std::int64_t batch = x.size(0), time = x.size(1), width = options.width, heads = options.heads;
  const auto all = torch::nn::functional::linear(x, layer.query_key_value.view({3 * width, width}))
                       .view({batch, time, 3, heads, width / heads});

  // Queries and keys are treated alike, so they stay together: [batch, time, 2, heads, head_width].
  const auto parts = all.split_with_sizes({2, 1}, 2);
  auto both = has(Part::qk_norm) ? norm(parts[0]) : parts[0];
  if (has(Part::rotary)) {
    both = options.fused ? rotate_by(both, turns)
                         : rotate(both.permute({0, 2, 3, 1, 4}), positions).permute({0, 3, 1, 2, 4});
  }
  const auto query = both.select(2, 0).transpose(1, 2);  // [batch, heads, time, head_width]
  auto key = both.select(2, 1).transpose(1, 2);
  auto value = parts[1].squeeze(2).transpose(1, 2);
  if (extras.cache != nullptr) std::tie(key, value) = extras.cache->append(key, value);

  const double dropout = is_training() ? options.dropout : 0.0;
  torch::Tensor mixed;
  if (options.fused && extras.weights == nullptr) {
    mixed = attend_fused(query, key, value, extras.mask, dropout);
  } else {
    const auto mask = extras.mask.defined() ? extras.mask : causal_mask(time, key.size(2), x.device());
    mixed = verse::attend(query, key, value, mask, extras.weights, dropout);
  }
  const auto result = torch::nn::functional::linear(merge_heads(mixed), layer.output);
  return torch::dropout(result, options.dropout, is_training());
}
//! [modern-attention]

torch::Tensor ModernGPTImpl::think(const Layer& layer, const torch::Tensor& x) const {
  auto hidden = torch::nn::functional::linear(x, layer.expand);  // [batch, time, 4 width]
  if (!has(Part::squared_relu)) {
    hidden = options.fused ? fast_gelu_tanh(hidden) : gelu_tanh(hidden);
  } else {
    hidden = options.fused ? squared_relu(hidden) : torch::relu(hidden).square();
  }
  return torch::dropout(torch::nn::functional::linear(hidden, layer.contract), options.dropout, is_training());
}

std::vector<torch::Tensor> ModernGPTImpl::matrices() const {
  std::vector<torch::Tensor> result;
  for (const Layer& layer : layers_) {
    for (const auto& matrix : {layer.query_key_value, layer.output, layer.expand, layer.contract}) {
      result.push_back(matrix);
    }
  }
  return result;
}

std::vector<torch::Tensor> ModernGPTImpl::tables() const {
  std::vector<torch::Tensor> result{token_embedding};
  if (position_embedding.defined()) result.push_back(position_embedding);
  return result;
}

std::vector<torch::Tensor> ModernGPTImpl::shifts() const {
  std::vector<torch::Tensor> result;
  for (const Layer& layer : layers_) {
    for (const auto& share : {layer.attention_shift, layer.mlp_shift}) {
      if (share.defined()) result.push_back(share);
    }
  }
  return result;
}

std::unique_ptr<Optimizer> plain_adamw(std::vector<torch::Tensor> parameters, const AdamWOptions& options) {
  return std::make_unique<AdamW>(std::move(parameters), options);
}

//! [modern-optimizer]
std::unique_ptr<Optimizer> modern_optimizer(ModernGPTImpl& model, const AdamWOptions& settings,
                                            const MakeAdamW& make_adamw) {
  std::vector<GroupedOptimizer::Group> groups;
  if (model.has(Part::muon)) {
    groups.push_back({"matrices", std::make_unique<Muon>(model.matrices(), MuonOptions{}), 1.0});
  } else {
    groups.push_back({"matrices", make_adamw(model.matrices(), settings), kMatrixShare});
  }
  groups.push_back({"tables", make_adamw(model.tables(), settings), kTableShare});
  if (model.has(Part::own_head)) groups.push_back({"head", make_adamw({model.own_head}, settings), kHeadShare});
  if (model.has(Part::token_shift)) groups.push_back({"shifts", make_adamw(model.shifts(), settings), kShiftShare});
  return std::make_unique<GroupedOptimizer>(std::move(groups));
}
//! [modern-optimizer]

double falling_learning_rate(std::int64_t step, const Schedule& schedule, double falling) {
  const double left = 1 - static_cast<double>(step) / static_cast<double>(schedule.steps);
  return schedule.minimum + (schedule.peak - schedule.minimum) * std::clamp(left / falling, 0.0, 1.0);
}

}  // namespace verse
