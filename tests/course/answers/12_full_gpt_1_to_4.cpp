// Answers to exercises 12.1 to 12.4 of chapter 12: wrong ones that people give, and right ones written otherwise.

//! [12.1] wrong written_out: chapter 5's own step
for (std::size_t i = 0; i < parameters_.size(); ++i)
  if (parameters_[i].grad().defined()) adamw_update(parameters_[i], moments_[i], steps_, learning_rate, options_);

//! [12.1] wrong one_call_a_parameter: one call for each parameter
torch::NoGradGuard guard;
for (std::size_t i = 0; i < parameters_.size(); ++i) {
  if (!parameters_[i].grad().defined()) continue;
  at::_fused_adamw_({parameters_[i]}, {parameters_[i].grad()}, {moments_[i].first}, {moments_[i].second}, {}, {torch::full({}, static_cast<double>(steps_))}, learning_rate,
                    options_.beta1, options_.beta2, parameters_[i].dim() >= 2 ? options_.weight_decay : 0.0, options_.epsilon, false, false);
}

//! [12.1] wrong vectors_decay: vectors decay
torch::NoGradGuard guard;
std::vector<torch::Tensor> p, g, first, second;
for (std::size_t i = 0; i < parameters_.size(); ++i) {
  if (!parameters_[i].grad().defined()) continue;
  p.push_back(parameters_[i]), g.push_back(parameters_[i].grad()), first.push_back(moments_[i].first), second.push_back(moments_[i].second);
}
const std::vector<torch::Tensor> numbers(p.size(), torch::full({}, static_cast<double>(steps_)));
at::_fused_adamw_(p, g, first, second, {}, numbers, learning_rate, options_.beta1, options_.beta2, options_.weight_decay, options_.epsilon, false, false);

//! [12.1] wrong step_counted_twice: the step counted twice
++steps_;
torch::NoGradGuard guard;
for (const bool decays : {true, false}) {
  std::vector<torch::Tensor> p, g, first, second;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if ((parameters_[i].dim() >= 2) != decays || !parameters_[i].grad().defined()) continue;
    p.push_back(parameters_[i]), g.push_back(parameters_[i].grad()), first.push_back(moments_[i].first), second.push_back(moments_[i].second);
  }
  if (p.empty()) continue;
  const std::vector<torch::Tensor> numbers(p.size(), torch::full({}, static_cast<double>(steps_)));
  at::_fused_adamw_(p, g, first, second, {}, numbers, learning_rate, options_.beta1, options_.beta2, decays ? options_.weight_decay : 0, options_.epsilon, false, false);
}

//! [12.1] right: two lists
const torch::NoGradGuard guard;
struct Group {
  std::vector<torch::Tensor> p, g, first, second, numbers;
};
Group groups[2];
for (std::size_t i = 0; i < parameters_.size(); ++i) {
  const auto gradient = parameters_[i].grad();
  if (!gradient.defined()) continue;
  auto& group = groups[parameters_[i].dim() > 1 ? 1 : 0];
  group.p.push_back(parameters_[i]);
  group.g.push_back(gradient);
  group.first.push_back(moments_[i].first);
  group.second.push_back(moments_[i].second);
  group.numbers.push_back(torch::tensor(static_cast<float>(steps_)));
}
for (int i = 0; i < 2; ++i) {
  auto& group = groups[i];
  if (!group.p.empty())
    at::_fused_adamw_(group.p, group.g, group.first, group.second, {}, group.numbers, learning_rate, options_.beta1, options_.beta2, i * options_.weight_decay, options_.epsilon, false, false);
}

//! [12.1] right: parted in two, by numbers
torch::NoGradGuard guard;
std::vector<std::size_t> order;
for (std::size_t i = 0; i < parameters_.size(); ++i)
  if (parameters_[i].grad().defined()) order.push_back(i);
