// Answers to exercises 11.3 to 11.11: wrong ones that people give, and right ones written otherwise.

//! [11.3] wrong in_sixteen_bits: all in the type of x
return (x * torch::rsqrt(x.square().mean(-1, true) + epsilon) * gain).to(x.scalar_type());

//! [11.3] wrong mean_taken_away: layer norm without its bias
const auto wide = x.to(torch::kFloat32);
const auto centred = wide - wide.mean(-1, true);
return (centred / (centred.square().mean(-1, true) + epsilon).sqrt() * gain).to(x.scalar_type());

//! [11.3] wrong sum_for_mean: divided by the length of the vector
const auto wide = x.to(torch::kFloat32);
return (wide / (wide.square().sum(-1, true) + epsilon).sqrt() * gain).to(x.scalar_type());

//! [11.3] wrong result_widened
const auto wide = x.to(torch::kFloat32);
return wide * torch::rsqrt(wide.square().mean(-1, true) + epsilon) * gain;

//! [11.3] wrong epsilon_outside_root
const auto wide = x.to(torch::kFloat32);
return (wide / (wide.square().mean(-1, true).sqrt() + epsilon) * gain).to(x.scalar_type());

//! [11.3] wrong gradient_cut: the whole norm without gradients
torch::NoGradGuard guard;
const auto wide = x.to(torch::kFloat32);
return (wide * torch::rsqrt(wide.square().mean(-1, true) + epsilon) * gain).to(x.scalar_type());

//! [11.3] wrong input_changed: divides the caller's features
auto wide = x.detach().to(torch::kFloat32);
wide.div_((wide.square().mean(-1, true) + epsilon).sqrt());
return (wide * gain).to(x.scalar_type());

//! [11.3] wrong in_sixteen_bits+mean_taken_away: a layer norm, in the type of x
const auto centred = x - x.mean(-1, true);
const auto normed = centred / (centred.square().mean(-1, true) + epsilon).sqrt();
return (normed * gain).to(x.scalar_type());

//! [11.3] wrong gain_forgotten+sum_for_mean: the length for the root of the mean, and no gain
const auto wide = x.to(torch::kFloat32);
return (wide * torch::rsqrt(wide.pow(2).sum(-1, true) + epsilon)).to(x.scalar_type());

//! [11.3] right: LibTorch's own, in float32
return (torch::rms_norm(x.to(torch::kFloat32), {x.size(-1)}, {}, epsilon) * gain).to(x.scalar_type());

//! [11.3] right: by the norm of the vector
const auto wide = x.to(torch::kFloat32);
const auto size = torch::sqrt(wide.norm(2, {-1}, true).square() / x.size(-1) + epsilon);
return (wide / size * gain.to(torch::kFloat32)).to(x.scalar_type());

//! [11.3] right: powers, and the gain before the type goes back
const auto wide = x.to(torch::kFloat);
return (gain * (wide * (wide.pow(2).mean({-1}, true) + epsilon).pow(-0.5))).to(x.dtype());

//! [11.4] wrong half_the_exponent
for (std::int64_t i = 0; i < head_width / 2; ++i) {
  const double f = std::pow(base, -static_cast<double>(i) / head_width);
  double stays = scaling.kind == RotaryScaling::Kind::none ? 1 : 0;
  if (scaling.kind == RotaryScaling::Kind::llama3) {
    const double turns = scaling.original_context * f / (2 * M_PI);
    stays = std::clamp((turns - scaling.low_frequency_factor) / (scaling.high_frequency_factor - scaling.low_frequency_factor), 0.0, 1.0);
  }
  frequencies.push_back(stays * f + (1 - stays) * f / scaling.factor);
}

//! [11.4] wrong kind_not_looked_at: always divided
for (std::int64_t i = 0; i < head_width; i += 2)
  frequencies.push_back(std::pow(base, -static_cast<double>(i) / head_width) / scaling.factor);

//! [11.4] wrong scaling_left_out: no scaling at all
for (std::int64_t i = 0; i < head_width; i += 2)
  frequencies.push_back(std::pow(base, -static_cast<double>(i) / head_width));

