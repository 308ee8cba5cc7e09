#pragma once

/// @file
/// What lies in a folder of Hugging Face's, whatever model it is.

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "common/base/json.h"

namespace verse {

/// The folder's config.json. @throws UsageError for what is no folder, or has none
JsonEntry hugging_face_config(const std::filesystem::path& folder);

/// The text of the folder's tokenizer.json, or of what says the same.
/// @param vocabulary rows of the model's table: there may be fewer tokens, and never more
/// @throws UsageError for what is missing, damaged or not supported
std::string hugging_face_tokenizer(const std::filesystem::path& folder, std::int64_t vocabulary);

/// The files that model.safetensors.index.json names. @throws UsageError where one would not lie beside it
std::set<std::string> shards_of(const JsonEntry& index);

/// All tensors, where they lie in their files (see map_tensors()): of one model.safetensors, or of several files with
/// their index.
/// @param name_of what a tensor is called here; nothing for one that is left out
/// @throws UsageError for what is missing, damaged, there twice, or not of floating-point numbers
std::map<std::string, torch::Tensor> hugging_face_tensors(
    const std::filesystem::path& folder, const std::function<std::string(const std::string&)>& name_of);

/// Leaves out lm_head.weight, for a model whose head is its token table. Where a file has the head alone, it becomes
/// the table.
/// @param table the token table's name @param refusal what is said of a head with other values
/// @throws UsageError that says so
void drop_tied_head(std::map<std::string, torch::Tensor>& tensors, const std::string& table,
                    const std::string& refusal);

}  // namespace verse
