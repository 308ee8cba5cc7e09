/// @file
/// Chapter 4's reference against what others wrote: LibTorch's modules, numbers worked out by hand, figures of the
/// course.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "04_blocks/blocks.h"
#include "04_blocks/stacks.h"
#include "common/base/error.h"
#include "tests/harness/joining_cache.h"

namespace verse {
namespace {

/// The largest distance between two tensors; NaN where one of them has it, which no comparison below lets pass.
double distance(const torch::Tensor& a, const torch::Tensor& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  if (a.sizes() != b.sizes()) return NAN;
  return (a - b).abs().max().item<double>();
}

torch::Tensor numbers(const std::vector<double>& values) {
  return torch::tensor(values, torch::kFloat64);
}

GPTOptions tiny(std::int64_t layers = 3) {
  GPTOptions options;
  options.vocabulary_size = 11;
  options.context = 8;
  options.layers = layers;
  options.heads = 2;
  options.width = 12;
  return options;
}

/// Parameters that are all different and none of them special, so that nothing cancels by accident.
void shake(torch::nn::Module& module, double deviation = 0.3) {
  torch::NoGradGuard no_gradients;
  for (auto& parameter : module.parameters()) parameter.add_(torch::randn_like(parameter) * deviation);
}

void copy_parameters(const torch::nn::Module& from, torch::nn::Module& to) {
  torch::NoGradGuard no_gradients;
  const auto source = from.named_parameters();
  for (auto& parameter : to.named_parameters()) parameter.value().copy_(source[parameter.key()]);
}

// ---------------------------------------------------------------------------------------------------------------------
// Layer norm.

TEST(LayerNormTest, EqualsNumbersWorkedByHand) {
  // 1, 2, 3, 4: mean 2.5, variance (2.25 + 0.25 + 0.25 + 2.25) / 4 = 1.25, without epsilon.
  const auto got = layer_norm(numbers({1, 2, 3, 4}), numbers({1, 1, 1, 2}), numbers({0, 0, 0, 1}), 0.0);
  const double unit = 1.0 / std::sqrt(1.25);
  // float64 rounds at 1e-16.
  EXPECT_LE(distance(got, numbers({-1.5 * unit, -0.5 * unit, 0.5 * unit, 2 * 1.5 * unit + 1})), 1e-14);
}

TEST(LayerNormTest, AddsEpsilonInsideTheRoot) {
  // 0 and 2: deviation 1; with epsilon 3 the divisor is sqrt(1 + 3) = 2.
  EXPECT_LE(distance(layer_norm(numbers({0, 2}), numbers({1, 1}), numbers({0, 0}), 3.0), numbers({-0.5, 0.5})), 1e-14);
}

TEST(LayerNormTest, GivesZeroWhereAllFeaturesAreEqual) {
  const auto got = layer_norm(numbers({7, 7, 7}), numbers({1, 2, 3}), numbers({4, 5, 6}));
  EXPECT_TRUE(torch::equal(got, numbers({4, 5, 6})));
}

TEST(LayerNormTest, EqualsLibTorchInOutputsAndGradients) {
  torch::manual_seed(1);
  torch::nn::LayerNorm theirs(torch::nn::LayerNormOptions({16}));
  theirs->to(torch::kFloat64);
  shake(*theirs);
  const auto x = (torch::randn({3, 5, 16}, torch::kFloat64) * 4 + 2).requires_grad_();
  const auto mine_x = x.detach().clone().requires_grad_();
  const auto gain = theirs->weight.detach().clone().requires_grad_();
  const auto bias = theirs->bias.detach().clone().requires_grad_();
  const auto weighting = torch::randn({3, 5, 16}, torch::kFloat64);

  const auto expected = theirs->forward(x);
  const auto got = layer_norm(mine_x, gain, bias);
  (expected * weighting).sum().backward();
  (got * weighting).sum().backward();

  // float64, sums of 16: 1e-12 leaves three digits of room.
  EXPECT_LE(distance(got, expected), 1e-12);
  EXPECT_LE(distance(mine_x.grad(), x.grad()), 1e-12);
  EXPECT_LE(distance(gain.grad(), theirs->weight.grad()), 1e-12);
  EXPECT_LE(distance(bias.grad(), theirs->bias.grad()), 1e-12);
}

// ---------------------------------------------------------------------------------------------------------------------
// GELU.

TEST(GeluTest, EqualsTheNormalDistribution) {
  // P(value <= 1) = 0.841344746 and P(value <= -2) = 0.022750132 (any table of the normal distribution).
  const auto got = gelu_exact(numbers({0, 1, -1, -2}));
  EXPECT_LE(distance(got, numbers({0, 0.841344746, -0.158655254, -2 * 0.022750132})), 1e-9);
}

TEST(GeluTest, TanhFormIsWithinFiveTenThousandthsOfTheExactOne) {
  const auto x = torch::linspace(-6, 6, 2401, torch::kFloat64);
  const double apart = distance(gelu_tanh(x), gelu_exact(x));
  EXPECT_LE(apart, 5e-4);
  EXPECT_GE(apart, 4e-4);  // and they are two functions
}

TEST(GeluTest, BothEqualLibTorchInOutputsAndGradients) {
  for (const bool exact : {false, true}) {
    const auto x = torch::linspace(-6, 6, 1201, torch::kFloat64).requires_grad_();
    const auto mine_x = x.detach().clone().requires_grad_();
    const auto expected = torch::gelu(x, exact ? "none" : "tanh");
    const auto got = exact ? gelu_exact(mine_x) : gelu_tanh(mine_x);
    expected.sum().backward();
    got.sum().backward();
    EXPECT_LE(distance(got, expected), 1e-12) << "exact: " << exact;
    EXPECT_LE(distance(mine_x.grad(), x.grad()), 1e-12) << "exact: " << exact;
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// MLP and block.

TEST(MLPTest, EqualsLibTorchsLayersInSequence) {
  torch::manual_seed(2);
  MLP mlp(tiny());
  shake(*mlp);
  torch::nn::Linear expand(12, 48), contract(48, 12);
  copy_parameters(*mlp->expand, *expand);
  copy_parameters(*mlp->contract, *contract);
  const auto x = torch::randn({2, 5, 12});
  const auto expected = contract->forward(torch::gelu(expand->forward(x), "tanh"));
  // float32: sums of 48 products of size 1.
  EXPECT_LE(distance(mlp->forward(x), expected), 1e-5);
}

TEST(MLPTest, TakesTheExactGeluWhereAsked) {
  auto options = tiny();
  options.exact_gelu = true;
  MLP exact(options), approximate(tiny());
  copy_parameters(*exact, *approximate);
  shake(*exact, 2.0);
  copy_parameters(*exact, *approximate);
  const auto x = torch::randn({64, 12}) * 3;
  EXPECT_GE(distance(exact->forward(x), approximate->forward(x)), 1e-4);
  options.fused = true;
  MLP fused(options);
  copy_parameters(*exact, *fused);
  EXPECT_LE(distance(exact->forward(x), fused->forward(x)), 1e-4);  // values up to 100, float32
}

TEST(MLPTest, DropsOnlyInTrainingAndKeepsTheMean) {
  auto options = tiny();
  options.dropout = 0.5;
  MLP mlp(options);
  shake(*mlp);
  const auto x = torch::randn({4000, 12});
  mlp->eval();
  const auto kept = mlp->forward(x);
  EXPECT_EQ((kept == 0).sum().item<std::int64_t>(), 0);
  mlp->train();
  const auto dropped = mlp->forward(x);
  // 48,000 fair coins: the share of heads has a deviation of 0.0023.
  EXPECT_NEAR((dropped == 0).to(torch::kFloat64).mean().item<double>(), 0.5, 0.012);
  // What stays is doubled.
  const auto stays = dropped != 0;
  EXPECT_LE(distance(dropped.masked_select(stays), 2 * kept.masked_select(stays)), 1e-5);
}

/// A pre-norm block out of LibTorch's own modules.
torch::Tensor block_of_libtorch(const Block& block, const torch::Tensor& x, std::int64_t heads) {
  const std::int64_t width = x.size(-1), time = x.size(1);
  torch::nn::LayerNorm first(torch::nn::LayerNormOptions({width})), second(torch::nn::LayerNormOptions({width}));
  torch::nn::MultiheadAttention attention(width, heads);
  torch::nn::Linear expand(width, 4 * width), contract(4 * width, width);
  copy_parameters(*block->attention_norm, *first);
  copy_parameters(*block->mlp_norm, *second);
  copy_parameters(*block->mlp->expand, *expand);
  copy_parameters(*block->mlp->contract, *contract);
  {
    torch::NoGradGuard no_gradients;
    const auto ours = block->attention->named_parameters();
    attention->in_proj_weight.copy_(ours["query_key_value.weight"]);
    attention->in_proj_bias.copy_(ours["query_key_value.bias"]);
    attention->out_proj->weight.copy_(ours["output.weight"]);
    attention->out_proj->bias.copy_(ours["output.bias"]);
  }
  // Time comes first there, and the mask is added to the scores.
  const auto forbidden = torch::full({time, time}, -INFINITY).triu(1);
  const auto normed = first->forward(x).transpose(0, 1);
  const auto seen = std::get<0>(attention->forward(normed, normed, normed, {}, false, forbidden)).transpose(0, 1);
  const auto y = x + seen;
  return y + contract->forward(torch::gelu(expand->forward(second->forward(y)), "tanh"));
}

TEST(BlockTest, EqualsABlockOfLibTorchsModules) {
  torch::manual_seed(3);
  Block block(tiny());
  shake(*block);
  const auto x = torch::randn({2, 7, 12});
  EXPECT_LE(distance(block->forward(x), block_of_libtorch(block, x, 2)), 2e-5);  // float32, a dozen products deep
}

TEST(BlockTest, IsTheIdentityWhereItsLastProjectionsAreZero) {
  Block block(tiny());
  {
    torch::NoGradGuard no_gradients;
    for (auto& parameter : block->named_parameters()) {
      if (parameter.key().find("output") != std::string::npos) parameter->zero_();
      if (parameter.key().find("contract") != std::string::npos) parameter->zero_();
    }
  }
  const auto x = torch::randn({2, 7, 12});
  EXPECT_TRUE(torch::equal(block->forward(x), x));
}

// ---------------------------------------------------------------------------------------------------------------------
// The GPT.

TEST(GPTTest, HasTheParametersOfTheTalksModel) {
  GPT model{GPTOptions()};
  EXPECT_EQ(model->parameter_count(), 10'770'816);
  std::int64_t block = 0, mlp = 0;
  for (const auto& parameter : model->blocks->ptr<BlockImpl>(0)->parameters()) block += parameter.numel();
  for (const auto& parameter : model->blocks->ptr<BlockImpl>(0)->mlp->named_parameters()) {
    if (parameter->dim() == 2) mlp += parameter->numel();
  }
  EXPECT_EQ(block, 1'774'464);
  EXPECT_EQ(mlp, 1'179'648);  // the talk's 1.2 million for a block
}

TEST(GPTTest, HasTheParametersThatChapterTwoCounts) {
  // Shapes in which no two parts are equal by accident.
  for (const auto& [vocabulary, context, layers, heads, width] :
       std::vector<std::array<std::int64_t, 5>>{{65, 256, 4, 4, 192}, {65, 64, 4, 4, 128}, {17, 5, 3, 7, 21}}) {
    GPTOptions options;
    options.vocabulary_size = vocabulary;
    options.context = context;
    options.layers = layers;
    options.heads = heads;
    options.width = width;
    EXPECT_EQ(GPT(options)->parameter_count(), count_parameters(options.shape()).total) << width;
  }
}

TEST(GPTTest, CountsAParameterOnceThatIsRegisteredTwice) {
  GPT model(tiny(2));
  const auto before = model->parameter_count();
  model->blocks->push_back(model->blocks->ptr(0));
  EXPECT_EQ(model->parameter_count(), before);
}

TEST(GPTTest, RegistersItsParametersUnderTheNamesOfTheHeader) {
  GPT model(tiny(1));
  std::vector<std::string> names;
  for (const auto& parameter : model->named_parameters()) names.push_back(parameter.key());
  std::sort(names.begin(), names.end());
  const std::vector<std::string> expected = {"blocks.0.attention.output.bias",
                                             "blocks.0.attention.output.weight",
                                             "blocks.0.attention.query_key_value.bias",
                                             "blocks.0.attention.query_key_value.weight",
                                             "blocks.0.attention_norm.bias",
                                             "blocks.0.attention_norm.weight",
                                             "blocks.0.mlp.contract.bias",
                                             "blocks.0.mlp.contract.weight",
                                             "blocks.0.mlp.expand.bias",
                                             "blocks.0.mlp.expand.weight",
                                             "blocks.0.mlp_norm.bias",
                                             "blocks.0.mlp_norm.weight",
                                             "final_norm.bias",
                                             "final_norm.weight",
                                             "position_embedding",
                                             "token_embedding"};
  EXPECT_EQ(names, expected);
}

TEST(GPTTest, IsEmbeddingsBlocksNormAndTiedHead) {
  torch::manual_seed(4);
  GPT model(tiny());
  shake(*model);
  const auto tokens = torch::randint(11, {2, 8});
  auto x = torch::embedding(model->token_embedding, tokens) + model->position_embedding;
  for (std::size_t layer = 0; layer < 3; ++layer) {
    x = block_of_libtorch(Block(model->blocks->ptr<BlockImpl>(layer)), x, 2);
  }
  x = torch::layer_norm(x, {12}, model->final_norm->weight, model->final_norm->bias);
  EXPECT_LE(distance(model->forward(tokens), torch::linear(x, model->token_embedding)),
            1e-4);  // float32, 3 blocks deep
}

TEST(GPTTest, FusedEqualsWrittenOutInOutputsAndGradients) {
  for (const bool exact : {false, true}) {
    auto options = tiny();
    options.exact_gelu = exact;
    torch::manual_seed(5);
    GPT written(options);
    shake(*written);
    options.fused = true;
    GPT fused(options);
    copy_parameters(*written, *fused);
    written->to(torch::kFloat64);
    fused->to(torch::kFloat64);

    const auto tokens = torch::randint(11, {3, 8});
    const auto weighting = torch::randn({3, 8, 11}, torch::kFloat64);
    const auto one = written->forward(tokens), other = fused->forward(tokens);
    (one * weighting).sum().backward();
    (other * weighting).sum().backward();
    // float64: rounding alone.
    EXPECT_LE(distance(one, other), 1e-10);
    const auto theirs = fused->named_parameters();
    for (const auto& parameter : written->named_parameters()) {
      ASSERT_TRUE(parameter->grad().defined()) << parameter.key();
      ASSERT_TRUE(theirs[parameter.key()].grad().defined()) << parameter.key();
      EXPECT_LE(distance(parameter->grad(), theirs[parameter.key()].grad()), 1e-9) << parameter.key();
    }
  }
}

TEST(GPTTest, SeesNoFuture) {
  torch::manual_seed(6);
  GPT model(tiny());
  shake(*model);
  const auto tokens = torch::randint(10, {1, 8});
  auto changed = tokens.clone();
  changed[0][5] += 1;
  const auto moved = (model->forward(tokens) - model->forward(changed)).abs().amax(-1)[0];  // [8]
  EXPECT_EQ(moved.slice(0, 0, 5).max().item<float>(), 0.0F);
  EXPECT_GT(moved.slice(0, 5).min().item<float>(), 1e-4F);
}

TEST(GPTTest, TakesEmbeddingsAndPositionsFromOutside) {
  torch::manual_seed(7);
  GPT model(tiny());
  shake(*model);
  const auto tokens = torch::randint(11, {2, 5});
  const auto x = embed_tokens(model->token_embedding, tokens);
  const auto expected = model->forward(tokens);
  const auto one_row = torch::arange(5), each_row = torch::arange(5).expand({2, 5});
  EXPECT_TRUE(torch::equal(model->forward_embedded(x, one_row), expected));
  EXPECT_TRUE(torch::equal(model->forward_embedded(x, each_row), expected));

  // No positions: as if the table were zero.
  const auto without = model->forward_embedded(x, {});
  {
    torch::NoGradGuard no_gradients;
    model->position_embedding.zero_();
  }
  EXPECT_LE(distance(without, model->forward(tokens)), 1e-6);
}

TEST(GPTTest, GivesTheWeightsOfEachLayer) {
  GPT model(tiny());
  std::vector<torch::Tensor> weights(7);  // what was there before does not matter
  ForwardExtras extras;
  extras.weights = &weights;
  model->forward(torch::randint(11, {2, 5}), extras);
  ASSERT_EQ(weights.size(), 3U);
  for (const auto& layer : weights) {
    EXPECT_EQ(layer.sizes(), torch::IntArrayRef({2, 2, 5, 5}));
    EXPECT_LE(distance(layer.sum(-1), torch::ones({2, 2, 5})), 1e-5);
  }
}

TEST(GPTTest, PassesTheMaskToEveryBlock) {
  torch::manual_seed(8);
  GPT model(tiny());
  shake(*model);
  const auto tokens = torch::randint(10, {1, 6});
  auto changed = tokens.clone();
  changed[0][0] += 1;
  // Nobody but position 0 may look at position 0: a change there stays there.
  ForwardExtras extras;
  extras.mask = causal_mask(6, 6);
  extras.mask.slice(0, 1).select(1, 0).fill_(false);
  const auto moved = (model->forward(tokens, extras) - model->forward(changed, extras)).abs().amax(-1)[0];
  EXPECT_GT(moved[0].item<float>(), 1e-4F);
  EXPECT_EQ(moved.slice(0, 1).max().item<float>(), 0.0F);
}

Cache joining_cache(std::size_t layers) {
  Cache cache;
  for (std::size_t layer = 0; layer < layers; ++layer) cache.push_back(std::make_shared<JoiningCache>());
  return cache;
}

TEST(GPTTest, ReadsOnFromACache) {
  for (const bool fused : {false, true}) {
    auto options = tiny();
    options.fused = fused;
    torch::manual_seed(9);
    GPT model(options);
    shake(*model);
    const auto tokens = torch::randint(11, {2, 8});
    auto cache = joining_cache(3);
    ForwardExtras extras;
    extras.cache = &cache;
    const auto pieces =
        torch::cat({model->forward(tokens.slice(1, 0, 3), extras), model->forward(tokens.slice(1, 3, 4), extras),
                    model->forward(tokens.slice(1, 4, 8), extras)},
                   1);
    EXPECT_LE(distance(pieces, model->forward(tokens)), 1e-4) << "fused: " << fused;  // float32, other summation orders
  }
}

TEST(GPTTest, GivesTheLastPositionsLogitsAlone) {
  for (const bool fused : {false, true}) {
    auto options = tiny();
    options.fused = fused;
    GPT model(options);
    const auto tokens = torch::tensor({{3, 1, 4, 1}, {2, 0, 2, 3}}, torch::kInt64);
    ForwardExtras extras;
    extras.last_only = true;
    const auto last = model->forward(tokens, extras);
    EXPECT_EQ(last.sizes(), (std::vector<std::int64_t>{2, 1, options.vocabulary_size}));
    // The same products; the head's may be summed in another order for a row than for many.
    EXPECT_LE((last.select(1, 0) - model->forward(tokens).select(1, 3)).abs().max().item<double>(), 1e-6);
  }
}

TEST(LanguageModelTest, IsTheModelThatItWasMadeOf) {
  GPT model(tiny());
  LanguageModel held = model;
  EXPECT_EQ(held.get(), model.get());
  EXPECT_EQ(held->context(), model->options.context);
  EXPECT_EQ(held->vocabulary(), model->options.vocabulary_size);
  EXPECT_EQ(held->parameter_count(), model->parameter_count());
  EXPECT_FALSE(LanguageModel(nullptr));
  EXPECT_FALSE(LanguageModel(GPT(nullptr)));
}

TEST(EvaluationModeTest, EndsWithItsBlockHoweverThatEnds) {
  GPT model(tiny());
  for (const bool training : {true, false}) {
    model->train(training);
    try {
      const EvaluationMode evaluating(*model);
      EXPECT_FALSE(model->is_training());
      EXPECT_FALSE(model->blocks->at<BlockImpl>(0).mlp->is_training());
      throw 1;
    } catch (int) {
      EXPECT_EQ(model->is_training(), training);
      EXPECT_EQ(model->blocks->at<BlockImpl>(0).mlp->is_training(), training);
    }
  }
}

TEST(GPTTest, RefusesMoreThanItsContext) {
  GPT model(tiny());
  EXPECT_THROW(model->forward(torch::zeros({1, 9}, torch::kInt64)), UsageError);
  auto cache = joining_cache(3);
  ForwardExtras extras;
  extras.cache = &cache;
  model->forward(torch::zeros({1, 6}, torch::kInt64), extras);
  EXPECT_THROW(model->forward(torch::zeros({1, 3}, torch::kInt64), extras), UsageError);
  EXPECT_EQ(cache.front()->length(), 6);  // refused before anything was kept
  EXPECT_NO_THROW(model->forward(torch::zeros({1, 2}, torch::kInt64), extras));
}

TEST(GPTTest, RefusesACacheForAnotherNumberOfLayers) {
  GPT model(tiny());
  auto cache = joining_cache(2);
  ForwardExtras extras;
  extras.cache = &cache;
  EXPECT_THROW(model->forward(torch::zeros({1, 2}, torch::kInt64), extras), std::invalid_argument);
}

TEST(GPTTest, RefusesSizesThatNoModelHas) {
  const auto refused = [](const std::function<void(GPTOptions&)>& spoil, const std::string& word) {
    auto options = tiny();
    spoil(options);
    try {
      GPT model(options);
    } catch (const UsageError& error) {
      return std::string(error.what()).find(word) != std::string::npos;
    }
    return false;
  };
  EXPECT_TRUE(refused([](GPTOptions& options) { options.vocabulary_size = 0; }, "vocabulary"));
  EXPECT_TRUE(refused([](GPTOptions& options) { options.context = 0; }, "context"));
  EXPECT_TRUE(refused([](GPTOptions& options) { options.layers = -1; }, "layers"));
  EXPECT_TRUE(refused([](GPTOptions& options) { options.heads = 0; }, "heads"));
  EXPECT_TRUE(refused([](GPTOptions& options) { options.width = 0; }, "width"));
  EXPECT_TRUE(refused([](GPTOptions& options) { options.heads = 5; }, "5 heads do not divide a width of 12"));
  EXPECT_TRUE(refused([](GPTOptions& options) { options.dropout = 1.0; }, "dropout"));
  EXPECT_TRUE(refused([](GPTOptions& options) { options.dropout = -0.1; }, "dropout"));
  EXPECT_TRUE(refused([](GPTOptions& options) { options.dropout = NAN; }, "dropout"));
}

TEST(GPTTest, DropsOnlyInTraining) {
  auto options = tiny();
  options.dropout = 0.3;
  GPT model(options);
  shake(*model);
  const auto tokens = torch::randint(11, {2, 8});
  model->eval();
  EXPECT_TRUE(torch::equal(model->forward(tokens), model->forward(tokens)));
  model->train();
  EXPECT_FALSE(torch::equal(model->forward(tokens), model->forward(tokens)));
}

TEST(GPTTest, DropsFeaturesOfTheEmbeddings) {
  // With blocks that add nothing and a norm that is undone, what the head reads is what the dropout let through.
  auto options = tiny(1);
  options.dropout = 0.25;
  options.width = 400;
  options.heads = 1;
  GPT model(options);
  {
    torch::NoGradGuard no_gradients;
    for (auto& parameter : model->blocks->parameters()) parameter.zero_();
  }
  const auto x = torch::ones({1, 8, 400});
  torch::Tensor embedded;
  // The head sees a normed row: its dropped features are its smallest.
  const auto table = torch::eye(400);
  {
    torch::NoGradGuard no_gradients;
    model->token_embedding.set_data(table);
  }
  const auto features = model->forward_embedded(x, {});  // [1, 8, 400]
  const auto dropped = (features < 0).to(torch::kFloat64).mean().item<double>();
  EXPECT_NEAR(dropped, 0.25, 0.04);  // 3,200 draws: deviation 0.0077
}

// ---------------------------------------------------------------------------------------------------------------------
// Initialisation.

TEST(InitialisationTest, IsGPT2s) {
  torch::manual_seed(10);
  GPT model{GPTOptions()};
  for (const auto& parameter : model->named_parameters()) {
    const std::string& name = parameter.key();
    if (parameter->dim() == 1) {
      const float value = name.ends_with("bias") ? 0.0F : 1.0F;
      EXPECT_TRUE((parameter.value() == value).all().item<bool>()) << name;
      continue;
    }
    const bool into_stream = name.ends_with("output.weight") || name.ends_with("contract.weight");
    const double wanted = into_stream ? 0.02 / std::sqrt(12.0) : 0.02;
    // A deviation estimated from n numbers is off by 1 / sqrt(2 n) of itself; five times that, for 26 tensors.
    const auto n = static_cast<double>(parameter->numel());
    EXPECT_NEAR(parameter->std().item<double>() / wanted, 1.0, 5 / std::sqrt(2 * n)) << name;
    EXPECT_NEAR(parameter->mean().item<double>(), 0.0, 5 * wanted / std::sqrt(n)) << name;
  }
}

TEST(InitialisationTest, FollowsTheSeedAndGivesEachBlockItsOwn) {
  const auto build = [](std::uint64_t seed) {
    torch::manual_seed(seed);
    return GPT(tiny());
  };
  const auto one = build(1), again = build(1), other = build(2);
  EXPECT_TRUE(torch::equal(one->token_embedding, again->token_embedding));
  EXPECT_FALSE(torch::equal(one->token_embedding, other->token_embedding));
  const auto parameters = one->named_parameters();
  EXPECT_FALSE(torch::equal(parameters["blocks.0.mlp.expand.weight"], parameters["blocks.1.mlp.expand.weight"]));
}

TEST(InitialisationTest, FirstLossIsWithinATenthOfTheUniformGuess) {
  // Logits are features of size 1 times a table with deviation 0.02: normal with variance s^2 = 384 x 0.02^2 = 0.154,
  // which costs s^2 / 2 = 0.077 more than the uniform guess. From seed to seed it wanders by some 0.03.
  torch::NoGradGuard no_gradients;
  double total = 0;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    torch::manual_seed(seed);
    GPTOptions options;
    options.fused = true;
    GPT model(options);
    const auto tokens = torch::randint(65, {2, 256}), targets = torch::randint(65, {2 * 256});
    total += cross_entropy(model->forward(tokens).flatten(0, 1), targets).item<double>();
  }
  EXPECT_NEAR(total / 4, std::log(65.0) + 0.077, 0.03);
  EXPECT_NEAR(total / 4, std::log(65.0), 0.1);
}

// ---------------------------------------------------------------------------------------------------------------------
// Stacks.

TEST(StackTest, GrowsAsWorkedOutByHand) {
  // Independent random terms add in squares. With gain 5: plain 5^n; residual sqrt(1 + 25)^n; normed 5 always;
  // pre-norm sqrt(1 + 25 n); post-norm 1. One draw of 384 x 384 weights and 64 rows: within 3 % a layer.
  for (int n = 1; n <= 3; ++n) {
    const auto signal = [&](Stack stack) { return measure_stack(stack, 384, n, 5.0, 1).back().signal; };
    EXPECT_NEAR(signal(Stack::plain) / std::pow(5.0, n), 1.0, 0.03 * n);
    EXPECT_NEAR(signal(Stack::residual) / std::pow(26.0, n / 2.0), 1.0, 0.03 * n);
    EXPECT_NEAR(signal(Stack::normed) / 5.0, 1.0, 0.03);
    EXPECT_NEAR(signal(Stack::pre_norm) / std::sqrt(1 + 25.0 * n), 1.0, 0.03);
    EXPECT_NEAR(signal(Stack::post_norm), 1.0, 1e-5);  // the last thing that happens is the norm; epsilon is 1e-5
  }
}

TEST(StackTest, PlainVanishesAtGPT2sInitialisation) {
  const double gain = 0.02 * std::sqrt(384.0);
  const auto points = measure_stack(Stack::plain, 384, 12, gain, 1);
  EXPECT_NEAR(std::log10(points.back().signal), 12 * std::log10(gain), 0.1);  // 1.3e-5
  EXPECT_NEAR(std::log10(points.front().gradient), 12 * std::log10(gain), 0.1);
}

TEST(StackTest, ResidualKeepsTheGradientsDirection) {
  const double gain = 0.02 * std::sqrt(384.0);
  const auto kept = [&](Stack stack) { return measure_stack(stack, 384, 12, gain, 1).front().kept; };
  // Pre-norm: of 1 + 12 x 0.154 parts, one came straight down: 1 / sqrt(2.84) = 0.59. Normed alone: chance,
  // 1/sqrt(384).
  EXPECT_NEAR(kept(Stack::pre_norm), 0.59, 0.03);
  EXPECT_NEAR(kept(Stack::normed), 0.0, 0.05);
}

}  // namespace
}  // namespace verse
