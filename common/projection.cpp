#include "common/projection.h"

#include "common/unset_projections.h"

namespace verse {

LinearProjection::LinearProjection(std::int64_t inputs, std::int64_t outputs, bool with_bias) {
  const bool unset = UnsetProjections::on();
  weight =
      register_parameter("weight", unset ? torch::empty({outputs, inputs}) : torch::randn({outputs, inputs}) * 0.02);
  if (with_bias) bias = register_parameter("bias", torch::zeros({outputs}));
}

torch::Tensor LinearProjection::forward(const torch::Tensor& x) {
  return torch::nn::functional::linear(x, weight, bias);
}

}  // namespace verse
