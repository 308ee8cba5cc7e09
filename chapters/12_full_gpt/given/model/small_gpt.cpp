#include "12_full_gpt/given/model/small_gpt.h"

#include <typeinfo>

#include "11_modern/given/llama.h"
#include "12_full_gpt/given/cpu/row_product.h"
#include "common/base/error.h"

namespace verse {

namespace {

std::int64_t bytes_of(const ModelMatrix& matrix) {
  return matrix.small != nullptr ? matrix.small->bytes() : static_cast<std::int64_t>(matrix.full.nbytes());
}

std::int64_t bytes_of(const std::shared_ptr<Projection>& projection) {
  if (const auto* small = dynamic_cast<SmallProjection*>(projection.get())) return small->weight->bytes();
  const auto* full = dynamic_cast<LinearProjection*>(projection.get());
  return full == nullptr ? 0 : static_cast<std::int64_t>(full->weight.nbytes());
}

}  // namespace

SmallProjection::SmallProjection(const LinearProjection& full, WeightKind kind)
    : weight(std::make_shared<SmallMatrix>(full.weight, kind)), bias(full.bias) {
  if (bias.defined()) register_parameter("bias", bias);
}

torch::Tensor SmallProjection::forward(const torch::Tensor& x) {
  const torch::NoGradGuard no_gradients;
  auto sizes = x.sizes().vec();
  sizes.back() = weight->outputs();
  return project_rows(x.reshape({-1, weight->inputs()}), *weight, bias).view(sizes);
}

SmallGPTImpl::SmallGPTImpl(GPT whole, WeightKind kind)
    : inner(std::move(whole)), head(std::make_shared<SmallMatrix>(inner->token_embedding, kind)) {
  for (const auto& module : *inner->blocks) {
    auto& block = *module->as<BlockImpl>();
    const auto replace = [kind](torch::nn::Module& owner, const char* name, std::shared_ptr<Projection>& projection) {
      const auto full = std::dynamic_pointer_cast<LinearProjection>(projection);
      if (full != nullptr) projection = owner.replace_module(name, std::make_shared<SmallProjection>(*full, kind));
    };
    replace(*block.attention, "query_key_value", block.attention->query_key_value);
    replace(*block.attention, "output", block.attention->output);
    replace(*block.mlp, "expand", block.mlp->expand);
    replace(*block.mlp, "contract", block.mlp->contract);
  }
  register_module("inner", inner);
  token_embedding = inner->token_embedding;
  eval();
}

torch::Tensor SmallGPTImpl::forward(const torch::Tensor& tokens, const ForwardExtras& extras) {
  return forward_embedded(torch::embedding(token_embedding, tokens), positions_of(tokens, extras), extras);
}

torch::Tensor SmallGPTImpl::forward_embedded(const torch::Tensor& x, const torch::Tensor& positions,
                                             const ForwardExtras& extras) {
  auto features = inner->run_blocks(inner->add_positions(x, positions), extras);  // [batch, time, width]
  if (extras.last_only) features = features.narrow(1, features.size(1) - 1, 1);
  return project_rows(features.reshape({-1, features.size(2)}), *head)
      .view({features.size(0), features.size(1), head->outputs()});
}

LanguageModel in_small_numbers(const LanguageModel& model, WeightKind kind) {
  if (kind == WeightKind::fp32) return model;
  const auto pointer = model.ptr();
  if (const auto llama = std::dynamic_pointer_cast<LlamaGPTImpl>(pointer)) {
    llama->shrink(kind);
    return model;
  }
  const LanguageModelImpl& given = *pointer;
  if (typeid(given) != typeid(GPTImpl)) {
    throw UsageError(
        "only models of GPT-2's and of Llama's kind can be kept in small numbers, and this run's is chapter 11's "
        "ModernGPT: leave --weights out");
  }
  return SmallGPT(GPT(std::dynamic_pointer_cast<GPTImpl>(pointer)), kind);
}

std::int64_t bytes_read_per_token(LanguageModelImpl& model) {
  if (auto* small = dynamic_cast<SmallGPTImpl*>(&model)) {
    return bytes_read_per_token(*small->inner) - static_cast<std::int64_t>(small->token_embedding.nbytes()) +
           small->head->bytes();
  }
  std::int64_t bytes = 0;
  if (const auto* llama = dynamic_cast<LlamaGPTImpl*>(&model)) {
    for (const auto& layer : llama->layers()) {
      for (const auto* matrix :
           {&layer.query, &layer.key, &layer.value, &layer.output, &layer.gate, &layer.up, &layer.down}) {
        bytes += bytes_of(*matrix);
      }
    }
    return bytes + bytes_of(llama->head());
  }
  if (const auto* gpt = dynamic_cast<GPTImpl*>(&model)) {
    for (const auto& module : *gpt->blocks) {
      const auto& block = *module->as<BlockImpl>();
      for (const auto* projection :
           {&block.attention->query_key_value, &block.attention->output, &block.mlp->expand, &block.mlp->contract}) {
        bytes += bytes_of(*projection);
      }
    }
    return bytes + static_cast<std::int64_t>(gpt->token_embedding.nbytes());
  }
  for (const auto& parameter : model.parameters()) bytes += static_cast<std::int64_t>(parameter.nbytes());
  return bytes;
}

}  // namespace verse
