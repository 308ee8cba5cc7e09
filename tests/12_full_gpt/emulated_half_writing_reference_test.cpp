#define HEADS 4
#define EMULATED_WRITING emulated_half_writing
#include "tests/12_full_gpt/emulated_writing.inc"
