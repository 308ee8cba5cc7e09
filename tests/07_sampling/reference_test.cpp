/// @file
/// The reference of chapter 7: hand-worked distributions, draws as a distribution, and the cache against no cache.

#include "07_sampling/sampling.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "03_attention/attention.h"
#include "common/base/error.h"
#include "common/base/random.h"

namespace verse {
namespace {

torch::Tensor probabilities_of(std::initializer_list<double> values) {
  return torch::tensor(std::vector<double>(values), torch::kFloat64);
}

/// float64: a handful of products and sums.
void expect_near(const torch::Tensor& got, std::initializer_list<double> expected, double tolerance = 1e-12) {
  ASSERT_EQ(got.scalar_type(), torch::kFloat64);
  ASSERT_EQ(got.numel(), static_cast<std::int64_t>(expected.size()));
  std::int64_t i = 0;
  for (const double value : expected) EXPECT_NEAR(got[i++].item<double>(), value, tolerance) << got;
}

/// A model whose weights are large enough to make some tokens clearly likelier than others.
GPT decided_model(bool fused, std::int64_t context = 16) {
  torch::manual_seed(21);
  GPTOptions options;
  options.vocabulary_size = 13;
  options.context = context;
  options.layers = 3;
  options.heads = 2;
  options.width = 24;
  options.dropout = 0.2;  // which has to be off while text is made
  options.fused = fused;
  GPT model(options);
  const torch::NoGradGuard no_gradients;
  for (auto& parameter : model->parameters())
    if (parameter.dim() >= 2) parameter.mul_(8);
  return model;
}

TEST(Greedy, TakesTheLargestAndOfSeveralTheFirst) {
  EXPECT_EQ(greedy(torch::tensor({0.5F, 3.0F, -1.0F})), 1);
  EXPECT_EQ(greedy(torch::tensor({-2.0F, 7.0F, 7.0F, 7.0F})), 1);
  EXPECT_EQ(greedy(torch::full({1000}, -5.0F)), 0);
}

TEST(Temperature, HasHandWorkedValues) {
  // Probabilities to the power 1/0.7: 2^(1/0.7) = 2.691800 to 1 to 1, which is 0.573724, 0.213138, 0.213138.
  const auto logits = torch::log(torch::tensor({0.5, 0.25, 0.25}, torch::kFloat64));
  expect_near(temperature_probabilities(logits, 0.7), {0.5737244051811553, 0.2131377974094224, 0.2131377974094224});
  expect_near(temperature_probabilities(logits, 1.0), {0.5, 0.25, 0.25});
  // At 0.5 they are squared: 4 to 1 to 1. At 2, the root: 1.41421356 to 1 to 1.
  expect_near(temperature_probabilities(logits, 0.5), {4.0 / 6, 1.0 / 6, 1.0 / 6});
  expect_near(temperature_probabilities(logits, 2.0), {0.4142135623730950, 0.2928932188134525, 0.2928932188134525});
}

TEST(Temperature, StaysFiniteAtItsEnds) {
  const auto logits = torch::tensor({10.0F, 9.0F, -200.0F});
  expect_near(temperature_probabilities(logits, 1e-3), {1.0, 0.0, 0.0});
  expect_near(temperature_probabilities(logits, 1e9), {1.0 / 3, 1.0 / 3, 1.0 / 3}, 1e-6);
  for (const double wrong : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN()})
    EXPECT_THROW(temperature_probabilities(logits, wrong), UsageError) << wrong;
}

TEST(TopK, KeepsTheLargestAndSharesOut) {
  const auto probabilities = probabilities_of({0.1, 0.4, 0.2, 0.3});
  expect_near(keep_top_k(probabilities, 1), {0, 1, 0, 0});
  expect_near(keep_top_k(probabilities, 2), {0, 4.0 / 7, 0, 3.0 / 7});
  expect_near(keep_top_k(probabilities, 4), {0.1, 0.4, 0.2, 0.3});
  expect_near(keep_top_k(probabilities, 100), {0.1, 0.4, 0.2, 0.3});
  EXPECT_THROW(keep_top_k(probabilities, 0), UsageError);
}

TEST(TopK, KeepsWhatTiesWithTheLastOne) {
  // The second largest is 0.2, and so are two others: which of them comes first in the vocabulary must not matter.
  const auto probabilities = probabilities_of({0.2, 0.2, 0.4, 0.2});
  expect_near(keep_top_k(probabilities, 2), {0.2, 0.2, 0.4, 0.2});
  expect_near(keep_top_k(probabilities_of({0.25, 0.3, 0.25, 0.2}), 2), {0.3125, 0.375, 0.3125, 0});
}

TEST(TopP, KeepsTheOneThatCrosses) {
  const auto probabilities = probabilities_of({0.125, 0.5, 0.125, 0.25});
  expect_near(keep_top_p(probabilities, 0.4), {0, 1, 0, 0});
  expect_near(keep_top_p(probabilities, 0.5), {0, 1, 0, 0});  // reached exactly: nothing has to be added
  expect_near(keep_top_p(probabilities, 0.51), {0, 2.0 / 3, 0, 1.0 / 3});
  // Of two that tie where it crosses, the first; that is the smallest set, and always the same.
  expect_near(keep_top_p(probabilities, 0.8), {1.0 / 7, 4.0 / 7, 0, 2.0 / 7});
  expect_near(keep_top_p(probabilities, 1.0), {0.125, 0.5, 0.125, 0.25});
  expect_near(keep_top_p(probabilities, 1e-9), {0, 1, 0, 0});
  for (const double wrong : {0.0, -0.5, 1.1, std::numeric_limits<double>::quiet_NaN()})
    EXPECT_THROW(keep_top_p(probabilities, wrong), UsageError) << wrong;
}

TEST(Draw, FollowsTheProbabilities) {
  const auto probabilities = probabilities_of({0.4, 0.0, 0.3, 0.2, 0.09, 0.01});
  constexpr int kDraws = 50000;
  std::vector<int> observed(6, 0);
  Random random(12);
  for (int i = 0; i < kDraws; ++i) ++observed[static_cast<std::size_t>(draw(probabilities, random))];
  EXPECT_EQ(observed[1], 0) << "what has probability 0 never comes";

  double chi_square = 0;
  std::ostringstream table;
  for (std::size_t token = 0; token < 6; ++token) {
    const double expected = kDraws * probabilities[static_cast<std::int64_t>(token)].item<double>();
    table << "token " << token << ": observed " << observed[token] << ", expected " << expected << "\n";
    if (expected > 0) chi_square += std::pow(observed[token] - expected, 2) / expected;
  }
  // Five tokens leave four degrees of freedom: 18.47 is passed once in a thousand. The seed is fixed, so never here.
  EXPECT_LE(chi_square, 18.47) << table.str();
}

TEST(Draw, TakesTheFirstWhoseSumExceedsTheNumber) {
  const auto probabilities = probabilities_of({0.25, 0.5, 0.25});
  Random random(5), same(5);
  for (int i = 0; i < 1000; ++i) {
    const double place = same.uniform();
    ASSERT_EQ(draw(probabilities, random), place < 0.25 ? 0 : place < 0.75 ? 1 : 2);
  }
  // What is left over where a sum stays below 1 goes to the last token that is possible at all.
  Random again(5);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(draw(probabilities_of({0.0, 1e-12, 0.0}), again), 1);
}

TEST(ChooseToken, PutsTemperatureBeforeTopKBeforeTopP) {
  // At temperature 1/2, 0.4 0.3 0.2 0.1 becomes 16 9 4 1; of the first three, 16/29 is above p = 0.55 alone.
  // Without the temperature, or with top-p first, a second token would stay.
  const auto logits = torch::log(torch::tensor({0.4, 0.3, 0.2, 0.1}, torch::kFloat64));
  SamplingOptions options;
  options.temperature = 0.5;
  options.top_k = 3;
  options.top_p = 0.55;
  Random random(1);
  for (int i = 0; i < 200; ++i) ASSERT_EQ(choose_token(logits, options, random), 0);
}

TEST(GrowingCache, GivesBackEverythingInOrder) {
  GrowingCache cache;
  EXPECT_EQ(cache.length(), 0);
  const auto key = torch::randn({2, 3, 7, 4}), value = torch::randn({2, 3, 7, 4});
  std::int64_t read = 0;
  for (const std::int64_t time : {4, 1, 2}) {
    const auto [keys, values] = cache.append(key.narrow(2, read, time), value.narrow(2, read, time));
    read += time;
    EXPECT_EQ(cache.length(), read);
    EXPECT_TRUE(torch::equal(keys, key.narrow(2, 0, read)));
    EXPECT_TRUE(torch::equal(values, value.narrow(2, 0, read)));
  }
}

TEST(PlanCachedStep, CountsOnAndMasksByOffset) {
  const auto step = plan_cached_step(3, 2);
  EXPECT_TRUE(torch::equal(step.positions, torch::tensor({3, 4}, torch::kInt64)));
  EXPECT_TRUE(
      torch::equal(step.mask, torch::tensor({{true, true, true, true, false}, {true, true, true, true, true}})));
  for (const std::int64_t kept : {0, 1, 5})
    for (const std::int64_t time : {1, 2, 6})
      EXPECT_TRUE(torch::equal(plan_cached_step(kept, time).mask, causal_mask(time, kept + time)));
}

TEST(NextLogits, AreTheLastPositionsWhateverTheCacheHasReadBefore) {
  const std::vector<std::int64_t> text = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8};
  for (const bool fused : {true, false}) {
    auto model = decided_model(fused);
    model->eval();
    const auto expected = model->forward(torch::tensor(text, torch::kInt64).unsqueeze(0))[0][-1];
    EXPECT_GE(expected.abs().max().item<double>(), 1.0) << "too flat to show a difference";
    const auto near = [&](const torch::Tensor& got) {
      ASSERT_EQ(got.sizes(), expected.sizes());
      ASSERT_FALSE(got.requires_grad());
      // float32 through three blocks, sums in another order: 1e-4 of logits that reach some tens.
      const double scale = expected.abs().max().item<double>();
      EXPECT_LE((got - expected).abs().max().item<double>(), 1e-5 * std::max(1.0, scale)) << "fused: " << fused;
    };
    near(next_logits(model, text, nullptr));
    // Read in one go, one by one, and in pieces.
    for (const std::vector<std::ptrdiff_t>& pieces :
         std::vector<std::vector<std::ptrdiff_t>>{{12}, std::vector<std::ptrdiff_t>(12, 1), {5, 1, 4, 2}}) {
      auto cache = make_cache(model->options.layers);
      ASSERT_EQ(cache.size(), 3U);
      torch::Tensor logits;
      auto place = text.begin();
      for (const auto piece : pieces) {
        logits = next_logits(model, {place, place + piece}, &cache);
        place += piece;
      }
      EXPECT_EQ(cache.back()->length(), 12);
      near(logits);
    }
  }
}

