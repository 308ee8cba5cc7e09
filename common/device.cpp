#include "common/device.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <system_error>

#include "common/error.h"

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
  plugin().describe = reinterpret_cast<int (*)(int, char*, int)>(::dlsym(library, "verse_cuda_describe"));
  plugin().has_bfloat16 = reinterpret_cast<int (*)(int)>(::dlsym(library, "verse_cuda_has_bfloat16"));
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
    const bool bfloat16 = plugin().has_bfloat16 != nullptr && plugin().has_bfloat16(0) == 1;
    return {torch::Device(torch::kCUDA, 0), describe_cuda(), bfloat16};
  }
  if (name == "cuda") throw UsageError(fmt::format("--device cuda: {}", problem));
  return {torch::kCPU, fmt::format("the CPU, because {}", problem), false};
}

}  // namespace verse
