#include "12_full_gpt/given/cpu/row_product.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "12_full_gpt/given/cpu/small_rows.h"
#include "common/share_out.h"
#include "common/vector_loops.h"

namespace verse {

namespace {

constexpr std::int64_t kProductsOfAThread = 65'536;  ///< fewer are not worth a meeting

//! [row-product]
/// The sum of the products of two rows. It is kept in 32 parts, which do not wait for one another: the compiler adds to
/// several of them at once.
VERSE_VECTOR_LOOP float dot(const float* a, const float* b, std::int64_t count) {
  constexpr std::int64_t kParts = 32;
  float parts[kParts] = {};
  std::int64_t i = 0;
  for (; i + kParts <= count; i += kParts) {
    for (std::int64_t part = 0; part < kParts; ++part) parts[part] += a[i + part] * b[i + part];
  }
  float sum = 0;
  for (const float part : parts) sum += part;
  for (; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

torch::Tensor project_few_rows(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias) {
  const std::int64_t rows = x.size(0), inputs = x.size(1), outputs = weight.size(0);
  auto result = torch::empty({rows, outputs}, x.options());
  const float *from = x.const_data_ptr<float>(), *matrix = weight.const_data_ptr<float>(),
              *shift = bias.defined() ? bias.const_data_ptr<float>() : nullptr;
  float* to = result.mutable_data_ptr<float>();
  share_out(
      0, outputs, std::max<std::int64_t>(kProductsOfAThread / inputs, 1), [=](std::int64_t begin, std::int64_t end) {
        for (std::int64_t output = begin; output < end; ++output) {
          for (std::int64_t row = 0; row < rows; ++row) {
            to[row * outputs + output] =
                dot(matrix + output * inputs, from + row * inputs, inputs) + (shift == nullptr ? 0 : shift[output]);
          }
        }
      });
  return result;
}
//! [row-product]

bool is_plain(const torch::Tensor& tensor) {
  return tensor.is_cpu() && tensor.scalar_type() == torch::kFloat32 && tensor.is_contiguous();
}

}  // namespace

torch::Tensor project_rows(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias) {
  const bool ours = vector_loops() && !torch::GradMode::is_enabled() && x.size(0) <= kFewRows && is_plain(x) &&
                    is_plain(weight) && (!bias.defined() || is_plain(bias));
  return ours ? project_few_rows(x, weight, bias) : torch::linear(x, weight, bias);
}

torch::Tensor project_rows(const torch::Tensor& x, const SmallMatrix& weight, const torch::Tensor& bias) {
  if (x.size(0) > kFewRows || !is_plain(x)) {
    const auto result = weight.product(x);
    return bias.defined() ? result + bias : result;
  }
  const RowMatrix matrix(weight);
  std::vector<RowInput> inputs(static_cast<std::size_t>(x.size(0)));
  for (std::size_t row = 0; row < inputs.size(); ++row) {
    inputs[row].set(x.const_data_ptr<float>() + static_cast<std::int64_t>(row) * matrix.inputs, matrix.inputs,
                    matrix.kind);
  }
  auto result = torch::empty({x.size(0), matrix.outputs}, x.options());
  float* const to = result.mutable_data_ptr<float>();
  share_out(0, matrix.outputs, std::max<std::int64_t>(kProductsOfAThread / matrix.inputs, 1),
            [&](std::int64_t first, std::int64_t last) {
              for (std::size_t row = 0; row < inputs.size(); ++row) {
                multiply_rows(matrix, inputs[row], to + static_cast<std::int64_t>(row) * matrix.outputs, first, last);
              }
            });
  return bias.defined() ? result.add_(bias) : result;
}

}  // namespace verse
