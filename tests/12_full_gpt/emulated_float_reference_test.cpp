#define NUMBERS_ARE_FLOAT
#include "tests/12_full_gpt/emulated_kernels.inc"

const verse::EmulatedKernels& verse::emulated_float_kernels() {
  return all_kernels();
}