//! [11.4] wrong scaling_left_out+whole_number_division: whole numbers divided, so that every pair turns alike
for (std::int64_t i = 0; i < head_width / 2; ++i)
  frequencies.push_back(std::pow(base, -(2 * i / head_width)));

//! [11.4] wrong radians_for_turns
for (std::int64_t i = 0; i < head_width; i += 2) {
  const double f = std::pow(base, -static_cast<double>(i) / head_width);
  double stays = scaling.kind == RotaryScaling::Kind::none ? 1 : 0;
  if (scaling.kind == RotaryScaling::Kind::llama3)
    stays = std::clamp((scaling.original_context * f - scaling.low_frequency_factor) / (scaling.high_frequency_factor - scaling.low_frequency_factor), 0.0, 1.0);
  frequencies.push_back(stays * f + (1 - stays) * f / scaling.factor);
}

//! [11.4] wrong no_mixture: the middle is slowed
for (std::int64_t i = 0; i < head_width; i += 2) {
  double f = std::pow(base, -static_cast<double>(i) / head_width);
  const double wavelength = 2 * std::numbers::pi / f;
  if (scaling.kind == RotaryScaling::Kind::linear) f /= scaling.factor;
  if (scaling.kind == RotaryScaling::Kind::llama3 && wavelength > scaling.original_context / scaling.high_frequency_factor) f /= scaling.factor;
  frequencies.push_back(f);
}

//! [11.4] wrong computed_in_float
for (std::int64_t i = 0; i < head_width; i += 2) {
  const float f = std::pow(static_cast<float>(base), -static_cast<float>(i) / static_cast<float>(head_width));
  float stays = scaling.kind == RotaryScaling::Kind::none ? 1 : 0;
  if (scaling.kind == RotaryScaling::Kind::llama3) {
    const float turns = scaling.original_context * f / (2 * static_cast<float>(M_PI));
    stays = std::clamp((turns - static_cast<float>(scaling.low_frequency_factor)) / static_cast<float>(scaling.high_frequency_factor - scaling.low_frequency_factor), 0.0F, 1.0F);
  }
  frequencies.push_back(stays * f + (1 - stays) * f / static_cast<float>(scaling.factor));
}

//! [11.4] right: by wavelengths, as Llama's code has it
for (std::int64_t i = 0; i < head_width; i += 2) {
  const double f = 1 / std::pow(base, static_cast<double>(i) / head_width);
  const double wavelength = 2 * std::numbers::pi / f;
  const double context = static_cast<double>(scaling.original_context);
  if (scaling.kind == RotaryScaling::Kind::none) {
    frequencies.push_back(f);
  } else if (scaling.kind == RotaryScaling::Kind::linear || wavelength > context / scaling.low_frequency_factor) {
    frequencies.push_back(f / scaling.factor);
  } else if (wavelength < context / scaling.high_frequency_factor) {
    frequencies.push_back(f);
  } else {
    const double smooth = (context / wavelength - scaling.low_frequency_factor) / (scaling.high_frequency_factor - scaling.low_frequency_factor);
    frequencies.push_back((1 - smooth) * f / scaling.factor + smooth * f);
  }
}

//! [11.4] right: a vector of LibTorch
const auto f = torch::pow(base, -torch::arange(0, head_width, 2, torch::kFloat64) / static_cast<double>(head_width));
auto stays = torch::full_like(f, scaling.kind == RotaryScaling::Kind::none ? 1.0 : 0.0);
if (scaling.kind == RotaryScaling::Kind::llama3) {
  const auto turns = f * static_cast<double>(scaling.original_context) / (2 * M_PI);
  stays = ((turns - scaling.low_frequency_factor) / (scaling.high_frequency_factor - scaling.low_frequency_factor)).clamp(0, 1);
}
const auto mixed = (stays * f + (1 - stays) * f / scaling.factor).contiguous();
frequencies.assign(mixed.data_ptr<double>(), mixed.data_ptr<double>() + mixed.numel());

