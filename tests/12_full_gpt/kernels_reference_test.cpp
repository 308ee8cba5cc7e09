/// The kernels of a training step, run on a processor as a card would run them: each against the same part in
/// LibTorch's operations, in float32 and in bfloat16; then a whole step.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "12_full_gpt/given/gpu/cuda_kernels.h"
#include "12_full_gpt/given/gpu/hand_step.h"
#include "12_full_gpt/given/model/fast_gpt.h"
#include "tests/12_full_gpt/emulated_training.h"

namespace verse {
namespace {

constexpr std::int64_t kWidth = 256, kContext = 12, kBatch = 5, kRows = kBatch * kContext, kVocabulary = 65;

const EmulatedKernels& emulated(bool floats) {
  return floats ? emulated_float_kernels() : emulated_half_kernels();
}

class Kernels : public ::testing::TestWithParam<bool> {
 protected:
  static void TearDownTestSuite() {
    for (const auto& [name, kernel] : emulated_float_kernels()) {
      EXPECT_TRUE(EmulatedLauncher::used.contains(name)) << "no test runs " << name;
    }
  }

  bool floats() const { return GetParam(); }
  torch::ScalarType type() const { return floats() ? torch::kFloat32 : torch::kBFloat16; }
  /// Of results that went through one rounding: bfloat16 has 8 digits of 2.
  double tolerance() const { return floats() ? 2e-6 : 1.0 / 128; }

  torch::Tensor drawn(torch::IntArrayRef shape) { return torch::randn(shape).to(type()); }
  torch::Tensor room(torch::IntArrayRef shape) {
    return torch::full(shape, std::numeric_limits<float>::quiet_NaN(), torch::dtype(type()));
  }
  torch::Tensor float_room(torch::IntArrayRef shape) { return torch::full(shape, std::nanf("")); }

  std::unique_ptr<CudaKernels> own() const {
    KernelChoices choices;
    choices.numbers = choices.stream = type();
    return std::make_unique<CudaKernels>(std::make_unique<EmulatedLauncher>(emulated(floats())), kWidth, choices);
  }

  Norm norm() {
    return {1 + 0.1 * torch::randn({kWidth}), torch::randn({kWidth}), float_room({kRows}), float_room({kRows})};
  }
  Norm same_norm(const Norm& other) { return {other.gain, other.bias, float_room({kRows}), float_room({kRows})}; }

  void expect_close(const torch::Tensor& got, const torch::Tensor& expected, const char* what, double factor = 1) {
    const auto exact = expected.to(torch::kFloat64);
    const double apart = (got.to(torch::kFloat64) - exact).abs().max().item<double>();
    EXPECT_LE(apart, factor * tolerance() * exact.abs().max().item<double>()) << what;  // false for NaN too
  }

