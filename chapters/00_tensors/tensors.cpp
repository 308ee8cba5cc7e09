#include "00_tensors/tensors.h"

#include "common/base/error.h"

namespace verse {

TensorFacts facts_of(const torch::Tensor& tensor) {
  //! [0.1]
  // Exercise 0.1. Read "Shape, dtype, dimension" in README.md, then replace the next line; make hint-0.1 helps.
  throw NotImplemented("0.1");
  //! [0.1]
}

torch::Tensor centre_rows(const torch::Tensor& table) {
  //! [0.2]
  // Exercise 0.2: Centring rows. Read "Broadcasting" in README.md, then replace the next line; make hint-0.2 helps.
  throw NotImplemented("0.2");
  //! [0.2]
}

torch::Tensor read_by_columns(const torch::Tensor& table) {
  //! [0.3]
  // Exercise 0.3. Read "Views and order in memory" in README.md, then replace the next line; make hint-0.3 helps.
  throw NotImplemented("0.3");
  //! [0.3]
}

torch::Tensor all_dot_products(const torch::Tensor& left, const torch::Tensor& right) {
  //! [0.4]
  // Exercise 0.4. Read "Products" in README.md, then replace the next line; make hint-0.4 helps.
  throw NotImplemented("0.4");
  //! [0.4]
}

//! [curve]
torch::Tensor curve(const torch::Tensor& x) {
  return x * x * x - 2 * x;
}
//! [curve]

Slopes three_slopes(double x, double step) {
  //! [0.5]
  // Exercise 0.5. Read "Gradients" in README.md, then replace the next line; make hint-0.5 helps.
  throw NotImplemented("0.5");
  //! [0.5]
}

LineImpl::LineImpl(std::int64_t inputs, std::int64_t outputs) {
  //! [0.6]
  // Exercise 0.6: A module of your own. Read "Modules" in README.md, then replace the next line; make hint-0.6 helps.
  throw NotImplemented("0.6");
  //! [0.6]
}

torch::Tensor LineImpl::forward(const torch::Tensor& x) {
  return torch::matmul(x, weight.t()) + bias;
}

NeuronGradients neuron_backwards(const torch::Tensor& x, const torch::Tensor& target, const torch::Tensor& weight,
                                 const torch::Tensor& bias) {
  //! [0.7]
  // Exercise 0.7. Read "Backwards by hand" in README.md, then replace the next line; make hint-0.7 helps.
  throw NotImplemented("0.7");
  //! [0.7]
}

}  // namespace verse
