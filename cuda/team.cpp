/// @file
/// The GPUs' half of a team: NCCL, as LibTorch has it. common/team_store.cpp looks the function up by its name.

#define USE_C10D_NCCL 1
#include <c10/cuda/CUDAFunctions.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <exception>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#include <utility>

extern "C" {

/// Joins the other processes, each with a GPU of its own, and makes that GPU this thread's.
/// @param store a c10d::Store* that outlives the result @param milliseconds after which a sum that waits has failed
/// @return a c10d::Backend*, which the caller owns; null where that fails, with the reason in `problem`
__attribute__((visibility("default"))) void* verse_cuda_team(void* store, int rank, int size, int device,
                                                             long long milliseconds, char* problem, int length) {
  try {
    if (device >= c10::cuda::device_count()) {
      std::snprintf(problem, static_cast<std::size_t>(length),
                    "this machine has %d GPUs, and process %d needs one more",
                    static_cast<int>(c10::cuda::device_count()), device + 1);
      return nullptr;
    }
    const auto index = static_cast<c10::DeviceIndex>(device);
    c10::cuda::set_device(index);
    auto options = c10d::ProcessGroupNCCL::Options::create();
    options->timeout = std::chrono::milliseconds(milliseconds);
    auto shared = c10::intrusive_ptr<c10d::Store>::unsafe_reclaim_from_nonowning(static_cast<c10d::Store*>(store));
    auto group = c10::make_intrusive<c10d::ProcessGroupNCCL>(shared, rank, size, options);
    group->setBoundDeviceId(at::Device(at::kCUDA, index));
    return c10::intrusive_ptr<c10d::Backend>(std::move(group)).release();
  } catch (const std::exception& error) {
    std::snprintf(problem, static_cast<std::size_t>(length), "%s", error.what());
    if (char* line_end = std::strchr(problem, '\n')) *line_end = '\0';
    return nullptr;
  }
}

}  // extern "C"
