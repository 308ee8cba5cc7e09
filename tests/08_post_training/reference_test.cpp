/// @file
/// The reference of chapter 8's core: loss by hand, packing against examples alone, a grown vocabulary against its
/// base.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "08_post_training/given/chat.h"
#include "08_post_training/post_training.h"
#include "common/base/error.h"
#include "common/base/random.h"
#include "common/corpus.h"
#include "tests/04_blocks/small_model.h"

namespace verse {
namespace {

using Tokens = std::vector<std::int64_t>;

constexpr SpecialTokens kSpecial{5, 6, 7, 8, 9, 10};

GPT numbered_model(bool fused = true, std::int64_t context = 9) {
  auto options = small_options();
  options.fused = fused;
  options.context = context;
  GPT model(options);
  fill_with_numbers(*model);
  model->eval();
  return model;
}

/// float32: the same sums in another order.
void expect_close(const torch::Tensor& got, const torch::Tensor& expected, double tolerance) {
  ASSERT_EQ(got.sizes(), expected.sizes());
  const double largest = (got - expected).abs().max().item<double>();
  EXPECT_TRUE(largest <= tolerance) << "largest difference " << largest;
}

TEST(GrownVocabulary, KeepsEveryOldScore) {
  auto base = numbered_model();
  Random random(1);
  auto grown = grow_vocabulary(base, 4, random);
  EXPECT_EQ(grown->options.vocabulary_size, 15);
  const auto tokens = token_input({2, 7}, 11, 3);
  const torch::NoGradGuard no_gradients;
  // The same operations on the same numbers; a product with more columns may add in another order.
  expect_close(grown->forward(tokens).narrow(2, 0, 11), base->forward(tokens), 1e-5);
  for (const auto& parameter : base->named_parameters()) {
    const auto* own = grown->named_parameters().find(parameter.key());
    ASSERT_NE(own, nullptr) << parameter.key();
    if (parameter.key() != "token_embedding") EXPECT_TRUE(torch::equal(*own, parameter.value())) << parameter.key();
  }
  EXPECT_TRUE(torch::equal(grown->token_embedding.narrow(0, 0, 11), base->token_embedding));
}

TEST(GrownVocabulary, GivesNewTokensNoMoreThanTheirShare) {
  // A score that is the mean of n others has at most the mean of their exponentials (Jensen): n tokens and k at the
  // mean lose at most ln(1 + k / n). The noise adds a little.
  auto base = numbered_model();
  Random random(2);
  auto grown = grow_vocabulary(base, 4, random);
  const torch::NoGradGuard no_gradients;
  const auto probabilities = torch::softmax(grown->forward(token_input({4, 9}, 11, 4)), -1);
  const double most = probabilities.narrow(2, 11, 4).sum(-1).max().item<double>();
  EXPECT_TRUE(most <= 4.0 / 15 * 1.5) << most;
}

TEST(ResponseMask, FollowsTheFormat) {
  const auto row = format_turn({{1, 2}, Tokens{3, 4}, {0}}, kSpecial);
  EXPECT_EQ(row, (Tokens{5, 1, 2, 6, 7, 3, 4, 8, 0, 9}));
  const auto mask = response_mask(torch::tensor(row, torch::kInt64).unsqueeze(0), kSpecial);
  EXPECT_TRUE(torch::equal(mask, torch::tensor({{0, 0, 0, 0, 1, 1, 1, 1, 1, 1}}).to(torch::kBool)));
  const Tokens question = format_question({1, 2}, kSpecial);
  EXPECT_EQ(question, Tokens(row.begin(), row.begin() + 4));
}

TEST(MaskedLoss, IsTheHandWorkedOne) {
  // Two tokens count. The first has odds 1 to 3 (scores 0 and ln 3): -ln 1/4. The second 1 to 1: -ln 1/2.
  auto logits = torch::zeros({1, 4, 2});
  logits[0][0][1] = 50.0;           // about a token of the question: must not matter
  logits[0][1][1] = std::log(3.0);  // about token 2
  logits[0][3][0] = -50.0;          // about what comes after the end: must not matter
  const auto tokens = torch::tensor({{1, 0, 0, 1}}, torch::kInt64);
  const auto learned = torch::tensor({{0, 0, 1, 1}}).to(torch::kBool);
  const double loss = masked_loss(logits, tokens, learned).item<double>();
  EXPECT_TRUE(std::abs(loss - (std::log(4.0) + std::log(2.0)) / 2) <= 1e-6) << loss;  // float32
}

TEST(MaskedLoss, IsTheLossOverResponseTokensAlone) {
  const auto logits = normal_input({3, 10, 11}, 5, 2.0);
  const auto tokens = token_input({3, 10}, 11, 6);
  const auto learned = token_input({3, 10}, 2, 7).to(torch::kBool);
  double sum = 0;
  int count = 0;
  for (int row = 0; row < 3; ++row) {
    for (int place = 1; place < 10; ++place) {
      if (!learned[row][place].item<bool>()) continue;
      double all = 0;
      for (int token = 0; token < 11; ++token) all += std::exp(logits[row][place - 1][token].item<double>());
      sum += std::log(all) - logits[row][place - 1][tokens[row][place].item<std::int64_t>()].item<double>();
      ++count;
    }
  }
  const double loss = masked_loss(logits, tokens, learned).item<double>();
  EXPECT_TRUE(std::abs(loss - sum / count) <= 1e-5) << loss << " " << sum / count;  // float32 against float64

  // LibTorch's own, which leaves out targets of -100.
  const auto targets = torch::where(learned, tokens, -100).narrow(1, 1, 9).flatten();
  const double theirs =
      torch::nn::functional::cross_entropy(logits.narrow(1, 0, 9).flatten(0, 1), targets).item<double>();
  EXPECT_TRUE(std::abs(loss - theirs) <= 1e-5) << loss << " " << theirs;
}

class Packing : public testing::TestWithParam<bool> {};

TEST_P(Packing, GivesTheLogitsOfEachExampleAlone) {
  auto model = numbered_model(GetParam());
  const std::vector<Tokens> examples = {{5, 1, 6, 2, 9}, {5, 3, 9}, {5, 6, 4, 4, 1, 2, 9}, {5, 9}};
  const auto packed = pack(examples, 9, kSpecial.filler);
  EXPECT_EQ(packed.tokens.size(0), 2);
  const torch::NoGradGuard no_gradients;
  const auto logits = packed_logits(model, packed, packed_mask(packed.owners));
  EXPECT_TRUE(torch::isfinite(logits).all().item<bool>()) << "what fills a row up has logits too";

  const std::vector<std::pair<int, int>> places = {{0, 0}, {0, 5}, {1, 0}, {1, 7}};
  for (std::size_t i = 0; i < examples.size(); ++i) {
    const auto size = static_cast<std::int64_t>(examples[i].size());
    const auto alone = model->forward(torch::tensor(examples[i], torch::kInt64).unsqueeze(0))[0];
    const auto within = logits[places[i].first].narrow(0, places[i].second, size);
    SCOPED_TRACE(i);
    expect_close(within, alone, 2e-5);  // float32: other sums of the same numbers
  }
}

TEST_P(Packing, LetsNothingLeakIntoTheLossOrTheGradient) {
  auto model = numbered_model(GetParam());
  const std::vector<Tokens> examples = {{5, 1, 6, 2, 9}, {5, 3, 6, 9}};
  const auto loss_of = [&](const std::vector<Tokens>& rows) {
    const auto packed = pack(rows, 9, kSpecial.filler);
    const auto learned = response_mask(packed.tokens, kSpecial);
    const auto count = learned.sum().item<std::int64_t>();
    return masked_loss(packed_logits(model, packed, packed_mask(packed.owners)), packed.tokens, learned) * count;
  };
  const auto together = loss_of(examples);
  const auto apart = loss_of({examples[0]}) + loss_of({examples[1]});
  EXPECT_TRUE(std::abs(together.item<double>() - apart.item<double>()) <= 1e-4);  // float32

  const auto parameters = model->parameters();
  const auto gradients = torch::autograd::grad({together}, parameters);
  const auto expected = torch::autograd::grad({apart}, parameters);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    SCOPED_TRACE(i);
    expect_close(gradients[i], expected[i], 1e-3);  // float32, through three layers
  }
}

INSTANTIATE_TEST_SUITE_P(WrittenOutAndFused, Packing, testing::Bool());

TEST(Packing, RefusesWhatDoesNotFit) {
  EXPECT_THROW(pack({{1, 2, 3, 4}}, 3, 0), UsageError);
  EXPECT_EQ(pack({}, 3, 0).tokens.size(0), 0);
}

TEST(ChatVocabulary, AddsToTheAlphabetWithoutTouchingIt) {
  const auto tokenizer = Tokenizer::from_text(load_corpus({}).text);
  const ChatVocabulary vocabulary(tokenizer);
  EXPECT_EQ(tokenizer.size(), 65);
  EXPECT_EQ(vocabulary.size(), 85);
  EXPECT_EQ(vocabulary.added_names().front(), "0");
  EXPECT_EQ(vocabulary.added_names().back(), "<filler>");
  EXPECT_EQ(vocabulary.encode("To be, 3"), tokenizer.encode("To be, 3")) << "the 3 is an old character";

  const std::string text = "478+365=843, <think>";
  const auto tokens = vocabulary.encode(text);
  EXPECT_EQ(tokens.size(), text.size()) << "what is typed is characters";
  EXPECT_EQ(vocabulary.decode(tokens), text);
  for (const auto token : tokens) EXPECT_NE(token, vocabulary.special().think);
  EXPECT_EQ(vocabulary.decode({vocabulary.special().think, vocabulary.special().end}), "<think><end>");
  EXPECT_THROW(vocabulary.encode("%"), UsageError);
}

}  // namespace
}  // namespace verse
