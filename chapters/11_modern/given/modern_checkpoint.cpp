#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "05_training/given/checkpoint.h"
#include "11_modern/given/llama.h"
#include "11_modern/given/modern_gpt.h"
#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/json.h"
#include "common/safetensors.h"

namespace verse {

namespace {

constexpr const char* kModelType = "chapter-and-verse";

Json config_of(const ModernGPTImpl& model) {
  const GPTOptions& options = model.options;
  Json without = Json::array();
  for (const auto& [part, name] : part_names()) {
    if (!model.has(part)) without.push_back(name);
  }
  return {
      {"model_type", kModelType},       {"vocab_size", options.vocabulary_size},
      {"n_positions", options.context}, {"n_embd", options.width},
      {"n_layer", options.layers},      {"n_head", options.heads},
      {"dropout", options.dropout},     {"without", without},
      {"torch_dtype", "float32"},
  };
}

/// The shape of every parameter that a model of these sizes and parts has, by its name.
std::map<std::string, std::vector<std::int64_t>> shapes_of(const GPTOptions& options, const std::set<Part>& without) {
  const auto has = [&without](Part part) { return without.count(part) == 0; };
  const std::int64_t width = options.width;
  std::map<std::string, std::vector<std::int64_t>> shapes = {{"token_embedding", {options.vocabulary_size, width}}};
  if (has(Part::own_head)) shapes["own_head"] = {options.vocabulary_size, width};
  if (!has(Part::rotary)) shapes["position_embedding"] = {options.context, width};
  for (std::int64_t layer = 0; layer < options.layers; ++layer) {
    const std::string name = fmt::format("layers.{}.", layer);
    shapes[name + "query_key_value"] = {3, width, width};
    shapes[name + "output"] = {width, width};
    shapes[name + "expand"] = {4 * width, width};
    shapes[name + "contract"] = {width, 4 * width};
    if (!has(Part::token_shift)) continue;
    shapes[name + "attention_shift"] = {width};
    shapes[name + "mlp_shift"] = {width};
  }
  return shapes;
}

/// Compares every tensor with what the configuration asks for, before a model of that size is built: it may ask for
/// more memory than there is.
void check_shapes(const GPTOptions& options, const std::set<Part>& without, const NamedTensors& tensors) {
  // A layer has at least four tensors.
  if (4 * options.layers > static_cast<std::int64_t>(tensors.size())) {
    throw UsageError(fmt::format("{} tensors are too few for config.json's {} layers", tensors.size(), options.layers));
  }
  const std::map<std::string, torch::Tensor> given(tensors.begin(), tensors.end());
  const auto shapes = shapes_of(options, without);
  for (const auto& [name, shape] : shapes) {
    const auto found = given.find(name);
    if (found == given.end()) throw UsageError(fmt::format("the tensor {} is missing", name));
    if (!found->second.sizes().equals(shape)) {
      throw UsageError(fmt::format("the tensor {} is [{}], but config.json asks for [{}]", name,
                                   fmt::join(found->second.sizes(), ", "), fmt::join(shape, ", ")));
    }
  }
  if (given.size() != shapes.size()) {
    throw UsageError(fmt::format("{} tensors, but the model has {}", given.size(), shapes.size()));
  }
}

ModernGPT build(const JsonEntry& config, bool fused, const NamedTensors& tensors) {
  constexpr std::int64_t kMostOfAny = 1'000'000;  // a damaged file may ask for more memory than there is
  GPTOptions options;
  options.vocabulary_size = config.at("vocab_size").whole(1, kMostOfAny);
  options.context = config.at("n_positions").whole(1, kMostOfAny);
  options.width = config.at("n_embd").whole(1, kMostOfAny);
  options.layers = config.at("n_layer").whole(1, kMostOfAny);
  options.heads = config.at("n_head").whole(1, kMostOfAny);
  options.dropout = config.at("dropout").number(0, 1);
  options.fused = fused;
  std::set<Part> without;
  for (const JsonEntry& name : config.at("without").list()) without.insert(part_named(name.text()));
  check_shapes(options, without, tensors);
  refuse_non_numbers(tensors);
  // Every parameter comes from the file: first values would be drawn for nothing.
  auto unset = options;
  unset.initialise = false;
  ModernGPT model(unset, without);
  model->options = options;
  return model;
}

/// Fills every parameter.
void fill(ModernGPTImpl& model, const NamedTensors& tensors) {
  const std::map<std::string, torch::Tensor> given(tensors.begin(), tensors.end());
  const auto parameters = model.named_parameters();
  if (given.size() != parameters.size()) {
    throw UsageError(fmt::format("{} tensors, but the model has {}", given.size(), parameters.size()));
  }
  for (const auto& parameter : parameters) {
    const auto found = given.find(parameter.key());
    if (found == given.end()) throw UsageError(fmt::format("the tensor {} is missing", parameter.key()));
    if (!found->second.sizes().equals(parameter.value().sizes())) {
      throw UsageError(fmt::format("the tensor {} has another shape than config.json asks for", parameter.key()));
    }
  }
  const torch::NoGradGuard no_gradients;
  for (auto parameter : model.named_parameters()) parameter.value().copy_(given.at(parameter.key()));
}

}  // namespace

Part part_named(const std::string& name) {
  std::vector<std::string> names;
  for (const auto& [part, known] : part_names()) {
    if (known == name) return part;
    names.push_back(known);
  }
  throw UsageError(fmt::format("there is no part \"{}\"; there are {}", name, fmt::join(names, ", ")));
}

const std::string& name_of(Part part) {
  return std::find_if(part_names().begin(), part_names().end(),
                      [part](const auto& entry) { return entry.first == part; })
      ->second;
}

ModelFiles files_of(ModernGPTImpl& model, const std::string& tokenizer_file,
                    const std::map<std::string, std::string>& notes) {
  ModelFiles files{json_text(config_of(model), 2) + "\n", tokenizer_file, {}, notes};
  for (const auto& parameter : model.named_parameters()) {
    files.tensors.emplace_back(parameter.key(), parameter.value().detach());
  }
  return files;
}

ModelFiles files_of_any(LanguageModelImpl& model, const std::string& tokenizer_file,
                        const std::map<std::string, std::string>& notes) {
  if (auto* modern = dynamic_cast<ModernGPTImpl*>(&model)) return files_of(*modern, tokenizer_file, notes);
  if (auto* llama = dynamic_cast<LlamaGPTImpl*>(&model)) return files_of(*llama, tokenizer_file, notes);
  if (auto* gpt = dynamic_cast<GPTImpl*>(&model)) return files_of(*gpt, tokenizer_file, notes);
  throw std::invalid_argument("no format for this kind of model");
}

void save_any_model(const std::filesystem::path& folder, LanguageModelImpl& model, const std::string& tokenizer_file,
                    const std::map<std::string, std::string>& notes) {
  save_files(folder, files_of_any(model, tokenizer_file, notes));
}

LanguageModel load_any_gpt(const std::filesystem::path& folder, bool fused) {
  // Whatever is wrong with a configuration that is not ours is said by whoever reads GPT-2's.
  const std::string text = std::filesystem::is_directory(folder) ? read_file(folder / "config.json") : "";
  if (text.empty()) return load_gpt(folder, fused);
  const JsonEntry config = parse_json(text, (folder / "config.json").string());
  if (is_llama_config(config)) return load_llama(folder, fused);
  if (config.at("model_type").json() != kModelType) return load_gpt(folder, fused);

  const auto path = folder / "model.safetensors";
  const auto file = load_tensors(path);
  try {
    check_companions(file.metadata, folder, text, Companions::required);
    ModernGPT model = build(config, fused, file.tensors);
    fill(*model, file.tensors);
    model->eval();
    return model;
  } catch (const UsageError& error) {
    throw UsageError(fmt::format("{}: {}", path.string(), error.what()));
  }
}

}  // namespace verse
