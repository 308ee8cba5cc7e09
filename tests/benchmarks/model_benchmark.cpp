/// @file
/// How long the parts take: the clear form beside the fused one. Run by `make bench`; compare ratios, not seconds.

#include <benchmark/benchmark.h>

#include <filesystem>
#include <string>

#include "01_tokenizer/tokenizer.h"
#include "03_attention/attention.h"
#include "05_training/given/checkpoint.h"
#include "05_training/training.h"
#include "07_sampling/sampling.h"
#include "11_modern/given/modern_gpt.h"
#include "12_full_gpt/full_gpt.h"
#include "12_full_gpt/given/model/fast_gpt.h"
#include "12_full_gpt/given/training/training_step.h"
#include "common/fast_gelu.h"
#include "common/play/play.h"

namespace verse {
namespace {

/// Preset small's shape.
GPTOptions small_options(bool fused) {
  GPTOptions options;
  options.context = 64;
  options.layers = 4;
  options.heads = 4;
  options.width = 128;
  options.fused = fused;
  return options;
}

void encode(benchmark::State& state) {
  const std::string text = generate_play(1, 100'000).text;
  const auto tokenizer = Tokenizer::from_text(text);
  for (auto _ : state) benchmark::DoNotOptimize(tokenizer.encode(text));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(encode)->Unit(benchmark::kMillisecond);

/// Attention forward on preset small's batch. The argument says whether it is fused.
void attention(benchmark::State& state) {
  torch::NoGradGuard no_gradients;
  CausalSelfAttention layer(AttentionOptions{128, 4, 0.0, true, state.range(0) != 0});
  layer->eval();
  const auto x = torch::randn({12, 64, 128});
  for (auto _ : state) benchmark::DoNotOptimize(layer->forward(x));
}
BENCHMARK(attention)->ArgName("fused")->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

/// A block forward and backward on preset small's batch.
void block(benchmark::State& state) {
  Block layer(small_options(state.range(0) != 0));
  const auto x = torch::randn({12, 64, 128}).requires_grad_();
  for (auto _ : state) layer->forward(x).sum().backward();
}
BENCHMARK(block)->ArgName("fused")->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

/// GPT-2's GELU forward and backward, as many numbers as preset small's MLP has: LibTorch's, or our own.
void gelu(benchmark::State& state) {
  const bool ours = state.range(0) != 0;
  const auto x = torch::randn({768, 512}).requires_grad_();
  const auto weights = torch::randn({768, 512});
  for (auto _ : state) (ours ? fast_gelu_tanh(x) : torch::gelu(x, "tanh")).backward(weights);
}
BENCHMARK(gelu)->ArgName("ours")->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

/// A training step of preset small in chapter 5's form, this chapter's, and speedrun's. `bench --ladder` has the rungs
/// in between.
void training_step(benchmark::State& state) {
  const auto tokens = torch::randint(65, {10'000}, torch::kInt64);
  Random random(1);
  if (state.range(0) == 0) {
    GPT model(small_options(false));
    AdamW optimizer(model->parameters(), {});
    TrainingOptions options;
    options.schedule.steps = 1;
    for (auto _ : state) {
      train(
          optimizer, [&] { return batch_loss(model, draw_batch(tokens, 12, 64, random)); }, options,
          [](const StepReport&) { return true; });
    }
  } else {
    const bool modern = state.range(0) == 2;
    LanguageModel model = fast_gpt(small_options(true));
    if (modern) model = ModernGPT(small_options(true));
    const auto optimizer = modern ? modern_optimizer(dynamic_cast<ModernGPTImpl&>(*model), {0.8, 0.95, 1e-8, 0.0})
                                  : make_adamw(model->parameters(), {});
    TrainingStep step(model, *optimizer, tokens, {}, random);
    for (auto _ : state) step.take(0, 1e-3);
  }
  state.SetItemsProcessed(state.iterations() * 12 * 64);
}
BENCHMARK(training_step)->ArgName("form")->Arg(0)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond);

/// Chapter 7's generation of 64 characters by preset small's model, with a cache and without.
void generation(benchmark::State& state) {
  GPT model(small_options(true));
  SamplingOptions options;
  options.cached = state.range(0) != 0;
  for (auto _ : state) {
    Random random(1);
    benchmark::DoNotOptimize(generate(model, {1}, 64, options, random));
  }
  state.SetItemsProcessed(state.iterations() * 64);
}
BENCHMARK(generation)->ArgName("cached")->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

/// Writing preset small's model to disk and reading it again.
void checkpoint(benchmark::State& state) {
  GPT model(small_options(true));
  std::string alphabet;
  for (char character = '!'; character < '!' + 65; ++character) alphabet += character;
  const auto tokenizer = Tokenizer::from_text(alphabet);
  const auto folder = std::filesystem::temp_directory_path() / "verse-benchmark";
  for (auto _ : state) {
    save_model(folder, *model, tokenizer);
    benchmark::DoNotOptimize(load_model(folder));
  }
  std::filesystem::remove_all(folder);
}
BENCHMARK(checkpoint)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace verse

BENCHMARK_MAIN();
