// Answers to exercises 5.1 to 5.5 of chapter 5: wrong ones that people give, and right ones written otherwise.

//! [5.1] wrong last_place_never: the last window never
if (tokens.size(0) < context + 1) throw UsageError("too short");
std::vector<torch::Tensor> inputs, targets;
for (std::int64_t row = 0; row < batch_size; ++row) {
  const auto start = random.below(tokens.size(0) - context - 1);
  inputs.push_back(tokens.narrow(0, start, context));
  targets.push_back(tokens.narrow(0, start + 1, context));
}
return {torch::stack(inputs), torch::stack(targets)};

//! [5.1] wrong one_place_too_many: one place too many
if (tokens.size(0) < context + 1) throw UsageError("too short");
std::vector<torch::Tensor> inputs, targets;
for (std::int64_t row = 0; row < batch_size; ++row) {
  const auto start = random.below(tokens.size(0) - context + 1);
  inputs.push_back(tokens.slice(0, start, start + context));
  targets.push_back(tokens.slice(0, start + 1, start + context + 1));
}
return {torch::stack(inputs), torch::stack(targets)};

//! [5.1] wrong not_shifted: not shifted
if (tokens.size(0) < context + 1) throw UsageError("too short");
std::vector<torch::Tensor> rows;
for (std::int64_t row = 0; row < batch_size; ++row) rows.push_back(tokens.narrow(0, random.below(tokens.size(0) - context), context));
return {torch::stack(rows), torch::stack(rows)};

//! [5.1] wrong another_generator: LibTorch's generator
if (tokens.size(0) < context + 1) throw UsageError("too short");
const auto starts = torch::randint(tokens.size(0) - context, {batch_size, 1}, torch::kInt64);
const auto where = starts + torch::arange(context);
return {tokens.index({where}), tokens.index({where + 1})};

//! [5.1] wrong short_text_not_refused: never refused
std::vector<torch::Tensor> inputs, targets;
for (std::int64_t row = 0; row < batch_size; ++row) {
  const auto start = random.below(tokens.size(0) - context);
  inputs.push_back(tokens.narrow(0, start, context));
  targets.push_back(tokens.narrow(0, start + 1, context));
}
return {torch::stack(inputs), torch::stack(targets)};

//! [5.1] wrong one_start_for_all: one place for all rows
if (tokens.size(0) < context + 1) throw UsageError("too short");
const auto start = random.below(tokens.size(0) - context);
return {tokens.narrow(0, start, context).expand({batch_size, context}), tokens.narrow(0, start + 1, context).expand({batch_size, context})};

//! [5.1] wrong next_character_alone: only the next character is a target
if (tokens.size(0) < context + 1) throw UsageError("too short");
std::vector<torch::Tensor> inputs, targets;
for (std::int64_t row = 0; row < batch_size; ++row) {
  const auto start = random.below(tokens.size(0) - context);
  inputs.push_back(tokens.narrow(0, start, context));
  targets.push_back(tokens.narrow(0, start + context, 1));
}
return {torch::stack(inputs), torch::stack(targets)};

//! [5.1] right: index by places
if (tokens.numel() <= context) throw UsageError(fmt::format("{} characters are too few", tokens.numel()));
auto starts = torch::empty({batch_size, 1}, torch::kInt64);
for (auto row = batch_size; row-- > 0;) starts[row] = random.below(tokens.numel() - context);
const auto where = (starts + torch::arange(context + 1).unsqueeze(0)).to(tokens.device());
const auto all = tokens.index({where});
return {all.slice(1, 0, -1).contiguous(), all.slice(1, 1).contiguous()};

//! [5.1] right: slices stacked
const auto places = tokens.size(0) - context;
if (places < 1) throw UsageError("too short");
std::vector<torch::Tensor> inputs, targets;
while (static_cast<std::int64_t>(inputs.size()) < batch_size) {
  const auto start = random.below(places);
  inputs.push_back(tokens.slice(0, start, start + context));
  targets.push_back(tokens.slice(0, start + 1, start + 1 + context));
}
return {torch::stack(inputs), torch::stack(targets)};

