// What learners read of LibTorch's commonest errors: each is provoked here, so that another wording of LibTorch's
// shows.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <functional>
#include <string>

#include "tests/harness/difference.h"

namespace verse {
namespace {

/// What is told of the error that an action ends with.
std::string told_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const c10::Error& error) {
    const std::string text = error.what_without_backtrace();
    return explain_libtorch_error(text.substr(0, text.find('\n')));
  }
  return "no error";
}

void expect_sentence(const std::string& words, const std::function<void()>& action) {
  const std::string told = told_of(action);
  EXPECT_EQ(told.find(words), 0U) << "expected \"" << words << "\", got \"" << told << "\"";
  // LibTorch's own words stay: they are what a search finds.
  EXPECT_NE(told.find("(LibTorch says: "), std::string::npos) << told;
}

TEST(LibTorchErrors, ATensorWithoutAValue) {
  const std::string words = "a tensor was used that has no value";
  const auto leaf = torch::ones({2}, torch::requires_grad());
  expect_sentence(words, [&] { leaf.grad().sum(); });
  expect_sentence(words, [&] { leaf + torch::Tensor(); });
  expect_sentence(words, [&] { torch::matmul(leaf, torch::Tensor()); });
  expect_sentence(words, [&] { torch::embedding(torch::ones({2, 2}), torch::Tensor()); });
}

TEST(LibTorchErrors, ItemOfNoneOrOfMany) {
  expect_sentence("item() was asked of a tensor without elements", [] { torch::empty({0}).item<float>(); });
  expect_sentence("item() was asked of a tensor with more than one element", [] { torch::ones({3}).item<float>(); });
}

TEST(LibTorchErrors, ATensorAsAnIndex) {
  expect_sentence("a tensor of several numbers stands between [ and ]", [] {
    torch::ones({3, 3})[torch::tensor({0, 1})];
  });
  expect_sentence("a tensor of another type than int64 or bool was used as an index", [] {
    torch::ones({3, 3}).index({torch::tensor({0.0, 1.0})});
  });
}

TEST(LibTorchErrors, BackwardFromSomethingCutOff) {
  expect_sentence("backward() was called on something that no parameter leads to",
                  [] { torch::ones({2}).sum().backward(); });
  expect_sentence("backward() was called on something that no parameter leads to", [] {
    const auto leaf = torch::ones({2}, torch::requires_grad());
    leaf.detach().sum().backward();
  });
}

TEST(LibTorchErrors, AParameterChangedInPlace) {
  const std::string words = "a parameter was changed in place while gradients are recorded";
  expect_sentence(words, [] { torch::ones({2}, torch::requires_grad()).mul_(2); });
  expect_sentence(words, [] { torch::ones({2}, torch::requires_grad()).slice(0, 0, 1).fill_(0); });
}

TEST(LibTorchErrors, ShapesThatDoNotFit) {
  expect_sentence("two shapes do not fit together", [] { torch::ones({2}) + torch::ones({3}); });
  expect_sentence("the shapes of a matrix product do not fit together", [] {
    torch::matmul(torch::ones({2, 3}), torch::ones({2, 3}));
  });
}

TEST(LibTorchErrors, OthersStayAsTheyAre) {
  EXPECT_EQ(explain_libtorch_error("something else"), "something else");
}

}  // namespace
}  // namespace verse
