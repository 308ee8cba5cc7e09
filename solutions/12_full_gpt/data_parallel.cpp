#include "12_full_gpt/data_parallel.h"

#include <algorithm>
#include <vector>

#include "common/base/error.h"

namespace verse {

Rows rows_of(std::int64_t rows, int rank, int size) {
  //! [12.7]
  const std::int64_t each = rows / size, left_over = rows % size;

  Rows mine;
  mine.first = rank * each + std::min<std::int64_t>(rank, left_over);
  mine.count = each + (rank < left_over ? 1 : 0);
  mine.weight = static_cast<double>(mine.count * size) / static_cast<double>(rows);
  return mine;
  //! [12.7]
}

void average_around(Ring& ring, torch::Tensor x) {
  //! [12.8]
  const torch::NoGradGuard no_gradients;
  const std::int64_t n = ring.size();
  const std::vector<torch::Tensor> chunks = torch::tensor_split(x, n);
  const auto chunk = [&](std::int64_t back) {
    return chunks[static_cast<std::size_t>((ring.rank() + 2 * n - back) % n)];
  };

  // A turn sends what the turn before has filled, and fills the chunk before it.
  for (std::int64_t turn = 0; turn < 2 * (n - 1); ++turn) {
    auto filled = chunk(turn + 1);
    auto incoming = torch::empty_like(filled);
    ring.start_sending(chunk(turn));
    ring.receive(incoming);
    ring.finish_sending();
    if (turn < n - 1) {
      filled.add_(incoming);
    } else {
      filled.copy_(incoming);
    }
  }
  x.div_(static_cast<double>(n));
  //! [12.8]
}

}  // namespace verse
