#pragma once

/// @file
/// Chapter 11: a GPT of newer parts, for `train --preset speedrun`.

#include <torch/torch.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "04_blocks/blocks.h"
#include "05_training/given/checkpoint.h"
#include "05_training/training.h"
#include "11_modern/modern.h"

namespace verse {

/// The parts in which ModernGPT differs from chapter 4's GPT. Each can be left out, to see what it is worth; chapter
/// 4's then takes its place.
enum class Part {
  token_shift,   ///< what a layer reads of each position, it also reads of the one before, by a learned share
  rotary,        ///< positions as turns of queries and keys, instead of a table that is added
  qk_norm,       ///< queries and keys normed before they meet
  squared_relu,  ///< max(0, x)^2 instead of GELU
  zero_outputs,  ///< projections into the stream, and the head, begin at 0
  own_head,      ///< a head of its own, instead of the token table read the other way
  muon           ///< Muon for the matrices, instead of AdamW for everything
};

/// All parts, with the names that `--without` takes: token-shift, rotary, qk-norm, ...
const std::vector<std::pair<Part, std::string>>& part_names();

/// The part of that name. @throws UsageError that lists the names.
Part part_named(const std::string& name);
const std::string& name_of(Part part);

/// Each vector with a share of the one before it: x[t] + share * x[t - 1]. (Token shift; Peng et al. 2023, RWKV,
/// section 3.1, in another form.)
/// @param x [batch, time, width] @param share [width] @param before [batch, 1, width], what stood before the first;
/// undefined means nothing
torch::Tensor shift_in(const torch::Tensor& x, const torch::Tensor& share, const torch::Tensor& before = {});

/// The same from the beginning of a text, in fewer passes over memory.
torch::Tensor shift_in_fused(const torch::Tensor& x, const torch::Tensor& share);

/// max(0, x)^2 in fewer passes over memory (So et al. 2021, "Primer").
torch::Tensor squared_relu(const torch::Tensor& x);

/// What a layer of a ModernGPT keeps of the positions that it has read: keys and values, which another cache holds for
/// it, and the vectors of the last position, of which token shift takes a share.
class ShiftCache : public LayerCache {
 public:
  explicit ShiftCache(std::shared_ptr<LayerCache> keys_and_values) : inner_(std::move(keys_and_values)) {}

  std::int64_t length() const override { return inner_->length(); }
  std::pair<torch::Tensor, torch::Tensor> append(const torch::Tensor& key, const torch::Tensor& value) override {
    return inner_->append(key, value);
  }

  torch::Tensor before_attention, before_mlp;  ///< [batch, 1, width]; they mean nothing while length() is 0

 private:
  std::shared_ptr<LayerCache> inner_;
};

/// A language model whose parts are newer than GPT-2's. What trains a GPT, evaluates it or lets it speak does the same
/// with this one.
///
/// Norms have neither gain nor bias, projections no bias. Parameters: `token_embedding` and `own_head`
/// [vocabulary, width]; in each of `layers.N`: `query_key_value` [3, width, width], `output` [width, width], `expand`
/// [4 width, width], `contract` [width, 4 width], `attention_shift` and `mlp_shift` [width]; without rotary positions
/// also `position_embedding` [context, width]. `options.fused` chooses between the fast form and the one that is
/// spelled out.
class ModernGPTImpl : public LanguageModelImpl {
 public:
  /// @param without parts that are left out
  /// @throws UsageError for heads that do not divide the width, or heads of an odd number of features.
  explicit ModernGPTImpl(const GPTOptions& options, std::set<Part> without = {});

  torch::Tensor forward(const torch::Tensor& tokens, const ForwardExtras& extras = {}) override;

  /// As GPTImpl's, but that positions turn the heads: they have to be given, [time]. With token shift, each entry of a
  /// cache that is empty yet is put into a ShiftCache.
  /// @throws UsageError for positions of another kind
  torch::Tensor forward_embedded(const torch::Tensor& x, const torch::Tensor& positions,
                                 const ForwardExtras& extras = {}) override;

  ModelShape shape() const override { return options.shape(); }
  bool has(Part part) const { return without_.count(part) == 0; }
  const std::set<Part>& without() const { return without_; }

  /// What Muon moves: the matrices inside the layers. Everything else is AdamW's.
  std::vector<torch::Tensor> matrices() const;
  std::vector<torch::Tensor> tables() const;  ///< of tokens, and of positions where there is one
  std::vector<torch::Tensor> shifts() const;  ///< the shares of token shift

  GPTOptions options;
  torch::Tensor own_head;            ///< where it is there
  torch::Tensor position_embedding;  ///< where there are no turns

 private:
  struct Layer {
    torch::Tensor query_key_value, output, expand, contract;
    torch::Tensor attention_shift, mlp_shift;
  };

  torch::Tensor attend(const Layer& layer, const torch::Tensor& x, const torch::Tensor& positions,
                       const torch::Tensor& turns, const AttentionExtras& extras) const;
  torch::Tensor think(const Layer& layer, const torch::Tensor& x) const;
  torch::Tensor norm(const torch::Tensor& x) const;

  std::set<Part> without_;
  std::vector<Layer> layers_;
};
TORCH_MODULE(ModernGPT);

/// Makes an AdamW for some parameters: chapter 5's here, a faster one in the last chapter.
using MakeAdamW =
    std::function<std::unique_ptr<Optimizer>(std::vector<torch::Tensor> parameters, const AdamWOptions& options)>;

/// Chapter 5's AdamW, as MakeAdamW wants it.
std::unique_ptr<Optimizer> plain_adamw(std::vector<torch::Tensor> parameters, const AdamWOptions& options);

/// The optimizer that goes with a ModernGPT: Muon for its matrices and AdamW for the rest, or AdamW for all.
/// @param settings AdamW's @param make_adamw makes each AdamW
std::unique_ptr<Optimizer> modern_optimizer(ModernGPTImpl& model, const AdamWOptions& settings,
                                            const MakeAdamW& make_adamw = plain_adamw);

/// The learning rate of a run that stays at its peak and then falls in a straight line to its minimum at the end.
/// @param falling share of the steps in which it falls
double falling_learning_rate(std::int64_t step, const Schedule& schedule, double falling);

/// What a ModernGPT's folder says (config.json has another model_type than GPT-2's). Parameters as of chapter 5's.
ModelFiles files_of(ModernGPTImpl& model, const std::string& tokenizer_file,
                    const std::map<std::string, std::string>& notes = {});

/// What the folder of a GPT, a ModernGPT or a LlamaGPT says, each in its own format. The tensors can be the model's own
/// memory, which changes when it learns.
/// @throws std::invalid_argument for a model of another kind
ModelFiles files_of_any(LanguageModelImpl& model, const std::string& tokenizer_file,
                        const std::map<std::string, std::string>& notes = {});

/// Writes `model.safetensors`, `config.json` and `tokenizer.json` of such a model. @throws as files_of_any() and
/// save_files()
void save_any_model(const std::filesystem::path& folder, LanguageModelImpl& model, const std::string& tokenizer_file,
                    const std::map<std::string, std::string>& notes = {});

/// Reads the model of any run folder: as load_gpt() where it is a GPT-2, a ModernGPT or a LlamaGPT where
/// config.json says so.
/// @throws UsageError as load_gpt()
LanguageModel load_any_gpt(const std::filesystem::path& folder, bool fused = true);

}  // namespace verse
