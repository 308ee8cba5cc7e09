// Answers to exercises 5.6 to 5.8 of chapter 5: wrong ones that people give, and right ones written otherwise.

//! [5.6] wrong whole_number_warmup: integer division
if (step < schedule.warmup) return schedule.peak * (step / std::max<std::int64_t>(schedule.warmup, 1));
if (step >= schedule.steps) return schedule.minimum;
const double p = static_cast<double>(step - schedule.warmup) / static_cast<double>(schedule.steps - schedule.warmup);
return schedule.minimum + (schedule.peak - schedule.minimum) * 0.5 * (1 + std::cos(M_PI * p));

//! [5.6] wrong warmup_from_one: counted from 1
if (step < schedule.warmup) return schedule.peak * static_cast<double>(step + 1) / static_cast<double>(schedule.warmup);
if (step >= schedule.steps) return schedule.minimum;
const double p = static_cast<double>(step - schedule.warmup) / static_cast<double>(schedule.steps - schedule.warmup);
return schedule.minimum + (schedule.peak - schedule.minimum) * 0.5 * (1 + std::cos(M_PI * p));

//! [5.6] wrong warmup_plus_one: divisor warmup + 1
if (step < schedule.warmup) return schedule.peak * static_cast<double>(step) / static_cast<double>(schedule.warmup + 1);
if (step >= schedule.steps) return schedule.minimum;
const double p = static_cast<double>(step - schedule.warmup) / static_cast<double>(schedule.steps - schedule.warmup);
return schedule.minimum + (schedule.peak - schedule.minimum) * 0.5 * (1 + std::cos(M_PI * p));

//! [5.6] wrong divided_by_all_steps: divisor `steps`
if (step < schedule.warmup) return schedule.peak * static_cast<double>(step) / static_cast<double>(schedule.warmup);
if (step >= schedule.steps) return schedule.minimum;
const double p = static_cast<double>(step - schedule.warmup) / static_cast<double>(schedule.steps);
return schedule.minimum + (schedule.peak - schedule.minimum) * 0.5 * (1 + std::cos(M_PI * p));

//! [5.6] wrong degrees: degrees
if (step < schedule.warmup) return schedule.peak * static_cast<double>(step) / static_cast<double>(schedule.warmup);
if (step >= schedule.steps) return schedule.minimum;
const double p = static_cast<double>(step - schedule.warmup) / static_cast<double>(schedule.steps - schedule.warmup);
return schedule.minimum + (schedule.peak - schedule.minimum) * 0.5 * (1 + std::cos(180 * p));

//! [5.6] wrong whole_numbers_divided: progress in whole numbers
if (step < schedule.warmup) return schedule.peak * static_cast<double>(step) / static_cast<double>(schedule.warmup);
if (step >= schedule.steps) return schedule.minimum;
const double p = (step - schedule.warmup) / (schedule.steps - schedule.warmup);
return schedule.minimum + (schedule.peak - schedule.minimum) * 0.5 * (1 + std::cos(M_PI * p));

//! [5.6] wrong foot_forgotten: no minimum below
if (step < schedule.warmup) return schedule.peak * static_cast<double>(step) / static_cast<double>(schedule.warmup);
if (step >= schedule.steps) return schedule.minimum;
const double p = static_cast<double>(step - schedule.warmup) / static_cast<double>(schedule.steps - schedule.warmup);
return schedule.peak * 0.5 * (1 + std::cos(M_PI * p));

//! [5.6] wrong warmup_from_the_minimum: from the minimum up
if (step < schedule.warmup) return schedule.minimum + (schedule.peak - schedule.minimum) * static_cast<double>(step) / static_cast<double>(schedule.warmup);
if (step >= schedule.steps) return schedule.minimum;
const double p = static_cast<double>(step - schedule.warmup) / static_cast<double>(schedule.steps - schedule.warmup);
return schedule.minimum + (schedule.peak - schedule.minimum) * 0.5 * (1 + std::cos(M_PI * p));

//! [5.6] wrong computed_in_float
if (step < schedule.warmup) return static_cast<float>(schedule.peak) * step / schedule.warmup;
if (step >= schedule.steps) return schedule.minimum;
const float p = static_cast<float>(step - schedule.warmup) / static_cast<float>(schedule.steps - schedule.warmup);
return static_cast<float>(schedule.minimum + (schedule.peak - schedule.minimum) * 0.5f * (1 + std::cos(static_cast<float>(M_PI) * p)));

