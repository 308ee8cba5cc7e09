/// Generation at speed against the clear forms of chapter 7.

#include "12_full_gpt/given/sampling/generation.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <memory>
#include <stdexcept>
#include <vector>

#include "01_tokenizer/tokenizer.h"
#include "10_subwords/given/character_codec.h"
#include "12_full_gpt/given/commands/generate.h"
#include "12_full_gpt/given/cpu/row_product.h"
#include "common/base/error.h"
#include "common/projection.h"

namespace verse {
namespace {

using Tokens = std::vector<std::int64_t>;

/// A model whose logits are far apart, as a trained one's are: every parameter counts, biases and gains too.
GPT decided_model(bool fused = true, bool exact_gelu = false, std::int64_t context = 16) {
  GPTOptions options;
  options.vocabulary_size = 13;
  options.context = context;
  options.layers = 3;
  options.heads = 2;
  options.width = 24;
  options.fused = fused;
  options.exact_gelu = exact_gelu;
  torch::manual_seed(17);
  GPT model(options);
  const torch::NoGradGuard no_gradients;
  for (auto& parameter : model->parameters()) parameter.add_(torch::randn_like(parameter) * 0.3);
  model->eval();
  return model;
}

torch::Tensor some_tokens(std::int64_t batch, std::int64_t time) {
  torch::manual_seed(5);
  return torch::randint(13, {batch, time}, torch::kInt64);
}

/// float32 through three blocks of 24 features, sums in another order: some 1e-7 of the largest logit an operation.
void expect_near(const torch::Tensor& got, const torch::Tensor& expected, const char* what) {
  ASSERT_EQ(got.sizes(), expected.sizes()) << what;
  const double scale = expected.abs().max().item<double>();
  EXPECT_GE(scale, 1.0) << "too flat to show a difference";
  EXPECT_LE((got - expected).abs().max().item<double>(), 1e-5 * scale) << what;
}

TEST(BlockCache, ReturnsWhatAGrowingCacheReturns) {
  GrowingCache growing;
  BlockCache block(torch::full({2, 3, 10, 4}, NAN), torch::full({2, 3, 10, 4}, NAN));
  const void* memory = nullptr;
  for (const std::int64_t time : {4, 1, 1, 3, 1}) {
    const auto key = torch::randn({2, 3, time, 4}), value = torch::randn({2, 3, time, 4});
    const auto [keys, values] = growing.append(key, value);
    const auto [block_keys, block_values] = block.append(key, value);
    EXPECT_TRUE(torch::equal(block_keys, keys));
    EXPECT_TRUE(torch::equal(block_values, values));
    EXPECT_EQ(block.length(), growing.length());
    if (memory != nullptr) EXPECT_EQ(block_keys.data_ptr(), memory) << "what was kept was copied";
    memory = block_keys.data_ptr();
  }
  EXPECT_THROW(block.append(torch::zeros({2, 3, 1, 4}), torch::zeros({2, 3, 1, 4})), std::length_error);
  block.clear();
  EXPECT_EQ(block.length(), 0);
  const auto key = torch::randn({2, 3, 2, 4});
  EXPECT_TRUE(torch::equal(block.append(key, key).first, key));
}

TEST(ProjectRows, EqualsLinear) {
  // Sums of up to 1,537 products of numbers near 1, in another order; counts that no power of 2 divides.
  for (const std::int64_t inputs : {1, 31, 32, 100, 1537}) {
    for (const std::int64_t outputs : {1, 7, 300}) {
      for (const std::int64_t rows : {std::int64_t{1}, std::int64_t{3}, kFewRows, kFewRows + 1}) {
        torch::manual_seed(static_cast<std::uint64_t>(inputs + outputs + rows));
        const auto x = torch::randn({rows, inputs}), weight = torch::randn({outputs, inputs}),
                   bias = torch::randn({outputs});
        const torch::NoGradGuard no_gradients;
        const auto exact = torch::linear(x.to(torch::kFloat64), weight.to(torch::kFloat64), bias.to(torch::kFloat64));
        const double tolerance = 1e-6 * static_cast<double>(inputs + 1);
        const auto off = [&](const torch::Tensor& got) { return (got - exact).abs().max().item<double>(); };
        EXPECT_EQ(project_rows(x, weight, bias).scalar_type(), torch::kFloat32);
        EXPECT_LE(off(project_rows(x, weight, bias)), tolerance) << inputs << " to " << outputs << ", rows " << rows;
        EXPECT_LE(off(project_rows(x, weight) + bias), tolerance) << "without a bias";
        const auto across = weight.t().contiguous().t();  // the same matrix, lying the other way
        EXPECT_LE(off(project_rows(x, across, bias)), tolerance) << "a matrix that does not lie row by row";
      }
    }
  }
  const auto x = torch::randn({2, 8}, torch::kFloat64), weight = torch::randn({3, 8}, torch::kFloat64);
  EXPECT_TRUE(torch::equal(project_rows(x, weight), torch::linear(x, weight))) << "other numbers are LibTorch's";
}

TEST(ProjectRows, LeavesGradientsToLinear) {
  const auto x = torch::randn({1, 40}), weight = torch::randn({3, 40}).requires_grad_();
  project_rows(x, weight).sum().backward();
  ASSERT_TRUE(weight.grad().defined());
  EXPECT_TRUE(torch::allclose(weight.grad(), x.expand({3, 40})));
}

TEST(ProjectRows, HasTheSameBitsOnAnyNumberOfThreads) {
  const torch::NoGradGuard no_gradients;
  torch::manual_seed(8);
  const auto x = torch::randn({2, 384}), weight = torch::randn({1536, 384}), bias = torch::randn({1536});
  const int threads = torch::get_num_threads();
  torch::set_num_threads(1);
  const auto one = project_rows(x, weight, bias);
  for (const int several : {2, 3}) {
    torch::set_num_threads(several);
    EXPECT_TRUE(torch::equal(project_rows(x, weight, bias), one)) << several;
  }
  torch::set_num_threads(threads);
}

TEST(BlockCache, LiesInOneBlock) {
  GPT model = decided_model();
  const auto cache = make_block_cache(*model, 2);
  ASSERT_EQ(cache.size(), 3U);
  const auto place = [&cache](std::size_t layer) {
    const auto one = torch::zeros({2, 2, 1, 12});
    return static_cast<const float*>(cache[layer]->append(one, one).first.data_ptr());
  };
  const auto* first = place(0);
  EXPECT_EQ(place(1) - first, 2 * 2 * 2 * 16 * 12);  // keys and values, batch, heads, context, head width
}

TEST(Decoder, EqualsTheForwardPass) {
  for (const bool fused : {true, false}) {
    for (const bool exact : {true, false}) {
      for (const std::int64_t batch : {1, 3}) {
        GPT model = decided_model(fused, exact);
        const auto tokens = some_tokens(batch, 16);
        const torch::NoGradGuard no_gradients;
        const auto expected = model->forward(tokens);  // [batch, 16, vocabulary]
        for (const bool same_each_time : {false, true}) {
          Decoder decoder(model, batch, same_each_time);
          for (int round = 0; round < 2; ++round) {
            expect_near(decoder.read(tokens.narrow(1, 0, 5)), expected.select(1, 4), "the prompt");
            for (std::int64_t t = 5; t < 16; ++t) {
              expect_near(decoder.read(tokens.narrow(1, t, 1)), expected.select(1, t), "a token");
            }
            EXPECT_THROW(decoder.read(tokens.narrow(1, 0, 1)), UsageError) << "the context is full";
            decoder.forget();
          }
          // From the first token on, and in two pieces.
          expect_near(decoder.read(tokens.narrow(1, 0, 1)), expected.select(1, 0), "the first token");
          expect_near(decoder.read(tokens.narrow(1, 1, 6)), expected.select(1, 6), "a piece");
        }
      }
    }
  }
}

/// Gives twice what another projection gives.
class Doubled : public Projection {
 public:
  explicit Doubled(std::shared_ptr<Projection> inner) : inner_(register_module("inner", std::move(inner))) {}
  torch::Tensor forward(const torch::Tensor& x) override { return 2 * inner_->forward(x); }

