/// @file
/// Matrix products by cuBLASLt, which can do more to an outcome before it is written than LibTorch lets it; and work
/// beside other work. C functions that common/gpu_kernels.cpp looks up by their names.

#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <optional>
#include <vector>

#include "cublas_lt.h"
#include "product.h"

namespace {

constexpr std::size_t kWorkspace = std::size_t{32} << 20;  // what NVIDIA advises for Hopper
constexpr int kChoices = 8;

/// What a product's algorithm is chosen by.
using Shape = std::array<long long, 11>;

Shape shape_of(const verse_cuda_product& p) {
  return {p.rows,     p.columns,  p.inner,        p.out_stride, p.a_stride,         p.b_stride,
          p.a_turned, p.b_turned, p.out_is_float, p.finish,     p.numbers_are_float};
}

struct Lt {
  void* handle = nullptr;
  std::map<cudaStream_t, void*> workspaces;
  std::map<Shape, cublas_lt::Algorithm> algorithms;
  bool tries = false;  ///< whether several algorithms are timed for each shape

  void* workspace(cudaStream_t stream) {
    void*& memory = workspaces[stream];
    // Not from LibTorch's pools: those of a recording are not ours to keep.
    if (memory == nullptr && cudaMalloc(&memory, kWorkspace) != cudaSuccess) {
      cudaGetLastError();
      memory = nullptr;
    }
    return memory;
  }
};

Lt& lt() {
  static Lt state;
  return state;
}

/// cuBLASLt's descriptions of one product; freed at the end.
struct Plan {
  void *description = nullptr, *a = nullptr, *b = nullptr, *out = nullptr;

  Plan() = default;
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;
  ~Plan() {
    const auto& f = cublas_lt::functions();
    if (description != nullptr) f.description_free(description);
    for (void* layout : {a, b, out}) {
      if (layout != nullptr) f.layout_free(layout);
    }
  }

  /// cuBLASLt counts columns first. Our rows are its columns, so a row-major out = a b is its out' = b' a'.
  bool make(const verse_cuda_product& p) {
    const auto& f = cublas_lt::functions();
    const cudaDataType number = p.numbers_are_float != 0 ? CUDA_R_32F : CUDA_R_16BF;
    const cudaDataType result = p.out_is_float != 0 ? CUDA_R_32F : number;
    const int yes = cublas_lt::kTransposed;
    bool good = f.description_make(&description, cublas_lt::kComputeFloat32, CUDA_R_32F) == 0;
    const auto set = [&](int attribute, const void* value, std::size_t size) {
      good = good && f.description_set(description, attribute, value, size) == 0;
    };
    if (p.b_turned != 0) set(cublas_lt::turned_a, &yes, sizeof yes);
    if (p.a_turned != 0) set(cublas_lt::turned_b, &yes, sizeof yes);
    const std::uint32_t epilogue = p.finish == VERSE_PRODUCT_BIAS   ? cublas_lt::add_bias
                                   : p.finish == VERSE_PRODUCT_GELU ? cublas_lt::gelu_keeping_with_bias
                                   : p.finish == VERSE_PRODUCT_GELU_BACKWARD
                                       ? cublas_lt::gelu_backward_with_bias_gradient
                                       : cublas_lt::plain;
    set(cublas_lt::epilogue, &epilogue, sizeof epilogue);
    if (p.bias != nullptr) set(cublas_lt::bias_pointer, &p.bias, sizeof p.bias);
    if (p.kept != nullptr) {
      const std::int64_t stride = p.out_stride;
      set(cublas_lt::kept_pointer, &p.kept, sizeof p.kept);
      set(cublas_lt::kept_stride, &stride, sizeof stride);
    }
    const auto layout = [&](void** to, cudaDataType type, long long rows, long long columns, long long stride) {
      good = good && f.layout_make(to, type, static_cast<std::uint64_t>(columns), static_cast<std::uint64_t>(rows),
                                   stride) == 0;
    };
    layout(&b, number, p.b_turned != 0 ? p.columns : p.inner, p.b_turned != 0 ? p.inner : p.columns, p.b_stride);
    layout(&a, number, p.a_turned != 0 ? p.inner : p.rows, p.a_turned != 0 ? p.rows : p.inner, p.a_stride);
    layout(&out, result, p.rows, p.columns, p.out_stride);
    return good;
  }