//! [5.1] right: copied number by number
const std::int64_t places = tokens.size(0) - context;
if (places <= 0) throw UsageError("the text is shorter than a window and its target");
const auto text = tokens.cpu().contiguous();
auto inputs = torch::empty({batch_size, context}, torch::kInt64), targets = torch::empty_like(inputs);
auto in = inputs.accessor<std::int64_t, 2>(), out = targets.accessor<std::int64_t, 2>();
const std::int64_t* from = text.data_ptr<std::int64_t>();
for (std::int64_t row = 0; row < batch_size; ++row) {
  const std::int64_t start = random.below(places);
  for (std::int64_t t = 0; t < context; ++t) {
    in[row][t] = from[start + t];
    out[row][t] = from[start + t + 1];
  }
}
return {inputs.to(tokens.device()), targets.to(tokens.device())};

//! [5.2] wrong left_in_evaluation: left in evaluation
model->eval();
const auto logits = model->forward(batch.inputs);
return cross_entropy(logits.flatten(0, 1), batch.targets.flatten());

//! [5.2] wrong put_into_training: put into training
model->train();
const auto logits = model->forward(batch.inputs);
return cross_entropy(logits.flatten(0, 1), batch.targets.flatten());

//! [5.2] wrong cut_from_the_model: no gradients
torch::NoGradGuard guard;
const auto logits = model->forward(batch.inputs);
return cross_entropy(logits.flatten(0, 1), batch.targets.flatten());

//! [5.2] wrong batch_and_time_exchanged: batch and time exchanged
const auto logits = model->forward(batch.inputs);
return cross_entropy(logits.transpose(0, 1).flatten(0, 1), batch.targets.flatten());

//! [5.2] wrong last_position_only: only the last position
const auto logits = model->forward(batch.inputs);
return cross_entropy(logits.select(1, -1), batch.targets.select(1, -1));

//! [5.2] wrong shifted_again: shifted once more
const auto logits = model->forward(batch.inputs);
return cross_entropy(logits.slice(1, 0, -1).flatten(0, 1), batch.targets.slice(1, 1).flatten());

//! [5.2] wrong softmax_first: probabilities
return cross_entropy(softmax(model->forward(batch.inputs)).flatten(0, 1), batch.targets.flatten());

//! [5.2] wrong inputs_for_targets: the inputs again
return cross_entropy(model->forward(batch.inputs).flatten(0, 1), batch.inputs.flatten());

//! [5.2] right: LibTorch's loss, vocabulary second
const auto logits = model->forward(batch.inputs);
return torch::nn::functional::cross_entropy(logits.permute({0, 2, 1}), batch.targets);

//! [5.2] right: row by row
const auto logits = model->forward(batch.inputs);
std::vector<torch::Tensor> losses;
for (std::int64_t row = 0; row < logits.size(0); ++row) losses.push_back(cross_entropy(logits[row], batch.targets[row]));
return torch::stack(losses).mean();

//! [5.2] right: gather
const auto said = torch::log_softmax(model->forward(batch.inputs), -1).gather(2, batch.targets.unsqueeze(2));
return said.mean().neg();

//! [5.3] wrong second_not_squared: not squared
moments.first.mul_(beta1).add_(gradient, 1 - beta1);
moments.second.mul_(beta2).add_(gradient.abs(), 1 - beta2);

//! [5.3] wrong not_remembered: a new tensor for the caller alone
auto first = moments.first, second = moments.second;
first = first * beta1 + gradient * (1 - beta1);
second = second * beta2 + gradient * gradient * (1 - beta2);

//! [5.3] wrong betas_exchanged: betas exchanged
moments.first.mul_(beta2).add_(gradient, 1 - beta2);
moments.second.mul_(beta1).addcmul_(gradient, gradient, 1 - beta1);

//! [5.3] wrong input_changed: the gradient is squared in place
moments.first.mul_(beta1).add_(gradient, 1 - beta1);
auto square = gradient;
square.pow_(2);
moments.second.mul_(beta2).add_(square, 1 - beta2);

//! [5.3] wrong new_tensors: the members get new tensors
moments.first = moments.first * beta1 + gradient * (1 - beta1);
moments.second = moments.second * beta2 + gradient * gradient * (1 - beta2);

//! [5.3] wrong added_whole: 1 - beta forgotten
moments.first.mul_(beta1).add_(gradient);
moments.second.mul_(beta2).addcmul_(gradient, gradient);

//! [5.3] wrong square_of_the_mean: the square of the new mean
moments.first.mul_(beta1).add_(gradient, 1 - beta1);
moments.second.mul_(beta2).addcmul_(moments.first, moments.first, 1 - beta2);

