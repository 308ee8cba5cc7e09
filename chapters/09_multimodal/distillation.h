#pragma once

/// @file
/// Chapter 9, going further: a small model learns from a large one.

#include <torch/torch.h>

namespace verse {

/// How far the student's probabilities are from the teacher's: KL(teacher || student) in nats, both softened by the
/// temperature, the mean over the rows, times the square of the temperature. (Exercise 9.11) Hinton, Vinyals and Dean
/// 2015, section 2.
/// @param student, teacher logits [rows, classes] @param temperature above 0
/// @return a scalar that gradients flow through, to the student alone
torch::Tensor distillation_loss(const torch::Tensor& student, const torch::Tensor& teacher, double temperature);

/// What a student is trained by: `share` of its distillation loss, and the rest of its cross-entropy on the text.
/// (Exercise 9.12)
/// @param student, teacher logits [rows, classes] @param targets [rows], int64 @param share in [0, 1]
torch::Tensor student_loss(const torch::Tensor& student, const torch::Tensor& teacher, const torch::Tensor& targets,
                           double temperature, double share);

}  // namespace verse
