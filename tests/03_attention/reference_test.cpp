/// @file
/// The reference of chapter 3 against hand-worked numbers, against LibTorch's own attention, and against what the paper
/// says of the scale.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <limits>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "03_attention/attention.h"
#include "03_attention/given/habits.h"
#include "03_attention/given/windows.h"
#include "common/base/error.h"
#include "tests/harness/joining_cache.h"

namespace verse {
namespace {

/// The largest difference between two tensors of one shape; NaN where either has one, which no bound accepts.
double largest_difference(const torch::Tensor& a, const torch::Tensor& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  return a.sizes() == b.sizes() ? (a - b).abs().max().item<double>() : std::nan("");
}

/// Seeded float64 numbers. In float64 two ways to the same sum differ by some 1e-15 a term, so that 1e-10 tells a wrong
/// formula from rounding at any size used here.
torch::Tensor numbers(torch::IntArrayRef sizes, std::uint64_t seed) {
  auto generator = at::detail::createCPUGenerator(seed);
  return torch::randn(sizes, generator, torch::kDouble);
}
constexpr double kRounding = 1e-10;

TEST(AttentionScores, AreDotProductsOverTheRootOfTheHeadWidth) {
  // (1 + 2 + 3 + 4) / sqrt(4) and (2 - 4) / sqrt(4), by hand; the root of 4 is exact, and so is everything here.
  const auto query = torch::tensor({{1.0, 2.0, 3.0, 4.0}});
  const auto key = torch::tensor({{1.0, 1.0, 1.0, 1.0}, {0.0, 1.0, 0.0, -1.0}, {0.0, 0.0, 0.0, 0.0}});
  EXPECT_TRUE(torch::equal(attention_scores(query, key), torch::tensor({{5.0, -1.0, 0.0}})));
}

TEST(AttentionScores, HaveVarianceOneAtEveryWidth) {
  // Vaswani et al. 2017, footnote 4: a dot product of d independent numbers of mean 0 and variance 1 has variance d.
  for (const std::int64_t head_width : {1, 4, 64}) {
    const auto scores = attention_scores(numbers({2000, head_width}, 1), numbers({2000, head_width}, 2));
    // Width 1 is the worst case: the second moments of 2,000 numbers each have deviation sqrt(2 / 2000) = 0.03, their
    // product 0.045. Three of those and a bit.
    EXPECT_NEAR(scores.var().item<double>(), 1.0, 0.15) << head_width;
  }
}

TEST(CausalMask, KeepsTheLowerTriangle) {
  const auto expected = torch::tensor({{1, 0, 0}, {1, 1, 0}, {1, 1, 1}}).to(torch::kBool);
  const auto mask = causal_mask(3, 3);
  EXPECT_EQ(mask.dtype(), torch::kBool);
  EXPECT_TRUE(torch::equal(mask, expected));
}

TEST(CausalMask, PutsTheQueriesAtTheEndOfTheKeys) {
  const auto expected = torch::tensor({{1, 1, 1, 1, 0}, {1, 1, 1, 1, 1}}).to(torch::kBool);
  EXPECT_TRUE(torch::equal(causal_mask(2, 5), expected));
  EXPECT_TRUE(torch::equal(causal_mask(1, 4), torch::ones({1, 4}, torch::kBool)));
}

TEST(CausalMask, KeepsThePredictedNumberOfScores) {
  // 1 + 2 + ... + 256.
  EXPECT_EQ(causal_mask(256, 256).sum().item<std::int64_t>(), 32'896);
}

TEST(AttentionWeights, SurviveLargeScores) {
  // softmax(10000, 10001) = 1 / (1 + e), e / (1 + e); the masked 10005 counts for nothing. These whole numbers are
  // exact in float32, so that only the exponential and the division round.
  const auto scores = torch::tensor({{10000.0F, 10001.0F, 10005.0F}});
  const auto weights = attention_weights(scores, torch::tensor({{true, true, false}}));
  EXPECT_NEAR(weights[0][0].item<double>(), 1 / (1 + std::exp(1.0)), 1e-6);
  EXPECT_NEAR(weights[0][1].item<double>(), std::exp(1.0) / (1 + std::exp(1.0)), 1e-6);
  EXPECT_EQ(weights[0][2].item<double>(), 0.0);
}

TEST(AttentionWeights, SumToOneInEveryRow) {
  const auto weights = attention_weights(100.0 * numbers({2, 3, 7, 9}, 3), causal_mask(7, 9));
  const double worst = (weights.sum(-1) - 1.0).abs().max().item<double>();
  EXPECT_TRUE(worst <= kRounding) << worst;
  EXPECT_TRUE(weights.masked_select(causal_mask(7, 9).logical_not()).eq(0).all().item<bool>());
}

/// Inputs and what LibTorch makes of them.
struct Compared {
  torch::Tensor query, key, value;
};

Compared compared_inputs(std::int64_t time, std::int64_t keys) {
  return {numbers({2, 3, time, 8}, 4).requires_grad_(), numbers({2, 3, keys, 8}, 5).requires_grad_(),
          numbers({2, 3, keys, 8}, 6).requires_grad_()};
}

/// The gradients of an uneven weighting of the output; the inputs' own are cleared.
std::vector<torch::Tensor> gradients(const torch::Tensor& output, const Compared& x) {
  (output * numbers(output.sizes(), 7)).sum().backward();
  std::vector<torch::Tensor> all;
  for (auto input : {x.query, x.key, x.value}) {
    all.push_back(input.grad().clone());
    input.mutable_grad().reset();
  }
  return all;
}

/// Forward and backward of attend() and attend_fused() against LibTorch's function with the mask given to it.
void expect_libtorch(const Compared& x, const torch::Tensor& mask, const torch::Tensor& fused_mask) {
  const auto expected = at::scaled_dot_product_attention(x.query, x.key, x.value, mask);
  const auto expected_gradients = gradients(expected, x);
  for (const bool fused : {false, true}) {
    const auto got = fused ? attend_fused(x.query, x.key, x.value, fused_mask) : attend(x.query, x.key, x.value, mask);
    EXPECT_TRUE(largest_difference(got, expected) <= kRounding) << "fused: " << fused;
    const auto got_gradients = gradients(got, x);
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_TRUE(largest_difference(got_gradients[i], expected_gradients[i]) <= kRounding)
          << "fused: " << fused << ", input " << i;
    }
  }
}

TEST(Attend, EqualsLibTorchForwardAndBackward) {
  // As many queries as keys, the last of many, and a single one: the three ways attend_fused() finds its mask.
  for (const auto& [time, keys] : std::vector<std::pair<std::int64_t, std::int64_t>>{{9, 9}, {4, 9}, {1, 9}, {1, 1}}) {
    SCOPED_TRACE(std::to_string(time) + " queries on " + std::to_string(keys) + " keys");
    // The mask in numbers, written out here on its own.
    auto mask = torch::zeros({time, keys}, torch::kBool);
    for (std::int64_t row = 0; row < time; ++row) mask[row].narrow(0, 0, keys - time + row + 1).fill_(true);
    expect_libtorch(compared_inputs(time, keys), mask, torch::Tensor());
  }
}

TEST(Attend, TakesAnyMask) {
  auto mask = numbers({2, 1, 6, 6}, 8) > 0.3;
  mask.diagonal(0, 2, 3).fill_(true);  // nobody is left with nothing to look at
  expect_libtorch(compared_inputs(6, 6), mask, mask);
}

TEST(Attend, GivesTheWeightsThatItMixesWith) {
  const auto x = compared_inputs(5, 5);
  torch::Tensor weights;
  const auto mixed = attend(x.query, x.key, x.value, causal_mask(5, 5), &weights);
  EXPECT_TRUE(largest_difference(torch::matmul(weights, x.value), mixed) <= kRounding);
}

TEST(Attend, DropsWeightsInTheGivenProportion) {
  torch::manual_seed(1);
  // With the identity as values, what comes out is the weights themselves.
  const auto query = numbers({64, 32, 8}, 9), key = numbers({64, 32, 8}, 10);
  const auto identity = torch::eye(32, torch::kDouble).expand({64, 32, 32});
  torch::Tensor weights;
  const auto dropped = attend(query, key, identity, torch::ones({32, 32}, torch::kBool), &weights, 0.25);
  const auto zero = dropped == 0;
  // 65,536 draws: three standard deviations are 0.005.
  EXPECT_NEAR(zero.to(torch::kDouble).mean().item<double>(), 0.25, 0.006);
  const auto kept = zero.logical_not();
  EXPECT_TRUE(largest_difference(dropped.masked_select(kept), weights.masked_select(kept) / 0.75) <= kRounding);
}

TEST(Heads, SplitByHand) {
  // Row, position, feature as three digits.
  const auto x = torch::tensor({0,   1,   2,   3,   10,  11,  12,  13,  20,  21,  22,  23,  //
                                100, 101, 102, 103, 110, 111, 112, 113, 120, 121, 122, 123})
                     .view({2, 3, 4});
  const auto expected = torch::tensor({0,   1,   10,  11,  20,  21,  2,   3,   12,  13,  22,  23,  //
                                       100, 101, 110, 111, 120, 121, 102, 103, 112, 113, 122, 123})
                            .view({2, 2, 3, 2});
  EXPECT_TRUE(torch::equal(split_heads(x, 2), expected));
  EXPECT_TRUE(torch::equal(merge_heads(expected), x));
}

TEST(Heads, MergeUndoesSplit) {
  const auto x = numbers({3, 5, 24}, 11);
  for (const std::int64_t heads : {1, 2, 3, 24}) EXPECT_TRUE(torch::equal(merge_heads(split_heads(x, heads)), x));
  // A third of a wider tensor is not contiguous; that is what the layer splits.
  const auto third = numbers({3, 5, 36}, 12).chunk(3, -1)[1];
  EXPECT_TRUE(torch::equal(merge_heads(split_heads(third, 4)), third));
}

/// A layer in float64 with parameters large enough for the heads to be choosy.
CausalSelfAttention large_layer(const AttentionOptions& options) {
  CausalSelfAttention layer(options);
  layer->to(torch::kDouble);
  torch::NoGradGuard no_gradients;
  std::uint64_t seed = 20;
  for (auto& parameter : layer->parameters()) parameter.copy_(0.5 * numbers(parameter.sizes(), seed++));
  return layer;
}

AttentionOptions small_options(bool fused = false) {
  AttentionOptions options;
  options.width = 12;
  options.heads = 3;
  options.fused = fused;
  return options;
}

TEST(CausalSelfAttention, EqualsLibTorchsModule) {
  const auto x = numbers({2, 7, 12}, 13).requires_grad_();
  auto theirs = torch::nn::MultiheadAttention(torch::nn::MultiheadAttentionOptions(12, 3));
  theirs->to(torch::kDouble);
  // Their mask, in C++, is added to the scores (a bool mask would add 1): 0 where looking is allowed, else minus
  // infinity.
  const auto added = torch::full({7, 7}, -std::numeric_limits<double>::infinity(), torch::kDouble).triu(1);
  for (const bool fused : {false, true}) {
    auto ours = large_layer(small_options(fused));
    const auto named = ours->named_parameters();
    const std::vector<std::pair<torch::Tensor, torch::Tensor>> pairs = {
        {theirs->in_proj_weight, named["query_key_value.weight"]},
        {theirs->in_proj_bias, named["query_key_value.bias"]},
        {theirs->out_proj->weight, named["output.weight"]},
        {theirs->out_proj->bias, named["output.bias"]}};
    {
      torch::NoGradGuard no_gradients;
      for (auto [to, from] : pairs) to.copy_(from);
    }

    // Theirs takes [time, batch, width] and gives the weights' mean over the heads.
    theirs->zero_grad();
    const auto turned = x.transpose(0, 1);
    const auto [output, mean_weights] = theirs->forward(turned, turned, turned, {}, true, added);
    const auto expected = output.transpose(0, 1);
    const auto weighting = numbers({2, 7, 12}, 14);
    (expected * weighting).sum().backward();
    const auto expected_gradient = x.grad().clone();
    x.mutable_grad().reset();

    const auto got = ours->forward(x);
    EXPECT_TRUE(largest_difference(got, expected) <= kRounding) << "fused: " << fused;
    (got * weighting).sum().backward();
    EXPECT_TRUE(largest_difference(x.grad(), expected_gradient) <= kRounding) << "fused: " << fused;
    x.mutable_grad().reset();
    for (const auto& [their, our] : pairs) {
      EXPECT_TRUE(largest_difference(our.grad(), their.grad()) <= kRounding) << "fused: " << fused;
    }

    torch::Tensor weights;
    AttentionExtras extras;
    extras.weights = &weights;
    EXPECT_TRUE(largest_difference(ours->forward(x, extras), expected) <= kRounding) << "fused: " << fused;
    EXPECT_TRUE(largest_difference(weights.mean(1), mean_weights) <= kRounding) << "fused: " << fused;
  }
}

TEST(CausalSelfAttention, SeesNoFuture) {
  torch::NoGradGuard no_gradients;
  for (const bool fused : {false, true}) {
    auto layer = large_layer(small_options(fused));
    const auto x = numbers({1, 9, 12}, 15);
    auto changed = x.clone();
    changed[0][5] += 3.0;
    const auto difference = (layer->forward(changed) - layer->forward(x)).abs().amax(-1)[0];  // [time]
    // A masked weight is exactly 0, so that positions before the change do not even round differently.
    EXPECT_EQ(difference.narrow(0, 0, 5).max().item<double>(), 0.0) << "fused: " << fused;
    EXPECT_GT(difference.narrow(0, 5, 4).min().item<double>(), 1e-3) << "fused: " << fused;
  }
}

TEST(CausalSelfAttention, ReadsOnFromACache) {
  for (const bool fused : {false, true}) {
    auto layer = large_layer(small_options(fused));
    const auto x = numbers({2, 7, 12}, 16);
    const auto whole = layer->forward(x);
    JoiningCache cache;
    AttentionExtras extras;
    extras.cache = &cache;
    // Four positions, then two, then one.
    std::vector<torch::Tensor> parts;
    for (const auto& part : x.split_with_sizes({4, 2, 1}, 1)) parts.push_back(layer->forward(part, extras));
    EXPECT_TRUE(largest_difference(torch::cat(parts, 1), whole) <= kRounding) << "fused: " << fused;
    EXPECT_EQ(cache.length(), 7);
  }
}

TEST(CausalSelfAttention, DropsOnlyInTraining) {
  for (const bool fused : {false, true}) {
    auto options = small_options(fused);
    auto plain = large_layer(options);
    options.dropout = 0.5;
    auto dropping = large_layer(options);
    const auto x = numbers({2, 7, 12}, 17);
    const auto expected = plain->forward(x);
    EXPECT_GT(largest_difference(dropping->forward(x), expected), 1e-3) << "fused: " << fused;
    dropping->eval();
    EXPECT_TRUE(largest_difference(dropping->forward(x), expected) <= kRounding) << "fused: " << fused;
  }
}

TEST(CausalSelfAttention, HasTheSameParametersForAnyNumberOfHeads) {
  for (const std::int64_t heads : {1, 3, 12}) {
    AttentionOptions options;
    options.width = 12;
    options.heads = heads;
    std::int64_t count = 0;
    for (const auto& parameter : CausalSelfAttention(options)->parameters()) count += parameter.numel();
    EXPECT_EQ(count, 4 * 12 * 12 + 4 * 12);  // four matrices of width x width and their biases, by hand
    options.bias = false;
    EXPECT_EQ(CausalSelfAttention(options)->parameters().size(), 2U);
  }
}

TEST(CausalSelfAttention, RefusesHeadsThatDoNotDivideTheWidth) {
  AttentionOptions options;
  options.width = 10;
  options.heads = 3;
  try {
    CausalSelfAttention layer(options);
    FAIL() << "3 heads share 10 features";
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("10"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("3"), std::string::npos) << error.what();
  }
  options.heads = 0;
  EXPECT_THROW(CausalSelfAttention{options}, UsageError);
}

TEST(HeadHabits, OfAHeadThatLooksOneBack) {
  // Row t has all its weight at t - 1. Positions 4 to 7 of 8 ask and look at 3 to 6, of which 3 and 5 are blank.
  const auto weights = torch::diag_embed(torch::ones({2, 7}), -1);
  const auto blank = torch::tensor({1.0F, 0.0F, 0.0F, 1.0F, 0.0F, 1.0F, 0.0F, 1.0F}).expand({2, 8});
  const HeadHabits habits = measure_habits(weights, blank);
  EXPECT_EQ(habits.distance, 1.0);
  EXPECT_EQ(habits.entropy, 0.0);
  EXPECT_EQ(habits.itself, 0.0);
  EXPECT_EQ(habits.previous, 1.0);
  EXPECT_EQ(habits.second, 0.0);
  EXPECT_EQ(habits.blanks, 0.5);
  EXPECT_EQ(habits.favourite, 1);
}

TEST(HeadHabits, OfAHeadThatLooksEvenly) {
  // Position t spreads its weight over t + 1 characters: t / 2 back in the mean, with an entropy of ln(t + 1).
  const auto mask = causal_mask(8, 8).to(torch::kDouble);
  const auto weights = (mask / mask.sum(-1, true)).unsqueeze(0);
  const HeadHabits habits = measure_habits(weights, torch::ones({1, 8}, torch::kDouble));
  EXPECT_NEAR(habits.distance, (4 + 5 + 6 + 7) / 2.0 / 4, 1e-12);
  EXPECT_NEAR(habits.entropy, std::log(5.0 * 6 * 7 * 8) / 4, 1e-12);
  EXPECT_NEAR(habits.itself, (1 / 5.0 + 1 / 6.0 + 1 / 7.0 + 1 / 8.0) / 4, 1e-12);
  EXPECT_NEAR(habits.blanks, 1.0, 1e-12);
}

TEST(WindowsOf, AskForEachCharacterOnce) {
  const auto windows = windows_of(torch::arange(12), 4);
  EXPECT_TRUE(torch::equal(windows, torch::tensor({{0, 1, 2, 3, 4}, {4, 5, 6, 7, 8}})));
  EXPECT_TRUE(torch::equal(windows_of(torch::arange(13), 4).slice(1, 1).flatten(), torch::arange(1, 13)));
}

}  // namespace
}  // namespace verse
