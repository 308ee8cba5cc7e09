#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>

#include "common/gpu_kernels.h"

namespace verse {

/// Kernels by their names, run by an emulated card.
using EmulatedKernels =
    std::map<std::string, std::function<void(Grid grid, Grid block, unsigned shared, void** arguments)>>;

/// Those of kernels/training.cu and updating.cu for a width of 256: with numbers of 32 bits and places of 64, and with
/// numbers of 16 bits and places of 32.
const EmulatedKernels& emulated_float_kernels();
const EmulatedKernels& emulated_half_kernels();

/// From here on, an emulated grid is the rest of a larger one: its first block has that number.
void begin_emulated_blocks_at(unsigned block);

/// Those of kernels/generation.cu: with weights of 32 bits and 2 heads, and with weights of 16 bits and 4 heads.
const EmulatedKernels& emulated_float_writing();
const EmulatedKernels& emulated_half_writing();

/// Those of training and of kernels/attention.cu, for a width of 128, 2 heads and a context of 160, with numbers of 16
/// bits and places of 64.
const EmulatedKernels& emulated_attention_kernels();

/// A launcher whose card is emulated, with 2 processors. It has no matrix products.
class EmulatedLauncher : public Launcher {
 public:
  explicit EmulatedLauncher(const EmulatedKernels& kernels) : kernels_(kernels) {}

  void launch(const char* kernel, Grid grid, Grid block, unsigned shared, void** arguments, bool /*early*/) override {
    kernels_.at(kernel)(grid, block, shared, arguments);
    used.insert(kernel);
  }
  bool multiply(const verse_cuda_product& /*product*/, std::string& problem) override {
    problem = "a processor";
    return false;
  }
  int processors() const override { return 2; }

  static inline std::set<std::string> used;  ///< kernels that have run

 private:
  const EmulatedKernels& kernels_;
};

}  // namespace verse
