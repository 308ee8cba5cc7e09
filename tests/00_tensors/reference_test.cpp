#include <gtest/gtest.h>

#include <cmath>

#include "00_tensors/tensors.h"
#include "tests/harness/check.h"

namespace verse {
namespace {

TEST(Chapter0, FactsOfAKnownTensor) {
  const auto facts = facts_of(torch::zeros({2, 3, 5}));
  EXPECT_EQ(facts.dimensions, 3);
  EXPECT_EQ(facts.elements, 30);
  EXPECT_EQ(facts.last_size, 5);
  EXPECT_TRUE(facts.floating);
  EXPECT_FALSE(facts_of(torch::zeros({2}, torch::kInt64)).floating);
}

TEST(Chapter0, CentredRowsByHand) {
  // The means are 3 and 30.
  const auto centred = centre_rows(torch::tensor({{1.0F, 2.0F, 6.0F}, {10.0F, 20.0F, 60.0F}}));
  EXPECT_TRUE(torch::equal(centred, torch::tensor({{-2.0F, -1.0F, 3.0F}, {-20.0F, -10.0F, 30.0F}})));
}

TEST(Chapter0, ColumnAfterColumnByHand) {
  EXPECT_TRUE(torch::equal(read_by_columns(torch::tensor({{1, 2, 3}, {4, 5, 6}})), torch::tensor({1, 4, 2, 5, 3, 6})));
}

TEST(Chapter0, DotProductsEqualEinsum) {
  const auto left = normal_input({2, 3, 8}, 1), right = normal_input({2, 5, 8}, 2);
  const auto ours = all_dot_products(left, right);
  EXPECT_EQ(ours.sizes(), (std::vector<std::int64_t>{2, 3, 5}));
  // Eight products of numbers of size 1 in float32.
  EXPECT_TRUE(torch::allclose(ours, torch::einsum("bnw,bmw->bnm", {left, right}), 0, 1e-5));
}

TEST(Chapter0, TheThreeSlopesAgree) {
  for (const double x : {-2.0, 0.0, 1.5}) {
    const auto slopes = three_slopes(x, 1e-4);
    EXPECT_DOUBLE_EQ(slopes.by_hand, 3 * x * x - 2);
    EXPECT_LE(std::abs(slopes.by_backward - slopes.by_hand), 1e-12);
    // A central difference of a cubic is off by exactly the step squared.
    EXPECT_LE(std::abs(slopes.by_difference - slopes.by_hand - 1e-8), 1e-10);
  }
}

TEST(Chapter0, LineEqualsLibTorchsLinear) {
  torch::manual_seed(1);
  Line line(5, 3);
  const auto x = normal_input({2, 4, 5}, 3);
  EXPECT_TRUE(torch::allclose(line->forward(x), torch::nn::functional::linear(x, line->weight, line->bias), 0, 1e-6));
  EXPECT_EQ(line->parameters().size(), 2U);
}

TEST(Chapter0, TheNeuronsGradientsAreAutograds) {
  const auto x = normal_input({6}, 4), target = normal_input({6}, 5);
  const auto weight = torch::tensor(0.7, torch::requires_grad()), bias = torch::tensor(-0.3, torch::requires_grad());
  const auto sum = weight * x + bias, activation = torch::tanh(sum);
  for (const auto& step : {sum, activation}) step.retain_grad();
  (activation - target).square().mean().backward();

  const auto gradients = neuron_backwards(x, target, weight.detach(), bias.detach());
  EXPECT_TRUE(torch::allclose(gradients.activation, activation.grad(), 0, 1e-6));
  EXPECT_TRUE(torch::allclose(gradients.sum, sum.grad(), 0, 1e-6));
  EXPECT_TRUE(torch::allclose(gradients.weight, weight.grad(), 0, 1e-6));
  EXPECT_TRUE(torch::allclose(gradients.bias, bias.grad(), 0, 1e-6));
}

}  // namespace
}  // namespace verse
