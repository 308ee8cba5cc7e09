/// What training does on a GPU, as far as it can be told without one: a stand-in for the plugin fails where the real
/// one might.

#include <ATen/Context.h>
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "11_modern/modern.h"
#include "12_full_gpt/full_gpt.h"
#include "12_full_gpt/given/gpu/memory_need.h"
#include "12_full_gpt/given/gpu/settings.h"
#include "12_full_gpt/given/training/recipes.h"
#include "12_full_gpt/given/training/training_step.h"
#include "common/base/json.h"
#include "common/cuda_driver.h"
#include "common/device.h"

namespace verse {
namespace {

/// The stand-ins lie beside this program, wherever it has travelled.
const std::filesystem::path kFakes = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "fakes";

/// Puts a stand-in in the plugin's place, and at the end none.
class Plugin : public testing::Test {
 protected:
  void SetUp() override {
    if (torch::cuda::is_available()) GTEST_SKIP() << "here is a GPU, and the plugin is in use";
  }
  void TearDown() override { use_plugin(kFakes / "none.so"); }

  /// A function of the stand-in that is not the plugin's.
  template <typename Function>
  Function* find(const char* name) {
    void* library = ::dlopen((kFakes / "libfake_plugin.so").c_str(), RTLD_NOW);
    return reinterpret_cast<Function*>(::dlsym(library, name));
  }
};

/// A model, its optimizer in the form that can be recorded, and steps.
struct Trainee {
  explicit Trainee(bool recorded) {
    GPTOptions options;
    options.vocabulary_size = 11;
    options.context = 8;
    options.layers = 2;
    options.heads = 2;
    options.width = 16;
    options.dropout = 0.2;
    options.fused = true;
    torch::manual_seed(5);
    model = GPT(options);
    model->train();
    optimizer = std::make_unique<DeviceAdamW>(model->parameters(), AdamWOptions{});
    StepSettings settings;
    settings.batch_size = 6;
    settings.context = 8;
    settings.recorded = recorded;
    steps =
        std::make_unique<TrainingStep>(model, *optimizer, torch::arange(300).square().remainder(11), settings, random);
  }

