/// @file
/// The checks of chapter 9's exercises on distillation, 9.11 and 9.12, and the mistakes that they know.

#include "09_multimodal/distillation.h"

#include <torch/torch.h>

#include <functional>
#include <vector>

#include "tests/harness/check.h"

namespace verse {
namespace {

using torch::Tensor;

// 9.11
// ------------------------------------------------------------------------------------------------------------------

using Divergence = std::function<Tensor(const Tensor&, const Tensor&, double)>;

Tensor log_p(const Tensor& logits, double temperature) {
  return torch::log_softmax(logits / temperature, -1);
}

/// KL(first || second), the sum over the classes.
Tensor divergence(const Tensor& first, const Tensor& second) {
  return (first.exp() * (first - second)).sum(-1);
}

[[maybe_unused]] const auto& exercise_9_11 =
    exercise<Divergence>("9.11", distillation_loss)
        .check("by_temperature",
               [](const Divergence& loss, Answers& answers) {
                 const auto teacher = normal_input({4, 6}, 2, 2.0);
                 for (const double temperature : {1.0, 2.0, 5.0}) {
                   const auto student = normal_input({4, 6}, 1, 2.0).requires_grad_();
                   const auto result = loss(student, teacher, temperature);
                   const auto at = " at temperature " + std::to_string(static_cast<int>(temperature));
                   answers.add("the loss" + at, result);
                   answers.add_gradients(result, {{"the student's logits" + at, student}});
                 }
               })
        .check("the_teacher_is_not_taught",
               [](const Divergence& loss, Answers& answers) {
                 const auto student = normal_input({3, 5}, 3).requires_grad_();
                 const auto teacher = normal_input({3, 5}, 4).requires_grad_();
                 loss(student, teacher, 2.0).backward();
                 answers.add("whether a gradient reaches the teacher", teacher.grad().defined() ? "yes" : "no");
               })
        .check("logits_far_apart",
               [](const Divergence& loss, Answers& answers) {
                 const auto student = torch::tensor({{200.0F, 0.0F, -200.0F}});
                 const auto teacher = torch::tensor({{150.0F, 100.0F, -300.0F}});
                 answers.add("the loss where a probability is below what float32 has", loss(student, teacher, 1.0));
               })
        .mistake("no_square_of_the_temperature",
                 [](const Tensor& student, const Tensor& teacher, double temperature) {
                   return divergence(log_p(teacher.detach(), temperature), log_p(student, temperature)).mean();
                 })
        .mistake("temperature_once",
                 [](const Tensor& student, const Tensor& teacher, double temperature) {
                   return temperature *
                          divergence(log_p(teacher.detach(), temperature), log_p(student, temperature)).mean();
                 })
        .mistake("the_other_way_round",
                 [](const Tensor& student, const Tensor& teacher, double temperature) {
                   return temperature * temperature *
                          divergence(log_p(student, temperature), log_p(teacher.detach(), temperature)).mean();
                 })
        .mistake("cross_entropy",
                 [](const Tensor& student, const Tensor& teacher, double temperature) {
                   return -temperature * temperature *
                          (log_p(teacher.detach(), temperature).exp() * log_p(student, temperature)).sum(-1).mean();
                 })
        .mistake("mean_over_the_classes",
                 [](const Tensor& student, const Tensor& teacher, double temperature) {
                   return temperature * temperature *
                          divergence(log_p(teacher.detach(), temperature), log_p(student, temperature)).mean() /
                          static_cast<double>(student.size(1));
                 })
        .mistake("sum_over_the_rows",
                 [](const Tensor& student, const Tensor& teacher, double temperature) {
                   return temperature * temperature *
                          divergence(log_p(teacher.detach(), temperature), log_p(student, temperature)).sum();
                 })
        .mistake("only_the_teacher_softened",
                 [](const Tensor& student, const Tensor& teacher, double temperature) {
                   return temperature * temperature *
                          divergence(log_p(teacher.detach(), temperature), log_p(student, 1)).mean();
                 })
        .mistake("teacher_taught",
                 [](const Tensor& student, const Tensor& teacher, double temperature) {
                   return temperature * temperature *
                          divergence(log_p(teacher, temperature), log_p(student, temperature)).mean();
                 })
        .mistake("logarithm_of_the_softmax", [](const Tensor& student, const Tensor& teacher, double temperature) {
          const auto p = torch::softmax(teacher.detach() / temperature, -1);
          const auto q = torch::softmax(student / temperature, -1);
          return temperature * temperature * (p * (p.log() - q.log())).sum(-1).mean();
        });

// 9.12
// ------------------------------------------------------------------------------------------------------------------

using Lesson = std::function<Tensor(const Tensor&, const Tensor&, const Tensor&, double, double)>;

Tensor from_teacher(const Tensor& student, const Tensor& teacher, double temperature) {
  return temperature * temperature *
         divergence(log_p(teacher.detach(), temperature), log_p(student, temperature)).mean();
}

Tensor from_text(const Tensor& student, const Tensor& targets, double temperature = 1) {
  return torch::nll_loss(log_p(student, temperature), targets);
}

[[maybe_unused]] const auto& exercise_9_12 =
    exercise<Lesson>("9.12", student_loss)
        .check("by_share",
               [](const Lesson& lesson, Answers& answers) {
                 const auto teacher = normal_input({5, 4}, 2, 2.0);
                 const auto targets = token_input({5}, 4, 3);
                 for (const double share : {0.0, 0.25, 1.0}) {
                   const auto student = normal_input({5, 4}, 1, 2.0).requires_grad_();
                   const auto result = lesson(student, teacher, targets, 3.0, share);
                   const auto at = " with a share of " + std::to_string(static_cast<int>(100 * share)) + " %";
                   answers.add("the loss" + at, result);
                   answers.add_gradients(result, {{"the student's logits" + at, student}});
                 }
               })
        .mistake(
            "shares_swapped",
            [](const Tensor& student, const Tensor& teacher, const Tensor& targets, double temperature, double share) {
              return (1 - share) * from_teacher(student, teacher, temperature) + share * from_text(student, targets);
            })
        .mistake(
            "text_in_full",
            [](const Tensor& student, const Tensor& teacher, const Tensor& targets, double temperature, double share) {
              return share * from_teacher(student, teacher, temperature) + from_text(student, targets);
            })
        .mistake(
            "text_softened",
            [](const Tensor& student, const Tensor& teacher, const Tensor& targets, double temperature, double share) {
              return share * from_teacher(student, teacher, temperature) +
                     (1 - share) * from_text(student, targets, temperature);
            })
        .mistake(
            "square_of_the_temperature_again",
            [](const Tensor& student, const Tensor& teacher, const Tensor& targets, double temperature, double share) {
              return share * temperature * temperature * from_teacher(student, teacher, temperature) +
                     (1 - share) * from_text(student, targets);
            })
        .mistake("half_and_half",
                 [](const Tensor& student, const Tensor& teacher, const Tensor& targets, double temperature, double) {
                   return (from_teacher(student, teacher, temperature) + from_text(student, targets)) / 2;
                 })
        .mistake("temperature_of_one",
                 [](const Tensor& student, const Tensor& teacher, const Tensor& targets, double, double share) {
                   return share * from_teacher(student, teacher, 1) + (1 - share) * from_text(student, targets);
                 })
        .mistake("text_of_the_teacher", [](const Tensor& student, const Tensor& teacher, const Tensor& targets,
                                           double temperature, double share) {
          return share * from_teacher(student, teacher, temperature) +
                 (1 - share) * from_text(student + 0, targets) * 0 + (1 - share) * from_text(teacher, targets);
        });

}  // namespace
}  // namespace verse
