#pragma once

#include <torch/torch.h>

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace verse {

using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;

/// Tensors in the safetensors format: eight bytes of header length, a JSON header, then the raw data, each tensor
/// contiguous.
struct TensorFile {
  NamedTensors tensors;
  std::map<std::string, std::string> metadata;
};

/// Writes tensors as a whole or not at all (see write_file_atomically()).
void save_tensors(const std::filesystem::path& path, const NamedTensors& tensors,
                  const std::map<std::string, std::string>& metadata = {});

/// Reads them back, on the CPU. @throws UsageError for a file that is missing, cut short, or no safetensors file.
TensorFile load_tensors(const std::filesystem::path& path);

}  // namespace verse
