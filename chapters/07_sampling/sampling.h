#pragma once

/// @file
/// Chapter 7: from scores to text, one token at a time.

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "04_blocks/blocks.h"
#include "common/base/random.h"

namespace verse {

/// The most probable token; of several, the smallest. (Exercise 7.1) @param logits [vocabulary]
std::int64_t greedy(const torch::Tensor& logits);

/// Softmax of logits / temperature, in float64. (Exercise 7.2)
/// @param logits [vocabulary], on any device @param temperature above 0: below 1 sharpens, above 1 flattens
/// @return [vocabulary], float64, on the CPU, where the next token is drawn; sums to 1
torch::Tensor temperature_probabilities(const torch::Tensor& logits, double temperature);

/// Keeps the k most probable tokens and shares their total out again. (Exercise 7.3) Fan, Lewis and Dauphin 2018,
/// section 5. Tokens that tie with the k-th stay too, so that the result does not depend on the order of the
/// vocabulary. A k above the size of the vocabulary keeps every token.
/// @param probabilities [vocabulary]; stays as it is
torch::Tensor keep_top_k(const torch::Tensor& probabilities, std::int64_t k);

/// Keeps the smallest set of most probable tokens whose total reaches p, the one that crosses it included.
/// (Exercise 7.4) Holtzman et al. 2020, section 3.1 ("nucleus sampling").
torch::Tensor keep_top_p(const torch::Tensor& probabilities, double p);

/// Draws a token: the first whose cumulative probability exceeds a uniform number. (Exercise 7.5)
/// @param probabilities [vocabulary], float64, on the CPU
std::int64_t draw(const torch::Tensor& probabilities, Random& random);

/// What is done to logits before a token is chosen from them, [vocabulary] to [vocabulary].
using LogitChange = std::function<torch::Tensor(const torch::Tensor& logits)>;

/// How to choose the next token.
struct SamplingOptions {
  double temperature = 0.7;
  std::optional<std::int64_t> top_k;
  std::optional<double> top_p;
  bool greedy = false;
  bool cached = true;  ///< keep keys and values instead of reading the context again for each token
  std::optional<double> min_p;
  LogitChange change;  ///< comes first: penalties, biases, a grammar (given/steered.h); none where it is empty
};

/// The next token by the options: first `change`, then greedy, or temperature, top-k, top-p, min-p and a draw. Given,
/// not an exercise.
std::int64_t choose_token(const torch::Tensor& logits, const SamplingOptions& options, Random& random);

/// Hears each new token as it comes; returns false to stop.
using TokenListener = std::function<bool(std::int64_t)>;

/// Continues the prompt by `count` tokens. (Exercise 7.9)
///
/// The window is what the model sees: the prompt, and each new token behind it. When the window, the newest token
/// included, has more tokens than the context, its last `context / 2` (at least one) are kept and read again from
/// position 0, with and without a cache alike, so that both give one text. A prompt that is longer than the context is
/// cut in the same way.
/// @param prompt at least one token @param listener hears each new token; with the token after which it returns false,
/// which is still part of the result, the text ends
/// @return the new tokens
std::vector<std::int64_t> generate(LanguageModel model, const std::vector<std::int64_t>& prompt, std::int64_t count,
                                   const SamplingOptions& options, Random& random, const TokenListener& listener = {});

/// A cache that grows by joining tensors. (Exercise 7.6)
class GrowingCache : public LayerCache {
 public:
  std::int64_t length() const override;
  std::pair<torch::Tensor, torch::Tensor> append(const torch::Tensor& key, const torch::Tensor& value) override;

 private:
  torch::Tensor keys_;  ///< [batch, heads, length, head_width]
  torch::Tensor values_;
};

/// One empty growing cache a layer.
Cache make_cache(std::int64_t layers);

/// The positions and the mask of `time` new tokens after `kept` earlier ones. (Exercise 7.7)
struct CachedStep {
  torch::Tensor positions;  ///< [time], int64: kept, kept + 1, ...
  torch::Tensor mask;       ///< [time, kept + time], bool
};
CachedStep plan_cached_step(std::int64_t kept, std::int64_t time, torch::Device device = torch::kCPU);

/// The logits after the last of the new tokens, reading them through the cache. (Exercise 7.8)
/// @param tokens the new ones only, at least one @return [vocabulary]
torch::Tensor next_logits(LanguageModel model, const std::vector<std::int64_t>& tokens, Cache* cache);

}  // namespace verse
