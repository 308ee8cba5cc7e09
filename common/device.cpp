#include "common/device.h"

#include <ATen/Context.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <type_traits>

#include "common/base/error.h"

namespace verse {

namespace {

/// Why CUDA cannot be used, as found out by prepare_cuda(); empty where it may be.
std::string& why_no_cuda() {
  static std::string reason = "it was never looked for";
  return reason;
}

/// What our plugin has to say; C functions, so that they can be asked for by their names.
struct Plugin {
  int (*describe)(int device, char* text, int size) = nullptr;
  int (*has_bfloat16)(int device) = nullptr;
  int (*name)(int device, char* text, int size) = nullptr;
  long long (*peak_memory)(int device) = nullptr;
  int (*use_own_stream)(int device) = nullptr;
  void* (*record)(void (*work)(void*), void* context, char* problem, int size) = nullptr;
  int (*play)(void* recording, char* problem, int size) = nullptr;
  void (*forget)(void* recording) = nullptr;
};

Plugin& plugin() {
  static Plugin functions;
  return functions;
}

/// What the dynamic linker said last, its own file's name left out where it comes first.
std::string linker_error() {
  const char* message = ::dlerror();
  return message == nullptr ? "unknown reason" : message;
}

/// Asks the driver itself, without LibTorch. @return why there is no CUDA, or nothing
std::string ask_driver() {
  void* driver = ::dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
  if (driver == nullptr) return "no NVIDIA driver is installed";
  const auto initialise = reinterpret_cast<int (*)(unsigned)>(::dlsym(driver, "cuInit"));
  const auto count_devices = reinterpret_cast<int (*)(int*)>(::dlsym(driver, "cuDeviceGetCount"));
  if (initialise == nullptr || count_devices == nullptr) return "the NVIDIA driver is not one that can be used";
  if (const int error = initialise(0); error != 0) {
    return fmt::format("the NVIDIA driver does not start (error {})", error);
  }
  int devices = 0;
  if (count_devices(&devices) != 0 || devices == 0) return "the NVIDIA driver finds no GPU";
  return "";
}

/// The CUDA version that the driver serves, such as "12.4".
std::string driver_version() {
  void* driver = ::dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
  if (driver == nullptr) return "?";
  const auto ask = reinterpret_cast<int (*)(int*)>(::dlsym(driver, "cuDriverGetVersion"));
  int version = 0;
  if (ask == nullptr || ask(&version) != 0) return "?";
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

void load_plugin() {
  // It lies beside the program; a machine or a build without it has no need of it.
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return;
  const auto place = program.parent_path() / "libverse_cuda.so";
  void* library = ::dlopen(place.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (library == nullptr) return;
  const auto find = [library](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(library, name));
  };
  find(plugin().describe, "verse_cuda_describe");
  find(plugin().has_bfloat16, "verse_cuda_has_bfloat16");
  find(plugin().name, "verse_cuda_name");
  find(plugin().peak_memory, "verse_cuda_peak_memory");
  find(plugin().use_own_stream, "verse_cuda_use_own_stream");
  find(plugin().record, "verse_cuda_record");
  find(plugin().play, "verse_cuda_play");
  find(plugin().forget, "verse_cuda_forget");
}

std::string describe_cuda() {
  std::array<char, 200> text{};
  if (plugin().describe == nullptr || plugin().describe(0, text.data(), text.size()) != 0) return "CUDA";
  return fmt::format("CUDA on {}", text.data());
}

}  // namespace

void prepare_cuda() {
  static const bool done = [] {
    why_no_cuda() = ask_driver();
    if (!why_no_cuda().empty()) return true;
    // Only now: LibTorch's CUDA half does not load where CUDA's own libraries are missing.
    if (::dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) == nullptr) {
      why_no_cuda() = fmt::format("LibTorch's CUDA half does not load ({})", linker_error());
      return true;
    }
    load_plugin();
    return true;
  }();
  (void)done;
}

DeviceChoice choose_device(const std::string& name) {
  if (name != "auto" && name != "cpu" && name != "cuda") {
    throw UsageError(fmt::format("--device must be auto, cpu or cuda, not \"{}\"", name));
  }
  if (name == "cpu") return {torch::kCPU, "the CPU, as asked for", false};

  // A driver older than LibTorch's CUDA passes every test until a tensor is really put there.
  prepare_cuda();
  std::string problem = why_no_cuda();
  if (problem.empty() && !torch::cuda::is_available()) {
    problem = fmt::format("LibTorch cannot use the NVIDIA driver, which serves CUDA {}", driver_version());
  }
  if (problem.empty()) {
    try {
      torch::zeros({1}, torch::kCUDA).add_(1).item<float>();
    } catch (const c10::Error& error) {
      const std::string message = error.what_without_backtrace();
      problem = fmt::format("a first tensor there failed: {}", message.substr(0, message.find('\n')));
    }
  }

  if (problem.empty()) {
    // What is not in bfloat16 may be multiplied in TF32: float32's range with ten bits after the point.
    at::globalContext().setAllowTF32CuBLAS(true);
    // Nothing can be recorded on the stream that every program begins with.
    if (plugin().use_own_stream != nullptr) plugin().use_own_stream(0);
    const bool bfloat16 = plugin().has_bfloat16 != nullptr && plugin().has_bfloat16(0) == 1;
    return {torch::Device(torch::kCUDA, 0), describe_cuda(), bfloat16};
  }
  if (name == "cuda") throw UsageError(fmt::format("--device cuda: {}", problem));
  return {torch::kCPU, fmt::format("the CPU, because {}", problem), false};
}

std::unique_ptr<Recording> Recording::make(const std::function<void()>& work, std::string& problem) {
  if (plugin().record == nullptr) {
    problem = why_no_cuda().empty() ? "libverse_cuda.so does not lie beside this program" : why_no_cuda();
    return nullptr;
  }
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
  if (device.is_cuda()) {
    if (plugin().peak_memory == nullptr) return std::nullopt;
    const long long bytes = plugin().peak_memory(device.index() < 0 ? 0 : device.index());
    return bytes < 0 ? std::nullopt : std::optional<std::int64_t>(bytes);
  }
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return std::nullopt;
  return static_cast<std::int64_t>(usage.ru_maxrss) * 1024;
}

DevicePeak card_peak(const std::string& name, bool bfloat16) {
  // Dense products, in units of 10^12 operations a second, by the makers' data sheets. The first name that occurs
  // counts, so the longer ones come first.
  struct Card {
    const char* name;
    double bfloat16, float32;
  };
  static constexpr Card cards[] = {
      {"B200", 2250, 1125},
      {"GH200", 989, 494.5},
      {"H200", 989, 494.5},
      {"H100 PCIe", 756, 378},
      {"H100 NVL", 835.5, 417.5},
      {"H100", 989, 494.5},
      {"A100", 312, 156},
      {"L40S", 362, 183},
      {"L4", 121, 60},
      {"A40", 149.7, 74.8},
      {"A10G", 70, 35},
      {"A10", 125, 62.5},
      {"RTX 4090", 165.2, 82.6},
      {"RTX 3090", 71, 35.6},
      {"V100", 0, 15.7},
      {"T4", 0, 8.1},
      {"P100", 0, 9.3},
  };
  for (const Card& card : cards) {
    // As a word of its own: an A4000 is no A40.
    const auto at = name.find(card.name);
    if (at == std::string::npos) continue;
    const char after = name.c_str()[at + std::strlen(card.name)];
    if ((at > 0 && name[at - 1] != ' ') || (after != '\0' && after != ' ' && after != '-')) continue;
    const double peak = bfloat16 ? card.bfloat16 : card.float32;
    return {name, peak > 0 ? std::optional(1e12 * peak) : std::nullopt};
  }
  return {name, std::nullopt};
}

DevicePeak device_peak(torch::Device device, bool bfloat16) {
  std::array<char, 200> text{};
  if (!device.is_cuda()) return {"this CPU", std::nullopt};
  if (plugin().name == nullptr || plugin().name(0, text.data(), text.size()) != 0) return {"this GPU", std::nullopt};
  return card_peak(text.data(), bfloat16);
}

}  // namespace verse
