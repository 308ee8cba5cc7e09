/// @file
/// How long the parts take: the clear form beside the fused one. Run by `make bench`; compare ratios, not seconds.

#include <benchmark/benchmark.h>

#include "01_tokenizer/tokenizer.h"
#include "03_attention/attention.h"
#include "05_training/training.h"
#include "10_full_gpt/full_gpt.h"
#include "common/play.h"

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

/// A whole training step of preset small. The argument says whether model, loss and optimizer are the fast ones.
void training_step(benchmark::State& state) {
  const bool fast = state.range(0) != 0;
  GPT model(small_options(fast));
  const auto tokens = torch::randint(65, {10'000}, torch::kInt64);
  std::unique_ptr<Optimizer> optimizer;
  if (fast) {
    optimizer = std::make_unique<FusedAdamW>(model->parameters(), AdamWOptions{});
  } else {
    optimizer = std::make_unique<AdamW>(model->parameters(), AdamWOptions{});
  }
  Random random(1);
  TrainingOptions options;
  options.schedule.steps = 1;
  for (auto _ : state) {
    train(
        *optimizer,
        [&] {
          const Batch batch = draw_batch(tokens, 12, 64, random);
          return fast ? fast_batch_loss(model, batch) : batch_loss(model, batch);
        },
        options, [](const StepReport&) { return true; });
  }
  state.SetItemsProcessed(state.iterations() * 12 * 64);
}
BENCHMARK(training_step)->ArgName("fast")->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace verse

BENCHMARK_MAIN();
