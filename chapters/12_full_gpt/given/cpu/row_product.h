#pragma once

/// @file
/// A matrix times a few rows: what a single token asks of each projection.

#include <torch/torch.h>

#include "11_modern/given/small_matrix.h"

namespace verse {

/// Up to how many rows project_rows() multiplies by itself.
constexpr std::int64_t kFewRows = 4;

/// x W^T + b, as torch::linear(), which it is wherever gradients are asked for.
///
/// For a few rows of float32, by a function of our own where it becomes vector instructions: each row of W
/// is read once, in the order in which it lies, and threads share W's rows. A sum is always added up in the same order,
/// so that the result has the same bits on any number of threads. Anything else is handed to torch::linear(), which is
/// equal within rounding.
/// @param x [rows, inputs] @param weight [outputs, inputs] @param bias [outputs], or undefined for none
/// @return [rows, outputs]
torch::Tensor project_rows(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias = {});

/// The same for a matrix in small numbers, by multiply_rows(); of more rows, by SmallMatrix::product().
torch::Tensor project_rows(const torch::Tensor& x, const SmallMatrix& weight, const torch::Tensor& bias = {});

}  // namespace verse
