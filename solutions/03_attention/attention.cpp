#include "03_attention/attention.h"

#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <tuple>

#include "02_embeddings/embeddings.h"
#include "common/base/error.h"

namespace verse {

torch::Tensor attention_scores(const torch::Tensor& query, const torch::Tensor& key) {
  //! [3.1]
  // Every query meets every key in one matrix product.
  const auto products = torch::matmul(query, key.transpose(-2, -1));  // [..., time, keys]

  // Wider heads add up more products, so the sum is brought back to the size that it has at width 1.
  const auto head_width = static_cast<double>(query.size(-1));
  return products / std::sqrt(head_width);
  //! [3.1]
}

torch::Tensor causal_mask(std::int64_t time, std::int64_t keys, torch::Device device) {
  //! [3.2]
  // The queries are the last `time` of the `keys` positions; the first of them stands this far in.
  const std::int64_t earlier = keys - time;

  // Row t keeps everything up to its own position, which is column earlier + t.
  return torch::ones({time, keys}, torch::dtype(torch::kBool).device(device)).tril(earlier);
  //! [3.2]
}

torch::Tensor attention_weights(const torch::Tensor& scores, const torch::Tensor& mask) {
  //! [3.3]
  // What may not be seen gets the one score whose exponential is exactly 0, before anything is summed.
  constexpr float forbidden = -std::numeric_limits<float>::infinity();
  return softmax(scores.masked_fill(mask.logical_not(), forbidden));  // [..., time, keys]
  //! [3.3]
}

torch::Tensor attend(const torch::Tensor& query, const torch::Tensor& key, const torch::Tensor& value,
                     const torch::Tensor& mask, torch::Tensor* weights_out, double dropout) {
  //! [3.4]
  // Who looks at whom, and how much.
  auto weights = attention_weights(attention_scores(query, key), mask);  // [..., time, keys]
  if (weights_out != nullptr) *weights_out = weights;

  // In training some of the looks are dropped, and the others raised so that the sum stays 1 on average.
  if (dropout > 0.0) weights = torch::dropout(weights, dropout, /*train=*/true);

  // Each position takes home the values that it looked at, in those proportions.
  return torch::matmul(weights, value);  // [..., time, head_width]
  //! [3.4]
}

//! [fused]
torch::Tensor attend_fused(const torch::Tensor& query, const torch::Tensor& key, const torch::Tensor& value,
                           const torch::Tensor& mask, double dropout) {
  const std::int64_t time = query.size(-2);
  const std::int64_t keys = key.size(-2);

  // The kernel knows the square causal mask by itself; a single query, being the last position, may see everything.
  std::optional<torch::Tensor> allowed;
  if (mask.defined()) {
    allowed = mask;
  } else if (time != keys && time != 1) {
    allowed = causal_mask(time, keys, query.device());
  }
  const bool causal = !mask.defined() && time == keys;
  return at::scaled_dot_product_attention(query, key, value, allowed, dropout, causal);  // [..., time, head_width]
}
//! [fused]

torch::Tensor split_heads(const torch::Tensor& x, std::int64_t heads) {
  //! [3.5]
  const std::int64_t batch = x.size(0), time = x.size(1), width = x.size(2);

  // Each position's features are cut into runs, one a head; then heads and positions change places.
  return x.view({batch, time, heads, width / heads}).transpose(1, 2);  // [batch, heads, time, head_width]
  //! [3.5]
}

torch::Tensor merge_heads(const torch::Tensor& x) {
  //! [3.6]
  const std::int64_t batch = x.size(0), heads = x.size(1), time = x.size(2), head_width = x.size(3);

  // Positions come first again, and only then are a position's runs joined; reshape copies where it has to.
  return x.transpose(1, 2).reshape({batch, time, heads * head_width});  // [batch, time, width]
  //! [3.6]
}

//! [constructor]
CausalSelfAttentionImpl::CausalSelfAttentionImpl(const AttentionOptions& sizes) : options(sizes) {
  const std::int64_t width = sizes.width, heads = sizes.heads;
  if (width < 1 || heads < 1 || width % heads != 0) {
    throw UsageError("the number of heads must divide the width: " + std::to_string(width) + " is no multiple of " +
                     std::to_string(heads));
  }

  // Queries, keys and values come out of one wide projection, side by side.
  query_key_value =
      register_module("query_key_value", std::make_shared<LinearProjection>(width, 3 * width, sizes.bias));
  output = register_module("output", std::make_shared<LinearProjection>(width, width, sizes.bias));
}
//! [constructor]

//! [mix]
torch::Tensor CausalSelfAttentionImpl::mix(const torch::Tensor& query, torch::Tensor key, torch::Tensor value,
                                           const AttentionExtras& extras) {
  // Positions read earlier are looked at too, without being read again.
  if (extras.cache != nullptr) std::tie(key, value) = extras.cache->append(key, value);

  // LibTorch's kernel computes the same, but has no weights to show.
  const double dropout = is_training() ? options.dropout : 0.0;
  if (options.fused && extras.weights == nullptr) return attend_fused(query, key, value, extras.mask, dropout);

  // With a cache there are more keys than queries.
  const auto causal = [&] { return causal_mask(query.size(2), key.size(2), query.device()); };
  return attend(query, key, value, extras.mask.defined() ? extras.mask : causal(), extras.weights, dropout);
}
//! [mix]

torch::Tensor CausalSelfAttentionImpl::forward(const torch::Tensor& x, const AttentionExtras& extras) {
  //! [3.7]
  // One product gives every position its query, key and value; each third is cut into heads.
  const auto parts = query_key_value->forward(x).chunk(3, -1);  // three of [batch, time, width]
  const auto query = split_heads(parts[0], options.heads);      // [batch, heads, time, head_width]
  const auto key = split_heads(parts[1], options.heads);
  const auto value = split_heads(parts[2], options.heads);

  // Every head looks back and mixes.
  const auto mixed = mix(query, key, value, extras);  // [batch, heads, time, head_width]

  // The heads go side by side again, and a last projection lets what they found come together.
  return torch::dropout(output->forward(merge_heads(mixed)), options.dropout, is_training());
  //! [3.7]
}

}  // namespace verse