 private:
  std::shared_ptr<Projection> inner_;
};

TEST(Decoder, ReadsAModelWithAWrappedProjectionByItsOwnForwardPass) {
  GPT model = decided_model();
  auto& mlp = model->blocks->at<BlockImpl>(1).mlp;
  mlp->expand = mlp->replace_module("expand", std::make_shared<Doubled>(mlp->expand));
  const auto tokens = some_tokens(1, 8);
  const torch::NoGradGuard no_gradients;
  const auto expected = model->forward(tokens);
  EXPECT_FALSE(torch::allclose(expected, decided_model()->forward(tokens), 0.1)) << "wrapping changed nothing";
  Decoder decoder(model, 1);
  for (std::int64_t t = 0; t < 8; ++t) {
    expect_near(decoder.read(tokens.narrow(1, t, 1)), expected.select(1, t), "a token");
  }
}

TEST(Decoder, SaysWhenItsRoomIsFull) {
  GPT model = decided_model();
  const auto tokens = some_tokens(1, 4);
  for (const bool same_each_time : {false, true}) {
    Decoder decoder(model, 1, same_each_time, 4);  // the context has 16
    decoder.read(tokens.narrow(1, 0, 3));
    decoder.read(tokens.narrow(1, 3, 1));
    EXPECT_THROW(decoder.read(tokens.narrow(1, 0, 1)), UsageError);
  }
}

/// What generate_together() makes of one prompt.
Tokens alone(GPT& model, const Tokens& prompt, std::int64_t count, const SamplingOptions& options, std::uint64_t seed) {
  std::vector<Random> randoms{Random(seed)};
  return generate_together(model, {prompt}, count, options, randoms).front();
}

TEST(GenerateTogether, WritesWhatTheClearFormWritesWithAndWithoutACache) {
  GPT model = decided_model();
  for (const std::uint64_t seed : {1, 2, 3}) {
    for (const std::size_t length : {1, 7, 16, 17, 40}) {
      Tokens prompt;
      for (std::size_t i = 0; i < length; ++i) prompt.push_back(static_cast<std::int64_t>((i * i + seed) % 13));
      SamplingOptions options;
      options.temperature = 1.0;
      Random random(seed);
      const auto clear = generate(model, prompt, 60, options, random);
      EXPECT_EQ(alone(model, prompt, 60, options, seed), clear) << length << " seed " << seed;
      options.cached = false;
      EXPECT_EQ(alone(model, prompt, 60, options, seed), clear) << length << " seed " << seed << ", without a cache";
    }
  }
}

TEST(GenerateTogether, IsTheSameOnOneThreadAndTwo) {
  // Wide enough that LibTorch shares the work out.
  GPTOptions sizes;
  sizes.layers = 2;
  sizes.fused = true;
  torch::manual_seed(3);
  GPT model(sizes);
  {
    const torch::NoGradGuard no_gradients;
    for (auto& parameter : model->parameters()) parameter.mul_(2);
  }
  const int threads = torch::get_num_threads();
  SamplingOptions options;
  torch::set_num_threads(1);
  const auto one = alone(model, {1, 2, 3}, 120, options, 4);
  torch::set_num_threads(2);
  EXPECT_EQ(alone(model, {1, 2, 3}, 120, options, 4), one);
  torch::set_num_threads(threads);
}

TEST(GenerateTogether, GivesEachTextWhatItWouldGetAlone) {
  GPT model = decided_model();
  const std::vector<Tokens> prompts = {{1, 2, 3}, {12, 0, 5}, {1, 2, 3}, {7, 7, 7}, {0, 1, 0}, {4, 4, 9}};
  ASSERT_GT(prompts.size(), static_cast<std::size_t>(kFewRows)) << "alone by our product, together by LibTorch's";
  std::vector<Random> randoms;
  for (std::uint64_t row = 0; row < prompts.size(); ++row) randoms.emplace_back(10 + row);
  SamplingOptions options;
  options.temperature = 1.0;
  const auto together = generate_together(model, prompts, 50, options, randoms);
  ASSERT_EQ(together.size(), prompts.size());
  for (std::uint64_t row = 0; row < prompts.size(); ++row) {
    EXPECT_EQ(together[row], alone(model, prompts[row], 50, options, 10 + row)) << row;
  }
  EXPECT_NE(together[0], together[2]) << "equal prompts with other seeds";
}

TEST(GenerateTogether, RefusesWhatItCannotAndStopsWhenTold) {
  GPT model = decided_model();
  std::vector<Random> randoms(2, Random(1));
  EXPECT_THROW(generate_together(model, {{1, 2}, {1}}, 5, {}, randoms), UsageError);
  EXPECT_THROW(generate_together(model, {{}, {}}, 5, {}, randoms), UsageError);
  EXPECT_THROW(generate_together(model, {}, 5, {}, randoms), UsageError);
  model->train();
  const auto made = generate_together(model, {{1}, {2}}, 50, {}, randoms,
                                      [count = 0](std::size_t, std::int64_t) mutable { return ++count < 5; });
  EXPECT_EQ(made[0].size(), 3U) << "told with the first text's third token";
  EXPECT_EQ(made[1].size(), 3U) << "texts end together";
  EXPECT_TRUE(model->is_training());
  GPT short_sighted = decided_model(true, false, 1);
  EXPECT_EQ(generate_together(short_sighted, {{3, 4}}, 5, {}, randoms)[0].size(), 5U);
}

TEST(ContinueTexts, SortsPromptsOfAllLengths) {
  LoadedRun run{decided_model(), std::make_shared<CharacterCodec>(Tokenizer::from_text("\nabcdefghijké"))};
  const std::vector<std::string> prompts = {"abc", "é", "cab", "abcdefghijkabcdefghijk", "k"};
  SamplingOptions options;
  options.temperature = 1.0;
  const auto texts = continue_texts(run, prompts, 30, options, 7);
  ASSERT_EQ(texts.size(), prompts.size());
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    EXPECT_EQ(texts[i], continue_text(run, prompts[i], 30, options, 7 + i)) << prompts[i];
  }
}

TEST(ChooseThreads, ChoosesOneOrTheOther) {
  GPT model = decided_model();
  const int threads = torch::get_num_threads();
  torch::set_num_threads(3);  // neither of the two
  choose_threads(model, 1, 2);
  EXPECT_TRUE(torch::get_num_threads() == 1 || torch::get_num_threads() == 2);
  choose_threads(model, 1, 1);
  EXPECT_EQ(torch::get_num_threads(), 1);
  torch::set_num_threads(threads);
}

}  // namespace
}  // namespace verse