//! [11.4] right: a logarithm, and each kind by a switch
for (std::int64_t i = 0; i < head_width / 2; ++i) {
  const double f = std::exp(-2.0 * i / head_width * std::log(base));
  switch (scaling.kind) {
    case RotaryScaling::Kind::none: frequencies.push_back(f); break;
    case RotaryScaling::Kind::linear: frequencies.push_back(f / scaling.factor); break;
    case RotaryScaling::Kind::llama3: {
      const double turns = scaling.original_context * f / (2 * std::numbers::pi);
      const double t = (turns - scaling.low_frequency_factor) / (scaling.high_frequency_factor - scaling.low_frequency_factor);
      frequencies.push_back(f / scaling.factor + std::min(1.0, std::max(0.0, t)) * (f - f / scaling.factor));
    }
  }
}

//! [11.5] wrong neighbours: pairs as in 11.1
const auto points = x.unflatten(-1, {-1, 2});
const auto a = points.select(-1, 0), b = points.select(-1, 1);
return torch::stack({a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()}, -1).flatten(-2).to(x.scalar_type());

//! [11.5] wrong backwards
const auto halves = x.chunk(2, -1);
return torch::cat({halves[0] * angles.cos() + halves[1] * angles.sin(), halves[1] * angles.cos() - halves[0] * angles.sin()}, -1).to(x.scalar_type());

//! [11.5] wrong side_by_side
const auto halves = x.chunk(2, -1);
return torch::stack({halves[0] * angles.cos() - halves[1] * angles.sin(), halves[0] * angles.sin() + halves[1] * angles.cos()}, -1).flatten(-2).to(x.scalar_type());

//! [11.5] wrong of_the_turned_one: the first half is overwritten before it is used
const auto half = x.size(-1) / 2;
auto turned = x.clone();
const auto first = turned.narrow(-1, 0, half) * angles.cos() - turned.narrow(-1, half, half) * angles.sin();
const auto second = first * angles.sin() + turned.narrow(-1, half, half) * angles.cos();
return torch::cat({first, second}, -1).to(x.scalar_type());

//! [11.5] wrong result_widened
const auto halves = x.chunk(2, -1);
return torch::cat({halves[0] * angles.cos() - halves[1] * angles.sin(), halves[0] * angles.sin() + halves[1] * angles.cos()}, -1);

//! [11.5] wrong: a position too late
const auto halves = x.chunk(2, -1);
const auto later = angles + angles.slice(0, 0, 1);
return torch::cat({halves[0] * later.cos() - halves[1] * later.sin(), halves[0] * later.sin() + halves[1] * later.cos()}, -1).to(x.scalar_type());

//! [11.5] right: each cosine twice, and the halves swapped
const auto halves = x.chunk(2, -1);
const auto both = torch::cat({angles, angles}, -1);
return (x * both.cos() + torch::cat({-halves[1], halves[0]}, -1) * both.sin()).to(x.scalar_type());

//! [11.5] right: complex numbers
const auto wide = x.to(torch::promote_types(x.scalar_type(), torch::kFloat32));
const auto halves = wide.chunk(2, -1);
const auto turned = torch::complex(halves[0].contiguous(), halves[1].contiguous()) *
                    torch::polar(torch::ones_like(angles), angles);
return torch::cat({torch::real(turned), torch::imag(turned)}, -1).to(x.scalar_type());

//! [11.5] right: written into a new tensor
const auto half = x.size(-1) / 2;
auto result = torch::zeros_like(x);
const auto a = x.slice(-1, 0, half), b = x.slice(-1, half);
result.slice(-1, 0, half).copy_(a * angles.cos() - b * angles.sin());
result.slice(-1, half).copy_(a * angles.sin() + b * angles.cos());
return result;

//! [11.6] wrong gate_and_up_swapped
return torch::matmul(torch::matmul(x, gate.t()) * torch::silu(torch::matmul(x, up.t())), down.t());

//! [11.6] wrong sigmoid_alone
return torch::matmul(torch::sigmoid(torch::matmul(x, gate.t())) * torch::matmul(x, up.t()), down.t());

//! [11.6] wrong gelu_gate
return torch::matmul(torch::gelu(torch::matmul(x, gate.t())) * torch::matmul(x, up.t()), down.t());

