/// Chapter 12's parts against the clear forms of the chapters before, LibTorch's own optimizer, and numbers worked out
/// by hand.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "10_subwords/given/character_codec.h"
#include "12_full_gpt/full_gpt.h"
#include "12_full_gpt/given/commands/generate.h"
#include "12_full_gpt/given/training/recipes.h"
#include "12_full_gpt/given/training/run_folder.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "tests/common/temporary_folder.h"
#include "tests/harness/test_device.h"

namespace verse {
namespace {

/// A matrix, a vector, and a matrix that never gets a gradient.
std::vector<torch::Tensor> some_parameters() {
  torch::manual_seed(3);
  return {torch::randn({5, 7}).requires_grad_(), torch::randn({7}).requires_grad_(),
          torch::randn({2, 2}).requires_grad_()};
}

/// Gives the first two parameters gradients that differ from step to step, some of them zero.
void set_gradients(std::vector<torch::Tensor>& parameters, int step) {
  torch::manual_seed(100 + step);
  for (int i = 0; i < 2; ++i) {
    const auto noise = torch::randn_like(parameters[i]);
    parameters[i].mutable_grad() = torch::where(noise > 1, torch::zeros_like(noise), noise * 0.1);
  }
}

double largest_difference(const std::vector<torch::Tensor>& a, const std::vector<torch::Tensor>& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = (a[i] - b[i]).abs().max().item<double>();
    if (!(difference <= largest)) largest = difference;  // so that a NaN stays
  }
  return largest;
}

GPT small_model(double dropout = 0.0, bool fused = true) {
  GPTOptions options;
  options.vocabulary_size = 11;
  options.context = 8;
  options.layers = 2;
  options.heads = 2;
  options.width = 16;
  options.dropout = dropout;
  options.fused = fused;
  torch::manual_seed(5);
  GPT model(options);
  model->to(test_device());
  return model;
}

TEST(FusedAdamW, EqualsTheClearForm) {
  // 50 steps of about 0.01 each; both compute in float32, the kernel with the correction moved into the step's size. An
  // error of the formula would show at 1e-3 and above, rounding at 50 times 1e-7.
  auto clear_parameters = some_parameters(), fused_parameters = some_parameters();
  AdamW clear(clear_parameters, {});
  FusedAdamW fused(fused_parameters, {});
  for (int step = 0; step < 50; ++step) {
    set_gradients(clear_parameters, step);
    set_gradients(fused_parameters, step);
    const double rate = 0.01 * (1 + step % 3);
    clear.step(rate);
    fused.step(rate);
  }
  EXPECT_LE(largest_difference(clear_parameters, fused_parameters), 1e-5);
  const auto clear_state = clear.state(), fused_state = fused.state();
  ASSERT_EQ(clear_state.size(), fused_state.size());
  for (std::size_t i = 0; i < clear_state.size(); ++i) {
    EXPECT_EQ(clear_state[i].first, fused_state[i].first);
    EXPECT_LE(largest_difference({clear_state[i].second}, {fused_state[i].second}), 1e-6) << clear_state[i].first;
  }
}

TEST(FusedAdamW, EqualsLibTorchsOptimizer) {
  auto parameters = some_parameters(), theirs = some_parameters();
  FusedAdamW fused(parameters, {});
  const auto settings = [](double decay) {
    return std::make_unique<torch::optim::AdamWOptions>(
        torch::optim::AdamWOptions(0.01).betas({0.9, 0.99}).eps(1e-8).weight_decay(decay));
  };
  torch::optim::AdamW reference({torch::optim::OptimizerParamGroup({theirs[0], theirs[2]}, settings(0.1)),
                                 torch::optim::OptimizerParamGroup({theirs[1]}, settings(0.0))},
                                torch::optim::AdamWOptions(0.01));
  for (int step = 0; step < 50; ++step) {
    set_gradients(parameters, step);
    set_gradients(theirs, step);
    fused.step(0.01);
    reference.step();
  }
  EXPECT_LE(largest_difference(parameters, theirs), 1e-5);
  EXPECT_TRUE(torch::equal(parameters[2], some_parameters()[2])) << "what has no gradient stays";
}

TEST(FastBatchLoss, EqualsTheClearForm) {
  // The same sums in another order, in float32: losses near 2.4, gradients below 1.
  GPT clear = small_model(0.0, false), fast = small_model(0.0, true);
  const auto tokens = torch::randint(0, 11, {200});
  Random random(1);
  const Batch batch = draw_batch(tokens, 6, 8, random);
  const auto clear_loss = batch_loss(clear, batch), fast_loss = fast_batch_loss(fast, batch);
  clear_loss.backward();
  fast_loss.backward();
  EXPECT_LE(largest_difference({clear_loss}, {fast_loss}), 1e-5);
  const auto clear_parameters = clear->named_parameters(), fast_parameters = fast->named_parameters();
  for (const auto& parameter : clear_parameters) {
    const auto& other = fast_parameters[parameter.key()];
    EXPECT_LE(largest_difference({parameter.value().grad()}, {other.grad()}), 1e-5) << parameter.key();
  }
}

TEST(FastBatchLoss, IsTheSameEveryTimeOnSeveralThreads) {
  // Enough numbers that LibTorch shares the work out. A plain lookup adds them up in whatever order the threads come,
  // and of 60 gradients of this size more than half had other last bits.
  GPTOptions options;
  options.vocabulary_size = 65;
  options.context = 64;
  options.layers = 1;
  options.heads = 4;
  options.width = 128;
  options.fused = true;
  GPT model(options);
  model->to(test_device());
  Random random(2);
  const Batch batch = draw_batch(torch::randint(0, 65, {50000}), 128, 64, random);
  const int threads = torch::get_num_threads();
  torch::set_num_threads(2);
  torch::Tensor first;
  for (int repeat = 0; repeat < 5; ++repeat) {
    model->zero_grad();
    fast_batch_loss(model, batch).backward();
    const auto gradient = model->token_embedding.grad().clone();
    if (repeat == 0) first = gradient;
    EXPECT_TRUE(torch::equal(gradient, first)) << repeat;
  }
  torch::set_num_threads(threads);
}

/// A model with all that training it takes.
struct Trainee {
  explicit Trainee(std::uint64_t seed) : model(small_model(0.2)), random(seed) {
    // Another seed is another model, which restoring has to make this one.
    torch::manual_seed(seed);
    model->initialise();
    model->train();
    optimizer = std::make_unique<FusedAdamW>(model->parameters(), AdamWOptions{});
  }

