#include "00_tensors/tensors.h"

#include "common/base/error.h"

namespace verse {

TensorFacts facts_of(const torch::Tensor& tensor) {
  //! [0.1]
  TensorFacts facts;
  facts.dimensions = tensor.dim();
  facts.elements = tensor.numel();
  // Negative dimensions count from the end.
  facts.last_size = tensor.size(-1);
  facts.floating = tensor.is_floating_point();
  return facts;
  //! [0.1]
}

torch::Tensor centre_rows(const torch::Tensor& table) {
  //! [0.2]
  // One mean a row. It stays a column, so that broadcasting repeats it along the row.
  const torch::Tensor means = table.mean(/*dim=*/1, /*keepdim=*/true);  // [rows, 1]
  return table - means;                                                 // [rows, columns]
  //! [0.2]
}

torch::Tensor read_by_columns(const torch::Tensor& table) {
  //! [0.3]
  // Transposing moves no number in memory; contiguous() then writes them down in the new order.
  const torch::Tensor columns = table.t().contiguous();  // [columns, rows]
  return columns.view({-1});                             // [columns * rows]
  //! [0.3]
}

torch::Tensor all_dot_products(const torch::Tensor& left, const torch::Tensor& right) {
  //! [0.4]
  // A matrix product is a table of dot products of rows with columns: so the right side's vectors become columns.
  const torch::Tensor columns = right.transpose(-2, -1);  // [batch, width, m]
  return torch::matmul(left, columns);                    // [batch, n, m]
  //! [0.4]
}

//! [curve]
torch::Tensor curve(const torch::Tensor& x) {
  return x * x * x - 2 * x;
}
//! [curve]

Slopes three_slopes(double x, double step) {
  //! [0.5]
  Slopes slopes;

  // The derivative of x^3 - 2x.
  slopes.by_hand = 3 * x * x - 2;

  // How much the curve rises between a little before and a little after.
  const auto at = [](double place) { return curve(torch::tensor(place, torch::kFloat64)).item<double>(); };
  slopes.by_difference = (at(x + step) - at(x - step)) / (2 * step);

  // Autograd writes down what is done to the input, and walks back.
  const torch::Tensor input = torch::tensor(x, torch::dtype(torch::kFloat64).requires_grad(true));
  curve(input).backward();
  slopes.by_backward = input.grad().item<double>();
  return slopes;
  //! [0.5]
}

LineImpl::LineImpl(std::int64_t inputs, std::int64_t outputs) {
  //! [0.6]
  // Registered, so that parameters(), to(device) and saving find them.
  weight = register_parameter("weight", torch::randn({outputs, inputs}) * 0.1);
  bias = register_parameter("bias", torch::zeros({outputs}));
  //! [0.6]
}

torch::Tensor LineImpl::forward(const torch::Tensor& x) {
  return torch::matmul(x, weight.t()) + bias;
}

NeuronGradients neuron_backwards(const torch::Tensor& x, const torch::Tensor& target, const torch::Tensor& weight,
                                 const torch::Tensor& bias) {
  //! [0.7]
  // Forwards, as far as the way back needs it.
  const torch::Tensor activation = torch::tanh(weight * x + bias);  // [examples]

  // Backwards: what arrived, times the derivative of one operation more.
  NeuronGradients gradients;
  gradients.activation = 2 * (activation - target) / x.numel();      // of a mean of squares
  gradients.sum = gradients.activation * (1 - activation.square());  // of tanh
  gradients.weight = (gradients.sum * x).sum();                      // of weight * x, from every example
  gradients.bias = gradients.sum.sum();                              // of + bias, from every example
  return gradients;
  //! [0.7]
}

}  // namespace verse
