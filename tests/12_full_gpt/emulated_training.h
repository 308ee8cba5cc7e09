#pragma once

#include <functional>
#include <map>
#include <string>

#include "common/gpu_kernels.h"

namespace verse {

/// Kernels by their names, run by an emulated card.
using EmulatedKernels = std::map<std::string, std::function<void(Grid grid, Grid block, void** arguments)>>;

/// Those of kernels/training.cu for a width of 256: with numbers of 32 bits, and of 16.
const EmulatedKernels& emulated_float_kernels();
const EmulatedKernels& emulated_half_kernels();

}  // namespace verse
