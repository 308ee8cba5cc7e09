#pragma once

/// @file
/// Chapter 11: the models that the world uses, in one class: Llama, Mistral, Qwen2 and Qwen3.

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "04_blocks/given/language_model.h"
#include "05_training/given/checkpoint.h"
#include "11_modern/given/small_matrix.h"
#include "11_modern/parts.h"
#include "common/base/json.h"
#include "common/safetensors.h"

namespace verse {

/// The families that LlamaGPT computes. They differ in defaults, biases and norms of queries and keys.
enum class LlamaFamily { llama, mistral, qwen2, qwen3 };

/// How a LlamaGPT is built, by Hugging Face's names. The defaults are a small Llama's.
struct LlamaOptions {
  LlamaFamily family = LlamaFamily::llama;
  std::int64_t vocab_size = 65;
  std::int64_t hidden_size = 384;         ///< features of a position
  std::int64_t intermediate_size = 1024;  ///< features inside the MLP
  std::int64_t num_hidden_layers = 6;
  std::int64_t num_attention_heads = 6;
  std::int64_t num_key_value_heads = 2;  ///< divides num_attention_heads
  std::int64_t head_dim = 64;            ///< even; need not be hidden_size / num_attention_heads
  std::int64_t max_position_embeddings = 256;
  double rms_norm_eps = 1e-6;
  double rope_theta = 10000.0;
  RotaryScaling rope_scaling;
  bool tie_word_embeddings = false;    ///< the head is the token table
  bool attention_bias = false;         ///< of queries, keys, values and the output; a Qwen2 has the first three always
  std::int64_t sliding_window = 0;     ///< positions that a query sees in the layers that slide; 0 where none does
  std::int64_t max_window_layers = 0;  ///< the first layer that slides
  std::vector<bool> sliding_layers;    ///< which layers slide, where they are named one by one
  double attention_dropout = 0;        ///< of attention weights, in training
  std::optional<std::int64_t> bos_token_id;  ///< kept for who reads the model after us
  std::vector<std::int64_t> eos_token_id;    ///< tokens that end a text
  bool fused = true;                         ///< LibTorch's kernel for attention, where nobody asks for its weights

  bool query_bias() const { return attention_bias || family == LlamaFamily::qwen2; }
  bool query_norm() const { return family == LlamaFamily::qwen3; }

  /// The positions that a query sees in a layer; 0 for all before it.
  std::int64_t window_of(std::int64_t layer) const;
};

/// The name and shape of every tensor that a model of these options has, as Hugging Face has them: matrices are [out,
/// in].
std::map<std::string, std::vector<std::int64_t>> llama_shapes(const LlamaOptions& options);

/// How many numbers those are.
std::int64_t llama_parameters(const LlamaOptions& options);

/// Multiplications and additions of a training step a token, counted as chapter 12 counts a GPT's: those of matrix
/// products. @param context positions of a window
double llama_training_operations(const LlamaOptions& options, std::int64_t context);

/// Compares every tensor's name and shape with llama_shapes(), before a model is built: a configuration may ask for
/// more memory than there is. @throws UsageError that names the first difference
void check_llama_shapes(const LlamaOptions& options, const NamedTensors& tensors);

/// Reads Hugging Face's configuration of one of the four families, whose entries may be left out; rotary positions in
/// the form of transformers 4 (`rope_theta`, `rope_scaling`) and of 5 (`rope_parameters`).
/// @throws UsageError that names the entry, for what LlamaGPT does not compute
LlamaOptions read_llama_config(const JsonEntry& config);

/// Whether a configuration names one of the four families as its `model_type`.
bool is_llama_config(const JsonEntry& config);

/// The same as such a configuration, which transformers 4 and 5 read.
Json llama_config(const LlamaOptions& options);

/// A language model of the parts that came after GPT-2: RMSNorm, rotary positions, SwiGLU, heads that share keys and
/// values, and a head of its own where it is not tied. What trains a GPT, evaluates it or lets it speak does the same
/// with this one.
///
/// Parameters have Hugging Face's names: `model.embed_tokens.weight`, `model.layers.N.self_attn.q_proj.weight` and so
/// on; llama_shapes() lists them.
class LlamaGPTImpl : public LanguageModelImpl {
 public:
  /// A new model: matrices and tables normal with standard deviation 0.02, gains 1, biases 0.
  /// @throws UsageError for sizes that do not fit together
  explicit LlamaGPTImpl(const LlamaOptions& options);

