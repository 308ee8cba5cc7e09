/// @file
/// The reference of chapter 5 against LibTorch's own optimizer and clipping, and against hand-worked numbers.

#include "05_training/training.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "04_blocks/blocks.h"
#include "common/base/error.h"
#include "common/base/random.h"

namespace verse {
namespace {

double largest_difference(const torch::Tensor& a, const torch::Tensor& b) {
  return (a.to(torch::kFloat64) - b.to(torch::kFloat64)).abs().max().item<double>();
}

GPTOptions small_options() {
  GPTOptions options;
  options.vocabulary_size = 11;
  options.context = 8;
  options.layers = 2;
  options.heads = 2;
  options.width = 16;
  return options;
}

/// A text without a pattern. @return [characters]
torch::Tensor random_text(std::int64_t characters, std::int64_t vocabulary_size, std::uint64_t seed) {
  Random random(seed);
  const auto tokens = torch::empty({characters}, torch::kInt64);
  for (std::int64_t i = 0; i < characters; ++i) tokens.data_ptr<std::int64_t>()[i] = random.below(vocabulary_size);
  return tokens;
}

/// Plain gradient descent that writes down what the loop asked of it.
class RecordingOptimizer : public Optimizer {
 public:
  explicit RecordingOptimizer(std::vector<torch::Tensor> parameters) : parameters_(std::move(parameters)) {}
  void step(double learning_rate) override {
    const torch::NoGradGuard no_gradients;
    rates.push_back(learning_rate);
    gradients.push_back(parameters_[0].grad().clone());
    for (auto& parameter : parameters_) parameter.sub_(parameter.grad(), learning_rate);
  }
  const std::vector<torch::Tensor>& parameters() const override { return parameters_; }
  std::vector<std::pair<std::string, torch::Tensor>> state() const override { return {}; }
  void set_state(const std::vector<std::pair<std::string, torch::Tensor>>&) override {}

  std::vector<double> rates;
  std::vector<torch::Tensor> gradients;