TEST(NextLogits, RefuseMoreThanTheContext) {
  auto model = decided_model(true);
  const std::vector<std::int64_t> full(static_cast<std::size_t>(model->context()), 1);
  auto cache = make_cache(model->shape().layers);
  next_logits(model, full, &cache);
  EXPECT_THROW(next_logits(model, {2}, &cache), UsageError);
}

/// The rule for a full context, written out without a cache: the text so far, and what of it the model sees.
std::vector<std::int64_t> plainly_greedy(GPT& model, const std::vector<std::int64_t>& prompt, std::int64_t count) {
  const torch::NoGradGuard no_gradients;
  model->eval();
  const auto context = static_cast<std::size_t>(model->options.context);
  auto text = prompt;
  std::size_t first = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    if (text.size() - first > context) first = text.size() - context / 2;
    const auto window = torch::tensor(text, torch::kInt64).slice(0, static_cast<std::int64_t>(first));
    text.push_back(model->forward(window.unsqueeze(0))[0][-1].argmax().item<std::int64_t>());
  }
  return {text.begin() + static_cast<std::ptrdiff_t>(prompt.size()), text.end()};
}

TEST(Generate, IsTheSameWithAndWithoutACachePastTheContextToo) {
  for (const bool fused : {true, false}) {
    auto model = decided_model(fused);
    for (const std::uint64_t seed : {1, 2, 3}) {
      for (const std::size_t prompt_length : {1, 16, 40}) {
        const std::vector<std::int64_t> prompt(prompt_length, static_cast<std::int64_t>(seed));
        SamplingOptions options;
        options.temperature = 1.0;
        Random one(seed), two(seed);
        const auto cached = generate(model, prompt, 50, options, one);
        options.cached = false;
        ASSERT_EQ(cached.size(), 50U);
        EXPECT_EQ(cached, generate(model, prompt, 50, options, two)) << prompt_length << " seed " << seed;
      }
    }
  }
}

