#include "common/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/json.h"
#include "common/base/large_files.h"
#include "common/base/shown.h"

namespace verse {

namespace {

struct NamedType {
  const char* name;
  torch::ScalarType type;
};

constexpr std::array<NamedType, 10> kTypes{{{"F64", torch::kFloat64},
                                            {"F32", torch::kFloat32},
                                            {"F16", torch::kFloat16},
                                            {"BF16", torch::kBFloat16},
                                            {"I64", torch::kInt64},
                                            {"I32", torch::kInt32},
                                            {"I16", torch::kInt16},
                                            {"I8", torch::kInt8},
                                            {"U8", torch::kUInt8},
                                            {"BOOL", torch::kBool}}};

constexpr std::size_t kLengthBytes = 8;
constexpr std::size_t kMostSizes = 16;     ///< of a tensor; those of a model have one to four
constexpr std::size_t kLongestName = 100;  ///< characters of a tensor's name in a message
constexpr const char* kMetadata = "__metadata__";
constexpr const char* kDigest = "verse.digest";

const char* name_of(torch::ScalarType type) {
  for (const auto& known : kTypes) {
    if (known.type == type) return known.name;
  }
  throw std::invalid_argument(fmt::format("safetensors has no name for tensors of type {}", torch::toString(type)));
}

/// One tensor's place in the file.
struct Entry {
  std::string name;
  torch::ScalarType type = torch::kFloat32;
  std::vector<std::int64_t> shape;
  std::size_t begin = 0, end = 0;  ///< bytes of the data
};

/// A problem with the file; the caller adds its name.
[[noreturn]] void damaged(const std::string& what) {
  throw UsageError(what);
}

Entry read_entry(const std::string& full_name, const JsonEntry& json) {
  Entry entry;
  entry.name = full_name;
  const std::string name = one_line(full_name, kLongestName);  // in messages
  const auto type_name = json.at("dtype").text();
  const auto* const known =
      std::find_if(kTypes.begin(), kTypes.end(), [&](const NamedType& type) { return type_name == type.name; });
  if (known == kTypes.end())
    damaged(fmt::format("tensor {} has the type {}, which is not known here", name, one_line(type_name, kLongestName)));
  entry.type = known->type;
  for (const JsonEntry& size : json.at("shape").list()) entry.shape.push_back(size.whole());
  const auto offsets = json.at("data_offsets").list();
  if (offsets.size() != 2) damaged(fmt::format("tensor {} has no proper place", name));
  entry.begin = static_cast<std::size_t>(offsets[0].whole(0));
  entry.end = static_cast<std::size_t>(offsets[1].whole(0));
  if (entry.begin > entry.end) damaged(fmt::format("tensor {} has no proper place", name));

  // The shape has to fill the place exactly; the product is watched, since a header may say anything.
  std::size_t bytes = torch::elementSize(entry.type);
  for (const std::int64_t size : entry.shape) {
    if (size < 0) damaged(fmt::format("tensor {} has a size below 0", name));
    if (size > 0 && bytes > SIZE_MAX / static_cast<std::size_t>(size))
      damaged(fmt::format("tensor {} is too large", name));
    bytes *= static_cast<std::size_t>(size);
  }
  if (entry.shape.size() > kMostSizes) damaged(fmt::format("tensor {} has {} sizes", name, entry.shape.size()));
  if (bytes != entry.end - entry.begin) damaged(fmt::format("tensor {} does not fill its place", name));
  return entry;
}

/// Other kinds of files in which models are kept, by how they begin.
void refuse_other_kinds(std::string_view bytes) {
  if (bytes.starts_with(kLargeFilePointer)) damaged(std::string("it") + kFetchLargeFile);
  if (bytes.starts_with("GGUF")) damaged("it is a GGUF file of llama.cpp, and should be a safetensors file");
  if (bytes.starts_with("PK\x03\x04") || bytes.starts_with("\x80\x02")) {
    damaged("it is a pickled file of PyTorch, and should be a safetensors file");
  }
}

/// Makes a tensor of its place in the data.
using MakeTensor = std::function<torch::Tensor(const Entry& entry, std::string_view data)>;

torch::Tensor copied(const Entry& entry, std::string_view data) {
  torch::Tensor tensor = torch::empty(entry.shape, entry.type);
  if (entry.end > entry.begin) std::memcpy(tensor.data_ptr(), data.data() + entry.begin, entry.end - entry.begin);
  return tensor;
}

TensorFile parse(std::string_view bytes, const MakeTensor& make) {
  refuse_other_kinds(bytes);
  if (bytes.size() < kLengthBytes) damaged("it is shorter than any safetensors file");
  std::uint64_t header_length = 0;
  std::memcpy(&header_length, bytes.data(), kLengthBytes);
  if (header_length > bytes.size() - kLengthBytes) damaged("it is cut short, or no safetensors file");
  const std::string_view data = bytes.substr(kLengthBytes + header_length);

  const JsonEntry header = parse_json(bytes.substr(kLengthBytes, header_length), "its header");
  TensorFile file;
  std::vector<Entry> entries;
  for (const auto& [name, entry] : header.table()) {
    if (name != kMetadata) {
      entries.push_back(read_entry(name, entry));
      continue;
    }
    for (const auto& [key, value] : entry.table()) file.metadata[key] = value.text();
  }

  // The tensors lie side by side and fill the data, as the format asks.
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
  std::size_t reached = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != reached)
      damaged(fmt::format("tensor {} leaves a gap or overlaps", one_line(entry.name, kLongestName)));
    reached = entry.end;
  }
  if (reached > data.size()) damaged("it is cut short");
  if (reached < data.size()) damaged("there is something after its last tensor");

