#include "12_full_gpt/given/gpu/hand_step.h"

#include <limits>
#include <typeinfo>
#include <utility>

#include "12_full_gpt/given/model/fast_gpt.h"
#include "common/projection.h"

namespace verse {

namespace {

/// Dropout's sites: the embedding has 0; each layer has three.
std::int64_t site_of_weights(std::size_t layer) {
  return 1 + 3 * static_cast<std::int64_t>(layer);
}
std::int64_t site_of_attention(std::size_t layer) {
  return 2 + 3 * static_cast<std::int64_t>(layer);
}
std::int64_t site_of_mlp(std::size_t layer) {
  return 3 + 3 * static_cast<std::int64_t>(layer);
}

}  // namespace

std::string HandStep::obstacle(const GPTImpl& model, const Optimizer& optimizer) {
  constexpr std::int64_t kLargestVocabulary = 1024;  // the tables' gradient is a product with rows of one-hots
  constexpr std::int64_t kWidths = 128, kLargestWidth = 1024;
  if (typeid(model) != typeid(GPTImpl) && typeid(model) != typeid(FastGPTImpl)) return "the model is another one";
  if (typeid(optimizer) != typeid(FlatAdamW)) return "the optimizer is another one";
  const GPTOptions& options = model.options;
  if (options.vocabulary_size > kLargestVocabulary) return "the vocabulary is too large";
  if (options.width % kWidths != 0 || options.width > kLargestWidth)
    return "the width is not one of 128, 256, ... 1024";
  if (options.width / options.heads % 8 != 0 || options.width / options.heads > 256) {
    return "a head's width is no multiple of 8, or above 256";
  }
  if (options.exact_gelu) return "the GELU is the exact one";
  return "";
}

HandStep::HandStep(GPT model, FlatAdamW& optimizer, torch::Tensor tokens, const HandSettings& settings,
                   std::unique_ptr<StepKernels> kernels)
    : model_(std::move(model)),
      optimizer_(optimizer),
      tokens_(std::move(tokens)),
      settings_(settings),
      kernels_(std::move(kernels)),
      rows_(settings.batch_size * settings.context) {
  const torch::NoGradGuard no_gradients;
  const GPTOptions& options = model_->options;
  const std::int64_t width = options.width;
  dropping_ = {torch::zeros({1}, tokens_.options()), options.dropout};
  copies_ = torch::empty_like(optimizer_.flat_parameters, settings_.numbers);
  refresh_copies();
  for (auto parameter : optimizer_.parameters()) {
    parameter.mutable_grad() = optimizer_.part(optimizer_.flat_gradients, parameter);
  }

  table_ = optimizer_.part(copies_, model_->token_embedding, /*padded=*/true);
  to_table_ = optimizer_.part(optimizer_.flat_gradients, model_->token_embedding, /*padded=*/true);
  for (const auto& module : *model_->blocks) {
    const auto& block = *module->as<BlockImpl>();
    layers_.push_back({norm_place(*block.attention_norm),
                       norm_place(*block.mlp_norm),
                       weights_of(*block.attention->query_key_value),
                       weights_of(*block.attention->output),
                       weights_of(*block.mlp->expand),
                       weights_of(*block.mlp->contract),
                       numbers(3 * width),
                       {},
                       numbers(4 * width),
                       numbers(4 * width)});
  }
  final_norm_ = norm_place(*model_->final_norm);
  one_hot_ = numbers(table_.size(0));
  logits_ = numbers(table_.size(0));
  to_logits_ = numbers(table_.size(0));
  branch_ = numbers(width);
  to_mlp_branch_ = numbers(width);
  to_attention_branch_ = numbers(width);
  to_y_ = numbers(width);
  to_x_ = torch::empty_like(final_norm_.x);
  to_other_x_ = torch::empty_like(final_norm_.x);
  to_parts_ = numbers(3 * width);
  to_hidden_ = numbers(4 * width);
  unused_ = torch::empty_like(final_norm_.norm.gain);
}

torch::Tensor HandStep::numbers(std::int64_t columns) const {
  return torch::empty({rows_, columns}, tokens_.options().dtype(settings_.numbers));
}

HandStep::Weights HandStep::weights_of(const Projection& projection) const {
  const auto& linear = dynamic_cast<const LinearProjection&>(projection);
  const auto& gradients = optimizer_.flat_gradients;
  return {optimizer_.part(copies_, linear.weight), optimizer_.part(gradients, linear.weight), linear.bias.detach(),
          optimizer_.part(copies_, linear.bias), optimizer_.part(gradients, linear.bias)};
}

HandStep::NormPlace HandStep::norm_place(const LayerNormImpl& norm) const {
  const auto row_numbers = torch::empty({2, rows_}, tokens_.options().dtype(torch::kFloat32));
  const std::int64_t width = norm.weight.size(0);
  return {{norm.weight.detach(), norm.bias.detach(), row_numbers[0], row_numbers[1]},
          torch::empty({rows_, width}, tokens_.options().dtype(settings_.stream)),
          numbers(width),
          optimizer_.part(optimizer_.flat_gradients, norm.weight),
          optimizer_.part(optimizer_.flat_gradients, norm.bias)};
}

void HandStep::refresh_copies() {
  kernels_->round_all(optimizer_.flat_parameters, copies_);
}

void HandStep::multiply(torch::Tensor out, const torch::Tensor& a, const torch::Tensor& b, bool b_turned) {
  Product product;
  product.out = std::move(out);
  product.a = a;
  product.b = b;
  product.b_turned = b_turned;
  kernels_->multiply(product);
}

/// y = x W^T has for W the gradient (gradient of y)^T x.
void HandStep::weight_gradient(torch::Tensor to_weight, const torch::Tensor& to_output, const torch::Tensor& input) {
  Product product;
  product.out = std::move(to_weight);
  product.a = to_output;
  product.a_turned = true;
  product.b = input;
  product.aside = true;
  kernels_->multiply(product);
}

//! [hand-forward]
void HandStep::forward(const Windows& windows, const Dropping& dropping, torch::Tensor loss) {
  const std::int64_t batch = windows.starts.size(0), heads = model_->options.heads;
  auto& first = layers_.front().attention_norm;
  kernels_->embed_norm(windows, model_->token_embedding, model_->position_embedding, first.norm, dropping, first.x,
                       first.y, one_hot_);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    Layer& layer = layers_[i];
    const NormPlace& next = i + 1 < layers_.size() ? layers_[i + 1].attention_norm : final_norm_;

    Product parts;
    parts.out = layer.parts;
    parts.a = layer.attention_norm.y;
    parts.b = layer.query_key_value.weight;
    parts.b_turned = true;
    parts.finish = Finish::bias;
    parts.bias = layer.query_key_value.copy_of_bias;
    kernels_->multiply(parts);
    layer.mixed =
        kernels_->attend(static_cast<std::int64_t>(i), layer.parts, batch, heads, dropping, site_of_weights(i));
    multiply(branch_, layer.mixed, layer.output.weight, true);
    kernels_->add_norm(layer.attention_norm.x, branch_, layer.output.bias, layer.mlp_norm.norm, dropping,
                       site_of_attention(i), layer.mlp_norm.x, layer.mlp_norm.y);

    Product hidden;
    hidden.out = layer.hidden;
    hidden.a = layer.mlp_norm.y;
    hidden.b = layer.expand.weight;
    hidden.b_turned = true;
    hidden.finish = Finish::bias_and_gelu;
    hidden.bias = layer.expand.copy_of_bias;
    hidden.kept = layer.before_gelu;
    kernels_->multiply(hidden);
    multiply(branch_, layer.hidden, layer.contract.weight, true);
    kernels_->add_norm(layer.mlp_norm.x, branch_, layer.contract.bias, next.norm, dropping, site_of_mlp(i), next.x,
                       next.y);
  }
  multiply(logits_, final_norm_.y, table_, true);
  kernels_->cross_entropy(logits_, windows, model_->options.vocabulary_size, to_logits_, std::move(loss));
}
//! [hand-forward]

