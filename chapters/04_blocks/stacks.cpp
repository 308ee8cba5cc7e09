#include "04_blocks/stacks.h"

#include <cmath>
#include <stdexcept>

#include "common/base/error.h"

namespace verse {

namespace {

/// Positions sent through a stack together; their average is what is reported.
constexpr std::int64_t kRows = 64;

double root_mean_square(const torch::Tensor& x) {
  return x.square().mean().sqrt().item<double>();
}

/// Over how many directions the strength of a matrix is spread. @param derivative [width, width]
double spread(const torch::Tensor& derivative) {
  // The eigenvalues of this product are the squared singular values s^2: its trace adds up s^2, its squares s^4.
  const auto product = torch::matmul(derivative, derivative.t());
  return (product.trace().square() / product.square().sum()).item<double>();
}

}  // namespace

const std::vector<Stack>& all_stacks() {
  static const std::vector<Stack> stacks = {Stack::plain, Stack::residual, Stack::normed, Stack::pre_norm,
                                            Stack::post_norm};
  return stacks;
}

std::string name_of(Stack stack) {
  switch (stack) {
    case Stack::plain:
      return "plain";
    case Stack::residual:
      return "residual";
    case Stack::normed:
      return "normed";
    case Stack::pre_norm:
      return "pre-norm";
    case Stack::post_norm:
      return "post-norm";
  }
  throw std::invalid_argument("no such stack");
}

std::string formula_of(Stack stack) {
  switch (stack) {
    case Stack::plain:
      return "f(x)";
    case Stack::residual:
      return "x + f(x)";
    case Stack::normed:
      return "f(norm(x))";
    case Stack::pre_norm:
      return "x + f(norm(x))";
    case Stack::post_norm:
      return "norm(x + f(x))";
  }
  throw std::invalid_argument("no such stack");
}

torch::Tensor bare_norm(const torch::Tensor& x) {
  return torch::layer_norm(x, {x.size(-1)});
}

torch::Tensor stack_layer(const torch::Tensor& x, const Layer& layer, Stack stack) {
  //! [4.9]
  // Exercise 4.9. Read "What holds a stack together" in README.md, then replace the next line; make hint-4.9 helps.
  throw NotImplemented("4.9");
  //! [4.9]
}

//! [measure]
std::vector<DepthPoint> measure_stack(Stack stack, std::int64_t width, std::int64_t layers, double factor,
                                      std::uint64_t seed) {
  // Rows of size 1, and a matrix a layer that multiplies their size by `factor`; float64, for 1e-9 to 1e9.
  const auto generator = at::detail::createCPUGenerator(seed);
  const auto random = [&](torch::IntArrayRef shape) { return torch::randn(shape, generator, torch::kFloat64); };
  const double deviation = factor / std::sqrt(static_cast<double>(width));

  // Up: remember the stream at each depth.
  std::vector<torch::Tensor> stream = {random({kRows, width}).requires_grad_()}, weights;
  const auto climb = [&](std::vector<torch::Tensor>& rows, const torch::Tensor& weight) {
    const auto product = [&](const torch::Tensor& x) { return torch::matmul(x, weight.t()); };
    rows.push_back(stack_layer(rows.back(), product, stack));  // [rows, width]
  };
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    weights.push_back(random({width, width}) * deviation);
    climb(stream, weights.back());
  }

  // Down: the same gradient enters every stack at the top.
  const auto top = random({kRows, width});
  const auto gradients = torch::autograd::grad({stream.back()}, {stream.begin(), stream.end()}, {top});

  // One row of size 1, once for each direction of the gradient: what arrives at a depth is the top's whole derivative.
  const auto one = stream[0].detach().narrow(0, 0, 1);  // [1, width]
  std::vector<torch::Tensor> row = {(one / root_mean_square(one)).repeat({width, 1}).requires_grad_()};
  for (const auto& weight : weights) climb(row, weight);
  const auto every_direction = torch::eye(width, torch::kFloat64);
  const auto derivatives = torch::autograd::grad({row.back()}, {row.begin(), row.end()}, {every_direction});

  std::vector<DepthPoint> points;
  for (std::size_t depth = 0; depth < stream.size(); ++depth) {
    const double size = root_mean_square(gradients[depth]) / root_mean_square(top);
    points.push_back({root_mean_square(stream[depth]), size, spread(derivatives[depth])});
  }
  return points;
}
//! [measure]

}  // namespace verse
