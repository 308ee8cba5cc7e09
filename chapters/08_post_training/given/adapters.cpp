#include "08_post_training/given/adapters.h"

#include <fmt/format.h>

#include <functional>
#include <string>
#include <utility>

#include "common/base/error.h"

namespace verse {

namespace {

/// What a change makes of a projection. @param parts how many different things its outputs are
using Change = std::function<std::shared_ptr<Projection>(const std::shared_ptr<Projection>&, std::int64_t parts)>;

/// Replaces each of the model's projections by what `change` makes of it.
void change_projections(GPT& model, const Change& change) {
  for (std::size_t layer = 0; layer < model->blocks->size(); ++layer) {
    auto& block = model->blocks->at<BlockImpl>(layer);
    const auto replace = [&](auto& module, const char* name, std::shared_ptr<Projection>& projection,
                             std::int64_t parts) {
      projection = module.replace_module(name, change(projection, parts));
    };
    replace(*block.attention, "query_key_value", block.attention->query_key_value, 3);
    replace(*block.attention, "output", block.attention->output, 1);
    replace(*block.mlp, "expand", block.mlp->expand, 1);
    replace(*block.mlp, "contract", block.mlp->contract, 1);
  }
}

/// Merges an adapter's correction into the weight that it wraps, which may be a view.
void merge(LoraProjection& adapter) {
  const torch::NoGradGuard no_gradients;
  adapter.wrapped->weight.copy_(adapter.merged_weight());
}

/// Puts the plain projections back, with or without what was learned.
void take_off(GPT& model, bool keep_corrections) {
  change_projections(model, [&](const std::shared_ptr<Projection>& projection, std::int64_t) {
    std::shared_ptr<Projection> plain = projection;
    if (const auto one = std::dynamic_pointer_cast<LoraProjection>(projection)) {
      if (keep_corrections) merge(*one);
      plain = one->wrapped;
    } else if (const auto several = std::dynamic_pointer_cast<SeparateAdapters>(projection)) {
      for (const auto& adapter : several->adapters)
        if (keep_corrections) merge(*adapter);
      plain = several->whole;
    }
    return plain;
  });
  for (auto& parameter : model->parameters()) parameter.requires_grad_(true);
}

}  // namespace

SeparateAdapters::SeparateAdapters(std::shared_ptr<LinearProjection> to_wrap, std::int64_t parts, std::int64_t rank,
                                   double alpha) {
  whole = register_module("whole", std::move(to_wrap));
  for (auto& parameter : whole->parameters()) parameter.requires_grad_(false);
  const auto outputs = whole->weight.size(0) / parts, inputs = whole->weight.size(1);
  for (std::int64_t part = 0; part < parts; ++part) {
    // A projection of its own to look at, and the whole's memory: what is merged into it is merged into the whole.
    const bool with_bias = whole->bias.defined();
    const auto stretch = std::make_shared<LinearProjection>(inputs, outputs, with_bias);
    const torch::NoGradGuard no_gradients;
    stretch->weight.set_data(whole->weight.narrow(0, part * outputs, outputs));
    if (with_bias) stretch->bias.set_data(whole->bias.narrow(0, part * outputs, outputs));
    adapters.push_back(
        register_module(fmt::format("adapter_{}", part), std::make_shared<LoraProjection>(stretch, rank, alpha)));
  }
}

torch::Tensor SeparateAdapters::forward(const torch::Tensor& x) {
  std::vector<torch::Tensor> outputs;
  outputs.reserve(adapters.size());
  for (const auto& adapter : adapters) outputs.push_back(adapter->forward(x));
  return torch::cat(outputs, -1);
}

std::vector<torch::Tensor> add_lora(GPT& model, std::int64_t rank, double alpha, TokenTable table) {
  for (auto& parameter : model->parameters()) parameter.requires_grad_(false);
  std::vector<torch::Tensor> learning;
  const auto adapt = [&](const std::shared_ptr<Projection>& projection,
                         std::int64_t parts) -> std::shared_ptr<Projection> {
    const auto linear = std::dynamic_pointer_cast<LinearProjection>(projection);
    if (!linear) throw UsageError("the model's projections are wrapped already");
    const auto learn = [&](const LoraProjection& adapter) {
      learning.push_back(adapter.down);
      learning.push_back(adapter.up);
    };
    if (parts == 1) {
      const auto adapter = std::make_shared<LoraProjection>(linear, rank, alpha);
      learn(*adapter);
      return adapter;
    }
    const auto several = std::make_shared<SeparateAdapters>(linear, parts, rank, alpha);
    for (const auto& adapter : several->adapters) learn(*adapter);
    return several;
  };
  change_projections(model, adapt);
  if (table == TokenTable::learns) learning.push_back(model->token_embedding.requires_grad_(true));
  return learning;
}

void merge_lora(GPT& model) {
  take_off(model, true);
}

void remove_lora(GPT& model) {
  take_off(model, false);
}

}  // namespace verse
