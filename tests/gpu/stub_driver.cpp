/// @file
/// Stands for NVIDIA's driver, libcuda.so.1, in tests on machines without one: it answers what its environment says.
/// VERSE_STUB_START is what cuInit() returns, VERSE_STUB_GPUS how many GPUs there are.

#include <cstddef>
#include <cstdio>
#include <cstdlib>

namespace {

int setting(const char* name, int otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::atoi(value);
}

}  // namespace

extern "C" {

int cuInit(unsigned) {
  return setting("VERSE_STUB_START", 0);
}

int cuDeviceGetCount(int* count) {
  *count = setting("VERSE_STUB_GPUS", 1);
  return 0;
}

int cuDriverGetVersion(int* version) {
  *version = 12040;
  return 0;
}

int cuDeviceGet(int* handle, int ordinal) {
  *handle = ordinal;
  return ordinal < setting("VERSE_STUB_GPUS", 1) ? 0 : 101;
}

int cuDeviceGetName(char* name, int size, int handle) {
  std::snprintf(name, static_cast<std::size_t>(size), "Stub %d", handle);
  return 0;
}

int cuDeviceTotalMem_v2(std::size_t* bytes, int) {
  *bytes = std::size_t{80} << 30;
  return 0;
}

int cuDeviceGetAttribute(int* value, int attribute, int) {
  *value = attribute == 75 ? setting("VERSE_STUB_MAJOR", 9) : 0;
  return 0;
}

}  // extern "C"
