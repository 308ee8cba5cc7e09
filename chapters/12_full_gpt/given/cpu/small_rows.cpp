#include "12_full_gpt/given/cpu/small_rows.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

#include <algorithm>
#include <bit>
#include <cmath>

#include "common/eight_at_once.h"

namespace verse {

namespace {

constexpr std::int64_t kLanes = 16;  ///< 16-bit numbers that a processor multiplies at once
constexpr std::int64_t kGroupBytes = kGroup / 2;
constexpr float kLargest = 32767;  ///< of 16 bits

std::int64_t groups_of(std::int64_t inputs) {
  return (inputs + kGroup - 1) / kGroup;
}

// Numbers that are float32, or become one.

struct FullNumber {
  using Kept = float;
  static float one(Kept number) { return number; }
};

struct Bf16Number {  // the upper half of a float32
  using Kept = std::uint16_t;
  static float one(Kept number) { return std::bit_cast<float>(static_cast<std::uint32_t>(number) << 16); }
};

template <typename Number>
const typename Number::Kept* numbers_of(const RowMatrix& matrix, std::int64_t row) {
  return static_cast<const typename Number::Kept*>(matrix.values) + row * matrix.inputs;
}

template <typename Number>
float sum_by_one(const RowMatrix& matrix, std::int64_t row, const RowInput& input) {
  const auto* const numbers = numbers_of<Number>(matrix, row);
  float sum = 0;
  for (std::int64_t i = 0; i < matrix.inputs; ++i) sum += Number::one(numbers[i]) * input.x[i];
  return sum;
}

// Whole numbers, group by group: the sum of a group fits into 32 bits, and is multiplied by the scales then.

const std::int8_t* bytes_of(const RowMatrix& matrix, std::int64_t row) {
  return static_cast<const std::int8_t*>(matrix.values) + row * matrix.inputs;
}

const std::uint8_t* nibbles_of(const RowMatrix& matrix, std::int64_t row) {
  return static_cast<const std::uint8_t*>(matrix.values) + row * groups_of(matrix.inputs) * kGroupBytes;
}

float int8_by_one(const RowMatrix& matrix, std::int64_t row, const RowInput& x) {
  const auto* const bytes = bytes_of(matrix, row);
  float sum = 0;
  for (std::int64_t group = 0; group < groups_of(matrix.inputs); ++group) {
    std::int32_t whole = 0;
    for (std::int64_t i = group * kGroup; i < std::min(matrix.inputs, (group + 1) * kGroup); ++i) {
      whole += bytes[i] * x.whole[static_cast<std::size_t>(i)];
    }
    sum += static_cast<float>(whole) * x.scales[static_cast<std::size_t>(group)];
  }
  return sum * matrix.scales[row];
}

float int4_by_one(const RowMatrix& matrix, std::int64_t row, const RowInput& x) {
  const std::int64_t groups = groups_of(matrix.inputs);
  const auto* const bytes = nibbles_of(matrix, row);
  float sum = 0;
  for (std::int64_t group = 0; group < groups; ++group) {
    std::int32_t whole = 0;
    for (std::int64_t i = 0; i < kGroup; ++i) {
      const std::int64_t nibble = i / kLanes, lane = i % kLanes;
      const int byte = bytes[group * kGroupBytes + 2 * lane + nibble / 2];
      const int bits = nibble % 2 == 0 ? byte & 15 : byte >> 4;
      whole += (bits > 7 ? bits - 16 : bits) * x.whole[static_cast<std::size_t>(group * kGroup + i)];
    }
    sum +=
        static_cast<float>(whole) * (x.scales[static_cast<std::size_t>(group)] * matrix.scales[row * groups + group]);
  }
  return sum;
}

/// Rounds a group of a vector to 16 bits. @return its scale
float round_each(const float* from, std::int64_t count, std::int16_t* to) {
  float largest = 0;
  for (std::int64_t i = 0; i < count; ++i) largest = std::max(largest, std::abs(from[i]));
  const float steps = largest > 0 ? kLargest / largest : 0;
  for (std::int64_t i = 0; i < count; ++i) to[i] = static_cast<std::int16_t>(std::nearbyint(from[i] * steps));
  std::fill(to + count, to + kGroup, std::int16_t{0});
  return largest / kLargest;
}

#ifdef __x86_64__

#define VERSE_EIGHT __attribute__((target("avx2,fma")))

VERSE_EIGHT float sum_of(__m256 parts) {
  alignas(32) float each[8];
  _mm256_store_ps(each, parts);
  return ((each[0] + each[4]) + (each[1] + each[5])) + ((each[2] + each[6]) + (each[3] + each[7]));
}

VERSE_EIGHT __m256 eight_numbers(const float* numbers) {
  return _mm256_loadu_ps(numbers);
}

VERSE_EIGHT __m256 eight_numbers(const std::uint16_t* numbers) {  // of bfloat16
  const auto wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(numbers)));
  return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}