TEST(Generate, KeepsTheRuleForAFullContext) {
  auto model = decided_model(false);
  SamplingOptions options;
  options.greedy = true;
  Random random(1);
  for (const std::size_t prompt_length : {1, 16, 17, 40}) {
    std::vector<std::int64_t> prompt;
    for (std::size_t i = 0; i < prompt_length; ++i) prompt.push_back(static_cast<std::int64_t>(i * i % 13));
    EXPECT_EQ(generate(model, prompt, 40, options, random), plainly_greedy(model, prompt, 40)) << prompt_length;
  }
}

TEST(Generate, WorksInAContextOfOne) {
  auto model = decided_model(false, 1);
  Random random(1);
  EXPECT_EQ(generate(model, {3, 4}, 5, {}, random).size(), 5U);
}

TEST(Generate, IsGreedyAsTheTemperatureGoesToZero) {
  auto model = decided_model(true);
  SamplingOptions greedy_options, cold;
  greedy_options.greedy = true;
  cold.temperature = 1e-4;
  Random one(1), two(2);
  EXPECT_EQ(generate(model, {1, 2, 3}, 40, greedy_options, one), generate(model, {1, 2, 3}, 40, cold, two));
}

TEST(Generate, RepeatsWithASeedAndDiffersWithAnother) {
  auto model = decided_model(true);
  SamplingOptions options;
  options.temperature = 1.5;
  const auto with_seed = [&](std::uint64_t seed) {
    Random random(seed);
    return generate(model, {1}, 40, options, random);
  };
  EXPECT_EQ(with_seed(7), with_seed(7));
  EXPECT_NE(with_seed(7), with_seed(8));
}

