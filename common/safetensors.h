#pragma once

#include <torch/torch.h>

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
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

/// Writes tensors as a whole or not at all (see write_file_atomically()); a link in the file's place is replaced.
void save_tensors(const std::filesystem::path& path, const NamedTensors& tensors,
                  const std::map<std::string, std::string>& metadata = {});

/// The same of tensors that are turned into a type one by one, as they are written.
void save_tensors_as(torch::ScalarType type, const std::filesystem::path& path, const NamedTensors& tensors,
                     const std::map<std::string, std::string>& metadata = {});

/// Reads the bytes of such a file. Nothing is taken from memory but what the bytes themselves hold.
/// @throws UsageError for what is cut short, altered, or no safetensors file; it does not know the file's name
TensorFile parse_tensors(std::string_view bytes);

/// @throws UsageError that names the first tensor with a value that is no finite number (NaN or infinity), and how many
/// there are: nothing that is computed from it would be a number.
void refuse_non_numbers(const NamedTensors& tensors);

/// Reads them back, on the CPU. @throws UsageError for a file that is missing, cut short, or no safetensors file.
TensorFile load_tensors(const std::filesystem::path& path);

/// The same without a copy: the tensors are windows onto the file, see MappedFile. Writing into one changes no file.
TensorFile map_tensors(const std::filesystem::path& path);

}  // namespace verse
