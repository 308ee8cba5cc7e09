/// The parts of the modern GPT against the forms that are spelled out, LibTorch's decompositions, and numbers worked
/// out by hand.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "01_tokenizer/tokenizer.h"
#include "05_training/given/checkpoint.h"
#include "07_sampling/sampling.h"
#include "11_modern/given/modern_gpt.h"
#include "11_modern/given/modern_training.h"
#include "common/base/error.h"
#include "common/base/files.h"
#include "tests/common/largest_difference.h"
#include "tests/common/temporary_folder.h"

namespace verse {
namespace {

GPTOptions tiny_options(bool fused = true) {
  GPTOptions options;
  options.vocabulary_size = 11;
  options.context = 8;
  options.layers = 2;
  options.heads = 2;
  options.width = 16;
  options.fused = fused;
  return options;
}

/// A model none of whose parameters is 0, so that everything takes part.
ModernGPT tiny_modern(bool fused, const std::set<Part>& without = {}) {
  torch::manual_seed(4);
  ModernGPT model(tiny_options(fused), without);
  const torch::NoGradGuard no_gradients;
  for (auto& parameter : model->parameters()) parameter.add_(0.1 * torch::randn_like(parameter));
  return model;
}

TEST(Rotate, TurnsAPointByItsPosition) {
  // One pair of features turns by 1 a position: (1, 0) goes to (cos p, sin p).
  const auto x = torch::tensor({{1.0F, 0.0F}, {1.0F, 0.0F}, {0.0F, 2.0F}});
  const auto turned = rotate(x, torch::tensor({0, 1, 3}));
  const auto expected =
      torch::tensor({{1.0F, 0.0F}, {std::cos(1.0F), std::sin(1.0F)}, {-2 * std::sin(3.0F), 2 * std::cos(3.0F)}});
  EXPECT_LE(largest_difference(turned, expected), 1e-6);  // float32

  // Of two pairs, the second turns by 1 / 10,000^(2/4) = 0.01 a position.
  const auto second = rotate(torch::tensor({{0.0F, 0.0F, 1.0F, 0.0F}}), torch::tensor({50}));
  EXPECT_LE(std::abs(second[0][2].item<double>() - std::cos(0.5)), 1e-6);
  EXPECT_THROW(rotate(torch::ones({1, 3}), torch::tensor({0})), UsageError);
}

TEST(Rotate, LeavesProductsToTheDistance) {
  torch::manual_seed(1);
  const auto query = torch::randn({1, 16}), key = torch::randn({1, 16});
  const auto product = [&](std::int64_t at, std::int64_t from) {
    return (rotate(query, torch::tensor({at})) * rotate(key, torch::tensor({from}))).sum().item<double>();
  };
  // Sums of 16 products of size 1 in float32, at angles up to 40.
  EXPECT_LE(std::abs(product(7, 3) - product(40, 36)), 1e-4);
  EXPECT_GE(std::abs(product(7, 3) - product(7, 5)), 1e-2);
}

TEST(Rotate, EqualsTheComplexForm) {
  torch::manual_seed(2);
  const auto x = torch::randn({3, 2, 6, 8}).requires_grad_();
  const auto y = x.detach().clone().requires_grad_();
  const auto positions = torch::arange(6) + 5;
  const auto clear = rotate(x, positions), fast = rotate_by(y, turns_at(positions, 8));
  EXPECT_LE(largest_difference(clear, fast), 1e-6);  // the same four products, in float32
  const auto weights = torch::randn_like(x);
  (clear * weights).sum().backward();
  (fast * weights).sum().backward();
  EXPECT_LE(largest_difference(x.grad(), y.grad()), 1e-6);
}

TEST(Orthogonalise, MovesSingularValuesToOneAndKeepsDirections) {
  torch::manual_seed(3);
  // Singular values from 0.05 to 1, whose squares add up to 1.4: over the norm, none is below 0.04.
  const auto u = std::get<0>(torch::linalg_qr(torch::randn({6, 6}, torch::kFloat64)));
  const auto v = std::get<0>(torch::linalg_qr(torch::randn({9, 6}, torch::kFloat64)));
  const auto values = torch::tensor({1.0, 0.5, 0.3, 0.2, 0.1, 0.05}, torch::kFloat64);
  const auto matrix = torch::matmul(u * values, v.t());
  const auto result = orthogonalise(matrix);
  // The polynomials' best error on [0.02, 1] is 0.093 (the test below), and the directions are u and v.
  EXPECT_LE((torch::linalg_svdvals(result, std::nullopt) - 1).abs().max().item<double>(), 0.1);
  const auto mixing = torch::matmul(torch::matmul(u.t(), result), v);
  EXPECT_LE((mixing - mixing.diagonal().diag()).abs().max().item<double>(), 1e-9);  // float64
  EXPECT_LE(largest_difference(orthogonalise(matrix.t()), result.t()), 1e-12) << "a tall matrix lies down and rises";
}

TEST(Orthogonalise, HasTheBestPolynomials) {
  // A best approximation of 1 by an odd polynomial of degree five touches its largest error at four points, above and
  // below in turn (Chebyshev). On a diagonal matrix every round shows its polynomial at the diagonal.
  double low = 0.02, high = 1.0;
  for (int rounds = 1; rounds <= 3; ++rounds) {
    const auto grid = torch::linspace(0.02, 1.0, 2001, torch::kFloat64);
    torch::Tensor error = torch::empty_like(grid);
    for (std::int64_t i = 0; i < grid.size(0); ++i) {
      // The matrix diag(s, r) with s^2 + r^2 = 1 / 1.01^2, so that the norm changes nothing: 1.01 times it is 1.
      const double s = grid[i].item<double>() / 1.01, r = std::sqrt(std::max(0.0, 1 / (1.01 * 1.01) - s * s));
      const auto matrix = torch::tensor({{s, 0.0}, {0.0, r}}, torch::kFloat64);
      error[i] = orthogonalise(matrix, rounds)[0][0] - 1;
    }
    // s was divided by 1.01 and so reaches from 0.0198; what counts is that the errors above and below are alike.
    const double above = error.max().item<double>(), below = -error.min().item<double>();
    EXPECT_LE(std::abs(above - below), 0.03) << rounds << " rounds: " << above << " above, " << below << " below";
    low = 1 - below;
    high = 1 + above;
  }
  EXPECT_GE(low, 0.88);
  EXPECT_LE(high, 1.10);
  EXPECT_THROW(orthogonalise(torch::eye(2), 4), UsageError);
}

TEST(Muon, StepsAlongTheOrthogonalGradient) {
  torch::manual_seed(5);
  auto matrix = torch::randn({6, 4}).requires_grad_();
  auto stack = torch::randn({3, 4, 4}).requires_grad_();
  const auto before = matrix.detach().clone(), stack_before = stack.detach().clone();
  matrix.mutable_grad() = torch::randn({6, 4});
  stack.mutable_grad() = torch::randn({3, 4, 4});
  Muon muon({matrix, stack}, {});
  muon.step(0.1);
  // The first step's momentum is a multiple of the gradient, which is all the same to orthogonalise(). The matrix has
  // 6 rows to 4 columns: its step is sqrt(1.5) times as long.
  EXPECT_LE(largest_difference(matrix, before - 0.1 * std::sqrt(1.5) * orthogonalise(matrix.grad())), 1e-4);
  EXPECT_LE(largest_difference(stack, stack_before - 0.1 * orthogonalise(stack.grad())), 1e-4);
  EXPECT_THROW(Muon({torch::zeros({3})}, {}), UsageError);
}

TEST(Muon, LooksOneMoveAhead) {
  // On multiples of the identity everything is a number: momentum 0.05, then 0.95 x 0.05 - 0.05 x 3 = -0.1025; ahead of
  // it -3 + 0.95 (-0.1025 + 3) = -0.247, so the second step goes the other way.
  auto matrix = torch::zeros({2, 2}).requires_grad_();
  Muon muon({matrix}, {});
  matrix.mutable_grad() = torch::eye(2);
  muon.step(1.0);
  const double first = matrix[0][0].item<double>();
  matrix.mutable_grad() = -3 * torch::eye(2);
  muon.step(1.0);
  EXPECT_LE(std::abs(muon.state().at(0).second[0][0].item<double>() + 0.1025), 1e-6);
  EXPECT_LT(first, -0.8);
  EXPECT_LE(std::abs(matrix[0][0].item<double>()), 1e-5) << "there and back";
}

TEST(Muon, GoesOnFromItsState) {
  torch::manual_seed(6);
  auto a = torch::randn({4, 4}).requires_grad_();
  auto table = torch::randn({5, 4}).requires_grad_();
  const auto make = [](torch::Tensor& matrix, torch::Tensor& rest) {
    std::vector<GroupedOptimizer::Group> groups;
    groups.push_back({"matrices", std::make_unique<Muon>(std::vector<torch::Tensor>{matrix}, MuonOptions{}), 1.0});
    groups.push_back({"rest", std::make_unique<AdamW>(std::vector<torch::Tensor>{rest}, AdamWOptions{}), 0.4});
    return GroupedOptimizer(std::move(groups));
  };
  const auto gradients = [](torch::Tensor& matrix, torch::Tensor& rest, int step) {
    torch::manual_seed(100 + step);
    matrix.mutable_grad() = torch::randn({4, 4});
    rest.mutable_grad() = torch::randn({5, 4});
  };
  auto whole = make(a, table);
  for (int step = 0; step < 3; ++step) {
    gradients(a, table, step);
    whole.step(0.01);
  }
  auto b = a.detach().clone().requires_grad_(), other_table = table.detach().clone().requires_grad_();
  auto resumed = make(b, other_table);
  resumed.set_state(whole.state());
  for (int step = 3; step < 5; ++step) {
    gradients(a, table, step);
    whole.step(0.01);
    gradients(b, other_table, step);
    resumed.step(0.01);
  }
  EXPECT_TRUE(torch::equal(a, b));
  EXPECT_TRUE(torch::equal(table, other_table));
  auto state = whole.state();
  state.pop_back();
  EXPECT_THROW(resumed.set_state(state), UsageError);
}

TEST(ShiftIn, AddsAShareOfTheVectorBefore) {
  const auto x = torch::tensor({{{1.0F, 2.0F}, {3.0F, 4.0F}, {5.0F, 6.0F}}});
  const auto share = torch::tensor({0.5F, -1.0F});
  const auto expected = torch::tensor({{{1.0F, 2.0F}, {3.5F, 2.0F}, {6.5F, 2.0F}}});
  EXPECT_TRUE(torch::equal(shift_in(x, share), expected));
  const auto before = torch::tensor({{{2.0F, 1.0F}}});
  EXPECT_TRUE(torch::equal(shift_in(x.narrow(1, 0, 1), share, before), torch::tensor({{{2.0F, 1.0F}}})));
}

TEST(ShiftIn, AndSquaredReluEqualTheClearForms) {
  torch::manual_seed(7);
  const auto x = torch::randn({3, 5, 8}).requires_grad_(), share = torch::randn({8}).requires_grad_();
  const auto y = x.detach().clone().requires_grad_(), other = share.detach().clone().requires_grad_();
  const auto weights = torch::randn({3, 5, 8});
  const auto clear = torch::relu(shift_in(x, share)).square();
  const auto fast = squared_relu(shift_in_fused(y, other));
  (clear * weights).sum().backward();
  (fast * weights).sum().backward();
  // Sums of at most 15 products of size 1, in float32.
  EXPECT_LE(largest_difference(clear, fast), 1e-5);
  EXPECT_LE(largest_difference(x.grad(), y.grad()), 1e-5);
  EXPECT_LE(largest_difference(share.grad(), other.grad()), 1e-4);
}

TEST(ModernGPT, FastFormEqualsTheClearOneWhateverIsLeftOut) {
  std::vector<std::set<Part>> choices{{}};
  for (const auto& [part, name] : part_names()) choices.push_back({part});
  for (const auto& without : choices) {
    const std::string name = without.empty() ? "nothing" : name_of(*without.begin());
    ModernGPT clear = tiny_modern(false, without), fast = tiny_modern(true, without);
    const auto tokens = torch::arange(24).remainder(11).view({3, 8}), targets = tokens.roll(1, 1);
    const auto clear_logits = clear->forward(tokens), fast_logits = fast->forward(tokens);
    // Two layers of sums of 16 to 64 products in float32, in another order.
    EXPECT_LE(largest_difference(clear_logits, fast_logits), 2e-5) << "without " << name;
    const auto loss = [&targets](const torch::Tensor& logits) {
      return torch::nn::functional::cross_entropy(logits.flatten(0, 1), targets.flatten());
    };
    loss(clear_logits).backward();
    loss(fast_logits).backward();
    const auto others = fast->named_parameters();
    for (const auto& parameter : clear->named_parameters()) {
      ASSERT_TRUE(parameter.value().grad().defined()) << parameter.key();
      EXPECT_LE(largest_difference(parameter.value().grad(), others[parameter.key()].grad()), 2e-5)
          << parameter.key() << " without " << name;
    }
  }
}

TEST(ModernGPT, BeginsByGuessing) {
  // A head of zeros has one answer for all: ln 11.
  ModernGPT model(tiny_options());
  const auto tokens = torch::arange(16).remainder(11).view({2, 8});
  const auto loss = batch_loss(model, {tokens, tokens.roll(1, 1)});
  EXPECT_LE(std::abs(loss.item<double>() - std::log(11.0)), 1e-6);
}

TEST(ModernGPT, LooksNowhereAhead) {
  for (const bool fused : {false, true}) {
    ModernGPT model = tiny_modern(fused);
    auto tokens = torch::arange(8).view({1, 8});
    const auto before = model->forward(tokens).narrow(1, 0, 5).clone();
    tokens[0][5] = 10;
    EXPECT_TRUE(torch::equal(model->forward(tokens).narrow(1, 0, 5), before)) << fused;
  }
}

TEST(ModernGPT, WritesTheSameTextFromACache) {
  // Longer than the context of 8, so that the last half is read again; turned keys are kept as they are.
  ModernGPT model = tiny_modern(true);
  SamplingOptions options;
  options.temperature = 1.0;
  const auto write = [&](bool cached) {
    options.cached = cached;
    Random random(3);
    return generate(model, {1, 2, 3}, 40, options, random);
  };
  EXPECT_EQ(write(true), write(false));

  // And the logits themselves: one at a time, and two after six.
  const torch::NoGradGuard no_gradients;
  const std::vector<std::int64_t> tokens{3, 1, 4, 1, 5, 9, 2, 6};
  const auto whole = model->forward(torch::tensor(tokens).unsqueeze(0))[0][-1];
  Cache cache = make_cache(2);
  torch::Tensor last;
  for (const auto token : tokens) last = next_logits(model, {token}, &cache);
  EXPECT_LE(largest_difference(last, whole), 1e-5);
  Cache other = make_cache(2);
  next_logits(model, {tokens.begin(), tokens.begin() + 6}, &other);
  EXPECT_LE(largest_difference(next_logits(model, {tokens.begin() + 6, tokens.end()}, &other), whole), 1e-5);
}

TEST(ModernGPT, PutsItsOwnCacheAroundOneThatIsEmpty) {
  ModernGPT model = tiny_modern(true);
  const torch::NoGradGuard no_gradients;
  Cache cache = make_cache(2);
  const auto given = cache[1];
  next_logits(model, {1, 2, 3}, &cache);
  EXPECT_NE(std::dynamic_pointer_cast<ShiftCache>(cache[1]), nullptr);
  EXPECT_EQ(given->length(), 3) << "the keys are where they were to be kept";

  // One that has been read into by another model has no last vectors.
  ModernGPT plain = tiny_modern(true, {Part::token_shift});
  Cache begun = make_cache(2);
  next_logits(plain, {1, 2, 3}, &begun);
  EXPECT_EQ(std::dynamic_pointer_cast<ShiftCache>(begun[1]), nullptr);
  EXPECT_THROW(next_logits(model, {4}, &begun), std::invalid_argument);
  EXPECT_THROW(model->forward(torch::zeros({1, 9}, torch::kInt64)), UsageError) << "a context has 8 positions";
}

TEST(ModernGPT, GivesTheLastPositionsLogitsAlone) {
  ModernGPT model = tiny_modern(true);
  const auto tokens = torch::arange(16).remainder(11).view({2, 8});
  ForwardExtras extras;
  extras.last_only = true;
  const auto last = model->forward(tokens, extras);
  EXPECT_EQ(last.sizes(), (std::vector<std::int64_t>{2, 1, 11}));
  EXPECT_LE(largest_difference(last.select(1, 0), model->forward(tokens).select(1, 7)), 1e-5);
}

TEST(ModernGPT, SurvivesTheDisk) {
  const TemporaryFolder folder;
  const Tokenizer tokenizer = Tokenizer::from_text("\nabcdefghij");
  ModernGPT model = tiny_modern(true, {Part::rotary});
  save_any_model(folder / "run", *model, tokenizer_text(tokenizer));
  torch::manual_seed(8);
  LanguageModel loaded = load_any_gpt(folder / "run");
  const auto drawn = torch::rand({3});
  torch::manual_seed(8);
  EXPECT_TRUE(torch::equal(drawn, torch::rand({3}))) << "no first values are drawn for what the file has";
  const auto tokens = torch::arange(8).view({1, 8});
  EXPECT_TRUE(torch::equal(loaded->forward(tokens), model->forward(tokens)));
  EXPECT_THROW(load_model(folder / "run"), UsageError) << "it is no GPT-2";

  // What was altered is refused.
  auto config = nlohmann::ordered_json::parse(read_file(folder / "run" / "config.json"));
  config["n_head"] = 4;
  write_file_atomically(folder / "run" / "config.json", config.dump());
  EXPECT_NE(message_of<UsageError>([&] { load_any_gpt(folder / "run"); }).find("config.json"), std::string::npos);
}

TEST(FallingLearningRate, StaysAndThenFallsInALine) {
  const Schedule schedule{0.02, 0.0, 0, 100};
  EXPECT_EQ(falling_learning_rate(0, schedule, 0.6), 0.02);
  EXPECT_EQ(falling_learning_rate(40, schedule, 0.6), 0.02);
  EXPECT_LE(std::abs(falling_learning_rate(70, schedule, 0.6) - 0.01), 1e-12);
  EXPECT_EQ(falling_learning_rate(100, schedule, 0.6), 0.0);
}

/// Notes the rates that it is given.
class Noting : public Optimizer {
 public:
  explicit Noting(std::vector<double>& rates) : rates_(rates) {}
  void step(double learning_rate) override { rates_.push_back(learning_rate); }
  const std::vector<torch::Tensor>& parameters() const override { return none_; }
  std::vector<std::pair<std::string, torch::Tensor>> state() const override { return {}; }
  void set_state(const std::vector<std::pair<std::string, torch::Tensor>>&) override {}

