#pragma once

/// @file
/// Chapter 4: what any model of text has in common, whatever it is built of. Given, not an exercise.

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "02_embeddings/embeddings.h"
#include "03_attention/attention.h"

namespace verse {

/// The keys and values that every layer keeps while text is generated, the first layer's first.
using Cache = std::vector<std::shared_ptr<LayerCache>>;

/// What a caller may add to a pass through a whole model; all of it optional.
struct ForwardExtras {
  torch::Tensor mask;                             ///< as AttentionExtras::mask, the same in every layer
  Cache* cache = nullptr;                         ///< one entry a layer
  std::vector<torch::Tensor>* weights = nullptr;  ///< receives each layer's [batch, heads, time, keys]
  bool last_only = false;  ///< logits of the last position alone, [batch, 1, vocabulary]: who writes asks for no more
};

/// What a layer's cache keeps of each position: a key and a value of that width, for so many heads.
struct CacheShape {
  std::int64_t heads = 0;
  std::int64_t head_width = 0;
};

/// A model that says what may come after each token of a text. Who trains one, measures it or lets it write asks for
/// nothing else, so that it does not matter which one it is.
class LanguageModelImpl : public torch::nn::Module {
 public:
  /// Logits for the token after each one. @param tokens [batch, time], int64 @return [batch, time, vocabulary]
  /// With a cache, the tokens come after those it has kept.
  /// @throws UsageError when kept and new tokens together exceed the context.
  virtual torch::Tensor forward(const torch::Tensor& tokens, const ForwardExtras& extras = {}) = 0;

  /// The same from embeddings, which need not come from tokens.
  /// @param x [batch, time, width]
  /// @param positions [time] or [batch, time], int64, each below context
  /// @return logits [batch, time, vocabulary]
  virtual torch::Tensor forward_embedded(const torch::Tensor& x, const torch::Tensor& positions,
                                         const ForwardExtras& extras = {}) = 0;

  /// Its sizes.
  virtual ModelShape shape() const = 0;
  std::int64_t context() const { return shape().context; }  ///< positions that it can read at once
  std::int64_t vocabulary() const { return shape().vocabulary_size; }

  /// What its layers keep of a position: all heads share the width, unless the model says otherwise.
  virtual CacheShape cache_shape() const { return {shape().heads, shape().width / shape().heads}; }

  /// All parameters, a shared one once.
  std::int64_t parameter_count() const;

  /// [vocabulary, width]: what tokens are before they go to forward_embedded(). Its device is the model's.
  torch::Tensor token_embedding;

 protected:
  /// The positions of new tokens: those after what the cache has kept. @param tokens [batch, time] @return [time]
  /// @throws UsageError when kept and new tokens together exceed the context.
  torch::Tensor positions_of(const torch::Tensor& tokens, const ForwardExtras& extras) const;
};

/// Holds a language model of any kind, and is made of any holder of one: a GPT can be given where a LanguageModel is
/// asked for. Copies are the same model.
class LanguageModel : public torch::nn::ModuleHolder<LanguageModelImpl> {
 public:
  LanguageModel(std::nullptr_t) : ModuleHolder(nullptr) {}
  template <typename Model>
  LanguageModel(const torch::nn::ModuleHolder<Model>& model)
      : ModuleHolder(std::shared_ptr<LanguageModelImpl>(model.is_empty() ? nullptr : model.ptr())) {}
};

/// Puts a module into evaluation mode, dropout off, for as long as the guard lives; then it is in the mode it was in,
/// also where an exception ended the block.
class EvaluationMode {
 public:
  explicit EvaluationMode(torch::nn::Module& module) : module_(module), was_training_(module.is_training()) {
    module_.eval();
  }
  ~EvaluationMode() { module_.train(was_training_); }
  EvaluationMode(const EvaluationMode&) = delete;
  EvaluationMode& operator=(const EvaluationMode&) = delete;

 private:
  torch::nn::Module& module_;
  bool was_training_;
};

}  // namespace verse
