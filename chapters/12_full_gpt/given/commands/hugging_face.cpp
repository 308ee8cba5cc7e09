#include "12_full_gpt/given/commands/hugging_face.h"

#include <fmt/format.h>

#include <set>

#include "05_training/given/checkpoint.h"
#include "10_subwords/given/character_codec.h"
#include "10_subwords/given/tokenizer_file.h"
#include "common/base/error.h"
#include "common/base/shown.h"
#include "common/safetensors.h"

namespace verse {

namespace {

namespace fs = std::filesystem;

constexpr const char* kWeights = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";
constexpr std::size_t kLongestName = 100;  ///< characters of a tensor's name in a message

using Naming = std::function<std::string(const std::string&)>;

/// Adds a file's tensors.
void add_tensors(const fs::path& path, const Naming& name_of, std::map<std::string, torch::Tensor>& tensors) {
  for (auto& [full_name, tensor] : map_tensors(path).tensors) {
    const auto name = name_of(full_name);
    if (name.empty()) continue;
    if (!torch::isFloatingType(tensor.scalar_type())) {
      throw UsageError(fmt::format("{}: the tensor {} is of type {}, not of floating-point numbers", path.string(),
                                   one_line(full_name, kLongestName), torch::toString(tensor.scalar_type())));
    }
    if (!tensors.emplace(name, tensor).second) {
      throw UsageError(fmt::format("{}: the tensor {} is there twice", path.string(), one_line(name, kLongestName)));
    }
  }
}

}  // namespace

std::set<std::string> shards_of(const JsonEntry& index) {
  std::set<std::string> files;
  for (const auto& [tensor, file] : index.at("weight_map").table()) {
    const auto name = file.text();
    if (name.empty() || name == "." || name == ".." || fs::path(name).filename() != name)
      file.refuse("the name of a file beside it");
    files.insert(name);
  }
  return files;
}

JsonEntry hugging_face_config(const fs::path& folder) {
  if (!fs::is_directory(folder)) {
    throw UsageError(fs::exists(folder)
                         ? fmt::format("{} is a file, and the folder of a model is meant", folder.string())
                         : fmt::format("there is no folder {}", folder.string()));
  }
  if (!fs::exists(folder / "config.json")) {
    throw UsageError(fmt::format("{} has no config.json{}", folder.string(), folder_hint(folder)));
  }
  return load_json(folder / "config.json");
}

std::string hugging_face_tokenizer(const fs::path& folder, std::int64_t vocabulary) {
  const auto place = folder / "tokenizer.json";
  std::string text = tokenizer_of_folder(folder);
  const auto codec = read_codec(place, text);
  if (codec->size() > vocabulary) {
    throw UsageError(
        fmt::format("{} has {} tokens, but config.json only {}", place.string(), codec->size(), vocabulary));
  }
  return text;
}

std::map<std::string, torch::Tensor> hugging_face_tensors(const fs::path& folder, const Naming& name_of) {
  std::map<std::string, torch::Tensor> tensors;
  if (fs::exists(folder / kWeights)) {
    add_tensors(folder / kWeights, name_of, tensors);
  } else if (fs::exists(folder / kIndex)) {
    const JsonEntry index = load_json(folder / kIndex);
    for (const auto& file : shards_of(index)) add_tensors(folder / file, name_of, tensors);
    for (const auto& [full_name, file] : index.at("weight_map").table()) {
      const auto name = name_of(full_name);
      if (!name.empty() && tensors.count(name) == 0) {
        throw UsageError(fmt::format("{}: {} has no such tensor", file.place(), file.text()));
      }
    }
  } else {
    const bool pickled =
        fs::exists(folder / "pytorch_model.bin") || fs::exists(folder / "pytorch_model.bin.index.json");
    throw UsageError(fmt::format("{} has neither {} nor {}{}", folder.string(), kWeights, kIndex,
                                 pickled ? "; pytorch_model.bin is not read: save_pretrained() of a newer transformers "
                                           "writes what is"
                                         : ""));
  }
  return tensors;
}

void drop_tied_head(std::map<std::string, torch::Tensor>& tensors, const std::string& table,
                    const std::string& refusal) {
  const auto head = tensors.find("lm_head.weight"), rows = tensors.find(table);
  if (head == tensors.end()) return;
  if (rows == tensors.end()) {
    tensors[table] = head->second;
  } else if (!torch::equal(head->second.to(rows->second.scalar_type()), rows->second)) {
    throw UsageError(refusal);
  }
  tensors.erase(head);
}

}  // namespace verse