//! [5.3] right: lerp_
moments.first.lerp_(gradient, 1 - beta1);
moments.second.lerp_(gradient.square(), 1 - beta2);

//! [5.3] right: copy_
moments.first.copy_(beta1 * moments.first + (1 - beta1) * gradient);
moments.second.copy_(beta2 * moments.second + (1 - beta2) * gradient.pow(2));

//! [5.3] right: in double, number by number
const auto copy_back = [](torch::Tensor& into, const torch::Tensor& from) { into.copy_(from.to(into.dtype())); };
const auto g = gradient.to(torch::kFloat64).flatten().contiguous();
auto m = moments.first.to(torch::kFloat64).flatten().clone(), v = moments.second.to(torch::kFloat64).flatten().clone();
for (std::int64_t i = 0; i < g.numel(); ++i) {
  const double now = g.data_ptr<double>()[i];
  m.data_ptr<double>()[i] += (1 - beta1) * (now - m.data_ptr<double>()[i]);
  v.data_ptr<double>()[i] += (1 - beta2) * (now * now - v.data_ptr<double>()[i]);
}
copy_back(moments.first, m.view(moments.first.sizes()));
copy_back(moments.second, v.view(moments.second.sizes()));

//! [5.4] wrong no_correction: not corrected
return moments.first / (moments.second.sqrt() + options.epsilon);

//! [5.4] wrong epsilon_inside_the_root: epsilon inside
const auto m = moments.first / (1 - std::pow(options.beta1, step));
const auto v = moments.second / (1 - std::pow(options.beta2, step));
return m / (v + options.epsilon).sqrt();

//! [5.4] wrong epsilon_of_its_own: an epsilon of its own
const auto m = moments.first / (1 - std::pow(options.beta1, step));
const auto v = moments.second / (1 - std::pow(options.beta2, step));
return m / (v.sqrt() + 1e-8);

//! [5.4] wrong betas_by_heart: the betas of the paper
const auto m = moments.first / (1 - std::pow(0.9, step));
const auto v = moments.second / (1 - std::pow(0.999, step));
return m / (v.sqrt() + options.epsilon);

//! [5.4] wrong betas_of_its_own: the betas of the defaults
const auto m = moments.first / (1 - std::pow(0.9, step));
const auto v = moments.second / (1 - std::pow(0.99, step));
return m / (v.sqrt() + options.epsilon);

//! [5.4] wrong no_root: no root
const auto m = moments.first / (1 - std::pow(options.beta1, step));
const auto v = moments.second / (1 - std::pow(options.beta2, step));
return m / (v + options.epsilon);

//! [5.4] wrong power_forgotten: 1 - beta, without the power
return moments.first / (1 - options.beta1) / ((moments.second / (1 - options.beta2)).sqrt() + options.epsilon);

//! [5.4] wrong one_step_ahead: step counted from 0
const auto m = moments.first / (1 - std::pow(options.beta1, step + 1));
const auto v = moments.second / (1 - std::pow(options.beta2, step + 1));
return m / (v.sqrt() + options.epsilon);

//! [5.4] wrong moments_changed: corrected in place
auto m = moments.first, v = moments.second;
m.div_(1 - std::pow(options.beta1, step));
v.div_(1 - std::pow(options.beta2, step));
return m / (v.sqrt() + options.epsilon);

//! [5.4] right: the corrections in one factor
const double a = 1 - std::pow(options.beta1, static_cast<double>(step)), b = std::sqrt(1 - std::pow(options.beta2, static_cast<double>(step)));
return (b / a) * moments.first / (moments.second.sqrt() + options.epsilon * b);

//! [5.4] right: powers by a loop
double p1 = 1, p2 = 1;
for (std::int64_t i = 0; i < step; ++i) p1 *= options.beta1, p2 *= options.beta2;
return moments.first.div(1 - p1).div(moments.second.div(1 - p2).sqrt().add(options.epsilon));

//! [5.4] right: rsqrt of what is inside, in float64
const auto t = static_cast<double>(step);
const auto first = moments.first.to(torch::kFloat64).mul(1 / -std::expm1(t * std::log(options.beta1)));
const auto second = moments.second.to(torch::kFloat64).mul(1 / -std::expm1(t * std::log(options.beta2)));
return torch::addcdiv(torch::zeros_like(first), first, second.pow(0.5) + options.epsilon).to(moments.first.dtype());

