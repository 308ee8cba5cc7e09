#include "common/device.h"

#include <ATen/Context.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>
#include <fmt/format.h>

#include <array>
#include <regex>
#include <system_error>
#include <type_traits>

#include "common/base/error.h"
#include "common/base/system.h"
#include "common/cuda_driver.h"

namespace verse {

namespace {

/// Why CUDA cannot be used, as found out by prepare_cuda(); empty where it may be.
std::string& why_no_cuda() {
  static std::string reason = "it was never looked for";
  return reason;
}

/// Our plugin's functions; C functions, so that they can be asked for by their names.
struct Plugin {
  void* (*record)(void (*work)(void*), void* context, char* problem, int size) = nullptr;
  int (*play)(void* recording, char* problem, int size) = nullptr;
  void (*forget)(void* recording) = nullptr;
  std::string problem = "it was never looked for";  ///< why there are none
};

Plugin& plugin() {
  static Plugin functions;
  return functions;
}

/// What the dynamic linker said last.
std::string linker_error() {
  const char* message = ::dlerror();
  return message == nullptr ? "unknown reason" : message;
}

c10::DeviceIndex index_of(torch::Device device) {
  return device.index() < 0 ? c10::DeviceIndex{0} : device.index();
}

/// `cuda` or `cuda:N`. @return N, or 0; nothing for another name
std::optional<int> gpu_number(const std::string& name) {
  static const std::regex form("cuda(?::([0-9]{1,3}))?");
  std::smatch match;
  if (!std::regex_match(name, match, form)) return std::nullopt;
  return match[1].matched ? std::stoi(match[1]) : 0;
}

/// Makes a GPU the one that this thread's work goes to, on a stream of its own: nothing can be recorded on the stream
/// that every program begins with.
void take_gpu(torch::Device device) {
  const c10::impl::VirtualGuardImpl gpu(torch::kCUDA);
  gpu.setDevice(device);
  gpu.exchangeStream(gpu.getStreamFromGlobalPool(device, /*isHighPriority=*/false));
}

std::string describe_gpu(torch::Device device) {
  const auto facts = gpu_facts(index_of(device));
  std::string text = facts ? "CUDA on " + describe(*facts) : "CUDA";
  if (!plugin().problem.empty()) text += fmt::format("; no step can be recorded, because {}", plugin().problem);
  return text;
}

}  // namespace

std::string use_plugin(const std::filesystem::path& place) {
  plugin() = Plugin{};
  std::error_code error;
  if (!std::filesystem::exists(place, error)) {
    return plugin().problem = fmt::format("{} does not lie beside this program", place.filename().string());
  }
  void* library = ::dlopen(place.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (library == nullptr) {
    return plugin().problem = fmt::format("{} does not load ({})", place.filename().string(), linker_error());
  }
  const auto find = [library](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(library, name));
    return function != nullptr;
  };
  if (!find(plugin().record, "verse_cuda_record") || !find(plugin().play, "verse_cuda_play") ||
      !find(plugin().forget, "verse_cuda_forget")) {
    plugin() = Plugin{};
    return plugin().problem = fmt::format("{} is of another version", place.filename().string());
  }
  return plugin().problem = "";
}

void prepare_cuda() {
  static const bool done = [] {
    why_no_cuda() = why_no_gpu();
    if (!why_no_cuda().empty()) return true;
    // Only now: LibTorch's CUDA half does not load where CUDA's own libraries are missing.
    if (::dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) == nullptr) {
      why_no_cuda() = fmt::format("LibTorch's CUDA half does not load ({})", linker_error());
      return true;
    }
    // The plugin lies beside the program; a build without CUDA's headers has none.
    use_plugin(program_file().parent_path() / "libverse_cuda.so");
    return true;
  }();
  (void)done;
}

void check_device_name(const std::string& name) {
  if (name == "auto" || name == "cpu" || name == "mps" || gpu_number(name)) return;
  throw UsageError(fmt::format("--device must be auto, cpu, cuda, cuda:N or mps, not \"{}\"", name));
}

