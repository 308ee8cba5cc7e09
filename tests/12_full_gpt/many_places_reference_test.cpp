/// The kernels of a training step that drop numbers, in the middle of a tensor that has more than 2^32 of them. Of that
/// tensor there are only the rows that the kernels meet: pointers are moved back by what would lie before.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "03_attention/attention.h"
#include "12_full_gpt/given/gpu/step_kernels.h"
#include "tests/12_full_gpt/emulated_training.h"

namespace verse {
namespace {

constexpr std::int64_t kPlacesOf32Bits = std::int64_t{1} << 32;
constexpr unsigned kThreads = 256;

/// Where a tensor would begin that has so many numbers before this one's.
void* after(std::int64_t numbers, const torch::Tensor& tensor) {
  const auto bytes = static_cast<std::intptr_t>(numbers) * tensor.element_size();
  return reinterpret_cast<void*>(reinterpret_cast<std::intptr_t>(tensor.data_ptr()) - bytes);
}

/// Runs two blocks of a larger grid.
template <typename... Arguments>
void launch_two(const EmulatedKernels& kernels, const char* kernel, std::int64_t first_block, std::int64_t shared,
                Arguments... arguments) {
  void* list[] = {&arguments...};
  begin_emulated_blocks_at(static_cast<unsigned>(first_block));
  EmulatedLauncher(kernels).launch(kernel, {2, 1, 1}, {kThreads, 1, 1}, static_cast<unsigned>(shared), list, false);
  begin_emulated_blocks_at(0);
}

/// What all these kernels are given: a seed, how many fates are drops, what is kept times how much.
struct Given {
  Dropping dropping{torch::full({1}, 987654321987654321L, torch::kInt64), 0.3};
  void* seed = dropping.seed.data_ptr();
  int dropped = static_cast<int>(dropping.share * (1 << 24));
  float scale = static_cast<float>(1 / (1 - dropping.share));
};

/// Two blocks of eight rows, one on each side of the border.
class NormKernels : public ::testing::Test, protected Given {
 protected:
  static constexpr std::int64_t kWidth = 256, kRowsOfBlock = 8, kHere = 2 * kRowsOfBlock,
                                kBefore = kPlacesOf32Bits / kWidth - kRowsOfBlock;
  static constexpr std::int64_t kFirstBlock = kBefore / kRowsOfBlock;

  static torch::Tensor drawn() { return torch::randn({kHere, kWidth}); }
  static void* rows(const torch::Tensor& tensor) { return after(kBefore * tensor.size(1), tensor); }
  torch::Tensor factors(int site) const { return drop_factors(dropping, site, {kHere, kWidth}, kBefore * kWidth); }
  static void expect_close(const torch::Tensor& got, const torch::Tensor& expected) {
    EXPECT_LE((got - expected).abs().max().item<double>(), 1e-5);  // false for NaN too
  }

