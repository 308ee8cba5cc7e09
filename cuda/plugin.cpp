/// @file
/// What needs CUDA's headers, as C functions that common/device.cpp looks up by their names.

#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAFunctions.h>
#include <cuda_runtime_api.h>

#include <cstdio>

extern "C" {

/// Writes a device's name, memory and compute capability into `text`, such as "NVIDIA H200 (140 GiB, compute capability
/// 9.0)". @return 0, or 1 where the device does not answer
__attribute__((visibility("default"))) int verse_cuda_describe(int device, char* text, int size) {
  cudaDeviceProp properties{};
  if (device < 0 || device >= c10::cuda::device_count() ||
      cudaGetDeviceProperties(&properties, device) != cudaSuccess) {
    return 1;
  }
  constexpr double gibibyte = 1024.0 * 1024.0 * 1024.0;
  std::snprintf(text, static_cast<std::size_t>(size), "%s (%.0f GiB, compute capability %d.%d)", properties.name,
                static_cast<double>(properties.totalGlobalMem) / gibibyte, properties.major, properties.minor);
  return 0;
}

/// Whether a device multiplies bfloat16 matrices by itself. @return 1 or 0
__attribute__((visibility("default"))) int verse_cuda_has_bfloat16(int device) {
  cudaDeviceProp properties{};
  if (device < 0 || device >= c10::cuda::device_count() ||
      cudaGetDeviceProperties(&properties, device) != cudaSuccess) {
    return 0;
  }
  return properties.major >= 8 ? 1 : 0;
}

}  // extern "C"
