/// What a step on several processes takes, on paper.

#include <gtest/gtest.h>

#include <stdexcept>

#include "12_full_gpt/given/training/step_time.h"

namespace verse {
namespace {

// 100 bytes at 10 bytes a second, a second a message; three seconds of computing, of which two can hide a sum.
constexpr Cluster kSlow{3, 100, 10, 1, 2.0 / 3};

TEST(StepTime, OneProcessSumsNothing) {
  for (const Summing summing : {Summing::ring, Summing::tree}) {
    EXPECT_EQ(sum_seconds(kSlow, 1, summing), 0);
    EXPECT_EQ(step_seconds(kSlow, 1, summing), 3);
  }
}

TEST(StepTime, ARingSendsTwiceAllButOneChunk) {
  // Four ranks: six chunks of 25 bytes are 15 s, and six messages 6 s.
  EXPECT_DOUBLE_EQ(sum_seconds(kSlow, 4, Summing::ring), 21);
  // Two halvings and two doublings: the same bytes in four messages.
  EXPECT_DOUBLE_EQ(sum_seconds(kSlow, 4, Summing::tree), 19);
  EXPECT_DOUBLE_EQ(sum_seconds(kSlow, 5, Summing::tree), 16 + 6) << "as many messages as eight would take";
}

TEST(StepTime, WhatFitsBesideTheComputingCostsNothing) {
  EXPECT_DOUBLE_EQ(step_seconds(kSlow, 4, Summing::ring), 3 + 21 - 2);
  Cluster fast = kSlow;
  fast.bandwidth = 1e6;
  fast.latency = 0;
  EXPECT_DOUBLE_EQ(step_seconds(fast, 4, Summing::ring), 3);
  fast.hidden = 0;
  EXPECT_GT(step_seconds(fast, 4, Summing::ring), 3);
}

TEST(StepTime, ABandwidthIsFoundAgain) {
  const double seconds = sum_seconds(kSlow, 4, Summing::ring);
  EXPECT_DOUBLE_EQ(fitted_bandwidth(seconds, kSlow.bytes, kSlow.latency, 4), kSlow.bandwidth);
  EXPECT_THROW(fitted_bandwidth(5, kSlow.bytes, kSlow.latency, 4), std::invalid_argument);
}

}  // namespace
}  // namespace verse
