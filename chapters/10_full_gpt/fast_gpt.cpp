#include "10_full_gpt/fast_gpt.h"

#include <malloc.h>

#include <cmath>
#include <memory>
#include <numbers>

namespace verse {

namespace {

//! [fast-gelu]
class FastGelu : public torch::autograd::Function<FastGelu> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& x) {
    // y = x s with s = sigmoid(k (x + c x^3)).
    const double k = 2 * std::sqrt(2 / std::numbers::pi), c = 0.044715;
    auto square = x * x;
    const auto share = torch::addcmul(x, square, x, c).mul_(k).sigmoid_();
    const auto y = x * share;

    // Its derivative is s + x s (1 - s) k (1 + 3 c x^2).
    const auto slope = square.mul_(3 * k * c).add_(k);
    const auto bend = torch::addcmul(y, y, share, -1);
    context->save_for_backward({torch::addcmul(share, slope, bend)});
    return y;
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    return {gradients[0] * context->get_saved_variables()[0]};
  }
};
//! [fast-gelu]

}  // namespace

torch::Tensor fast_gelu_tanh(const torch::Tensor& x) {
  return x.requires_grad() && x.is_cpu() ? FastGelu::apply(x) : torch::gelu(x, "tanh");
}

//! [fast-forward]
torch::Tensor FastGPTImpl::forward_embedded(const torch::Tensor& embedded, const torch::Tensor& positions,
                                            const ForwardExtras& extras) {
  if (!options.fused || options.exact_gelu || extras.cache != nullptr || extras.weights != nullptr) {
    return GPTImpl::forward_embedded(embedded, positions, extras);
  }
  AttentionExtras own;
  own.mask = extras.mask;
  auto x = embedded;
  if (positions.defined()) x = x + torch::embedding(position_embedding, positions);
  x = torch::dropout(x, options.dropout, is_training());
  for (std::size_t layer = 0; layer < blocks->size(); ++layer) {
    auto& block = blocks->at<BlockImpl>(layer);
    x = x + block.attention->forward(block.attention_norm->forward(x), own);
    const auto hidden = fast_gelu_tanh(block.mlp->expand->forward(block.mlp_norm->forward(x)));
    x = x + torch::dropout(block.mlp->contract->forward(hidden), options.dropout, is_training());
  }
  return torch::nn::functional::linear(final_norm->forward(x), token_embedding);
}
//! [fast-forward]

GPT fast_gpt(const GPTOptions& options) {
  return GPT(std::shared_ptr<GPTImpl>(std::make_shared<FastGPTImpl>(options)));
}

void keep_freed_memory() {
#ifdef M_MMAP_THRESHOLD
  //! [keep-memory]
  constexpr int kAGigabyte = 1 << 30;
  ::mallopt(M_MMAP_THRESHOLD, kAGigabyte);  // smaller pieces come from the heap, which is not given back ...
  ::mallopt(M_TRIM_THRESHOLD, kAGigabyte);  // ... until that much of its end is free
  //! [keep-memory]
#endif
}

}  // namespace verse