//! [5.6] right: the square of a cosine
const auto t = static_cast<double>(step), w = static_cast<double>(schedule.warmup), n = static_cast<double>(schedule.steps);
if (t < w) return t / w * schedule.peak;
if (t >= n) return schedule.minimum;
const double c = std::cos(std::acos(-1.0) / 2 * (t - w) / (n - w));
return schedule.minimum + (schedule.peak - schedule.minimum) * c * c;

//! [5.6] right: mixed
if (schedule.warmup > step) return schedule.peak / static_cast<double>(schedule.warmup) * static_cast<double>(step);
const double p = schedule.steps > schedule.warmup ? std::min(1.0, (step - schedule.warmup) * 1.0 / (schedule.steps - schedule.warmup)) : 1.0;
const double share = (1 + std::cos(M_PI * p)) / 2;
return share * schedule.peak + (1 - share) * schedule.minimum;

//! [5.6] right: half an angle, clamped, and warm-up as a factor
if (step < schedule.warmup) {
  const double share = static_cast<double>(step) / static_cast<double>(schedule.warmup);
  return std::lerp(0.0, schedule.peak, share);
}
const auto left = static_cast<double>(std::max<std::int64_t>(schedule.steps - step, 0));
const auto all = static_cast<double>(std::max<std::int64_t>(schedule.steps - schedule.warmup, 1));
const double sine = std::sin(M_PI_2 * std::min(left / all, 1.0));
return std::lerp(schedule.minimum, schedule.peak, sine * sine);

//! [5.7] wrong by_tensor: each tensor by itself
torch::NoGradGuard guard;
auto total = torch::zeros({});
for (const auto& p : parameters) {
  if (!p.grad().defined()) continue;
  total += p.grad().square().sum();
  p.grad().mul_((limit / (p.grad().norm() + 1e-6)).clamp_max(1.0));
}
return total.sqrt();

//! [5.7] wrong by_number: clamped
torch::NoGradGuard guard;
auto total = torch::zeros({});
for (const auto& p : parameters) {
  if (!p.grad().defined()) continue;
  total += p.grad().square().sum();
  p.grad().clamp_(-limit, limit);
}
return total.sqrt();

//! [5.7] wrong no_root: no root
torch::NoGradGuard guard;
auto total = torch::zeros({});
for (const auto& p : parameters) if (p.grad().defined()) total += p.grad().square().sum();
for (const auto& p : parameters) if (p.grad().defined()) p.grad().mul_((limit / (total + 1e-6)).clamp_max(1.0));
return total;

//! [5.7] wrong small_ones_raised: always scaled
torch::NoGradGuard guard;
auto total = torch::zeros({});
for (const auto& p : parameters) if (p.grad().defined()) total += p.grad().square().sum();
const auto norm = total.sqrt();
for (const auto& p : parameters) if (p.grad().defined()) p.grad().mul_(limit / (norm + 1e-6));
return norm;

//! [5.7] wrong norm_afterwards: the norm afterwards
torch::NoGradGuard guard;
auto total = torch::zeros({});
for (const auto& p : parameters) if (p.grad().defined()) total += p.grad().square().sum();
const auto norm = total.sqrt();
const auto factor = (limit / (norm + 1e-6)).clamp_max(1.0);
for (const auto& p : parameters) if (p.grad().defined()) p.grad().mul_(factor);
return norm * factor;

//! [5.7] wrong stops_at_the_first_without: stops at the first without
torch::NoGradGuard guard;
auto total = torch::zeros({});
for (const auto& p : parameters) {
  if (!p.grad().defined()) break;
  total += p.grad().square().sum();
}
const auto norm = total.sqrt();
for (const auto& p : parameters) {
  if (!p.grad().defined()) break;
  p.grad().mul_((limit / (norm + 1e-6)).clamp_max(1.0));
}
return norm;

//! [5.7] wrong nothing_not_expected: no gradient at all
torch::NoGradGuard guard;
std::vector<torch::Tensor> norms;
for (const auto& p : parameters) if (p.grad().defined()) norms.push_back(p.grad().norm());
const auto norm = torch::stack(norms).norm();
for (const auto& p : parameters) if (p.grad().defined()) p.grad().mul_((limit / (norm + 1e-6)).clamp_max(1.0));
return norm;

//! [5.7] wrong: nothing to guard against a norm of 0
torch::NoGradGuard guard;
auto total = torch::zeros({});
for (const auto& p : parameters) if (p.grad().defined()) total += p.grad().square().sum();
const auto norm = total.sqrt();
const auto factor = limit / norm;
for (const auto& p : parameters) if (p.grad().defined()) p.grad().mul_(torch::where(factor < 1, factor, factor / factor));
return norm;

