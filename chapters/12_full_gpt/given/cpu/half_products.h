#pragma once

/// @file
/// Chapter 12: matrix products in bfloat16 on a processor that multiplies such numbers by itself.

#include <torch/torch.h>

#include "common/projection.h"

namespace verse {

/// Whether this processor has instructions that multiply bfloat16 and add up in float32. The program knows those of
/// x86-64 (AVX-512's BF16), and says no on any other processor, also where that one has its own, as ARM's may.
bool multiplies_bfloat16();

/// For as long as it lives, project() takes its products in bfloat16 on this thread.
class HalfProducts {
 public:
  explicit HalfProducts(bool on);
  ~HalfProducts();
  HalfProducts(const HalfProducts&) = delete;
  HalfProducts& operator=(const HalfProducts&) = delete;

 private:
  bool before_;
};

/// projection.forward(x). While a HalfProducts says so and it is a LinearProjection, this product and the two on the
/// way back are of numbers rounded to bfloat16: they are added up in float32, and each result is rounded once more.
/// What comes in, what comes out, and the bias with its gradient are float32. In float32 too, such a projection is one
/// operation for autograd on a processor.
/// @param x [rows, inputs] @return [rows, outputs]
torch::Tensor project(Projection& projection, const torch::Tensor& x);

}  // namespace verse
