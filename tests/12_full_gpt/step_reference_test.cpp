/// The step that a GPU may record, taken on a CPU: it has to be chapter 5's.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <nlohmann/json.hpp>

#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "03_attention/attention.h"
#include "05_training/given/checkpoint.h"
#include "11_modern/given/modern_gpt.h"
#include "12_full_gpt/given/cpu/fast_dropout.h"
#include "12_full_gpt/given/cpu/half_products.h"
#include "12_full_gpt/given/model/fast_gpt.h"
#include "12_full_gpt/given/training/recipes.h"
#include "12_full_gpt/given/training/run_folder.h"
#include "12_full_gpt/given/training/training_step.h"
#include "common/base/error.h"
#include "common/device.h"
#include "common/fast_gelu.h"
#include "common/program.h"
#include "common/projection.h"
#include "tests/common/temporary_folder.h"
#include "tests/harness/test_device.h"

namespace verse {
namespace {

GPT small_model(bool fused) {
  GPTOptions options;
  options.vocabulary_size = 11;
  options.context = 8;
  options.layers = 2;
  options.heads = 2;
  options.width = 16;
  options.fused = fused;
  torch::manual_seed(5);
  GPT model(options);
  model->to(test_device());
  return model;
}

const torch::Tensor& text() {
  static const torch::Tensor tokens = torch::arange(300).square().remainder(11);
  return tokens;
}

TEST(Windows, AreThoseOfChapter5) {
  Random one(7), other(7);
  for (int draw = 0; draw < 5; ++draw) {
    const Batch expected = draw_batch(text(), 6, 8, one);
    const Batch got = windows_at(text(), draw_starts(text().size(0), 6, 8, other), 8);
    EXPECT_TRUE(torch::equal(got.inputs, expected.inputs));
    EXPECT_TRUE(torch::equal(got.targets, expected.targets));
  }
  EXPECT_EQ(one.state(), other.state());
  EXPECT_THROW(draw_starts(8, 1, 8, one), UsageError);
  EXPECT_EQ(draw_starts(9, 3, 8, one).max().item<std::int64_t>(), 0) << "there is one place";
}

/// Takes steps by chapter 5's loop with its clear model and optimizer; then by TrainingStep; compares.
void expect_equal_steps(bool recordable, std::int64_t accumulate) {
  constexpr int kSteps = 8;
  GPT clear = small_model(false), fast = small_model(true);
  AdamW clear_optimizer(clear->parameters(), {});
  Random clear_random(3), fast_random(3);
  TrainingOptions options;
  options.schedule = {1e-2, 1e-3, 2, kSteps};
  std::vector<double> losses, norms;
  train(
      clear_optimizer, [&] { return batch_loss(clear, draw_batch(text(), 6, 8, clear_random)); }, options,
      [&](const StepReport& report) {
        losses.push_back(report.loss.item<double>());
        norms.push_back(report.gradient_norm.item<double>());
        return true;
      });

  std::unique_ptr<Optimizer> optimizer;
  if (recordable) {
    optimizer = std::make_unique<DeviceAdamW>(fast->parameters(), AdamWOptions{});
  } else {
    optimizer = make_adamw(fast->parameters(), {});
  }
  StepSettings settings;
  settings.batch_size = 6;
  settings.context = 8;
  settings.accumulate = accumulate;
  settings.recorded = recordable;
  TrainingStep step(fast, *optimizer, text(), settings, fast_random);
  std::string news;
  for (int i = 0; i < kSteps; ++i) {
    const StepReport report = step.take(i, learning_rate_at(i, options.schedule));
    EXPECT_EQ(report.step, i);
    // Losses near 2.4 and norms near 1, float32, after up to eight steps whose rounding differs.
    EXPECT_LE(std::abs(report.loss.item<double>() - losses[static_cast<std::size_t>(i)]), 1e-4) << i;
    EXPECT_LE(std::abs(report.gradient_norm.item<double>() - norms[static_cast<std::size_t>(i)]), 1e-3) << i;
    news += step.news();
  }
  const auto others = fast->named_parameters();
  for (const auto& parameter : clear->named_parameters()) {
    const double difference = (parameter.value() - others[parameter.key()]).abs().max().item<double>();
    // Eight steps of up to 0.01: a wrong gradient, number of the step or learning rate would show at 1e-3 and above.
    // The biases of the keys have a gradient of 0 but for rounding, which AdamW makes a step of.
    if (parameter.key().find("query_key_value.bias") == std::string::npos) {
      EXPECT_LE(difference, 1e-3) << parameter.key();
    }
  }
  EXPECT_EQ(clear_random.state(), fast_random.state());
  // Here is no GPU, and one line says that nothing is recorded.
  if (recordable && !torch::cuda::is_available()) {
    EXPECT_NE(news.find("not recorded"), std::string::npos) << news;
  }
}

TEST(TrainingStep, IsChapter5s) {
  expect_equal_steps(false, 1);
}

TEST(TrainingStep, IsTheSameInTheFormThatCanBeRecorded) {
  expect_equal_steps(true, 1);
}

TEST(TrainingStep, IsTheSameInParts) {
  expect_equal_steps(false, 4);
}

TEST(TrainingStep, InFloat16IsNear) {
  constexpr int kSteps = 6;
  const auto losses = [](bool float16, double scale) {
    GPT model = small_model(true);
    FusedAdamW optimizer(model->parameters(), AdamWOptions{});
    Random random(3);
    StepSettings settings;
    settings.batch_size = 6;
    settings.context = 8;
    settings.float16 = float16;
    settings.loss_scale.scale = scale;
    settings.loss_scale.grow_after = 4;
    TrainingStep step(model, optimizer, text(), settings, random);
    std::vector<double> result;
    for (int i = 0; i < kSteps; ++i) result.push_back(step.take(i, 1e-2).loss.item<double>());
    result.push_back(step.loss_scale().scale);
    return result;
  };
  const auto plain = losses(false, 1), scaled = losses(true, 1024);
  for (int i = 0; i < kSteps; ++i) {
    // Numbers of ten bits after the point, in losses near 2.4.
    EXPECT_NEAR(scaled[static_cast<std::size_t>(i)], plain[static_cast<std::size_t>(i)], 2e-2) << i;
  }
  EXPECT_NE(scaled[3], plain[3]) << "something was computed in 16 bits";
  EXPECT_EQ(scaled.back(), 2048) << "four good steps, and two more";

  // A scale that takes every gradient out of range: no step is taken, and it is halved until one can be.
  const auto too_large = losses(true, std::pow(2.0, 60));
  EXPECT_EQ(too_large.back(), std::pow(2.0, 60 - kSteps));
}

TEST(DeviceAdamW, GoesOnFromAdamWsState) {
  torch::manual_seed(1);
  auto a = torch::randn({4, 3}).requires_grad_();
  auto b = a.detach().clone().requires_grad_();
  FusedAdamW host({a}, {});
  DeviceAdamW device({b}, {});
  const auto both = [&](auto& one, torch::Tensor& first, auto& other, torch::Tensor& second, int step) {
    torch::manual_seed(50 + step);
    first.mutable_grad() = torch::randn({4, 3});
    second.mutable_grad() = first.grad().clone();
    one.step(0.01);
    other.step(0.01);
  };
  for (int step = 0; step < 3; ++step) both(host, a, device, b, step);
  // The same kernel; the learning rate is float32 in one and float64 in the other.
  EXPECT_LE((a - b).abs().max().item<double>(), 1e-6);
  ASSERT_EQ(host.state().size(), device.state().size());
  EXPECT_TRUE(torch::equal(host.state()[0].second, device.state()[0].second));
  EXPECT_EQ(host.state()[0].second.dtype(), device.state()[0].second.dtype());

  auto c = a.detach().clone().requires_grad_();
  DeviceAdamW resumed({c}, {});
  resumed.set_state(host.state());
  both(host, a, resumed, c, 3);
  EXPECT_LE((a - c).abs().max().item<double>(), 1e-6);
}

TEST(MuonWithTensorRate, EqualsTheOneWithANumber) {
  torch::manual_seed(2);
  auto a = torch::randn({4, 6}).requires_grad_(), b = a.detach().clone().requires_grad_();
  Muon one({a}, {}), other({b}, {});
  a.mutable_grad() = torch::randn({4, 6});
  b.mutable_grad() = a.grad().clone();
  one.step(0.25);
  other.step_by(torch::tensor(0.25F));
  EXPECT_TRUE(torch::equal(a, b));
}

TEST(AccumulateGradients, AreThoseOfOneLargeBatch) {
  GPT whole = small_model(true), parts = small_model(true);
  Random random(9);
  const Batch batch = draw_batch(text(), 6, 8, random);
  fast_batch_loss(whole, batch).backward();
  const std::vector<Batch> batches{{batch.inputs.narrow(0, 0, 4), batch.targets.narrow(0, 0, 4)},
                                   {batch.inputs.narrow(0, 4, 2), batch.targets.narrow(0, 4, 2)}};
  accumulate_gradients(
      batches, [&](const Batch& part) { return fast_batch_loss(parts, part); }, torch::kCPU, false);
  const auto others = parts->named_parameters();
  for (const auto& parameter : whole->named_parameters()) {
    // Gradients below 1, float32, added up in another order.
    EXPECT_LE((parameter.value().grad() - others[parameter.key()].grad()).abs().max().item<double>(), 1e-5)
        << parameter.key();
  }
}

TEST(Recording, SaysWhyThereIsNone) {
  if (torch::cuda::is_available()) GTEST_SKIP() << "here is a GPU";
  std::string problem;
  int done = 0;
  EXPECT_EQ(Recording::make([&done] { ++done; }, problem), nullptr);
  EXPECT_FALSE(problem.empty());
  EXPECT_EQ(done, 0);
}

TEST(CardPeak, IsTheDataSheets) {
  // NVIDIA's data sheets, dense: H100 SXM 989 in bfloat16, A100 312 and 156 in TF32, T4 8.1 in float32.
  EXPECT_EQ(card_peak("NVIDIA H100 80GB HBM3", true).operations, 989e12);
  EXPECT_EQ(card_peak("NVIDIA H100 PCIe", true).operations, 756e12);
  EXPECT_EQ(card_peak("NVIDIA A100-SXM4-40GB", false).operations, 156e12);
  EXPECT_EQ(card_peak("NVIDIA L4", true).operations, 121e12);
  EXPECT_EQ(card_peak("NVIDIA L40S", true).operations, 362e12);
  EXPECT_EQ(card_peak("Tesla T4", false).operations, 8.1e12);
  EXPECT_FALSE(card_peak("Tesla T4", true).operations.has_value());
  for (const char* unknown : {"NVIDIA RTX A4000", "NVIDIA L40", "Quadro T400", "NVIDIA RTX A1000"}) {
    EXPECT_FALSE(card_peak(unknown, false).operations.has_value()) << unknown;
  }
  EXPECT_FALSE(card_peak("NVIDIA GeForce GT 710", false).operations.has_value());
  EXPECT_GT(*peak_memory(torch::kCPU), 10'000'000) << "LibTorch alone takes more";
}

TEST(Presets, RefuseWhatJsonCannotHold) {
  const auto refused = [](std::string flag, std::string value) {
    CommandLine line("a test");
    declare_recipe(line, "demo");
    std::string program = "test";
    char* arguments[] = {program.data(), flag.data(), value.data(), nullptr};
    return message_of<UsageError>([&] {
      line.parse(3, arguments);
      Recipe recipe = recipe_named("small");
      apply_recipe(line, recipe);
    });
  };
  // Infinity would be written as null, and the run could not go on.
  EXPECT_NE(refused("--grad-clip", "inf").find("--grad-clip"), std::string::npos);
  EXPECT_NE(refused("--stop-at-loss", "inf").find("--stop-at-loss"), std::string::npos);
  EXPECT_EQ(refused("--grad-clip", "1000"), "");
  EXPECT_NE(refused("--without", "muon").find("speedrun"), std::string::npos);
  EXPECT_NE(refused("--with", "squared-relu").find("speedrun"), std::string::npos);
  EXPECT_NE(refused("--accumulate", "13").find("--batch-size"), std::string::npos);
}

TEST(Presets, ChooseTheirPartsByFlags) {
  const auto without = [](std::vector<std::string> words) {
    CommandLine line("a test");
    declare_recipe(line, "demo");
    words.insert(words.begin(), "test");
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    line.parse(static_cast<int>(words.size()), arguments.data());
    Recipe recipe = recipe_named("speedrun");
    apply_recipe(line, recipe);
    return recipe.without;
  };
  using Parts = std::set<Part>;
  EXPECT_EQ(without({}), Parts{Part::squared_relu});
  EXPECT_EQ(without({"--with", "squared-relu"}), Parts{});
  EXPECT_EQ(without({"--without", "muon,rotary"}), (Parts{Part::muon, Part::rotary, Part::squared_relu}));
  EXPECT_EQ(without({"--without", "muon", "--with", "squared-relu"}), Parts{Part::muon});
}

TEST(FastGPT, EqualsTheClearForm) {
  GPTOptions options;
  options.vocabulary_size = 11;
  options.context = 8;
  options.layers = 2;
  options.heads = 2;
  options.width = 16;
  GPT clear(options);
  options.fused = true;
  GPT fast = fast_gpt(options);
  load_gpt2_tensors(*fast, gpt2_tensors(*clear));
  Random random(4);
  const Batch batch = draw_batch(text(), 6, 8, random);
  const auto clear_loss = batch_loss(clear, batch), fast_loss = fast_batch_loss(fast, batch);
  clear_loss.backward();
  fast_loss.backward();
  // Losses near 2.4 and gradients below 1, float32, summed in another order.
  EXPECT_LE((clear_loss - fast_loss).abs().item<double>(), 1e-5);
  const auto others = fast->named_parameters();
  for (const auto& parameter : clear->named_parameters()) {
    EXPECT_LE((parameter.value().grad() - others[parameter.key()].grad()).abs().max().item<double>(), 1e-5)
        << parameter.key();
  }
  ForwardExtras extras;
  extras.last_only = true;
  const auto last = fast->forward(batch.inputs, extras);
  EXPECT_EQ(last.sizes(), (std::vector<std::int64_t>{6, 1, 11}));
  EXPECT_LE((last.select(1, 0) - clear->forward(batch.inputs).select(1, 7)).abs().max().item<double>(), 1e-5);
}

TEST(FastDropout, DropsTheShareItIsToldAndKeepsTheMean) {
  constexpr std::int64_t kCount = 1'000'000;
  const auto ones = torch::ones({kCount});
  for (const double share : {0.1, 0.2, 0.5}) {
    for (const std::uint64_t seed : {0ULL, 1ULL, 2ULL, 0x123456789abcdefULL}) {
      const auto dropped = drop(ones, {share, seed});
      const auto kept = (dropped != 0).to(torch::kFloat64);
      // Five deviations of a binomial: once in a million.
      const double deviation = std::sqrt(share * (1 - share) / static_cast<double>(kCount));
      EXPECT_NEAR(kept.mean().item<double>(), 1 - share, 5 * deviation) << "seed " << seed;
      EXPECT_NEAR(dropped.max().item<double>(), 1 / (1 - share), 1e-6);
      // Neighbours, near and far, do not know of one another.
      for (const std::int64_t apart : {1, 2, 8, 64, 384, 65'536}) {
        const auto one = kept.narrow(0, 0, kCount - apart) - (1 - share),
                   other = kept.narrow(0, apart, kCount - apart) - (1 - share);
        EXPECT_NEAR((one * other).mean().item<double>() / (share * (1 - share)), 0, 5e-3)
            << apart << " apart, seed " << seed;
      }
    }
  }
  const Drops one{0.5, 1}, other{0.5, 2}, high{0.5, 1ULL << 33};
  EXPECT_TRUE(torch::equal(drop(ones, one), drop(ones, one)));
  for (const std::int64_t apart : {0, 1, 2, 3}) {
    const auto mine = drop(ones, one).narrow(0, apart, kCount - 3), its = drop(ones, other).narrow(0, 0, kCount - 3);
    EXPECT_NEAR((mine == its).to(torch::kFloat64).mean().item<double>(), 0.5, 5e-3) << "shifted by " << apart;
  }
  for (const auto& another : {other, high}) {
    EXPECT_NEAR((drop(ones, one) == drop(ones, another)).to(torch::kFloat64).mean().item<double>(), 0.5, 5e-3);
  }
  EXPECT_TRUE(torch::equal(drop(ones.narrow(0, 0, 100), one, 700), drop(ones, one).narrow(0, 700, 100)))
      << "a place's fate does not depend on where one begins to ask";
}

TEST(FastDropout, KnowsPlacesOf64Bits) {
  // Drawn by the formula in Python's whole numbers, around multiples of 2^32; those at the beginning also by programs
  // that knew 32 bits alone.
  const std::vector<std::pair<std::int64_t, std::string>> known{{0, "xx..xx.xxxxxxxxxx.x.xxxxx.x.xx..x...xxx."},
                                                                {1, "..x.x.xx.xx..x.x.xx..xx.xxxxxxxx.xxxxxxx"},
                                                                {5, ".xx..xx.xxx.x.x.xxxxxxxxxxxx...x..xx.xx."}};
  const Drops drops{0.3, 0x123456789abcdefULL};
  for (const auto& [stretch, fates] : known) {
    const auto seen = drop(torch::ones({40}), drops, stretch == 0 ? 0 : (stretch << 32) - 20);
    std::string shown;
    for (std::int64_t i = 0; i < 40; ++i) shown += seen[i].item<float>() == 0 ? '.' : 'x';
    EXPECT_EQ(shown, fates) << stretch;
  }

  constexpr std::int64_t kHalf = 50'000;  // several threads' shares, and the border lies in the middle of one
  const auto ones = torch::ones({2 * kHalf}), half = torch::ones({kHalf});
  for (const std::int64_t stretch : {1, 2, 3, 1 << 20}) {
    const std::int64_t border = stretch << 32;
    const auto across = drop(ones, drops, border - kHalf);
    EXPECT_TRUE(torch::equal(across.narrow(0, 0, kHalf), drop(half, drops, border - kHalf))) << stretch;
    EXPECT_TRUE(torch::equal(across.narrow(0, kHalf, kHalf), drop(half, drops, border))) << stretch;
    for (const std::int64_t other : {std::int64_t{0}, border - (std::int64_t{1} << 32)}) {
      const auto alike = drop(ones, drops, border) == drop(ones, drops, other);
      EXPECT_NEAR(alike.to(torch::kFloat64).mean().item<double>(), 1 - 2 * 0.3 * 0.7, 1e-2)
          << "drops again what " << other << " drops";
    }
    EXPECT_NEAR((across == 0).to(torch::kFloat64).mean().item<double>(), 0.3, 1e-2);
  }
}

TEST(FastDropout, IsDrawnFromLibTorchsGeneratorAndGoesBackByTheSameDrops) {
  const auto x = torch::linspace(1, 2, 50'000).requires_grad_();
  torch::manual_seed(6);
  const auto first = fast_dropout(x, 0.3), second = fast_dropout(x, 0.3);
  torch::manual_seed(6);
  EXPECT_TRUE(torch::equal(fast_dropout(x, 0.3), first)) << "an equal seed";
  EXPECT_FALSE(torch::equal(second, first)) << "each call drops others";
  first.sum().backward();
  EXPECT_LE((x.grad() * x.detach() - first.detach()).abs().max().item<double>(), 1e-6);
  EXPECT_TRUE(fast_dropout(x, 0.3, /*training=*/false).is_same(x));
  EXPECT_TRUE(fast_dropout(x, 0).is_same(x));
}

TEST(AttendDropping, EqualsTheClearFormWithTheSameDrops) {
  constexpr std::int64_t kHeads = 2, kFeatures = 16;
  // A few weights, computed at once, and more than fit, a text at a time.
  for (const bool few : {true, false}) {
    const std::int64_t texts = few ? 3 : 2, time = few ? 20 : 520;
    ASSERT_EQ(texts * kHeads * time * time <= kFewWeights, few);
    torch::manual_seed(9);
    const auto parts = torch::randn({texts, time, 3 * kFeatures});
    const auto weights = torch::randn({texts, time, kFeatures});
    for (const double share : {0.0, 0.3}) {
      const Drops drops{share, 77};
      const auto factors = drop(torch::ones({texts, kHeads, time, time}), drops);
      const auto run = [&](bool fast) {
        const auto leaf = parts.clone().requires_grad_();
        torch::Tensor mixed;
        if (fast) {
          mixed = attend_dropping(leaf, kHeads, drops);
        } else {
          const auto apart = leaf.chunk(3, -1);
          const auto scores = attention_scores(split_heads(apart[0], kHeads), split_heads(apart[1], kHeads));
          const auto looks = attention_weights(scores, causal_mask(time, time)) * factors;
          mixed = merge_heads(torch::matmul(looks, split_heads(apart[2], kHeads)));
        }
        (mixed * weights).sum().backward();
        return std::pair{mixed.detach(), leaf.grad()};
      };
      const auto [clear, clear_gradient] = run(false);
      const auto [fast, fast_gradient] = run(true);
      EXPECT_GT(clear_gradient.abs().max().item<double>(), 1.0) << "too flat to show a difference";
      // Sums of up to 520 products of numbers near 1, in float32, in another order.
      EXPECT_LE((clear - fast).abs().max().item<double>(), 1e-5) << share;
      EXPECT_LE((clear_gradient - fast_gradient).abs().max().item<double>(), 5e-5) << share;
    }
  }
}

TEST(HalfProducts, AreThoseOfNumbersRoundedToBfloat16) {
  torch::manual_seed(12);
  LinearProjection projection(64, 96);
  const auto rounded = [](const torch::Tensor& x) { return x.to(torch::kBFloat16).to(torch::kFloat32); };
  const auto weight = torch::randn({96, 64}), bias = torch::randn({96}), x = torch::randn({50, 64}),
             gradient = torch::randn({50, 96});
  projection.weight.set_data(weight);
  projection.bias.set_data(bias);
  const auto run = [&](bool half) {
    const auto leaf = x.clone().requires_grad_();
    projection.zero_grad();
    torch::Tensor y;
    {
      const HalfProducts products(half);
      y = project(projection, leaf);
    }
    y.backward(gradient);
    return std::vector{y.detach(), leaf.grad(), projection.weight.grad(), projection.bias.grad()};
  };
  const auto got = run(true), exact = run(false);
  const std::vector expected{torch::mm(rounded(x), rounded(weight).t()) + bias,
                             torch::mm(rounded(gradient), rounded(weight)),
                             torch::mm(rounded(gradient).t(), rounded(x)), gradient.sum(0)};
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i].scalar_type(), torch::kFloat32);
    // The result is rounded once more: half a step of bfloat16 is a 256th.
    const double size = expected[i].abs().max().item<double>();
    EXPECT_LE((got[i] - expected[i]).abs().max().item<double>(), size / 256 + 1e-5) << i;
    const double apart = ((got[i] - exact[i]).norm() / exact[i].norm()).item<double>();
    EXPECT_LE(apart, 1e-2) << i;
    EXPECT_EQ(apart == 0, i == 3) << "nothing was rounded: " << i;
  }
}

TEST(HalfProducts, ReachAttentionOfFewWeightsAndOfMany) {
  GPTOptions options;
  options.vocabulary_size = 11;
  options.context = 64;
  options.layers = 1;
  options.heads = 4;
  options.width = 16;
  options.fused = true;
  torch::manual_seed(14);
  GPT fast = fast_gpt(options);
  auto& block = fast->blocks->at<BlockImpl>(0);
  // An MLP that adds nothing, so that attention's products are all there is to round.
  for (const auto& parameter : block.mlp->contract->parameters()) parameter.detach().zero_();
  constexpr std::int64_t kMany = 65;
  ASSERT_GT(kMany * options.heads * options.context * options.context, kFewWeights);
  for (const std::int64_t texts : {std::int64_t{4}, kMany}) {
    const auto tokens = torch::randint(11, {texts, options.context}, torch::kInt64);
    const auto run = [&](bool half) {
      fast->zero_grad();
      torch::Tensor logits;
      {
        const HalfProducts products(half);
        logits = fast->forward(tokens);
      }
      torch::log_softmax(logits, -1).select(-1, 0).sum().backward();
      std::vector result{logits.detach()};
      for (const auto& projection : {block.attention->query_key_value, block.attention->output}) {
        for (const auto& parameter : projection->parameters()) result.push_back(parameter.grad());
      }
      return result;
    };
    const auto exact = run(false), half = run(true);
    ASSERT_EQ(half.size(), 5U);
    for (std::size_t i = 0; i < half.size(); ++i) {
      const double apart = ((half[i] - exact[i]).norm() / exact[i].norm()).item<double>();
      EXPECT_LE(apart, 1e-2) << texts << " texts, " << i;
      // The gradients of the output's bias are sums of float32 that only what comes after can change.
      EXPECT_GT(apart, i == 4 ? 0 : 1e-5) << "nothing was rounded: " << texts << " texts, " << i;
    }
  }
}

TEST(HalfProducts, TrainAsFloat32Does) {
  const auto losses = [](bool half) {
    const GPTOptions options = small_model(true)->options;
    torch::manual_seed(13);
    GPT fast = fast_gpt(options);
    const auto optimizer = make_adamw(fast->parameters(), {});
    Random random(5);
    StepSettings settings;
    settings.batch_size = 8;
    settings.context = 8;
    settings.bfloat16 = half;
    TrainingStep step(fast, *optimizer, text(), settings, random);
    std::vector<double> all;
    for (int i = 0; i < 70; ++i) all.push_back(step.take(i, 3e-3).loss.item<double>());
    return all;
  };
  const auto exact = losses(false), half = losses(true);
  EXPECT_NE(exact.back(), half.back());
  EXPECT_LT(exact.back(), 0.75 * exact.front()) << "it learns";
  for (std::size_t i = 0; i < exact.size(); ++i) EXPECT_NEAR(half[i], exact[i], 0.05) << "step " << i;
}

TEST(FastGPT, DropsInTrainingAndOnlyThere) {
  GPTOptions options;
  options.vocabulary_size = 11;
  options.context = 300;
  options.layers = 2;
  options.heads = 4;
  options.width = 16;
  options.fused = true;
  options.dropout = 0.5;
  torch::manual_seed(3);
  GPT fast = fast_gpt(options);
  // So many that threads share them, in attention too.
  const auto tokens = torch::randint(11, {4, 300}, torch::kInt64);
  ASSERT_GT(4 * 4 * 300 * 300, kFewWeights);
  const int threads = torch::get_num_threads();
  const auto after_seed = [&](std::uint64_t seed) {
    torch::manual_seed(seed);
    return fast->forward(tokens).detach();
  };
  fast->train();
  const auto one = after_seed(1);
  EXPECT_FALSE(torch::equal(after_seed(2), one));
  torch::set_num_threads(threads == 1 ? 2 : 1);
  // Other drops would show: logits are some tenths. Products may be added up in another order.
  EXPECT_GT((after_seed(2) - one).abs().max().item<double>(), 0.01);
  EXPECT_LE((after_seed(1) - one).abs().max().item<double>(), 1e-5) << "the same drops on another number of threads";
  torch::set_num_threads(threads);
  fast->eval();
  EXPECT_TRUE(torch::equal(after_seed(2), after_seed(1)));
}

TEST(FastGelu, EqualsTheClearForm) {
  // From where it is 0 to where it is x, and beyond what an exponential holds.
  const auto x = torch::cat({torch::linspace(-8, 8, 1601), torch::tensor({-100.0F, 100.0F, 0.0F})}).requires_grad_();
  const auto y = x.detach().clone().requires_grad_();
  const auto weights = torch::linspace(1, 2, x.size(0));
  const auto clear = gelu_tanh(x), fast = fast_gelu_tanh(y);
  (clear * weights).sum().backward();
  (fast * weights).sum().backward();
  // float32: seven digits of values up to 100.
  EXPECT_LE((clear - fast).abs().max().item<double>(), 2e-6);
  EXPECT_LE((x.grad() - y.grad()).abs().max().item<double>(), 1e-5);
}

TEST(RunFolder, KeepsARunWhoseLossIsNoNumber) {
  const TemporaryFolder folder;
  RunState state;
  state.identity.recipe = recipe_named("speedrun");
  state.identity.recipe.without = {Part::muon};
  state.progress.row_loss = std::numeric_limits<double>::quiet_NaN();
  state.tensors = {{"random", torch::arange(4)}};
  RunFolder::create(folder / "run").save_state(state);
  const RunState loaded = RunFolder::open(folder / "run").load_state();
  EXPECT_EQ(loaded.progress.row_loss, 0.0);
  EXPECT_EQ(to_json(loaded.identity.recipe), to_json(state.identity.recipe));
}

}  // namespace
}  // namespace verse
