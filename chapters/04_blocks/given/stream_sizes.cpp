#include "04_blocks/given/stream_sizes.h"

#include "02_embeddings/embeddings.h"

namespace verse {

double root_mean_square(const torch::Tensor& x) {
  return x.square().mean().sqrt().item<double>();
}

std::vector<double> stream_sizes(const GPT& model, const torch::Tensor& tokens) {
  torch::NoGradGuard no_gradients;
  const auto positions = torch::arange(tokens.size(1), tokens.options());
  auto x = GPT(model)->add_positions(embed_tokens(model->token_embedding, tokens), positions);
  std::vector<double> sizes = {root_mean_square(x)};
  for (const auto& block : *model->blocks) {
    x = block->as<BlockImpl>()->forward(x);
    sizes.push_back(root_mean_square(x));
  }
  return sizes;
}

}  // namespace verse