//! [5.5] wrong vectors_decay_too: vectors decay too
torch::NoGradGuard guard;
update_moments(moments, parameter.grad(), options.beta1, options.beta2);
parameter.mul_(1 - learning_rate * options.weight_decay);
parameter.sub_(adam_direction(moments, step, options), learning_rate);

//! [5.5] wrong decay_without_the_rate: decay without the rate
torch::NoGradGuard guard;
update_moments(moments, parameter.grad(), options.beta1, options.beta2);
if (parameter.dim() >= 2) parameter.mul_(1 - options.weight_decay);
parameter.sub_(adam_direction(moments, step, options), learning_rate);

//! [5.5] wrong decay_in_the_gradient: decay in the gradient
torch::NoGradGuard guard;
auto gradient = parameter.grad();
if (parameter.dim() >= 2) gradient = gradient + options.weight_decay * parameter;
update_moments(moments, gradient, options.beta1, options.beta2);
parameter.sub_(adam_direction(moments, step, options), learning_rate);

//! [5.5] wrong a_new_tensor: a new tensor
torch::NoGradGuard guard;
update_moments(moments, parameter.grad(), options.beta1, options.beta2);
auto p = parameter;
if (p.dim() >= 2) p = p * (1 - learning_rate * options.weight_decay);
parameter = p - learning_rate * adam_direction(moments, step, options);

//! [5.5] wrong inside_autograd: no guard
update_moments(moments, parameter.grad(), options.beta1, options.beta2);
if (parameter.dim() >= 2) parameter.mul_(1 - learning_rate * options.weight_decay);
parameter.sub_(adam_direction(moments, step, options), learning_rate);

//! [5.5] wrong decay_of_its_own: a decay of its own
torch::NoGradGuard guard;
update_moments(moments, parameter.grad(), options.beta1, options.beta2);
if (parameter.dim() >= 2) parameter.mul_(1 - learning_rate * 0.1);
parameter.sub_(adam_direction(moments, step, options), learning_rate);

//! [5.5] wrong two_dimensions_only: only two dimensions decay
torch::NoGradGuard guard;
update_moments(moments, parameter.grad(), options.beta1, options.beta2);
if (parameter.dim() == 2) parameter.mul_(1 - learning_rate * options.weight_decay);
parameter.sub_(adam_direction(moments, step, options), learning_rate);

//! [5.5] wrong gradient_cleared: the gradient is cleared
torch::NoGradGuard guard;
update_moments(moments, parameter.grad(), options.beta1, options.beta2);
if (parameter.dim() >= 2) parameter.mul_(1 - learning_rate * options.weight_decay);
parameter.sub_(adam_direction(moments, step, options), learning_rate);
parameter.mutable_grad().zero_();

//! [5.5] wrong decay_after_the_step: the decay after the step
torch::NoGradGuard guard;
update_moments(moments, parameter.grad(), options.beta1, options.beta2);
parameter.sub_(adam_direction(moments, step, options), learning_rate);
if (parameter.dim() >= 2) parameter.mul_(1 - learning_rate * options.weight_decay);

//! [5.5] right: all at once, from the old value
torch::NoGradGuard guard;
update_moments(moments, parameter.grad(), options.beta1, options.beta2);
auto change = adam_direction(moments, step, options);
if (parameter.dim() > 1) change = change + options.weight_decay * parameter;
parameter.add_(change, -learning_rate);

//! [5.5] right: through data()
auto gradient = parameter.grad().detach();
update_moments(moments, gradient, options.beta1, options.beta2);
auto data = parameter.data();
if (data.dim() >= 2) data -= data * (learning_rate * options.weight_decay);
data -= adam_direction(moments, step, options) * learning_rate;

//! [5.5] right: addcdiv_, and lerp for the decay
const torch::NoGradGuard guard;
update_moments(moments, parameter.grad(), options.beta1, options.beta2);
const bool matrix = parameter.sizes().size() > 1;
if (matrix) parameter.lerp_(torch::zeros_like(parameter), learning_rate * options.weight_decay);
const auto direction = adam_direction(moments, step, options);
parameter.copy_(torch::sub(parameter, direction * learning_rate));
