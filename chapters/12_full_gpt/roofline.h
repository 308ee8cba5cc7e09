#pragma once

/// @file
/// Chapter 12: what a matrix product takes at least, on a machine that computes so fast and reads so fast.

#include <cstdint>

namespace verse {

/// What a machine can do at best.
struct Limits {
  double operations = 0;  ///< multiplications and additions a second
  double bytes = 0;       ///< read from and written to memory a second
};

/// A matrix product, [rows, inner] by [inner, columns].
struct ProductShape {
  std::int64_t rows = 0, inner = 0, columns = 0;
  std::int64_t number_bytes = 4;  ///< of a number in all three matrices
};

/// What a product takes.
struct ProductCost {
  double operations = 0;  ///< multiplications and additions
  double bytes = 0;       ///< of the two factors, which are read, and of the product, which is written
  double intensity = 0;   ///< operations a byte
  double seconds = 0;     ///< at least
};

/// What a product takes on a machine, at best. (Exercise 12.10)
///
/// A multiplication with its addition counts as two operations. Each matrix passes through memory once. Memory and
/// arithmetic work side by side, and the one that takes longer decides. Source: Williams, Waterman and Patterson 2009.
ProductCost cost_of(const ProductShape& product, const Limits& limits);

}  // namespace verse
