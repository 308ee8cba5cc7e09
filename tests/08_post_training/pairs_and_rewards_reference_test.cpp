/// @file
/// The reference of chapter 8's losses on preference and reward, against numbers worked out by hand, and LoRA's
/// adapters in a whole model.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <limits>

#include "08_post_training/given/adapters.h"
#include "08_post_training/lora.h"
#include "08_post_training/preference.h"
#include "common/base/error.h"
#include "tests/04_blocks/small_model.h"

namespace verse {
namespace {

torch::Tensor row(std::initializer_list<float> values) {
  return torch::tensor(std::vector<float>(values));
}

/// float32: a handful of operations.
void expect_near(double got, double expected) {
  EXPECT_TRUE(std::abs(got - expected) <= 2e-6 * (1 + std::abs(expected))) << got << " instead of " << expected;
}

TEST(TokenLogProbabilities, AreMinusLibTorchsCrossEntropy) {
  const auto logits = normal_input({2, 6, 7}, 1, 3.0);
  const auto tokens = token_input({2, 6}, 7, 2);
  const auto theirs =
      -torch::nn::functional::cross_entropy(logits.narrow(1, 0, 5).flatten(0, 1), tokens.narrow(1, 1, 5).flatten(),
                                            torch::nn::functional::CrossEntropyFuncOptions().reduction(torch::kNone));
  EXPECT_TRUE(torch::allclose(token_log_probabilities(logits, tokens).flatten(), theirs, 1e-5, 1e-6));

  // The response's is the sum over its tokens; the first token is predicted by nobody.
  const auto learned = torch::tensor({{1, 0, 1, 1, 0, 0}, {0, 0, 0, 0, 0, 1}}).to(torch::kBool);
  const auto sums = response_log_probability(logits, tokens, learned);
  expect_near(sums[0].item<double>(), (theirs[1] + theirs[2]).item<double>());
  expect_near(sums[1].item<double>(), theirs[9].item<double>());
}

TEST(Dpo, HasHandWorkedValues) {
  // Nothing learned yet: each pair is a coin to it.
  const PairLogProbabilities same{row({-3, -8}), row({-4, -1})};
  expect_near(dpo_loss(same, same, 0.1).item<double>(), std::log(2.0));

  // The chosen response gained 2 nats, the rejected one lost 1: the margin is 0.1 * 3, and -ln sigmoid(0.3) is
  // ln(1 + e^-0.3) = 0.5543552.
  expect_near(dpo_loss({row({-3}), row({-5})}, {row({-5}), row({-4})}, 0.1).item<double>(), 0.5543552444685271);

  // Its slope along the chosen log-probability is -beta sigmoid(-margin) = -0.1 * 0.4255575.
  const auto chosen = row({-3}).requires_grad_();
  dpo_loss({chosen, row({-5})}, {row({-5}), row({-4})}, 0.1).backward();
  expect_near(chosen.grad().item<double>(), -0.04255574831883411);
}

TEST(GroupAdvantages, AreOneAndMinusOneForRightAndWrong) {
  // The mean is 1/2 and so is the deviation.
  const auto advantages = group_advantages(torch::tensor({{1.0F, 0.0F}}));
  EXPECT_TRUE(torch::allclose(advantages, torch::tensor({{1.0F, -1.0F}}), 0, 1e-5)) << advantages;  // 1e-6 is added

  // One right of four: deviation sqrt(3)/4, so sqrt(3) and three times -1/sqrt(3).
  const auto four = group_advantages(torch::tensor({{0.0F, 1.0F, 0.0F, 0.0F}}));
  EXPECT_TRUE(std::abs(four[0][1].item<double>() - std::sqrt(3.0)) <= 1e-5);
  EXPECT_TRUE(std::abs(four[0][0].item<double>() + 1 / std::sqrt(3.0)) <= 1e-5);
}

TEST(GroupAdvantages, AreZeroForEqualRewards) {
  for (const float reward : {0.0F, 1.0F, 0.5F, 1e4F}) {
    const auto advantages = group_advantages(torch::full({2, 8}, reward));
    EXPECT_TRUE(torch::isfinite(advantages).all().item<bool>()) << reward;
    EXPECT_EQ(advantages.abs().max().item<double>(), 0) << reward;
  }
  // The float32 mean of eight times 0.1 is off by its last bit, some 7e-9; over the 1e-6 that is still next to nothing.
  EXPECT_TRUE(group_advantages(torch::full({2, 8}, 0.1F)).abs().max().item<double>() <= 0.02);
}

TEST(ClippedObjective, OfRightAndWrongIsThePapers) {
  // Two samples of 2 and 3 tokens, rewarded 1 and 0, right after sampling: with every ratio 1 the objective is the mean
  // advantage, 0, and token t of sample i has the slope A_i / (samples * length_i).
  const auto current = torch::full({2, 3}, -1.5F).requires_grad_();
  const auto learned = torch::tensor({{1, 1, 0}, {1, 1, 1}}).to(torch::kBool);
  const auto advantages = group_advantages(torch::tensor({{1.0F, 0.0F}})).flatten();
  const auto objective =
      clipped_objective(current, current.detach(), torch::full({2, 3}, -9.0F), advantages, learned, {});
  expect_near(objective.item<double>(), 0);
  objective.backward();
  const auto expected = torch::tensor({{1 / 4.0F, 1 / 4.0F, 0.0F}, {-1 / 6.0F, -1 / 6.0F, -1 / 6.0F}});
  EXPECT_TRUE(torch::allclose(current.grad(), expected, 1e-5, 1e-6)) << current.grad();
}

TEST(ClippedObjective, OfAGroupOfEqualsTeachesNothing) {
  const auto current = (-normal_input({4, 5}, 1).abs()).requires_grad_();
  const auto advantages = group_advantages(torch::ones({1, 4})).flatten();
  const auto objective = clipped_objective(current, current.detach() + 0.1, current.detach() - 1, advantages,
                                           torch::ones({4, 5}, torch::kBool), {0.2, 0.0});
  objective.backward();
  EXPECT_EQ(objective.item<double>(), 0);
  EXPECT_EQ(current.grad().abs().max().item<double>(), 0);
}

TEST(ClippedObjective, StopsPayingWhereItIsClipped) {
  struct Case {
    double ratio, advantage, worth, slope;  // the slope along the logarithm: ratio * advantage, or 0 where clipped
  };
  for (const auto& expected : {Case{1.5, 1, 1.2, 0}, Case{0.5, 1, 0.5, 0.5}, Case{1.5, -1, -1.5, -1.5},
                               Case{0.5, -1, -0.8, 0}, Case{1.1, 2, 2.2, 2.2}}) {
    const auto sampled = torch::full({1, 1}, -2.0F);
    const auto current = (sampled + static_cast<float>(std::log(expected.ratio))).requires_grad_();
    const auto objective =
        clipped_objective(current, sampled, sampled, torch::full({1}, static_cast<float>(expected.advantage)),
                          torch::ones({1, 1}, torch::kBool), {0.2, 0.0});
    objective.backward();
    SCOPED_TRACE(expected.ratio * expected.advantage);
    expect_near(objective.item<double>(), expected.worth);
    expect_near(current.grad().item<double>(), expected.slope);
  }
}

TEST(ClippedObjective, ChargesForLeavingTheReference) {
  // The reference finds the token twice as probable: 2 - ln 2 - 1 = 0.3068528; its slope is 1 - 2.
  const auto current = torch::full({1, 1}, -2.0F).requires_grad_();
  const auto objective = clipped_objective(current, current.detach(), current.detach() + std::log(2.0F),
                                           torch::zeros({1}), torch::ones({1, 1}, torch::kBool), {0.2, 0.5});
  objective.backward();
  expect_near(objective.item<double>(), -0.5 * 0.3068528194400547);
  expect_near(current.grad().item<double>(), 0.5);
}

// A whole model with adapters
// ------------------------------------------------------------------------------------------------------------------

GPT plain_model() {
  GPT model(small_options());
  fill_with_numbers(*model);
  model->eval();
  return model;
}

TEST(Lora, ChangesNothingAtFirst) {
  auto model = plain_model();
  const auto tokens = token_input({2, 8}, 11, 1);
  const torch::NoGradGuard no_gradients;
  const auto before = model->forward(tokens).clone();
  add_lora(model, 2, 4, TokenTable::learns);
  // x + 0 is x; but queries, keys and values are three products now, whose sums may be taken in another order.
  EXPECT_TRUE(torch::allclose(model->forward(tokens), before, 1e-5, 1e-5));
}

TEST(Lora, MergesIntoTheSameModel) {
  auto model = plain_model();
  const auto names = model->named_parameters().keys();
  const auto tokens = token_input({2, 8}, 11, 2);
  const auto learning = add_lora(model, 2, 4, TokenTable::learns);
  EXPECT_EQ(learning.size(), 3U * 6 * 2 + 1)
      << "three layers, four projections of which one has three adapters, two matrices; and the token table";
  const torch::NoGradGuard no_gradients;
  for (std::size_t i = 0; i + 1 < learning.size(); ++i)
    learning[i].copy_(normal_input(learning[i].sizes().vec(), 10 + i, 0.3));
  const auto unmerged = model->forward(tokens).clone();
  merge_lora(model);
  EXPECT_EQ(model->named_parameters().keys(), names) << "nothing of the adapters is left";
  const auto merged = model->forward(tokens);
  const double largest = (merged - unmerged).abs().max().item<double>();
  EXPECT_TRUE(largest <= 1e-4 * unmerged.abs().max().item<double>()) << largest;  // float32, through three layers
  EXPECT_TRUE((merged - plain_model()->forward(tokens)).abs().max().item<double>() > 0.01) << "adapters do something";
}

TEST(Lora, LearnsOnlyWhatItAdds) {
  auto model = plain_model();
  const auto learning = add_lora(model, 2, 4, TokenTable::learns);
  model->forward(token_input({2, 8}, 11, 3)).square().mean().backward();
  std::int64_t with_gradient = 0;
  for (const auto& parameter : model->named_parameters()) {
    const bool adapter = parameter.key().ends_with(".down") || parameter.key().ends_with(".up");
    const bool learns = adapter || parameter.key() == "token_embedding";
    EXPECT_EQ(parameter->grad().defined(), learns) << parameter.key();
    with_gradient += learns ? 1 : 0;
  }
  EXPECT_EQ(with_gradient, static_cast<std::int64_t>(learning.size()));
  EXPECT_THROW(add_lora(model, 2, 4, TokenTable::learns), UsageError) << "wrapped already";
  EXPECT_THROW(LoraProjection(std::make_shared<LinearProjection>(2, 2), 0, 1), UsageError);
}

}  // namespace
}  // namespace verse
