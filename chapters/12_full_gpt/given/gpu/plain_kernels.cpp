#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "03_attention/attention.h"
#include "12_full_gpt/given/gpu/step_kernels.h"

namespace verse {

namespace {

constexpr double kEpsilon = 1e-5;  // chapter 4's, in the norms
constexpr std::int64_t kWord = 0xffffffff;

/// given/cpu/fast_dropout.cpp's, for one number and for a tensor of them.
std::uint32_t stirred(std::uint32_t x) {
  x = (x ^ (x >> 16)) * 0x7feb352dU;
  x = (x ^ (x >> 15)) * 0x846ca68bU;
  return x ^ (x >> 16);
}

torch::Tensor stirred(torch::Tensor x) {
  const auto shifted = [&x](std::int64_t bits) { return x.bitwise_right_shift(bits); };
  x = x.bitwise_xor(shifted(16)).mul_(0x7feb352dL).bitwise_and_(kWord);
  x = x.bitwise_xor(shifted(15)).mul_(0x846ca68bL).bitwise_and_(kWord);
  return x.bitwise_xor(shifted(16));
}

torch::Tensor as_float(const torch::Tensor& x) {
  return x.to(torch::kFloat32);
}

void norm_rows(const torch::Tensor& x, const Norm& norm, torch::Tensor y) {
  const auto exact = as_float(x);
  const auto mean = exact.mean(-1, true);
  const auto scale = torch::rsqrt((exact - mean).square().mean(-1, true) + kEpsilon);
  auto means = norm.means, scales = norm.scales;
  means.copy_(mean.squeeze(-1));
  scales.copy_(scale.squeeze(-1));
  y.copy_((exact - mean) * scale * norm.gain + norm.bias);
}

/// GELU and its slope, of float32 numbers.
std::pair<torch::Tensor, torch::Tensor> gelu_and_slope(const torch::Tensor& x) {
  const double scale = std::sqrt(2.0 / M_PI), cubic = 0.044715;
  const auto t = torch::tanh(scale * (x + cubic * x * x * x));
  const auto slope = 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * scale * (1 + 3 * cubic * x * x);
  return {0.5 * x * (1 + t), slope};
}

/// Queries, keys and values, [batch, heads, time, head_width] each.
std::vector<torch::Tensor> heads_apart(const torch::Tensor& parts, std::int64_t batch, std::int64_t heads) {
  std::vector<torch::Tensor> apart;
  for (const auto& part : parts.view({batch, -1, parts.size(1)}).chunk(3, -1)) {
    apart.push_back(split_heads(as_float(part), heads));
  }
  return apart;
}

/// Attention's weights before any is dropped.
torch::Tensor weights_of(const std::vector<torch::Tensor>& apart) {
  const std::int64_t time = apart[0].size(2);
  const auto scores = torch::matmul(apart[0], apart[1].transpose(-2, -1)) / std::sqrt(double(apart[0].size(3)));
  const auto hidden = causal_mask(time, time, scores.device()).logical_not();
  return torch::softmax(scores.masked_fill(hidden, -std::numeric_limits<float>::infinity()), -1);
}

}  // namespace

std::uint64_t seed_of_site(std::int64_t seed, std::int64_t site) {
  return static_cast<std::uint64_t>(seed) + static_cast<std::uint64_t>(site) * 0x9e3779b97f4a7c15ULL;
}

torch::Tensor drop_factors(const Dropping& dropping, std::int64_t site, torch::IntArrayRef shape, std::int64_t first) {
  const auto numbers = torch::dtype(torch::kFloat32).device(dropping.seed.device());
  if (dropping.share == 0) return torch::ones(shape, numbers);
  const std::uint64_t seed = seed_of_site(dropping.seed.item<std::int64_t>(), site);
  const auto dropped = static_cast<std::int64_t>(dropping.share * (1 << 24));
  const std::int64_t end = first + c10::multiply_integers(shape);

  // Each stretch of places with the same upper 32 bits has a seed of its own.
  std::vector<torch::Tensor> kept;
  while (first < end) {
    const std::int64_t upper = first >> 32, next = std::min(end, (upper + 1) << 32);
    const std::uint64_t mine = seed ^ stirred(static_cast<std::uint32_t>(upper));
    const auto low = static_cast<std::uint32_t>(mine), high = static_cast<std::uint32_t>(mine >> 32);
    const std::uint32_t offset = stirred(low + 1), step = stirred(offset ^ high) | 1;
    const auto place = torch::arange(first, next, numbers.dtype(torch::kInt64)).bitwise_and_(kWord);
    const auto word = (place * std::int64_t{step} + std::int64_t{offset}).bitwise_and_(kWord);
    kept.push_back(stirred(word).bitwise_right_shift(8) >= dropped);
    first = next;
  }
  return (torch::cat(kept).to(torch::kFloat32) / (1 - dropping.share)).view(shape);
}

void PlainKernels::embed_norm(const Windows& windows, const torch::Tensor& token_table,
                              const torch::Tensor& position_table, const Norm& norm, const Dropping& dropping,
                              torch::Tensor x, torch::Tensor y, torch::Tensor one_hot) {
  const auto inputs = windows.tokens.unfold(0, windows.context, 1).index_select(0, windows.starts);  // [batch, context]
  const auto embedded =
      token_table.index({inputs}) + position_table.narrow(0, 0, windows.context);  // [batch, context, width]
  x.copy_(embedded.view(x.sizes()) * drop_factors(dropping, 0, x.sizes()));
  norm_rows(x, norm, y);
  one_hot.zero_().scatter_(1, inputs.reshape({-1, 1}), 1);
}

void PlainKernels::add_norm(const torch::Tensor& x, const torch::Tensor& branch, const torch::Tensor& branch_bias,
                            const Norm& norm, const Dropping& dropping, std::int64_t site, torch::Tensor sum,
                            torch::Tensor y) {
  sum.copy_(as_float(x) + (as_float(branch) + branch_bias) * drop_factors(dropping, site, x.sizes()));
  norm_rows(sum, norm, y);
}

void PlainKernels::norm_backward(const torch::Tensor& to_y, const torch::Tensor& x, const Norm& norm,
                                 const torch::Tensor& along, const Dropping& dropping, std::int64_t site,
                                 torch::Tensor to_x, torch::Tensor to_branch, torch::Tensor to_gain,
                                 torch::Tensor to_bias, torch::Tensor to_branch_bias) {
  const auto normed = (as_float(x) - norm.means.unsqueeze(1)) * norm.scales.unsqueeze(1);
  to_gain.copy_((as_float(to_y) * normed).sum(0));
  to_bias.copy_(as_float(to_y).sum(0));

  // Shifting or stretching a row changes nothing behind the norm: that part of the gradient is taken away.
  const auto stretched = as_float(to_y) * norm.gain;
  const auto level = stretched.mean(-1, true), size = (stretched * normed).mean(-1, true);
  auto gradient = norm.scales.unsqueeze(1) * (stretched - level - normed * size);
  if (along.defined()) gradient = gradient + as_float(along);

  const auto dropped = gradient * drop_factors(dropping, site, x.sizes());
  to_x.copy_(gradient);
  to_branch.copy_(dropped);
  to_branch_bias.copy_(dropped.sum(0));
}

void PlainKernels::multiply(const Product& product) {
  const auto a = product.a_turned ? product.a.t() : product.a, b = product.b_turned ? product.b.t() : product.b;
  auto out = product.out;
  auto result = as_float(torch::mm(a, b));
  if (product.bias.defined()) result = result + as_float(product.bias);
  switch (product.finish) {
    case Finish::nothing:
    case Finish::bias:
      break;
    case Finish::add:
      result = result + out;
      break;
    case Finish::bias_and_gelu: {
      auto kept = product.kept;
      kept.copy_(result);
      result = gelu_and_slope(as_float(kept)).first;
      break;
    }
    case Finish::gelu_backward: {
      auto to_bias = product.to_bias;
      result = result * gelu_and_slope(as_float(product.kept)).second;
      to_bias.copy_(result.sum(0));
      break;
    }
  }
  out.copy_(result);
}

torch::Tensor PlainKernels::attend(std::int64_t /*layer*/, const torch::Tensor& parts, std::int64_t batch,
                                   std::int64_t heads, const Dropping& dropping, std::int64_t site) {
  const auto apart = heads_apart(parts, batch, heads);
  const auto weights = weights_of(apart);
  const auto mixed = torch::matmul(weights * drop_factors(dropping, site, weights.sizes()), apart[2]);
  return merge_heads(mixed).view({parts.size(0), -1}).to(parts.dtype());
}

void PlainKernels::attend_backward(std::int64_t /*layer*/, const torch::Tensor& to_mixed, const torch::Tensor& parts,
                                   const torch::Tensor& /*mixed*/, std::int64_t batch, std::int64_t heads,
                                   const Dropping& dropping, std::int64_t site, torch::Tensor to_parts,
                                   torch::Tensor to_bias) {
  const auto apart = heads_apart(parts, batch, heads);
  const auto weights = weights_of(apart), factors = drop_factors(dropping, site, weights.sizes());
  const auto arriving = split_heads(as_float(to_mixed).view({batch, -1, to_mixed.size(1)}), heads);
  const auto to_value = torch::matmul((weights * factors).transpose(-2, -1), arriving);
  const auto to_weights = torch::matmul(arriving, apart[2].transpose(-2, -1)) * factors;

  // Softmax: only differences between scores matter, so their mean, weighted, is taken away.
  const auto to_scores = weights * (to_weights - (to_weights * weights).sum(-1, true)) / std::sqrt(apart[0].size(3));
  const auto to_query = torch::matmul(to_scores, apart[1]);
  const auto to_key = torch::matmul(to_scores.transpose(-2, -1), apart[0]);
  const auto joined = torch::cat({merge_heads(to_query), merge_heads(to_key), merge_heads(to_value)}, -1);
  to_parts.copy_(joined.view(to_parts.sizes()));
  to_bias.copy_(joined.flatten(0, 1).sum(0));
}

void PlainKernels::cross_entropy(const torch::Tensor& logits, const Windows& windows, std::int64_t vocabulary,
                                 torch::Tensor to_logits, torch::Tensor loss) {
  const auto targets =
      windows.tokens.unfold(0, windows.context, 1).index_select(0, windows.starts + 1).reshape({-1, 1});  // [rows, 1]
  const auto logs = torch::log_softmax(as_float(logits.narrow(1, 0, vocabulary)), -1);
  loss.copy_(-logs.gather(1, targets).mean());
  const auto gradient = logs.exp().scatter_add(1, targets, -torch::ones_like(targets, logs.options()));
  to_logits.zero_().narrow(1, 0, vocabulary).copy_(gradient / logits.size(0));
}

void PlainKernels::position_backward(const torch::Tensor& to_x, std::int64_t batch, torch::Tensor to_table) {
  to_table.copy_(as_float(to_x).view({batch, -1, to_x.size(1)}).sum(0));
}

void PlainKernels::round_all(const torch::Tensor& x, torch::Tensor y) {
  y.copy_(x);
}

void PlainKernels::adamw(const Update& update) {
  auto [p, first, second, norm, copies] =
      std::tuple(update.parameters, update.first, update.second, update.norm, update.copies);
  norm.copy_(update.gradients.norm(2, torch::kFloat64));
  const auto gradients = update.gradients * (update.limit / (norm + 1e-6)).clamp_max(1.0);
  first.mul_(update.beta1).add_(gradients, 1 - update.beta1);
  second.mul_(update.beta2).addcmul_(gradients, gradients, 1 - update.beta2);
  const auto number = update.step_number.to(torch::kFloat64);
  const auto mean = first / (1 - torch::pow(update.beta1, number));
  const auto mean_square = second / (1 - torch::pow(update.beta2, number));
  p.narrow(0, 0, update.decaying).mul_(1 - update.learning_rate * update.decay);
  p.sub_(update.learning_rate * mean / (mean_square.sqrt() + update.epsilon));
  copies.copy_(p);
}

}  // namespace verse
