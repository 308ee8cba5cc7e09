#include "tests/12_full_gpt/emulated_kernels.inc"

const verse::EmulatedKernels& verse::emulated_half_kernels() {
  return all_kernels();
}
