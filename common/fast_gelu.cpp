#include "common/fast_gelu.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "common/share_out.h"
#include "common/vector_loops.h"

namespace verse {

namespace {

// y = x s with s = sigmoid(k (x + c x^3)), and its derivative s + x s (1 - s) k (1 + 3 c x^2).
const float kScale = static_cast<float>(2 * std::sqrt(2 / std::numbers::pi));
constexpr float kCubic = 0.044715F;

//! [fast-gelu]
/// e^x for x from -87 to 87, to within two of float32's last digits: a power of 2, and a polynomial for the rest.
VERSE_VECTOR_LOOP __attribute__((always_inline)) inline float exponential(float x) {
  const float scaled = x * 1.44269504F;  // e^x = 2^scaled
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: beside it, a float32 has no digits after the point
  const float whole = (scaled + kRound) - kRound;
  const float f = (scaled - whole) * 0.693147181F;  // from -0.35 to 0.35
  const float rest = 1 + f * (1 + f * (0.5F + f * (1.0F / 6 + f * (1.0F / 24 + f * (1.0F / 120 + f * (1.0F / 720))))));
  return std::bit_cast<float>(std::bit_cast<std::int32_t>(rest) + (static_cast<std::int32_t>(whole) << 23));
}

/// GELU and its derivative of many numbers, in one pass over memory. The compiler makes several at a time of it.
VERSE_VECTOR_LOOP void gelu_and_slope(const float* x, float* y, float* slope, std::int64_t count, float scale) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float square = x[i] * x[i];
    const float z = std::clamp(scale * x[i] * (1 + kCubic * square), -80.0F, 80.0F);
    const float share = 1 / (1 + exponential(-z));
    y[i] = x[i] * share;
    slope[i] = share + y[i] * (1 - share) * scale * (1 + 3 * kCubic * square);
  }
}
//! [fast-gelu]

class FastGelu : public torch::autograd::Function<FastGelu> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& given) {
    constexpr std::int64_t kAtATime = 16'384;
    const auto x = given.contiguous();
    auto y = torch::empty_like(x), slope = torch::empty_like(x);
    share_out(0, x.numel(), kAtATime, [&](std::int64_t begin, std::int64_t end) {
      gelu_and_slope(x.data_ptr<float>() + begin, y.data_ptr<float>() + begin, slope.data_ptr<float>() + begin,
                     end - begin, kScale);
    });
    context->save_for_backward({slope});
    return y;
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    return {gradients[0] * context->get_saved_variables()[0]};
  }
};

}  // namespace

torch::Tensor fast_gelu_tanh(const torch::Tensor& x) {
  const bool ours = vector_loops() && x.requires_grad() && x.is_cpu() && x.scalar_type() == torch::kFloat32;
  return ours ? FastGelu::apply(x) : torch::gelu(x, "tanh");
}

}  // namespace verse
