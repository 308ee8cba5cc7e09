#include "12_full_gpt/given/gpu/flat_adamw.h"

#include <utility>

namespace verse {

namespace {

/// Numbers that a parameter takes in the one piece.
std::int64_t room_for(const torch::Tensor& parameter) {
  constexpr std::int64_t kVectorTogether = 128;
  const std::int64_t rows = parameter.dim() >= 2 ? parameter.size(0) : parameter.numel();
  const std::int64_t together = parameter.dim() >= 2 ? kRowsTogether : kVectorTogether;
  return (rows + together - 1) / together * together * (parameter.numel() / rows);
}

}  // namespace

FlatAdamW::FlatAdamW(std::vector<torch::Tensor> parameters, const AdamWOptions& options)
    : DeviceAdamW(std::move(parameters), options) {
  const torch::NoGradGuard no_gradients;
  std::int64_t total = 0;
  for (const auto& parameter : parameters_) total += room_for(parameter);
  flat_parameters = torch::zeros({total}, parameters_.at(0).options().requires_grad(false));
  flat_gradients = torch::zeros_like(flat_parameters);
  flat_first = torch::zeros_like(flat_parameters);
  flat_second = torch::zeros_like(flat_parameters);

  std::int64_t first = 0;
  for (const bool decays : {true, false}) {
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      auto& parameter = parameters_[i];
      if ((parameter.dim() >= 2) != decays) continue;
      const auto place = flat_parameters.narrow(0, first, parameter.numel()).view(parameter.sizes());
      place.copy_(parameter);
      parameter.set_data(place);
      moments_[i].first = flat_first.narrow(0, first, parameter.numel()).view(parameter.sizes());
      moments_[i].second = flat_second.narrow(0, first, parameter.numel()).view(parameter.sizes());
      first += room_for(parameter);
    }
    if (decays) decaying = first;
  }
}

torch::Tensor FlatAdamW::part(const torch::Tensor& flat, const torch::Tensor& parameter, bool padded) const {
  const auto* begin = flat_parameters.const_data_ptr<float>();
  const auto* here = parameter.is_floating_point() && parameter.dtype() == torch::kFloat32
                         ? parameter.const_data_ptr<float>()
                         : nullptr;
  if (here < begin || here >= begin + flat_parameters.numel()) return {};
  const std::int64_t first = here - begin;
  if (!padded) return flat.narrow(0, first, parameter.numel()).view(parameter.sizes());
  return flat.narrow(0, first, room_for(parameter)).view({-1, parameter.numel() / parameter.size(0)});
}

}  // namespace verse
