#pragma once

/// @file
/// What NVIDIA's driver tells by itself, without LibTorch and without CUDA's headers.

#include <cstdint>
#include <optional>
#include <string>

namespace verse {

/// A GPU as its driver describes it.
struct GpuFacts {
  std::string name;        ///< such as "NVIDIA H200"
  std::int64_t bytes = 0;  ///< of memory
  int major = 0;           ///< compute capability 9.0 is 9 and 0
  int minor = 0;
};

/// Why there is no GPU that the driver could hand out, in a few words; empty where there is one.
std::string why_no_gpu();

/// The CUDA version that the driver serves, such as "13.0"; "?" where it does not say.
std::string driver_version();

/// @param device counted as LibTorch counts, so among those that CUDA_VISIBLE_DEVICES leaves
/// @return nothing where the driver does not answer
std::optional<GpuFacts> gpu_facts(int device);

/// Whether it multiplies bfloat16 matrices by itself: from compute capability 8.0 on.
bool has_bfloat16(const GpuFacts& gpu);

/// One line, such as "NVIDIA H200 (140 GiB, compute capability 9.0)".
std::string describe(const GpuFacts& gpu);

}  // namespace verse
