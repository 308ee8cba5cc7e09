#pragma once

/// @file
/// Memory that ends where a page ends, so that reading past its end, or after it was given back, stops the program.

#include <cstddef>

namespace verse {

/// As long as one of these lives, what `new` hands out (vectors, strings, maps) lies at the end of a page of its own,
/// with a forbidden page behind it. Memory given back becomes forbidden for good. Sizes are rounded up to 16 bytes, as
/// `new` promises: one past the end of a vector of an even number of int64 is caught, of an odd number two past it.
/// Tensors' numbers come from elsewhere and are not guarded.
class GuardedMemory {
 public:
  /// @param most so many pieces are guarded, the first ones; each costs some microseconds and a page
  explicit GuardedMemory(std::size_t most = 500);
  ~GuardedMemory();
  GuardedMemory(const GuardedMemory&) = delete;
  GuardedMemory& operator=(const GuardedMemory&) = delete;
};

}  // namespace verse
