#include "10_full_gpt/generation.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <memory>
#include <stdexcept>
#include <typeinfo>

#include "common/error.h"
#include "common/projection.h"

namespace verse {

namespace {

/// The two parameters of a projection, its matrix as [inputs, outputs]; undefined where it is none of chapter 4's.
std::pair<torch::Tensor, torch::Tensor> laid_out(const std::shared_ptr<Projection>& projection) {
  const auto linear = std::dynamic_pointer_cast<LinearProjection>(projection);
  if (!linear || !linear->bias.defined()) return {};
  return {linear->weight.t().contiguous(), linear->bias};
}

torch::Tensor norm(const torch::Tensor& x, const torch::Tensor& gain, const torch::Tensor& shift) {
  return torch::layer_norm(x, gain.sizes(), gain, shift);
}

}  // namespace

BlockCache::BlockCache(torch::Tensor keys, torch::Tensor values) : keys_(std::move(keys)), values_(std::move(values)) {}

//! [block-cache]
std::pair<torch::Tensor, torch::Tensor> BlockCache::append(const torch::Tensor& key, const torch::Tensor& value) {
  const std::int64_t time = key.size(2);
  if (length_ + time > keys_.size(2)) {
    throw std::length_error(fmt::format("a cache of {} positions has no room for {}", keys_.size(2), length_ + time));
  }
  // New rows go to their place; what is returned is a window onto the block.
  keys_.narrow(2, length_, time).copy_(key);
  values_.narrow(2, length_, time).copy_(value);
  length_ += time;
  return {keys_.narrow(2, 0, length_), values_.narrow(2, 0, length_)};
}
//! [block-cache]

Cache make_block_cache(GPTImpl& model, std::int64_t batch) {
  const GPTOptions& options = model.options;
  const auto block =
      torch::empty({options.layers, 2, batch, options.heads, options.context, options.width / options.heads},
                   model.token_embedding.options().requires_grad(false));
  Cache cache;
  for (std::int64_t layer = 0; layer < options.layers; ++layer) {
    cache.push_back(std::make_shared<BlockCache>(block[layer][0], block[layer][1]));
  }
  return cache;
}

Decoder::Decoder(GPT model, std::int64_t batch) : model_(std::move(model)) {
  const c10::InferenceMode no_gradients;
  cache_ = make_block_cache(*model_, batch);
  const GPTImpl& given = *model_;
  if (typeid(given) != typeid(GPTImpl)) return;
  for (const auto& module : *model_->blocks) {
    auto& block = *module->as<BlockImpl>();
    Layer layer;
    layer.attention_gain = block.attention_norm->weight;
    layer.attention_shift = block.attention_norm->bias;
    layer.mlp_gain = block.mlp_norm->weight;
    layer.mlp_shift = block.mlp_norm->bias;
    std::tie(layer.query_key_value, layer.query_key_value_bias) = laid_out(block.attention->query_key_value);
    std::tie(layer.output, layer.output_bias) = laid_out(block.attention->output);
    std::tie(layer.expand, layer.expand_bias) = laid_out(block.mlp->expand);
    std::tie(layer.contract, layer.contract_bias) = laid_out(block.mlp->contract);
    for (const auto* matrix : {&layer.query_key_value, &layer.output, &layer.expand, &layer.contract}) {
      if (!matrix->defined()) {  // a projection that somebody has wrapped
        layers_.clear();
        return;
      }
    }
    layers_.push_back(std::move(layer));
  }
}

void Decoder::forget() {
  for (auto& layer : cache_) static_cast<BlockCache&>(*layer).clear();
}

torch::Tensor Decoder::read(const torch::Tensor& tokens) {
  const c10::InferenceMode no_gradients;
  if (tokens.size(1) == 1 && !layers_.empty()) return read_one(tokens);
  ForwardExtras extras;
  extras.cache = &cache_;
  return model_->forward(tokens, extras).select(1, tokens.size(1) - 1);
}

//! [read-one]
torch::Tensor Decoder::read_one(const torch::Tensor& tokens) {
  const GPTOptions& options = model_->options;
  const std::int64_t batch = tokens.size(0), place = cache_.front()->length(),
                     head_width = options.width / options.heads;
  if (place >= options.context) throw UsageError(fmt::format("the context of {} positions is full", options.context));
  auto x = model_->token_embedding.index_select(0, tokens.view({batch})) +
           model_->position_embedding[place];  // [batch, width]
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    const auto parts = torch::addmm(layer.query_key_value_bias, norm(x, layer.attention_gain, layer.attention_shift),
                                    layer.query_key_value)
                           .view({batch, 3, options.heads, 1, head_width});
    const auto [keys, values] = cache_[i]->append(parts.select(1, 1), parts.select(1, 2));
    const auto mixed = at::scaled_dot_product_attention(parts.select(1, 0), keys, values);  // [batch, heads, 1, head]

    // What a projection writes into the stream is added by the product itself.
    x.add_(layer.output_bias).addmm_(mixed.reshape({batch, options.width}), layer.output);
    auto hidden = torch::addmm(layer.expand_bias, norm(x, layer.mlp_gain, layer.mlp_shift), layer.expand);
    at::gelu_(hidden, options.exact_gelu ? "none" : "tanh");  // [batch, 4 width]
    x.add_(layer.contract_bias).addmm_(hidden, layer.contract);
  }
  return torch::linear(norm(x, model_->final_norm->weight, model_->final_norm->bias), model_->token_embedding);
}
//! [read-one]