//! [11.6] wrong no_up: a plain MLP
return torch::matmul(torch::silu(torch::matmul(x, gate.t())), down.t());

//! [11.6] wrong not_transposed: weights not transposed
const auto opening = torch::matmul(x, gate);
return torch::matmul(opening * torch::sigmoid(opening) * torch::matmul(x, up), down);

//! [11.6] wrong silu_at_the_end: silu once more at the end
return torch::silu(torch::matmul(torch::silu(torch::matmul(x, gate.t())) * torch::matmul(x, up.t()), down.t()));

//! [11.6] right: LibTorch's linear and silu
return torch::linear(torch::silu(torch::linear(x, gate)) * torch::linear(x, up), down);

//! [11.6] right: both projections in one product
const auto both = torch::linear(x, torch::cat({gate, up})).chunk(2, -1);
return torch::linear(both[0] / (1 + torch::exp(-both[0])) * both[1], down);

//! [11.6] right: half of a hyperbolic tangent
const auto a = torch::matmul(x, gate.transpose(0, 1));
return torch::matmul(0.5 * a * (1 + torch::tanh(a / 2)) * torch::matmul(x, up.transpose(0, 1)), down.transpose(0, 1));

//! [11.7] wrong one_copy_after_the_other: torch's repeat
return x.repeat({1, times, 1, 1});

//! [11.7] wrong one_copy_after_the_other: the new dimension before the heads
return x.unsqueeze(1).expand({-1, times, -1, -1, -1}).flatten(1, 2);

//! [11.7] wrong positions_repeated
return x.repeat_interleave(times, -2);

//! [11.7] wrong batch_repeated
return x.repeat_interleave(times, 0);

//! [11.7] wrong gradient_cut
return x.detach().repeat_interleave(times, 1);

//! [11.7] wrong last_head_for_all: the last head alone
return x.narrow(1, x.size(1) - 1, 1).expand({-1, x.size(1) * times, -1, -1});

//! [11.7] right: repeat_interleave
return torch::repeat_interleave(x, times, 1);

//! [11.7] right: stacked
return torch::stack(std::vector<torch::Tensor>(times, x), 2).flatten(1, 2);

//! [11.7] right: by index
const auto heads = torch::arange(x.size(1) * times, torch::dtype(torch::kInt64).device(x.device())) / times;
return x.index_select(1, heads.floor().to(torch::kInt64));

//! [11.7] right: reshape with the sizes spelled out
return x.unsqueeze(2).expand({x.size(0), x.size(1), times, x.size(2), x.size(3)}).reshape({x.size(0), x.size(1) * times, x.size(2), x.size(3)});

//! [11.8] wrong one_too_many
const auto behind = query_positions.unsqueeze(1) - key_positions;
return window == 0 ? behind >= 0 : (behind >= 0) & (behind <= window);

//! [11.8] wrong window_zero_sees_nothing
const auto behind = query_positions.unsqueeze(1) - key_positions;
return (behind >= 0) & (behind < window);

//! [11.8] wrong to_both_sides
const auto behind = (query_positions.unsqueeze(1) - key_positions).abs();
return window == 0 ? behind >= 0 : behind < window;

//! [11.8] wrong places_for_positions: triangles, as without a cache
const auto ones = torch::ones({query_positions.size(0), key_positions.size(0)}, torch::dtype(torch::kBool).device(query_positions.device()));
return window == 0 ? ones.tril() : ones.tril() & ones.triu(1 - window);

//! [11.8] wrong places_for_positions: triangles whose corner is the last key
const auto ones = torch::ones({query_positions.size(0), key_positions.size(0)}, torch::dtype(torch::kBool).device(query_positions.device()));
const auto earlier = key_positions.size(0) - query_positions.size(0);
return window == 0 ? ones.tril(earlier) : ones.tril(earlier) & ones.triu(earlier + 1 - window);

//! [11.8] wrong upside_down: true is hidden
const auto behind = query_positions.unsqueeze(1) - key_positions;
return window == 0 ? behind < 0 : (behind < 0) | (behind >= window);

//! [11.8] wrong keys_by_queries
const auto behind = query_positions - key_positions.unsqueeze(1);
return window == 0 ? behind >= 0 : (behind >= 0) & (behind < window);

