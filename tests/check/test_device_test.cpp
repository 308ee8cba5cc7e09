#include "tests/harness/test_device.h"

#include <gtest/gtest.h>

#include "tests/harness/check.h"

namespace verse {
namespace {

/// Moves tests to LibTorch's device without memory, which knows shapes alone, and back.
class MovedTests : public testing::Test {
 protected:
  void SetUp() override { move_tests_to(torch::kMeta); }
  void TearDown() override { move_tests_to(torch::kCPU); }
};

TEST_F(MovedTests, MakeTheirTensorsOnTheDevice) {
  EXPECT_TRUE(torch::randn({2, 3}).is_meta());
  EXPECT_TRUE(torch::zeros({2}, torch::kInt64).is_meta());
  EXPECT_TRUE(torch::arange(5).is_meta());
  EXPECT_TRUE(normal_input({2}, 1).is_meta());
  EXPECT_TRUE(token_input({2}, 3, 1).is_meta());
  EXPECT_TRUE(torch::ones({2}, torch::requires_grad()).requires_grad());
  EXPECT_EQ(torch::ones({2}, torch::kInt64).scalar_type(), torch::kInt64);
  // Where somebody has said where, it is there; and memory that is still to be written stays the processor's.
  EXPECT_TRUE(torch::zeros({2}, torch::kCPU).is_cpu());
  EXPECT_TRUE(torch::empty({2}).is_cpu());
  EXPECT_TRUE(torch::tensor({1.0F, 2.0F}).is_cpu());
}

TEST_F(MovedTests, MoveWhatAnOperationMeets) {
  const auto here = torch::tensor({1.0F, 2.0F, 3.0F}).requires_grad_();
  const auto there = torch::ones({3});
  EXPECT_TRUE((here + there).is_meta());
  EXPECT_TRUE((here + there).requires_grad()) << "gradients find their way back";
  EXPECT_TRUE((2 * there).is_meta());
  EXPECT_EQ((2 * torch::ones({3}, torch::kInt64)).scalar_type(), torch::kInt64)
      << "a plain number has no type to force";
  EXPECT_TRUE(torch::cat({torch::tensor({1.0F}), there}).is_meta());
  EXPECT_TRUE(there.index({torch::tensor({0, 2})}).is_meta());
  EXPECT_TRUE((here + here).is_cpu()) << "nothing lies on the device here";
  auto table = torch::zeros({4, 2});
  EXPECT_TRUE(table.index_add_(0, torch::tensor({1, 1}), torch::tensor({{1.0F, 2.0F}, {3.0F, 4.0F}})).is_meta());
}

TEST_F(MovedTests, LeaveMovingAlone) {
  const auto there = torch::ones({3});
  EXPECT_TRUE(torch::tensor({1.0F}).to(torch::kMeta).is_meta());
  EXPECT_TRUE(torch::empty_like(there).is_meta());
  EXPECT_TRUE(torch::tensor({1.0F}).to(torch::kFloat64).is_cpu());
}

TEST(MovedTestsAfterwards, TensorsAreTheProcessorsAgain) {
  move_tests_to(torch::kMeta);
  move_tests_to(torch::kCPU);
  EXPECT_TRUE(torch::randn({2, 3}).is_cpu());
  EXPECT_TRUE(test_device().is_cpu());
  torch::manual_seed(1);
  const auto plain = torch::randn({4});
  torch::manual_seed(1);
  EXPECT_TRUE(torch::equal(plain, torch::randn({4})));
}

}  // namespace
}  // namespace verse