template <typename Number>
VERSE_EIGHT float sum_by_eight(const RowMatrix& matrix, std::int64_t row, const RowInput& input) {
  const auto* const numbers = numbers_of<Number>(matrix, row);
  const float* const x = input.x;
  __m256 parts[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()};
  std::int64_t i = 0;
  for (; i + 32 <= matrix.inputs; i += 32) {
    for (int part = 0; part < 4; ++part) {
      const std::int64_t at = i + 8 * part;
      parts[part] = _mm256_fmadd_ps(eight_numbers(numbers + at), _mm256_loadu_ps(x + at), parts[part]);
    }
  }
  float sum = sum_of(_mm256_add_ps(_mm256_add_ps(parts[0], parts[1]), _mm256_add_ps(parts[2], parts[3])));
  for (; i < matrix.inputs; ++i) sum += Number::one(numbers[i]) * x[i];
  return sum;
}

VERSE_EIGHT __m256i lanes_at(const std::int16_t* numbers) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(numbers));
}

//! [row-int8]
/// A group's products, in eight sums. Sixteen bytes become sixteen numbers of 16 bits; a multiplication of these makes
/// sixteen products, and adds each two of them.
VERSE_EIGHT __m256 group_of_int8(const std::int8_t* bytes, const std::int16_t* x) {
  const auto products = [&](std::int64_t i) VERSE_EIGHT {
    const auto sixteen = _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes + i)));
    return _mm256_madd_epi16(sixteen, lanes_at(x + i));
  };
  const auto one = _mm256_add_epi32(products(0), products(kLanes));
  const auto other = _mm256_add_epi32(products(2 * kLanes), products(3 * kLanes));
  return _mm256_cvtepi32_ps(_mm256_add_epi32(one, other));
}

VERSE_EIGHT float int8_by_eight(const RowMatrix& matrix, std::int64_t row, const RowInput& x) {
  const auto* const bytes = bytes_of(matrix, row);
  const std::int64_t full = matrix.inputs / kGroup;
  __m256 parts[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
  for (std::int64_t group = 0; group < full; ++group) {
    const auto sums = group_of_int8(bytes + group * kGroup, x.whole.data() + group * kGroup);
    parts[group % 2] = _mm256_fmadd_ps(sums, _mm256_broadcast_ss(x.scales.data() + group), parts[group % 2]);
  }
  if (full < groups_of(matrix.inputs)) {  // a group that is not full, with zeros behind it
    std::int8_t last[kGroup] = {};
    std::copy(bytes + full * kGroup, bytes + matrix.inputs, last);
    const auto sums = group_of_int8(last, x.whole.data() + full * kGroup);
    parts[0] = _mm256_fmadd_ps(sums, _mm256_broadcast_ss(x.scales.data() + full), parts[0]);
  }
  return sum_of(_mm256_add_ps(parts[0], parts[1])) * matrix.scales[row];
}
//! [row-int8]

VERSE_EIGHT float int4_by_eight(const RowMatrix& matrix, std::int64_t row, const RowInput& x) {
  const std::int64_t groups = groups_of(matrix.inputs);
  const auto* const bytes = nibbles_of(matrix, row);
  const float* const scales = matrix.scales + row * groups;
  __m256 parts[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
  for (std::int64_t group = 0; group < groups; ++group) {
    const auto lanes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes + group * kGroupBytes));
    const std::int16_t* const numbers = x.whole.data() + group * kGroup;
    // A nibble goes to the top of its lane, and down again with its sign.
    const auto first = _mm256_madd_epi16(_mm256_srai_epi16(_mm256_slli_epi16(lanes, 12), 12), lanes_at(numbers));
    const auto second =
        _mm256_madd_epi16(_mm256_srai_epi16(_mm256_slli_epi16(lanes, 8), 12), lanes_at(numbers + kLanes));
    const auto third =
        _mm256_madd_epi16(_mm256_srai_epi16(_mm256_slli_epi16(lanes, 4), 12), lanes_at(numbers + 2 * kLanes));
    const auto fourth = _mm256_madd_epi16(_mm256_srai_epi16(lanes, 12), lanes_at(numbers + 3 * kLanes));
    const auto whole = _mm256_add_epi32(_mm256_add_epi32(first, second), _mm256_add_epi32(third, fourth));
    const auto scale = _mm256_set1_ps(x.scales[static_cast<std::size_t>(group)] * scales[group]);
    parts[group % 2] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(whole), scale, parts[group % 2]);
  }
  return sum_of(_mm256_add_ps(parts[0], parts[1]));
}

