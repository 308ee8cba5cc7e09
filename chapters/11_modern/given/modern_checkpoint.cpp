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
#include "common/safetensors.h"

namespace verse {

namespace {

using Json = nlohmann::ordered_json;

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

ModernGPT build(const Json& config, bool fused) {
  GPTOptions options;
  config.at("vocab_size").get_to(options.vocabulary_size);
  config.at("n_positions").get_to(options.context);
  config.at("n_embd").get_to(options.width);
  config.at("n_layer").get_to(options.layers);
  config.at("n_head").get_to(options.heads);
  config.at("dropout").get_to(options.dropout);
  options.fused = fused;
  std::set<Part> without;
  for (const auto& name : config.at("without")) without.insert(part_named(name.get<std::string>()));
  // A damaged file may ask for more memory than there is.
  for (const auto size : {options.vocabulary_size, options.context, options.width, options.layers, options.heads}) {
    if (size < 1 || size > 1'000'000) throw UsageError(fmt::format("a size of {} is none that a model has", size));
  }
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
  const std::string config = config_of(model).dump(2) + "\n";
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
  const Json config = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!config.is_object() || config.value("model_type", Json()) != kModelType) return load_gpt(folder, fused);

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
  } catch (const nlohmann::json::exception& error) {
    throw UsageError(fmt::format("{}: config.json is damaged: {}", path.string(), error.what()));
  } catch (const UsageError& error) {
    throw UsageError(fmt::format("{}: {}", path.string(), error.what()));
  }
}

}  // namespace verse
