#include "12_full_gpt/given/cpu/half_products.h"

#include <ATen/autocast_mode.h>

#include <utility>

namespace verse {

namespace {

thread_local bool half_here = false;

torch::Tensor halved(const torch::Tensor& x) {
  return x.to(torch::kBFloat16);
}

//! [half-products]
/// A linear layer whose three products are taken in bfloat16. What the way back needs is kept in 16 bits.
class HalfLinear : public torch::autograd::Function<HalfLinear> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& weight, const torch::Tensor& bias) {
    const at::AutoDispatchBelowADInplaceOrView without_autograd;
    const auto x_half = halved(x), weight_half = halved(weight);
    context->save_for_backward({x_half, weight_half});
    return torch::mm(x_half, weight_half.t()).to(torch::kFloat32).add_(bias);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const at::AutoDispatchBelowADInplaceOrView without_autograd;
    const auto saved = context->get_saved_variables();
    const auto &x_half = saved[0], &weight_half = saved[1], &gradient = gradients[0];
    const auto half = halved(gradient);
    return {torch::mm(half, weight_half).to(torch::kFloat32), torch::mm(half.t(), x_half).to(torch::kFloat32),
            gradient.sum(0)};
  }
};
//! [half-products]

//! [row-linear]
/// A linear layer as one operation. LibTorch's own is two, the weight turned and the product, and autograd has to note
/// each of them and to go back through it.
class RowLinear : public torch::autograd::Function<RowLinear> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& weight, const torch::Tensor& bias) {
    const at::AutoDispatchBelowADInplaceOrView without_autograd;
    context->save_for_backward({x, weight});
    return torch::addmm(bias, x, weight.t());
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const at::AutoDispatchBelowADInplaceOrView without_autograd;
    const auto saved = context->get_saved_variables();
    const auto &x = saved[0], &weight = saved[1], &gradient = gradients[0];
    return {torch::mm(gradient, weight), torch::mm(gradient.t(), x), gradient.sum(0)};
  }
};
//! [row-linear]

}  // namespace

bool multiplies_bfloat16() {
#if defined(__x86_64__)
  static const bool known = __builtin_cpu_supports("avx512bf16");
  return known;
#else
  return false;
#endif
}

HalfProducts::HalfProducts(bool on) : before_(std::exchange(half_here, on)) {}

HalfProducts::~HalfProducts() {
  half_here = before_;
}

torch::Tensor project(Projection& projection, const torch::Tensor& x) {
  auto* const linear = dynamic_cast<LinearProjection*>(&projection);
  const bool plain = x.is_cpu() && x.scalar_type() == torch::kFloat32 && !at::autocast::is_autocast_enabled(at::kCPU);
  if (linear == nullptr || !linear->bias.defined() || !plain) return projection.forward(x);
  if (half_here) return HalfLinear::apply(x, linear->weight, linear->bias);
  return x.dim() == 2 ? RowLinear::apply(x, linear->weight, linear->bias) : projection.forward(x);
}

}  // namespace verse