 private:
  std::vector<double>& rates_;
  std::vector<torch::Tensor> none_;
};

TEST(FallingRate, KeepsToItsOwnScheduleAndGoesOnFromItsState) {
  const Schedule schedule{0.02, 0.0, 0, 10};
  std::vector<double> rates;
  FallingRate whole(std::make_unique<Noting>(rates), schedule, 0.5);
  for (int step = 0; step < 7; ++step) whole.step(1.0);
  FallingRate resumed(std::make_unique<Noting>(rates), schedule, 0.5);
  resumed.set_state(whole.state());
  for (int step = 7; step < 10; ++step) resumed.step(1.0);
  ASSERT_EQ(rates.size(), 10U);
  for (std::int64_t step = 0; step < 10; ++step)
    EXPECT_EQ(rates[static_cast<std::size_t>(step)], falling_learning_rate(step, schedule, 0.5)) << step;
}

TEST(TrainModern, LearnsATextThatRepeats) {
  torch::manual_seed(5);
  ModernGPT model(tiny_options());
  const auto tokens = torch::arange(220).remainder(11);
  SmallTraining plan;
  plan.schedule.steps = 120;
  EXPECT_GT(train_modern(model, tokens, plan), 0.0);
  EXPECT_FALSE(model->is_training());
  EXPECT_LT(evaluate(model, tokens, 8), 0.5) << "what follows is certain; a guess has ln 11 = 2.4";
}

}  // namespace
}  // namespace verse
