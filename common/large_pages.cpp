#include "common/large_pages.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>

namespace verse {

namespace {

constexpr std::size_t kPage = std::size_t{2} << 20;      ///< bytes of a large page
constexpr std::size_t kAtATime = std::size_t{64} << 20;  ///< address space asked for; what is not used takes no memory
constexpr std::size_t kLine = 64;                        ///< bytes of a processor's cache line

/// Memory that is given back when nobody has a part of it any more.
struct Stretch {
  char* begin = nullptr;
  std::size_t bytes = 0, used = 0;

  explicit Stretch(std::size_t size) : bytes(size) {
    // More than is needed, so that a large page's beginning is in it.
    void* const place = ::mmap(nullptr, bytes + kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (place == MAP_FAILED) throw std::bad_alloc();
    mapped = static_cast<char*>(place);
    begin = mapped + (kPage - reinterpret_cast<std::uintptr_t>(mapped) % kPage) % kPage;
#ifdef MADV_HUGEPAGE
    ::madvise(begin, bytes, MADV_HUGEPAGE);  // a wish, which macOS does not know
#endif
  }
  ~Stretch() {
    ::munmap(mapped, bytes + kPage);
  }
  Stretch(const Stretch&) = delete;
  Stretch& operator=(const Stretch&) = delete;

 private:
  char* mapped = nullptr;
};

}  // namespace

torch::Tensor empty_in_large_pages(torch::IntArrayRef sizes, torch::ScalarType type) {
  static std::mutex one_at_a_time;
  static std::weak_ptr<Stretch> latest;
  std::size_t bytes = c10::elementSize(type);
  for (const std::int64_t size : sizes) bytes *= static_cast<std::size_t>(size);
  std::shared_ptr<Stretch> stretch;
  char* place = nullptr;
  {
    const std::lock_guard lock(one_at_a_time);
    stretch = latest.lock();
    if (stretch == nullptr || stretch->bytes - stretch->used < bytes) {
      stretch = std::make_shared<Stretch>(std::max(kAtATime, (bytes + kPage - 1) / kPage * kPage));
      latest = stretch;
    }
    place = stretch->begin + stretch->used;
    stretch->used = std::min(stretch->bytes, stretch->used + (bytes + kLine - 1) / kLine * kLine);
  }
  return torch::from_blob(
      place, sizes, [stretch](void*) mutable { stretch.reset(); }, torch::dtype(type));
}

}  // namespace verse