//! [hand-backward]
void HandStep::backward(const Windows& windows) {
  const std::int64_t batch = windows.starts.size(0), heads = model_->options.heads;
  const std::size_t top = layers_.size() - 1;
  weight_gradient(to_table_, to_logits_, final_norm_.y);
  multiply(to_y_, to_logits_, table_, false);
  kernels_->norm_backward(to_y_, final_norm_.x, final_norm_.norm, {}, dropping_, site_of_mlp(top), to_x_,
                          to_mlp_branch_, final_norm_.to_gain, final_norm_.to_bias, layers_[top].contract.to_bias);
  for (std::size_t i = layers_.size(); i-- > 0;) {
    Layer& layer = layers_[i];

    // The MLP, from the gradient of what it added to the stream.
    weight_gradient(layer.contract.to_weight, to_mlp_branch_, layer.hidden);
    Product hidden;
    hidden.out = to_hidden_;
    hidden.a = to_mlp_branch_;
    hidden.b = layer.contract.weight;
    hidden.finish = Finish::gelu_backward;
    hidden.kept = layer.before_gelu;
    hidden.to_bias = layer.expand.to_bias;
    kernels_->multiply(hidden);
    weight_gradient(layer.expand.to_weight, to_hidden_, layer.mlp_norm.y);
    multiply(to_y_, to_hidden_, layer.expand.weight, false);
    kernels_->norm_backward(to_y_, layer.mlp_norm.x, layer.mlp_norm.norm, to_x_, dropping_, site_of_attention(i),
                            to_other_x_, to_attention_branch_, layer.mlp_norm.to_gain, layer.mlp_norm.to_bias,
                            layer.output.to_bias);

    // Attention.
    weight_gradient(layer.output.to_weight, to_attention_branch_, layer.mixed);
    multiply(to_y_, to_attention_branch_, layer.output.weight, false);
    kernels_->attend_backward(static_cast<std::int64_t>(i), to_y_, layer.parts, layer.mixed, batch, heads, dropping_,
                              site_of_weights(i), to_parts_, layer.query_key_value.to_bias);
    weight_gradient(layer.query_key_value.to_weight, to_parts_, layer.attention_norm.y);
    multiply(to_y_, to_parts_, layer.query_key_value.weight, false);
    kernels_->norm_backward(to_y_, layer.attention_norm.x, layer.attention_norm.norm, to_other_x_, dropping_,
                            i > 0 ? site_of_mlp(i - 1) : 0, to_x_, to_mlp_branch_, layer.attention_norm.to_gain,
                            layer.attention_norm.to_bias, i > 0 ? layers_[i - 1].contract.to_bias : unused_);
  }

  // Below the first norm, this is the gradient of the embedding. The head has used the token table too.
  kernels_->position_backward(to_mlp_branch_, batch,
                              optimizer_.part(optimizer_.flat_gradients, model_->position_embedding));
  Product table;
  table.out = to_table_;
  table.a = one_hot_;
  table.a_turned = true;
  table.b = to_mlp_branch_;
  table.finish = Finish::add;
  table.aside = true;
  kernels_->multiply(table);
  kernels_->finish_sums();
}
//! [hand-backward]

