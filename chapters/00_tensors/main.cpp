/// @file
/// The primer's program: the words of chapter 0, each shown on real numbers.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iostream>

#include "00_tensors/tensors.h"
#include "common/program.h"

namespace verse {
namespace {

void heading(const std::string& text) {
  fmt::print("\n{}\n{}\n", text, std::string(text.size(), '-'));
}

std::string shape(const torch::Tensor& tensor) {
  return fmt::format("[{}]", fmt::join(tensor.sizes(), ", "));
}

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

void show_slopes() {
  heading("One slope, three ways");
  for (const double step : {0.1, 0.001, 1e-9, 1e-14}) {
    const auto slopes = three_slopes(1.5, step);
    fmt::print("x = 1.5, step {:g}: by hand {:.10f}, by difference {:.10f}, by backward() {:.10f}\n", step,
               slopes.by_hand, slopes.by_difference, slopes.by_backward);
  }
}

void show_module() {
  heading("A module knows its parameters");
  Line line(3, 2);
  for (const auto& parameter : line->named_parameters()) {
    fmt::print("{} {}\n", parameter.key(), shape(parameter.value()));
  }
  fmt::print("a batch of 4 in, {} out\n", shape(line->forward(torch::ones({4, 3}))));
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
  show_shapes();
  show_handles();
  show_broadcasting();
  show_views();
  show_products();
  show_slopes();
  show_module();
  show_error();
  return 0;
}

}  // namespace
}  // namespace verse

int main(int argc, char** argv) {
  return verse::run_program([&] { return verse::run(argc, argv); });
}
