#include "07_sampling/sampling.h"

#include <fmt/core.h>

#include <algorithm>

#include "02_embeddings/embeddings.h"
#include "07_sampling/steering.h"
#include "common/base/error.h"

namespace verse {

std::int64_t greedy(const torch::Tensor& logits) {
  //! [7.1]
  // Of equal scores, argmax() takes the first: the same text on every machine.
  return logits.argmax().item<std::int64_t>();
  //! [7.1]
}

torch::Tensor temperature_probabilities(const torch::Tensor& logits, double temperature) {
  if (!(temperature > 0)) throw UsageError(fmt::format("a temperature must be above 0, not {}", temperature));
  //! [7.2]
  // Dividing scores by t raises probabilities to the power 1/t before they are shared out again.
  return softmax(logits.to(torch::kCPU, torch::kFloat64) / temperature);
  //! [7.2]
}

torch::Tensor keep_top_k(const torch::Tensor& probabilities, std::int64_t k) {
  if (k < 1) throw UsageError(fmt::format("top-k must keep at least one token, not {}", k));
  //! [7.3]
  // What is as probable as the k-th stays; asking for its position instead would cut ties by the order of tokens.
  const auto largest = std::get<0>(probabilities.topk(std::min(k, probabilities.size(0))));
  const auto kept = torch::where(probabilities >= largest[-1], probabilities, 0.0);

  // The rest is shared out in proportion, so that the sum is 1 again.
  return kept / kept.sum();
  //! [7.3]
}

torch::Tensor keep_top_p(const torch::Tensor& probabilities, double p) {
  if (!(p > 0 && p <= 1)) throw UsageError(fmt::format("top-p must be above 0 and at most 1, not {}", p));
  //! [7.4]
  // From the most probable down, a token stays while those before it have not reached p: so the one that crosses stays.
  const auto [sorted, order] = probabilities.sort(/*stable=*/true, /*dim=*/0, /*descending=*/true);
  const auto before = sorted.cumsum(0) - sorted;
  const auto kept_sorted = torch::where(before < p, sorted, 0.0);

  // Each goes back to its place in the vocabulary, and the sum becomes 1 again.
  const auto kept = torch::zeros_like(probabilities).scatter(0, order, kept_sorted);
  return kept / kept.sum();
  //! [7.4]
}

std::int64_t draw(const torch::Tensor& probabilities, Random& random) {
  //! [7.5]
  // A uniform number falls into one of the stretches that the probabilities cut [0, 1) into.
  const double place = random.uniform();
  const auto stretches = probabilities.accessor<double, 1>();
  double end = 0;
  std::int64_t last_possible = 0;
  for (std::int64_t token = 0; token < stretches.size(0); ++token) {
    end += stretches[token];
    if (place < end) return token;
    if (stretches[token] > 0) last_possible = token;
  }

  // Rounding can leave the sum a hair below 1 and the place beyond it.
  return last_possible;
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
  // Time is dimension 2. An undefined tensor cannot be joined to: the first keys and values are all there are.
  keys_ = keys_.defined() ? torch::cat({keys_, key}, 2) : key;
  values_ = values_.defined() ? torch::cat({values_, value}, 2) : value;
  return {keys_, values_};
  //! [7.6]
}

Cache make_cache(std::int64_t layers) {
  Cache cache;
  for (std::int64_t layer = 0; layer < layers; ++layer) cache.push_back(std::make_shared<GrowingCache>());
  return cache;
}

CachedStep plan_cached_step(std::int64_t kept, std::int64_t time, torch::Device device) {
  //! [7.7]
  // The new tokens stand after those already read, whose keys are numbered from 0.
  const auto positions = torch::arange(kept, kept + time, torch::dtype(torch::kInt64).device(device));  // [time]
  const auto keys = torch::arange(kept + time, positions.options());                                    // [keys]

  // Each may look at every key up to its own position: at all of the kept ones, and at new ones not after itself.
  return {positions, keys.unsqueeze(0) <= positions.unsqueeze(1)};
  //! [7.7]
}

torch::Tensor next_logits(LanguageModel model, const std::vector<std::int64_t>& tokens, Cache* cache) {
  const torch::NoGradGuard no_gradients;
  const auto device = model->token_embedding.device();
  //! [7.8]
  // What is not kept is read here. Chapter 4's forward() plans the step: it goes on where the cache ends.
  const auto input = torch::tensor(tokens, torch::kInt64).to(device).unsqueeze(0);  // [1, time]
  ForwardExtras extras;
  extras.cache = cache;

  // Every position has a prediction, but only the last one's is about a token that is not there yet.
  extras.last_only = true;
  const auto logits = model->forward(input, extras);  // [1, 1, vocabulary]
  return logits[0][-1];
  //! [7.8]
}

std::vector<std::int64_t> generate(LanguageModel model, const std::vector<std::int64_t>& prompt, std::int64_t count,
                                   const SamplingOptions& options, Random& random, const TokenListener& listener) {
  if (prompt.empty()) throw UsageError("a text can only be continued from at least one character");
  const EvaluationMode evaluating(*model);
  const auto context = static_cast<std::size_t>(model->context());
  std::vector<std::int64_t> made;
  //! [7.9]
  std::vector<std::int64_t> unread = prompt;
  std::vector<std::int64_t> window;  // what the model sees: everything read since the context was last full
  Cache cache = make_cache(model->shape().layers);
  while (static_cast<std::int64_t>(made.size()) < count) {
    // Positions are learned for one context only. When it is full, its last half is read again from position 0.
    window.insert(window.end(), unread.begin(), unread.end());
    if (window.size() > context) {
      window.erase(window.begin(), window.end() - static_cast<std::ptrdiff_t>(std::max<std::size_t>(context / 2, 1)));
      unread = window;
      cache = make_cache(model->shape().layers);
    }

    // A cached model reads only what is new, an uncached one the whole window.
    const auto logits =
        options.cached ? next_logits(model, unread, &cache) : next_logits(model, window, /*cache=*/nullptr);
    made.push_back(choose_token(logits, options, random));
    unread = {made.back()};
    if (listener && !listener(made.back())) break;
  }
  //! [7.9]
  return made;
}

}  // namespace verse
