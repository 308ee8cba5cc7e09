#include "tests/harness/guarded_memory.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace verse {
namespace {

/// Reads what the compiler cannot see to be out of bounds.
std::int64_t read(const std::int64_t* place) {
  return *static_cast<const volatile std::int64_t*>(place);
}

class GuardedMemoryDeathTest : public ::testing::Test {
 protected:
  // LibTorch's threads do not live on in a copy of the process: the test begins anew in one of its own.
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(GuardedMemoryDeathTest, OnePastTheEndOfAVectorStopsTheProgram) {
  const GuardedMemory guarded;
  const std::vector<std::int64_t> numbers = {1, 2, 3, 4};
  EXPECT_EQ(read(numbers.data() + 3), 4);
  EXPECT_EXIT(read(numbers.data() + 4), ::testing::KilledBySignal(SIGSEGV), "");
}

TEST_F(GuardedMemoryDeathTest, WhatWasGivenBackStopsTheProgram) {
  const GuardedMemory guarded;
  std::optional<std::vector<std::int64_t>> numbers = std::vector<std::int64_t>{1, 2, 3, 4};
  const std::int64_t* const place = numbers->data();
  numbers.reset();
  EXPECT_EXIT(read(place), ::testing::KilledBySignal(SIGSEGV), "");
}

TEST(GuardedMemory, PiecesOfAnySizeHoldWhatIsWritten) {
  std::map<std::size_t, std::string> texts;  // outlives the guard
  {
    const GuardedMemory guarded(1000);
    for (const std::size_t size : {0, 1, 15, 16, 17, 4095, 4096, 4097, 70000, 3000000}) {
      texts[size] = std::string(size, 'x') + std::to_string(size);
    }
    std::vector<std::int64_t> grown;
    for (std::int64_t i = 0; i < 10000; ++i) grown.push_back(i);
    for (std::int64_t i = 0; i < 10000; ++i) ASSERT_EQ(grown[static_cast<std::size_t>(i)], i);
  }
  for (const auto& [size, text] : texts) EXPECT_EQ(text, std::string(size, 'x') + std::to_string(size));
  texts.clear();
}

TEST(GuardedMemory, BeyondTheFirstPiecesAllIsAsUsual) {
  const GuardedMemory guarded(2);
  std::vector<std::string> many;
  for (int i = 0; i < 100; ++i) many.emplace_back(100, 'y');
  EXPECT_EQ(many.back().size(), 100U);
}

}  // namespace
}  // namespace verse
