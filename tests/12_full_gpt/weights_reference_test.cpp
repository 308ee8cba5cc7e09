/// Weights of 16, 8 and 4 bits: how far they are off, and the fast forms that read them against the clear ones.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <memory>
#include <string>
#include <vector>

#include "11_modern/given/llama.h"
#include "11_modern/given/modern_gpt.h"
#include "12_full_gpt/given/cpu/row_product.h"
#include "12_full_gpt/given/cpu/small_rows.h"
#include "12_full_gpt/given/cpu/together.h"
#include "12_full_gpt/given/model/small_gpt.h"
#include "12_full_gpt/given/sampling/generation.h"
#include "common/base/error.h"
#include "common/eight_at_once.h"

namespace verse {
namespace weights_test {  // other tests have names of the same kind

constexpr WeightKind kSmall[] = {WeightKind::bf16, WeightKind::int8, WeightKind::int4};
constexpr WeightKind kAll[] = {WeightKind::fp32, WeightKind::bf16, WeightKind::int8, WeightKind::int4};

double largest(const torch::Tensor& x) {
  return x.abs().max().item<double>();
}

TEST(SmallMatrix, IsOffByHalfAStepAtMost) {
  for (const std::int64_t inputs : {1, 63, 64, 200}) {
    torch::manual_seed(static_cast<std::uint64_t>(inputs));
    auto weight = torch::randn({9, inputs});
    weight[4].zero_();
    const auto off = [&](WeightKind kind) {
      const SmallMatrix small(weight, kind);
      EXPECT_EQ(small.whole().sizes(), weight.sizes());
      EXPECT_EQ(small.whole().scalar_type(), torch::kFloat32);
      return (small.whole() - weight).abs();
    };
    EXPECT_LE(largest(torch::relu(off(WeightKind::bf16) - weight.abs() / 256)), 0);
    EXPECT_LE(largest(torch::relu(off(WeightKind::int8) - weight.abs().amax(1, true) / 254)), 1e-6);
    const auto off4 = off(WeightKind::int4);
    for (std::int64_t first = 0; first < inputs; first += kGroup) {
      const std::int64_t count = std::min(kGroup, inputs - first);
      // Only what would become 8 is off by more than half a step, by a whole one at most.
      const auto group = weight.narrow(1, first, count), off_here = off4.narrow(1, first, count);
      const auto place = group.abs().argmax(1, true);
      const auto step = group.gather(1, place) / -8;
      const auto most = torch::where(group * torch::sign(step) > 7.5 * step.abs(), step.abs(), step.abs() / 2);
      EXPECT_LE(largest(torch::relu(off_here - most)), 1e-6) << inputs << " from " << first;
      EXPECT_LE(largest(off_here.gather(1, place)), 1e-6) << "the largest of a group is met";
    }
    if (inputs == 200) EXPECT_GT(largest(off4), largest(off(WeightKind::int8))) << "four bits are coarser than eight";
  }
}

TEST(SmallMatrix, UsesAllSixteenNumbersOfFourBits) {
  // Eight steps of 0.5 below 0, seven above; what would be 8 becomes 7. With all signs turned, the scale turns.
  auto weight = torch::arange(-8, 8).to(torch::kFloat32) * 0.5;
  weight = torch::cat({weight, torch::tensor({4.0F, 3.8F, 0.24F, 0.26F})}).unsqueeze(0);
  const auto expected =
      torch::cat({torch::arange(-8, 8).to(torch::kFloat32) * 0.5, torch::tensor({3.5F, 3.5F, 0.0F, 0.5F})})
          .unsqueeze(0);
  for (const double sign : {1.0, -1.0}) {
    const SmallMatrix small(sign * weight, WeightKind::int4);
    EXPECT_TRUE(torch::equal(small.whole(), sign * expected)) << small.whole();
    EXPECT_EQ(small.scales()[0][0].item<double>(), 0.5 * sign);
  }
}

TEST(SmallMatrix, TakesTheBytesThatItsKindSays) {
  const auto weight = torch::randn({10, 128});
  EXPECT_EQ(SmallMatrix(weight, WeightKind::bf16).bytes(), 10 * 128 * 2);
  EXPECT_EQ(SmallMatrix(weight, WeightKind::int8).bytes(), 10 * (128 + 4));
  EXPECT_EQ(SmallMatrix(weight, WeightKind::int4).bytes(), 10 * (64 + 2 * 4));
}

TEST(SmallMatrix, ProductIsThatOfTheWholeMatrix) {
  torch::manual_seed(2);
  const auto weight = torch::randn({7, 100}), x = torch::randn({2, 5, 100});
  for (const auto kind : kSmall) {
    const SmallMatrix small(weight, kind);
    EXPECT_TRUE(torch::allclose(small.product(x), torch::matmul(x, small.whole().t()), 1e-5, 1e-4));
  }
}

/// What float32 sums of so many products can differ by, and, for whole numbers, what x's rounding to 16 bits adds.
torch::Tensor allowance(const torch::Tensor& weight, const torch::Tensor& x, WeightKind kind) {
  auto result = weight.abs().matmul(x.abs()) * 1e-6 + 1e-7;
  if (kind == WeightKind::fp32 || kind == WeightKind::bf16) return result;
  for (std::int64_t first = 0; first < x.size(0); first += kGroup) {
    const std::int64_t count = std::min(kGroup, x.size(0) - first);
    result += weight.narrow(1, first, count).abs().sum(1) * x.narrow(0, first, count).abs().max() / 65'000;
  }
  return result;
}

TEST(MultiplyRows, EqualsTheProductOfTheWholeMatrix) {
  for (const std::int64_t inputs : {1, 31, 32, 63, 64, 65, 130, 576, 1537}) {
    torch::manual_seed(static_cast<std::uint64_t>(inputs));
    const auto weight = torch::randn({11, inputs});
    auto x = torch::randn({inputs});
    x[0] = 30;  // one that stands out
    for (const auto kind : kAll) {
      const auto small = kind == WeightKind::fp32 ? nullptr : std::make_shared<SmallMatrix>(weight, kind);
      const RowMatrix matrix = small == nullptr ? RowMatrix(weight) : RowMatrix(*small);
      const auto whole = small == nullptr ? weight : small->whole();
      const auto exact = whole.to(torch::kFloat64).matmul(x.to(torch::kFloat64));
      RowInput input;
      input.set(x.const_data_ptr<float>(), inputs, kind);
      for (const bool eight : {false, true}) {
        if (eight && !eight_at_once()) continue;
        auto got = torch::full({11}, -99.0);
        multiply_rows(matrix, input, got.mutable_data_ptr<float>(), 2, 10, eight);
        EXPECT_EQ(got[1].item<float>(), -99) << "a row that nobody asked for";
        EXPECT_EQ(got[10].item<float>(), -99) << "a row that nobody asked for";
        const auto off = (got - exact).abs() - allowance(whole, x, kind);
        EXPECT_LE(off.narrow(0, 2, 8).max().item<double>(), 0)
            << inputs << " inputs, kind " << static_cast<int>(kind) << (eight ? ", eight at once" : ", one by one");
      }
    }
  }
}

TEST(MultiplyRows, RoundsAVectorOfZeros) {
  const auto weight = torch::randn({3, 64}), x = torch::zeros({64});
  const SmallMatrix small(weight, WeightKind::int8);
  RowInput input;
  input.set(x.const_data_ptr<float>(), 64, WeightKind::int8);
  auto got = torch::ones({3});
  multiply_rows(RowMatrix(small), input, got.mutable_data_ptr<float>(), 0, 3);
  EXPECT_TRUE(torch::equal(got, torch::zeros({3})));
}

TEST(ProjectRows, OfSmallMatricesHasTheSameBitsOnAnyNumberOfThreads) {
  torch::manual_seed(8);
  const auto x = torch::randn({3, 384}), weight = torch::randn({1536, 384}), bias = torch::randn({1536});
  const int threads = torch::get_num_threads();
  for (const auto kind : kSmall) {
    const SmallMatrix small(weight, kind);
    torch::set_num_threads(1);
    const auto one = project_rows(x, small, bias);
    EXPECT_LE(largest(one - (small.product(x) + bias)), 1e-2);
    for (const int several : {2, 3}) {
      torch::set_num_threads(several);
      EXPECT_TRUE(torch::equal(project_rows(x, small, bias), one)) << several;
    }
  }
  torch::set_num_threads(threads);
}

TEST(WorkTogether, NobodyGoesOnBeforeAllAreThere) {
  const int threads = torch::get_num_threads();
  for (const int several : {1, 2, 3}) {
    torch::set_num_threads(several);
    std::vector<int> done(1000);
    std::atomic<int> wrong{0};
    work_together([&](Worker& worker) {
      for (int round = 1; round <= 50; ++round) {
        const auto [first, last] = worker.part_of(1000);
        for (auto i = first; i < last; ++i) done[static_cast<std::size_t>(i)] = round;
        worker.meet();
        for (const int each : done) wrong += each != round;
        worker.meet();
      }
    });
    EXPECT_EQ(wrong, 0) << several << " threads";
  }
  torch::set_num_threads(threads);
}

LlamaOptions small_options(LlamaFamily family) {
  LlamaOptions options;
  options.family = family;
  options.vocab_size = 33;
  options.hidden_size = 72;
  options.intermediate_size = 100;
  options.num_hidden_layers = 3;
  options.num_attention_heads = 6;
  options.num_key_value_heads = 2;
  options.head_dim = 20;
  options.max_position_embeddings = 24;
  return options;
}

/// Groups, biases, norms of queries, windows everywhere or in some layers, a tied head.
std::vector<LlamaOptions> every_kind() {
  std::vector<LlamaOptions> all;
  for (const auto family : {LlamaFamily::llama, LlamaFamily::mistral, LlamaFamily::qwen2, LlamaFamily::qwen3}) {
    all.push_back(small_options(family));
  }
  all[0].num_key_value_heads = 1;
  all[0].rope_scaling = {RotaryScaling::Kind::llama3, 8, 1, 4, 8};
  all[1].sliding_window = 4;
  all[2].tie_word_embeddings = true;
  all[2].sliding_window = 5;
  all[2].max_window_layers = 1;
  all[3].attention_bias = true;
  all[3].sliding_window = 3;
  all[3].sliding_layers = {true, false, true};
  return all;
}

LlamaGPT some_llama(const LlamaOptions& options) {
  torch::manual_seed(4);
  LlamaGPT model(options);
  const torch::NoGradGuard no_gradients;
  for (auto& parameter : model->parameters()) parameter.add_(0.2 * torch::randn_like(parameter));
  model->eval();
  return model;
}

/// A text token by token through a Decoder against the model's own forward pass without a cache.
void expect_equal_reading(LanguageModel model, std::int64_t batch, double tolerance, const std::string& what) {
  torch::manual_seed(9);
  const auto tokens = torch::randint(model->vocabulary(), {batch, 20}, torch::kInt64);
  const torch::NoGradGuard no_gradients;
  const auto expected = model->forward(tokens);  // [batch, time, vocabulary]
  Decoder decoder(model, batch);
  for (int text = 0; text < 2; ++text) {  // the second one begins anew
    decoder.read(tokens.narrow(1, 0, 3));
    for (std::int64_t t = 3; t < tokens.size(1); ++t) {
      const auto got = decoder.read(tokens.narrow(1, t, 1));
      const double scale = largest(expected);
      ASSERT_LE(largest(got - expected.select(1, t)), tolerance * scale) << what << ", position " << t;
    }
    decoder.forget();
  }
}

/// Of the largest logit. For whole numbers, x is rounded to 16 bits in one of the two forms, before each product.
double tolerance_of(WeightKind kind) {
  return kind == WeightKind::fp32 || kind == WeightKind::bf16 ? 1e-5 : 3e-3;
}

TEST(LlamaReader, ReadsWhatTheForwardPassReads) {
  const int threads = torch::get_num_threads();
  for (const auto& options : every_kind()) {
    for (const auto kind : kAll) {
      LlamaGPT model = some_llama(options);
      ASSERT_TRUE(LlamaReader::reads(*model));
      model->shrink(kind);
      ASSERT_TRUE(LlamaReader::reads(*model));
      for (const std::int64_t batch : {std::int64_t{1}, std::int64_t{3}, kFewRows + 1}) {
        torch::set_num_threads(batch == 1 ? 1 : 2);
        expect_equal_reading(model, batch, tolerance_of(kind),
                             "family " + std::to_string(static_cast<int>(options.family)) + ", kind " +
                                 std::to_string(static_cast<int>(kind)));
      }
    }
  }
  torch::set_num_threads(threads);
}

TEST(LlamaReader, HasTheSameBitsOnAnyNumberOfThreads) {
  const int threads = torch::get_num_threads();
  for (const auto kind : kAll) {
    LlamaGPT model = some_llama(small_options(LlamaFamily::llama));
    model->shrink(kind);
    std::vector<torch::Tensor> all;
    for (const int several : {1, 2, 3}) {
      torch::set_num_threads(several);
      Decoder decoder(model, 1);
      torch::Tensor last;
      for (std::int64_t token = 0; token < 12; ++token) last = decoder.read(torch::full({1, 1}, token, torch::kInt64));
      all.push_back(last.clone());
      EXPECT_TRUE(torch::equal(all.back(), all.front())) << several << " threads";
    }
  }
  torch::set_num_threads(threads);
}

TEST(LlamaGPT, InSmallNumbersComputesWithWhatTheyStandFor) {
  for (const auto& options : every_kind()) {
    for (const auto kind : kSmall) {
      LlamaGPT model = some_llama(options), rounded = some_llama(options);
      {
        const torch::NoGradGuard no_gradients;
        for (auto& parameter : rounded->named_parameters()) {
          const bool is_matrix = parameter.value().dim() == 2 && parameter.key() != "model.embed_tokens.weight";
          if (is_matrix) parameter.value().copy_(SmallMatrix(parameter.value(), kind).whole());
        }
      }
      const auto table = model->token_embedding.clone();
      model->shrink(kind);
      EXPECT_TRUE(torch::equal(model->token_embedding, table)) << "the table stays";
      EXPECT_EQ(model->parameter_count(), rounded->parameter_count());
      if (options.tie_word_embeddings) continue;  // there the head is not what the table is
      const torch::NoGradGuard no_gradients;
      const auto tokens = torch::randint(33, {2, 9}, torch::kInt64);
      const auto expected = rounded->forward(tokens);
      EXPECT_LE(largest(model->forward(tokens) - expected), 1e-5 * largest(expected));
    }
  }
}

GPT some_gpt() {
  GPTOptions options;
  options.vocabulary_size = 13;
  options.context = 24;
  options.layers = 3;
  options.heads = 2;
  options.width = 24;
  options.fused = true;
  torch::manual_seed(17);
  GPT model(options);
  const torch::NoGradGuard no_gradients;
  for (auto& parameter : model->parameters()) parameter.add_(torch::randn_like(parameter) * 0.3);
  model->eval();
  return model;
}

TEST(SmallGPT, ReadsWhatAGPTOfRoundedNumbersReads) {
  for (const auto kind : kSmall) {
    GPT rounded = some_gpt();
    {
      const torch::NoGradGuard no_gradients;
      for (auto& parameter : rounded->named_parameters()) {
        const bool is_matrix = parameter.value().dim() == 2 && parameter.key().find("embedding") == std::string::npos;
        if (is_matrix) parameter.value().copy_(SmallMatrix(parameter.value(), kind).whole());
      }
    }
    GPT whole = some_gpt();
    const auto full_bytes = bytes_read_per_token(*whole);
    LanguageModel model = in_small_numbers(whole, kind);
    EXPECT_LT(bytes_read_per_token(*model), full_bytes);
    const torch::NoGradGuard no_gradients;
    const auto tokens = torch::randint(13, {2, 11}, torch::kInt64);
    // The head alone is not the table any more.
    const auto features = rounded->run_blocks(
        rounded->add_positions(torch::embedding(rounded->token_embedding, tokens), torch::arange(11)), {});
    const auto expected = SmallMatrix(rounded->token_embedding, kind).product(features);
    EXPECT_LE(largest(model->forward(tokens) - expected), 1e-5 * largest(expected));
    expect_equal_reading(model, 2, tolerance_of(kind), "GPT, kind " + std::to_string(static_cast<int>(kind)));
  }
}

TEST(InSmallNumbers, RefusesAModelThatItDoesNotKnow) {
  GPTOptions options;
  options.context = options.width = 16;
  options.layers = options.heads = 2;
  LanguageModel model = ModernGPT(options);
  EXPECT_THROW(in_small_numbers(model, WeightKind::int8), UsageError);
  EXPECT_EQ(in_small_numbers(model, WeightKind::fp32).ptr(), model.ptr());
  EXPECT_THROW(weight_kind("int3"), UsageError);
}

}  // namespace weights_test
}  // namespace verse
