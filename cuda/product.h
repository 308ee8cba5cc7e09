#pragma once

/* A matrix product as the plugin's C function takes it: out = a b, matrices row by row. */

enum {
  VERSE_PRODUCT_PLAIN = 0,
  VERSE_PRODUCT_ADD = 1,           /* is added to what stands in out */
  VERSE_PRODUCT_BIAS = 2,          /* bias [columns] is added to each row */
  VERSE_PRODUCT_GELU = 3,          /* the same, kept in `kept`; then GELU */
  VERSE_PRODUCT_GELU_BACKWARD = 4, /* times GELU's slope at `kept`; sums over rows go to bias */
};

struct verse_cuda_product {
  void* out;
  const void* a;
  const void* b;
  void* bias; /* of the numbers' kind */
  void* kept; /* as out */
  long long rows, columns, inner;
  long long out_stride, a_stride, b_stride; /* numbers from one row to the next, as the matrix lies in memory */
  int a_turned, b_turned;                   /* transposed: a lies as [inner, rows], b as [columns, inner] */
  int numbers_are_float;                    /* float32; else bfloat16 */
  int out_is_float;
  int finish;
};
