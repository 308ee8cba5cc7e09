/// A step in which each thread works on texts of its own: it has to be the step in which one thread does everything.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "03_attention/attention.h"
#include "11_modern/given/modern_gpt.h"
#include "12_full_gpt/full_gpt.h"
#include "12_full_gpt/given/cpu/half_products.h"
#include "12_full_gpt/given/cpu/own_texts.h"
#include "12_full_gpt/given/model/fast_gpt.h"
#include "12_full_gpt/given/training/training_step.h"
#include "common/projection.h"

namespace verse {
namespace {

GPTOptions few_options(double dropout = 0) {
  GPTOptions options;
  options.vocabulary_size = 11;
  options.context = 8;
  options.layers = 2;
  options.heads = 2;
  options.width = 16;
  options.dropout = dropout;
  options.fused = true;
  return options;
}

const torch::Tensor& own_text() {
  static const torch::Tensor tokens = torch::arange(300).square().remainder(11);
  return tokens;
}

class OwnTexts : public testing::Test {
 protected:
  void TearDown() override { torch::set_num_threads(before_); }

 private:
  int before_ = torch::get_num_threads();
};

/// What a few steps come to.
struct Steps {
  std::vector<double> losses, norms;
  std::vector<torch::Tensor> parameters;
  torch::Tensor generator;  ///< LibTorch's, afterwards
};

Steps steps_of(LanguageModel model, int threads, bool own_texts, std::int64_t texts, std::int64_t accumulate) {
  constexpr int kSteps = 4;
  torch::set_num_threads(threads);
  torch::manual_seed(9);
  model->train();
  const auto optimizer = make_adamw(model->parameters(), {});
  Random random(3);
  StepSettings settings;
  settings.batch_size = texts;
  settings.context = 8;
  settings.accumulate = accumulate;
  settings.own_texts = own_texts;
  TrainingStep step(model, *optimizer, own_text(), settings, random);
  Steps outcome;
  for (int i = 0; i < kSteps; ++i) {
    const StepReport report = step.take(i, 1e-2);
    outcome.losses.push_back(report.loss.item<double>());
    outcome.norms.push_back(report.gradient_norm.item<double>());
  }
  for (const auto& parameter : model->parameters()) outcome.parameters.push_back(parameter.detach().clone());
  outcome.generator = at::detail::getDefaultCPUGenerator().get_state();
  return outcome;
}

GPT fast_of(const GPTOptions& options) {
  torch::manual_seed(5);
  return fast_gpt(options);
}

void expect_near_steps(const Steps& one, const Steps& other) {
  for (std::size_t i = 0; i < one.losses.size(); ++i) {
    // Losses near 2.4 and norms near 1, in float32. One text counted twice, or dropped as another, shows at 1e-2.
    EXPECT_LE(std::abs(one.losses[i] - other.losses[i]), 1e-4) << i;
    EXPECT_LE(std::abs(one.norms[i] - other.norms[i]), 1e-3) << i;
  }
  EXPECT_TRUE(torch::equal(one.generator, other.generator));
}

TEST_F(OwnTexts, AreTheWholeBatch) {
  for (const double dropout : {0.0, 0.3}) {
    for (const int threads : {2, 3}) {
      for (const std::int64_t accumulate : {1, 2}) {
        SCOPED_TRACE(testing::Message() << dropout << ' ' << threads << ' ' << accumulate);
        const auto options = few_options(dropout);
        ASSERT_TRUE(knows_own_texts(*fast_of(options)));
        expect_near_steps(steps_of(fast_of(options), threads, true, 7, accumulate),
                          steps_of(fast_of(options), 1, false, 7, accumulate));
      }
    }
  }
}

TEST_F(OwnTexts, GiveTheSameBitsEachTime) {
  const auto options = few_options(0.3);
  const Steps one = steps_of(fast_of(options), 2, true, 6, 1), other = steps_of(fast_of(options), 2, true, 6, 1);
  EXPECT_EQ(one.losses, other.losses);
  for (std::size_t i = 0; i < one.parameters.size(); ++i) {
    EXPECT_TRUE(torch::equal(one.parameters[i], other.parameters[i])) << i;
  }
}

TEST_F(OwnTexts, OfAModernModelToo) {
  const auto modern = [] {
    torch::manual_seed(5);
    return ModernGPT(few_options());
  };
  expect_near_steps(steps_of(modern(), 2, true, 6, 1), steps_of(modern(), 1, false, 6, 1));
}

TEST_F(OwnTexts, AreWorkedOnByTwoThreads) {
  torch::set_num_threads(2);
  GPT model = fast_of(few_options());
  std::mutex mutex;
  std::set<std::thread::id> threads;
  std::vector<std::int64_t> texts;
  const auto starts = torch::arange(5);
  const auto loss = gradients_by_threads(model->parameters(), {starts}, 2, [&](const torch::Tensor& mine) {
    {
      const std::lock_guard lock(mutex);
      threads.insert(std::this_thread::get_id());
      texts.push_back(mine.size(0));
    }
    EXPECT_EQ(torch::get_num_threads(), 2);
    return fast_batch_loss(model, windows_at(own_text(), mine, 8));
  });
  EXPECT_EQ(threads.size(), 2U);
  EXPECT_EQ(std::multiset<std::int64_t>(texts.begin(), texts.end()), (std::multiset<std::int64_t>{2, 3}));
  std::vector<torch::Tensor> found;
  for (auto& parameter : model->parameters()) {
    found.push_back(parameter.grad().clone());
    EXPECT_TRUE(parameter.grad().is_contiguous());
    parameter.mutable_grad().reset();
  }
  const auto whole = fast_batch_loss(model, windows_at(own_text(), starts, 8));
  whole.backward();
  EXPECT_LE(std::abs(loss.item<double>() - whole.item<double>()), 1e-5);
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_LE((found[i] - model->parameters()[i].grad()).abs().max().item<double>(), 1e-6) << i;
  }
}

TEST_F(OwnTexts, AParameterWithoutAPartInTheLossHasNoGradient) {
  torch::set_num_threads(2);
  auto used = torch::ones({2}).requires_grad_(), unused = torch::ones({2}).requires_grad_();
  unused.mutable_grad() = torch::ones({2});
  const auto loss = gradients_by_threads({used, unused}, {torch::arange(4)}, 2, [&](const torch::Tensor& mine) {
    return (used * mine.to(torch::kFloat32).unsqueeze(1)).sum(1).mean();
  });
  EXPECT_EQ(loss.item<float>(), 3) << "twice the mean of 0 to 3";
  EXPECT_TRUE(torch::equal(used.grad(), torch::full({2}, 1.5F)));
  EXPECT_FALSE(unused.grad().defined());
}

TEST_F(OwnTexts, AnErrorComesBack) {
  torch::set_num_threads(2);
  GPT model = fast_of(few_options());
  EXPECT_THROW(gradients_by_threads(model->parameters(), {torch::arange(4)}, 2,
                                    [&](const torch::Tensor& mine) {
                                      if (mine[0].item<std::int64_t>() > 0) throw std::runtime_error("the second");
                                      return fast_batch_loss(model, windows_at(own_text(), mine, 8));
                                    }),
               std::runtime_error);
}

TEST_F(OwnTexts, AreForModelsThatDrawByPlaceOrNotAtAll) {
  GPTOptions spelled_out = few_options(0.3), exact = few_options(0.3);
  spelled_out.fused = false;
  exact.exact_gelu = true;
  EXPECT_TRUE(knows_own_texts(*fast_of(few_options(0.3))));
  GPT in_float64 = fast_of(few_options(0.3));
  in_float64->to(torch::kFloat64);
  EXPECT_FALSE(knows_own_texts(*in_float64)) << "drop() is for float32";
  EXPECT_FALSE(knows_own_texts(*fast_of(spelled_out)));
  EXPECT_FALSE(knows_own_texts(*fast_of(exact)));
  EXPECT_FALSE(knows_own_texts(*GPT(few_options(0.3))));
  EXPECT_TRUE(knows_own_texts(*GPT(few_options())));
  EXPECT_FALSE(knows_own_texts(*ModernGPT(few_options(0.3))));
}

TEST_F(OwnTexts, AreForPartsThatCanBeDividedEvenly) {
  const auto threads_for = [](std::vector<std::int64_t> texts, std::int64_t threads, std::int64_t width = 16) {
    GPTOptions options = few_options();
    options.width = width;
    std::vector<torch::Tensor> starts;
    for (const std::int64_t count : texts) starts.push_back(torch::zeros({count}, torch::kInt64));
    return threads_for_own_texts(*fast_of(options), starts, threads);
  };
  EXPECT_EQ(threads_for({12}, 12), 12);
  EXPECT_EQ(threads_for({12}, 13), 1) << "one would have nothing to do";
  EXPECT_EQ(threads_for({12}, 8), 8) << "two texts at most, where one and a half would be even";
  EXPECT_EQ(threads_for({12}, 11), 1) << "two texts at most, where little more than one would be even";
  EXPECT_EQ(threads_for({12, 3}, 2), 2);
  EXPECT_EQ(threads_for({12, 1}, 2), 1) << "in the last part, one would have nothing to do";
  EXPECT_EQ(threads_for({4096}, 2048), 2048);
  EXPECT_EQ(threads_for({4096}, 2048, 128), 1) << "gradients of more than a gigabyte";
  const auto clear = GPT(few_options(0.3));
  EXPECT_EQ(threads_for_own_texts(*clear, {torch::zeros({8}, torch::kInt64)}, 2), 1) << "it draws otherwise";
}

TEST_F(OwnTexts, OfFewerTextsThanThreadsAreShared) {
  const auto options = few_options(0.3);
  const Steps one = steps_of(fast_of(options), 3, true, 2, 1), other = steps_of(fast_of(options), 3, false, 2, 1);
  EXPECT_EQ(one.losses, other.losses);
}

TEST(LargestTensor, IsTheMLPsInsideOrTheLogits) {
  GPTOptions shape = few_options();  // 8 positions, 16 wide, 11 characters
  EXPECT_EQ(largest_tensor(shape, 3), 4.0 * 3 * 8 * 64);
  shape.vocabulary_size = 100;
  EXPECT_EQ(largest_tensor(shape, 3), 4.0 * 3 * 8 * 100);
}

/// The linear layer as one operation: LibTorch's, bit for bit, with its gradients.
TEST(RowLinear, IsLibTorchs) {
  torch::manual_seed(2);
  LinearProjection projection(24, 40, true);
  for (const std::int64_t rows : {1, 7, 64}) {
    const auto given = torch::randn({rows, 24}), down = torch::randn({rows, 40});
    std::vector<std::vector<torch::Tensor>> results;
    for (const bool ours : {false, true}) {
      auto x = given.clone().requires_grad_();
      const auto y = ours ? project(projection, x) : projection.forward(x);
      const auto gradients = torch::autograd::grad({(y * down).sum()}, {x, projection.weight, projection.bias});
      results.push_back({y.detach(), gradients[0], gradients[1], gradients[2]});
    }
    for (std::size_t i = 0; i < results[0].size(); ++i) {
      EXPECT_TRUE(torch::equal(results[0][i], results[1][i])) << rows << ' ' << i;
    }
  }
  // Several texts as they are, and numbers of another kind, are LibTorch's own.
  EXPECT_TRUE(torch::equal(project(projection, torch::ones({2, 3, 24})), projection.forward(torch::ones({2, 3, 24}))));
  projection.to(torch::kFloat64);
  const auto wide = torch::ones({3, 24}, torch::kFloat64);
  EXPECT_TRUE(torch::equal(project(projection, wide), projection.forward(wide)));
}

}  // namespace
}  // namespace verse
