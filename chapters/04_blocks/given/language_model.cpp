#include "04_blocks/given/language_model.h"

#include <fmt/format.h>

#include <set>

#include "common/base/error.h"

namespace verse {

std::int64_t LanguageModelImpl::parameter_count() const {
  // A tensor that is registered in two places is one tensor.
  std::set<const void*> seen;
  std::int64_t count = 0;
  for (const auto& parameter : parameters()) {
    if (seen.insert(parameter.unsafeGetTensorImpl()).second) count += parameter.numel();
  }
  return count;
}

//! [positions-of]
torch::Tensor LanguageModelImpl::positions_of(const torch::Tensor& tokens, const ForwardExtras& extras) const {
  const std::int64_t time = tokens.size(-1);
  const std::int64_t kept = extras.cache == nullptr || extras.cache->empty() ? 0 : extras.cache->front()->length();
  if (kept + time > context()) {
    throw UsageError(
        fmt::format("{} tokens after {} kept ones are more than the context of {} positions", time, kept, context()));
  }
  return torch::arange(kept, kept + time, torch::TensorOptions().dtype(torch::kInt64).device(tokens.device()));
}
//! [positions-of]

}  // namespace verse
