#pragma once

/// @file
/// The primer: tensors, shapes, gradients, a module. What the other chapters take for granted.

#include <torch/torch.h>

#include <cstdint>
#include <string>

namespace verse {

/// What can be asked of a tensor without looking at its numbers.
struct TensorFacts {
  std::int64_t dimensions = 0;  ///< how many indices an element has
  std::int64_t elements = 0;    ///< how many numbers there are
  std::int64_t last_size = 0;   ///< how far the last index runs
  bool floating = false;        ///< whether the numbers have a fractional part
};

/// Reads the facts off a tensor. (Exercise 0.1) @param tensor of one dimension or more
TensorFacts facts_of(const torch::Tensor& tensor);

/// Each row less its own mean. (Exercise 0.2) @param table [rows, columns], float @return the same shape; every row's
/// mean is 0
torch::Tensor centre_rows(const torch::Tensor& table);

/// The numbers of a table, column after column. (Exercise 0.3) @param table [rows, columns] @return [columns * rows]
torch::Tensor read_by_columns(const torch::Tensor& table);

/// The dot product of every vector on the left with every vector on the right, batch by batch. (Exercise 0.4)
/// @param left [batch, n, width] @param right [batch, m, width] @return [batch, n, m]
torch::Tensor all_dot_products(const torch::Tensor& left, const torch::Tensor& right);

/// The curve of exercise 0.5: x^3 - 2x, element by element. Given.
torch::Tensor curve(const torch::Tensor& x);

/// The slope of curve() at one place, found in three ways.
struct Slopes {
  double by_hand = 0;        ///< by the formula of its derivative
  double by_difference = 0;  ///< (curve(x + step) - curve(x - step)) / (2 step)
  double by_backward = 0;    ///< by LibTorch's autograd
};

/// (Exercise 0.5) @param step of the difference, above 0; everything is computed in float64
Slopes three_slopes(double x, double step);

/// The smallest layer there is: y = x W^T + b.
class LineImpl : public torch::nn::Module {
 public:
  /// (Exercise 0.6) Registers `weight` [outputs, inputs], normal with standard deviation 0.1, and `bias` [outputs],
  /// zeros.
  LineImpl(std::int64_t inputs, std::int64_t outputs);

  /// @param x [..., inputs] @return [..., outputs]
  torch::Tensor forward(const torch::Tensor& x);

  torch::Tensor weight;
  torch::Tensor bias;
};
TORCH_MODULE(Line);

/// What comes back on the way through one neuron, from the loss to what learns.
struct NeuronGradients {
  torch::Tensor activation;  ///< [examples]: the gradient with respect to tanh(sum)
  torch::Tensor sum;         ///< [examples]: with respect to weight x + bias
  torch::Tensor weight;      ///< one number
  torch::Tensor bias;        ///< one number
};

/// The gradients of loss = mean of (tanh(weight x + bias) - target)^2 over all examples, by hand: autograd is not
/// asked. (Exercise 0.7)
/// @param x, target [examples] @param weight, bias one number each, the same for all examples
NeuronGradients neuron_backwards(const torch::Tensor& x, const torch::Tensor& target, const torch::Tensor& weight,
                                 const torch::Tensor& bias);

}  // namespace verse
