#include "12_full_gpt/given/cpu/together.h"

#include <ATen/Parallel.h>
#include <torch/torch.h>

#include <chrono>
#include <map>
#include <thread>

#include "common/share_out.h"

namespace verse {

namespace {

constexpr int kLooks = 2'000;  ///< before a waiting thread lets others have the processor: some ten microseconds

/// Tells the processor that this thread only waits.
void breathe() {
#ifdef __x86_64__
  __builtin_ia32_pause();
#endif
}

/// Whether so many threads can wait for one another: each looks for the others, for a while.
bool threads_meet(int threads) {
  static std::map<int, bool> known;
  if (const auto found = known.find(threads); found != known.end()) return found->second;
  std::atomic<int> there{0};
  std::atomic<bool> missed{false};
  share_out(0, threads, 1, [&](std::int64_t first, std::int64_t last) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
    there += static_cast<int>(last - first);
    while (there < threads && !missed) {
      if (std::chrono::steady_clock::now() > until) missed = true;
      std::this_thread::yield();
    }
  });
  return known[threads] = !missed;
}

}  // namespace

//! [meet]
void Meeting::come(int stands_for) {
  if (stands_for == members_) return;
  const std::uint32_t round = round_.load(std::memory_order_acquire);
  if (there_.fetch_add(stands_for, std::memory_order_acq_rel) + stands_for == members_) {
    there_.store(0, std::memory_order_relaxed);
    round_.store(round + 1, std::memory_order_release);  // the last one lets all go
    return;
  }
  for (int looks = 0; round_.load(std::memory_order_acquire) == round; ++looks) {
    if (looks < kLooks) {
      breathe();
    } else {
      std::this_thread::yield();
    }
  }
}
//! [meet]

void work_together(const std::function<void(Worker& worker)>& work) {
  const int threads = at::in_parallel_region() ? 1 : at::get_num_threads();
  const int members = threads > 1 && threads_meet(threads) ? threads : 1;
  Meeting meeting(members);
  share_out(0, members, 1, [&](std::int64_t first, std::int64_t last) {
    Worker worker(meeting, static_cast<int>(first), static_cast<int>(last), members);
    work(worker);
  });
}

}  // namespace verse
