#include "tests/harness/recognition.h"

#include <gtest/gtest.h>

#include "common/base/bodies.h"
#include "tests/harness/difference.h"

namespace verse {
namespace {

using torch::Tensor;
using Line = std::function<Tensor(const Tensor&)>;

// A line 2 x + 3, with a switch for each slip.
struct LineSlip {
  double slope = 2, added = 3;
  bool turned = false;
  enum { same, halved } size = same;
  std::vector<std::int64_t> along = {0};
};

Line line_with(const LineSlip& slip) {
  return [slip](const Tensor& x) {
    auto y = slip.slope * x + slip.added;
    if (slip.turned) y = y.flip(slip.along);
    return slip.size == LineSlip::halved ? y / 2 : y;
  };
}

TEST(Slips, TwoThatChangeDifferentFieldsGoTogether) {
  static_assert(field_count<LineSlip>() == 5);
  const auto both = together<LineSlip>({.added = 0}, {.turned = true, .size = LineSlip::halved});
  ASSERT_TRUE(both);
  EXPECT_EQ(both->slope, 2);
  EXPECT_EQ(both->added, 0);
  EXPECT_TRUE(both->turned);
  EXPECT_EQ(both->size, LineSlip::halved);
  EXPECT_EQ(both->along, std::vector<std::int64_t>{0});
}

TEST(Slips, TwoThatChangeOneFieldDoNot) {
  EXPECT_FALSE(together<LineSlip>({.added = 0}, {.added = 1}));
  EXPECT_FALSE(together<LineSlip>({.turned = true}, {.added = 1, .turned = true}));
}

/// What is said of an answer to an exercise about the line.
std::optional<std::string> said_of(const Line& learners) {
  // The truth is the body of number 1, the learner's is that of number 0; each is asked once.
  static int number = 0;
  const std::string id = "99." + std::to_string(++number);
  body_in_use(id) = 0;
  // Answers are remembered by the exercise's place in memory, so that it has to stay there.
  static std::vector<std::unique_ptr<Exercise<Line>>> kept;
  kept.push_back(std::make_unique<Exercise<Line>>(
      id, [=](const Tensor& x) { return body_in_use(id) == 1 ? line_with({})(x) : learners(x); }));
  Exercise<Line>& exercise = *kept.back();
  exercise
      .check("values",
             [](const Line& line, Answers& answers) {
               answers.add("the line", line(normal_input({5}, 1).to(torch::kFloat64)), double_rounding);
             })
      .check("gradients",
             [](const Line& line, Answers& answers) {
               const auto x = normal_input({4}, 2).requires_grad_();
               const auto y = line(x);
               answers.add("the line", y);
               answers.add_gradients(y, {{"x", x}});
             })
      .mistake("steep", line_with, {.slope = 4})
      .mistake("nothing_added", line_with, {.added = 0})
      .mistake("turned", line_with, {.turned = true})
      .mistake("turned", [](const Tensor& x) { return 2 * x.flip(0) + 3.5; })
      .mistake("squared", [](const Tensor& x) { return x.square(); });
  const BodyNumbers before = body_numbers;
  body_numbers = {0, 1};
  const auto said = explain_answers(exercise, 0);
  body_numbers = before;
  return said;
}

TEST(Recognition, ToldIsWhatAnswersAlike) {
  EXPECT_EQ(said_of([](const Tensor& x) { return x * 2; }), "nothing_added");
  EXPECT_EQ(said_of([](const Tensor& x) { return x.pow(2); }), "squared");
  EXPECT_EQ(said_of([](const Tensor& x) { return 2 * x + 3.25; }), std::nullopt);
}

TEST(Recognition, AMistakeMayHaveSeveralForms) {
  EXPECT_EQ(said_of([](const Tensor& x) { return (x * 2 + 3).flip(0); }), "turned");
  EXPECT_EQ(said_of([](const Tensor& x) { return (x * 2).flip(0) + 3.5; }), "turned");
}

TEST(Recognition, TwoAtOnceAreToldBoth) {
  EXPECT_EQ(said_of([](const Tensor& x) { return x * 4; }), "nothing_added+steep");
  EXPECT_EQ(said_of([](const Tensor& x) { return (x * 2).flip(0); }), "nothing_added+turned");
}

TEST(Recognition, AMistakeBesideWhatEveryExerciseCanHaveIsTold) {
  EXPECT_EQ(said_of([](const Tensor& x) { return x.detach() * 2; }), "nothing_added+gradient_cut");
  EXPECT_EQ(said_of([](const Tensor& x) { return x.to(torch::kFloat32).square().to(x.scalar_type()); }),
            "squared+computed_in_float");
  // What is right but for the gradient is no mistake in its values, and a mistake that is not known stays unnamed.
  EXPECT_EQ(said_of([](const Tensor& x) { return x.detach() * 2 + 3; }), std::nullopt);
  EXPECT_EQ(said_of([](const Tensor& x) { return x.detach() * 2 + 3.25; }), std::nullopt);
}

TEST(Recognition, DifferencesOfOneKindAreTellable) {
  Answers truth, in_float, other;
  truth.add("it", torch::tensor({1.0, 2.0, 3.0}, torch::kFloat64) / 3, double_rounding);
  in_float.add("it", torch::tensor({1.0F, 2.0F, 3.0F}) / 3, double_rounding);
  other.add("it", torch::tensor({1.0F, 2.0F, 4.0F}) / 3, double_rounding);
  EXPECT_EQ(only_kind(truth, truth), "");
  EXPECT_EQ(only_kind(truth, in_float), "computed_in_float");
  EXPECT_EQ(only_kind(truth, other), std::nullopt) << "float32 hides another number";
  in_float.add_effect("input_changed", "An input was changed.");
  EXPECT_EQ(only_kind(truth, in_float), std::nullopt) << "two kinds";
  EXPECT_EQ(only_kind(truth, Answers()), std::nullopt);
}

}  // namespace
}  // namespace verse