//! [11.8] right: a window as long as the text where there is none
const auto behind = query_positions.unsqueeze(1) - key_positions;
const auto reach = window == 0 ? std::numeric_limits<std::int64_t>::max() : window;
return (behind >= 0) & (behind < reach);

//! [11.8] right: compared without a difference
const auto query = query_positions.view({-1, 1}), key = key_positions.view({1, -1});
auto mask = key <= query;
if (window > 0) mask = mask.logical_and(key > query - window);
return mask;

//! [11.8] right: what is hidden, turned round
const auto later = key_positions.unsqueeze(0) > query_positions.unsqueeze(1);
if (window == 0) return later.logical_not();
return later.logical_or(key_positions.unsqueeze(0) + window <= query_positions.unsqueeze(1)).logical_not();

//! [11.9] wrong one_scale_for_all
const auto wide = weight.to(torch::kFloat32);
const auto scales = (wide.abs().max() / 127).expand({wide.size(0)}).contiguous();
const auto divisors = torch::where(scales == 0, torch::ones_like(scales), scales).unsqueeze(-1);
return {torch::round(wide / divisors).to(torch::kInt8), scales};

//! [11.9] wrong cut_off: a byte takes what is before the point
const auto wide = weight.to(torch::kFloat32);
const auto scales = wide.abs().amax(-1) / 127;
const auto divisors = torch::where(scales == 0, torch::ones_like(scales), scales).unsqueeze(-1);
return {(wide / divisors).to(torch::kInt8), scales};

//! [11.9] wrong dimension_kept
const auto wide = weight.to(torch::kFloat32);
const auto scales = wide.abs().amax(-1, true) / 127;
return {torch::round(wide / torch::where(scales == 0, torch::ones_like(scales), scales)).to(torch::kInt8), scales};

//! [11.9] wrong type_of_the_weight
const auto scales = weight.abs().amax(-1) / 127;
const auto divisors = torch::where(scales == 0, torch::ones_like(scales), scales).unsqueeze(-1);
return {torch::round(weight / divisors).to(torch::kInt8), scales};

//! [11.9] wrong values_stay_float: the values stay float32
const auto wide = weight.to(torch::kFloat32);
const auto scales = wide.abs().amax(-1) / 127;
const auto divisors = torch::where(scales == 0, torch::ones_like(scales), scales).unsqueeze(-1);
return {torch::round(wide / divisors), scales};

//! [11.9] wrong input_changed: divides the caller's weights
const auto scales = weight.to(torch::kFloat32).abs().amax(-1) / 127;
const auto divisors = torch::where(scales == 0, torch::ones_like(scales), scales).unsqueeze(-1);
auto values = weight.detach();
values.div_(divisors).round_();
return {values.to(torch::kInt8), scales};

//! [11.9] right: multiplied by the inverse
const auto wide = weight.to(torch::kFloat32);
const auto largest = std::get<0>(wide.abs().max(1));
const auto inverse = torch::where(largest > 0, 127 / largest, torch::zeros_like(largest));
return {(wide * inverse.unsqueeze(1)).round().clamp(-127, 127).to(torch::kInt8), largest / 127};

//! [11.9] right: row by row
const auto wide = weight.detach().to(torch::kFloat32);
auto values = torch::zeros_like(wide, torch::kInt8);
auto scales = torch::zeros({wide.size(0)});
for (std::int64_t row = 0; row < wide.size(0); ++row) {
  const auto largest = wide[row].abs().max();
  if (largest.item<float>() == 0) continue;
  scales[row] = largest / 127;
  values[row].copy_(torch::round(wide[row] / scales[row]));
}
return {values, scales};

//! [11.9] right: the infinity norm, and a smallest divisor
const auto wide = weight.to(torch::kFloat32);
const auto scales = wide.norm(INFINITY, {1}, false) / 127;
return {torch::round(wide / scales.clamp_min(1e-30).unsqueeze(1)).to(torch::kChar), scales};

//! [11.10] wrong no_scales
return torch::matmul(x.to(torch::kFloat32), weight.values.to(torch::kFloat32).t()).to(x.scalar_type());