DeviceChoice choose_device(const std::string& name) {
  check_device_name(name);
  const auto number = gpu_number(name == "auto" ? "cuda" : name);
  if (name == "cpu") return {torch::kCPU, "the CPU, as asked for", false};
  if (name == "mps") {
    if (!at::globalContext().hasMPS())
      throw UsageError("--device mps: that is an Apple GPU under macOS, and there is none");
    return {torch::kMPS, "the Apple GPU (Metal), as asked for", false};
  }

  // A driver older than LibTorch's CUDA passes every test until a tensor is really put there.
  prepare_cuda();
  const torch::Device device(torch::kCUDA, static_cast<c10::DeviceIndex>(*number));
  std::string problem = why_no_cuda();
  if (problem.empty() && !torch::cuda::is_available()) {
    problem = fmt::format("LibTorch cannot use the NVIDIA driver, which serves CUDA {}", driver_version());
  }
  if (problem.empty() && *number >= torch::cuda::device_count()) {
    const auto count = static_cast<int>(torch::cuda::device_count());
    problem =
        count == 1 ? "there is one GPU, cuda:0" : fmt::format("there are {} GPUs, cuda:0 to cuda:{}", count, count - 1);
  }
  if (problem.empty()) {
    try {
      torch::zeros({1}, device).add_(1).item<float>();
    } catch (const c10::Error& error) {
      const std::string message = error.what_without_backtrace();
      problem = fmt::format("a first tensor there failed: {}", message.substr(0, message.find('\n')));
    }
  }

  if (problem.empty()) {
    // What is not in bfloat16 may be multiplied in TF32: float32's range with ten bits after the point.
    at::globalContext().setAllowTF32CuBLAS(true);
    take_gpu(device);
    const auto facts = gpu_facts(*number);
    return {device, describe_gpu(device), facts && has_bfloat16(*facts)};
  }
  if (name != "auto") throw UsageError(fmt::format("--device {}: {}", name, problem));
  return {torch::kCPU, fmt::format("the CPU, because {}", problem), false};
}

std::unique_ptr<Recording> Recording::make(const std::function<void()>& work, std::string& problem) {
  if (plugin().record == nullptr) {
    problem = why_no_cuda().empty() ? plugin().problem : why_no_cuda();
    return nullptr;
  }
  // A recording has memory of its own. What the steps before it have taken and freed would lie idle beside it.
  if (torch::cuda::is_available()) c10::getDeviceAllocator(torch::kCUDA)->emptyCache();
  std::array<char, 500> text{};
  void* graph = plugin().record([](void* context) { (*static_cast<const std::function<void()>*>(context))(); },
                                const_cast<std::function<void()>*>(&work), text.data(), text.size());
  if (graph == nullptr) problem = text.data();
  return graph == nullptr ? nullptr : std::unique_ptr<Recording>(new Recording(graph));
}

Recording::~Recording() {
  if (plugin().forget != nullptr) plugin().forget(graph_);
}

void Recording::play() {
  std::array<char, 500> text{};
  if (plugin().play(graph_, text.data(), text.size()) != 0) throw std::runtime_error(text.data());
}

std::optional<std::int64_t> peak_memory(torch::Device device) {
  using c10::CachingAllocator::StatType;
  if (device.is_cuda()) {
    const auto statistics = c10::getDeviceAllocator(torch::kCUDA)->getDeviceStats(index_of(device));
    return statistics.allocated_bytes[static_cast<std::size_t>(StatType::AGGREGATE)].peak;
  }
  const auto most = most_memory_had();
  return most < 0 ? std::nullopt : std::optional<std::int64_t>(most);
}

void forget_peak_memory(torch::Device device) {
  if (device.is_cuda()) c10::getDeviceAllocator(torch::kCUDA)->resetPeakStats(index_of(device));
}

std::int64_t memory_for_tensors(torch::Device device) {
  using c10::CachingAllocator::StatType;
  auto* const allocator = c10::getDeviceAllocator(torch::kCUDA);
  allocator->emptyCache();
  const auto statistics = allocator->getDeviceStats(index_of(device));
  return static_cast<std::int64_t>(allocator->getMemoryInfo(index_of(device)).first) +
         statistics.reserved_bytes[static_cast<std::size_t>(StatType::AGGREGATE)].current;
}

std::string out_of_memory_line(const std::string& message) {
  static const std::regex needed("Tried to allocate ([0-9.]+ [KMG]iB)"),
      there("total capacity of ([0-9.]+ [KMG]iB) of which ([0-9.]+ [KMG]iB) is free");
  std::smatch more, room;
  if (!std::regex_search(message, more, needed) || !std::regex_search(message, room, there)) {
    return "the GPU's memory does not suffice";
  }
  return fmt::format("the GPU's memory does not suffice: {} more were needed, and {} of its {} were free", more.str(1),
                     room.str(2), room.str(1));
}

}  // namespace verse
