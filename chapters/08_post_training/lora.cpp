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
  // Exercise 8.11. Read "Going further: a few per cent of the parameters" in README.md, then replace the next line; make hint-8.11 helps.
  throw NotImplemented("8.11");
  //! [8.11]
}

torch::Tensor LoraProjection::merged_weight() const {
  //! [8.12]
  // Exercise 8.12. Read "Going further: a few per cent of the parameters" in README.md, then replace the next line; make hint-8.12 helps.
  throw NotImplemented("8.12");
  //! [8.12]
}

}  // namespace verse