const auto middle = std::stable_partition(order.begin(), order.end(), [this](std::size_t i) { return parameters_[i].dim() < 2; });
const auto call = [&](auto begin, auto end, double decay) {
  std::vector<torch::Tensor> lists[5];
  for (auto each = begin; each != end; ++each) {
    lists[0].push_back(parameters_[*each]);
    lists[1].push_back(parameters_[*each].grad());
    lists[2].push_back(moments_[*each].first);
    lists[3].push_back(moments_[*each].second);
    lists[4].push_back(torch::scalar_tensor(static_cast<double>(steps_), torch::kFloat32));
  }
  if (begin != end) at::_fused_adamw_(lists[0], lists[1], lists[2], lists[3], {}, lists[4], learning_rate, options_.beta1, options_.beta2, decay, options_.epsilon, false, false);
};
call(order.begin(), middle, 0);
call(middle, order.end(), options_.weight_decay);

//! [12.1] right: a map from the decay to what has it
torch::AutoGradMode off(false);
std::map<double, std::vector<std::size_t>> groups;
for (std::size_t i = 0; i != parameters_.size(); ++i) {
  if (!parameters_[i].grad().defined()) continue;
  groups[parameters_[i].sizes().size() >= 2 ? options_.weight_decay : 0.0].push_back(i);
}
for (const auto& [decay, members] : groups) {
  const auto pick = [&members = members](const auto& of) {
    std::vector<torch::Tensor> all;
    std::transform(members.begin(), members.end(), std::back_inserter(all), of);
    return all;
  };
  at::_fused_adamw_(pick([this](std::size_t i) { return parameters_[i]; }), pick([this](std::size_t i) { return parameters_[i].grad(); }),
                    pick([this](std::size_t i) { return moments_[i].first; }), pick([this](std::size_t i) { return moments_[i].second; }), {},
                    pick([this](std::size_t) { return torch::tensor(static_cast<float>(steps_)); }), learning_rate, options_.beta1, options_.beta2, decay, options_.epsilon, false, false);
}

//! [12.2] wrong chapter_5s_loss: chapter 5's own loss
return batch_loss(model, batch);

//! [12.2] wrong left_in_evaluation: left in evaluation
model->eval();
const auto x = torch::embedding(model->token_embedding, batch.inputs);
const auto logits = model->forward_embedded(x, torch::arange(batch.inputs.size(1), batch.inputs.options()));
return torch::nn::functional::cross_entropy(logits.flatten(0, 1), batch.targets.flatten());

//! [12.2] wrong no_positions: no positions
const auto x = torch::embedding(model->token_embedding, batch.inputs);
return torch::nn::functional::cross_entropy(model->forward_embedded(x, {}).flatten(0, 1), batch.targets.flatten());

//! [12.2] wrong plain_lookup: looked up by index
const auto x = model->token_embedding.index({batch.inputs});
const auto logits = model->forward_embedded(x, torch::arange(batch.inputs.size(1), batch.inputs.options()));
return torch::nn::functional::cross_entropy(logits.flatten(0, 1), batch.targets.flatten());

//! [12.2] right: the vocabulary second
const auto positions = torch::arange(batch.inputs.size(1), torch::dtype(torch::kInt64).device(batch.inputs.device()));
const auto logits = model->forward_embedded(torch::embedding(model->token_embedding, batch.inputs), positions);
return at::cross_entropy_loss(logits.transpose(1, 2), batch.targets);

//! [12.2] right: functional, from views
namespace F = torch::nn::functional;
const auto time = batch.inputs.size(-1);
const auto x = F::embedding(batch.inputs, model->token_embedding);
const auto logits = model->forward_embedded(x, torch::arange(0, time, batch.inputs.options()));
return F::cross_entropy(logits.view({-1, logits.size(-1)}), batch.targets.reshape({-1}), F::CrossEntropyFuncOptions().reduction(torch::kMean));

//! [12.2] right: the sum, divided
const auto vectors = at::embedding(model->token_embedding, batch.inputs);
const auto places = torch::ones({batch.inputs.size(1)}, batch.inputs.options()).cumsum(0) - 1;
const auto logits = model->forward_embedded(vectors, places);
return at::cross_entropy_loss(logits.permute({0, 2, 1}), batch.targets, {}, at::Reduction::Sum) / static_cast<double>(batch.targets.numel());

