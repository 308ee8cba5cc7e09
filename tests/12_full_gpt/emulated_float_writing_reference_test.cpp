#define NUMBERS_ARE_FLOAT
#define HEADS 2
#define EMULATED_WRITING emulated_float_writing
#include "tests/12_full_gpt/emulated_writing.inc"
