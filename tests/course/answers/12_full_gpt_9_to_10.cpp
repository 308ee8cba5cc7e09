// Answers to exercises 12.9 to 12.10 of chapter 12: wrong ones that people give, and right ones written otherwise.

//! [12.9] wrong infinity_passes: only NaN is looked for, which differs from itself
torch::NoGradGuard guard;
bool fine = true;
for (auto& p : parameters) {
  if (!p.grad().defined()) continue;
  if (p.grad().ne(p.grad()).any().item<bool>()) fine = false;
  p.grad().mul_(1 / scale.scale);
}
if (fine) {
  scale.good_steps += 1;
  if (scale.good_steps >= scale.grow_after) scale.scale *= 2, scale.good_steps = 0;
} else {
  scale.scale *= 0.5;
  scale.good_steps = 0;
}
return fine;

//! [12.9] wrong last_one_decides: = for &=
torch::NoGradGuard guard;
bool finite = true;
for (const auto& p : parameters) {
  if (!p.grad().defined()) continue;
  p.grad().div_(scale.scale);
  finite = torch::isfinite(p.grad()).all().item<bool>();
}
scale.good_steps = finite ? scale.good_steps + 1 : 0;
if (!finite) scale.scale /= 2;
if (scale.good_steps == scale.grow_after) scale.scale *= 2, scale.good_steps = 0;
return finite;

//! [12.9] wrong stops_at_a_parameter_without_gradient: break for continue
torch::NoGradGuard guard;
bool finite = true;
for (const auto& p : parameters) {
  if (!p.grad().defined()) break;
  p.mutable_grad() /= scale.scale;
  finite &= torch::isfinite(p.grad()).all().item<bool>();
}
scale.good_steps = finite ? scale.good_steps + 1 : 0;
if (!finite) scale.scale /= 2;
if (scale.good_steps == scale.grow_after) scale.scale *= 2, scale.good_steps = 0;
return finite;

//! [12.9] wrong goes_on_counting: the count is left after a refusal
torch::NoGradGuard guard;
double sum = 0;
for (const auto& p : parameters) {
  if (p.grad().defined()) sum += p.grad().div_(scale.scale).abs().sum().item<double>();
}
if (std::isfinite(sum)) {
  ++scale.good_steps;
  if (scale.good_steps == scale.grow_after) {
    scale.scale *= 2;
    scale.good_steps = 0;
  }
  return true;
}
scale.scale /= 2;
return false;

//! [12.9] wrong divides_by_the_next_scale: the scale first
torch::NoGradGuard guard;
const auto good = std::all_of(parameters.begin(), parameters.end(), [](const torch::Tensor& p) {
  return !p.grad().defined() || p.grad().isfinite().all().item<bool>();
});
if (!good) scale.scale /= 2, scale.good_steps = 0;
else if (++scale.good_steps == scale.grow_after) scale.scale *= 2, scale.good_steps = 0;
for (const auto& p : parameters)
  if (p.grad().defined()) p.grad().div_(scale.scale);
return good;

//! [12.9] wrong multiplies: *= for /=
torch::NoGradGuard guard;
bool good = true;
for (const auto& p : parameters) {
  if (!p.grad().defined()) continue;
  good = good && p.grad().isfinite().all().item<bool>();
  p.grad().mul_(scale.scale);
}
if (!good) scale.scale /= 2, scale.good_steps = 0;
else if (++scale.good_steps == scale.grow_after) scale.scale *= 2, scale.good_steps = 0;
return good;

//! [12.9] wrong gradients_left: a gradient of its own in place of the divided one
bool good = true;
for (const auto& p : parameters) {
  if (!p.grad().defined()) continue;
  const auto unscaled = p.grad() / scale.scale;
  good = good && unscaled.isfinite().all().item<bool>();
}
if (!good) scale.scale /= 2, scale.good_steps = 0;
else if (++scale.good_steps == scale.grow_after) scale.scale *= 2, scale.good_steps = 0;
return good;

