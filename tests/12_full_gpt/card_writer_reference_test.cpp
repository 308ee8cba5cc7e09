/// Text written by the kernels of generation, run on a processor as a card would run them: chapter 7's text.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <memory>
#include <vector>

#include "07_sampling/sampling.h"
#include "12_full_gpt/given/gpu/card_writer.h"
#include "12_full_gpt/given/model/fast_gpt.h"
#include "tests/12_full_gpt/emulated_training.h"

namespace verse {
namespace {

/// A model whose probabilities differ enough to show a mistake.
GPT small_model(std::int64_t heads, torch::ScalarType type) {
  GPTOptions options;
  options.vocabulary_size = 65;
  options.context = 16;
  options.layers = 2;
  options.heads = heads;
  options.width = 128;
  options.fused = true;
  torch::manual_seed(12);
  GPT model = fast_gpt(options);
  const torch::NoGradGuard no_gradients;
  for (auto& parameter : model->parameters()) parameter.add_(0.05 * torch::randn_like(parameter));
  model->to(type);
  return model;
}

std::vector<SamplingOptions> ways() {
  SamplingOptions greedy, plain, few, likely, both;
  greedy.greedy = true;
  plain.temperature = 1.3;
  few.top_k = 5;
  likely.top_p = 0.6;
  both.temperature = 2;
  both.top_k = 20;
  both.top_p = 0.8;
  return {greedy, plain, few, likely, both};
}

TEST(CardWriter, WritesChapter7sText) {
  GPT model = small_model(2, torch::kFloat32);
  CardWriter writer(model, std::make_unique<EmulatedLauncher>(emulated_float_writing()));
  ASSERT_EQ(CardWriter::obstacle(*model), "");
  for (const auto& options : ways()) {
    // A prompt of one token, one that is longer than the context, and a text that fills it and is read again.
    for (const std::vector<std::int64_t>& prompt : {std::vector<std::int64_t>{7}, std::vector<std::int64_t>(20, 3)}) {
      if (prompt.size() > 1 && !options.greedy) continue;
      Random one(5), other(5);
      const auto expected = generate(model, prompt, 22, options, one);
      EXPECT_EQ(writer.write(prompt, 22, options, other), expected);
      EXPECT_EQ(one.state(), other.state()) << "the same random numbers are used up";
    }
  }
}

TEST(CardWriter, StopsWhenToldTo) {
  GPT model = small_model(2, torch::kFloat32);
  CardWriter writer(model, std::make_unique<EmulatedLauncher>(emulated_float_writing()));
  Random one(6), other(6);
  const auto after = [](int tokens) { return [tokens, heard = 0](std::int64_t) mutable { return ++heard < tokens; }; };
  const auto expected = generate(model, {1}, 30, {}, one, after(13));
  ASSERT_EQ(expected.size(), 13U);
  EXPECT_EQ(writer.write({1}, 30, {}, other, after(13)), expected);
  EXPECT_EQ(one.state(), other.state());
}

TEST(CardWriter, WritesWithWeightsOf16BitsToo) {
  // Greedy texts part where two scores are close; what is compared is the first token of many prompts.
  GPT model = small_model(4, torch::kBFloat16);
  CardWriter writer(model, std::make_unique<EmulatedLauncher>(emulated_half_writing()));
  int same = 0;
  constexpr int kPrompts = 10;
  SamplingOptions greedy;
  greedy.greedy = true;
  for (std::int64_t token = 0; token < kPrompts; ++token) {
    Random one(1), other(1);
    same += writer.write({token, 2 * token}, 3, greedy, one) == generate(model, {token, 2 * token}, 3, greedy, other);
  }
  EXPECT_GE(same, kPrompts * 8 / 10);
}

TEST(CardWriter, SaysWhatItIsNotFor) {
  GPTOptions options;
  options.width = 96;
  GPT model(options);
  EXPECT_NE(CardWriter::obstacle(*model).find("width"), std::string::npos);
  EXPECT_EQ(CardWriter::of(model), nullptr) << "there is no card";
}

}  // namespace
}  // namespace verse
