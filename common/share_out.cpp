#include "common/share_out.h"

#include <ATen/Parallel.h>
#include <ATen/TensorIterator.h>
#include <torch/torch.h>

#include <algorithm>

namespace verse {

void share_out(std::int64_t begin, std::int64_t end, std::int64_t grain,
               const std::function<void(std::int64_t first, std::int64_t last)>& work) {
  if (end <= begin) return;
  grain = std::max<std::int64_t>(grain, 1);
  const std::int64_t pieces = (end - begin + grain - 1) / grain;
  if (pieces == 1 || at::get_num_threads() == 1 || at::in_parallel_region()) return work(begin, end);

  // A byte stands for each piece. LibTorch's own loop over the bytes is what is shared out; where it stands tells which
  // pieces are meant.
  const torch::NoGradGuard no_gradients;
  auto bytes = torch::empty({pieces}, torch::kUInt8);
  const auto* const first_byte = static_cast<const char*>(bytes.data_ptr());
  auto iterator = at::TensorIterator::nullary_op(bytes);
  const auto each_row = [&](char** data, const std::int64_t* strides, std::int64_t count, std::int64_t rows) {
    for (std::int64_t row = 0; row < rows; ++row) {
      const std::int64_t piece = data[0] + row * strides[1] - first_byte;
      work(begin + piece * grain, std::min(end, begin + (piece + count) * grain));
    }
  };
  iterator.for_each(each_row, /*grain_size=*/1);
}

}  // namespace verse