 private:
  std::vector<torch::Tensor> parameters_;
};

/// A schedule that always says `rate`.
Schedule constant_rate(double rate, std::int64_t steps) {
  Schedule schedule;
  schedule.peak = schedule.minimum = rate;
  schedule.warmup = 0;
  schedule.steps = steps;
  return schedule;
}

TEST(DrawBatch, CutsWindowsOutOfTheTextWithTargetsOneLater) {
  // A text that counts: every character tells its own position.
  const auto tokens = torch::arange(1000);
  Random random(3);
  const auto batch = draw_batch(tokens, 32, 20, random);
  ASSERT_EQ(batch.inputs.sizes(), torch::IntArrayRef({32, 20}));
  ASSERT_EQ(batch.targets.sizes(), torch::IntArrayRef({32, 20}));
  EXPECT_EQ(batch.inputs.scalar_type(), torch::kInt64);
  EXPECT_TRUE(torch::equal(batch.targets, batch.inputs + 1));
  EXPECT_TRUE(torch::equal(batch.inputs, batch.inputs.select(1, 0).unsqueeze(1) + torch::arange(20)));
}

TEST(DrawBatch, DrawsEveryPlaceWhereAWindowFitsAndNoOther) {
  // Eight characters leave room for a window of 4 and its target at 0, 1, 2 and 3.
  Random random(1);
  const auto starts = draw_batch(torch::arange(8), 4000, 4, random).inputs.select(1, 0).contiguous();
  const auto counts = torch::bincount(starts);
  ASSERT_EQ(counts.numel(), 4);
  // 1000 are expected of each, with a deviation of sqrt(4000 x 1/4 x 3/4) = 27; five of those are 137.
  EXPECT_LE((counts - 1000).abs().max().item<std::int64_t>(), 137) << counts;
}

TEST(DrawBatch, TakesATextThatJustFitsAndRefusesAShorterOne) {
  Random random(1);
  EXPECT_TRUE(torch::equal(draw_batch(torch::arange(5), 1, 4, random).targets, torch::arange(1, 5).unsqueeze(0)));
  EXPECT_THROW(draw_batch(torch::arange(4), 1, 4, random), UsageError);
}

TEST(BatchLoss, EqualsLibTorchsCrossEntropyOverAllPositions) {
  torch::manual_seed(1);
  GPT model(small_options());
  Random random(2);
  const auto batch = draw_batch(random_text(200, 11, 5), 3, 8, random);
  const auto logits = model->forward(batch.inputs);
  const auto expected = torch::nn::functional::cross_entropy(logits.reshape({24, 11}), batch.targets.reshape({24}));
  // float32 means of numbers near 2.4, summed in another order.
  EXPECT_LE(largest_difference(batch_loss(model, batch), expected), 1e-6);
}

TEST(UpdateMoments, MovesByHandWorkedNumbers) {
  // 0.9 x 1 + 0.1 x 3 = 1.2 and 0.99 x 2 + 0.01 x 9 = 2.07, exact up to float64's rounding.
  Moments moments{torch::full({1}, 1.0, torch::kFloat64), torch::full({1}, 2.0, torch::kFloat64)};
  update_moments(moments, torch::full({1}, 3.0, torch::kFloat64), 0.9, 0.99);
  EXPECT_NEAR(moments.first.item<double>(), 1.2, 1e-14);
  EXPECT_NEAR(moments.second.item<double>(), 2.07, 1e-14);
}

TEST(AdamDirection, IsTheSignOfTheGradientInTheFirstStep) {
  // Corrected, the means after one step are the gradient and its square: g / |g|, whatever the size of g.
  const auto gradient = torch::tensor({1e-3, -5.0, 200.0}, torch::kFloat64);
  Moments moments{torch::zeros({3}, torch::kFloat64), torch::zeros({3}, torch::kFloat64)};
  update_moments(moments, gradient, 0.9, 0.99);
  // Epsilon, 1e-8 beside a root of at least 1e-3, takes 1e-5 off.
  EXPECT_LE(largest_difference(adam_direction(moments, 1, {}), torch::sign(gradient)), 1.1e-5);
}

TEST(AdamW, EqualsLibTorchsOverFiftyStepsWithDecayOnMatricesOnly) {
  torch::manual_seed(7);
  const auto options64 = torch::dtype(torch::kFloat64);
  std::vector<torch::Tensor> ours, theirs;
  for (const auto& shape : std::vector<std::vector<std::int64_t>>{{4, 3}, {3}, {2, 5}, {5}}) {
    ours.push_back(torch::randn(shape, options64).requires_grad_());
    theirs.push_back(ours.back().detach().clone().requires_grad_());
  }
  AdamWOptions settings;
  AdamW optimizer(ours, settings);
  const auto group = [&](const std::vector<torch::Tensor>& parameters, double decay) {
    auto group_options = std::make_unique<torch::optim::AdamWOptions>(1e-3);
    group_options->betas({settings.beta1, settings.beta2}).eps(settings.epsilon).weight_decay(decay);
    return torch::optim::OptimizerParamGroup(parameters, std::move(group_options));
  };
  torch::optim::AdamW expected({group({theirs[0], theirs[2]}, 0.1), group({theirs[1], theirs[3]}, 0.0)});

  for (int step = 0; step < 50; ++step) {
    const double rate = 0.05 / (1 + step);
    for (std::size_t i = 0; i < ours.size(); ++i) {
      // Gradients whose scale changes over the steps, so that the moments have something to remember.
      ours[i].mutable_grad() = torch::randn(ours[i].sizes(), options64) * std::exp(std::sin(step));
      theirs[i].mutable_grad() = ours[i].grad().clone();
    }
    for (auto& param_group : expected.param_groups()) param_group.options().set_lr(rate);
    optimizer.step(rate);
    expected.step();
  }
  // float64, fifty steps of the same formula in another order.
  for (std::size_t i = 0; i < ours.size(); ++i) EXPECT_LE(largest_difference(ours[i], theirs[i]), 1e-12) << i;
}

TEST(AdamW, DecaysByItselfAndLeavesVectorsAlone) {
  // Without a gradient to follow, a matrix shrinks by 1 - 0.1 x 0.5 = 0.95 a step, and a vector stays.
  auto matrix = torch::ones({2, 2}).requires_grad_();
  auto vector = torch::ones({2}).requires_grad_();
  matrix.mutable_grad() = torch::zeros({2, 2});
  vector.mutable_grad() = torch::zeros({2});
  AdamWOptions options;
  options.weight_decay = 0.5;
  AdamW optimizer({matrix, vector}, options);
  optimizer.step(0.1);
  optimizer.step(0.1);
  EXPECT_LE(largest_difference(matrix, torch::full({2, 2}, 0.95 * 0.95)), 1e-6);
  EXPECT_TRUE(torch::equal(vector, torch::ones({2})));
}

TEST(AdamW, LeavesParametersWithoutAGradient) {
  auto matrix = torch::ones({2, 2}).requires_grad_();
  AdamW optimizer({matrix}, {});
  optimizer.step(0.1);
  EXPECT_TRUE(torch::equal(matrix, torch::ones({2, 2})));
}

TEST(AdamW, GoesOnFromItsStateBitForBit) {
  const auto gradient_of = [](int step) {
    torch::manual_seed(static_cast<std::uint64_t>(step));
    return torch::randn({3, 3});
  };
  const auto take_steps = [&](AdamW& optimizer, torch::Tensor parameter, int first, int last) {
    for (int step = first; step < last; ++step) {
      parameter.mutable_grad() = gradient_of(step);
      optimizer.step(0.01);
    }
  };
  auto straight = torch::ones({3, 3}).requires_grad_();
  AdamW one(std::vector<torch::Tensor>{straight}, {});
  take_steps(one, straight, 0, 6);

  auto before = torch::ones({3, 3}).requires_grad_();
  AdamW two(std::vector<torch::Tensor>{before}, {});
  take_steps(two, before, 0, 3);
  const auto state = two.state();
  auto after = before.detach().clone().requires_grad_();
  take_steps(two, before, 3, 5);  // what happens to the first optimizer later must not reach its saved state
  AdamW three(std::vector<torch::Tensor>{after}, {});
  three.set_state(state);
  take_steps(three, after, 3, 6);
  EXPECT_TRUE(torch::equal(straight, after));
}

TEST(AdamW, RefusesAStateOfAnotherShapeOrSize) {
  const auto optimizer_of = [](std::vector<std::int64_t> shape) {
    return AdamW(std::vector<torch::Tensor>{torch::ones(shape).requires_grad_()}, {});
  };
  auto optimizer = optimizer_of({3, 3});
  EXPECT_THROW(optimizer.set_state(optimizer_of({3, 2}).state()), UsageError);
  EXPECT_THROW(optimizer.set_state({}), UsageError);
  auto renamed = optimizer.state();
  renamed[1].first = "third.0";
  EXPECT_THROW(optimizer.set_state(renamed), UsageError);
}

TEST(Schedule, HasTheTalksValues) {
  // Half-way between warm-up and end, at (100 + 5000) / 2 = 2550, the cosine is at 0: the mean of peak and minimum.
  const Schedule schedule;
  EXPECT_DOUBLE_EQ(learning_rate_at(0, schedule), 0.0);
  EXPECT_DOUBLE_EQ(learning_rate_at(50, schedule), 5e-4);
  EXPECT_DOUBLE_EQ(learning_rate_at(100, schedule), 1e-3);
  EXPECT_DOUBLE_EQ(learning_rate_at(2550, schedule), 5.5e-4);
  EXPECT_DOUBLE_EQ(learning_rate_at(5000, schedule), 1e-4);
  EXPECT_DOUBLE_EQ(learning_rate_at(9999, schedule), 1e-4);
  // A quarter of the way, cos(pi / 4) = 0.70710678: 1e-4 + 9e-4 x (1 + 0.70710678) / 2.
  EXPECT_NEAR(learning_rate_at(1325, schedule), 8.6819805e-4, 1e-11);
}

TEST(Schedule, NeitherJumpsNorNeedsAWarmUp) {
  const Schedule schedule;
  for (std::int64_t step = 0; step < 5100; ++step)
    ASSERT_LE(std::abs(learning_rate_at(step + 1, schedule) - learning_rate_at(step, schedule)), 1.001e-5) << step;
  EXPECT_DOUBLE_EQ(learning_rate_at(0, {1e-3, 1e-4, 0, 10}), 1e-3);
  EXPECT_DOUBLE_EQ(learning_rate_at(7, {1e-3, 1e-4, 20, 10}), 3.5e-4);  // a run that ends during its warm-up
}

TEST(ClipGradients, EqualsLibTorchs) {
  torch::manual_seed(3);
  for (const double limit : {0.1, 1.0, 1e6}) {
    std::vector<torch::Tensor> ours, theirs;
    for (const auto& shape : std::vector<std::vector<std::int64_t>>{{20, 3}, {3}, {1}}) {
      ours.push_back(torch::zeros(shape).requires_grad_());
      theirs.push_back(torch::zeros(shape).requires_grad_());
      ours.back().mutable_grad() = torch::randn(shape);
      theirs.back().mutable_grad() = ours.back().grad().clone();
    }
    ours.push_back(torch::zeros({2}).requires_grad_());  // one that has no gradient
    const double norm = clip_gradients(ours, limit).item<double>();
    const double expected = torch::nn::utils::clip_grad_norm_(theirs, limit);
    EXPECT_NEAR(norm, expected, 1e-5 * expected);
    // float32, a product and a quotient each.
    for (std::size_t i = 0; i < theirs.size(); ++i)
      EXPECT_LE(largest_difference(ours[i].grad(), theirs[i].grad()), 1e-6) << limit;
  }
}

TEST(ClipGradients, ScalesAllTogetherByHandWorkedNumbers) {
  // The norm of (3, 0) and (4) together is 5; at a limit of 1 each is a fifth of what it was.
  auto a = torch::zeros({2}).requires_grad_();
  auto b = torch::zeros({1}).requires_grad_();
  a.mutable_grad() = torch::tensor({3.0F, 0.0F});
  b.mutable_grad() = torch::tensor({4.0F});
  EXPECT_FLOAT_EQ(clip_gradients({a, b}, 1.0).item<float>(), 5.0F);
  EXPECT_NEAR(a.grad()[0].item<float>(), 0.6, 1e-6);
  EXPECT_NEAR(b.grad()[0].item<float>(), 0.8, 1e-6);
  // Below the limit nothing changes, not even the last bit.
  EXPECT_NEAR(clip_gradients({a, b}, 2.0).item<float>(), 1.0, 1e-6);
  const auto before = a.grad().clone();
  clip_gradients({a, b}, std::numeric_limits<double>::infinity());
  EXPECT_TRUE(torch::equal(a.grad(), before));
  EXPECT_EQ(clip_gradients({}, 1.0).item<float>(), 0.0F);
}

/// -ln p of every character but the first, each window's predictions one by one. @return their number and mean
std::pair<std::int64_t, double> directly(GPT& model, const torch::Tensor& tokens) {
  const torch::NoGradGuard no_gradients;
  const std::int64_t context = model->options.context;
  std::int64_t predictions = 0;
  double total = 0;
  for (std::int64_t first = 0; first + 1 < tokens.size(0); first += context) {
    const auto window = tokens.slice(0, first, std::min(first + context, tokens.size(0) - 1));
    const auto log_p = torch::log_softmax(model->forward(window.unsqueeze(0))[0].to(torch::kFloat64), -1);
    for (std::int64_t i = 0; i < window.size(0); ++i) {
      total -= log_p[i][tokens[first + i + 1].item<std::int64_t>()].item<double>();
      ++predictions;
    }
  }
  return {predictions, total / static_cast<double>(predictions)};
}

TEST(Evaluate, PredictsEveryCharacterButTheFirstOnce) {
  torch::manual_seed(5);
  auto options = small_options();
  options.dropout = 0.3;
  GPT model(options);
  {
    // A model that is sure of things: a mean with wrong weights would show.
    const torch::NoGradGuard no_gradients;
    model->token_embedding.mul_(20);
  }
  // Shorter than a window, whole windows exactly, and one or several characters left over.
  for (const std::int64_t characters : {2, 6, 9, 17, 18, 24, 41, 44}) {
    const auto tokens = random_text(characters, 11, 9);
    model->eval();
    const auto [predictions, expected] = directly(model, tokens);
    ASSERT_EQ(predictions, characters - 1);
    for (const bool training : {true, false}) {
      model->train(training);
      // float32 sums of up to 43 numbers near 3.
      for (const std::int64_t batch_size : {1, 2, 3, 100})
        EXPECT_NEAR(evaluate(model, tokens, batch_size), expected, 3e-6) << characters << " in " << batch_size;
      EXPECT_EQ(model->is_training(), training);
    }
  }
  EXPECT_THROW(evaluate(model, random_text(1, 11, 1), 4), UsageError);
}

TEST(Evaluate, LeavesNoGradientsBehind) {
  GPT model(small_options());
  evaluate(model, random_text(40, 11, 1), 2);
  for (const auto& parameter : model->parameters()) EXPECT_FALSE(parameter.grad().defined());
}

TEST(Train, StepsByTheScheduleFromFreshGradients) {
  // The loss w x 3 has the gradient 3 at every step, and keeps it only if each step begins without the last one's.
  auto weight = torch::tensor(2.0, torch::kFloat64).requires_grad_();
  RecordingOptimizer optimizer({weight});
  TrainingOptions options;
  options.schedule = {0.1, 0.01, 2, 6};
  options.first_step = 1;
  options.gradient_clip = 0;
  std::vector<StepReport> reports;
  train(
      optimizer, [&] { return weight * 3; }, options,
      [&](const StepReport& report) {
        reports.push_back(report);
        return true;
      });
  ASSERT_EQ(reports.size(), 5U);
  double expected_weight = 2.0;
  for (std::size_t i = 0; i < reports.size(); ++i) {
    EXPECT_EQ(reports[i].step, static_cast<std::int64_t>(i) + 1);
    EXPECT_DOUBLE_EQ(reports[i].learning_rate, learning_rate_at(reports[i].step, options.schedule));
    EXPECT_DOUBLE_EQ(optimizer.rates[i], reports[i].learning_rate);
    EXPECT_DOUBLE_EQ(optimizer.gradients[i].item<double>(), 3.0);
    EXPECT_DOUBLE_EQ(reports[i].gradient_norm.item<double>(), 3.0);
    EXPECT_NEAR(reports[i].loss.item<double>(), expected_weight * 3, 1e-12);
    EXPECT_FALSE(reports[i].loss.requires_grad());
    expected_weight -= 3 * reports[i].learning_rate;
  }
}

TEST(Train, ClipsAndReportsTheNormBefore) {
  auto weight = torch::tensor(2.0, torch::kFloat64).requires_grad_();
  RecordingOptimizer optimizer({weight});
  TrainingOptions options;
  options.schedule = constant_rate(0.1, 1);
  options.gradient_clip = 0.5;
  train(
      optimizer, [&] { return weight * 3; }, options,
      [](const StepReport& report) {
        EXPECT_DOUBLE_EQ(report.gradient_norm.item<double>(), 3.0);
        return true;
      });
  // The 1e-6 that keeps the division safe is a third of a millionth of the norm.
  EXPECT_NEAR(optimizer.gradients[0].item<double>(), 0.5, 1e-6);
}

TEST(Train, StopsWhenTheListenerSaysSo) {
  auto weight = torch::tensor(2.0).requires_grad_();
  RecordingOptimizer optimizer({weight});
  TrainingOptions options;
  options.schedule = constant_rate(0.1, 100);
  train(
      optimizer, [&] { return weight * 3; }, options, [](const StepReport& report) { return report.step < 4; });
  EXPECT_EQ(optimizer.rates.size(), 5U);
}

TEST(Train, FourBatchesOfSixteenAreOneOfSixtyFour) {
  const auto tokens = random_text(500, 11, 4);
  const auto gradient_and_loss = [&](std::int64_t accumulate, std::int64_t batch_size) {
    torch::manual_seed(2);
    GPT model(small_options());
    model->to(torch::kFloat64);
    RecordingOptimizer optimizer(model->parameters());
    Random random(6);  // which draws the same 64 windows, however they are cut into batches
    TrainingOptions options;
    options.schedule = constant_rate(0.0, 1);
    options.gradient_clip = 0;
    options.accumulate = accumulate;
    double loss = 0;
    train(
        optimizer, [&] { return batch_loss(model, draw_batch(tokens, batch_size, 8, random)); }, options,
        [&](const StepReport& report) {
          loss = report.loss.item<double>();
          return true;
        });
    return std::make_pair(optimizer.gradients[0], loss);
  };
  const auto [whole, whole_loss] = gradient_and_loss(1, 64);
  const auto [parts, parts_loss] = gradient_and_loss(4, 16);
  EXPECT_GE(whole.abs().max().item<double>(), 1e-3);
  // float64 sums in another order.
  EXPECT_LE(largest_difference(whole, parts), 1e-14);
  EXPECT_NEAR(whole_loss, parts_loss, 1e-12);
}

TEST(Train, LearnsATextThatRepeats) {
  torch::manual_seed(1);
  GPT model(small_options());
  AdamW optimizer(model->parameters(), {});
  const auto tokens = torch::arange(11).repeat({40});  // 0 1 2 ... 10 0 1 2 ...
  Random random(1);
  TrainingOptions options;
  options.schedule = {1e-2, 1e-3, 10, 120};
  double first = 0, last = 0;
  train(
      optimizer, [&] { return batch_loss(model, draw_batch(tokens, 8, 8, random)); }, options,
      [&](const StepReport& report) {
        if (report.step == 0) first = report.loss.item<double>();
        last = report.loss.item<double>();
        return true;
      });
  EXPECT_NEAR(first, std::log(11.0), 0.1);
  EXPECT_LE(last, 0.05);
  EXPECT_LE(evaluate(model, tokens, 8), 0.05);
}

}  // namespace
}  // namespace verse
