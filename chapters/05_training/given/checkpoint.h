#pragma once

/// @file
/// Chapter 5: a trained model on disk. Given, not an exercise.

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "01_tokenizer/tokenizer.h"
#include "04_blocks/blocks.h"

namespace verse {

/// What a model's folder is to say.
struct ModelFiles {
  std::string config;                                          ///< config.json
  std::string tokenizer_file;                                  ///< tokenizer.json
  std::vector<std::pair<std::string, torch::Tensor>> tensors;  ///< model.safetensors, which has them in float32
  std::map<std::string, std::string> metadata;                 ///< what else model.safetensors tells
};

/// Writes a model's folder, each file by rename and the weights last. Their metadata keep a digest of both files that
/// tell how they are to be read, so that a configuration from elsewhere, or a tokenizer with one character altered, is
/// noticed.
/// @throws UsageError where there is no room
void save_files(const std::filesystem::path& folder, const ModelFiles& files);

/// Whether weights may be without that digest: somebody else's are.
enum class Companions { required, optional };

/// Compares the digest in the metadata of weights with both files beside them. @param config what config.json says
/// @throws UsageError where they differ
void check_companions(const std::map<std::string, std::string>& metadata, const std::filesystem::path& folder,
                      const std::string& config, Companions companions);

/// A model with the tokenizer that it was trained with.
struct TrainedModel {
  GPT model{nullptr};
  Tokenizer tokenizer;
};

/// The model's parameters by GPT-2's names and in its layout (`h.0.attn.c_attn.weight` [width, 3 width] and so on;
/// linear weights transposed, as its Conv1D has them; the tied head left out), so that Hugging Face's GPT2LMHeadModel
/// reads them.
std::vector<std::pair<std::string, torch::Tensor>> gpt2_tensors(GPTImpl& model);

/// Copies tensors with GPT-2's names into the model. @throws UsageError that names what is missing, superfluous or of
/// another shape.
void load_gpt2_tensors(GPTImpl& model, const std::vector<std::pair<std::string, torch::Tensor>>& tensors);

/// What a config.json of save_model() says. @param text the file's @param place its name, for messages
/// @throws UsageError for what is damaged, or asks for something that chapter 4's GPT does not compute
GPTOptions read_config(std::string_view text, const std::string& place);

/// Compares every tensor's name and shape with what a model of these sizes has, before one is built: a configuration
/// may ask for more memory than there is. @throws UsageError that names the first difference
void check_gpt2_shapes(const GPTOptions& options, const std::vector<std::pair<std::string, torch::Tensor>>& tensors);

/// What a folder may be that is no run, where people often name it for one: the end of a message, such as "; there is
/// one in it, runs/demo". Empty where nothing is known.
std::string folder_hint(const std::filesystem::path& folder);

/// What a GPT's folder says. The tensors can be the model's own memory, which changes when it learns.
/// @param tokenizer_file the text of tokenizer.json, see tokenizer_text()
/// @param notes kept with the tensors, in their file's metadata
ModelFiles files_of(GPTImpl& model, const std::string& tokenizer_file,
                    const std::map<std::string, std::string>& notes = {});

/// Writes `model.safetensors`, `config.json` and `tokenizer.json` into a folder, each by rename, the model last.
void save_model(const std::filesystem::path& folder, GPTImpl& model, const Tokenizer& tokenizer);

/// The same beside a tokenizer.json of another kind. Parameters as files_of() has them.
void save_model(const std::filesystem::path& folder, GPTImpl& model, const std::string& tokenizer_file,
                const std::map<std::string, std::string>& notes = {});

/// Reads what save_model() wrote; the model is on the CPU and in evaluation mode. @throws UsageError for a folder that
/// is missing, incomplete, cut short or altered.
/// @param fused as GPTOptions::fused: how the model is to compute is the reader's choice, not the file's
TrainedModel load_model(const std::filesystem::path& folder, bool fused = true);

/// The model alone, whatever kind of tokenizer lies beside it. @throws UsageError as load_model()
GPT load_gpt(const std::filesystem::path& folder, bool fused = true);

/// The text of tokenizer.json for a tokenizer of characters, in the format of Hugging Face's `tokenizers`.
std::string tokenizer_text(const Tokenizer& tokenizer);

/// The tokenizer that such a text describes. @param place the file's name, for messages
/// @throws UsageError for what is damaged, or not of characters.
Tokenizer read_tokenizer(const std::filesystem::path& place, const std::string& content);

}  // namespace verse