std::vector<std::vector<std::int64_t>> generate_together(GPT& model,
                                                         const std::vector<std::vector<std::int64_t>>& prompts,
                                                         std::int64_t count, const SamplingOptions& options,
                                                         std::vector<Random>& randoms, const BatchListener& listener) {
  if (prompts.empty() || prompts.front().empty()) {
    throw UsageError("a text can only be continued from at least one character");
  }
  const std::size_t batch = prompts.size();
  for (const auto& prompt : prompts) {
    if (prompt.size() != prompts.front().size()) throw UsageError("only prompts of one length are continued together");
  }
  const c10::InferenceMode no_gradients;
  const bool was_training = model->is_training();
  model->eval();
  const auto context = static_cast<std::size_t>(model->options.context);
  const auto device = model->token_embedding.device();
  Decoder decoder(model, static_cast<std::int64_t>(batch));
  const auto pack = [&device](const std::vector<std::vector<std::int64_t>>& texts) {
    std::vector<torch::Tensor> rows;
    for (const auto& text : texts) rows.push_back(torch::tensor(text, torch::kInt64));
    return torch::stack(rows).to(device);  // [batch, time]
  };

  std::vector<std::vector<std::int64_t>> made(batch), unread = prompts, windows(batch);
  for (std::int64_t step = 0; step < count; ++step) {
    // Chapter 7's rule: when the context is full, its last half is read again.
    const bool full = windows.front().size() + unread.front().size() > context;
    for (std::size_t row = 0; row < batch; ++row) {
      auto& window = windows[row];
      window.insert(window.end(), unread[row].begin(), unread[row].end());
      if (!full) continue;
      window.erase(window.begin(), window.end() - static_cast<std::ptrdiff_t>(std::max<std::size_t>(context / 2, 1)));
      unread[row] = window;
    }
    if (full || !options.cached) decoder.forget();
    const auto logits = options.cached ? decoder.read(pack(unread)) : model->forward(pack(windows)).select(1, -1);

    bool go_on = true;
    for (std::size_t row = 0; row < batch; ++row) {
      made[row].push_back(choose_token(logits[static_cast<std::int64_t>(row)], options, randoms[row]));
      unread[row] = {made[row].back()};
      if (listener && !listener(row, made[row].back())) go_on = false;
    }
    if (!go_on) break;
  }
  model->train(was_training);
  return made;
}

void choose_threads(GPT& model, std::int64_t batch, int most) {
  if (most <= 1) return torch::set_num_threads(1);
  constexpr int kTokens = 4, kRounds = 3;
  Decoder decoder(model, batch);
  const auto token = torch::zeros({batch, 1}, torch::dtype(torch::kInt64).device(model->token_embedding.device()));
  const auto seconds = [&](int threads) {
    torch::set_num_threads(threads);
    decoder.forget();
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < kTokens && i < model->options.context; ++i) decoder.read(token);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  // The first round warms up; of the others the best counts, as a machine is never quicker than it can be.
  double one = std::numeric_limits<double>::infinity(), several = one;
  for (int round = 0; round < kRounds; ++round) {
    const double now_one = seconds(1), now_several = seconds(most);
    if (round == 0) continue;
    one = std::min(one, now_one);
    several = std::min(several, now_several);
  }
  torch::set_num_threads(one <= several ? 1 : most);
}

}  // namespace verse
