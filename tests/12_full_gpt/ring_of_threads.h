#pragma once

/// @file
/// A ring whose ranks are threads of one process, so that a test sees what each of them does.

#include <torch/torch.h>

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "12_full_gpt/data_parallel.h"

namespace verse {

/// Every rank waits for another one.
class Stuck : public std::runtime_error {
 public:
  Stuck() : std::runtime_error("every rank waits, and none goes on") {}
};

/// Runs `work` on each rank of a ring.
class RingOfThreads {
 public:
  explicit RingOfThreads(int size) : size_(size), ranks_(static_cast<std::size_t>(size)) {}

  /// @throws the first rank's error that is not only that all are stuck; else Stuck, where they are
  void run(const std::function<void(Ring&)>& work) {
    std::vector<std::thread> threads;
    for (int rank = 0; rank < size_; ++rank) {
      threads.emplace_back([this, rank, &work] {
        Member member(*this, rank);
        std::exception_ptr error;
        try {
          work(member);
        } catch (...) {
          error = std::current_exception();
        }
        const std::lock_guard lock(mutex_);
        at(rank).error = error;
        at(rank).ended = true;
        look_whether_stuck();
      });
    }
    for (auto& thread : threads) thread.join();
    std::exception_ptr first;
    for (const auto& rank : ranks_) {
      if (!rank.error) continue;
      try {
        std::rethrow_exception(rank.error);
      } catch (const Stuck&) {
        if (!first) first = rank.error;
      } catch (...) {
        throw;
      }
    }
    if (first) std::rethrow_exception(first);
  }

  /// How many numbers a rank has sent.
  std::int64_t sent_by(int rank) const { return ranks_[static_cast<std::size_t>(rank)].numbers_sent; }

 private:
  struct Rank {
    std::optional<torch::Tensor> offered;  ///< to the right neighbour
    std::function<bool()> waits_for;       ///< empty while it works
    bool ended = false;
    std::int64_t numbers_sent = 0;
    std::exception_ptr error;
  };

  class Member : public Ring {
   public:
    Member(RingOfThreads& ring, int rank) : ring_(ring), rank_(rank) {}
    int rank() const override { return rank_; }
    int size() const override { return ring_.size_; }
    void start_sending(const torch::Tensor& x) override {
      const std::lock_guard lock(ring_.mutex_);
      auto& mine = ring_.at(rank_);
      if (mine.offered) throw std::runtime_error("a message was begun before the last one was finished");
      mine.offered = x;
      mine.numbers_sent += x.numel();
      ring_.changed_.notify_all();
    }
    void finish_sending() override {
      ring_.wait(rank_, [this] { return !ring_.at(rank_).offered; });
    }
    void receive(torch::Tensor x) override {
      auto& left = ring_.at((rank_ + ring_.size_ - 1) % ring_.size_);
      ring_.wait(rank_, [&left] { return left.offered.has_value(); });
      const std::lock_guard lock(ring_.mutex_);
      if (left.offered->sizes() != x.sizes()) {
        throw std::runtime_error("a message of another size came than was expected");
      }
      x.copy_(*left.offered);
      left.offered.reset();
      ring_.changed_.notify_all();
    }

   private:
    RingOfThreads& ring_;
    int rank_;
  };

  Rank& at(int rank) { return ranks_[static_cast<std::size_t>(rank)]; }

  void wait(int rank, const std::function<bool()>& reason) {
    std::unique_lock lock(mutex_);
    at(rank).waits_for = reason;
    look_whether_stuck();
    changed_.wait(lock, [&] { return stuck_ || reason(); });
    const bool came = reason();
    at(rank).waits_for = nullptr;
    if (!came) throw Stuck();
  }

  /// With the mutex held.
  void look_whether_stuck() {
    bool somebody_waits = false;
    for (const auto& rank : ranks_) {
      if (rank.ended) continue;
      if (!rank.waits_for || rank.waits_for()) return;
      somebody_waits = true;
    }
    if (!somebody_waits) return;
    stuck_ = true;
    changed_.notify_all();
  }

  int size_;
  std::vector<Rank> ranks_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stuck_ = false;
};

}  // namespace verse
