#include "08_post_training/lora.h"

#include <fmt/core.h>

#include <cmath>
#include <utility>

#include "common/base/error.h"

namespace verse {

LoraProjection::LoraProjection(std::shared_ptr<LinearProjection> to_wrap, std::int64_t rank, double alpha)
    : scale(alpha / static_cast<double>(rank)) {
  if (rank < 1) throw UsageError(fmt::format("a correction's rank must be at least 1, not {}", rank));
  wrapped = register_module("wrapped", std::move(to_wrap));
  for (auto& parameter : wrapped->parameters()) parameter.requires_grad_(false);
  const auto outputs = wrapped->weight.size(0), inputs = wrapped->weight.size(1);
  const auto like = wrapped->weight.options().requires_grad(false);
  down = register_parameter("down", torch::randn({rank, inputs}, like) / std::sqrt(static_cast<double>(inputs)));
  up = register_parameter("up", torch::zeros({outputs, rank}, like));
}

torch::Tensor LoraProjection::forward(const torch::Tensor& x) {
  //! [8.11]
  // The way round: through a few features and out again. Multiplied in this order, no large matrix is ever formed.
  const auto few = torch::matmul(x, down.t());                 // [..., rank]
  const auto correction = scale * torch::matmul(few, up.t());  // [..., outputs]
  return wrapped->forward(x) + correction;
  //! [8.11]
}

torch::Tensor LoraProjection::merged_weight() const {
  //! [8.12]
  // A sum of matrix products is a product with the sum: one matrix does it all.
  const torch::NoGradGuard no_gradients;
  return wrapped->weight + scale * torch::matmul(up, down);  // [outputs, inputs]
  //! [8.12]
}

}  // namespace verse