  const int end = kBefore + kHere;
  const torch::Tensor ones = torch::ones({kWidth}), zeros = torch::zeros({kWidth}), means = torch::zeros({kHere}),
                      scales = torch::ones({kHere}), to = torch::zeros({kHere, kWidth}),
                      y = torch::zeros({kHere, kWidth});
  void *gain = ones.data_ptr(), *bias = zeros.data_ptr(), *to_means = after(kBefore, means),
       *to_scales = after(kBefore, scales);
};

TEST_F(NormKernels, AddNormCountsPlacesIn64Bits) {
  torch::manual_seed(12);
  constexpr int kSite = 5;
  const auto x = drawn(), branch = drawn();
  launch_two(emulated_float_kernels(), "add_norm", kFirstBlock, 0, rows(x), rows(branch), bias, gain, bias, seed, kSite,
             dropped, scale, rows(to), rows(y), to_means, to_scales, end);
  expect_close(to, x + branch * factors(kSite));
}

TEST_F(NormKernels, EmbedNormCountsPlacesIn64Bits) {
  torch::manual_seed(13);
  constexpr std::int64_t kTime = 4, kTokens = 32;
  static_assert(kBefore % kTime == 0);
  const auto tokens = torch::randint(kTokens, {50}, torch::kInt64);
  const auto starts = torch::tensor({0L, 7L, 40L, 21L});
  const auto table = torch::randn({kTokens, kWidth}), places = torch::randn({kTime, kWidth}),
             hot = torch::zeros({kHere, kTokens});
  launch_two(emulated_float_kernels(), "embed_norm", kFirstBlock, 0, tokens.data_ptr(), after(kBefore / kTime, starts),
             table.data_ptr(), places.data_ptr(), gain, bias, seed, dropped, scale, rows(to), rows(y), to_means,
             to_scales, rows(hot), static_cast<int>(kTokens), static_cast<int>(kTime), end);
  const auto inputs = tokens.unfold(0, kTime, 1).index_select(0, starts);
  expect_close(to, (table.index({inputs}) + places).view({kHere, kWidth}) * factors(0));
}

TEST_F(NormKernels, NormBackwardCountsPlacesIn64Bits) {
  torch::manual_seed(14);
  constexpr int kSite = 9;
  const auto to_y = drawn(), x = drawn(), along = drawn(), to_branch = torch::zeros({kHere, kWidth}),
             sums = torch::zeros({2, 3, kWidth});
  launch_two(emulated_float_kernels(), "norm_backward", kFirstBlock, 0, rows(to_y), rows(x), to_means, to_scales, gain,
             rows(along), seed, kSite, dropped, scale, rows(to), rows(to_branch), after(kFirstBlock * 3 * kWidth, sums),
             end);
  const auto product = (to_y * x).mean(-1, true);  // of means of 0 and scales of 1
  const auto gradient = along + to_y - to_y.mean(-1, true) - x * product;
  expect_close(to, gradient);
  expect_close(to_branch, gradient * factors(kSite));
  expect_close(sums.sum(0)[2], (gradient * factors(kSite)).sum(0));
}

TEST(AttentionKernels, CountTheirWeightsPlacesIn64Bits) {
  // A text whose first head has the border in the middle of its weights.
  constexpr std::int64_t kTime = 160, kHeads = 2, kWide = 128, kBlock = kPlacesOf32Bits / (kTime * kTime),
                         kText = kBlock / kHeads, kHeadBytes = 2 * 64;
  static_assert(kBlock % kHeads == 0 && kPlacesOf32Bits % (kTime * kTime) != 0);
  constexpr int kSite = 4;
  const Given given;
  torch::manual_seed(15);
  const auto half = torch::dtype(torch::kBFloat16);
  const auto parts = torch::randn({kTime, 3 * kWide}).to(torch::kBFloat16),
             to_mixed = torch::randn({kTime, kWide}).to(torch::kBFloat16);
  const auto mixed = torch::zeros({kTime, kWide}, half), to_parts = torch::zeros({kTime, 3 * kWide}, half),
             logs = torch::zeros({kHeads, kTime}), sums = torch::zeros({3 * kWide});
  const auto rows = [](const torch::Tensor& tensor) { return after(kText * kTime * tensor.size(1), tensor); };
  void* to_logs = after(kBlock * kTime, logs);
  const auto& kernels = emulated_attention_kernels();
  launch_two(kernels, "attend", kBlock, 2 * kTime * kHeadBytes, rows(parts), given.seed, kSite, given.dropped,
             given.scale, rows(mixed), to_logs);
  launch_two(kernels, "attend_backward", kBlock, kTime * (4 * kHeadBytes + 2 * 32 * 2 + 2 * 4), rows(to_mixed),
             rows(parts), rows(mixed), to_logs, given.seed, kSite, given.dropped, given.scale, rows(to_parts),
             after(kText * 3 * kWide, sums));

  const auto leaf = parts.to(torch::kFloat32).requires_grad_();
  const auto thirds = leaf.unsqueeze(0).chunk(3, -1);
  const auto query = split_heads(thirds[0], kHeads), key = split_heads(thirds[1], kHeads),
             value = split_heads(thirds[2], kHeads);
  const auto weights = attention_weights(attention_scores(query, key), causal_mask(kTime, kTime));
  const auto factors = drop_factors(given.dropping, kSite, weights.sizes(), kBlock * kTime * kTime);
  const auto expected = merge_heads(torch::matmul(weights * factors, value)).squeeze(0);
  expected.backward(to_mixed.to(torch::kFloat32));
  const std::vector got{mixed, to_parts, sums}, exact{expected.detach(), leaf.grad(), leaf.grad().sum(0)};
  for (std::size_t i = 0; i < got.size(); ++i) {
    // As where the kernels are held to the clear form: bfloat16 has 8 digits of 2.
    const double apart = ((got[i].to(torch::kFloat32) - exact[i]).norm() / exact[i].norm()).item<double>();
    EXPECT_LE(apart, 8e-3) << i;
  }
}

}  // namespace
}  // namespace verse