//! [5.7] right: item, and a condition
torch::NoGradGuard guard;
double squares = 0;
for (const auto& p : parameters) if (p.grad().defined()) squares += p.grad().pow(2).sum().item<double>();
const double norm = std::sqrt(squares);
if (norm > limit) for (const auto& p : parameters) if (p.grad().defined()) p.grad().mul_(limit / (norm + 1e-6));
return torch::tensor(static_cast<float>(norm));

//! [5.7] right: all laid end to end
torch::NoGradGuard guard;
std::vector<torch::Tensor> flat;
for (const auto& p : parameters) if (p.grad().defined()) flat.push_back(p.grad().flatten());
if (flat.empty()) return torch::zeros({});
const auto norm = torch::cat(flat).norm();
const auto factor = torch::minimum(limit / (norm + 1e-6), torch::ones({}));
for (const auto& p : parameters) if (p.grad().defined()) p.grad().mul_(factor);
return norm;

//! [5.7] right: one tensor changed after the other, in float64
torch::NoGradGuard guard;
const auto gradients = [&] {
  std::vector<torch::Tensor> all;
  std::transform(parameters.begin(), parameters.end(), std::back_inserter(all), [](const torch::Tensor& p) { return p.grad(); });
  all.erase(std::remove_if(all.begin(), all.end(), [](const torch::Tensor& g) { return !g.defined(); }), all.end());
  return all;
}();
auto squares = torch::zeros({}, torch::kFloat64);
for (const auto& g : gradients) squares = squares + g.to(torch::kFloat64).flatten().dot(g.to(torch::kFloat64).flatten());
const auto norm = squares.sqrt();
const auto too_long = norm > limit;
for (auto g : gradients) g.copy_(torch::where(too_long, g.to(torch::kFloat64) * limit / norm, g.to(torch::kFloat64)));
return norm.to(torch::kFloat32);

//! [5.8] wrong left_in_evaluation: left in evaluation
torch::NoGradGuard guard;
model->eval();
double total = 0;
const auto n = tokens.size(0) - 1, c = model->context();
for (std::int64_t first = 0; first < n; first += c) {
  const auto length = std::min(c, n - first);
  total += batch_loss(model, {tokens.narrow(0, first, length).unsqueeze(0), tokens.narrow(0, first + 1, length).unsqueeze(0)}).item<double>() * length;
}
return total / n;

//! [5.8] wrong in_training_mode: in training mode
torch::NoGradGuard guard;
double total = 0;
const auto n = tokens.size(0) - 1, c = model->context();
for (std::int64_t first = 0; first < n; first += c) {
  const auto length = std::min(c, n - first);
  total += batch_loss(model, {tokens.narrow(0, first, length).unsqueeze(0), tokens.narrow(0, first + 1, length).unsqueeze(0)}).item<double>() * length;
}
return total / n;

//! [5.8] wrong rest_left_out: the rest left out
torch::NoGradGuard guard;
const EvaluationMode evaluating(*model);
double total = 0;
const auto n = tokens.size(0) - 1, c = model->context();
std::int64_t count = 0;
for (std::int64_t first = 0; first + c <= n; first += c) {
  total += batch_loss(model, {tokens.narrow(0, first, c).unsqueeze(0), tokens.narrow(0, first + 1, c).unsqueeze(0)}).item<double>() * c;
  count += c;
}
return total / count;

//! [5.8] wrong mean_of_means: the mean of the windows' means
torch::NoGradGuard guard;
const EvaluationMode evaluating(*model);
double total = 0;
const auto n = tokens.size(0) - 1, c = model->context();
std::int64_t count = 0;
for (std::int64_t first = 0; first < n; first += c) {
  const auto length = std::min(c, n - first);
  total += batch_loss(model, {tokens.narrow(0, first, length).unsqueeze(0), tokens.narrow(0, first + 1, length).unsqueeze(0)}).item<double>();
  ++count;
}
return total / count;

//! [5.8] wrong gradients_recorded: gradients recorded
const EvaluationMode evaluating(*model);
double total = 0;
const auto n = tokens.size(0) - 1, c = model->context();
for (std::int64_t first = 0; first < n; first += c) {
  const auto length = std::min(c, n - first);
  total += batch_loss(model, {tokens.narrow(0, first, length).unsqueeze(0), tokens.narrow(0, first + 1, length).unsqueeze(0)}).item<double>() * length;
}
return total / n;

