#pragma once

/// @file
/// What a Team is made of. Only the team's own files include c10d.

#define USE_C10D_GLOO 1
#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <utility>
#include <vector>

#include "common/team.h"

namespace verse {

using Store = c10::intrusive_ptr<c10d::Store>;
using Backend = c10::intrusive_ptr<c10d::Backend>;
using Milliseconds = std::chrono::milliseconds;

/// The first line of an error of c10d's, without the places in its code.
std::string engine_message(const std::exception& error);

/// "rank 2", "ranks 2 and 5".
std::string name_ranks(const std::vector<int>& ranks);

/// Connects to the team's store: a small table of names and values that one process holds for all.
/// @throws TeamError where nothing answers in time @throws UsageError where the port is taken, or there is no such host
Store open_store(const Place& place, Milliseconds patience);

/// An engine for tensors on the CPU. @param store where the ranks leave their addresses for each other
Backend open_gloo(const Place& place, const Store& store, Milliseconds patience);

/// An engine for tensors on this process's GPU. @throws std::runtime_error where there is none
Backend open_nccl(const Place& place, const Store& store, Milliseconds patience, torch::Device device);

class Watch;

/// Whether Ctrl-C ends a waiting.
enum class Waiting { until_interrupted, in_any_case };

/// What another process leaves in the store under a name. @param watch where there is one already: its verdict ends the
/// waiting @return nothing where it did not come before `until`, or the store is gone
/// @throws TeamError with the verdict @throws Interrupted by Ctrl-C
std::optional<std::string> wait_for_key(c10d::Store& store, const std::string& key,
                                        std::chrono::steady_clock::time_point until, const Watch* watch,
                                        Waiting waiting);

/// Knows who is still there.
///
/// Each rank leaves a sign of life in the store four times a second: how many of the team's calls it has begun. Who
/// finds that something is wrong looks whose signs have stopped, and leaves the answer in the store, where all others
/// find it within a quarter of a second.
class Watch : public std::enable_shared_from_this<Watch> {
 public:
  Watch(const Place& place, Store store, Milliseconds patience);
  ~Watch();

  /// Counts a call that all ranks make.
  void begin_call() { ++calls_; }

  /// Why the team is at an end, where that is known already.
  std::optional<std::string> verdict() const;

  /// Finds out who is to blame for an error of the engine's, and tells the others. Takes about a second.
  std::string find_culprit(const std::string& engine_says, Milliseconds waited);

  /// Leaves a reason for the others, unless they have one.
  void leave_verdict(const std::string& reason) noexcept;

  /// Says that this rank is leaving; rank 0, who holds the store, stays until the others have read it, a few seconds.
  void leave() noexcept;

 private:
  void give_signs();
  std::string agreed_verdict(const std::string& reason);
  std::string look_around(const std::string& engine_says, Milliseconds waited);
  void say_goodbye();
  std::vector<std::optional<std::pair<std::int64_t, std::int64_t>>> read_signs();
  std::string key(const char* what, int rank) const;

  Place place_;
  Milliseconds patience_;
  Store store_;   ///< for the thread that gives signs
  Store second_;  ///< a connection of its own, for the others
  std::atomic<std::int64_t> calls_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;
  std::optional<std::string> verdict_;
  std::thread thread_;
};

/// c10d's part of a team.
struct Team::Engine {
  Milliseconds patience{0};
  Store store;
  Backend gloo;                  ///< for tensors on the CPU
  Backend nccl;                  ///< for those on a GPU; null without one
  std::shared_ptr<Watch> watch;  ///< outlives an answer that does not come
  bool broken = false;
  int agreements = 0;
  std::int64_t sent = 0, received = 0;  ///< messages from one rank to another, which carry their numbers

  Backend& backend_for(const torch::Tensor& x) { return x.is_cuda() ? nccl : gloo; }

  /// Asks the engine for something, and puts its complaint into our words.
  c10::intrusive_ptr<c10d::Work> begin(const std::function<c10::intrusive_ptr<c10d::Work>()>& ask);
  /// @param in_steps whether the wait may be broken off and begun again: not that for a message, which the engine then
  /// takes for lost, and not that for a GPU, whose work the next operation waits for, not the processor
  void wait(const c10::intrusive_ptr<c10d::Work>& work, bool in_steps);

  /// Throws TeamError with whoever is to blame.
  [[noreturn]] void fail(const std::string& engine_says, Milliseconds waited);
};

}  // namespace verse
