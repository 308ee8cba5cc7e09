#include <gtest/gtest.h>

#include <cmath>

#include "02_embeddings/embeddings.h"
#include "tests/harness/check.h"

namespace verse {
namespace {

using torch::Tensor;

/// The largest difference between two tensors; NaN where either has one.
double gap(const Tensor& one, const Tensor& other) {
  EXPECT_EQ(one.sizes(), other.sizes());
  return (one.to(torch::kFloat64) - other.to(torch::kFloat64)).abs().max().item<double>();
}

TEST(Chapter2, EmbeddingIsLookupAndOneHotProduct) {
  const auto table = normal_input({65, 16}, 1);
  const auto tokens = token_input({4, 7}, 65, 2);
  // A product with a single 1 a row rounds nothing.
  EXPECT_EQ(gap(embed_tokens(table, tokens), torch::one_hot(tokens, 65).to(torch::kFloat32).matmul(table)), 0);
  EXPECT_EQ(gap(embed_tokens(table, tokens), torch::embedding(table, tokens)), 0);
}

TEST(Chapter2, PositionsAreAddedAtEachPlaceOfEveryRow) {
  const auto token_table = normal_input({9, 4}, 3);
  const auto position_table = normal_input({8, 4}, 4);
  const auto tokens = token_input({2, 5}, 9, 5);
  const auto sum = embed(token_table, position_table, tokens);
  for (std::int64_t row = 0; row < 2; ++row) {
    for (std::int64_t time = 0; time < 5; ++time) {
      EXPECT_EQ(gap(sum[row][time], token_table[tokens[row][time].item<std::int64_t>()] + position_table[time]), 0);
    }
  }
}

TEST(Chapter2, SoftmaxEqualsLibTorch) {
  const auto scores = normal_input({3, 4, 7}, 6, 5.0).requires_grad_();
  const auto ours = softmax(scores);
  const auto theirs = torch::softmax(scores, -1);
  // float32 keeps 7 digits; sums of 7 numbers of size 1.
  EXPECT_LE(gap(ours, theirs), 1e-6);
  const auto weights = normal_input({3, 4, 7}, 7);
  const auto our_gradient = torch::autograd::grad({(ours * weights).sum()}, {scores})[0];
  const auto their_gradient = torch::autograd::grad({(theirs * weights).sum()}, {scores})[0];
  EXPECT_LE(gap(our_gradient, their_gradient), 1e-6);
}

TEST(Chapter2, SoftmaxByHand) {
  // e^ln1 : e^ln2 : e^ln5 = 1 : 2 : 5.
  const auto probabilities = softmax(torch::tensor({0.0, std::log(2.0), std::log(5.0)}, torch::kFloat64));
  EXPECT_LE(gap(probabilities, torch::tensor({0.125, 0.25, 0.625}, torch::kFloat64)), 1e-15);
}

TEST(Chapter2, SoftmaxSurvivesLargeScores) {
  const auto probabilities = softmax(torch::tensor({1e4F, 1e4F, -1e4F}));
  EXPECT_LE(gap(probabilities, torch::tensor({0.5F, 0.5F, 0.0F})), 0);
}

TEST(Chapter2, CrossEntropyEqualsLibTorchAndItsGradientTheFormula) {
  const auto logits = normal_input({32, 65}, 8, 3.0).requires_grad_();
  const auto targets = token_input({32}, 65, 9);
  const auto ours = cross_entropy(logits, targets);
  // A loss of about 5, kept to 7 digits.
  EXPECT_LE(gap(ours, torch::nn::functional::cross_entropy(logits, targets)), 2e-6);
  const auto by_autograd = torch::autograd::grad({ours}, {logits})[0];
  EXPECT_LE(gap(cross_entropy_gradient(logits.detach(), targets), by_autograd), 1e-7);
}

TEST(Chapter2, CrossEntropyGradientByFiniteDifference) {
  const auto logits = normal_input({3, 4}, 10).to(torch::kFloat64);
  const auto targets = torch::tensor({1, 3, 0}, torch::kInt64);
  const auto formula = cross_entropy_gradient(logits, targets);
  constexpr double kStep = 1e-5;
  for (std::int64_t row = 0; row < 3; ++row) {
    for (std::int64_t column = 0; column < 4; ++column) {
      auto up = logits.clone(), down = logits.clone();
      up[row][column] += kStep;
      down[row][column] -= kStep;
      const double slope = ((cross_entropy(up, targets) - cross_entropy(down, targets)) / (2 * kStep)).item<double>();
      // A central difference is off by the third derivative (below 1) times the step squared, and by rounding over the
      // step.
      EXPECT_LE(std::abs(slope - formula[row][column].item<double>()), 1e-9);
    }
  }
}

TEST(Chapter2, UniformGuessCostsTheLogarithmOfTheVocabulary) {
  const double loss = cross_entropy(torch::zeros({10, 65}, torch::kFloat64), token_input({10}, 65, 11)).item<double>();
  EXPECT_LE(std::abs(loss - std::log(65.0)), 1e-12);
  EXPECT_LE(std::abs(loss - 4.174), 0.0005);  // the figure in the book
}

TEST(Chapter2, DescendEqualsLibTorchsSGD) {
  const auto start = normal_input({4, 3}, 12);
  const auto target = normal_input({4, 3}, 13);
  auto ours = start.clone().requires_grad_();
  auto theirs = start.clone().requires_grad_();
  torch::optim::SGD optimizer({theirs}, 0.05);
  for (int step = 0; step < 20; ++step) {
    (ours - target).pow(2).sum().backward();
    descend({ours}, 0.05);
    optimizer.zero_grad();
    (theirs - target).pow(2).sum().backward();
    optimizer.step();
  }
  EXPECT_LE(gap(ours.detach(), theirs.detach()), 1e-6);  // twenty roundings of numbers of size 1
  EXPECT_LT(gap(ours.detach(), target), gap(start, target));
}

TEST(Chapter2, ParameterCountsOfKnownModels) {
  // The talk's model: each figure by hand.
  const auto talk = count_parameters({});
  EXPECT_EQ(talk.token_embedding, 24'960);
  EXPECT_EQ(talk.position_embedding, 98'304);
  EXPECT_EQ(talk.block, 1'774'464);
  EXPECT_EQ(talk.total, 10'770'816);
  // GPT-2 as released: 124,439,808 (the count of Hugging Face's `gpt2`).
  EXPECT_EQ(count_parameters({50'257, 1024, 12, 12, 768}).total, 124'439'808);
  // The number of heads changes nothing; the number of layers changes the blocks alone.
  EXPECT_EQ(count_parameters({65, 256, 6, 1, 384}).total, talk.total);
  EXPECT_EQ(count_parameters({65, 256, 7, 6, 384}).total, talk.total + talk.block);
}

TEST(Chapter2, PairModelStartsNearTheUniformGuessAndLearns) {
  torch::manual_seed(1);
  PairModel model(65, 32);
  const auto now = token_input({512}, 65, 14);
  const auto next = (now * 7 + 3).remainder(65);
  const double first = cross_entropy(model->forward(now), next).item<double>();
  EXPECT_LE(std::abs(first - std::log(65.0)), 0.01);
  for (int step = 0; step < 300; ++step) {
    cross_entropy(model->forward(now), next).backward();
    descend(model->parameters(), 20);
  }
  // Each token has one successor, so the loss can go to 0.
  EXPECT_LT(cross_entropy(model->forward(now), next).item<double>(), 0.1);
}

TEST(Chapter2, TiedPairModelSharesOneTable) {
  PairModel tied(65, 8, /*tied=*/true);
  EXPECT_EQ(tied->parameters().size(), 1U);
  EXPECT_TRUE(tied->token_table.is_same(tied->output_table));
}

}  // namespace
}  // namespace verse