TEST(Generate, IsTheSameOnOneThreadAndTwo) {
  auto model = decided_model(true);
  const int threads = torch::get_num_threads();
  const auto on = [&](int count) {
    torch::set_num_threads(count);
    Random random(3);
    return generate(model, {1}, 60, {}, random);
  };
  const auto one = on(1);
  const auto two = on(2);
  torch::set_num_threads(threads);
  EXPECT_EQ(one, two);
}

TEST(Generate, TellsTheListenerAndStopsWhenItSaysSo) {
  auto model = decided_model(true);
  std::vector<std::int64_t> heard;
  Random random(3);
  const auto made = generate(model, {1}, 60, {}, random, [&](std::int64_t token) {
    heard.push_back(token);
    return heard.size() < 7;
  });
  EXPECT_EQ(made.size(), 7U);
  EXPECT_EQ(made, heard);
}

TEST(Generate, LeavesTheModelInItsModeAndWithoutGradients) {
  auto model = decided_model(true);
  Random random(3);
  for (const bool training : {true, false}) {
    model->train(training);
    generate(model, {1}, 3, {}, random);
    EXPECT_EQ(model->is_training(), training);
    const auto refuse = [](std::int64_t) -> bool { throw UsageError("enough"); };
    EXPECT_THROW(generate(model, {1}, 3, {}, random, refuse), UsageError);
    EXPECT_EQ(model->is_training(), training) << "also where the listener throws";
  }
  EXPECT_THROW(generate(model, {}, 3, {}, random), UsageError);
  EXPECT_TRUE(generate(model, {1}, 0, {}, random).empty());
}

}  // namespace
}  // namespace verse
