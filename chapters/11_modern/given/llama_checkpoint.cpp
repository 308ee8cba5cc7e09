#include <fmt/format.h>

#include <utility>

#include "05_training/given/checkpoint.h"
#include "11_modern/given/llama.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/files.h"

namespace verse {

void save_llama(const std::filesystem::path& folder, LlamaGPTImpl& model, const std::string& tokenizer_file,
                const std::map<std::string, std::string>& notes) {
  NamedTensors tensors;
  for (const auto& parameter : model.named_parameters()) tensors.emplace_back(parameter.key(), parameter.value());
  save_llama(folder, model.options, tensors, tokenizer_file, notes);
}

void save_llama(const std::filesystem::path& folder, const LlamaOptions& options, const NamedTensors& tensors,
                const std::string& tokenizer_file, const std::map<std::string, std::string>& notes) {
  const std::string config = json_text(llama_config(options), 2) + "\n";
  std::map<std::string, std::string> metadata = notes;
  metadata["format"] = "pt";
  metadata[kCompanions] = text_digest(config + tokenizer_file);
  make_folder(folder);
  write_file_atomically(folder / "config.json", config, Links::replace);
  write_file_atomically(folder / "tokenizer.json", tokenizer_file, Links::replace);
  save_tensors_as(torch::kFloat32, folder / "model.safetensors", tensors, metadata);
}

LlamaGPT load_llama(const std::filesystem::path& folder, bool fused) {
  const auto place = folder / "config.json";
  const std::string text = read_file(place);
  LlamaOptions options = read_llama_config(parse_json(text, place.string()));
  options.fused = fused;

  const auto path = folder / "model.safetensors";
  auto file = map_tensors(path);
  try {
    const auto companions = file.metadata.find(kCompanions);
    if (companions != file.metadata.end() &&
        companions->second != text_digest(text + read_file(folder / "tokenizer.json"))) {
      throw UsageError("config.json or tokenizer.json beside it is not the one it was written with");
    }
    for (auto& [name, tensor] : file.tensors) {
      if (torch::isFloatingType(tensor.scalar_type())) tensor = tensor.to(torch::kFloat32);
    }
    refuse_non_numbers(file.tensors);
    LlamaGPT model(options, file.tensors);
    model->eval();
    return model;
  } catch (const UsageError& error) {
    throw UsageError(fmt::format("{}: {}", path.string(), error.what()));
  }
}

}  // namespace verse
