/// Training by several ranks: it has to be that of one, with the same batch.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <string>
#include <vector>

#include "12_full_gpt/data_parallel.h"
#include "12_full_gpt/given/cpu/fast_dropout.h"
#include "12_full_gpt/given/model/fast_gpt.h"
#include "12_full_gpt/given/training/sharded_optimizer.h"
#include "12_full_gpt/given/training/team_gradients.h"
#include "12_full_gpt/given/training/team_run.h"
#include "12_full_gpt/given/training/training_step.h"
#include "common/base/error.h"
#include "tests/common/team_threads.h"
#include "tests/common/temporary_folder.h"

namespace verse {
namespace {

const torch::Tensor& shared_text() {
  static const torch::Tensor tokens = torch::arange(300).square().remainder(11);
  return tokens;
}

struct Outcome {
  std::vector<torch::Tensor> parameters;
  double loss = 0;  ///< of the last step
  ShardedOptimizer::State optimizer;
};

GPT model_of_few() {
  GPTOptions options;
  options.vocabulary_size = 11;
  options.context = 8;
  options.layers = 2;
  options.heads = 2;
  options.width = 16;
  return GPT(options);
}

/// One model for all, so that threads need not share a generator.
const std::vector<torch::Tensor>& first_weights() {
  static const std::vector<torch::Tensor> weights = [] {
    torch::manual_seed(5);
    std::vector<torch::Tensor> copies;
    for (const auto& parameter : model_of_few()->parameters())
      copies.push_back(parameter.detach().to(torch::kFloat64).clone());
    return copies;
  }();
  return weights;
}

/// Twenty steps of AdamW in float64.
Outcome train_steps(Team& team, std::int64_t rows, std::int64_t parts, const TeamOptions& options) {
  GPT model = model_of_few();
  model->to(torch::kFloat64);
  {
    const torch::NoGradGuard no_gradients;
    auto parameters = model->parameters();
    for (std::size_t i = 0; i < parameters.size(); ++i) parameters[i].copy_(first_weights()[i]);
  }
  const auto make = [](std::vector<torch::Tensor> mine) { return make_adamw(std::move(mine), {}); };
  const auto optimizer = options.shard_optimizer ? std::make_unique<ShardedOptimizer>(team, model->parameters(), make)
                                                 : make(model->parameters());
  StepSettings settings;
  settings.batch_size = rows;
  settings.context = 8;
  settings.accumulate = parts;
  settings.team = options;
  Random random(3);
  TrainingStep step(model, *optimizer, shared_text(), settings, random, team);
  Outcome outcome;
  for (int number = 0; number < 20; ++number) outcome.loss = step.take(number, 1e-2).loss.item<double>();
  for (const auto& parameter : model->parameters()) outcome.parameters.push_back(parameter.detach().clone());
  outcome.optimizer = optimizer->state();
  if (auto* sharded = dynamic_cast<ShardedOptimizer*>(optimizer.get())) sharded->gather(outcome.optimizer);
  return outcome;
}

double apart(const Outcome& one, const Outcome& other) {
  double most = 0;
  for (std::size_t i = 0; i < one.parameters.size(); ++i) {
    most = std::max(most, (one.parameters[i] - other.parameters[i]).abs().max().item<double>());
  }
  return most;
}

TEST(SeveralRanks, TrainAsOne) {
  torch::set_num_threads(1);
  Team nobody_else;
  for (const auto& [rows, parts] : std::vector<std::pair<std::int64_t, std::int64_t>>{{6, 1}, {7, 1}, {11, 2}}) {
    const Outcome expected = train_steps(nobody_else, rows, parts, {});
    for (const std::string sync : {"overlapped", "reducer", "after", "ring"}) {
      for (const int size : {2, 3}) {
        std::vector<Outcome> outcomes(static_cast<std::size_t>(size));
        run_good_team(size, [&, rows = rows, parts = parts](Team& team) {
          outcomes[static_cast<std::size_t>(team.rank())] =
              train_steps(team, rows, parts, {sync, SumPrecision::as_they_are});
        });
        for (const Outcome& outcome : outcomes) {
          ASSERT_EQ(outcome.parameters.size(), expected.parameters.size());
          EXPECT_LT(apart(expected, outcome), 1e-12) << sync << ", " << size << " ranks, " << rows << " rows";
          EXPECT_EQ(apart(outcomes[0], outcome), 0) << "all ranks hold the same weights";
          EXPECT_NEAR(outcome.loss, expected.loss, 1e-6);
        }
      }
    }
  }
}

/// Whether two states have the same names and, bit for bit, the same numbers.
void expect_same(const ShardedOptimizer::State& one, const ShardedOptimizer::State& other) {
  ASSERT_EQ(one.size(), other.size());
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_EQ(one[i].first, other[i].first);
    EXPECT_TRUE(torch::equal(one[i].second, other[i].second)) << one[i].first;
  }
}

TEST(SeveralRanks, ShareOutTheOptimizer) {
  torch::set_num_threads(1);
  for (const int size : {2, 3}) {
    Outcome whole, shared;
    run_good_team(size, [&](Team& team) {
      TeamOptions options;
      const Outcome by_whole = train_steps(team, 7, 1, options);
      options.shard_optimizer = true;
      const Outcome by_shares = train_steps(team, 7, 1, options);
      EXPECT_EQ(apart(by_whole, by_shares), 0) << "rank " << team.rank() << " of " << size;
      if (!team.leads()) return;
      whole = by_whole;
      shared = by_shares;
    });
    expect_same(whole.optimizer, shared.optimizer);

    // What one team has kept, another of another size goes on with.
    run_good_team(size + 1, [&](Team& team) {
      const auto make = [](std::vector<torch::Tensor> mine) { return make_adamw(std::move(mine), {}); };
      ShardedOptimizer optimizer(team, shared.parameters, make);
      if (team.leads()) optimizer.set_state(shared.optimizer);
      optimizer.hand_out();
      auto state = optimizer.state();
      std::int64_t elsewhere = 0;
      for (const auto& [name, tensor] : state) elsewhere += tensor.abs().max().item<double>() == 0 ? 1 : 0;
      EXPECT_GT(elsewhere, 0) << "rank " << team.rank() << " has it all";
      optimizer.gather(state);
      if (team.leads()) expect_same(state, shared.optimizer);
      std::int64_t numbers = 0;
      for (const auto& parameter : shared.parameters) numbers += 2 * parameter.numel();
      EXPECT_EQ(team.sum(static_cast<double>(optimizer.numbers_kept())), static_cast<double>(numbers));
      EXPECT_LT(optimizer.numbers_kept(), numbers * 2 / (size + 1));
    });
  }
}

TEST(SeveralRanks, ShareOutEvenlyAndToFewerThanThereAre) {
  std::vector<torch::Tensor> parameters;
  for (const std::int64_t numbers : {3, 10, 4, 7}) parameters.push_back(torch::zeros({numbers}));
  EXPECT_EQ(share_out_parameters(parameters, 2), (std::vector<int>{0, 0, 1, 1}));
  EXPECT_EQ(share_out_parameters(parameters, 1), (std::vector<int>{0, 0, 0, 0}));
  EXPECT_EQ(share_out_parameters(parameters, 6), (std::vector<int>{3, 0, 2, 1}));
  run_good_team(3, [](Team& team) {
    const auto only = torch::ones({2, 2}).requires_grad_();
    ShardedOptimizer optimizer(team, {only}, [](auto mine) { return make_adamw(std::move(mine), {}); });
    only.mutable_grad() = torch::ones({2, 2});
    optimizer.step(0.5);
    EXPECT_LT(only.max().item<double>(), 0.6) << "rank " << team.rank() << " keeps nothing, and has what rank 0 moved";
  });
}

TEST(SeveralRanks, EvaluateAsOne) {
  torch::set_num_threads(1);
  GPT model = model_of_few();
  model->to(torch::kFloat64);
  for (const std::int64_t length : {2, 9, 10, 90, 300}) {
    const auto tokens = shared_text().slice(0, 0, length);
    const double expected = evaluate(model, tokens, 4);
    run_good_team(3, [&](Team& team) { EXPECT_NEAR(evaluate_together(team, model, tokens, 4), expected, 1e-12); });
  }
}

TEST(SeveralRanks, DropWhatOneWouldDrop) {
  const auto x = torch::ones({6, 5, 8});
  const Drops whole{0.4, 1234};
  const auto expected = fast_dropout(x, 0.4);  // any draw: what follows takes its seed by hand
  ASSERT_EQ(expected.sizes(), x.sizes());
  torch::manual_seed(9);
  const auto of_the_batch = fast_dropout(x, 0.4);
  for (const bool a_row_a_position : {false, true}) {
    torch::manual_seed(9);
    auto part = x.narrow(0, 2, 3);
    if (a_row_a_position) part = part.reshape({-1, 8});
    const PartOfBatch here(2, 3);
    const auto dropped = fast_dropout(part, 0.4).reshape({3, 5, 8});
    EXPECT_TRUE(torch::equal(dropped, of_the_batch.narrow(0, 2, 3)));
  }

  // Attention's weights too, and the same ones on the way back.
  const auto all = torch::arange(6 * 4 * 12, torch::kFloat32).sin().view({6, 4, 12}).requires_grad_();
  const auto weighting = torch::arange(6 * 4 * 4, torch::kFloat32).cos().view({6, 4, 4});
  const auto mixed = attend_dropping(all, 2, whole);
  (mixed * weighting).sum().backward();
  const auto some = all.detach().narrow(0, 4, 2).clone().requires_grad_();
  Drops of_the_part = whole;
  of_the_part.first_row = 4;
  of_the_part.rows = 2;
  const auto mixed_part = attend_dropping(some, 2, of_the_part);
  (mixed_part * weighting.narrow(0, 4, 2)).sum().backward();
  EXPECT_TRUE(torch::allclose(mixed_part, mixed.narrow(0, 4, 2), 1e-6, 1e-6));
  EXPECT_TRUE(torch::allclose(some.grad(), all.grad().narrow(0, 4, 2), 1e-5, 1e-6));
}

TEST(SeveralRanks, RefuseABatchThatIsTooSmall) {
  const auto errors = run_team(2, [](Team& team) { train_steps(team, 3, 3, {}); });
  for (const std::string& error : errors) EXPECT_NE(error.find("has 1 row"), std::string::npos) << error;
}

TEST(Ring, IsTheEnginesAverage) {
  for (const int size : {2, 3, 4}) {
    run_good_team(size, [](Team& team) {
      // More than a socket takes at once: whoever waits for a neighbour before receiving would stand still.
      for (const std::int64_t numbers : {1, 10, 1'000'003}) {
        const auto x = torch::arange(numbers, torch::kFloat64).add(team.rank()).sin();
        auto by_engine = x.clone(), by_ring = x.clone();
        team.sum(by_engine);
        by_engine.div_(team.size());
        TeamRing ring(team);
        average_around(ring, by_ring);
        EXPECT_LT((by_engine - by_ring).abs().max().item<double>(), 1e-14);
        auto of_rank_0 = by_ring.clone();
        team.broadcast(of_rank_0);
        EXPECT_TRUE(torch::equal(of_rank_0, by_ring));
      }
    });
  }
}

}  // namespace
}  // namespace verse
