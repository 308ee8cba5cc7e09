#include "07_sampling/sampling.h"

#include <fmt/core.h>

#include <algorithm>

#include "02_embeddings/embeddings.h"
#include "07_sampling/steering.h"
#include "common/base/error.h"

namespace verse {

std::int64_t greedy(const torch::Tensor& logits) {
  //! [7.1]
  // Exercise 7.1. Read "The most probable character" in README.md, then replace the next line; make hint-7.1 helps.
  // New here: x.argmax(dim)
  //   does: the place of the largest value, of equals the first; without `dim`, in the tensor read as one row
  throw NotImplemented("7.1");
  //! [7.1]
}

torch::Tensor temperature_probabilities(const torch::Tensor& logits, double temperature) {
  if (!(temperature > 0)) throw UsageError(fmt::format("a temperature must be above 0, not {}", temperature));
  //! [7.2]
  // Exercise 7.2: Temperature. Read "Temperature" in README.md, then replace the next line; make hint-7.2 helps.
  throw NotImplemented("7.2");
  //! [7.2]
}

torch::Tensor keep_top_k(const torch::Tensor& probabilities, std::int64_t k) {
  if (k < 1) throw UsageError(fmt::format("top-k must keep at least one token, not {}", k));
  //! [7.3]
  // Exercise 7.3: Top-k. Read "The k most probable" in README.md, then replace the next line; make hint-7.3 helps.
  // New here: x.topk(k, dim)
  //   does: a `std::tuple` of the k largest values, largest first, and their places; k is at most the size
  throw NotImplemented("7.3");
  //! [7.3]
}

torch::Tensor keep_top_p(const torch::Tensor& probabilities, double p) {
  if (!(p > 0 && p <= 1)) throw UsageError(fmt::format("top-p must be above 0 and at most 1, not {}", p));
  //! [7.4]
  // Exercise 7.4: Top-p. Read "As many as it takes" in README.md, then replace the next line; make hint-7.4 helps.
  // New here: x.sort(dim, descending)
  //   does: a `std::tuple` of the values in order, and the places that they had in `x`
  // New here: torch::zeros_like(x)
  //   does: zeros with the shape, dtype and device of `x`
  // New here: x.scatter(dim, index, source)
  //   does: a copy of `x` with `source[i]` at place `index[i]` along `dim`: the reverse of `gather`
  throw NotImplemented("7.4");
  //! [7.4]
}

std::int64_t draw(const torch::Tensor& probabilities, Random& random) {
  //! [7.5]
  // Exercise 7.5: A draw. Read "A draw" in README.md, then replace the next line; make hint-7.5 helps.
  // New here: x.accessor<double, 1>()
  //   does: reads a one-dimensional CPU tensor of doubles by `[i]`, faster than `item()` for each
  throw NotImplemented("7.5");
  //! [7.5]
}

//! [choose-token]
std::int64_t choose_token(const torch::Tensor& given, const SamplingOptions& options, Random& random) {
  const auto logits = options.change ? options.change(given) : given;
  if (options.greedy) return greedy(logits);
  auto probabilities = temperature_probabilities(logits, options.temperature);
  if (options.top_k) probabilities = keep_top_k(probabilities, *options.top_k);
  if (options.top_p) probabilities = keep_top_p(probabilities, *options.top_p);
  if (options.min_p) probabilities = keep_min_p(probabilities, *options.min_p);
  return draw(probabilities, random);
}
//! [choose-token]

std::int64_t GrowingCache::length() const {
  return keys_.defined() ? keys_.size(2) : 0;
}

std::pair<torch::Tensor, torch::Tensor> GrowingCache::append(const torch::Tensor& key, const torch::Tensor& value) {
  //! [7.6]
  // Exercise 7.6. Read "Keys and values are kept" in README.md, then replace the next line; make hint-7.6 helps.
  throw NotImplemented("7.6");
  //! [7.6]
}

Cache make_cache(std::int64_t layers) {
  Cache cache;
  for (std::int64_t layer = 0; layer < layers; ++layer) cache.push_back(std::make_shared<GrowingCache>());
  return cache;
}

CachedStep plan_cached_step(std::int64_t kept, std::int64_t time, torch::Device device) {
  //! [7.7]
  // Exercise 7.7. Read "Positions and mask with a cache" in README.md, then replace the next line; make hint-7.7 helps.
  throw NotImplemented("7.7");
  //! [7.7]
}

torch::Tensor next_logits(LanguageModel model, const std::vector<std::int64_t>& tokens, Cache* cache) {
  const torch::NoGradGuard no_gradients;
  const auto device = model->token_embedding.device();
  //! [7.8]
  // Exercise 7.8: The cache: a step. Read "One step" in README.md, then replace the next line; make hint-7.8 helps.
  throw NotImplemented("7.8");
  //! [7.8]
}

std::vector<std::int64_t> generate(LanguageModel model, const std::vector<std::int64_t>& prompt, std::int64_t count,
                                   const SamplingOptions& options, Random& random, const TokenListener& listener) {
  if (prompt.empty()) throw UsageError("a text can only be continued from at least one character");
  const EvaluationMode evaluating(*model);
  const auto context = static_cast<std::size_t>(model->context());
  std::vector<std::int64_t> made;
  //! [7.9]
  // Exercise 7.9: The generation loop. Read "The loop" in README.md, then replace the next line; make hint-7.9 helps.
  throw NotImplemented("7.9");
  //! [7.9]
  return made;
}

}  // namespace verse
