#include "12_full_gpt/given/sampling/generation.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <memory>
#include <stdexcept>
#include <typeinfo>

#include "12_full_gpt/given/cpu/row_product.h"
#include "12_full_gpt/given/gpu/card_writer.h"
#include "12_full_gpt/given/model/small_gpt.h"
#include "common/base/error.h"
#include "common/projection.h"

namespace verse {

namespace {

/// From here on it is worth it to have kernels compiled for a text, where there is a GPU.
constexpr std::int64_t kTokensWorthCompiling = 64;

/// A projection of chapter 4's, or one in small numbers; null for any other.
std::shared_ptr<Projection> plain(const std::shared_ptr<Projection>& projection) {
  const bool known = dynamic_cast<LinearProjection*>(projection.get()) != nullptr ||
                     dynamic_cast<SmallProjection*>(projection.get()) != nullptr;
  return known ? projection : nullptr;
}

torch::Tensor project(Projection& projection, const torch::Tensor& x) {
  const auto* const full = dynamic_cast<LinearProjection*>(&projection);
  return full != nullptr ? project_rows(x, full->weight, full->bias) : projection.forward(x);
}

torch::Tensor normed(const LayerNorm& norm, const torch::Tensor& x) {
  return torch::layer_norm(x, norm->weight.sizes(), norm->weight, norm->bias);
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

std::vector<std::shared_ptr<BlockCache>> make_block_cache(LanguageModelImpl& model, std::int64_t batch,
                                                          std::int64_t positions) {
  const ModelShape shape = model.shape();
  const CacheShape kept = model.cache_shape();
  if (positions == 0) positions = shape.context;
  const auto block = torch::zeros({shape.layers, 2, batch, kept.heads, positions, kept.head_width},
                                  model.token_embedding.options().requires_grad(false));
  std::vector<std::shared_ptr<BlockCache>> cache;
  for (std::int64_t layer = 0; layer < shape.layers; ++layer) {
    cache.push_back(std::make_shared<BlockCache>(block[layer][0], block[layer][1]));
  }
  return cache;
}

Decoder::Decoder(LanguageModel model, std::int64_t batch, std::optional<bool> same_each_time, std::int64_t positions)
    : model_(std::move(model)) {
  const c10::InferenceMode no_gradients;
  const torch::Device device = model_->token_embedding.device();
  same_each_time_ = same_each_time.value_or(device.is_cuda());
  token_ = torch::zeros({batch}, torch::dtype(torch::kInt64).device(device));
  place_ = torch::zeros({1}, token_.options());
  places_ = torch::arange(positions == 0 ? model_->context() : positions, token_.options());
  logits_ = torch::zeros({batch, model_->vocabulary()}, model_->token_embedding.options());
  blocks_ = make_block_cache(*model_, batch, positions);
  forget();
  LanguageModelImpl& given = *model_;
  if (auto* llama = dynamic_cast<LlamaGPTImpl*>(&given); llama != nullptr && batch <= kFewRows && !same_each_time_) {
    if (LlamaReader::reads(*llama)) llama_ = std::make_unique<LlamaReader>(*llama, batch);
  }
  if (auto* small = dynamic_cast<SmallGPTImpl*>(&given)) {
    gpt_ = small->inner.get();
    small_head_ = small->head;
  } else if (typeid(given) == typeid(GPTImpl)) {
    gpt_ = dynamic_cast<GPTImpl*>(&given);
  } else {
    return;
  }
  for (const auto& module : *gpt_->blocks) {
    auto& block = *module->as<BlockImpl>();
    Layer layer{block.attention_norm,           block.mlp_norm,           plain(block.attention->query_key_value),
                plain(block.attention->output), plain(block.mlp->expand), plain(block.mlp->contract)};
    if (!layer.query_key_value || !layer.output || !layer.expand || !layer.contract) {  // somebody has wrapped one
      gpt_ = nullptr;
      layers_.clear();
      return;
    }
    layers_.push_back(std::move(layer));
  }
}

void Decoder::forget() {
  for (const auto& block : blocks_) block->clear();
  cache_.assign(blocks_.begin(), blocks_.end());
}

torch::Tensor Decoder::read(const torch::Tensor& tokens) {
  const c10::InferenceMode no_gradients;
  if (tokens.size(1) == 1 && (gpt_ != nullptr || llama_ != nullptr)) {
    const std::int64_t room = places_.size(0);
    if (blocks_.front()->length() >= room) throw UsageError(fmt::format("the context of {} positions is full", room));
    if (llama_ != nullptr) return llama_->read(tokens, blocks_);
    return same_each_time_ ? read_one_as_recorded(tokens) : read_one(tokens);
  }
  ForwardExtras extras;
  extras.cache = &cache_;
  extras.last_only = true;
  return model_->forward(tokens, extras).select(1, 0);
}

//! [read-one]
torch::Tensor Decoder::through_blocks(torch::Tensor x, const Attend& attend) {
  const GPTOptions& options = gpt_->options;
  const std::int64_t batch = x.size(0), head_width = options.width / options.heads;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    const auto parts = project(*layer.query_key_value, normed(layer.attention_norm, x));  // [batch, 3 width]
    const auto mixed = attend(i, parts.view({batch, 3, options.heads, 1, head_width}));
    x = x + project(*layer.output, mixed.reshape({batch, options.width}));

    auto hidden = project(*layer.expand, normed(layer.mlp_norm, x));
    at::gelu_(hidden, options.exact_gelu ? "none" : "tanh");  // [batch, 4 width]
    x = x + project(*layer.contract, hidden);
  }
  const auto features = normed(gpt_->final_norm, x);
  return small_head_ != nullptr ? project_rows(features, *small_head_) : project_rows(features, gpt_->token_embedding);
}

torch::Tensor Decoder::read_one(const torch::Tensor& tokens) {
  const std::int64_t place = blocks_.front()->length();
  const auto x = gpt_->token_embedding.index_select(0, tokens.flatten()) + gpt_->position_embedding[place];
  return through_blocks(x, [this](std::size_t layer, const torch::Tensor& parts) {
    const auto [keys, values] = blocks_[layer]->append(parts.select(1, 1), parts.select(1, 2));
    return at::scaled_dot_product_attention(parts.select(1, 0), keys, values);
  });
}
//! [read-one]

//! [read-recorded]
/// read_one() in a form that is the same each time: attention sees the whole cache, of which a mask hides what is not
/// there yet, and new keys go to the place that a tensor names.
void Decoder::work() {
  const auto seen = (places_ <= place_).view({1, 1, 1, -1});  // [1, 1, 1, positions]
  const auto x = gpt_->token_embedding.index_select(0, token_) + gpt_->position_embedding.index_select(0, place_);
  logits_.copy_(through_blocks(x, [&](std::size_t layer, const torch::Tensor& parts) {
    auto keys = blocks_[layer]->keys(), values = blocks_[layer]->values();
    keys.index_copy_(2, place_, parts.select(1, 1));
    values.index_copy_(2, place_, parts.select(1, 2));
    return at::scaled_dot_product_attention(parts.select(1, 0), keys, values, seen);
  }));
}

torch::Tensor Decoder::read_one_as_recorded(const torch::Tensor& tokens) {
  constexpr std::int64_t kWarmUp = 3;  // steps in which libraries choose their algorithms
  token_.copy_(tokens.flatten());
  place_.fill_(blocks_.front()->length());
  std::string problem;  // a text that is written a little slower needs no explanation
  if (steps_taken_++ == kWarmUp) recording_ = Recording::make([this] { work(); }, problem);
  if (recording_ != nullptr) {
    recording_->play();
  } else {
    work();
  }
  for (const auto& block : blocks_) block->one_more();
  return logits_;
}
//! [read-recorded]

std::vector<std::vector<std::int64_t>> generate_together(LanguageModel model,
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
  if (batch == 1 && options.cached && count >= kTokensWorthCompiling && CardWriter::chooses_by(options)) {
    if (CardWriter* writer = CardWriter::of(model)) {
      const auto one = [&listener](std::int64_t token) { return !listener || listener(0, token); };
      return {writer->write(prompts.front(), count, options, randoms.front(), one)};
    }
  }
  const c10::InferenceMode no_gradients;
  const EvaluationMode evaluating(*model);
  const auto context = static_cast<std::size_t>(model->context());
  const auto device = model->token_embedding.device();
  // No more positions are ever kept than the context has, nor than there will be.
  const auto positions =
      static_cast<std::int64_t>(std::min(context, prompts.front().size() + static_cast<std::size_t>(count)));
  Decoder decoder(model, static_cast<std::int64_t>(batch), {}, positions);
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
    ForwardExtras extras;
    extras.last_only = true;
    const auto logits =
        options.cached ? decoder.read(pack(unread)) : model->forward(pack(windows), extras).select(1, 0);

    bool go_on = true;
    // An infinity or a NaN among them makes their sum one too; a choice among those would always be the first token.
    if (!std::isfinite(logits.sum().item<double>())) {
      throw std::runtime_error(
          fmt::format("the model's answer is no number any more after {} new tokens; its weights are too large", step));
    }
    for (std::size_t row = 0; row < batch; ++row) {
      made[row].push_back(choose_token(logits[static_cast<std::int64_t>(row)], options, randoms[row]));
      unread[row] = {made[row].back()};
      if (listener && !listener(row, made[row].back())) go_on = false;
    }
    if (!go_on) break;
  }
  return made;
}

void choose_threads(LanguageModel model, std::int64_t batch, int most) {
  if (most <= 1) return torch::set_num_threads(1);
  constexpr int kTokens = 4, kRounds = 3;
  Decoder decoder(model, batch, {}, std::min<std::int64_t>(kTokens, model->context()));
  const auto token = torch::zeros({batch, 1}, torch::dtype(torch::kInt64).device(model->token_embedding.device()));
  const auto seconds = [&](int threads) {
    torch::set_num_threads(threads);
    decoder.forget();
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < kTokens && i < model->context(); ++i) decoder.read(token);
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
