/// The loop as programs use it, held against the bare one.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <utility>
#include <vector>

#include "05_training/given/train_small.h"
#include "05_training/training.h"
#include "common/base/random.h"

namespace verse {
namespace {

GPT small_model() {
  GPTOptions options;
  options.vocabulary_size = 7;
  options.context = 5;
  options.layers = 1;
  options.heads = 2;
  options.width = 8;
  torch::manual_seed(2);
  return GPT(options);
}

torch::Tensor text() {
  Random random(4);
  std::vector<std::int64_t> characters;
  for (int i = 0; i < 60; ++i) characters.push_back(random.below(7));
  return torch::tensor(characters, torch::kInt64);
}

TEST(TrainSmall, IsTheLoopWithAdamWOnWindowsDrawnByTheSeed) {
  GPT bare = small_model(), small = small_model();
  SmallTraining plan;
  plan.schedule = {1e-2, 1e-3, 2, 8};
  plan.adamw.weight_decay = 0.2;
  plan.gradient_clip = 0.5;
  plan.accumulate = 2;
  plan.batch_size = 3;
  plan.seed = 9;

  AdamW optimizer(bare->parameters(), plan.adamw);
  Random random(9);
  TrainingOptions options;
  options.schedule = plan.schedule;
  options.gradient_clip = 0.5;
  options.accumulate = 2;
  train(
      optimizer, [&] { return batch_loss(bare, draw_batch(text(), 3, 5, random)); }, options,
      [](const StepReport&) { return true; });

  EXPECT_GT(train_small(small, text(), plan), 0.0);
  EXPECT_FALSE(small->is_training());
  const auto expected = bare->named_parameters();
  for (const auto& parameter : small->named_parameters())
    EXPECT_TRUE(torch::equal(parameter.value(), expected[parameter.key()])) << parameter.key();
}

TEST(TrainSmall, LooksNowAndThenAndAfterTheLastStep) {
  auto weight = torch::tensor(1.0F).requires_grad_();
  std::vector<std::pair<std::int64_t, std::int64_t>> looks;
  SmallTraining plan;
  plan.schedule = {1e-2, 1e-2, 0, 7};
  plan.look_every = 3;
  plan.look = [&](std::int64_t done, const StepReport& last) { looks.emplace_back(done, last.step); };
  train_small(
      {weight}, 1, [&] { return weight * 2; }, plan);
  EXPECT_EQ(looks, (std::vector<std::pair<std::int64_t, std::int64_t>>{{3, 2}, {6, 5}, {7, 6}}));

  looks.clear();
  plan.look_every = 0;
  train_small(
      {weight}, 1, [&] { return weight * 2; }, plan);
  EXPECT_TRUE(looks.empty());
}

}  // namespace
}  // namespace verse
