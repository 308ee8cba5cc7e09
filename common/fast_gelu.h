#pragma once

#include <torch/torch.h>

namespace verse {

/// GPT-2's GELU for training on a CPU. LibTorch's kernel goes through the hyperbolic tangent twice, forward and
/// backward; x times the sigmoid of 2 sqrt(2/pi) (x + 0.044715 x^3) is the same function, and its derivative is at hand
/// while it is computed. Elsewhere, and where no gradient is asked for, it is LibTorch's.
torch::Tensor fast_gelu_tanh(const torch::Tensor& x);

}  // namespace verse
