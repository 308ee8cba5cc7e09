#pragma once

/// @file
/// Chapter 4: layer norm, the MLP, residuals, the block, and the whole GPT.

#include <torch/torch.h>

#include <cstdint>
#include <memory>

#include "02_embeddings/embeddings.h"
#include "03_attention/attention.h"
#include "04_blocks/given/language_model.h"
#include "common/projection.h"

namespace verse {

/// Each position's features shifted to mean 0 and scaled to variance 1, then gain and bias. (Exercise 4.1)
/// Ba, Kiros and Hinton 2016, section 3: the variance divides by the number of features, not by one less.
/// @param x [..., width] @param gain, bias [width] @param epsilon added to the variance @return [..., width]
torch::Tensor layer_norm(const torch::Tensor& x, const torch::Tensor& gain, const torch::Tensor& bias,
                         double epsilon = 1e-5);

/// GPT-2's GELU: 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), element by element. (Exercise 4.2)
/// Hendrycks and Gimpel 2016, section 2.
torch::Tensor gelu_tanh(const torch::Tensor& x);

/// The exact GELU, x times the normal distribution's cumulative probability of x. (Exercise 4.2)
torch::Tensor gelu_exact(const torch::Tensor& x);

/// How a GPT is built. The defaults are the talk's model.
struct GPTOptions {
  std::int64_t vocabulary_size = 65;
  std::int64_t context = 256;  ///< positions that the model can read at once
  std::int64_t layers = 6;
  std::int64_t heads = 6;  ///< divides width
  std::int64_t width = 384;
  double dropout = 0.0;
  bool exact_gelu = false;  ///< gelu_exact() in the MLPs instead of gelu_tanh()
  bool fused = false;       ///< LibTorch's fused operations instead of those written out in chapters 3 and 4
  bool initialise = true;   ///< false leaves the parameters unset, for whoever fills them from somewhere else

  ModelShape shape() const { return {vocabulary_size, context, layers, heads, width}; }
};

/// A layer norm with its parameters `weight` (the gain, at first 1) and `bias` (at first 0), each [width].
class LayerNormImpl : public torch::nn::Module {
 public:
  explicit LayerNormImpl(std::int64_t width, bool fused = false);
  torch::Tensor forward(const torch::Tensor& x);  ///< [..., width] to the same shape

  torch::Tensor weight;
  torch::Tensor bias;

 private:
  bool fused_;
};
TORCH_MODULE(LayerNorm);

/// Two projections with a GELU between them, for each position by itself: width to 4 width to width.
/// Modules: `expand` and `contract`.
class MLPImpl : public torch::nn::Module {
 public:
  explicit MLPImpl(const GPTOptions& options);

  /// (Exercise 4.3) @param x [..., width] @return [..., width]
  torch::Tensor forward(const torch::Tensor& x);

  GPTOptions options;
  std::shared_ptr<Projection> expand;
  std::shared_ptr<Projection> contract;
};
TORCH_MODULE(MLP);

/// A pre-norm transformer block: x + attention(norm(x)), then x + mlp(norm(x)).
/// Modules: `attention_norm`, `attention`, `mlp_norm`, `mlp`.
class BlockImpl : public torch::nn::Module {
 public:
  explicit BlockImpl(const GPTOptions& options);

  /// (Exercise 4.4) @param x [batch, time, width] @return [batch, time, width]
  torch::Tensor forward(const torch::Tensor& x, const AttentionExtras& extras = {});

  LayerNorm attention_norm{nullptr};
  CausalSelfAttention attention{nullptr};
  LayerNorm mlp_norm{nullptr};
  MLP mlp{nullptr};
};
TORCH_MODULE(Block);

/// GPT-2 (Radford et al. 2019): token and position embeddings, blocks, a final norm, and a head tied to the token
/// table.
///
/// Parameters: `token_embedding` [vocabulary, width], `position_embedding` [context, width]; modules: `blocks.0` to
/// `blocks.<layers-1>` and `final_norm`. The head has none of its own: it is the token table, read the other way.
class GPTImpl : public LanguageModelImpl {
 public:
  /// Builds the model and, where the options ask for it, gives it its first values; the generator is LibTorch's, seeded
  /// by torch::manual_seed.
  /// @throws UsageError for sizes below 1, a dropout outside [0, 1), or heads that do not divide width.
  explicit GPTImpl(const GPTOptions& options);

  /// Logits for the token after each one. @param tokens [batch, time], int64 @return [batch, time, vocabulary]
  /// With a cache, the tokens come after those it has kept.
  /// @throws UsageError when kept and new tokens together exceed the context.
  torch::Tensor forward(const torch::Tensor& tokens, const ForwardExtras& extras = {}) override;

  /// The same from embeddings, which need not come from tokens: images and sound can be made into vectors too.
  /// @param x [batch, time, width]
  /// @param positions [time] or [batch, time], int64, each below context; undefined adds no position vectors
  /// @return logits [batch, time, vocabulary]
  torch::Tensor forward_embedded(const torch::Tensor& x, const torch::Tensor& positions,
                                 const ForwardExtras& extras = {}) override;

  ModelShape shape() const override { return options.shape(); }

  /// Token vectors plus position vectors, before dropout. (Exercise 4.6)
  /// @param x [batch, time, width] @param positions as in forward_embedded()
  torch::Tensor add_positions(const torch::Tensor& x, const torch::Tensor& positions);

  /// Through every block and the final norm. (Exercise 4.7) @param x [batch, time, width] @return the same shape
  torch::Tensor run_blocks(torch::Tensor x, const ForwardExtras& extras);

  /// Features to logits with the token table. (Exercise 4.8) @param x [..., width] @return [..., vocabulary]
  torch::Tensor head(const torch::Tensor& x);

  /// GPT-2's initialisation: matrices and tables normal with standard deviation 0.02, the two projections of each block that
  /// write into the residual stream with 0.02 / sqrt(2 x layers); biases 0, gains 1. (Exercise 4.5)
  void initialise();

  GPTOptions options;
  torch::Tensor position_embedding;
  torch::nn::ModuleList blocks{nullptr};
  LayerNorm final_norm{nullptr};
};
TORCH_MODULE(GPT);

}  // namespace verse
