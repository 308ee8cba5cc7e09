#include "tests/harness/check.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "common/base/error.h"

namespace verse {
namespace {

using torch::Tensor;

/// The first difference between two single answers of one name.
template <typename Value>
std::optional<std::string> difference(const Value& expected, const Value& got, const Tolerance& tolerance = rounding) {
  Answers truth, answers;
  truth.add("it", expected, tolerance);
  answers.add("it", got, tolerance);
  return first_difference(truth, answers);
}

TEST(Check, EqualAnswersDoNotDiffer) {
  EXPECT_EQ(difference(torch::ones({2, 3}), torch::ones({2, 3})), std::nullopt);
}

TEST(Check, SaysWhereAndByHowMuch) {
  auto got = torch::zeros({2, 3});
  got[1][2] = 0.5;
  const auto text = difference(torch::zeros({2, 3}), got);
  ASSERT_TRUE(text);
  EXPECT_NE(text->find("[1, 2]"), std::string::npos) << *text;
  EXPECT_NE(text->find("off by 0.5"), std::string::npos) << *text;
  EXPECT_NE(text->find("1 of 6 numbers"), std::string::npos) << *text;
}

TEST(Check, NaNIsNeverWithinATolerance) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(difference(torch::tensor({1.0F}), torch::tensor({nan}), Tolerance{1e9, 1e9, "anything goes"}));
  EXPECT_TRUE(difference(torch::tensor({nan}), torch::tensor({1.0F}), Tolerance{1e9, 1e9, "anything goes"}));
  EXPECT_EQ(difference(torch::tensor({nan}), torch::tensor({nan})), std::nullopt);
}

TEST(Check, InfinitiesOfOneSignAreEqual) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(difference(torch::tensor({-infinity}), torch::tensor({-infinity})), std::nullopt);
  EXPECT_TRUE(difference(torch::tensor({-infinity}), torch::tensor({infinity})));
  EXPECT_TRUE(difference(torch::tensor({-infinity}), torch::tensor({-1e30F})));
}

TEST(Check, ShapesAndTypesAreNamed) {
  const auto shape = difference(torch::zeros({2, 3}), torch::zeros({3, 2}));
  ASSERT_TRUE(shape);
  EXPECT_NE(shape->find("expected: shape [2, 3]"), std::string::npos) << *shape;
  EXPECT_NE(shape->find("got:      shape [3, 2]"), std::string::npos) << *shape;
  EXPECT_TRUE(difference(torch::zeros({2}), torch::zeros({2}, torch::kInt64)));
  EXPECT_TRUE(difference(torch::zeros({2}), Tensor()));
}

TEST(Check, TheToleranceIsAbsoluteAndRelative) {
  const Tolerance tolerance{0.1, 0.01, "as agreed"};
  EXPECT_EQ(difference(torch::tensor({100.0F}), torch::tensor({101.0F}), tolerance), std::nullopt);
  EXPECT_TRUE(difference(torch::tensor({100.0F}), torch::tensor({101.2F}), tolerance));
}

TEST(Check, AnAnswerTooFewIsADifference) {
  Answers truth, answers;
  truth.add("one", 1.0);
  truth.add("two", 2.0);
  answers.add("one", 1.0);
  EXPECT_TRUE(first_difference(truth, answers));
}

TEST(Check, GradientsThatDoNotFlowAreNamed) {
  Answers answers;
  const auto input = torch::ones({2}).requires_grad_();
  const auto other = torch::ones({2}).requires_grad_();
  answers.add_gradients(input * 2, {{"input", input}, {"other", other}});
  ASSERT_EQ(answers.all().size(), 2U);
  EXPECT_EQ(std::get<std::string>(answers.all()[1].value), "none: no path leads back to it");
  EXPECT_ANY_THROW(Answers().add_gradients(torch::ones({2}), {{"input", input}}));
}

TEST(Check, ErrorsAreComparedByTypeAndWords) {
  Answers answers;
  answers.add_error("nothing", [] {});
  answers.add_error("a mistake in use", [] { throw UsageError("byte 7 is wrong"); }, {"byte 7", "line"});
  EXPECT_EQ(std::get<std::string>(answers.all()[0].value), "nothing was thrown");
  EXPECT_EQ(std::get<std::string>(answers.all()[1].value), "threw UsageError, saying \"byte 7\", not saying \"line\"");
  // A stub is no error of the kind that was asked for.
  EXPECT_THROW(answers.add_error("a stub", [] { throw NotImplemented("1.2"); }), NotImplemented);
}

/// A module with one parameter, under a name of its own.
struct OneParameter : torch::nn::Module {
  OneParameter(const std::string& name, Tensor value) { tensor = register_parameter(name, std::move(value)); }
  Tensor tensor;
};

TEST(Check, ParametersAreLoadedByName) {
  // Two modules in one check keep apart, though their parameters are called alike.
  Answers truth;
  OneParameter first("weight", torch::ones({2})), second("weight", torch::ones({2}) * 5);
  truth.load_parameters(first);
  truth.load_parameters(second);
  Answers answers(&truth);
  OneParameter mine("weight", torch::zeros({2})), mine_too("weight", torch::zeros({2}));
  answers.load_parameters(mine);
  answers.load_parameters(mine_too);
  EXPECT_EQ(mine.tensor.sum().item<float>(), 2);
  EXPECT_EQ(mine_too.tensor.sum().item<float>(), 10);
}

TEST(Check, AParameterOfAnotherNameOrShapeIsNamed) {
  Answers truth;
  OneParameter reference("weight", torch::ones({2}));
  truth.load_parameters(reference);

  Answers renamed(&truth);
  OneParameter other_name("w", torch::zeros({2}));
  EXPECT_ANY_THROW(renamed.load_parameters(other_name));
  const auto names = std::get<std::string>(renamed.all().at(0).value);
  EXPECT_NE(names.find("`weight`"), std::string::npos) << names;
  EXPECT_NE(names.find("`w`"), std::string::npos) << names;

  Answers reshaped(&truth);
  OneParameter other_shape("weight", torch::zeros({3}));
  EXPECT_ANY_THROW(reshaped.load_parameters(other_shape));
  EXPECT_NE(std::get<std::string>(reshaped.all().at(0).value).find("should have shape [2]"), std::string::npos);
}

TEST(Check, InputsAreTheSameEverywhere) {
  // The shape cuts the same stream of numbers; another seed gives another.
  EXPECT_TRUE(torch::equal(normal_input({4}, 1), normal_input({2, 2}, 1).flatten()));
  EXPECT_FALSE(torch::equal(normal_input({4}, 1), normal_input({4}, 2)));
  const auto tokens = token_input({1000}, 7, 3);
  EXPECT_EQ(tokens.min().item<std::int64_t>(), 0);
  EXPECT_EQ(tokens.max().item<std::int64_t>(), 6);
}

}  // namespace
}  // namespace verse
