#pragma once

/// @file
/// Chapter 12: one batch for several processes, and the mean of what each of them finds.

#include <torch/torch.h>

#include <cstdint>

namespace verse {

/// A rank's part of a batch.
struct Rows {
  std::int64_t first = 0;  ///< of its rows
  std::int64_t count = 0;  ///< how many there are; they stand side by side
  double weight = 1;       ///< of its mean loss, where the gradients of all ranks are averaged
};

/// Which rows of a batch are a rank's. (Exercise 12.7)
///
/// Each row belongs to one rank, the rows of rank 0 come first, and no rank has more than one row more than another:
/// where they do not come out even, the first ranks have one more. The weights make the mean over the ranks the mean
/// over the batch: a rank's weight is its share of the rows, times the number of ranks. Where they come out even, it
/// is 1.
/// @param rows of the whole batch, at least `size` @param rank from 0 up to size - 1
Rows rows_of(std::int64_t rows, int rank, int size);

/// A rank's two neighbours in a ring of processes: it sends to the one on its right, rank + 1, and receives from the
/// one on its left. Behind the last rank comes rank 0 again.
class Ring {
 public:
  virtual ~Ring() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;

  /// Offers numbers to the right neighbour and returns at once. They are read later: until finish_sending() has
  /// returned, they must stay what they are. One message at a time.
  virtual void start_sending(const torch::Tensor& x) = 0;
  /// Returns when the right neighbour has taken what was offered, and not before.
  virtual void finish_sending() = 0;
  /// Returns when the left neighbour's next message has been written into x, which has its size.
  virtual void receive(torch::Tensor x) = 0;
};

/// The mean of all ranks' tensors, in place, by 2 (n - 1) turns in which each of n ranks passes on one nth of its
/// numbers (Patarasuk and Yuan 2009). (Exercise 12.8)
///
/// The tensor is cut into n chunks, as even as can be. In the first n - 1 turns, what comes in is added to a chunk of
/// one's own: rank r sends chunk r first, and in each further turn the chunk that it has just added to. Then each rank
/// has one chunk that is the whole sum, and in n - 1 further turns these go round and replace the others. All ranks end
/// with the same numbers, bit for bit.
/// @param x [numbers], the same size on each rank
void average_around(Ring& ring, torch::Tensor x);

}  // namespace verse
