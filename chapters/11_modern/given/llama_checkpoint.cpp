#include <fmt/format.h>

#include <utility>

#include "05_training/given/checkpoint.h"
#include "11_modern/given/llama.h"
#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/shown.h"

namespace verse {

namespace {

constexpr std::size_t kLongestTensorName = 100;  ///< characters, in a message

ModelFiles llama_files(const LlamaOptions& options, NamedTensors tensors, const std::string& tokenizer_file,
                       const std::map<std::string, std::string>& notes) {
  ModelFiles files{json_text(llama_config(options), 2) + "\n", tokenizer_file, std::move(tensors), notes};
  files.metadata["format"] = "pt";
  return files;
}

}  // namespace

ModelFiles files_of(LlamaGPTImpl& model, const std::string& tokenizer_file,
                    const std::map<std::string, std::string>& notes) {
  NamedTensors tensors;
  for (const auto& parameter : model.named_parameters()) {
    tensors.emplace_back(parameter.key(), parameter.value().detach());
  }
  return llama_files(model.options, std::move(tensors), tokenizer_file, notes);
}

void save_llama(const std::filesystem::path& folder, LlamaGPTImpl& model, const std::string& tokenizer_file,
                const std::map<std::string, std::string>& notes) {
  save_files(folder, files_of(model, tokenizer_file, notes));
}

void save_llama(const std::filesystem::path& folder, const LlamaOptions& options, const NamedTensors& tensors,
                const std::string& tokenizer_file, const std::map<std::string, std::string>& notes) {
  save_files(folder, llama_files(options, tensors, tokenizer_file, notes));
}

LlamaGPT load_llama(const std::filesystem::path& folder, bool fused) {
  const auto place = folder / "config.json";
  const std::string text = read_file(place);
  LlamaOptions options = read_llama_config(parse_json(text, place.string()));
  options.fused = fused;

  const auto path = folder / "model.safetensors";
  auto file = map_tensors(path);
  try {
    check_companions(file.metadata, folder, text, Companions::optional);
    for (auto& [name, tensor] : file.tensors) {
      if (!torch::isFloatingType(tensor.scalar_type())) {
        throw UsageError(fmt::format("the tensor {} is of type {}, not of floating-point numbers",
                                     one_line(name, kLongestTensorName), torch::toString(tensor.scalar_type())));
      }
      tensor = tensor.to(torch::kFloat32);
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
