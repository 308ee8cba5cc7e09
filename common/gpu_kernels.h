#pragma once

/// @file
/// Kernels of our own on a GPU: compiled while the program runs, asked for by name. The other side is cuda/.

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "cuda/product.h"

namespace verse {

/// Sizes of a grid of blocks, or of a block of threads.
using Grid = std::array<unsigned, 3>;

/// What runs kernels.
class Launcher {
 public:
  virtual ~Launcher() = default;

  /// Asks for a kernel; nobody waits for it. @param arguments a pointer to each
  /// @param shared bytes of shared memory that the kernel leaves to the caller
  /// @param early it may start before the one before it has ended: it waits for it by itself
  /// @throws std::runtime_error where there is none of that name, or it cannot be started
  virtual void launch(const char* kernel, Grid grid, Grid block, unsigned shared, void** arguments, bool early) = 0;

  /// Asks for a matrix product. @return whether that can be done so; where not, nothing was written, and `problem` says
  /// why
  virtual bool multiply(const verse_cuda_product& product, std::string& problem) = 0;

  /// Between the two, what is asked for runs beside what is asked for after them. @param number to wait for it
  virtual void begin_aside() {}
  virtual void end_aside(int /*number*/) {}
  virtual void wait_for_aside(int /*number*/) {}

  /// How many of its processors a card has, by which the number of blocks is chosen.
  virtual int processors() const = 0;
};

/// Compiles kernels for the card in use. @param options such as "-DWIDTH=384"
/// @return null where that cannot be, with the reason in `problem`
std::unique_ptr<Launcher> compile_kernels(const std::string& source, const std::vector<std::string>& options,
                                          std::string& problem);

/// Whether the fastest of several algorithms is looked for when a shape is first multiplied.
void try_algorithms(bool tries);

}  // namespace verse
