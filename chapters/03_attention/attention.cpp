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
  // Exercise 3.1. Read "Scores: how well a key fits" in README.md, then replace the next line; make hint-3.1 helps.
  throw NotImplemented("3.1");
  //! [3.1]
}

torch::Tensor causal_mask(std::int64_t time, std::int64_t keys, torch::Device device) {
  //! [3.2]
  // Exercise 3.2. Read "Hiding the future" in README.md, then replace the next line; make hint-3.2 helps.
  throw NotImplemented("3.2");
  //! [3.2]
}

torch::Tensor attention_weights(const torch::Tensor& scores, const torch::Tensor& mask) {
  //! [3.3]
  // Exercise 3.3. Read "From scores to weights" in README.md, then replace the next line; make hint-3.3 helps.
  throw NotImplemented("3.3");
  //! [3.3]
}

torch::Tensor attend(const torch::Tensor& query, const torch::Tensor& key, const torch::Tensor& value,
                     const torch::Tensor& mask, torch::Tensor* weights_out, double dropout) {
  //! [3.4]
  // Exercise 3.4: One head. Read "One head" in README.md, then replace the next line; make hint-3.4 helps.
  throw NotImplemented("3.4");
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
  // Exercise 3.5. Read "Many heads" in README.md, then replace the next line; make hint-3.5 helps.
  throw NotImplemented("3.5");
  //! [3.5]
}

torch::Tensor merge_heads(const torch::Tensor& x) {
  //! [3.6]
  // Exercise 3.6: Merging the heads. Read "Many heads" in README.md, then replace the next line; make hint-3.6 helps.
  throw NotImplemented("3.6");
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
  // Exercise 3.7: The attention layer. Read "The layer" in README.md, then replace the next line; make hint-3.7 helps.
  throw NotImplemented("3.7");
  //! [3.7]
}

}  // namespace verse