//! [11.10] wrong result_widened
return torch::matmul(x.to(torch::kFloat32), weight.values.to(torch::kFloat32).t()) * weight.scales;

//! [11.10] wrong divided_by_scales
return (torch::matmul(x.to(torch::kFloat32), weight.values.to(torch::kFloat32).t()) / weight.scales).to(x.scalar_type());

//! [11.10] wrong sums_in_sixteen_bits
return torch::matmul(x, weight.values.to(x.scalar_type()).t()) * weight.scales.to(x.scalar_type());

//! [11.10] wrong: inputs in bytes too
return (torch::matmul(x.to(torch::kInt8).to(torch::kFloat32), weight.values.to(torch::kFloat32).t()) * weight.scales).to(x.scalar_type());

//! [11.10] wrong gradient_cut
const torch::NoGradGuard guard;
return (torch::matmul(x.to(torch::kFloat32), weight.values.to(torch::kFloat32).t()) * weight.scales).to(x.scalar_type());

//! [11.10] right: dequantised first
const auto matrix = weight.values.to(torch::kFloat32) * weight.scales.unsqueeze(-1);
return torch::linear(x.to(torch::kFloat32), matrix).to(x.scalar_type());

//! [11.10] right: einsum
return torch::einsum("...i,oi,o->...o", {x.to(torch::kFloat32), weight.values.to(torch::kFloat32), weight.scales}).to(x.scalar_type());

//! [11.10] right: row by row
std::vector<torch::Tensor> outputs;
for (std::int64_t row = 0; row < weight.values.size(0); ++row)
  outputs.push_back((x.to(torch::kFloat32) * weight.values[row].to(torch::kFloat32)).sum(-1) * weight.scales[row]);
return torch::stack(outputs, -1).to(x.scalar_type());

//! [11.11] wrong a_scale_for_the_row
const auto groups = weight.to(torch::kFloat32).view({weight.size(0), -1, group});
const auto rows = weight.to(torch::kFloat32);
const auto scales = rows.gather(1, rows.abs().argmax(1, true)) / -8;
const auto divisors = torch::where(scales == 0, 1.0, scales).unsqueeze(-1);
return {torch::round(groups / divisors).clamp(-8, 7).flatten(1).to(torch::kInt8), scales};

//! [11.11] wrong largest_becomes_7: exercise 11.9 with another number
const auto groups = weight.to(torch::kFloat32).unflatten(1, {-1, group});
const auto scales = groups.abs().amax(-1, true) / 7;
const auto divisors = torch::where(scales == 0, 1.0, scales);
return {torch::round(groups / divisors).flatten(1).to(torch::kInt8), scales.squeeze(-1)};

//! [11.11] wrong sign_lost
const auto groups = weight.to(torch::kFloat32).unflatten(1, {-1, group});
const auto scales = groups.abs().amax(-1) / 8;
const auto divisors = torch::where(scales == 0, 1.0, scales).unsqueeze(-1);
return {torch::round(groups / divisors).clamp(-8, 7).flatten(1).to(torch::kInt8), scales};

//! [11.11] wrong minus_forgotten
const auto groups = weight.to(torch::kFloat32).unflatten(1, {-1, group});
const auto scales = groups.gather(-1, groups.abs().argmax(-1, true)) / 8;
const auto divisors = torch::where(scales == 0, 1.0, scales);
return {torch::round(groups / divisors).clamp(-8, 7).flatten(1).to(torch::kInt8), scales.squeeze(-1)};

//! [11.11] wrong sign_not_taken_off: the largest number instead of the one of the largest size
const auto groups = weight.to(torch::kFloat32).unflatten(1, {-1, group});
const auto scales = groups.amax(-1, true) / -8;
const auto divisors = torch::where(scales == 0, 1.0, scales);
return {torch::round(groups / divisors).clamp(-8, 7).flatten(1).to(torch::kInt8), scales.squeeze(-1)};

