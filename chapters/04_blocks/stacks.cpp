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
  // Exercise 4.9. Read "ch04-signal" in README.md, then replace the next line; make hint-4.9 helps.
  throw NotImplemented("4.9");
  //! [4.9]
}

//! [measure]
std::vector<DepthPoint> measure_stack(Stack stack, std::int64_t width, std::int64_t layers, double gain,
                                      std::uint64_t seed) {
  // Rows of size 1, and a matrix a layer that multiplies their size by `gain`; float64, for numbers from 1e-9 to 1e9.
  const auto generator = at::detail::createCPUGenerator(seed);
  const auto random = [&](torch::IntArrayRef shape) { return torch::randn(shape, generator, torch::kFloat64); };
  const double deviation = gain / std::sqrt(static_cast<double>(width));

  // Up: remember the stream at each depth.
  std::vector<torch::Tensor> stream = {random({kRows, width}).requires_grad_()};
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    const auto weight = random({width, width}) * deviation;
    const auto product = [&](const torch::Tensor& x) { return torch::matmul(x, weight.t()); };
    stream.push_back(stack_layer(stream.back(), product, stack));  // [rows, width]
  }

  // Down: the same gradient enters every stack at the top.
  const auto top = random({kRows, width});
  const auto gradients = torch::autograd::grad({stream.back()}, {stream.begin(), stream.end()}, {top});

  std::vector<DepthPoint> points;
  for (std::size_t depth = 0; depth < stream.size(); ++depth) {
    const double size = root_mean_square(gradients[depth]) / root_mean_square(top);
    const double kept = torch::cosine_similarity(gradients[depth], top, -1).mean().item<double>();
    points.push_back({root_mean_square(stream[depth]), size, kept});
  }
  return points;
}
//! [measure]

}  // namespace verse
