#include "08_post_training/lora.h"

#include <fmt/core.h>

#include <cmath>
#include <functional>
#include <string>
#include <utility>

#include "common/base/error.h"

namespace verse {

namespace {

/// Replaces each of the model's projections by what `change` makes of it.
void change_projections(GPT& model,
                        const std::function<std::shared_ptr<Projection>(const std::shared_ptr<Projection>&)>& change) {
  for (std::size_t layer = 0; layer < model->blocks->size(); ++layer) {
    auto& block = model->blocks->at<BlockImpl>(layer);
    const auto replace = [&](auto& module, const char* name, std::shared_ptr<Projection>& projection) {
      projection = module.replace_module(name, change(projection));
    };
    replace(*block.attention, "query_key_value", block.attention->query_key_value);
    replace(*block.attention, "output", block.attention->output);
    replace(*block.mlp, "expand", block.mlp->expand);
    replace(*block.mlp, "contract", block.mlp->contract);
  }
}

}  // namespace

LoraProjection::LoraProjection(std::shared_ptr<LinearProjection> to_wrap, std::int64_t rank, double alpha)
    : scale(alpha / static_cast<double>(rank)) {
  if (rank < 1) throw UsageError(fmt::format("a correction's rank must be at least 1, not {}", rank));
  wrapped = register_module("wrapped", std::move(to_wrap));
  for (auto& parameter : wrapped->parameters()) parameter.requires_grad_(false);
  const auto outputs = wrapped->weight.size(0), inputs = wrapped->weight.size(1);
  const auto like = wrapped->weight.options().requires_grad(false);
  down = register_parameter("down", torch::randn({rank, inputs}, like) / std::sqrt(static_cast<double>(inputs)));
  up = register_parameter("up", torch::zeros({outputs, rank}, like));
}

torch::Tensor LoraProjection::forward(const torch::Tensor& x) {
  //! [8.11]
  // Exercise 8.11. Read "ch08-lora" in README.md, then replace the next line; make hint-8.11 helps.
  throw NotImplemented("8.11");
  //! [8.11]
}

torch::Tensor LoraProjection::merged_weight() const {
  //! [8.12]
  // Exercise 8.12: Merged. Read "ch08-lora" in README.md, then replace the next line; make hint-8.12 helps.
  throw NotImplemented("8.12");
  //! [8.12]
}

std::vector<torch::Tensor> add_lora(GPT& model, std::int64_t rank, double alpha) {
  for (auto& parameter : model->parameters()) parameter.requires_grad_(false);
  std::vector<torch::Tensor> learning;
  change_projections(model, [&](const std::shared_ptr<Projection>& projection) {
    const auto linear = std::dynamic_pointer_cast<LinearProjection>(projection);
    if (!linear) throw UsageError("the model's projections are wrapped already");
    const auto adapter = std::make_shared<LoraProjection>(linear, rank, alpha);
    learning.push_back(adapter->down);
    learning.push_back(adapter->up);
    return adapter;
  });
  learning.push_back(model->token_embedding.requires_grad_(true));
  return learning;
}

void merge_lora(GPT& model) {
  change_projections(model, [](const std::shared_ptr<Projection>& projection) -> std::shared_ptr<Projection> {
    const auto adapter = std::dynamic_pointer_cast<LoraProjection>(projection);
    if (!adapter) return projection;
    const torch::NoGradGuard no_gradients;
    adapter->wrapped->weight.copy_(adapter->merged_weight());
    return adapter->wrapped;
  });
  for (auto& parameter : model->parameters()) parameter.requires_grad_(true);
}

}  // namespace verse