/// The same of a full group.
VERSE_EIGHT float round_eight(const float* from, std::int16_t* to) {
  const auto without_sign = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
  auto most = _mm256_setzero_ps();
  for (std::int64_t i = 0; i < kGroup; i += 8) {
    most = _mm256_max_ps(most, _mm256_and_ps(_mm256_loadu_ps(from + i), without_sign));
  }
  alignas(32) float each[8];
  _mm256_store_ps(each, most);
  const float largest = *std::max_element(each, each + 8);
  const auto steps = _mm256_set1_ps(largest > 0 ? kLargest / largest : 0);
  for (std::int64_t i = 0; i < kGroup; i += kLanes) {
    const auto low = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(from + i), steps)),
               high = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(from + i + 8), steps));
    // Packing works on halves of 128 bits, which are put into their order again.
    const auto sixteen = _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xd8);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i), sixteen);
  }
  return largest / kLargest;
}

#endif

/// Rows one after the other; the compiler puts the sum into the loop.
template <float (*sum)(const RowMatrix&, std::int64_t, const RowInput&)>
void each_row(const RowMatrix& matrix, const RowInput& x, float* to, std::int64_t first, std::int64_t last) {
  for (std::int64_t row = first; row < last; ++row) to[row] = sum(matrix, row, x);
}

using EachRow = void (*)(const RowMatrix&, const RowInput&, float* to, std::int64_t first, std::int64_t last);

EachRow rows_by(WeightKind kind, [[maybe_unused]] bool eight) {
#ifdef __x86_64__
  if (eight && kind == WeightKind::fp32) return each_row<sum_by_eight<FullNumber>>;
  if (eight && kind == WeightKind::bf16) return each_row<sum_by_eight<Bf16Number>>;
  if (eight) return kind == WeightKind::int8 ? each_row<int8_by_eight> : each_row<int4_by_eight>;
#endif
  if (kind == WeightKind::fp32) return each_row<sum_by_one<FullNumber>>;
  if (kind == WeightKind::bf16) return each_row<sum_by_one<Bf16Number>>;
  return kind == WeightKind::int8 ? each_row<int8_by_one> : each_row<int4_by_one>;
}

/// A group of a vector in 16 bits. @return its scale
float rounded(const float* from, std::int64_t count, std::int16_t* to) {
#ifdef __x86_64__
  if (count == kGroup && eight_at_once()) return round_eight(from, to);
#endif
  return round_each(from, count, to);
}

}  // namespace

RowMatrix::RowMatrix(const float* numbers, std::int64_t rows, std::int64_t columns)
    : values(numbers), outputs(rows), inputs(columns) {}

RowMatrix::RowMatrix(const torch::Tensor& full) : RowMatrix(full.const_data_ptr<float>(), full.size(0), full.size(1)) {
  TORCH_CHECK(full.is_cpu() && full.is_contiguous(), "rows are read where they lie, on the CPU and in one piece");
}

RowMatrix::RowMatrix(const SmallMatrix& small)
    : kind(small.kind()),
      values(small.values().const_data_ptr()),
      scales(small.scales().defined() ? small.scales().const_data_ptr<float>() : nullptr),
      outputs(small.outputs()),
      inputs(small.inputs()) {}

RowMatrix::RowMatrix(const ModelMatrix& matrix)
    : RowMatrix(matrix.small != nullptr ? RowMatrix(*matrix.small) : RowMatrix(matrix.full)) {}

void RowInput::set(const float* given, std::int64_t inputs, WeightKind kind) {
  x = given;
  if (kind == WeightKind::fp32 || kind == WeightKind::bf16) return;
  const std::int64_t groups = groups_of(inputs);
  whole.resize(static_cast<std::size_t>(groups * kGroup));
  scales.resize(static_cast<std::size_t>(groups));
  for (std::int64_t group = 0; group < groups; ++group) {
    const std::int64_t count = std::min(kGroup, inputs - group * kGroup);
    scales[static_cast<std::size_t>(group)] = rounded(given + group * kGroup, count, whole.data() + group * kGroup);
  }
}

void multiply_rows(const RowMatrix& matrix, const RowInput& x, float* to, std::int64_t first, std::int64_t last,
                   bool eight) {
  rows_by(matrix.kind, eight)(matrix, x, to, first, last);
}

void multiply_rows(const RowMatrix& matrix, const RowInput& x, float* to, std::int64_t first, std::int64_t last) {
  multiply_rows(matrix, x, to, first, last, eight_at_once());
}

}  // namespace verse
