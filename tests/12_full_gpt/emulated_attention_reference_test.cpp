#define MANY_PLACES
#define WIDTH 128
#define HEADS 2
#define CONTEXT 160
#include "tests/12_full_gpt/emulated_kernels.inc"

const verse::EmulatedKernels& verse::emulated_attention_kernels() {
  return all_kernels();
}
