#pragma once

/// @file
/// A GPU on a processor, slowly: CUDA sources compiled as C++, a block's threads as fibres that take turns. What a
/// kernel computes can so be tested where no card is; how fast it is cannot, and neither can races between blocks.

#include <setjmp.h>
#include <ucontext.h>

#include <algorithm>
#include <array>
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
  unsigned first_block = 0;  ///< whose number in x the grid begins at, as if it were the rest of a larger one

  /// Runs a kernel's body for every thread of every block of a grid.
  void run(Dim grid, Dim threads, const std::function<void()>& body) {
    grid_size = grid;
    block_size = threads;
    const unsigned count = threads.x * threads.y * threads.z;
    if (count % 32 != 0) throw std::logic_error("a block of warps that are not full");
    for (block.z = 0; block.z < grid.z; ++block.z) {
      for (block.y = 0; block.y < grid.y; ++block.y) {
        for (unsigned i = 0; i < grid.x; ++i) {
          block.x = first_block + i;
          run_block(count, body);
        }
      }
    }
  }

  /// Waits until all threads of the block that still run have come here.
  void meet() { wait_for(all_); }

  /// Hands a word to the warp, and takes that of another lane.
  std::uint32_t exchange(std::uint32_t mine, unsigned lane) {
    // Two places in turn: nobody can be two exchanges ahead of another.
    const unsigned turn = turns_[current_]++ % 2;
    words_[2 * current_ + turn] = mine;
    wait_for(warps_[current_ / 32]);
    return words_[2 * (current_ / 32 * 32 + lane % 32) + turn];
  }

  using Words = std::array<std::array<std::uint32_t, 8>, 32>;

  /// The words of all lanes of the warp; each hands over `count` of them.
  Words gather(const std::uint32_t* mine, unsigned count) {
    Words& words = shared_words_[current_ / 32];
    std::copy(mine, mine + count, words[current_ % 32].begin());
    wait_for(warps_[current_ / 32]);
    const Words result = words;
    wait_for(warps_[current_ / 32]);
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
    jmp_buf place{};
    bool begun = false;
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
    while (meeting.times == before) pause();
  }

  void run_block(unsigned count, const std::function<void()>& body) {
    if (fibres_.size() < count) fibres_.resize(count);
    words_.assign(2 * count, 0);
    turns_.assign(count, 0);
    shared_words_.resize(count / 32);
    all_ = {count, 0, 0};
    warps_.assign(count / 32, Meeting{32, 0, 0});
    body_ = &body;
    for (unsigned i = 0; i < count; ++i) fibres_[i].done = false;
    unsigned running = count;
    for (std::uint64_t idle = 0; running > 0; ++idle) {
      if (idle > 1'000'000) throw std::logic_error("threads wait for others that never come");
      for (unsigned i = 0; i < count; ++i) {
        if (fibres_[i].done) continue;
        current_ = i;
        thread = {i % block_size.x, i / block_size.x % block_size.y, i / (block_size.x * block_size.y)};
        resume(fibres_[i]);
        if (fibres_[i].done) --running;
      }
    }
  }

  /// Runs a fibre until it waits or has ended.
  void resume(Fibre& fibre) {
    if (_setjmp(scheduler_place_) != 0) return;
    if (fibre.begun) _longjmp(fibre.place, 1);
    fibre.begun = true;
    fibre.stack.resize(64 * 1024);
    getcontext(&fibre.context);
    fibre.context.uc_stack.ss_sp = fibre.stack.data();
    fibre.context.uc_stack.ss_size = fibre.stack.size();
    makecontext(&fibre.context, &Block::enter, 0);
    setcontext(&fibre.context);
  }

  /// Lets others run. Jumping costs no request to the system, as changing contexts does.
  void pause() {
    if (_setjmp(fibres_[current_].place) == 0) _longjmp(scheduler_place_, 1);
  }

  /// What a fibre does for ever: a thread of one block, then one of the next.
  static void enter() {
    Block& self = now();
    const unsigned mine = self.current_;
    while (true) {
      (*self.body_)();
      self.fibres_[mine].done = true;
      // As on a card, who has ended is not waited for.
      self.leave(self.all_);
      self.leave(self.warps_[mine / 32]);
      self.pause();
    }
  }

  void leave(Meeting& meeting) {
    --meeting.expected;
    if (meeting.expected > 0 && meeting.arrived >= meeting.expected) {
      meeting.arrived = 0;
      ++meeting.times;
    }
  }

  std::vector<Fibre> fibres_;
  std::vector<std::uint32_t> words_;  ///< two a thread
  std::vector<unsigned> turns_;
  std::vector<Words> shared_words_;
  std::vector<Meeting> warps_;
  Meeting all_;
  jmp_buf scheduler_place_{};
  unsigned current_ = 0;
  const std::function<void()>* body_ = nullptr;
};

