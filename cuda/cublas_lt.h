#pragma once

/// @file
/// The part of cuBLASLt that we use, as its manual has it. (Its header is not among those that LibTorch's wheel for a
/// CPU brings, and its library is there only where LibTorch's CUDA half is: so it is looked up by name.)

#include <dlfcn.h>
#include <library_types.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace cublas_lt {

constexpr int kComputeFloat32 = 68;  ///< CUBLAS_COMPUTE_32F
constexpr int kTransposed = 1;       ///< CUBLAS_OP_T

/// cublasLtMatmulDescAttributes_t
enum Attribute { turned_a = 3, turned_b = 4, epilogue = 7, bias_pointer = 8, kept_pointer = 11, kept_stride = 12 };

/// cublasLtEpilogue_t
enum Epilogue : std::uint32_t {
  plain = 1,
  add_bias = 4,
  gelu_keeping_with_bias = 32 | 128 | 4,
  gelu_backward_with_bias_gradient = 64 | 128 | 16
};

constexpr int kMostWorkspace = 1;  ///< CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES

struct Algorithm {
  std::uint64_t data[8];
};
struct Choice {
  Algorithm algorithm;
  std::size_t workspace;
  int state;
  float waves;
  int reserved[4];
};

struct Functions {
  int (*create)(void** handle) = nullptr;
  int (*description_make)(void** description, int compute, cudaDataType scale) = nullptr;
  int (*description_set)(void* description, int attribute, const void* value, std::size_t size) = nullptr;
  int (*description_free)(void* description) = nullptr;
  int (*layout_make)(void** layout, cudaDataType type, std::uint64_t rows, std::uint64_t columns,
                     std::int64_t stride) = nullptr;
  int (*layout_free)(void* layout) = nullptr;
  int (*preference_make)(void** preference) = nullptr;
  int (*preference_set)(void* preference, int attribute, const void* value, std::size_t size) = nullptr;
  int (*preference_free)(void* preference) = nullptr;
  int (*choose)(void* handle, void* description, void* a, void* b, void* c, void* d, void* preference, int most,
                Choice* choices, int* count) = nullptr;
  int (*multiply)(void* handle, void* description, const void* alpha, const void* a, void* a_layout, const void* b,
                  void* b_layout, const void* beta, const void* c, void* c_layout, void* d, void* d_layout,
                  const Algorithm* algorithm, void* workspace, std::size_t workspace_size, void* stream) = nullptr;

  bool complete = false;
};

/// All of them, or an incomplete set where the library is not there.
inline const Functions& functions() {
  static const Functions found = [] {
    Functions all;
    void* library = ::dlopen("libcublasLt.so.13", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) library = ::dlopen("libcublasLt.so.12", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return all;
    all.complete = true;
    const auto find = [&](auto& function, const char* name) {
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(library, name));
      if (function == nullptr) all.complete = false;
    };
    find(all.create, "cublasLtCreate");
    find(all.description_make, "cublasLtMatmulDescCreate");
    find(all.description_set, "cublasLtMatmulDescSetAttribute");
    find(all.description_free, "cublasLtMatmulDescDestroy");
    find(all.layout_make, "cublasLtMatrixLayoutCreate");
    find(all.layout_free, "cublasLtMatrixLayoutDestroy");
    find(all.preference_make, "cublasLtMatmulPreferenceCreate");
    find(all.preference_set, "cublasLtMatmulPreferenceSetAttribute");
    find(all.preference_free, "cublasLtMatmulPreferenceDestroy");
    find(all.choose, "cublasLtMatmulAlgoGetHeuristic");
    find(all.multiply, "cublasLtMatmul");
    return all;
  }();
  return found;
}

}  // namespace cublas_lt
