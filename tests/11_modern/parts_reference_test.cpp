/// Llama's parts and weights of one byte against LibTorch's own forms, other ways to write the same, and numbers worked
/// out by hand.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <numbers>

#include "03_attention/attention.h"
#include "11_modern/modern.h"
#include "11_modern/parts.h"
#include "common/base/error.h"
#include "tests/common/largest_difference.h"

namespace verse {
namespace {

using Kind = RotaryScaling::Kind;

TEST(RmsNorm, IsLibTorchs) {
  torch::manual_seed(1);
  auto x = (3 * torch::randn({2, 3, 16}) + 1).requires_grad_(), gain = torch::rand({16}).requires_grad_();
  auto y = x.detach().clone().requires_grad_(), other_gain = gain.detach().clone().requires_grad_();
  const auto ours = rms_norm(x, gain, 1e-5), theirs = torch::rms_norm(y, {16}, other_gain, 1e-5);
  EXPECT_LE(largest_difference(ours, theirs), 1e-5);
  const auto weights = torch::randn_like(ours);
  (ours * weights).sum().backward();
  (theirs * weights).sum().backward();
  EXPECT_LE(largest_difference(x.grad(), y.grad()), 1e-5);
  EXPECT_LE(largest_difference(gain.grad(), other_gain.grad()), 1e-4);  // sums of six products near 3
}

TEST(RmsNorm, LeavesTheMeanAndTheCallersNumbers) {
  // The mean of the squares of 1, 2, 3, 4 is 7.5.
  const auto x = torch::tensor({1.0F, 2.0F, 3.0F, 4.0F});
  EXPECT_LE(largest_difference(rms_norm(x, torch::full({4}, 2.0F), 0), 2 * x / std::sqrt(7.5)), 1e-6);
  EXPECT_EQ(x[3].item<float>(), 4.0F);
  const auto half = rms_norm(x.to(torch::kFloat16) * 1000, torch::ones({4}), 0);
  EXPECT_EQ(half.scalar_type(), torch::kFloat16);
  EXPECT_LE(largest_difference(half.to(torch::kFloat32), x / std::sqrt(7.5)), 1e-3);  // half a unit in 2^-10
}

TEST(RotaryFrequencies, AreThoseOfRotate) {
  const auto frequencies = rotary_frequencies(8, 100, {});
  const std::vector<double> expected{1, std::pow(100, -0.25), 0.1, std::pow(100, -0.75)};
  ASSERT_EQ(frequencies.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(frequencies[i], expected[i], 1e-12);
}

TEST(RotaryFrequencies, OfLlama3AreThoseByWavelengths) {
  // As Llama's own code says it: by how many positions a whole turn takes.
  const RotaryScaling scaling{Kind::llama3, 8, 1, 4, 8192};
  const auto plain = rotary_frequencies(128, 5e5, {}), scaled = rotary_frequencies(128, 5e5, scaling);
  int stayed = 0, between = 0, slowed = 0;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    const double wavelength = 2 * std::numbers::pi / plain[i];
    double expected = plain[i];
    if (wavelength > 8192.0 / 1) {
      expected = plain[i] / 8;
      ++slowed;
    } else if (wavelength >= 8192.0 / 4) {
      const double smooth = (8192 / wavelength - 1) / (4 - 1);
      expected = (1 - smooth) * plain[i] / 8 + smooth * plain[i];
      ++between;
    } else {
      ++stayed;
    }
    EXPECT_NEAR(scaled[i] / expected, 1, 1e-12) << i;
  }
  EXPECT_GT(stayed, 0);
  EXPECT_GT(between, 0);
  EXPECT_GT(slowed, 0);
}

TEST(RotaryFrequencies, RefuseWhatNoHeadHas) {
  EXPECT_THROW(rotary_frequencies(7, 1e4, {}), UsageError);
  EXPECT_THROW(rotary_frequencies(0, 1e4, {}), UsageError);
  EXPECT_THROW(rotary_frequencies(8, 1e4, {Kind::linear, 0, 1, 4, 0}), UsageError);
  EXPECT_THROW(rotary_frequencies(8, 1e4, {Kind::linear, NAN, 1, 4, 0}), UsageError);
  EXPECT_THROW(rotary_frequencies(8, 1e4, {Kind::llama3, 8, 4, 4, 8192}), UsageError);
  EXPECT_THROW(rotary_frequencies(8, 1e4, {Kind::llama3, 8, 1, 4, 0}), UsageError);
  EXPECT_NO_THROW(rotary_frequencies(8, 1e4, {Kind::llama3, 8, 1, 4, 1}));
}

TEST(RotateHalves, IsRotateWithFeaturesElsewhere) {
  torch::manual_seed(2);
  const auto x = torch::randn({2, 3, 6, 8});
  const auto positions = torch::arange(6) + 30;
  // Feature i of the first half goes to place 2i, feature i of the second half to 2i + 1.
  const auto side_by_side = torch::stack({x.narrow(-1, 0, 4), x.narrow(-1, 4, 4)}, -1).flatten(-2);
  const auto expected = rotate(side_by_side, positions).unflatten(-1, {4, 2});
  const auto turned = rotate_halves(x, rotary_angles(positions, rotary_frequencies(8, 1e4, {})));
  EXPECT_LE(largest_difference(turned, torch::cat({expected.select(-1, 0), expected.select(-1, 1)}, -1)), 1e-5);
  EXPECT_LE(largest_difference(turned.norm(2, -1), x.norm(2, -1)), 1e-5) << "lengths stay";
}

TEST(RotaryAngles, ArePositionsTimesFrequencies) {
  const auto angles = rotary_angles(torch::tensor({0, 3, 100000}), {1.0, 0.25});
  EXPECT_EQ(angles.scalar_type(), torch::kFloat32);
  EXPECT_TRUE(torch::equal(angles, torch::tensor({{0.0F, 0.0F}, {3.0F, 0.75F}, {100000.0F, 25000.0F}})));
}

TEST(SwiGLU, IsLibTorchsSiluTimesTheOther) {
  torch::manual_seed(3);
  const auto type = torch::kFloat64;
  const auto x = torch::randn({2, 5}, type), gate = torch::randn({7, 5}, type), up = torch::randn({7, 5}, type);
  const auto down = torch::randn({5, 7}, type);
  const auto gated = torch::silu(torch::linear(x, gate)) * torch::linear(x, up);
  EXPECT_LE(largest_difference(swiglu(x, gate, up, down), torch::linear(gated, down)), 1e-12);
}

TEST(RepeatHeads, GivesEachQueryItsGroupsKeys) {
  torch::manual_seed(4);
  const auto query = torch::randn({2, 6, 3, 4}), key = torch::randn({2, 2, 5, 4}), value = torch::randn({2, 2, 5, 4});
  const auto mask = causal_mask(3, 5, torch::kCPU);
  const auto all = attend(query, repeat_heads(key, 3), repeat_heads(value, 3), mask);
  for (std::int64_t head = 0; head < 6; ++head) {
    const std::int64_t group = head / 3;
    const auto one = attend(query.narrow(1, head, 1), key.narrow(1, group, 1), value.narrow(1, group, 1), mask);
    EXPECT_LE(largest_difference(all.narrow(1, head, 1), one), 1e-6) << head;
  }
}

TEST(SlidingMask, HoldsForEachPair) {
  const auto queries = torch::tensor({4, 9, 0}), keys = torch::tensor({0, 1, 4, 5, 8, 9});
  for (const std::int64_t window : {0, 1, 2, 5, 100}) {
    const auto mask = sliding_mask(queries, keys, window);
    for (std::int64_t i = 0; i < 3; ++i) {
      for (std::int64_t j = 0; j < 6; ++j) {
        const auto query = queries[i].item<std::int64_t>(), key = keys[j].item<std::int64_t>();
        const bool expected = key <= query && (window == 0 || key > query - window);
        EXPECT_EQ(mask[i][j].item<bool>(), expected) << query << " looks at " << key << ", window " << window;
      }
    }
  }
  const auto all = torch::arange(7);
  EXPECT_TRUE(torch::equal(sliding_mask(all, all, 0), causal_mask(7, 7, torch::kCPU)));
  EXPECT_TRUE(torch::equal(sliding_mask(all, all, 7), causal_mask(7, 7, torch::kCPU)));
  EXPECT_THROW(sliding_mask(all, all, -1), UsageError);
}

TEST(QuantiseRows, IsOffByHalfAStepAtMost) {
  torch::manual_seed(5);
  const auto weight = torch::randn({16, 64}) * torch::pow(10.0, torch::linspace(-6, 3, 16)).unsqueeze(-1);
  const auto rows = quantise_rows(weight);
  EXPECT_EQ(rows.values.scalar_type(), torch::kInt8);
  EXPECT_TRUE(torch::equal(rows.values.to(torch::kInt32).abs().amax(-1), torch::full({16}, 127, torch::kInt32)))
      << "the largest number of each row is at the end of the scale";
  const auto error = (rows.values.to(torch::kFloat32) * rows.scales.unsqueeze(-1) - weight).abs().amax(-1);
  EXPECT_TRUE((error <= rows.scales * 0.50001).all().item<bool>());  // float32 rounds near the middle
  EXPECT_GT((error / rows.scales).max().item<double>(), 0.4) << "half a step is reached, nearly";

  const auto zeros = quantise_rows(torch::zeros({2, 3}));
  EXPECT_EQ(zeros.values.abs().sum().item<std::int64_t>(), 0);
  EXPECT_EQ(zeros.scales.sum().item<double>(), 0);
}

TEST(Int8Product, IsTheProductWithWhatTheBytesStandFor) {
  torch::manual_seed(6);
  const auto x = torch::randn({3, 2, 64}), weight = torch::randn({16, 64});
  const auto rows = quantise_rows(weight);
  const auto dequantised = rows.values.to(torch::kFloat64) * rows.scales.to(torch::kFloat64).unsqueeze(-1);
  const auto exact = torch::matmul(x.to(torch::kFloat64), dequantised.t());
  EXPECT_LE(largest_difference(int8_product(x, rows).to(torch::kFloat64), exact), 1e-4);  // sums of 64 terms near 1

  // Errors of half a step at most, of either sign, in sums of 64: a hundredth of the sums' own size.
  const auto plain = torch::matmul(x, weight.t());
  EXPECT_LE(((int8_product(x, rows) - plain).norm() / plain.norm()).item<double>(), 0.015);
  EXPECT_EQ(int8_product(x.to(torch::kBFloat16), rows).scalar_type(), torch::kBFloat16);
}

TEST(QuantiseGroups, MeetsTheLargestAndIsOffByHalfAStepElsewhere) {
  torch::manual_seed(7);
  const auto weight = torch::randn({8, 96}) * torch::pow(10.0, torch::linspace(-6, 3, 96));
  const auto groups = quantise_groups(weight, 32);
  EXPECT_EQ(groups.values.scalar_type(), torch::kInt8);
  EXPECT_EQ(groups.scales.sizes(), (torch::IntArrayRef{8, 3}));
  const auto values = groups.values.to(torch::kFloat32).view({8, 3, 32});
  EXPECT_TRUE(torch::equal(values.amin(-1), torch::full({8, 3}, -8.0F)));
  EXPECT_LE(values.max().item<double>(), 7);
  const auto steps = groups.scales.abs().unsqueeze(-1), given = weight.view({8, 3, 32});
  const auto error = (values * groups.scales.unsqueeze(-1) - given).abs();
  const auto most = torch::where(given / groups.scales.unsqueeze(-1) > 7.5, 1.0, 0.5) * steps;
  EXPECT_TRUE((error <= most * 1.00001).all().item<bool>());  // float32 rounds near the middle
  EXPECT_THROW(quantise_groups(weight, 36), UsageError);
  EXPECT_THROW(quantise_groups(weight, 0), UsageError);
}

}  // namespace
}  // namespace verse
