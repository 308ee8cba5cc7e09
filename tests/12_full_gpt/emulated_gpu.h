#pragma once

/// @file
/// A GPU on a processor, slowly: CUDA sources compiled as C++, a block's threads as fibres that take turns. What a
/// kernel computes can so be tested where no card is; how fast it is cannot, and neither can races between blocks.

#include <ucontext.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <utility>
#include <vector>

namespace emulated {

struct Dim {
  unsigned x = 1, y = 1, z = 1;
};

/// The fibres of one block, which is all that runs at a time.
class Block {
 public:
  static Block& now() {
    static Block block;
    return block;
  }

  Dim thread, block, block_size, grid_size;

  /// Runs a kernel's body for every thread of every block of a grid.
  void run(Dim grid, Dim threads, const std::function<void()>& body) {
    grid_size = grid;
    block_size = threads;
    const unsigned count = threads.x * threads.y * threads.z;
    if (count % 32 != 0) throw std::logic_error("a block of warps that are not full");
    for (block.z = 0; block.z < grid.z; ++block.z) {
      for (block.y = 0; block.y < grid.y; ++block.y) {
        for (block.x = 0; block.x < grid.x; ++block.x) run_block(count, body);
      }
    }
  }

  /// Waits until all threads of the block that still run have come here.
  void meet() { wait_for(all_); }

  /// Hands a word to the warp, and takes that of another lane.
  std::uint32_t exchange(std::uint32_t mine, unsigned lane) {
    const unsigned warp = current_ / 32;
    words_[current_] = mine;
    wait_for(warps_[warp]);
    const std::uint32_t result = words_[warp * 32 + lane % 32];
    wait_for(warps_[warp]);
    return result;
  }

  /// All of the warp's words, in the order of its lanes; each lane hands over `count` of them.
  std::vector<std::uint32_t> gather(const std::uint32_t* mine, unsigned count) {
    std::vector<std::uint32_t> result(32 * count);
    for (unsigned i = 0; i < count; ++i) {
      for (unsigned lane = 0; lane < 32; ++lane) {
        if (lane == 0) words_[current_] = mine[i];
        if (lane == 0) wait_for(warps_[current_ / 32]);
        result[lane * count + i] = words_[current_ / 32 * 32 + lane];
      }
      wait_for(warps_[current_ / 32]);
    }
    return result;
  }

  unsigned lane() const { return current_ % 32; }

  /// Shared memory whose size the caller of the kernel chose.
  std::vector<unsigned char> dynamic_shared;

 private:
  struct Meeting {
    unsigned expected = 0, arrived = 0;
    std::uint64_t times = 0;
  };
  struct Fibre {
    ucontext_t context{};
    std::vector<unsigned char> stack;
    bool done = false;
  };

  void wait_for(Meeting& meeting) {
    if (++meeting.arrived >= meeting.expected) {
      meeting.arrived = 0;
      ++meeting.times;
      return;
    }
    const std::uint64_t before = meeting.times;
    while (meeting.times == before) {
      const unsigned self = current_;
      swapcontext(&fibres_[self].context, &scheduler_);
    }
  }

  void run_block(unsigned count, const std::function<void()>& body) {
    if (fibres_.size() < count) fibres_.resize(count);
    words_.assign(count, 0);
    all_ = {count, 0, 0};
    warps_.assign(count / 32, Meeting{32, 0, 0});
    body_ = &body;
    for (unsigned i = 0; i < count; ++i) {
      Fibre& fibre = fibres_[i];
      fibre.stack.resize(64 * 1024);
      fibre.done = false;
      getcontext(&fibre.context);
      fibre.context.uc_stack.ss_sp = fibre.stack.data();
      fibre.context.uc_stack.ss_size = fibre.stack.size();
      fibre.context.uc_link = &scheduler_;
      makecontext(&fibre.context, &Block::enter, 0);
    }
    unsigned running = count;
    for (std::uint64_t idle = 0; running > 0; ++idle) {
      if (idle > 1'000'000) throw std::logic_error("threads wait for others that never come");
      for (unsigned i = 0; i < count; ++i) {
        if (fibres_[i].done) continue;
        current_ = i;
        thread = {i % block_size.x, i / block_size.x % block_size.y, i / (block_size.x * block_size.y)};
        swapcontext(&scheduler_, &fibres_[i].context);
        if (fibres_[i].done) --running;
      }
    }
  }

  static void enter() {
    Block& self = now();
    const unsigned mine = self.current_;
    (*self.body_)();
    self.fibres_[mine].done = true;
    // As on a card, who has ended is not waited for.
    self.leave(self.all_);
    self.leave(self.warps_[mine / 32]);
  }

  void leave(Meeting& meeting) {
    --meeting.expected;
    if (meeting.expected > 0 && meeting.arrived >= meeting.expected) {
      meeting.arrived = 0;
      ++meeting.times;
    }
  }

  std::vector<Fibre> fibres_;
  std::vector<std::uint32_t> words_;
  std::vector<Meeting> warps_;
  Meeting all_;
  ucontext_t scheduler_{};
  unsigned current_ = 0;
  const std::function<void()>* body_ = nullptr;
};

/// Calls a kernel with arguments as cudaLaunchKernel takes them: pointers to each.
template <typename... Arguments, std::size_t... places>
void call(void (*kernel)(Arguments...), void** arguments, std::index_sequence<places...>) {
  kernel(*static_cast<std::remove_reference_t<Arguments>*>(arguments[places])...);
}
template <typename... Arguments>
void launch(void (*kernel)(Arguments...), Dim grid, Dim block, void** arguments) {
  Block::now().run(grid, block, [&] { call(kernel, arguments, std::index_sequence_for<Arguments...>()); });
}

}  // namespace emulated

// What the sources take from CUDA's language.
#define EMULATED
#define __global__
#define __device__
#define __shared__ static
#define __launch_bounds__(...)
#define threadIdx (emulated::Block::now().thread)
#define blockIdx (emulated::Block::now().block)
#define blockDim (emulated::Block::now().block_size)
#define gridDim (emulated::Block::now().grid_size)
#define __syncthreads() emulated::Block::now().meet()
#define __expf(x) std::exp(x)
#define __logf(x) std::log(x)
inline float rsqrtf(float x) {
  return 1.0F / std::sqrt(x);
}
inline float __uint_as_float(std::uint32_t x) {
  return std::bit_cast<float>(x);
}
inline std::uint32_t __float_as_uint(float x) {
  return std::bit_cast<std::uint32_t>(x);
}
inline float __shfl_xor_sync(unsigned, float x, int apart) {
  auto& block = emulated::Block::now();
  return std::bit_cast<float>(
      block.exchange(std::bit_cast<std::uint32_t>(x), block.lane() ^ static_cast<unsigned>(apart)));
}