//! [5.8] wrong left_in_training: set to training at the end
torch::NoGradGuard guard;
model->eval();
double total = 0;
const auto n = tokens.size(0) - 1, c = model->context();
for (std::int64_t first = 0; first < n; first += c) {
  const auto length = std::min(c, n - first);
  total += batch_loss(model, {tokens.narrow(0, first, length).unsqueeze(0), tokens.narrow(0, first + 1, length).unsqueeze(0)}).item<double>() * length;
}
model->train();
return total / n;

//! [5.8] wrong divided_by_characters: divided by the characters
torch::NoGradGuard guard;
const EvaluationMode evaluating(*model);
double total = 0;
const auto n = tokens.size(0) - 1, c = model->context();
for (std::int64_t first = 0; first < n; first += c) {
  const auto length = std::min(c, n - first);
  total += batch_loss(model, {tokens.narrow(0, first, length).unsqueeze(0), tokens.narrow(0, first + 1, length).unsqueeze(0)}).item<double>() * length;
}
return total / tokens.size(0);

//! [5.8] wrong all_at_once+mean_of_no_windows: nothing for a text shorter than a window
torch::NoGradGuard guard;
const EvaluationMode evaluating(*model);
const auto n = tokens.size(0) - 1, c = model->context();
const auto windows = n / c;
const auto inputs = tokens.narrow(0, 0, windows * c).view({windows, c}), targets = tokens.narrow(0, 1, windows * c).view({windows, c});
double total = batch_loss(model, {inputs, targets}).item<double>() * windows * c;
if (n % c) total += batch_loss(model, {tokens.narrow(0, windows * c, n % c).unsqueeze(0), tokens.narrow(0, windows * c + 1, n % c).unsqueeze(0)}).item<double>() * (n % c);
return total / n;

//! [5.8] right: one window at a time
torch::NoGradGuard guard;
const bool training = model->is_training();
model->eval();
double total = 0;
const auto n = tokens.size(0) - 1, c = model->context();
for (std::int64_t first = 0; first < n; first += c) {
  const auto length = std::min(c, n - first);
  total += batch_loss(model, {tokens.narrow(0, first, length).unsqueeze(0), tokens.narrow(0, first + 1, length).unsqueeze(0)}).item<double>() * static_cast<double>(length);
}
model->train(training);
return total / static_cast<double>(n);

//! [5.8] right: all logits by rows, losses added up one by one
const torch::NoGradGuard guard;
const bool was_training = model->is_training();
model->train(false);
const std::int64_t n = tokens.numel() - 1, context = model->context(), whole = n / context * context;
const auto inputs = tokens.slice(0, 0, n), targets = tokens.slice(0, 1, n + 1);
double sum = 0;
const auto read = [&](const torch::Tensor& in, const torch::Tensor& out) {
  const auto logits = model->forward(in).to(torch::kFloat64);
  const auto right_one = logits.gather(-1, out.unsqueeze(-1)).squeeze(-1);
  sum += (logits.logsumexp(-1) - right_one).sum().item<double>();
};
if (whole > 0) {
  const auto rows = inputs.slice(0, 0, whole).view({-1, context}).split(batch_size), wanted = targets.slice(0, 0, whole).view({-1, context}).split(batch_size);
  for (std::size_t i = 0; i < rows.size(); ++i) read(rows[i], wanted[i]);
}
if (whole < n) read(inputs.slice(0, whole).unsqueeze(0), targets.slice(0, whole).unsqueeze(0));
model->train(was_training);
return sum / static_cast<double>(n);

//! [5.8] right: a mean that is updated, the short window first
torch::InferenceMode inference;
EvaluationMode evaluating(*model);
const auto context = model->context();
double mean = 0;
std::int64_t seen = 0;
const auto take = [&](const torch::Tensor& in, const torch::Tensor& out) {
  const double loss = batch_loss(model, Batch{in, out}).item<double>();
  seen += in.numel();
  mean += (loss - mean) * static_cast<double>(in.numel()) / static_cast<double>(seen);
};
const auto n = tokens.size(0) - 1, rest = n % context;
if (rest != 0) take(tokens.narrow(0, n - rest, rest).view({1, rest}), tokens.narrow(0, n - rest + 1, rest).view({1, rest}));
for (std::int64_t begin = 0; begin + context <= n;) {
  const auto rows = std::min(batch_size, (n - begin) / context);
  take(tokens.slice(0, begin, begin + rows * context).reshape({rows, context}), tokens.slice(0, begin + 1, begin + 1 + rows * context).reshape({rows, context}));
  begin += rows * context;
}
return mean;