//! [12.3] wrong guard_around_backward: the guard around backward too
std::int64_t all = 0;
for (const auto& batch : batches) all += batch.targets.numel();
auto mean = torch::zeros({}, torch::device(device));
for (const auto& batch : batches) {
  const Autocast autocast(device, bfloat16);
  const auto loss = loss_of(batch) * (static_cast<double>(batch.targets.numel()) / static_cast<double>(all));
  loss.backward();
  mean += loss.detach();
}
return mean;

//! [12.3] wrong graph_kept: the mean carries its graph
std::int64_t all = 0;
for (const auto& batch : batches) all += batch.targets.numel();
auto mean = torch::zeros({}, torch::device(device));
for (const auto& batch : batches) {
  torch::Tensor loss;
  {
    const Autocast autocast(device, bfloat16);
    loss = loss_of(batch) * (static_cast<double>(batch.targets.numel()) / static_cast<double>(all));
  }
  loss.backward();
  mean = mean + loss;
}
return mean;

//! [12.3] wrong equal_shares: each batch counts alike
auto mean = torch::zeros({}, torch::device(device));
for (const auto& batch : batches) {
  torch::Tensor loss;
  {
    const Autocast autocast(device, bfloat16);
    loss = loss_of(batch) / static_cast<double>(batches.size());
  }
  loss.backward();
  mean += loss.detach();
}
return mean;

//! [12.3] wrong no_guard: no guard
std::int64_t all = 0;
for (const auto& batch : batches) all += batch.targets.numel();
auto mean = torch::zeros({}, torch::device(device));
for (const auto& batch : batches) {
  const auto loss = loss_of(batch) * (static_cast<double>(batch.targets.numel()) / static_cast<double>(all));
  loss.backward();
  mean += loss.detach();
}
return mean;

//! [12.3] right: shares first
std::vector<double> shares;
double all = 0;
for (const auto& batch : batches) all += shares.emplace_back(static_cast<double>(batch.targets.numel()));
std::vector<torch::Tensor> losses;
for (std::size_t i = 0; i < batches.size(); ++i) {
  const auto forward = [&] {
    const Autocast guard(device, bfloat16);
    return loss_of(batches[i]);
  };
  const auto loss = forward().mul(shares[i] / all);
  loss.backward();
  losses.push_back(loss.detach());
}
return torch::stack(losses).sum();

//! [12.3] right: the share as the gradient that backward begins with
const double all = std::accumulate(batches.begin(), batches.end(), 0.0, [](double sum, const Batch& batch) { return sum + static_cast<double>(batch.targets.numel()); });
torch::Tensor mean;
for (const auto& batch : batches) {
  const double share = static_cast<double>(batch.targets.numel()) / all;
  std::optional<Autocast> guard;
  guard.emplace(device, bfloat16);
  const auto loss = loss_of(batch);
  guard.reset();
  loss.backward(torch::full_like(loss, share));
  const auto part = loss.detach() * share;
  mean = mean.defined() ? mean + part : part;
}
return mean;

//! [12.3] right: the sum of all losses, and its mean at the end
std::int64_t all = 0;
for (auto batch = batches.rbegin(); batch != batches.rend(); ++batch) all += batch->inputs.numel();
const auto under_guard = [&](const Batch& batch) {
  const Autocast guard(device, bfloat16);
  return loss_of(batch);
};
torch::Tensor sum = torch::zeros({1}, torch::TensorOptions(device));
for (std::size_t i = 0; i < batches.size(); ++i) {
  torch::Tensor loss = under_guard(batches[i]);
  const auto count = static_cast<double>(batches[i].targets.numel());
  (loss * count / static_cast<double>(all)).backward();
  torch::NoGradGuard none;
  sum += loss * count;
}
return sum[0] / static_cast<double>(all);

//! [12.4] wrong not_copied: not copied
std::vector<std::pair<std::string, torch::Tensor>> state;
for (const auto& p : model.named_parameters()) state.emplace_back("model." + p.key(), p.value().detach());
for (const auto& [name, tensor] : optimizer.state()) state.emplace_back("optimizer." + name, tensor);
state.emplace_back("random", words_of(random));
const auto device = model.token_embedding.device();
state.emplace_back(generator_name(device), generator_of(device).get_state());
return state;