//! [12.9] wrong scale_left: leaves at the first one that is not finite, with the scale as it was
torch::NoGradGuard guard;
for (const auto& p : parameters) {
  if (!p.grad().defined()) continue;
  p.grad().div_(scale.scale);
  if (!p.grad().isfinite().all().item<bool>()) return false;
}
if (++scale.good_steps == scale.grow_after) scale.scale *= 2, scale.good_steps = 0;
return true;

//! [12.9] wrong undefined_tensor: a parameter without a gradient is asked for it
torch::NoGradGuard guard;
bool good = true;
for (const auto& p : parameters) {
  p.grad().div_(scale.scale);
  good = good && p.grad().isfinite().all().item<bool>();
}
if (!good) scale.scale /= 2, scale.good_steps = 0;
else if (++scale.good_steps == scale.grow_after) scale.scale *= 2, scale.good_steps = 0;
return good;

//! [12.9] right: looked at first, divided only where the step is taken
torch::NoGradGuard guard;
std::vector<torch::Tensor> gradients;
for (const auto& p : parameters)
  if (p.grad().defined()) gradients.push_back(p.grad());
const bool good = std::none_of(gradients.begin(), gradients.end(), [](const torch::Tensor& g) {
  return (g.isnan() | g.isinf()).any().item<bool>();
});
if (!good) {
  scale = {scale.scale / 2, 0, scale.grow_after};
  return false;
}
for (auto& g : gradients) g *= 1 / scale.scale;
scale.good_steps += 1;
if (scale.good_steps >= scale.grow_after) scale = {2 * scale.scale, 0, scale.grow_after};
return true;

//! [12.9] right: a sum of all that is 0 where all is finite
double nothing = 0;
for (auto p : parameters) {
  auto& gradient = p.mutable_grad();
  if (!gradient.defined()) continue;
  gradient = gradient.detach();
  gradient.copy_(gradient / scale.scale);
  nothing += (gradient.to(torch::kFloat64) * 0).sum().item<double>();
}
const bool finite = nothing == 0;
scale.good_steps = finite ? (scale.good_steps + 1) % scale.grow_after : 0;
if (!finite) scale.scale *= 0.5;
if (finite && scale.good_steps == 0) scale.scale *= 2;
return finite;

//! [12.9] right: one call of LibTorch's own for all
const torch::NoGradGuard guard;
std::vector<torch::Tensor> gradients;
for (const auto& p : parameters)
  if (p.grad().defined()) gradients.push_back(p.grad());
auto found = torch::zeros({1});
at::_amp_foreach_non_finite_check_and_unscale_(gradients, found, torch::full({1}, 1 / scale.scale));
auto number = torch::full({1}, scale.scale), counted = torch::full({1}, scale.good_steps, torch::kInt32);
at::_amp_update_scale_(number, counted, found, 2.0, 0.5, scale.grow_after);
scale.scale = number.item<float>();
scale.good_steps = counted.item<int>();
return found.item<float>() == 0;

//! [12.10] wrong one_operation: one for a multiplication and an addition together
ProductCost cost;
cost.operations = 1.0 * product.rows * product.inner * product.columns;
cost.bytes = 1.0 * product.number_bytes * (product.rows * product.inner + product.inner * product.columns + product.rows * product.columns);
cost.intensity = cost.operations / cost.bytes;
cost.seconds = cost.bytes / limits.bytes > cost.operations / limits.operations ? cost.bytes / limits.bytes : cost.operations / limits.operations;
return cost;

//! [12.10] wrong factors_alone: what is written does not count
ProductCost cost;
cost.operations = 2.0 * product.rows * product.inner * product.columns;
cost.bytes = static_cast<double>(product.inner * (product.rows + product.columns) * product.number_bytes);
cost.intensity = cost.operations / cost.bytes;
cost.seconds = std::max(cost.bytes / limits.bytes, cost.operations / limits.operations);
return cost;

//! [12.10] wrong numbers_for_bytes: numbers
const double r = product.rows, i = product.inner, c = product.columns, numbers = r * i + i * c + r * c;
return {2 * r * i * c, numbers, 2 * r * i * c / numbers, std::max(2 * r * i * c / limits.operations, numbers / limits.bytes)};