  const Dropping dropping{torch::full({1}, 987654321987654321L, torch::kInt64), 0.3};
  const Windows windows{torch::arange(300).square().remainder(kVocabulary), torch::tensor({0L, 7L, 100L, 50L, 280L}),
                        kContext};
  PlainKernels plain;
};

INSTANTIATE_TEST_SUITE_P(OfNumbers, Kernels, ::testing::Values(true, false),
                         [](const auto& given) { return given.param ? "Float32" : "Bfloat16"; });

TEST_P(Kernels, EmbedNorm) {
  torch::manual_seed(1);
  const auto tokens = torch::randn({128, kWidth}), places = torch::randn({kContext, kWidth});
  const Norm one = norm(), other = same_norm(one);
  const auto x = room({kRows, kWidth}), y = room({kRows, kWidth}), hot = room({kRows, 128});
  const auto x2 = room({kRows, kWidth}), y2 = room({kRows, kWidth}), hot2 = room({kRows, 128});
  own()->embed_norm(windows, tokens, places, one, dropping, x, y, hot);
  plain.embed_norm(windows, tokens, places, other, dropping, x2, y2, hot2);
  expect_close(x, x2, "x");
  expect_close(y, y2, "y");
  expect_close(hot, hot2, "one-hot");
  expect_close(one.means, other.means, "means");
  expect_close(one.scales, other.scales, "scales");
}

TEST_P(Kernels, AddNorm) {
  torch::manual_seed(2);
  const auto x = drawn({kRows, kWidth}), branch = drawn({kRows, kWidth}), shift = torch::randn({kWidth});
  const Norm one = norm(), other = same_norm(one);
  const auto sum = room({kRows, kWidth}), y = room({kRows, kWidth});
  const auto sum2 = room({kRows, kWidth}), y2 = room({kRows, kWidth});
  own()->add_norm(x, branch, shift, one, dropping, 5, sum, y);
  plain.add_norm(x, branch, shift, other, dropping, 5, sum2, y2);
  expect_close(sum, sum2, "sum");
  expect_close(y, y2, "y");
  expect_close(one.means, other.means, "means");
  expect_close(one.scales, other.scales, "scales");
}

TEST_P(Kernels, DropByPlacesOf64Bits) {
  EmulatedLauncher launcher(emulated(floats()));
  constexpr std::int64_t kNumbers = 300;
  // The kernels for numbers of 16 bits are those for places of 32.
  const std::vector<std::int64_t> begins = floats() ? std::vector<std::int64_t>{0, (1L << 32) - 150, (5L << 32) - 150}
                                                    : std::vector<std::int64_t>{0, (1L << 32) - kNumbers};
  for (const std::int64_t begin : begins) {
    // Forth and back, so that threads cross the border both ways.
    const auto forth = torch::arange(begin, begin + kNumbers), places = torch::cat({forth, forth.flip(0)});
    const auto factors = float_room({2 * kNumbers});
    void *seed = dropping.seed.data_ptr(), *from = places.data_ptr(), *to = factors.data_ptr();
    int site = 3, dropped = static_cast<int>(dropping.share * (1 << 24)), count = 2 * kNumbers;
    auto scale = static_cast<float>(1 / (1 - dropping.share));
    void* arguments[] = {&seed, &site, &dropped, &scale, &from, &to, &count};
    launcher.launch("drop_at", {1, 1, 1}, {64, 1, 1}, 0, arguments, false);
    const auto expected = drop_factors(dropping, site, {kNumbers}, begin);
    EXPECT_LE((factors - torch::cat({expected, expected.flip(0)})).abs().max().item<double>(), 1e-6) << begin;
  }
}

TEST(CudaKernels, AreCompiledForTheirNumberOfPlaces) {
  GPTOptions options;
  options.context = 256;
  options.heads = 6;
  options.width = 384;
  constexpr std::int64_t kFit = (1L << 32) / (6 * 256 * 256);
  EXPECT_FALSE(CudaKernels::many_places(options, kFit));
  EXPECT_TRUE(CudaKernels::many_places(options, kFit + 1));
}

TEST_P(Kernels, NormBackward) {
  torch::manual_seed(3);
  const auto to_y = drawn({kRows, kWidth}), x = drawn({kRows, kWidth}), branch = drawn({kRows, kWidth});
  Norm one = norm();
  plain.add_norm(x, branch, torch::zeros({kWidth}), one, {dropping.seed, 0}, 0, room({kRows, kWidth}),
                 room({kRows, kWidth}));
  for (const bool top : {true, false}) {
    const auto along = top ? torch::Tensor() : drawn({kRows, kWidth});
    const auto run = [&](StepKernels& kernels) {
      std::vector<torch::Tensor> result{room({kRows, kWidth}), room({kRows, kWidth}), float_room({kWidth}),
                                        float_room({kWidth}), float_room({kWidth})};
      kernels.norm_backward(to_y, x, one, along, dropping, 9, result[0], result[1], result[2], result[3], result[4]);
      kernels.finish_sums();
      return result;
    };
    const auto got = run(*own()), expected = run(plain);
    for (std::size_t i = 0; i < got.size(); ++i) expect_close(got[i], expected[i], std::to_string(i).c_str(), 2);
  }
}

TEST_P(Kernels, GeluBothWays) {
  torch::manual_seed(4);
  const std::int64_t columns = 4 * kWidth;
  Product there;
  there.a = drawn({kRows, kWidth});
  there.b = (0.2 * torch::randn({columns, kWidth})).to(type());
  there.b_turned = true;
  there.bias = drawn({columns});
  there.finish = Finish::bias_and_gelu;
  Product back;
  back.a = drawn({kRows, kWidth});
  back.b = drawn({kWidth, columns});
  back.finish = Finish::gelu_backward;
  const auto run = [&](StepKernels& kernels) {
    there.out = room({kRows, columns});
    there.kept = room({kRows, columns});
    kernels.multiply(there);
    back.kept = there.kept;
    back.out = room({kRows, columns});
    back.to_bias = float_room({columns});
    kernels.multiply(back);
    kernels.finish_sums();
    return std::vector{there.kept, there.out, back.out, back.to_bias};
  };
  const auto got = run(*own()), expected = run(plain);
  for (std::size_t i = 0; i < got.size(); ++i) expect_close(got[i], expected[i], std::to_string(i).c_str(), 2);
}

TEST_P(Kernels, CrossEntropy) {
  torch::manual_seed(5);
  const auto logits = drawn({kRows, 128}).mul_(3);
  const auto run = [&](StepKernels& kernels) {
    std::vector result{room({kRows, 128}), float_room({})};
    kernels.cross_entropy(logits, windows, kVocabulary, result[0], result[1]);
    kernels.finish_sums();
    return result;
  };
  const auto got = run(*own()), expected = run(plain);
  expect_close(got[0], expected[0], "gradient");
  EXPECT_NEAR(got[1].item<double>(), expected[1].item<double>(), 1e-5);
}

TEST_P(Kernels, PositionBackward) {
  torch::manual_seed(6);
  const auto to_x = drawn({kRows, kWidth}), got = float_room({kContext, kWidth}), expected = got.clone();
  own()->position_backward(to_x, kBatch, got);
  plain.position_backward(to_x, kBatch, expected);
  EXPECT_LE((got - expected).abs().max().item<double>(), 1e-5);
}

TEST_P(Kernels, JoinParts) {
  torch::manual_seed(7);
  std::vector<torch::Tensor> parts;
  for (int i = 0; i < 3; ++i) parts.push_back(drawn({kRows, kWidth}));
  EmulatedLauncher launcher(emulated(floats()));
  const auto joined = room({kRows, 3 * kWidth}), sums = float_room({2, 3 * kWidth});
  void *q = parts[0].data_ptr(), *k = parts[1].data_ptr(), *v = parts[2].data_ptr(), *to = joined.data_ptr(),
       *to_sums = sums.data_ptr();
  int rows = kRows;
  void* arguments[] = {&q, &k, &v, &to, &to_sums, &rows};
  launcher.launch("join_parts", {2, 3, 1}, {256, 1, 1}, 0, arguments, false);
  const auto expected = torch::cat(parts, 1);
  EXPECT_TRUE(torch::equal(joined, expected));
  EXPECT_LE((sums.sum(0) - expected.to(torch::kFloat32).sum(0)).abs().max().item<double>(), 1e-4);
}

TEST_P(Kernels, AdamW) {
  torch::manual_seed(8);
  constexpr std::int64_t kCount = 4096, kDecaying = 2560;
  StepKernels::Update update;
  update.decaying = kDecaying;
  update.beta1 = 0.9;
  update.beta2 = 0.99;
  update.epsilon = 1e-8;
  update.decay = 0.1;
  update.learning_rate = torch::full({}, 0.01F);
  update.step_number = torch::full({}, 3.0F);
  update.gradients = torch::randn({kCount});
  const auto parameters = torch::randn({kCount}), first = 0.1 * torch::randn({kCount}), second = torch::rand({kCount});
  for (const double limit : {1.0, std::numeric_limits<double>::infinity()}) {
    update.limit = limit;
    const auto run = [&](StepKernels& kernels) {
      update.parameters = parameters.clone();
      update.first = first.clone();
      update.second = second.clone();
      update.copies = room({kCount});
      update.norm = float_room({});
      kernels.adamw(update);
      return std::vector{update.parameters, update.first, update.second, update.norm, update.copies};
    };
    const auto got = run(*own()), expected = run(plain);
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_LE((got[i] - expected[i]).abs().max().item<double>(), 2e-5 * expected[i].abs().max().item<double>()) << i;
    }
    expect_close(got[4], expected[4], "copies");
  }
}

TEST_P(Kernels, MakeAWholeStep) {
  GPTOptions options;
  options.vocabulary_size = kVocabulary;
  options.context = kContext;
  options.layers = 1;
  options.heads = 2;
  options.width = kWidth;
  options.fused = true;
  options.dropout = 0.2;
  const auto run = [&](std::unique_ptr<StepKernels> kernels) {
    torch::manual_seed(9);
    GPT model = fast_gpt(options);
    FlatAdamW optimizer(model->parameters(), {});
    HandSettings settings;
    settings.batch_size = kBatch;
    settings.context = kContext;
    settings.numbers = settings.stream = type();
    HandStep step(model, optimizer, windows.tokens, settings, std::move(kernels));
    auto loss = torch::zeros({});
    torch::manual_seed(10);
    step.take_gradients(windows.starts, loss);
    return std::pair{loss.item<double>(), optimizer.flat_gradients};
  };
  const auto got = run(own()), expected = run(std::make_unique<PlainKernels>());
  EXPECT_NEAR(got.first, expected.first, floats() ? 1e-5 : 2e-3);
  const double apart = ((got.second - expected.second).norm() / expected.second.norm()).item<double>();
  EXPECT_LE(apart, floats() ? 1e-5 : 2e-2) << "gradients, all together";
}

TEST(AttentionKernels, EqualTheClearForm) {
  constexpr std::int64_t kTexts = 2, kTime = 160, kHeads = 2, kWide = 128;
  KernelChoices choices;
  choices.own_attention = true;
  PlainKernels plain;
  torch::manual_seed(11);
  const auto half = [](torch::IntArrayRef shape) { return torch::randn(shape).to(torch::kBFloat16); };
  const auto parts = half({kTexts * kTime, 3 * kWide}), to_mixed = half({kTexts * kTime, kWide});
  for (const double share : {0.0, 0.25}) {
    // Sums go on being written to where they went before, so new tensors want new kernels.
    CudaKernels own(std::make_unique<EmulatedLauncher>(emulated_attention_kernels()), kWide, choices);
    const Dropping dropping{torch::full({1}, 1234567890123456789L, torch::kInt64), share};
    const auto run = [&](StepKernels& kernels) {
      const auto mixed = kernels.attend(0, parts, kTexts, kHeads, dropping, 4);
      const auto to_parts = torch::full_like(parts, std::nan("")), to_bias = torch::full({3 * kWide}, std::nanf(""));
      kernels.attend_backward(0, to_mixed, parts, mixed, kTexts, kHeads, dropping, 4, to_parts, to_bias);
      kernels.finish_sums();
      return std::vector{mixed, to_parts, to_bias};
    };
    const auto got = run(own), expected = run(plain);
    for (std::size_t i = 0; i < got.size(); ++i) {
      // bfloat16 has 8 digits of 2, and weights and their gradients are rounded on the way.
      const auto exact = expected[i].to(torch::kFloat64);
      EXPECT_LE(((got[i].to(torch::kFloat64) - exact).norm() / exact.norm()).item<double>(), 8e-3) << i << " " << share;
    }
  }
}

}  // namespace
}  // namespace verse