//! [12.4] wrong asks_for_gradients: copies that carry their graph
std::vector<std::pair<std::string, torch::Tensor>> state;
for (const auto& p : model.named_parameters()) state.emplace_back("model." + p.key(), p.value().clone());
for (const auto& [name, tensor] : optimizer.state()) state.emplace_back("optimizer." + name, tensor);
state.emplace_back("random", words_of(random));
const auto device = model.token_embedding.device();
state.emplace_back(generator_name(device), generator_of(device).get_state());
return state;

//! [12.4] wrong no_generator: LibTorch's generator forgotten
std::vector<std::pair<std::string, torch::Tensor>> state;
for (const auto& p : model.named_parameters()) state.emplace_back("model." + p.key(), p.value().detach().clone());
for (const auto& [name, tensor] : optimizer.state()) state.emplace_back("optimizer." + name, tensor);
state.emplace_back("random", words_of(random));
return state;

//! [12.4] wrong no_random_state: our generator forgotten
std::vector<std::pair<std::string, torch::Tensor>> state;
for (const auto& p : model.named_parameters()) state.emplace_back("model." + p.key(), p.value().detach().clone());
for (const auto& [name, tensor] : optimizer.state()) state.emplace_back("optimizer." + name, tensor);
const auto device = model.token_embedding.device();
state.emplace_back(generator_name(device), generator_of(device).get_state());
return state;

//! [12.4] wrong no_moments: the optimizer forgotten
std::vector<std::pair<std::string, torch::Tensor>> state;
for (const auto& p : model.named_parameters()) state.emplace_back("model." + p.key(), p.value().detach().clone());
state.emplace_back("random", words_of(random));
const auto device = model.token_embedding.device();
state.emplace_back(generator_name(device), generator_of(device).get_state());
return state;

//! [12.4] wrong weights_left_out: the weights forgotten
std::vector<std::pair<std::string, torch::Tensor>> state;
for (const auto& [name, tensor] : optimizer.state()) state.emplace_back("optimizer." + name, tensor.clone());
state.emplace_back("random", words_of(random));
const auto device = model.token_embedding.device();
state.emplace_back(generator_name(device), generator_of(device).get_state());
return state;

//! [12.4] right: chance first
const auto device = model.token_embedding.device();
std::vector<std::pair<std::string, torch::Tensor>> state = {{generator_name(device), generator_of(device).get_state()}, {"random", words_of(random)}};
torch::NoGradGuard guard;
for (const auto& entry : optimizer.state()) state.push_back({"optimizer." + entry.first, entry.second.clone()});
for (const auto& p : model.named_parameters()) state.push_back({"model." + p.key(), p.value().clone()});
return state;

//! [12.4] right: one list made of three
std::vector<std::pair<std::string, torch::Tensor>> state = optimizer.state();
for (auto& [name, tensor] : state) {
  name.insert(0, "optimizer.");
  tensor = tensor.clone();
}
const auto dictionary = model.named_parameters();
for (const auto& name : dictionary.keys()) {
  auto copy = torch::empty_like(dictionary[name]).detach();
  torch::NoGradGuard guard;
  copy.copy_(dictionary[name]);
  state.emplace_back("model." + name, copy);
}
const auto where = dictionary["token_embedding"].device();
state.push_back(std::make_pair(generator_name(where), generator_of(where).get_state().clone()));
std::vector<std::int64_t> words;
for (const auto word : random.state()) words.push_back(static_cast<std::int64_t>(word));
state.push_back(std::make_pair("random", torch::tensor(words, torch::kInt64)));
return state;

//! [12.4] right: a function that adds
std::vector<std::pair<std::string, torch::Tensor>> state;
const auto add = [&state](const std::string& name, const torch::Tensor& tensor) { state.emplace_back(name, tensor.data().clone()); };
add("random", words_of(random));
for (const auto& parameter : model.named_parameters(/*recurse=*/true)) add(fmt::format("model.{}", parameter.key()), *parameter);
for (const auto& entry : optimizer.state()) add(fmt::format("optimizer.{}", entry.first), entry.second);
const torch::Device device = model.parameters().front().device();
add(generator_name(device), generator_of(device).get_state());
return state;