  void take_steps(int count) {
    for (int step = 0; step < count; ++step) {
      model->zero_grad();
      fast_batch_loss(model, draw_batch(tokens, 4, 8, random)).backward();
      optimizer->step(0.01);
    }
  }

  GPT model;
  std::unique_ptr<FusedAdamW> optimizer;
  Random random;
  torch::Tensor tokens = torch::arange(300).square().remainder(11);
};

TEST(TrainingState, GoesOnExactly) {
  Trainee whole(1);
  whole.take_steps(3);
  const auto state = collect_training_state(*whole.model, *whole.optimizer, whole.random);
  whole.take_steps(4);  // dropout draws from LibTorch's generator, batches from ours

  Trainee resumed(2);
  restore_training_state(state, *resumed.model, *resumed.optimizer, resumed.random);
  resumed.take_steps(4);

  const auto expected = collect_training_state(*whole.model, *whole.optimizer, whole.random);
  const auto got = collect_training_state(*resumed.model, *resumed.optimizer, resumed.random);
  ASSERT_EQ(expected.size(), got.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(expected[i].first, got[i].first);
    EXPECT_TRUE(torch::equal(expected[i].second, got[i].second)) << expected[i].first;
  }
}

TEST(TrainingState, IsACopy) {
  Trainee trainee(1);
  trainee.take_steps(1);
  const auto state = collect_training_state(*trainee.model, *trainee.optimizer, trainee.random);
  std::vector<torch::Tensor> before;
  for (const auto& entry : state) before.push_back(entry.second.clone());
  trainee.take_steps(2);
  for (std::size_t i = 0; i < state.size(); ++i) {
    EXPECT_TRUE(torch::equal(state[i].second, before[i])) << state[i].first;
  }
}

TEST(TrainingState, RefusesWhatBelongsToAnotherModel) {
  Trainee trainee(1);
  auto state = collect_training_state(*trainee.model, *trainee.optimizer, trainee.random);
  const auto refused = [&trainee](const auto& other) {
    return message_of<UsageError>(
        [&] { restore_training_state(other, *trainee.model, *trainee.optimizer, trainee.random); });
  };
  EXPECT_EQ(refused(state), "");
  auto without = state;
  without.pop_back();
  EXPECT_NE(refused(without), "");
  state[0].second = torch::zeros({3, 3});
  EXPECT_NE(refused(state).find("token_embedding"), std::string::npos);
}

TEST(TrainingOperations, AreCountedAsByHand) {
  // One layer, 2 wide, 3 tokens, 4 positions: 12 x 4 + 3 x 2 = 54 weights, 2 x 4 x 2 = 16 for attention, times 6.
  ModelShape tiny;
  tiny.vocabulary_size = 3;
  tiny.context = 4;
  tiny.layers = 1;
  tiny.heads = 1;
  tiny.width = 2;
  EXPECT_EQ(training_operations_per_token(tiny), 420.0);

  // The talk's model by PaLM's formula, 6 N + 12 L H Q T with N = 10,641,792 weights in matrices.
  EXPECT_EQ(training_operations_per_token(ModelShape{}), 6 * 10'641'792.0 + 12 * 6 * 384 * 256.0);
}

TEST(Presets, AreTheRecipesThatTheBookStates) {
  const Recipe small = recipe_named("small");
  EXPECT_EQ(small.model.layers, 4);
  EXPECT_EQ(small.model.heads, 4);
  EXPECT_EQ(small.model.width, 128);
  EXPECT_EQ(small.model.context, 64);
  EXPECT_EQ(small.model.dropout, 0.0);
  EXPECT_EQ(small.batch_size, 12);
  EXPECT_EQ(small.schedule.steps, 2000);

  const Recipe shakespeare = recipe_named("shakespeare");
  EXPECT_EQ(shakespeare.model.layers, 6);
  EXPECT_EQ(shakespeare.model.heads, 6);
  EXPECT_EQ(shakespeare.model.width, 384);
  EXPECT_EQ(shakespeare.model.context, 256);
  EXPECT_EQ(shakespeare.model.dropout, 0.2);
  EXPECT_EQ(shakespeare.batch_size, 64);
  EXPECT_EQ(shakespeare.schedule.steps, 5000);

  for (const Recipe& recipe : {small, shakespeare}) {
    EXPECT_EQ(recipe.schedule.peak, 1e-3);
    EXPECT_EQ(recipe.schedule.minimum, 1e-4);
    EXPECT_EQ(recipe.schedule.warmup, 100);
    EXPECT_EQ(recipe.adamw.beta1, 0.9);
    EXPECT_EQ(recipe.adamw.beta2, 0.99);
    EXPECT_EQ(recipe.adamw.weight_decay, 0.1);
    EXPECT_EQ(recipe.gradient_clip, 1.0);
  }
  EXPECT_THROW(recipe_named("large"), UsageError);
}

TEST(Presets, SurviveBeingWrittenDown) {
  for (const auto& name : recipe_names()) {
    Recipe recipe = recipe_named(name);
    recipe.stop_at_loss = 1.25;
    recipe.model.vocabulary_size = 66;
    recipe.seed = 18'446'744'073'709'551'615ULL;
    recipe.schedule.peak = 0.1 + 0.2;  // no short decimal form
    const auto json = to_json(recipe);
    EXPECT_EQ(to_json(recipe_from_json(parse_json(json_text(json), "recipe"))), json);
  }
}

TEST(Presets, ChangeOnlyWhereItIsAllowed) {
  const Recipe recorded = recipe_named("small");
  Recipe asked = recorded;
  asked.stop_at_loss = 1.0;
  EXPECT_EQ(message_of<UsageError>([&] { refuse_changes(recorded, asked); }), "");
  asked.model.layers = 6;
  const std::string message = message_of<UsageError>([&] { refuse_changes(recorded, asked); });
  EXPECT_NE(message.find("--layers 4"), std::string::npos) << message;
}

TEST(RunFolder, CutsItsRecordBackToTheState) {
  const TemporaryFolder folder;
  RunState state;
  state.identity.recipe = recipe_named("small");
  state.identity.text_name = "a text";
  state.identity.text_digest = "0123";
  state.progress.step = 10;
  state.progress.seconds = 1.5;
  state.progress.row_step = 10;
  state.tensors = {{"random", torch::arange(4)}};
  {
    RunFolder run = RunFolder::create(folder / "run");
    Metrics row;
    run.append(row);
    row.step = 10;
    run.append(row);
    run.save_state(state);
    row.step = 20;
    run.append(row);
    EXPECT_EQ(run.metrics().size(), 3U);
    EXPECT_THROW(RunFolder::open(folder / "run"), UsageError) << "it is in use";
  }
  RunFolder run = RunFolder::open(folder / "run");
  const RunState loaded = run.load_state();
  EXPECT_EQ(loaded.progress.step, 10);
  EXPECT_EQ(loaded.progress.seconds, 1.5);
  EXPECT_TRUE(std::isinf(loaded.progress.best_loss)) << "nothing has been measured yet";
  EXPECT_EQ(to_json(loaded.identity.recipe), to_json(state.identity.recipe));
  EXPECT_EQ(loaded.identity.text_digest, "0123");
  EXPECT_FALSE(loaded.identity.text_file.has_value());
  EXPECT_TRUE(torch::equal(loaded.tensors.at(0).second, torch::arange(4)));
  ASSERT_EQ(run.metrics().size(), 2U);
  EXPECT_EQ(load_metrics(folder / "run" / "metrics.csv").size(), 2U);
  EXPECT_EQ(run.metrics().back().step, 10);
}

/// A run whose state has one tensor.
RunState small_state(std::int64_t step) {
  RunState state;
  state.identity.recipe = recipe_named("small");
  state.progress.step = step;
  state.tensors = {{"random", torch::full({4}, step)}};
  return state;
}

TEST(RunFolder, WritesWhatThereWasWhenSavingBegan) {
  const TemporaryFolder folder;
  RunFolder run = RunFolder::create(folder / "run");
  const auto weights = torch::ones({3, 2}).t();  // as GPT-2's layout has it, a view of the model's own memory
  run.begin_saving(small_state(10), ModelFiles{"{}", "{}", {{"weights", weights}}, {}});
  weights.fill_(7);
  run.begin_saving(small_state(20));
  run.settle();
  EXPECT_TRUE(
      torch::equal(load_tensors(folder / "run" / "model.safetensors").tensors.at(0).second, torch::ones({2, 3})));
  const auto state = load_tensors(folder / "run" / "state.safetensors");
  EXPECT_TRUE(torch::equal(state.tensors.at(0).second, torch::full({4}, 20))) << "what was begun last ends last";
  EXPECT_NO_THROW(run.settle()) << "nothing is left to wait for";
}

TEST(RunFolder, TellsWhatWentWrongWhileTrainingWentOn) {
  const TemporaryFolder folder;
  RunFolder run = RunFolder::create(folder / "run");
  std::filesystem::create_directories(folder / "run" / "state.safetensors" / "in the way");
  run.begin_saving(small_state(10));
  EXPECT_THROW(run.settle(), std::runtime_error);
  EXPECT_NO_THROW(run.settle()) << "said once";
  run.begin_saving(small_state(20));
  EXPECT_THROW(run.begin_saving(small_state(30)), std::runtime_error) << "what is to follow does not hide it";
  run.begin_saving(small_state(40));
  const auto step_after_step = [&run] {
    for (int step = 0; step < 10'000; ++step) {
      run.notice_trouble();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  };
  EXPECT_THROW(step_after_step(), std::runtime_error);
}

TEST(ContinueText, HandsOnWhatItReturns) {
  LoadedRun run{small_model(), std::make_shared<CharacterCodec>(Tokenizer::from_text("\nabcdefgé—z"))};
  SamplingOptions options;
  std::string heard;
  const auto listen = [&heard](const std::string& character) {
    heard += character;
    return true;
  };
  const std::string text = continue_text(run, "abc", 30, options, 4, listen);
  EXPECT_EQ(heard, text);
  EXPECT_EQ(run.codec->encode(text).size(), 30U);
  EXPECT_EQ(continue_text(run, "abc", 30, options, 4), text);
  EXPECT_THROW(continue_text(run, "xyz", 3, options, 4), UsageError);
}

}  // namespace
}  // namespace verse