void HandStep::take_gradients(const torch::Tensor& starts, torch::Tensor loss) {
  const torch::NoGradGuard no_gradients;
  if (dropping_.share > 0) dropping_.seed.random_();
  const Windows windows{tokens_, starts, settings_.context};
  forward(windows, dropping_, std::move(loss));
  backward(windows);
}

void HandStep::take_loss(const torch::Tensor& starts, torch::Tensor loss) {
  const torch::NoGradGuard no_gradients;
  forward({tokens_, starts, settings_.context}, {dropping_.seed, 0}, std::move(loss));
  kernels_->finish_sums();
}

void HandStep::move(const torch::Tensor& learning_rate, torch::Tensor norm) {
  const torch::NoGradGuard no_gradients;
  optimizer_.step_number().add_(1);
  StepKernels::Update update;
  update.parameters = optimizer_.flat_parameters;
  update.gradients = optimizer_.flat_gradients;
  update.first = optimizer_.flat_first;
  update.second = optimizer_.flat_second;
  update.copies = copies_;
  update.decaying = optimizer_.decaying;
  update.limit = settings_.gradient_clip > 0 ? settings_.gradient_clip : std::numeric_limits<double>::infinity();
  update.norm = std::move(norm);
  update.learning_rate = learning_rate;
  update.step_number = optimizer_.step_number();
  update.beta1 = optimizer_.options().beta1;
  update.beta2 = optimizer_.options().beta2;
  update.epsilon = optimizer_.options().epsilon;
  update.decay = optimizer_.options().weight_decay;
  kernels_->adamw(update);
}

}  // namespace verse
