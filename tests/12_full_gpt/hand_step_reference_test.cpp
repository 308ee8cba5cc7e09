/// The training step by hand: its formulas in LibTorch's operations on a processor, against autograd.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <memory>
#include <string>

#include "03_attention/attention.h"
#include "12_full_gpt/given/cpu/fast_dropout.h"
#include "12_full_gpt/given/gpu/hand_step.h"
#include "12_full_gpt/given/model/fast_gpt.h"
#include "12_full_gpt/given/training/training_step.h"

namespace verse {
namespace {

constexpr std::int64_t kVocabulary = 11, kContext = 8, kBatch = 6;

GPT small_model(double dropout) {
  GPTOptions options;
  options.vocabulary_size = kVocabulary;
  options.context = kContext;
  options.layers = 2;
  options.heads = 2;
  options.width = 16;
  options.fused = true;
  options.dropout = dropout;
  torch::manual_seed(5);
  GPT model = fast_gpt(options);
  // Biases and gains that are not what every model begins with.
  const torch::NoGradGuard no_gradients;
  for (auto& parameter : model->parameters()) parameter.add_(0.2 * torch::randn_like(parameter));
  return model;
}

const torch::Tensor& text() {
  static const torch::Tensor tokens = torch::arange(300).square().remainder(kVocabulary);
  return tokens;
}

std::unique_ptr<HandStep> hand_step(GPT& model, FlatAdamW& optimizer) {
  HandSettings settings;
  settings.batch_size = kBatch;
  settings.context = kContext;
  settings.numbers = settings.stream = torch::kFloat32;
  return std::make_unique<HandStep>(model, optimizer, text(), settings, std::make_unique<PlainKernels>());
}

/// The largest difference over the largest number.
double difference(const torch::Tensor& got, const torch::Tensor& expected) {
  return ((got - expected).abs().max() / expected.abs().max()).item<double>();
}

TEST(FlatAdamW, IsDeviceAdamWInOnePiece) {
  torch::manual_seed(1);
  auto a = torch::randn({3, 4}).requires_grad_(), b = torch::randn({4}).requires_grad_();
  auto c = a.detach().clone().requires_grad_(), d = b.detach().clone().requires_grad_();
  DeviceAdamW apart({b, a}, {});
  FlatAdamW flat({d, c}, {});
  for (int step = 0; step < 3; ++step) {
    a.mutable_grad() = torch::randn_like(a);
    b.mutable_grad() = torch::randn_like(b);
    c.mutable_grad() = a.grad().clone();
    d.mutable_grad() = b.grad().clone();
    apart.step(0.1);
    flat.step(0.1);
  }
  EXPECT_TRUE(torch::equal(a, c));
  EXPECT_TRUE(torch::equal(b, d));
  const auto one = apart.state(), other = flat.state();
  ASSERT_EQ(one.size(), other.size());
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_EQ(one[i].first, other[i].first);
    EXPECT_TRUE(torch::equal(one[i].second, other[i].second));
  }
  EXPECT_TRUE(torch::equal(flat.part(flat.flat_parameters, c), a));
  EXPECT_EQ(flat.part(flat.flat_parameters, c, true).size(0), kRowsTogether);
  EXPECT_EQ(flat.decaying, 4 * kRowsTogether);
  EXPECT_FALSE(flat.part(flat.flat_parameters, a).defined());
}

TEST(HandStep, TakesTheStepsOfAutograd) {
  GPT clear = small_model(0), fast = small_model(0);
  // The gradient of keys' biases is 0 but for rounding, and a small epsilon would make a full step of that.
  AdamWOptions options;
  options.epsilon = 1e-4;
  const auto optimizer = make_adamw(clear->parameters(), options);
  FlatAdamW flat(fast->parameters(), options);
  const auto by_hand = hand_step(fast, flat);
  StepSettings settings;
  settings.batch_size = kBatch;
  settings.context = kContext;
  Random random(3), same(3);
  TrainingStep step(clear, *optimizer, text(), settings, random);
  auto loss = torch::zeros({}), norm = torch::zeros({});
  for (int i = 0; i < 6; ++i) {
    const double rate = 1e-2 / (1 + i);
    const StepReport report = step.take(i, rate);
    by_hand->take_gradients(draw_starts(text().size(0), kBatch, kContext, same), loss);
    by_hand->move(torch::tensor(rate, torch::kFloat32), norm);
    // float32, summed in another order, and six steps of AdamW that make much of small differences.
    EXPECT_LE(difference(loss, report.loss), 1e-5) << i;
    EXPECT_LE(difference(norm, report.gradient_norm), 1e-4) << i;
  }
  const auto others = fast->named_parameters();
  for (const auto& parameter : clear->named_parameters()) {
    EXPECT_LE(difference(others[parameter.key()], parameter.value()), 2e-3) << parameter.key();
  }
  EXPECT_EQ(flat.state()[0].second.item<std::int64_t>(), 6);
}

/// Chapter 4's model in training, with the drops of a HandStep.
torch::Tensor loss_with_drops(GPT& model, const Batch& batch, const Dropping& dropping) {
  const GPTOptions& options = model->options;
  const auto dropped = [&](const torch::Tensor& x, std::int64_t site) {
    return x * drop_factors(dropping, site, x.sizes());
  };
  auto x = torch::embedding(model->token_embedding, batch.inputs) + model->position_embedding;
  x = dropped(x, 0);
  std::int64_t site = 1;
  for (const auto& module : *model->blocks) {
    auto& block = *module->as<BlockImpl>();
    const auto parts = block.attention->query_key_value->forward(block.attention_norm->forward(x)).chunk(3, -1);
    const auto scores = attention_scores(split_heads(parts[0], options.heads), split_heads(parts[1], options.heads));
    const auto weights = dropped(attention_weights(scores, causal_mask(kContext, kContext)), site++);
    const auto mixed = merge_heads(torch::matmul(weights, split_heads(parts[2], options.heads)));
    x = x + dropped(block.attention->output->forward(mixed), site++);
    const auto hidden = torch::gelu(block.mlp->expand->forward(block.mlp_norm->forward(x)), "tanh");
    x = x + dropped(block.mlp->contract->forward(hidden), site++);
  }
  const auto logits = model->head(model->final_norm->forward(x));
  return torch::nn::functional::cross_entropy(logits.flatten(0, 1), batch.targets.flatten());
}

TEST(HandStep, DropsTheSameOnTheWayBack) {
  GPT clear = small_model(0.3), fast = small_model(0.3);
  FlatAdamW flat(fast->parameters(), {});
  const auto by_hand = hand_step(fast, flat);
  Random random(4);
  auto loss = torch::zeros({});
  std::int64_t last_seed = 0;
  for (int round = 0; round < 2; ++round) {
    const auto starts = draw_starts(text().size(0), kBatch, kContext, random);
    by_hand->take_gradients(starts, loss);
    EXPECT_NE(by_hand->seed().item<std::int64_t>(), last_seed) << "every step drops others";
    last_seed = by_hand->seed().item<std::int64_t>();
    clear->zero_grad();
    const auto expected = loss_with_drops(clear, windows_at(text(), starts, kContext), {by_hand->seed(), 0.3});
    expected.backward();
    EXPECT_LE(difference(loss, expected.detach()), 1e-5);
    const auto others = fast->named_parameters();
    for (const auto& parameter : clear->named_parameters()) {
      EXPECT_LE(difference(others[parameter.key()].grad(), parameter.value().grad()), 1e-4) << parameter.key();
    }
  }
  by_hand->take_loss(draw_starts(text().size(0), kBatch, kContext, random), loss);
  Random again(4);
  torch::Tensor starts;
  for (int i = 0; i < 3; ++i) starts = draw_starts(text().size(0), kBatch, kContext, again);
  clear->eval();
  EXPECT_LE(difference(loss, fast_batch_loss(clear, windows_at(text(), starts, kContext)).detach()), 1e-5);
}

TEST(DropFactors, AreTheProcessorsDrops) {
  const auto ones = torch::ones({1000});
  for (const double share : {0.0, 0.2, 0.5}) {
    for (const std::int64_t site : {0, 7}) {
      const Dropping dropping{torch::full({1}, 0x123456789abcdefLL, torch::kInt64), share};
      const Drops drops{share, seed_of_site(0x123456789abcdefLL, site)};
      for (const std::int64_t first : {0L, 1L << 31, (1L << 32) - 500, (1L << 32) + 500, (3L << 32) - 1}) {
        const auto factors = drop_factors(dropping, site, {10, 100}, first).flatten();
        EXPECT_LE((factors - drop(ones, drops, first)).abs().max().item<double>(), 1e-6) << first;
      }
    }
  }
}

TEST(HandStep, SaysWhatItIsNotFor) {
  GPT small = small_model(0);
  FlatAdamW flat(small->parameters(), {});
  EXPECT_NE(HandStep::obstacle(*small, flat).find("width"), std::string::npos);
  const auto plain = std::make_unique<DeviceAdamW>(small->parameters(), AdamWOptions{});
  EXPECT_NE(HandStep::obstacle(*small, *plain).find("optimizer"), std::string::npos);
}

}  // namespace
}  // namespace verse
