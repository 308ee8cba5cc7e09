#pragma once

#include <torch/torch.h>

#include <string>

namespace verse {

/// Where tensors live and why that was chosen.
struct DeviceChoice {
  torch::Device device = torch::kCPU;
  std::string reason;     ///< one sentence, for the reader
  bool bfloat16 = false;  ///< whether it computes in bfloat16 by itself: NVIDIA's from compute capability 8.0 on
};

/// `auto` takes CUDA where it works, else the CPU; `cpu` and `cuda` are taken at their word.
/// @throws UsageError for another name, or for `cuda` where there is none that works, with the reason.
DeviceChoice choose_device(const std::string& name);

/// Loads LibTorch's CUDA half and our plugin where an NVIDIA driver answers. To be called first thing in main(): asking
/// LibTorch for CUDA before its library is loaded settles the answer to "no" for the whole process. Harmless elsewhere.
void prepare_cuda();

}  // namespace verse
