#pragma once

/// @file
/// Chapter 4: layers on top of one another, and what becomes of a signal on its way through many.

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace verse {

/// What is done around each layer of a stack. Written with f for the layer and x for the stream.
enum class Stack {
  plain,     ///< f(x)
  residual,  ///< x + f(x)
  normed,    ///< f(norm(x))
  pre_norm,  ///< x + f(norm(x)), as in GPT-2
  post_norm  ///< norm(x + f(x)), as in the first transformer (Vaswani et al. 2017, section 3.1)
};

/// All five, in that order.
const std::vector<Stack>& all_stacks();

/// Its name in tables and plots, such as "pre-norm".
std::string name_of(Stack stack);

/// Its formula in tables, such as "x + f(norm(x))".
std::string formula_of(Stack stack);

/// A layer by itself: [rows, width] to [rows, width].
using Layer = std::function<torch::Tensor(const torch::Tensor&)>;

/// Exercise 4.1's layer norm with gain 1 and bias 0, by LibTorch. @param x [..., width] @return the same shape
torch::Tensor bare_norm(const torch::Tensor& x);

/// One layer of a stack, with what the stack puts around it; norm is bare_norm(). (Exercise 4.9)
/// @param x [rows, width] @return [rows, width]
torch::Tensor stack_layer(const torch::Tensor& x, const Layer& layer, Stack stack);

/// What was measured at one depth of a stack.
struct DepthPoint {
  double signal = 0;    ///< root mean square of the stream after this many layers; 1 at depth 0
  double gradient = 0;  ///< norm of the gradient that arrives here, over its norm at the top

  /// Over how many of the `width` directions the gradient that arrives here is spread, for one row of size 1: with
  /// s the singular values of the top's derivative by the stream at this depth, (sum s^2)^2 / sum s^4. It is `width`
  /// where every direction arrives with the same strength, and 1 where only one arrives.
  double directions = 0;
};

/// Sends random rows up through random layers, and a random gradient back down. A layer is a matrix and nothing else.
/// @param factor root mean square of f(x) for an x of 1: the weights are normal with standard deviation factor /
/// sqrt(width)
/// @return one point a depth, from 0 (the input) to `layers`
std::vector<DepthPoint> measure_stack(Stack stack, std::int64_t width, std::int64_t layers, double factor,
                                      std::uint64_t seed);

}  // namespace verse
