#pragma once

/// @file
/// Chapter 11: a weight matrix in fewer bytes than float32 takes, for whoever only reads it. Given, not an exercise.

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <string>

namespace verse {

/// The numbers in which a matrix can be kept.
enum class WeightKind { fp32, bf16, int8, int4 };

/// The kind of that name: fp32, bf16, int8 or int4. @throws UsageError for any other
WeightKind weight_kind(const std::string& name);

/// Weights of a row that share a scale in int4.
inline constexpr std::int64_t kGroup = 64;

/// A matrix in numbers of 16, 8 or 4 bits, made once of one in float32.
///
/// - bf16: each number rounded to bfloat16, which has eight binary digits.
/// - int8: exercise 11.9's rows, a scale for each row.
/// - int4: exercise 11.11's groups of kGroup weights of a row, two weights in a byte. Where a row's last group is not
///   whole, zeros fill it up.
class SmallMatrix {
 public:
  /// @param weight [outputs, inputs], of any floating-point type, on the CPU; nothing of it is kept
  /// @param kind any but fp32
  SmallMatrix(const torch::Tensor& weight, WeightKind kind);

  WeightKind kind() const { return kind_; }
  std::int64_t outputs() const { return outputs_; }
  std::int64_t inputs() const { return inputs_; }
  std::int64_t bytes() const;  ///< of all that is kept

  /// The matrix that is meant, in float32: [outputs, inputs].
  torch::Tensor whole() const;

  /// x times the transposed matrix, by a copy of it in float32; for int8, exercise 11.10's product.
  /// @param x [..., inputs], float32 @return [..., outputs]
  torch::Tensor product(const torch::Tensor& x) const;

  /// What is kept. bf16: [outputs, inputs]. int8: [outputs, inputs], and scales [outputs]. int4: uint8 [outputs,
  /// groups, kGroup / 2], and scales [outputs, groups], where groups is inputs / kGroup, rounded up. A group's weight
  /// number 16 n + lane, two's complement in four bits, is nibble n (the lowest is 0) of the 16-bit number `lane`, low
  /// byte first: so sixteen numbers that follow one another come out of sixteen lanes by one shift.
  const torch::Tensor& values() const { return values_; }
  const torch::Tensor& scales() const { return scales_; }

 private:
  WeightKind kind_;
  std::int64_t outputs_, inputs_;
  torch::Tensor values_, scales_;
};

/// A matrix of a model: as it was learned, or in its place one in small numbers.
struct ModelMatrix {
  torch::Tensor full;  ///< [outputs, inputs]; where there is a small one, NaN without memory
  std::shared_ptr<const SmallMatrix> small;

  /// Puts one in small numbers in the place of the full one, whose memory is given up by everybody who shares it.
  void shrink(WeightKind kind);

  /// The matrix in float32; of a small one, a copy.
  torch::Tensor whole() const { return small == nullptr ? full : small->whole(); }

  /// x W^T + b. @param x [..., inputs] @param bias [outputs], or undefined for none
  torch::Tensor product(const torch::Tensor& x, const torch::Tensor& bias = {}) const;
};

}  // namespace verse
