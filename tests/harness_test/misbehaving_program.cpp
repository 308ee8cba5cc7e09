// A test program that does what learners' code does: passes, fails, is not written yet, crashes, loops, exits, takes
// all memory. The tests of the runner start it with a filter; it is not a test of its own.

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <vector>

#include "common/base/error.h"
#include "tests/harness/report_listener.h"

namespace {

// What the optimiser must not know.
volatile int zero = 0;
int* volatile null_pointer = nullptr;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wreturn-type"
int no_return(int x) {
  if (x == 1) return 1;
}
#pragma GCC diagnostic pop

}  // namespace

TEST(Exercise_7_1, Passes) {
  SUCCEED();
}
TEST(Exercise_7_1, PassesToo) {
  std::cout << "printed in 7.1\n";
}

TEST(Exercise_7_2, Fails) {
  std::cout << "printed in 7.2\n";
  verse::report::set_mistake("off_by_one");
  verse::report::set_comparison("3", "4");
  EXPECT_EQ(3, 4 + zero) << "counted wrong";
}
TEST(Exercise_7_2, FailsWithoutAName) {
  ADD_FAILURE() << "the first line\nthe second";
}
TEST(Exercise_7_2, PassesAlthoughAMistakeWasNamed) {
  verse::report::set_mistake("off_by_one");
}
TEST(Exercise_7_2, SaysItInItsOwnWords) {
  verse::report::set_message("the learner's words \xff");
  ADD_FAILURE() << "GoogleTest's words";
}

TEST(Exercise_7_3, ThrowsAStub) {
  throw verse::NotImplemented("7.3", "/some/where/chapters/07_x/x.cpp", 12);
}
TEST(Exercise_7_4, MeetsAnotherStub) {
  throw verse::NotImplemented("7.3", "/some/where/chapters/07_x/x.cpp", 12);
}
TEST(Exercise_7_5, IsToldOfAStub) {
  verse::report::set_not_started("7.5", "chapters/07_x/x.cpp", 20);
}

class Exercise_7_6 : public testing::Test {
 protected:
  static void SetUpTestSuite() { throw verse::NotImplemented("7.6", "chapters/07_x/x.cpp", 30); }
};
TEST_F(Exercise_7_6, NeedsItsSetUp) {}

TEST(Exercise_7_7, IsSkipped) {
  GTEST_SKIP() << "no such device";
}
TEST(Exercise_7_8, Throws) {
  throw std::runtime_error("shapes differ");
}

TEST(Exercise_8_1, StoresThroughNull) {
  std::cout << "before the crash\n";
  *null_pointer = 1;
}
TEST(Exercise_8_1, NeverComesToRun) {}
TEST(Exercise_8_2, LoopsForEver) {
  while (true) {
  }
}
TEST(Exercise_8_2, NeverComesToRun) {}
TEST(Exercise_8_3, LeavesByExit) {
  std::exit(0);
}
TEST(Exercise_8_4, TakesAllMemory) {
  std::vector<std::unique_ptr<char[]>> blocks;
  for (int i = 0; i < 4096; ++i) {
    blocks.push_back(std::make_unique<char[]>(16 << 20));
    std::memset(blocks.back().get(), 1, 16 << 20);
    usleep(1000);
  }
}
TEST(Exercise_8_5, DividesByZero) {
  volatile int number = 1;
  number = number / zero;
}
TEST(Exercise_8_6, Aborts) {
  std::abort();
}
TEST(Exercise_8_7, HasNoReturn) {
  EXPECT_EQ(no_return(zero), 1);
}
TEST(Exercise_8_8, PrintsForEver) {
  const std::string line(1000, '.');
  while (true) std::cout << line << '\n';
}
TEST(Exercise_8_9, StandsStill) {
  pause();
}
TEST(Exercise_8_10, ReadsAnInvalidAddress) {
  const int* volatile wild = reinterpret_cast<const int*>(std::uintptr_t{0x1000});
  EXPECT_EQ(*wild, 1);
}
TEST(Exercise_8_11, PassesAfterAllThat) {}

class Exercise_9_1 : public testing::Test {
 protected:
  static void SetUpTestSuite() { std::raise(SIGSEGV); }
};
TEST_F(Exercise_9_1, SetUpCrashes) {}
TEST_F(Exercise_9_1, SetUpCrashesToo) {}
TEST(Exercise_9_2, PassesAfterThat) {}

TEST(Chapter_7, PassesAsAWhole) {}
TEST(Chapter_8, FailsAsAWhole) {
  ADD_FAILURE() << "the parts do not fit";
}

class EveryWidth : public testing::TestWithParam<int> {};
using Exercise_7_9 = EveryWidth;
TEST_P(Exercise_7_9, Holds) {
  EXPECT_LT(GetParam(), 3);
}
INSTANTIATE_TEST_SUITE_P(Widths, Exercise_7_9, testing::Values(1, 2));

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  verse::report::install();
  return RUN_ALL_TESTS();
}
