/// @file
/// What needs CUDA's headers, as C functions that common/device.cpp looks up by their names.

#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>

#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>

namespace {

/// The first line of what went wrong.
void describe_problem(const std::exception& error, char* text, int size) {
  std::snprintf(text, static_cast<std::size_t>(size), "%s", error.what());
  if (char* line_end = std::strchr(text, '\n')) *line_end = '\0';
}

}  // namespace

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

/// A device's name, such as "NVIDIA H200". @return 0, or 1 where the device does not answer
__attribute__((visibility("default"))) int verse_cuda_name(int device, char* text, int size) {
  cudaDeviceProp properties{};
  if (device < 0 || device >= c10::cuda::device_count() ||
      cudaGetDeviceProperties(&properties, device) != cudaSuccess) {
    return 1;
  }
  std::snprintf(text, static_cast<std::size_t>(size), "%s", properties.name);
  return 0;
}

/// The most bytes that tensors have held at a time. @return -1 where that is not known
__attribute__((visibility("default"))) long long verse_cuda_peak_memory(int device) {
  try {
    const auto statistics = c10::cuda::CUDACachingAllocator::getDeviceStats(static_cast<c10::DeviceIndex>(device));
    return statistics.allocated_bytes[static_cast<std::size_t>(c10::CachingAllocator::StatType::AGGREGATE)].peak;
  } catch (const std::exception&) {
    return -1;
  }
}

/// From here on, this thread's work goes to a stream of its own: the default one cannot be recorded, and work that is
/// recorded and played back on one stream needs no waiting in between. @return 0, or 1 where that fails
__attribute__((visibility("default"))) int verse_cuda_use_own_stream(int device) {
  try {
    c10::cuda::setCurrentCUDAStream(
        c10::cuda::getStreamFromPool(/*isHighPriority=*/false, static_cast<c10::DeviceIndex>(device)));
    return 0;
  } catch (const std::exception&) {
    return 1;
  }
}

/// Records what `work(context)` asks of the GPU on this thread's stream. @return the recording, for the two functions
/// below; null where that fails, with the reason in `problem`
__attribute__((visibility("default"))) void* verse_cuda_record(void (*work)(void*), void* context, char* problem,
                                                               int size) {
  auto graph = std::make_unique<at::cuda::CUDAGraph>();
  bool recording = false;
  try {
    C10_CUDA_CHECK(cudaDeviceSynchronize());
    graph->capture_begin();
    recording = true;
    work(context);
    recording = false;
    graph->capture_end();
    return graph.release();
  } catch (const std::exception& error) {
    describe_problem(error, problem, size);
  }
  // What was begun is ended, so that the stream can be used again.
  if (recording) {
    try {
      graph->capture_end();
    } catch (const std::exception&) {
      cudaGetLastError();
    }
  }
  return nullptr;
}

/// Asks for all that was recorded. @return 0, or 1 with the reason in `problem`
__attribute__((visibility("default"))) int verse_cuda_play(void* recording, char* problem, int size) {
  try {
    static_cast<at::cuda::CUDAGraph*>(recording)->replay();
    return 0;
  } catch (const std::exception& error) {
    describe_problem(error, problem, size);
    return 1;
  }
}

__attribute__((visibility("default"))) void verse_cuda_forget(void* recording) {
  delete static_cast<at::cuda::CUDAGraph*>(recording);
}

}  // extern "C"
