#include "02_embeddings/given/speak.h"

#include <algorithm>

#include "02_embeddings/embeddings.h"

namespace verse {

std::vector<std::int64_t> speak(const LogitsFunction& logits_of, std::int64_t first, std::int64_t count,
                                std::int64_t context, Random& random) {
  const torch::NoGradGuard no_gradients;
  std::vector<std::int64_t> text = {first};
  for (std::int64_t i = 0; i < count; ++i) {
    const auto kept = std::min(static_cast<std::int64_t>(text.size()), context);
    const auto window = torch::tensor(std::vector<std::int64_t>(text.end() - kept, text.end())).unsqueeze(0);
    const auto logits = logits_of(window)[0][-1].to(torch::kCPU, torch::kFloat64);  // [vocabulary]

    const auto chances = softmax(logits).contiguous();
    text.push_back(random.draw({chances.data_ptr<double>(), static_cast<std::size_t>(chances.numel())}));
  }
  return {text.begin() + 1, text.end()};
}

}  // namespace verse
