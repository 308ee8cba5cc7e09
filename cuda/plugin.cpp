/// @file
/// What needs CUDA's headers, as C functions that common/device.cpp looks up by their names: recording a GPU's work.

#include <ATen/core/CachingHostAllocator.h>
#include <ATen/cuda/CUDAGeneratorImpl.h>
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

/// A CUDA graph that can be given up half-way.
class Graph : public at::cuda::CUDAGraph {
 public:
  /// Ends a recording that failed, so that work can go on one operation at a time.
  ///
  /// capture_end() throws where the recording has become invalid, and leaves two things as they were during it: new
  /// tensors would still come from the recording's own memory, and LibTorch's generator would refuse to draw. Both are
  /// put right here.
  void give_up() noexcept {
    try {
      capture_end();
      return;  // it was whole; this object's end takes it away
    } catch (const std::exception&) {
      cudaGetLastError();
    }
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    if (cudaStreamIsCapturing(capture_stream_, &status) == cudaSuccess && status != cudaStreamCaptureStatusNone) {
      cudaGraph_t rest = nullptr;
      cudaStreamEndCapture(capture_stream_, &rest);
      if (rest != nullptr) cudaGraphDestroy(rest);
    }
    cudaGetLastError();
    for (auto& [state, increment] : captured_generator_states_) {
      state->capturing_ = false;
      state->offset_intragraph_ = 0;
    }
    const auto quietly = [](const auto& action) {
      try {
        action();
      } catch (const std::exception&) {
        cudaGetLastError();
      }
    };
    if (capture_ended_) return;  // the memory goes with this object
    quietly([this] { c10::cuda::CUDACachingAllocator::endAllocateToPool(capture_dev_, mempool_id_); });
    quietly([this] { c10::cuda::CUDACachingAllocator::releasePool(capture_dev_, mempool_id_); });
    quietly([this] { at::getHostAllocator(at::kCUDA)->end_allocate_to_pool(mempool_id_); });
    quietly([this] { at::getHostAllocator(at::kCUDA)->release_pool(mempool_id_); });
  }
};

}  // namespace

extern "C" {

/// Records what `work(context)` asks of the GPU on this thread's stream. @return the recording, for the two functions
/// below; null where that fails, with the reason in `problem`
__attribute__((visibility("default"))) void* verse_cuda_record(void (*work)(void*), void* context, char* problem,
                                                               int size) {
  std::unique_ptr<Graph> graph;
  bool begun = false;
  try {
    graph = std::make_unique<Graph>();
    C10_CUDA_CHECK(cudaDeviceSynchronize());
    begun = true;
    graph->capture_begin();
    work(context);
    graph->capture_end();
    return graph.release();
  } catch (const std::exception& error) {
    describe_problem(error, problem, size);
  }
  if (begun) graph->give_up();
  return nullptr;
}

/// Asks for all that was recorded. @return 0, or 1 with the reason in `problem`
__attribute__((visibility("default"))) int verse_cuda_play(void* recording, char* problem, int size) {
  try {
    static_cast<Graph*>(recording)->replay();
    return 0;
  } catch (const std::exception& error) {
    describe_problem(error, problem, size);
    return 1;
  }
}

__attribute__((visibility("default"))) void verse_cuda_forget(void* recording) {
  delete static_cast<Graph*>(recording);
}

}  // extern "C"