  /// The model of these tensors, which are not copied. @throws UsageError that names the first one that is missing,
  /// superfluous, or of another shape than the options ask for; before anything is built
  LlamaGPTImpl(const LlamaOptions& options, const NamedTensors& tensors);

  torch::Tensor forward(const torch::Tensor& tokens, const ForwardExtras& extras = {}) override;

  /// @param positions [time]: they turn the heads. Who may look at whom is decided by the order of what is read, those
  /// in the cache first. @throws UsageError for positions of another kind
  torch::Tensor forward_embedded(const torch::Tensor& x, const torch::Tensor& positions,
                                 const ForwardExtras& extras = {}) override;

  ModelShape shape() const override;
  CacheShape cache_shape() const override { return {options.num_key_value_heads, options.head_dim}; }

  /// Lets the model read at most so many positions at once, at least 1: its context is then the smaller of that and
  /// max_position_embeddings. A model that was made for 100,000 can be trained on windows of 500.
  void read_at_most(std::int64_t positions);

  /// Keeps the matrices of all layers, and the head, in numbers of fewer bits. Norms, biases and the token table stay
  /// as they are: of the table, a token reads one row. A tied head becomes a small copy of it. The model is then for
  /// reading and writing text, on the CPU; it can be neither trained nor saved.
  void shrink(WeightKind kind);

  LlamaOptions options;

  /// What a layer has. Biases and norms that the family does without are undefined.
  struct Layer {
    torch::Tensor input_norm, query_bias, key_bias, value_bias, output_bias, query_norm, key_norm, mlp_norm;
    ModelMatrix query, key, value, output, gate, up, down;
  };

  /// For whoever computes the same in another form.
  const std::vector<Layer>& layers() const { return layers_; }
  const torch::Tensor& final_norm() const { return final_norm_; }
  const ModelMatrix& head() const { return head_; }
  const std::vector<double>& frequencies() const { return frequencies_; }  ///< rotary, [head_dim / 2]

 private:
  /// Where a parameter's values come from. @param name Hugging Face's
  using Source = std::function<torch::Tensor(const std::string& name, const std::vector<std::int64_t>& shape)>;
  void build(const Source& source);
  torch::Tensor attend(const Layer& layer, std::int64_t number, const torch::Tensor& x, const torch::Tensor& angles,
                       const AttentionExtras& extras) const;
  torch::Tensor mix(const torch::Tensor& query, const torch::Tensor& key, const torch::Tensor& value,
                    const torch::Tensor& given_mask, std::int64_t window, torch::Tensor* weights) const;

  std::vector<Layer> layers_;
  torch::Tensor final_norm_;
  ModelMatrix head_;                 ///< may be the token table
  std::vector<double> frequencies_;  ///< of the rotary positions, [head_dim / 2]
  std::int64_t at_most_;
};
TORCH_MODULE(LlamaGPT);

/// What a LlamaGPT's folder says, as Hugging Face has it. Parameters as of chapter 5's files_of().
ModelFiles files_of(LlamaGPTImpl& model, const std::string& tokenizer_file,
                    const std::map<std::string, std::string>& notes = {});

/// Writes that folder, in float32: `model.safetensors`, `config.json` and `tokenizer.json`, each by rename, the model
/// last.
void save_llama(const std::filesystem::path& folder, LlamaGPTImpl& model, const std::string& tokenizer_file,
                const std::map<std::string, std::string>& notes = {});

/// The same of a model's tensors, of any floating-point type, before there is a model.
void save_llama(const std::filesystem::path& folder, const LlamaOptions& options, const NamedTensors& tensors,
                const std::string& tokenizer_file, const std::map<std::string, std::string>& notes = {});

/// Reads what save_llama() wrote, without a copy: the weights are read where they lie, see map_tensors(). The model is
/// on the CPU, in float32 and in evaluation mode.
/// @throws UsageError for a folder that is missing, incomplete, cut short or altered
LlamaGPT load_llama(const std::filesystem::path& folder, bool fused = true);

}  // namespace verse