/// Calls a kernel with arguments as cudaLaunchKernel takes them: pointers to each.
template <typename... Arguments, std::size_t... places>
void call(void (*kernel)(Arguments...), void** arguments, std::index_sequence<places...>) {
  kernel(*static_cast<std::remove_reference_t<Arguments>*>(arguments[places])...);
}
template <typename... Arguments>
void launch(void (*kernel)(Arguments...), Dim grid, Dim block, unsigned shared, void** arguments) {
  Block::now().dynamic_shared.assign(shared + 16, 0xff);  // as numbers, these are none
  Block::now().run(grid, block, [&] { call(kernel, arguments, std::index_sequence_for<Arguments...>()); });
}

/// A bfloat16's half of a word.
inline float half_of(std::uint32_t word, unsigned which) {
  return std::bit_cast<float>(which == 0 ? word << 16 : word & 0xffff0000U);
}

/// What the units for matrices do, by NVIDIA's manual of PTX (mma.m16n8k16, ldmatrix): which lane holds what.
inline void multiply_add(float* c, const std::uint32_t* a, const std::uint32_t* b) {
  auto& block = Block::now();
  const std::uint32_t mine[6] = {a[0], a[1], a[2], a[3], b[0], b[1]};
  const auto words = block.gather(mine, 6);
  for (unsigned i = 0; i < 4; ++i) {
    const unsigned row = block.lane() / 4 + i / 2 * 8, column = block.lane() % 4 * 2 + i % 2;
    float sum = 0;
    for (unsigned k = 0; k < 16; ++k) {
      const unsigned of_a = row % 8 * 4 + k % 8 / 2, of_b = column * 4 + k % 8 / 2;
      sum += half_of(words[of_a][row / 8 + k / 8 * 2], k % 2) * half_of(words[of_b][4 + k / 8], k % 2);
    }
    c[i] += sum;
  }
}

inline void load_matrices(const void* row, std::uint32_t* to, bool turned) {
  auto& block = Block::now();
  const auto address = reinterpret_cast<std::uint64_t>(row);
  if (address % 16 != 0) throw std::logic_error("a matrix's row does not begin at a multiple of 16 bytes");
  const std::uint32_t mine[2] = {static_cast<std::uint32_t>(address), static_cast<std::uint32_t>(address >> 32)};
  const auto words = block.gather(mine, 2);
  const auto number = [&](unsigned matrix, unsigned at, unsigned column) -> std::uint32_t {
    const auto& word = words[matrix * 8 + at];
    return reinterpret_cast<const std::uint16_t*>(word[0] | static_cast<std::uint64_t>(word[1]) << 32)[column];
  };
  const unsigned major = block.lane() / 4, minor = block.lane() % 4 * 2;
  for (unsigned i = 0; i < 4; ++i) {
    to[i] = turned ? number(i, minor, major) | number(i, minor + 1, major) << 16
                   : number(i, major, minor) | number(i, major, minor + 1) << 16;
  }
}

}  // namespace emulated

// What the sources take from CUDA's language.
#define EMULATED
#define __global__
#define __device__
#define __shared__ static
#define __launch_bounds__(...)
#define SHARED_ROOM(name)                                              \
  unsigned char* name = emulated::Block::now().dynamic_shared.data() + \
                        (16 - reinterpret_cast<std::uint64_t>(emulated::Block::now().dynamic_shared.data()) % 16) % 16
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