  int run(const verse_cuda_product& p, const cublas_lt::Algorithm& algorithm, cudaStream_t stream) const {
    const float one = 1, beta = p.finish == VERSE_PRODUCT_ADD ? 1 : 0;
    return cublas_lt::functions().multiply(lt().handle, description, &one, p.b, b, p.a, a, &beta, p.out, out, p.out,
                                           out, &algorithm, lt().workspace(stream), kWorkspace, stream);
  }
};

/// How long a product takes by an algorithm, in milliseconds; nothing where it does not work.
std::optional<float> time_of(const Plan& plan, const verse_cuda_product& p, const cublas_lt::Algorithm& algorithm,
                             cudaStream_t stream) {
  constexpr int kRounds = 5;
  cudaEvent_t begin = nullptr, end = nullptr;
  float milliseconds = 0;
  bool good = cudaEventCreate(&begin) == cudaSuccess && cudaEventCreate(&end) == cudaSuccess;
  good = good && plan.run(p, algorithm, stream) == 0 && cudaEventRecord(begin, stream) == cudaSuccess;
  for (int i = 0; good && i < kRounds; ++i) good = plan.run(p, algorithm, stream) == 0;
  good = good && cudaEventRecord(end, stream) == cudaSuccess && cudaEventSynchronize(end) == cudaSuccess &&
         cudaEventElapsedTime(&milliseconds, begin, end) == cudaSuccess;
  if (begin != nullptr) cudaEventDestroy(begin);
  if (end != nullptr) cudaEventDestroy(end);
  if (!good) cudaGetLastError();
  return good ? std::optional(milliseconds / kRounds) : std::nullopt;
}

/// The algorithm for a product: cuBLASLt's first choice, or the fastest of several by the clock.
std::optional<cublas_lt::Algorithm> algorithm_for(const Plan& plan, const verse_cuda_product& p, cudaStream_t stream) {
  const auto& f = cublas_lt::functions();
  const Shape shape = shape_of(p);
  if (const auto known = lt().algorithms.find(shape); known != lt().algorithms.end()) return known->second;

  void* preference = nullptr;
  if (f.preference_make(&preference) != 0) return std::nullopt;
  f.preference_set(preference, cublas_lt::kMostWorkspace, &kWorkspace, sizeof kWorkspace);
  std::array<cublas_lt::Choice, kChoices> choices{};
  int count = 0;
  const int failed = f.choose(lt().handle, plan.description, plan.b, plan.a, plan.out, plan.out, preference, kChoices,
                              choices.data(), &count);
  f.preference_free(preference);
  if (failed != 0 || count == 0) return std::nullopt;

  cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;
  cudaStreamIsCapturing(stream, &capture);
  int best = 0;
  // A product that is added to what is there cannot be tried over and over.
  if (lt().tries && capture == cudaStreamCaptureStatusNone && p.finish != VERSE_PRODUCT_ADD) {
    float least = -1;
    for (int i = 0; i < count; ++i) {
      const auto time = time_of(plan, p, choices[static_cast<std::size_t>(i)].algorithm, stream);
      if (!time || (least >= 0 && *time >= least)) continue;
      least = *time;
      best = i;
    }
  }
  return lt().algorithms[shape] = choices[static_cast<std::size_t>(best)].algorithm;
}

void say(char* problem, int size, const char* text) {
  std::snprintf(problem, static_cast<std::size_t>(size), "%s", text);
}

/// A second stream beside this thread's, and events that say how far each is.
struct Aside {
  std::optional<c10::cuda::CUDAStream> main, side;
  cudaEvent_t forked = nullptr;
  std::map<int, cudaEvent_t> done;
};

Aside& aside() {
  static Aside state;
  return state;
}

cudaEvent_t& made(cudaEvent_t& event) {
  if (event == nullptr) C10_CUDA_CHECK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
  return event;
}

}  // namespace

extern "C" {

/// Whether several algorithms are timed the first time that a shape is multiplied.
__attribute__((visibility("default"))) void verse_cuda_try_algorithms(int tries) {
  lt().tries = tries != 0;
}

/// A matrix product on this thread's stream. @return 0; 1 where it cannot be done so, with the reason in `problem`:
/// nothing was written then
__attribute__((visibility("default"))) int verse_cuda_multiply(const verse_cuda_product* product, char* problem,
                                                               int size) {
  const auto& f = cublas_lt::functions();
  if (!f.complete) return say(problem, size, "cuBLASLt is not there"), 1;
  if (lt().handle == nullptr && f.create(&lt().handle) != 0) return say(problem, size, "cuBLASLt does not start"), 1;
  const cudaStream_t stream = c10::cuda::getCurrentCUDAStream().stream();
  if (lt().workspace(stream) == nullptr) return say(problem, size, "there is no memory for cuBLASLt"), 1;
  Plan plan;
  if (!plan.make(*product)) return say(problem, size, "cuBLASLt does not know such a product"), 1;
  const auto algorithm = algorithm_for(plan, *product, stream);
  if (!algorithm) return say(problem, size, "cuBLASLt has no algorithm for such a product"), 1;
  if (plan.run(*product, *algorithm, stream) != 0) return say(problem, size, "cuBLASLt's product fails"), 1;
  return 0;
}

/// From here on work goes to a second stream, after what was asked for so far. @return 0, or 1 where that fails
__attribute__((visibility("default"))) int verse_cuda_aside_begin() {
  try {
    Aside& state = aside();
    state.main = c10::cuda::getCurrentCUDAStream();
    if (!state.side) state.side = c10::cuda::getStreamFromPool(/*isHighPriority=*/false, state.main->device_index());
    C10_CUDA_CHECK(cudaEventRecord(made(state.forked), state.main->stream()));
    C10_CUDA_CHECK(cudaStreamWaitEvent(state.side->stream(), state.forked));
    c10::cuda::setCurrentCUDAStream(*state.side);
    return 0;
  } catch (const std::exception&) {
    return 1;
  }
}

/// Back to the first stream. @param number by which it can be waited for what the second was asked for
__attribute__((visibility("default"))) int verse_cuda_aside_end(int number) {
  try {
    Aside& state = aside();
    C10_CUDA_CHECK(cudaEventRecord(made(state.done[number]), state.side->stream()));
    c10::cuda::setCurrentCUDAStream(*state.main);
    return 0;
  } catch (const std::exception&) {
    return 1;
  }
}

/// What this thread's stream is asked for next waits for what the second one was asked for under that number.
__attribute__((visibility("default"))) int verse_cuda_aside_wait(int number) {
  try {
    C10_CUDA_CHECK(cudaStreamWaitEvent(c10::cuda::getCurrentCUDAStream().stream(), made(aside().done[number])));
    return 0;
  } catch (const std::exception&) {
    return 1;
  }
}

/// The processors of the card in use. @return 0 where it does not answer
__attribute__((visibility("default"))) int verse_cuda_multiprocessors() {
  int count = 0;
  return cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, c10::cuda::current_device()) == cudaSuccess
             ? count
             : 0;
}

}  // extern "C"
