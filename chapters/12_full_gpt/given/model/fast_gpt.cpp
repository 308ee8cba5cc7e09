#include "12_full_gpt/given/model/fast_gpt.h"

#if __has_include(<malloc.h>)
#include <malloc.h>
#endif

#include <cstdint>
#include <memory>

#include "03_attention/attention.h"
#include "12_full_gpt/given/cpu/fast_dropout.h"
#include "12_full_gpt/given/cpu/half_products.h"
#include "common/fast_gelu.h"

namespace verse {

torch::Tensor FastGPTImpl::attend(CausalSelfAttentionImpl& attention, const torch::Tensor& x, std::int64_t time,
                                  const torch::Tensor& mask) const {
  const double dropout = is_training() ? options.dropout : 0.0;
  if (mask.defined()) {
    AttentionExtras extras;
    extras.mask = mask;
    return attention.forward(x.view({-1, time, options.width}), extras).view_as(x);
  }
  const auto parts = project(*attention.query_key_value, x).view({-1, time, 3 * options.width});
  torch::Tensor mixed;
  if (attends_fast(x, time, options.heads, dropout)) {
    mixed = attend_dropping(parts, options.heads, dropout > 0 ? Drops::drawn(dropout) : Drops());
  } else {
    const auto thirds = parts.chunk(3, -1);
    const auto heads = [&](std::size_t i) { return split_heads(thirds[i], options.heads); };
    mixed = merge_heads(attend_fused(heads(0), heads(1), heads(2), {}, dropout));
  }
  return fast_dropout(project(*attention.output, mixed.view_as(x)), dropout);
}

//! [fast-forward]
torch::Tensor FastGPTImpl::forward_embedded(const torch::Tensor& embedded, const torch::Tensor& positions,
                                            const ForwardExtras& extras) {
  if (!draws_by_place() || extras.cache != nullptr || extras.weights != nullptr) {
    return GPTImpl::forward_embedded(embedded, positions, extras);
  }
  auto x = embedded;
  if (positions.defined()) x = x + torch::embedding(position_embedding, positions);
  x = fast_dropout(x, options.dropout, is_training());
  // A row a position: for a matrix, LibTorch adds the bias within the product.
  x = x.reshape({-1, options.width});
  for (std::size_t layer = 0; layer < blocks->size(); ++layer) {
    auto& block = blocks->at<BlockImpl>(layer);
    x = x + attend(*block.attention, block.attention_norm->forward(x), embedded.size(1), extras.mask);
    const auto hidden = fast_gelu_tanh(project(*block.mlp->expand, block.mlp_norm->forward(x)));
    x = x + fast_dropout(project(*block.mlp->contract, hidden), options.dropout, is_training());
  }
  x = x.view(embedded.sizes());
  if (extras.last_only) x = x.narrow(1, embedded.size(1) - 1, 1);
  const auto rows = final_norm->forward(x).reshape({-1, options.width});
  return torch::nn::functional::linear(rows, token_embedding).view({x.size(0), x.size(1), -1});
}
//! [fast-forward]

GPT fast_gpt(const GPTOptions& options) {
  return GPT(std::shared_ptr<GPTImpl>(std::make_shared<FastGPTImpl>(options)));
}

void keep_freed_memory() {
#ifdef M_MMAP_THRESHOLD
  //! [keep-memory]
  constexpr int kAGigabyte = 1 << 30;
  ::mallopt(M_MMAP_THRESHOLD, kAGigabyte);  // smaller pieces come from a heap, which is not given back ...
  ::mallopt(M_TRIM_THRESHOLD, -1);          // ... however much of it is free
  ::mallopt(M_TOP_PAD, kAGigabyte / 8);     // nor are those that other threads have
  //! [keep-memory]
#endif
}

}  // namespace verse