//! [12.10] wrong one_after_the_other: first read, then computed
const double r = product.rows, i = product.inner, c = product.columns;
const double operations = 2 * r * i * c, bytes = (r * i + i * c + r * c) * product.number_bytes;
return {operations, bytes, operations / bytes, operations / limits.operations + bytes / limits.bytes};

//! [12.10] wrong the_shorter: min
const double r = product.rows, i = product.inner, c = product.columns;
const double operations = 2 * r * i * c, bytes = (r * i + i * c + r * c) * product.number_bytes;
return {operations, bytes, operations / bytes, std::min(operations / limits.operations, bytes / limits.bytes)};

//! [12.10] wrong thirty_two_bits: in whole numbers of 32 bits
const std::uint32_t r = product.rows, i = product.inner, c = product.columns;
const double operations = 2 * r * i * c, bytes = (r * i + i * c + r * c) * static_cast<std::uint32_t>(product.number_bytes);
return {operations, bytes, operations / bytes, std::max(operations / limits.operations, bytes / limits.bytes)};

//! [12.10] wrong bytes_an_operation: intensity the wrong way round
const double r = product.rows, i = product.inner, c = product.columns;
const double operations = 2 * r * i * c, bytes = (r * i + i * c + r * c) * product.number_bytes;
return {operations, bytes, bytes / operations, std::max(operations / limits.operations, bytes / limits.bytes)};

//! [12.10] wrong always_four_bytes: four bytes a number, whatever is asked
const double r = product.rows, i = product.inner, c = product.columns;
const double operations = 2 * r * i * c, bytes = (r * i + i * c + r * c) * 4;
return {operations, bytes, operations / bytes, std::max(operations / limits.operations, bytes / limits.bytes)};

//! [12.10] wrong inner_forgotten: rows and columns alone
const double r = product.rows, i = product.inner, c = product.columns;
const double operations = 2 * r * c, bytes = (r * i + i * c + r * c) * product.number_bytes;
return {operations, bytes, operations / bytes, std::max(operations / limits.operations, bytes / limits.bytes)};

//! [12.10] right: by the ridge of the roof
ProductCost cost;
const double r = static_cast<double>(product.rows), i = static_cast<double>(product.inner), c = static_cast<double>(product.columns);
cost.bytes = static_cast<double>(product.number_bytes) * (i * (r + c) + r * c);
cost.operations = r * c * i * 2;
cost.intensity = cost.operations / cost.bytes;
const double ridge = limits.operations / limits.bytes;
const double speed = cost.intensity < ridge ? cost.intensity * limits.bytes : limits.operations;
cost.seconds = cost.operations / speed;
return cost;

//! [12.10] right: whole numbers of 64 bits until the division
const std::int64_t numbers = product.rows * product.inner + product.inner * product.columns + product.rows * product.columns;
const std::int64_t operations = 2 * product.rows * product.inner * product.columns;
const std::int64_t bytes = numbers * product.number_bytes;
const auto over = [](std::int64_t what, double speed) { return static_cast<double>(what) / speed; };
return {static_cast<double>(operations), static_cast<double>(bytes), over(operations, static_cast<double>(bytes)),
        std::max(over(operations, limits.operations), over(bytes, limits.bytes))};

//! [12.10] right: matrix by matrix
ProductCost cost;
const double sides[3][2] = {{1.0 * product.rows, 1.0 * product.inner}, {1.0 * product.inner, 1.0 * product.columns}, {1.0 * product.rows, 1.0 * product.columns}};
for (const auto& [height, width] : sides) cost.bytes += height * width * product.number_bytes;
cost.operations = (sides[0][0] * sides[2][1]) * (sides[0][1] + sides[0][1]);
cost.intensity = 1 / (cost.bytes / cost.operations);
for (const double seconds : {cost.operations / limits.operations, cost.bytes / limits.bytes})
  if (seconds > cost.seconds) cost.seconds = seconds;
return cost;
