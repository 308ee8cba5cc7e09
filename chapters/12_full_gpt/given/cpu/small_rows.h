#pragma once

/// @file
/// Chapter 12: the rows of a matrix, in whatever numbers they are kept, times a single vector.

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "11_modern/given/small_matrix.h"

namespace verse {

/// A matrix as its rows are read: where its numbers lie, and what they are. It keeps nothing alive.
struct RowMatrix {
  WeightKind kind = WeightKind::fp32;
  const void* values = nullptr;
  const float* scales = nullptr;  ///< of int8 and int4
  std::int64_t outputs = 0, inputs = 0;

  RowMatrix() = default;
  RowMatrix(const float* numbers, std::int64_t rows, std::int64_t columns);
  explicit RowMatrix(const torch::Tensor& full);  ///< [outputs, inputs], float32, in one piece, on the CPU
  explicit RowMatrix(const SmallMatrix& small);
  explicit RowMatrix(const ModelMatrix& matrix);
};

/// The vector that rows are multiplied with, made ready once for all of them.
///
/// With whole numbers of 8 or 4 bits, a product is faster in whole numbers too: so x is rounded to 16 bits, with a
/// scale for each kGroup numbers, whose largest becomes 32,767. That is off by 1/65,534 of it at most, where a weight
/// of eight bits is off by up to 1/254 of its row's largest.
class RowInput {
 public:
  /// @param x [inputs], which stays where it is as long as it is used
  void set(const float* x, std::int64_t inputs, WeightKind kind);

  const float* x = nullptr;
  std::vector<std::int16_t> whole;  ///< for int8 and int4: [groups, kGroup], zeros behind the last number
  std::vector<float> scales;        ///< [groups]
};

/// Multiplies the rows from `first` up to `last` with x: to[o] is the sum of row o's numbers times x's.
///
/// Each number of the matrix is read once, in the order in which it lies, and is turned into what is multiplied in a
/// register. A row's sum is always added up in the same order, so that its bits do not depend on which rows are asked
/// for together.
/// @param x made ready for a matrix of this kind and of as many inputs
/// @param to [outputs], of which those from first to last are written
/// @param eight whether the processor may make eight products at once, see eight_at_once()
void multiply_rows(const RowMatrix& matrix, const RowInput& x, float* to, std::int64_t first, std::int64_t last,
                   bool eight);
void multiply_rows(const RowMatrix& matrix, const RowInput& x, float* to, std::int64_t first, std::int64_t last);

}  // namespace verse
