#include "11_modern/given/small_matrix.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "11_modern/parts.h"
#include "common/base/error.h"
#include "common/large_pages.h"

namespace verse {

namespace {

constexpr std::int64_t kNumbersAtATime = 1 << 20;
constexpr std::int64_t kLanes = 16;                 ///< 16-bit numbers that keep a group's weights
constexpr std::int64_t kNibbles = kGroup / kLanes;  ///< of four bits, in each of them

/// @param numbers [outputs, groups, kGroup], from -8 to 7 @return uint8 [outputs, groups, kGroup / 2]
torch::Tensor packed(const torch::Tensor& numbers) {
  // [.., nibble, lane] to [.., lane, nibble]; then two nibbles make a byte, the lower one first.
  const auto lanes = numbers.to(torch::kInt32)
                         .bitwise_and(15)
                         .view({numbers.size(0), numbers.size(1), kNibbles, kLanes})
                         .transpose(2, 3)
                         .reshape({numbers.size(0), numbers.size(1), kLanes * kNibbles / 2, 2});
  return (lanes.select(-1, 0) + 16 * lanes.select(-1, 1)).to(torch::kUInt8);
}

/// The same back, in float32.
torch::Tensor unpacked(const torch::Tensor& bytes) {
  const auto wide = bytes.to(torch::kInt32);
  const auto nibbles = torch::stack({wide.bitwise_and(15), wide.div(16, "floor")}, -1)
                           .view({bytes.size(0), bytes.size(1), kLanes, kNibbles})
                           .transpose(2, 3)
                           .reshape({bytes.size(0), bytes.size(1), kGroup});
  return torch::where(nibbles > 7, nibbles - 16, nibbles).to(torch::kFloat32);
}

}  // namespace

WeightKind weight_kind(const std::string& name) {
  if (name == "fp32") return WeightKind::fp32;
  if (name == "bf16") return WeightKind::bf16;
  if (name == "int8") return WeightKind::int8;
  if (name == "int4") return WeightKind::int4;
  throw UsageError(fmt::format("there are no weights \"{}\"; there are fp32, bf16, int8 and int4", name));
}

SmallMatrix::SmallMatrix(const torch::Tensor& weight, WeightKind kind)
    : kind_(kind), outputs_(weight.size(0)), inputs_(weight.size(1)) {
  TORCH_CHECK(kind != WeightKind::fp32, "a matrix in float32 is no small one");
  const torch::NoGradGuard no_gradients;
  const std::int64_t groups = (inputs_ + kGroup - 1) / kGroup;
  if (kind == WeightKind::int4) {
    values_ = empty_in_large_pages({outputs_, groups, kGroup / 2}, torch::kUInt8);
    scales_ = empty_in_large_pages({outputs_, groups}, torch::kFloat32);
  } else {
    values_ = empty_in_large_pages({outputs_, inputs_}, kind == WeightKind::int8 ? torch::kInt8 : torch::kBFloat16);
    if (kind == WeightKind::int8) scales_ = torch::empty({outputs_});
  }
  // Some rows at a time, so that no other whole matrix is made on the way.
  const std::int64_t at_a_time = std::max<std::int64_t>(kNumbersAtATime / std::max<std::int64_t>(inputs_, 1), 1);
  for (std::int64_t first = 0; first < outputs_; first += at_a_time) {
    const std::int64_t count = std::min(at_a_time, outputs_ - first);
    const auto rows = weight.detach().narrow(0, first, count);
    auto values = values_.narrow(0, first, count);
    if (kind == WeightKind::bf16) {
      values.copy_(rows);
    } else if (kind == WeightKind::int8) {
      const Int8Rows small = quantise_rows(rows);
      values.copy_(small.values);
      scales_.narrow(0, first, count).copy_(small.scales);
    } else {
      auto whole_groups = torch::zeros({count, groups * kGroup});
      whole_groups.narrow(1, 0, inputs_).copy_(rows);
      const Int4Groups small = quantise_groups(whole_groups, kGroup);
      values.copy_(packed(small.values.view({count, groups, kGroup})));
      scales_.narrow(0, first, count).copy_(small.scales);
    }
  }
}

std::int64_t SmallMatrix::bytes() const {
  return static_cast<std::int64_t>(values_.nbytes() + (scales_.defined() ? scales_.nbytes() : 0));
}

torch::Tensor SmallMatrix::whole() const {
  const torch::NoGradGuard no_gradients;
  if (kind_ == WeightKind::bf16) return values_.to(torch::kFloat32);
  if (kind_ == WeightKind::int8) return values_.to(torch::kFloat32) * scales_.unsqueeze(-1);
  return (unpacked(values_) * scales_.unsqueeze(-1)).view({outputs_, -1}).narrow(1, 0, inputs_).contiguous();
}

torch::Tensor SmallMatrix::product(const torch::Tensor& x) const {
  if (kind_ == WeightKind::int8) return int8_product(x, {values_, scales_});
  return torch::matmul(x, whole().t());
}

void ModelMatrix::shrink(WeightKind kind) {
  if (kind == WeightKind::fp32 || small != nullptr) return;
  small = std::make_shared<SmallMatrix>(full, kind);
  // Whoever asks for the numbers that are gone shall not get others.
  full.set_data(torch::full({1, 1}, std::numeric_limits<float>::quiet_NaN()).expand(full.sizes()));
}

torch::Tensor ModelMatrix::product(const torch::Tensor& x, const torch::Tensor& bias) const {
  if (small == nullptr) return torch::nn::functional::linear(x, full, bias);
  const auto result = small->product(x);
  return bias.defined() ? result + bias : result;
}

}  // namespace verse
