#include "tests/harness/guarded_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

// Where `new` is a sanitizer's, everything is guarded already, and nothing of this is there.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define VERSE_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define VERSE_SANITIZED 1
#endif
#endif

#ifdef VERSE_SANITIZED

namespace verse {
GuardedMemory::GuardedMemory(std::size_t) {}
GuardedMemory::~GuardedMemory() {}
}  // namespace verse

#else

namespace verse {
namespace {

/// Of memory that can be opened and closed by itself: 4 KiB on x86-64, up to 64 KiB on aarch64.
const auto kPage = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
constexpr std::size_t kAlignment = __STDCPP_DEFAULT_NEW_ALIGNMENT__;
constexpr std::size_t kRegion = std::size_t{16} << 30;  // of addresses; no memory stands behind them at first
constexpr std::size_t kLargest = std::size_t{1} << 20;  // larger pieces are not guarded

// A piece's size stands in a page of its own before it: where the piece begins differs, and the page does not.
struct Header {
  std::size_t length;  // of everything that was opened, this page included
};

std::atomic<std::size_t> pieces_left{0};
std::atomic<char*> next_free{nullptr};
char* region = nullptr;

std::size_t rounded_up(std::size_t size, std::size_t to) {
  return (size + to - 1) / to * to;
}

bool is_guarded(const void* place) {
  const auto* bytes = static_cast<const char*>(place);
  return region != nullptr && bytes >= region && bytes < region + kRegion;
}

/// A guarded piece, or nothing where there is no room.
void* open_piece(std::size_t size) {
  const std::size_t wanted = rounded_up(size == 0 ? 1 : size, kAlignment);
  const std::size_t length = kPage + rounded_up(wanted, kPage);
  char* begin = next_free.fetch_add(static_cast<std::ptrdiff_t>(length + kPage));
  if (begin + length + kPage > region + kRegion) return nullptr;
  if (mprotect(begin, length, PROT_READ | PROT_WRITE) != 0) return nullptr;
  new (begin) Header{length};
  char* piece = begin + length - wanted;
  // What lies between a piece's last byte and the page's is no zero, so that it is no plausible number either.
  std::memset(piece + size, 0xA5, wanted - size);
  return piece;
}

void close_piece(void* piece) {
  // The piece is not longer than the pages behind the header's, and begins in the first of them.
  auto* page = reinterpret_cast<char*>(reinterpret_cast<std::uintptr_t>(piece) / kPage * kPage);
  char* begin = page - kPage;
  const std::size_t length = reinterpret_cast<Header*>(begin)->length;
  madvise(begin, length, MADV_DONTNEED);
  mprotect(begin, length, PROT_NONE);
}

}  // namespace

GuardedMemory::GuardedMemory(std::size_t most) {
  if (region == nullptr) {
    void* const got = mmap(nullptr, kRegion, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (got == MAP_FAILED) return;
    region = static_cast<char*>(got);
    next_free = region;
  }
  pieces_left = most;
}

GuardedMemory::~GuardedMemory() {
  pieces_left = 0;
}

namespace {

/// Counts one piece more, as long as there are some left.
bool take_one() {
  std::size_t left = pieces_left.load(std::memory_order_relaxed);
  while (left > 0) {
    if (pieces_left.compare_exchange_weak(left, left - 1, std::memory_order_relaxed)) return true;
  }
  return false;
}

}  // namespace

void* guarded_new(std::size_t size) {
  if (size <= kLargest && take_one()) {
    if (void* const piece = open_piece(size)) return piece;
  }
  while (true) {
    if (void* const memory = std::malloc(size == 0 ? 1 : size)) return memory;
    const std::new_handler handler = std::get_new_handler();
    if (handler == nullptr) throw std::bad_alloc();
    handler();
  }
}

void guarded_delete(void* memory) {
  if (is_guarded(memory)) {
    close_piece(memory);
  } else {
    std::free(memory);
  }
}

}  // namespace verse

// The program's own, for every library in it; those for arrays call them.
void* operator new(std::size_t size) {
  return verse::guarded_new(size);
}
void operator delete(void* memory) noexcept {
  verse::guarded_delete(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  verse::guarded_delete(memory);
}
#endif
