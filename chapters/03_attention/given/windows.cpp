#include "03_attention/given/windows.h"

namespace verse {

torch::Tensor windows_of(const torch::Tensor& tokens, std::int64_t context) {
  return tokens.unfold(0, context + 1, context);
}

}  // namespace verse
