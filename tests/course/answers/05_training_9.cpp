// Answers to exercise 5.9 of chapter 5: wrong ones that people give, and right ones written otherwise.

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

//! [5.9] right: gradients added up outside the parameters
const auto& parameters = optimizer.parameters();
for (auto step = options.first_step; step < options.schedule.steps; ++step) {
  std::vector<torch::Tensor> sums(parameters.size());
  auto total = torch::zeros({});
  for (std::int64_t turn = options.accumulate; turn > 0; --turn) {
    for (auto p : parameters) p.mutable_grad() = torch::Tensor{};
    const auto loss = next_loss();
    loss.backward();
    total = total + loss.detach();
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const auto g = parameters[i].grad();
      if (!g.defined()) continue;
      sums[i] = sums[i].defined() ? sums[i] + g : g.clone();
    }
  }
  for (std::size_t i = 0; i < sums.size(); ++i) {
    auto p = parameters[i];
    p.mutable_grad() = sums[i].defined() ? sums[i] / static_cast<double>(options.accumulate) : sums[i];
  }
  const double limit = options.gradient_clip > 0 ? options.gradient_clip : std::numeric_limits<double>::infinity();
  StepReport report{step, learning_rate_at(step, options.schedule), total / options.accumulate, clip_gradients(parameters, limit)};
  optimizer.step(report.learning_rate);
  if (after_step(report) == false) break;
}
