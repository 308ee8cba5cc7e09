#pragma once

/// @file
/// Chapter 11: parts that GPT-2 did not have, and that make a GPT learn faster.

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "05_training/training.h"
#include "11_modern/given/recordable.h"

namespace verse {

/// Rotary positions: each pair of features is a point in the plane, turned by an angle that grows with the position.
/// (Exercise 11.1) Su et al. 2021, section 3.4.2.
///
/// Features 2i and 2i + 1 are a pair; its angle at position p is p / base^(2i / head_width). The dot product of two
/// vectors that were turned depends on how far apart they stand, and not on where.
/// @param x [..., time, head_width], head_width even @param positions [time], int64 @return the shape of x
torch::Tensor rotate(const torch::Tensor& x, const torch::Tensor& positions, double base = 10000.0);

/// The turns of a head's pairs at each position, as complex numbers of size 1: what rotate_by() multiplies by.
/// @return [time, head_width / 2], complex64
torch::Tensor turns_at(const torch::Tensor& positions, std::int64_t head_width, double base = 10000.0);

/// rotate() as one multiplication of complex numbers, with turns that all layers share. Given, not an exercise.
/// @param turns broadcastable to [..., head_width / 2], from turns_at()
torch::Tensor rotate_by(const torch::Tensor& x, const torch::Tensor& turns);

/// How many rounds bring the stretches close enough to 1 for training.
inline constexpr int kOrthogonalSteps = 3;

/// The matrix that turns as this one does and stretches nothing: of U S V^T, nearly U V^T. (Exercise 11.2)
///
/// First the matrix is divided by 1.01 times its Frobenius norm (the root of the sum of all squares), plus 1e-7: then
/// no singular value is above 1, and a matrix of zeros stays one. Each step is an odd polynomial of the matrix, x <- a
/// x + b (x x^T) x + c (x x^T)^2 x, which moves every singular value towards 1 and leaves the directions alone; matrix
/// products are all it takes (Jordan et al. 2024). The numbers a, b, c of each step are the best for singular values
/// from 0.02 to 1, by the method of Amsel et al. 2025, "The Polar Express".
/// @param matrices [..., rows, columns], each by itself @param steps 1 to 3
/// @return the same shape; after 3 steps, singular values that were above 0.02 of the matrix's norm are within 0.1 of 1
torch::Tensor orthogonalise(const torch::Tensor& matrices, int steps = kOrthogonalSteps);

/// Settings of Muon. @see Muon
struct MuonOptions {
  double momentum = 0.95;
  int orthogonal_steps = kOrthogonalSteps;
};

/// Muon (Jordan et al. 2024): steps along the momentum of the gradient, made orthogonal. A step then changes a matrix
/// as much in the directions that the gradients rarely show as in those that they always show.
///
/// For matrices only; a parameter of more dimensions is a stack of matrices. Tables and vectors are AdamW's.
class Muon : public Optimizer, public RecordableOptimizer {
 public:
  Muon(std::vector<torch::Tensor> matrices, const MuonOptions& options);

  void step(double learning_rate) override;
  void step_by(const torch::Tensor& learning_rate) override;
  const std::vector<torch::Tensor>& parameters() const override { return matrices_; }
  std::vector<std::pair<std::string, torch::Tensor>> state() const override;
  void set_state(const std::vector<std::pair<std::string, torch::Tensor>>& state) override;

 private:
  std::vector<torch::Tensor> matrices_;
  std::vector<torch::Tensor> momenta_;  ///< running mean of each gradient
  MuonOptions options_;
};

/// Several optimizers side by side, each for its own parameters, and each with a fixed share of the learning rate. On a
/// GPU all of them can be recorded.
class GroupedOptimizer : public Optimizer, public RecordableOptimizer {
 public:
  struct Group {
    std::string name;  ///< begins the names of what it remembers, before a dot
    std::unique_ptr<Optimizer> optimizer;
    double share;  ///< of the learning rate
  };

  explicit GroupedOptimizer(std::vector<Group> groups);

  void step(double learning_rate) override;
  void step_by(const torch::Tensor& learning_rate) override;
  const std::vector<torch::Tensor>& parameters() const override { return parameters_; }
  std::vector<std::pair<std::string, torch::Tensor>> state() const override;
  void set_state(const std::vector<std::pair<std::string, torch::Tensor>>& state) override;

 private:
  std::vector<Group> groups_;
  std::vector<torch::Tensor> parameters_;
};

}  // namespace verse
