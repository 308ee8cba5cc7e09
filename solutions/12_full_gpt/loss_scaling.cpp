#include "12_full_gpt/loss_scaling.h"

#include "common/base/error.h"

namespace verse {

bool unscale_gradients(const std::vector<torch::Tensor>& parameters, LossScale& scale) {
  //! [12.9]
  const torch::NoGradGuard no_gradients;
  bool finite = true;
  for (const auto& parameter : parameters) {
    const auto gradient = parameter.grad();
    if (!gradient.defined()) continue;
    gradient.div_(scale.scale);
    finite = finite && gradient.isfinite().all().item<bool>();
  }

  if (!finite) {
    scale.scale /= 2;
    scale.good_steps = 0;
  } else if (++scale.good_steps == scale.grow_after) {
    scale.scale *= 2;
    scale.good_steps = 0;
  }
  return finite;
  //! [12.9]
}

}  // namespace verse
