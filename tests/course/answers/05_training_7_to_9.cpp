// Answers to exercises 5.7 to 5.9 of chapter 5: wrong ones that people give, and right ones written otherwise.

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

//! [5.8] wrong: in training mode
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

//! [5.8] wrong: the mean of the windows' means
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

//! [5.8] wrong: nothing for a text shorter than a window
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

//! [5.9] wrong gradients_not_divided: not divided, though the loss is right
for (std::int64_t step = options.first_step; step < options.schedule.steps; ++step) {
  for (auto p : optimizer.parameters()) p.mutable_grad().reset();
  StepReport report;
  for (std::int64_t i = 0; i < options.accumulate; ++i) {
    const auto loss = next_loss();
    loss.backward();
    const auto share = loss.detach() / static_cast<double>(options.accumulate);
    report.loss = i == 0 ? share : report.loss + share;
  }
  report.gradient_norm = clip_gradients(optimizer.parameters(), options.gradient_clip > 0 ? options.gradient_clip : INFINITY);
  report.step = step;
  report.learning_rate = learning_rate_at(step, options.schedule);
  optimizer.step(report.learning_rate);
  if (!after_step(report)) break;
}

//! [5.9] wrong no_zero_grad: gradients never cleared
for (std::int64_t step = options.first_step; step < options.schedule.steps; ++step) {
  StepReport report;
  for (std::int64_t i = 0; i < options.accumulate; ++i) {
    const auto loss = next_loss() / static_cast<double>(options.accumulate);
    loss.backward();
    report.loss = i == 0 ? loss.detach() : report.loss + loss.detach();
  }
  report.gradient_norm = clip_gradients(optimizer.parameters(), options.gradient_clip > 0 ? options.gradient_clip : INFINITY);
  report.step = step;
  report.learning_rate = learning_rate_at(step, options.schedule);
  optimizer.step(report.learning_rate);
  if (!after_step(report)) break;
}

//! [5.9] wrong listener_not_heard: the listener is not heard
for (std::int64_t step = options.first_step; step < options.schedule.steps; ++step) {
  for (auto p : optimizer.parameters()) p.mutable_grad().reset();
  StepReport report;
  for (std::int64_t i = 0; i < options.accumulate; ++i) {
    const auto loss = next_loss() / static_cast<double>(options.accumulate);
    loss.backward();
    report.loss = i == 0 ? loss.detach() : report.loss + loss.detach();
  }
  report.gradient_norm = clip_gradients(optimizer.parameters(), options.gradient_clip > 0 ? options.gradient_clip : INFINITY);
  report.step = step;
  report.learning_rate = learning_rate_at(step, options.schedule);
  optimizer.step(report.learning_rate);
  after_step(report);
}

//! [5.9] wrong clipped_to_zero: clipped although 0 means none
for (std::int64_t step = options.first_step; step < options.schedule.steps; ++step) {
  for (auto p : optimizer.parameters()) p.mutable_grad().reset();
  StepReport report;
  for (std::int64_t i = 0; i < options.accumulate; ++i) {
    const auto loss = next_loss() / static_cast<double>(options.accumulate);
    loss.backward();
    report.loss = i == 0 ? loss.detach() : report.loss + loss.detach();
  }
  report.gradient_norm = clip_gradients(optimizer.parameters(), options.gradient_clip);
  report.step = step;
  report.learning_rate = learning_rate_at(step, options.schedule);
  optimizer.step(report.learning_rate);
  if (!after_step(report)) break;
}

//! [5.9] wrong one_batch_a_step: one batch a step
for (std::int64_t step = options.first_step; step < options.schedule.steps; ++step) {
  for (auto p : optimizer.parameters()) p.mutable_grad().reset();
  StepReport report;
  const auto loss = next_loss();
  loss.backward();
  report.loss = loss.detach();
  report.gradient_norm = clip_gradients(optimizer.parameters(), options.gradient_clip > 0 ? options.gradient_clip : INFINITY);
  report.step = step;
  report.learning_rate = learning_rate_at(step, options.schedule);
  optimizer.step(report.learning_rate);
  if (!after_step(report)) break;
}

//! [5.9] right: the mean by hand
for (std::int64_t step = options.first_step; step < options.schedule.steps; ++step) {
  for (const auto& p : optimizer.parameters()) if (p.grad().defined()) p.grad().zero_();
  auto total = torch::zeros({}, torch::kFloat64);
  for (std::int64_t i = 0; i < options.accumulate; ++i) {
    auto loss = next_loss();
    (loss / static_cast<double>(options.accumulate)).backward();
    total += loss.detach();
  }
  StepReport report;
  report.step = step;
  report.learning_rate = learning_rate_at(step, options.schedule);
  report.loss = total / static_cast<double>(options.accumulate);
  report.gradient_norm = clip_gradients(optimizer.parameters(), options.gradient_clip > 0 ? options.gradient_clip : 1e30);
  optimizer.step(report.learning_rate);
  if (!after_step(report)) return;
}

//! [5.9] right: the sum of the losses, one backward
std::int64_t step = options.first_step;
bool on = true;
while (on && step < options.schedule.steps) {
  for (auto p : optimizer.parameters()) p.mutable_grad() = torch::Tensor();
  std::vector<torch::Tensor> losses;
  for (std::int64_t i = 0; i < options.accumulate; ++i) losses.push_back(next_loss());
  const auto loss = torch::stack(losses).mean();
  loss.backward();
  const auto norm = clip_gradients(optimizer.parameters(), options.gradient_clip == 0 ? std::numeric_limits<double>::max() : options.gradient_clip);
  const double rate = learning_rate_at(step, options.schedule);
  optimizer.step(rate);
  on = after_step({step, rate, loss.detach(), norm});
  ++step;
}
