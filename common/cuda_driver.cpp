#include "common/cuda_driver.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <array>
#include <cstdlib>

namespace verse {

namespace {

// The driver's interface, as far as it is needed here (cuda.h).
constexpr int kNoDevice = 100;
constexpr int kMajor = 75, kMinor = 76;  // attributes

void* driver() {
  static void* const library = ::dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
  return library;
}

/// A function of the driver's by its name; null where it has none.
template <typename Function>
Function* find(const char* name) {
  return driver() == nullptr ? nullptr : reinterpret_cast<Function*>(::dlsym(driver(), name));
}

}  // namespace

std::string why_no_gpu() {
  if (driver() == nullptr) return "no NVIDIA driver is installed";
  const auto initialise = find<int(unsigned)>("cuInit");
  const auto count_devices = find<int(int*)>("cuDeviceGetCount");
  if (initialise == nullptr || count_devices == nullptr) return "the NVIDIA driver is not one that can be used";
  const int error = initialise(0);
  if (error != 0 && error != kNoDevice) return fmt::format("the NVIDIA driver does not start (error {})", error);
  int devices = 0;
  if (error == 0 && count_devices(&devices) == 0 && devices > 0) return "";
  // The driver itself hides what this variable does not name.
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  if (visible != nullptr) return fmt::format("CUDA_VISIBLE_DEVICES=\"{}\" leaves no GPU to be seen", visible);
  return "the NVIDIA driver finds no GPU";
}

std::string driver_version() {
  const auto ask = find<int(int*)>("cuDriverGetVersion");
  int version = 0;
  if (ask == nullptr || ask(&version) != 0) return "?";
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

std::optional<GpuFacts> gpu_facts(int device) {
  const auto get = find<int(int*, int)>("cuDeviceGet");
  const auto get_name = find<int(char*, int, int)>("cuDeviceGetName");
  const auto get_bytes = find<int(std::size_t*, int)>("cuDeviceTotalMem_v2");
  const auto get_attribute = find<int(int*, int, int)>("cuDeviceGetAttribute");
  if (get == nullptr || get_name == nullptr || get_bytes == nullptr || get_attribute == nullptr) return std::nullopt;
  int handle = 0;
  std::array<char, 200> name{};
  std::size_t bytes = 0;
  GpuFacts facts;
  if (get(&handle, device) != 0 || get_name(name.data(), name.size(), handle) != 0 || get_bytes(&bytes, handle) != 0 ||
      get_attribute(&facts.major, kMajor, handle) != 0 || get_attribute(&facts.minor, kMinor, handle) != 0) {
    return std::nullopt;
  }
  facts.name = name.data();
  facts.bytes = static_cast<std::int64_t>(bytes);
  return facts;
}

bool has_bfloat16(const GpuFacts& gpu) {
  return gpu.major >= 8;
}

std::string describe(const GpuFacts& gpu) {
  constexpr double kGibibyte = 1024.0 * 1024.0 * 1024.0;
  return fmt::format("{} ({:.0f} GiB, compute capability {}.{})", gpu.name, static_cast<double>(gpu.bytes) / kGibibyte,
                     gpu.major, gpu.minor);
}

}  // namespace verse