//! [11.11] wrong eight_is_left
const auto groups = weight.to(torch::kFloat32).unflatten(1, {-1, group});
const auto scales = groups.gather(-1, groups.abs().argmax(-1, true)) / -8;
const auto divisors = torch::where(scales == 0, 1.0, scales);
return {torch::round(groups / divisors).flatten(1).to(torch::kInt8), scales.squeeze(-1)};

//! [11.11] wrong cut_off: turned into bytes without rounding
const auto groups = weight.to(torch::kFloat32).unflatten(1, {-1, group});
const auto scales = groups.gather(-1, groups.abs().argmax(-1, true)) / -8;
const auto divisors = torch::where(scales == 0, 1.0, scales);
return {(groups / divisors).clamp(-8, 7).flatten(1).to(torch::kInt8), scales.squeeze(-1)};

//! [11.11] wrong scales_inverted
const auto groups = weight.to(torch::kFloat32).unflatten(1, {-1, group});
const auto largest = groups.gather(-1, groups.abs().argmax(-1, true));
const auto factors = torch::where(largest == 0, torch::zeros_like(largest), -8 / largest);
return {torch::round(groups * factors).clamp(-8, 7).flatten(1).to(torch::kInt8), factors.squeeze(-1)};

//! [11.11] wrong dimension_kept
const auto groups = weight.to(torch::kFloat32).unflatten(1, {-1, group});
const auto scales = groups.gather(-1, groups.abs().argmax(-1, true)) / -8;
const auto divisors = torch::where(scales == 0, 1.0, scales);
return {torch::round(groups / divisors).clamp(-8, 7).flatten(1).to(torch::kInt8), scales};

//! [11.11] wrong values_stay_float
const auto groups = weight.to(torch::kFloat32).unflatten(1, {-1, group});
const auto scales = groups.gather(-1, groups.abs().argmax(-1, true)) / -8;
const auto divisors = torch::where(scales == 0, 1.0, scales);
return {torch::round(groups / divisors).clamp(-8, 7).flatten(1), scales.squeeze(-1)};

//! [11.11] right: the larger of both ends
const auto groups = weight.to(torch::kFloat32).reshape({weight.size(0), -1, group});
const auto high = groups.amax(-1), low = groups.amin(-1);
const auto scales = torch::where(high > -low, high, low) / -8;
const auto divisors = torch::where(scales == 0, torch::ones_like(scales), scales).unsqueeze(-1);
return {(groups / divisors).round().clamp(-8, 7).to(torch::kInt8).view(weight.sizes()), scales};

//! [11.11] right: group by group
const auto wide = weight.detach().to(torch::kFloat32);
auto values = torch::zeros_like(wide, torch::kInt8);
auto scales = torch::zeros({wide.size(0), wide.size(1) / group});
for (std::int64_t row = 0; row < wide.size(0); ++row) {
  for (std::int64_t i = 0; i < scales.size(1); ++i) {
    const auto numbers = wide[row].narrow(0, i * group, group);
    const auto largest = numbers[numbers.abs().argmax().item<std::int64_t>()].item<float>();
    if (largest == 0) continue;
    scales[row][i] = largest / -8;
    values[row].narrow(0, i * group, group).copy_(torch::round(numbers / (largest / -8)).clamp(-8, 7));
  }
}
return {values, scales};

//! [11.11] right: number by number
const auto wide = weight.detach().to(torch::kFloat32).contiguous();
auto values = torch::empty(wide.sizes(), torch::kInt8);
auto scales = torch::empty({wide.size(0), wide.size(1) / group});
const float* from = wide.const_data_ptr<float>();
auto* to = values.mutable_data_ptr<std::int8_t>();
auto* scale = scales.mutable_data_ptr<float>();
for (std::int64_t first = 0; first < wide.numel(); first += group) {
  float largest = 0;
  for (std::int64_t i = first; i < first + group; ++i)
    if (std::abs(from[i]) > std::abs(largest)) largest = from[i];
  const float step = largest == 0 ? 0.0F : largest / -8;
  for (std::int64_t i = first; i < first + group; ++i) {
    const float steps = step == 0 ? 0.0F : std::nearbyint(from[i] / step);
    to[i] = static_cast<std::int8_t>(std::min(steps, 7.0F));
  }
  *scale++ = step;
}
return {values, scales};