  // Files of our own can also tell whether a bit has changed.
  if (const auto digest = file.metadata.find(kDigest); digest != file.metadata.end()) {
    Json without = header.json();
    without[kMetadata].erase(kDigest);
    Digest found;
    found.add_by_words(without.dump());
    for (const Entry& entry : entries) found.add_by_words(data.substr(entry.begin, entry.end - entry.begin));
    if (found.text() != digest->second) damaged("it has been altered: its digest does not match");
    file.metadata.erase(digest);
  }

  for (const Entry& entry : entries) file.tensors.emplace_back(entry.name, make(entry, data));
  return file;
}

/// What reads a file says of it.
template <typename Read>
TensorFile with_place(const std::filesystem::path& path, const Read& read) {
  try {
    return read();
  } catch (const UsageError& error) {
    throw UsageError(fmt::format("{} cannot be used: {}", path.string(), error.what()));
  }
}

}  // namespace

TensorFile parse_tensors(std::string_view bytes) {
  return parse(bytes, copied);
}

namespace {

/// Writes tensors as what `prepared` makes of each, a contiguous one on the CPU of that type. It is asked twice.
void save(const std::filesystem::path& path, const NamedTensors& tensors,
          const std::map<std::string, std::string>& metadata, std::optional<torch::ScalarType> type) {
  const auto type_of = [&type](const torch::Tensor& tensor) { return type.value_or(tensor.scalar_type()); };
  const auto prepared = [&](const torch::Tensor& tensor) {
    return tensor.detach().to(torch::kCPU, type_of(tensor)).contiguous();
  };
  // The header says where each tensor will lie.
  Json header = Json::object();
  header[kMetadata] = Json::object();
  for (const auto& [key, value] : metadata) header[kMetadata][key] = value;
  std::size_t place = 0;
  for (const auto& [name, tensor] : tensors) {
    if (header.contains(name)) throw std::invalid_argument("two tensors are named " + name);
    const std::size_t end = place + static_cast<std::size_t>(tensor.numel()) * torch::elementSize(type_of(tensor));
    header[name] = {
        {"dtype", name_of(type_of(tensor))}, {"shape", tensor.sizes().vec()}, {"data_offsets", {place, end}}};
    place = end;
  }

  const auto bytes_of = [](const torch::Tensor& tensor) {
    if (tensor.nbytes() == 0) return std::string_view();  // an empty tensor points nowhere
    return std::string_view(static_cast<const char*>(tensor.data_ptr()), tensor.nbytes());
  };
  Digest digest;
  digest.add_by_words(json_text(header));
  for (const auto& [name, tensor] : tensors) digest.add_by_words(bytes_of(prepared(tensor)));
  header[kMetadata][kDigest] = digest.text();

  // Spaces fill the header up to a multiple of eight, so that the data can be read in place.
  std::string text = json_text(header);
  text.append((8 - text.size() % 8) % 8, ' ');
  const std::uint64_t length = text.size();
  const auto content = [&](const TakeBytes& take) {
    take({reinterpret_cast<const char*>(&length), kLengthBytes});
    take(text);
    for (const auto& [name, tensor] : tensors) take(bytes_of(prepared(tensor)));
  };
  write_pieces_atomically(path, content, Links::replace);
}

}  // namespace

void save_tensors(const std::filesystem::path& path, const NamedTensors& tensors,
                  const std::map<std::string, std::string>& metadata) {
  save(path, tensors, metadata, std::nullopt);
}

void save_tensors_as(torch::ScalarType type, const std::filesystem::path& path, const NamedTensors& tensors,
                     const std::map<std::string, std::string>& metadata) {
  save(path, tensors, metadata, type);
}

void refuse_non_numbers(const NamedTensors& tensors) {
  for (const auto& [name, tensor] : tensors) {
    if (!torch::isFloatingType(tensor.scalar_type())) continue;
    // A part at a time: a large table is not to be there twice.
    std::int64_t strange = 0;
    for (const auto& part : tensor.flatten().split(std::int64_t{1} << 16)) {
      strange += part.numel() - torch::isfinite(part).sum().item<std::int64_t>();
    }
    if (strange == 0) continue;
    throw UsageError(fmt::format("the tensor {} has {} of {} values that are no finite numbers",
                                 one_line(name, kLongestName), strange, tensor.numel()));
  }
}

TensorFile load_tensors(const std::filesystem::path& path) {
  const std::string bytes = read_file(path);
  return with_place(path, [&] { return parse_tensors(bytes); });
}

TensorFile map_tensors(const std::filesystem::path& path) {
  const auto map = std::make_shared<MappedFile>(path);
  const auto window = [&map](const Entry& entry, std::string_view data) {
    char* place = map->data() + (data.data() - map->data()) + entry.begin;
    const bool aligned = reinterpret_cast<std::uintptr_t>(place) % torch::elementSize(entry.type) == 0;
    if (!aligned || entry.end == entry.begin) return copied(entry, data);
    return torch::from_blob(
        place, entry.shape, [map](void*) {}, torch::dtype(entry.type));  // it keeps the map alive
  };
  return with_place(path, [&] { return parse(map->bytes(), window); });
}

}  // namespace verse
