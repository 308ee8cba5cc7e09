#pragma once

/// @file
/// Chapter 12: threads that do many short stretches of work together, and wait for one another between them.

#include <atomic>
#include <cstdint>
#include <functional>
#include <utility>

namespace verse {

/// Where those who work together wait until all are there.
class Meeting {
 public:
  explicit Meeting(int members) : members_(members) {}

  /// Returns when all members have come. @param stands_for how many of them the caller is
  void come(int stands_for);

 private:
  const int members_;
  alignas(64) std::atomic<int> there_{0};
  alignas(64) std::atomic<std::uint32_t> round_{0};
};

/// What one of those who work together does: its part of each stretch.
class Worker {
 public:
  Worker(Meeting& meeting, int first, int last, int members)
      : meeting_(meeting), first_(first), last_(last), members_(members) {}

  int number() const { return first_; }  ///< below LibTorch's number of threads, and no other's

  /// Its part of `count` things, from the first up to the second.
  std::pair<std::int64_t, std::int64_t> part_of(std::int64_t count) const {
    return {count * first_ / members_, count * last_ / members_};
  }

  /// Waits until everybody has done what comes before.
  void meet() { meeting_.come(last_ - first_); }

 private:
  Meeting& meeting_;
  int first_, last_, members_;
};

/// Lets LibTorch's threads work on the same thing together. To share out one stretch of work costs some microseconds
/// (share_out()); to meet between two costs a tenth of one. Where threads do not run at the same time, which is found
/// out once, the caller does everything alone.
/// @param work called on each thread with what it is to do; it must not throw
void work_together(const std::function<void(Worker& worker)>& work);

}  // namespace verse
