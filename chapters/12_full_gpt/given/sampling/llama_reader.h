#pragma once

/// @file
/// A single token through a LlamaGPT at speed.

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "11_modern/given/llama.h"
#include "12_full_gpt/given/cpu/small_rows.h"
#include "12_full_gpt/given/cpu/together.h"

namespace verse {

class BlockCache;

/// Reads one token after the other through a LlamaGPT's layers on the CPU, by loops of our own over its matrices'
/// rows: no operation of LibTorch is asked for, nothing is taken from memory, and threads share rows and heads.
///
/// Equal to LlamaGPTImpl::forward() within rounding, for matrices in float32 and for small ones.
class LlamaReader {
 public:
  /// Whether a model is one for it: on the CPU, with tables and norms in float32.
  static bool reads(LlamaGPTImpl& model);

  /// @param model stays where it is as long as the reader is used @param batch texts that are read side by side
  LlamaReader(LlamaGPTImpl& model, std::int64_t batch);

  /// @param tokens [batch, 1], int64 @param cache one a layer, with room for one more position, which is kept
  /// @return logits [batch, vocabulary], overwritten by the next ones
  torch::Tensor read(const torch::Tensor& tokens, const std::vector<std::shared_ptr<BlockCache>>& cache);

 private:
  struct Matrices {
    RowMatrix query, key, value, output, gate, up, down;
  };

  /// Where a layer's keys and values lie.
  struct Kept {
    float *keys, *values;
    std::int64_t text, head;  ///< numbers from one text, or head, to the next
  };

  /// What a thread needs for itself.
  struct Own {
    std::vector<float> vector, scores;
    RowInput input;
  };

  void through_layer(std::size_t number, const Kept& kept, Worker& worker, Own& own);
  void project(const Matrices& matrices, const LlamaGPTImpl::Layer& layer, Worker& worker, Own& own);
  void turn_and_keep(const LlamaGPTImpl::Layer& layer, const Kept& kept, Worker& worker);
  void attend(const Kept& kept, std::int64_t window, Worker& worker, Own& own);
  void add_product(const RowMatrix& matrix, const torch::Tensor& bias, const std::vector<float>& from, Worker& worker,
                   Own& own);
  void normed(const float* x, const torch::Tensor& gain, std::int64_t count, float* to) const;
  void turn(float* head, const torch::Tensor& gain) const;

  LlamaGPTImpl& model_;
  std::int64_t batch_, heads_, key_heads_, head_dim_;
  std::vector<Matrices> matrices_;
  RowMatrix head_;
  std::vector<float> x_, query_, key_, value_, mixed_, gate_, up_;  ///< [batch, features] each
  std::vector<float> cosines_, sines_;                              ///< [head_dim / 2]: the turns of this position
  std::vector<Kept> kept_;                                          ///< one a layer
  std::vector<Own> own_;                                            ///< one a thread
  std::int64_t place_ = 0;                                          ///< of the token
  torch::Tensor logits_;                                            ///< [batch, vocabulary]
};

}  // namespace verse