  GPT model{nullptr};
  Random random{3};
  std::unique_ptr<Optimizer> optimizer;
  std::unique_ptr<TrainingStep> steps;
};

TEST_F(Plugin, ThatCannotRecordLeavesTheStepsAsTheyAre) {
  ASSERT_EQ(use_plugin(kFakes / "libfake_plugin.so"), "");
  Trainee plain(false), trying(true);
  std::string news;
  for (int step = 0; step < 8; ++step) {
    torch::manual_seed(100 + step);
    const double expected = plain.steps->take(step, 0.01).loss.item<double>();
    torch::manual_seed(100 + step);
    const double got = trying.steps->take(step, 0.01).loss.item<double>();
    news += trying.steps->news();
    EXPECT_EQ(got, expected) << step;
  }
  EXPECT_EQ(news, "the steps are not recorded: an operation that cannot be recorded") << "said once";
}

TEST_F(Plugin, ThatCannotPlayEndsTheRunWithItsReason) {
  ASSERT_EQ(use_plugin(kFakes / "libfake_plugin.so"), "");
  find<void(bool)>("fake_plugin_succeeds")(true);
  {
    Trainee trainee(true);
    for (int step = 0; step < 3; ++step) trainee.steps->take(step, 0.01);
    try {
      trainee.steps->take(3, 0.01);
      ADD_FAILURE() << "nothing was thrown";
    } catch (const std::runtime_error& error) {
      EXPECT_EQ(std::string(error.what()), "the GPU has fallen off the bus");
    }
    EXPECT_EQ(find<int()>("fake_plugin_recordings")(), 1);
  }
  EXPECT_EQ(find<int()>("fake_plugin_recordings")(), 0) << "a recording is given back";
  find<void(bool)>("fake_plugin_succeeds")(false);
}

TEST_F(Plugin, ThatIsNotThereOrOfAnotherVersionSaysSo) {
  EXPECT_EQ(use_plugin(kFakes / "none.so"), "none.so does not lie beside this program");
  EXPECT_EQ(use_plugin(kFakes / "libold_plugin.so"), "libold_plugin.so is of another version");
  std::string problem;
  EXPECT_EQ(Recording::make([] {}, problem), nullptr);
  EXPECT_FALSE(problem.empty());
}

TEST(CudnnAttention, DropsExactlyInSixteenths) {
  for (const double exact : {0.0, 0.0625, 0.125, 0.25, 0.5}) EXPECT_TRUE(cudnn_drops_exactly(exact)) << exact;
  for (const double other : {0.1, 0.2, 0.3, 0.99}) EXPECT_FALSE(cudnn_drops_exactly(other)) << other;
}

TEST(SettleGpu, SwitchesOffWhatIsNotExact) {
  auto& context = at::globalContext();
  settle_gpu(0.2, false);
  EXPECT_FALSE(context.userEnabledCuDNNSDP());
  settle_gpu(0.25, false);
  EXPECT_TRUE(context.userEnabledCuDNNSDP());
  EXPECT_FALSE(context.deterministicAlgorithms());
  settle_gpu(0.0, true);
  EXPECT_FALSE(context.userEnabledCuDNNSDP());
  EXPECT_TRUE(context.deterministicAlgorithms());
  EXPECT_STREQ(std::getenv("CUBLAS_WORKSPACE_CONFIG"), ":4096:8");
  context.setDeterministicAlgorithms(false, false);
  context.setSDPUseCuDNN(true);
}

TEST(LeastMemoryNeed, IsNoMoreThanStepsHaveTaken) {
  Recipe recipe = recipe_named("shakespeare");
  recipe.model.vocabulary_size = 65;
  const auto bytes = [&](torch::Device device) {
    const MemoryNeed need = least_memory_need(recipe, device);
    return need.fixed + need.each * static_cast<double>(windows_at_a_time(recipe));
  };
  // Measured with 64 windows: book/results/12-step.json, and on an H200 by autograd book/results/gpu.
  EXPECT_LE(bytes(torch::kCPU), 4277e6);
  EXPECT_GE(bytes(torch::kCPU), 4277e6 / 2);
  EXPECT_LE(bytes(torch::kCUDA), 1815e6);
  EXPECT_GE(bytes(torch::kCUDA), 1815e6 / 2);
  EXPECT_LE(least_memory_need(recipe, torch::kCUDA).each, 1473.2 / 60'000 * (1 << 30));
  recipe.precision = "fp32";
  EXPECT_EQ(least_memory_need(recipe, torch::kCUDA).each, least_memory_need(recipe, torch::kCPU).each);

  // Whoever shares a batch has a part of it, and may have a part of the optimizer's state.
  recipe.accumulate = 4;
  EXPECT_EQ(windows_at_a_time(recipe), 16);
  EXPECT_EQ(windows_at_a_time(recipe, {3, false}), 6);
  const double alone = least_memory_need(recipe, torch::kCPU).fixed;
  EXPECT_DOUBLE_EQ(least_memory_need(recipe, torch::kCPU, {4, false}).fixed, alone);
  EXPECT_DOUBLE_EQ(least_memory_need(recipe, torch::kCPU, {4, true}).fixed, alone * 10 / 16);
}

TEST(LeastMemoryNeed, CountsOneMomentWhereMuonMovesMatrices) {
  Recipe recipe = recipe_named("speedrun");
  recipe.model.vocabulary_size = 65;
  const auto matrices = static_cast<double>(12 * recipe.model.layers * recipe.model.width * recipe.model.width),
             table = static_cast<double>(65 * recipe.model.width);
  EXPECT_DOUBLE_EQ(least_memory_need(recipe, torch::kCPU).fixed, 12 * matrices + 16 * table);
  recipe.without.insert(Part::muon);
  EXPECT_DOUBLE_EQ(least_memory_need(recipe, torch::kCPU).fixed, 16 * (matrices + table));
}

TEST(MemoryAdvice, NamesABatchThatFits) {
  constexpr std::int64_t kGibibyte = std::int64_t{1} << 30;
  // 1 GiB at any rate and 0.5 GiB a window.
  const MemoryNeed need = memory_need(4, 3 * kGibibyte, 12, 7 * kGibibyte);
  EXPECT_DOUBLE_EQ(need.fixed, static_cast<double>(kGibibyte));
  EXPECT_DOUBLE_EQ(need.each, 0.5 * static_cast<double>(kGibibyte));

  StepSettings settings;
  settings.batch_size = 64;
  // Of 15 GiB, 13.5 may be filled: 25 windows. 64 in parts of at most 25 are three parts.
  EXPECT_EQ(
      memory_advice(need, 15 * kGibibyte, settings),
      "the GPU's memory does not suffice: 64 windows at a time need about 33.0 GiB, and 15.0 are there; --batch-size "
      "25, or --accumulate 3, would fit");
  settings.accumulate = 2;
  EXPECT_NE(memory_advice(need, 15 * kGibibyte, settings).find(": 32 windows at a time need about 17.0 GiB"),
            std::string::npos);
  EXPECT_NE(memory_advice(need, 15 * kGibibyte, settings).find("--accumulate 3,"), std::string::npos);
  EXPECT_NE(memory_advice(need, kGibibyte, settings).find("not one would fit"), std::string::npos);
}

TEST(CardPeak, TellsVariantsApart) {
  // NVIDIA's data sheets, dense. What is no card of the list is not taken for its neighbour.
  EXPECT_EQ(card_peak("NVIDIA H200", true).operations, 989e12);
  EXPECT_EQ(card_peak("NVIDIA H200 NVL", true).operations, 835.5e12);
  EXPECT_EQ(card_peak("NVIDIA B200", true).operations, 2250e12);
  EXPECT_EQ(card_peak("NVIDIA GB200", true).operations, 2500e12);
  EXPECT_EQ(card_peak("NVIDIA GeForce RTX 3090 Ti", true).operations, 80e12);
  EXPECT_EQ(card_peak("NVIDIA GeForce RTX 3090", true).operations, 71e12);
  EXPECT_EQ(card_peak("NVIDIA GeForce RTX 4090", false).operations, 82.6e12);
  EXPECT_EQ(card_peak("NVIDIA A100-SXM4-80GB", true).operations, 312e12);
  for (const char* other :
       {"NVIDIA GeForce RTX 4090 Laptop GPU", "NVIDIA GeForce RTX 4090 D", "NVIDIA H100 80GB HBM3 MIG 1g.10gb",
        "NVIDIA A100-SXM4-40GB MIG 3g.20gb", "NVIDIA GeForce RTX 4080 SUPER"}) {
    EXPECT_FALSE(card_peak(other, true).operations.has_value()) << other;
  }
}

TEST(GpuFacts, TellWhatACardComputesIn) {
  EXPECT_TRUE(has_bfloat16({"NVIDIA H100", 80, 9, 0}));
  EXPECT_TRUE(has_bfloat16({"NVIDIA A100", 80, 8, 0}));
  EXPECT_FALSE(has_bfloat16({"Tesla T4", 16, 7, 5}));
  EXPECT_EQ(describe(GpuFacts{"NVIDIA H200", std::int64_t{140} << 30, 9, 0}),
            "NVIDIA H200 (140 GiB, compute capability 9.0)");
}

TEST(OptimizerState, IsACopy) {
  auto matrix = torch::ones({4, 6}).requires_grad_();
  matrix.mutable_grad() = torch::ones({4, 6});
  AdamW clear({matrix}, {});
  FusedAdamW fused({matrix}, {});
  DeviceAdamW device({matrix}, {});
  Muon muon({matrix}, {});
  for (Optimizer* optimizer : std::initializer_list<Optimizer*>{&clear, &fused, &device, &muon}) {
    optimizer->step(0.01);
    const auto state = optimizer->state();
    std::vector<torch::Tensor> before;
    for (const auto& entry : state) before.push_back(entry.second.clone());
    optimizer->step(0.01);
    ASSERT_FALSE(state.empty());
    for (std::size_t i = 0; i < state.size(); ++i) {
      EXPECT_TRUE(torch::equal(state[i].second, before[i])) << state[i].first;
    }
  }
}

TEST(Recipe, KeepsWhetherItsRunIsTheSameEachTime) {
  const auto kept = [](const Json& json) {
    return recipe_from_json(parse_json(json_text(json), "recipe")).deterministic;
  };
  Recipe recipe = recipe_named("shakespeare");
  recipe.model.vocabulary_size = 65;
  EXPECT_FALSE(kept(to_json(recipe)));
  recipe.deterministic = true;
  EXPECT_TRUE(kept(to_json(recipe)));
  Json old = to_json(recipe);
  old.erase("deterministic");
  EXPECT_FALSE(kept(old)) << "a run from before there was such a flag";
}

}  // namespace
}  // namespace verse
