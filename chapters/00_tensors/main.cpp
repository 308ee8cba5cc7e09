/// @file
/// The primer's program: the words of chapter 0, each shown on real numbers.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iostream>
#include <string>
#include <vector>

#include "00_tensors/tensors.h"
#include "common/program.h"
#include "common/results.h"

namespace verse {
namespace {

void heading(const std::string& text) {
  fmt::print("\n{}\n{}\n", text, std::string(text.size(), '-'));
}

std::string shape(const torch::Tensor& tensor) {
  return fmt::format("[{}]", fmt::join(tensor.sizes(), ", "));
}

/// A tensor's numbers as C++ would write them: 3, {1, 2} or {{1, 2}, {3, 4}}.
std::string numbers(const torch::Tensor& tensor) {
  if (tensor.dim() == 0) {
    if (tensor.scalar_type() == torch::kBool) return tensor.item<bool>() ? "true" : "false";
    return fmt::format("{:.3g}", tensor.item<double>());
  }
  std::vector<std::string> parts;
  for (std::int64_t i = 0; i < tensor.size(0); ++i) parts.push_back(numbers(tensor[i]));
  return fmt::format("{{{}}}", fmt::join(parts, ", "));
}

void print_call(const std::string& call, const torch::Tensor& result) {
  fmt::print("{:<36}{:<7}{}\n", call, shape(result), numbers(result));
}

void print_call(const std::string& call, bool result) {
  fmt::print("{:<36}{:<7}{}\n", call, "bool", result);
}

void print_call(const std::string& call, double result) {
  fmt::print("{:<36}{:<7}{:.4g}\n", call, "number", result);
}

/// Prints an expression as it stands here, and what it gives.
#define SHOW(...) print_call(#__VA_ARGS__, __VA_ARGS__)

/// A small table, a row a line.
void show(const std::string& name, const torch::Tensor& tensor) {
  fmt::print("{} {}\n", name, shape(tensor));
  const auto rows = tensor.dim() == 1 ? tensor.unsqueeze(0) : tensor;
  for (std::int64_t row = 0; row < rows.size(0); ++row) {
    for (std::int64_t column = 0; column < rows.size(1); ++column) {
      fmt::print("{:>7.4g}", rows[row][column].item<double>());
    }
    fmt::print("\n");
  }
}

void show_shapes() {
  heading("Shape, dtype, dimension");
  const auto numbers = torch::arange(6).view({2, 3});
  show("six whole numbers in two rows", numbers);
  const auto facts = facts_of(numbers);
  fmt::print("dimensions {}, elements {}, last size {}, floating {}\n", facts.dimensions, facts.elements,
             facts.last_size, facts.floating);
}

void show_making() {
  heading("Making tensors, and reading them");
  torch::manual_seed(1);
  SHOW(torch::tensor({1.5, 2.5}));
  SHOW(torch::tensor({7, 8, 9}));
  SHOW(torch::tensor({{1, 2}, {3, 4}}));
  SHOW(torch::tensor(1.5, torch::kFloat64));
  SHOW(torch::zeros({2, 3}));
  SHOW(torch::ones({2, 2}, torch::kBool));
  SHOW(torch::arange(4));
  SHOW(torch::arange(2, 6));
  SHOW(torch::randn({3}));
  SHOW(torch::randn({3}) * 0.1);

  //! [options]
  const auto options = torch::dtype(torch::kFloat64).device(torch::kCPU);
  const auto two_zeros = torch::zeros({2}, options);
  const auto input = torch::tensor(1.5, torch::dtype(torch::kFloat64).requires_grad(true));
  //! [options]
  SHOW(two_zeros);
  SHOW(input);

  fmt::print("\n");
  const auto halves = torch::tensor({{0.5, 1.5}, {2.5, 3.5}});
  SHOW(halves);
  SHOW(halves[1]);
  SHOW(halves[1][0].item<double>());
  SHOW(halves.to(torch::kInt64));
  SHOW(halves.flatten());
}

void show_picking() {
  heading("Picking out a part");
  const auto x = torch::tensor({{0, 1, 2}, {10, 11, 12}, {20, 21, 22}});
  SHOW(x);
  SHOW(x.select(1, 2));
  SHOW(x.slice(0, 1));
  SHOW(x.slice(0, 0, -1));
  SHOW(x.slice(1, 1, 3));
  SHOW(x.narrow(1, 1, 2));
  SHOW(torch::arange(6).chunk(3, 0)[0]);
  SHOW(torch::arange(6).chunk(3, 0)[1]);
  SHOW(torch::arange(5).unfold(0, 3, 1));

  fmt::print("\n");
  const auto rows = torch::tensor({2, 0, 0});
  const auto columns = torch::tensor({1, 2, 0});
  SHOW(rows);
  SHOW(columns);
  SHOW(x.index({rows}));
  SHOW(x.index_select(0, rows));
  SHOW(x.index({rows, columns}));
  const auto places = columns.unsqueeze(-1);
  SHOW(places);
  SHOW(x.gather(-1, places));
  SHOW(x.gather(-1, places).squeeze(-1));
  SHOW(torch::one_hot(columns, 3));
}

void show_computing() {
  heading("Computing with all of it");
  const auto y = torch::tensor({{1.0, 2.0, 6.0}, {10.0, 20.0, 60.0}});
  SHOW(y);
  SHOW(y * 2 + 1);
  SHOW(y.square());
  SHOW(y.log());
  SHOW(y.sum());
  SHOW(y.sum(1));
  SHOW(y.mean(0));
  SHOW(y.mean(1));
  SHOW(y.mean(1, /*keepdim=*/true));
  SHOW(y.amax(-1, true));
  SHOW(y.cumsum(1));

  fmt::print("\n");
  SHOW(y > 5);
  SHOW((y > 5).logical_not());
  SHOW((y > 5).count_nonzero());
  SHOW(y.masked_fill(y > 5, 0.0));
  SHOW(torch::where(y > 5, y, -y));
  SHOW(torch::ones({3, 3}).tril());
  SHOW(torch::ones({2, 3}).tril(1));
  const auto list = torch::tensor({0, 2, 2});
  SHOW(list);
  SHOW(torch::bincount(list, {}, 4));
  SHOW(torch::stack({list, list}));
}

void show_handles() {
  heading("A tensor is a handle");
  //! [handle]
  auto a = torch::zeros({3});
  auto b = a;          // another name for the same three numbers
  auto c = a.clone();  // three numbers of its own
  b.add_(1);           // the underscore says: in place
  //! [handle]
  show("a, after b.add_(1)", a);
  show("c, a clone made before", c);

  fmt::print("\nin place\n");
  SHOW(a.mul_(10));
  SHOW(a.add_(c + 1, 0.5));
  SHOW(a.fill_(4));
  SHOW(a);
}

void show_broadcasting() {
  heading("Broadcasting");
  const auto table = torch::tensor({{1.0F, 2.0F, 6.0F}, {10.0F, 20.0F, 60.0F}});
  show("table", table);
  show("the same, each row less its mean", centre_rows(table));
}

void show_views() {
  heading("Views and order in memory");
  const auto table = torch::arange(6).view({2, 3});
  show("table", table);
  show("table.view({3, 2}): the same order, cut differently", table.view({3, 2}));
  show("table.t(): rows and columns exchanged", table.t());
  show("read by columns", read_by_columns(table));
}

void show_products() {
  heading("Every vector with every vector");
  const auto left = torch::tensor({{{1.0F, 0.0F}, {0.0F, 1.0F}, {1.0F, 1.0F}}});
  const auto right = torch::tensor({{{2.0F, 3.0F}, {5.0F, 7.0F}}});
  show("left", left[0]);
  show("right", right[0]);
  show("all dot products", all_dot_products(left, right)[0]);
}

/// The graph of the page on backpropagation: each value on the way forwards, and its gradient on the way back.
void show_backpropagation() {
  heading("x^3 - 2x, forwards and backwards");
  //! [graph]
  const auto x = torch::tensor(1.5, torch::dtype(torch::kFloat64).requires_grad(true));
  const auto square = x * x;
  const auto cube = square * x;
  const auto twice = 2 * x;
  const auto y = cube - twice;
  for (const auto& step : {square, cube, twice, y}) step.retain_grad();  // only to be looked at
  y.backward();
  //! [graph]
  const auto line = [](const char* name, const torch::Tensor& value) {
    fmt::print("{:<8} value {:>6.3f}   gradient {:>6.3f}\n", name, value.item<double>(), value.grad().item<double>());
  };
  line("y", y);
  line("cube", cube);
  line("twice", twice);
  line("square", square);
  line("x", x);

  fmt::print("\ngradients add up until they are cleared\n");
  //! [adding]
  auto w = torch::tensor(2.0, torch::requires_grad());
  SHOW(w.grad().defined());
  (3 * w).backward();
  SHOW(w.grad());
  (3 * w).backward();
  SHOW(w.grad());
  w.mutable_grad().reset();
  SHOW(w.grad().defined());
  SHOW((3 * w).requires_grad());
  SHOW((3 * w).detach().requires_grad());

  const torch::NoGradGuard no_gradients;
  SHOW((3 * w).requires_grad());
  SHOW(w.sub_(0.5));
  //! [adding]
}

void show_slopes() {
  heading("One slope, three ways");
  auto& table = results().table("slopes", {"step", "by_hand", "by_difference", "by_backward"});
  for (const double step : {0.1, 0.001, 1e-9, 1e-14}) {
    const auto slopes = three_slopes(1.5, step);
    table.row({step, slopes.by_hand, slopes.by_difference, slopes.by_backward});
    fmt::print("x = 1.5, step {:g}: by hand {:.10f}, by difference {:.10f}, by backward() {:.10f}\n", step,
               slopes.by_hand, slopes.by_difference, slopes.by_backward);
  }
}

void show_module() {
  heading("A module knows its parameters");
  Line line(3, 2);
  //! [named]
  for (const auto& parameter : line->named_parameters()) {
    fmt::print("{} {}\n", parameter.key(), shape(parameter.value()));
  }
  //! [named]
  fmt::print("a batch of 4 in, {} out\n", shape(line->forward(torch::ones({4, 3}))));

  fmt::print("\nits mode, which dropout asks for\n");
  SHOW(line->is_training());
  line->eval();
  SHOW(line->is_training());
  line->train();
  SHOW(line->is_training());
}

/// Three examples through one neuron and back, by hand and by autograd.
void show_neuron() {
  heading("One neuron, forwards and backwards");
  //! [neuron]
  const auto x = torch::tensor({-1.0, 0.5, 2.0});
  const auto target = torch::tensor({0.0, 0.5, 1.0});
  const auto weight = torch::tensor(0.5, torch::requires_grad());
  const auto bias = torch::tensor(0.1, torch::requires_grad());
  const auto sum = weight * x + bias;                       // [3]
  const auto activation = torch::tanh(sum);                 // [3]
  const auto loss = (activation - target).square().mean();  // one number
  for (const auto& step : {sum, activation}) step.retain_grad();
  loss.backward();
  //! [neuron]
  SHOW(sum);
  SHOW(activation);
  SHOW(loss);
  SHOW(activation.grad());
  SHOW(sum.grad());
  SHOW(weight.grad());
  SHOW(bias.grad());

  fmt::print("\nthe same by hand\n");
  const auto by_hand = neuron_backwards(x, target, weight.detach(), bias.detach());
  SHOW(by_hand.weight);
  SHOW(by_hand.bias);
}

void show_error() {
  heading("Shapes fail at run time");
  //! [error]
  try {
    torch::matmul(torch::zeros({2, 3}), torch::zeros({2, 3}));
  } catch (const c10::Error& error) {
    const std::string message = error.what_without_backtrace();
    std::cout << message.substr(0, message.find('\n')) << "\n";
  }
  //! [error]
}

int run(int argc, char** argv) {
  prepare_cuda();
  CommandLine line("Shows what the words of the primer mean.");
  line.parse(argc, argv);
  // First what needs no exercise, so that a learner's own program shows it from the start.
  show_making();
  show_picking();
  show_computing();
  show_handles();
  show_shapes();
  show_broadcasting();
  show_views();
  show_products();
  show_backpropagation();
  show_slopes();
  show_module();
  show_error();
  show_neuron();
  return 0;
}

}  // namespace
}  // namespace verse

int main(int argc, char** argv) {
  return verse::run_program([&] { return verse::run(argc, argv); });
}
