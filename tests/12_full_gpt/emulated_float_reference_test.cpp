#define NUMBERS_ARE_FLOAT
#define MANY_PLACES
#include "tests/12_full_gpt/emulated_kernels.inc"

const verse::EmulatedKernels& verse::emulated_float_kernels() {
  return all_kernels();
}

void verse::begin_emulated_blocks_at(unsigned block) {
  emulated::Block::now().first_block = block;
}
