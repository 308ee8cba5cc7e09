#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "05_training/given/checkpoint.h"
#include "11_modern/given/modern_gpt.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/json.h"
#include "common/safetensors.h"

namespace verse {

namespace {

constexpr const char* kModelType = "chapter-and-verse";
constexpr const char* kCompanions = "verse.companions";

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

ModernGPT build(const JsonEntry& config, bool fused) {
  constexpr std::int64_t kMost = 1'000'000;  // a damaged file may ask for more memory than there is
  GPTOptions options;
  options.vocabulary_size = config.at("vocab_size").whole(1, kMost);
  options.context = config.at("n_positions").whole(1, kMost);
  options.width = config.at("n_embd").whole(1, kMost);
  options.layers = config.at("n_layer").whole(1, kMost);
  options.heads = config.at("n_head").whole(1, kMost);
  options.dropout = config.at("dropout").number();
  options.fused = fused;
  std::set<Part> without;
  for (const JsonEntry& name : config.at("without").list()) without.insert(part_named(name.text()));
  // Every parameter comes from the file: first values would be drawn for nothing.
  auto unset = options;
  unset.initialise = false;
  ModernGPT model(unset, without);
  model->options = options;
  return model;
}

/// Fills every parameter, after all have been compared.
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

void save_modern(const std::filesystem::path& folder, ModernGPTImpl& model, const std::string& tokenizer_file) {
  NamedTensors tensors;
  for (const auto& parameter : model.named_parameters()) {
    tensors.emplace_back(parameter.key(), parameter.value().detach().to(torch::kCPU, torch::kFloat32).contiguous());
  }
  const std::string config = json_text(config_of(model), 2) + "\n";
  std::filesystem::create_directories(folder);
  write_file_atomically(folder / "config.json", config);
  write_file_atomically(folder / "tokenizer.json", tokenizer_file);
  save_tensors(folder / "model.safetensors", tensors, {{kCompanions, text_digest(config + tokenizer_file)}});
}

void save_any_model(const std::filesystem::path& folder, LanguageModelImpl& model, const std::string& tokenizer_file) {
  if (auto* modern = dynamic_cast<ModernGPTImpl*>(&model)) {
    save_modern(folder, *modern, tokenizer_file);
  } else if (auto* gpt = dynamic_cast<GPTImpl*>(&model)) {
    save_model(folder, *gpt, tokenizer_file);
  } else {
    throw std::invalid_argument("no format for this kind of model");
  }
}

LanguageModel load_any_gpt(const std::filesystem::path& folder, bool fused) {
  // Whatever is wrong with a configuration that is not ours is said by whoever reads GPT-2's.
  const std::string text = std::filesystem::is_directory(folder) ? read_file(folder / "config.json") : "";
  if (text.empty()) return load_gpt(folder, fused);
  const JsonEntry config = parse_json(text, (folder / "config.json").string());
  if (config.at("model_type").json() != kModelType) return load_gpt(folder, fused);

  const auto path = folder / "model.safetensors";
  const auto file = load_tensors(path);
  try {
    const auto digest = file.metadata.find(kCompanions);
    if (digest == file.metadata.end() || digest->second != text_digest(text + read_file(folder / "tokenizer.json"))) {
      throw UsageError("config.json or tokenizer.json beside it is not the one it was written with");
    }
    ModernGPT model = build(config, fused);
    fill(*model, file.tensors);
    model->eval();
    return model;
  } catch (const UsageError& error) {
    throw UsageError(fmt::format("{}: {}", path.string(), error.what()));
  }
}

}  // namespace verse
