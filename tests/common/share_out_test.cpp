#include "common/share_out.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

namespace verse {
namespace {

/// Two threads for the time of a test, whatever the machine has.
class ShareOut : public testing::Test {
 protected:
  void SetUp() override { torch::set_num_threads(2); }
  void TearDown() override { torch::set_num_threads(before_); }

 private:
  int before_ = torch::get_num_threads();
};

TEST_F(ShareOut, EachNumberIsWorkedOnOnce) {
  for (const std::int64_t count : {0, 1, 7, 64, 1000}) {
    for (const std::int64_t grain : {1, 3, 64, 5000}) {
      std::vector<int> times(static_cast<std::size_t>(count) + 10, 0);
      share_out(10, 10 + count, grain, [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t i = first; i < last; ++i) ++times[static_cast<std::size_t>(i)];
      });
      for (std::size_t i = 0; i < times.size(); ++i) EXPECT_EQ(times[i], i < 10 ? 0 : 1) << count << ' ' << grain;
    }
  }
}

TEST_F(ShareOut, TwoThreadsWork) {
  std::mutex mutex;
  std::set<std::thread::id> threads;
  share_out(0, 100, 1, [&](std::int64_t, std::int64_t) {
    const std::lock_guard lock(mutex);
    threads.insert(std::this_thread::get_id());
  });
  EXPECT_EQ(threads.size(), 2U);
}

TEST_F(ShareOut, OneThreadIsEnoughForOnePiece) {
  int calls = 0;
  share_out(0, 100, 100, [&](std::int64_t first, std::int64_t last) {
    ++calls;
    EXPECT_EQ(first, 0);
    EXPECT_EQ(last, 100);
  });
  EXPECT_EQ(calls, 1);
}

TEST_F(ShareOut, AnExceptionComesBack) {
  EXPECT_THROW(share_out(0, 100, 1,
                         [](std::int64_t first, std::int64_t) {
                           if (first > 0) throw std::runtime_error("the second half");
                         }),
               std::runtime_error);
}

TEST_F(ShareOut, WorkWithinWorkStaysOnItsThread) {
  share_out(0, 2, 1, [](std::int64_t, std::int64_t) {
    const auto thread = std::this_thread::get_id();
    share_out(0, 100, 1, [&](std::int64_t, std::int64_t) { EXPECT_EQ(std::this_thread::get_id(), thread); });
  });
}

}  // namespace
}  // namespace verse
