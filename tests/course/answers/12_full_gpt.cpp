// Answers to the exercises of chapter 12: wrong ones that people give, and right ones written otherwise.

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

//! [12.1] wrong: the step counted twice
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

//! [12.4] wrong: not copied
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

//! [12.4] right: chance first
const auto device = model.token_embedding.device();
std::vector<std::pair<std::string, torch::Tensor>> state = {{generator_name(device), generator_of(device).get_state()}, {"random", words_of(random)}};
torch::NoGradGuard guard;
for (const auto& entry : optimizer.state()) state.push_back({"optimizer." + entry.first, entry.second.clone()});
for (const auto& p : model.named_parameters()) state.push_back({"model." + p.key(), p.value().clone()});
return state;

//! [12.5] wrong: set_data, so the state is trained on
torch::NoGradGuard guard;
for (auto& p : model.named_parameters()) {
  const auto saved = find("model." + p.key());
  if (!saved.sizes().equals(p->sizes())) throw UsageError("another shape");
  p->set_data(saved);
}
auto entries = optimizer.state();
for (auto& [name, tensor] : entries) tensor = find("optimizer." + name);
optimizer.set_state(entries);
set_words(random, find("random"));
const auto device = model.token_embedding.device();
generator_of(device).set_state(find(generator_name(device)));

//! [12.5] wrong half_restored: half restored, then refused
torch::NoGradGuard guard;
for (auto& p : model.named_parameters()) {
  const auto saved = find("model." + p.key());
  if (!saved.sizes().equals(p->sizes())) throw UsageError("another shape");
  p->copy_(saved);
}
auto entries = optimizer.state();
for (auto& [name, tensor] : entries) tensor = find("optimizer." + name);
optimizer.set_state(entries);
set_words(random, find("random"));
const auto device = model.token_embedding.device();
generator_of(device).set_state(find(generator_name(device)));

//! [12.5] wrong shapes_not_compared: the shapes are not compared
torch::NoGradGuard guard;
for (auto& p : model.named_parameters()) p->copy_(find("model." + p.key()));
auto entries = optimizer.state();
for (auto& [name, tensor] : entries) tensor = find("optimizer." + name);
optimizer.set_state(entries);
set_words(random, find("random"));
const auto device = model.token_embedding.device();
generator_of(device).set_state(find(generator_name(device)));

//! [12.5] wrong no_moments: the optimizer forgotten
torch::NoGradGuard guard;
for (auto& p : model.named_parameters()) if (!find("model." + p.key()).sizes().equals(p->sizes())) throw UsageError("another shape");
for (auto& p : model.named_parameters()) p->copy_(find("model." + p.key()));
set_words(random, find("random"));
const auto device = model.token_embedding.device();
generator_of(device).set_state(find(generator_name(device)));

//! [12.5] wrong no_random_state: our generator forgotten
torch::NoGradGuard guard;
for (auto& p : model.named_parameters()) if (!find("model." + p.key()).sizes().equals(p->sizes())) throw UsageError("another shape");
for (auto& p : model.named_parameters()) p->copy_(find("model." + p.key()));
auto entries = optimizer.state();
for (auto& [name, tensor] : entries) tensor = find("optimizer." + name);
optimizer.set_state(entries);
const auto device = model.token_embedding.device();
generator_of(device).set_state(find(generator_name(device)));

//! [12.5] wrong no_generator: LibTorch's generator forgotten
torch::NoGradGuard guard;
for (auto& p : model.named_parameters()) if (!find("model." + p.key()).sizes().equals(p->sizes())) throw UsageError("another shape");
for (auto& p : model.named_parameters()) p->copy_(find("model." + p.key()));
auto entries = optimizer.state();
for (auto& [name, tensor] : entries) tensor = find("optimizer." + name);
optimizer.set_state(entries);
set_words(random, find("random"));

//! [12.5] right: in the order of its own map
const auto device = model.token_embedding.device();
for (auto& p : model.named_parameters()) if (!find("model." + p.key()).sizes().equals(p->sizes())) throw UsageError("another shape");
const auto generator = find(generator_name(device)), words = find("random");
std::vector<std::pair<std::string, torch::Tensor>> entries;
const std::string prefix = "optimizer.";
for (const auto& [name, tensor] : tensors) if (name.starts_with(prefix)) entries.emplace_back(name.substr(prefix.size()), tensor);
optimizer.set_state(entries);
for (auto& p : model.named_parameters()) {
  torch::NoGradGuard guard;
  p->copy_(find("model." + p.key()));
}
set_words(random, words);
generator_of(device).set_state(generator);

//! [12.6] wrong: 32 bits
const int w = static_cast<int>(shape.width), l = static_cast<int>(shape.layers), v = static_cast<int>(shape.vocabulary_size), c = static_cast<int>(shape.context);
return static_cast<int>(6u * (static_cast<unsigned>(l) * 12u * w * w + static_cast<unsigned>(v) * w + static_cast<unsigned>(l) * 2u * c * w));

//! [12.6] wrong biases_counted: the biases too
const double w = shape.width, l = shape.layers;
return 6 * (l * (12 * w * w + 13 * w) + shape.vocabulary_size * w + l * 2 * shape.context * w);

//! [12.6] wrong forward_alone: forward alone
const double w = shape.width, l = shape.layers;
return 2 * (l * 12 * w * w + shape.vocabulary_size * w + l * 2 * shape.context * w);

//! [12.6] wrong half_of_the_scores: half of the scores
const double w = shape.width, l = shape.layers;
return 6 * (l * 12 * w * w + shape.vocabulary_size * w + l * shape.context * w);

//! [12.6] right: layer by layer
double weights = static_cast<double>(shape.vocabulary_size * shape.width);
for (std::int64_t layer = 0; layer < shape.layers; ++layer) weights += 12.0 * static_cast<double>(shape.width * shape.width) + 2.0 * static_cast<double>(shape.context * shape.width);
return 6 * weights;

//! [12.7] wrong: the rest dropped
Rows mine;
mine.count = rows / size;
mine.first = rank * mine.count;
mine.weight = static_cast<double>(mine.count * size) / static_cast<double>(rows);
return mine;

//! [12.7] wrong rest_to_the_last: the rest to the last
Rows mine;
mine.first = rank * (rows / size);
mine.count = rank == size - 1 ? rows - mine.first : rows / size;
mine.weight = static_cast<double>(mine.count * size) / static_cast<double>(rows);
return mine;

//! [12.7] wrong equal_weights: all weights 1
Rows mine;
mine.first = rank * (rows / size) + std::min<std::int64_t>(rank, rows % size);
mine.count = rows / size + (rank < rows % size ? 1 : 0);
return mine;

//! [12.7] right: dealt out
Rows mine;
mine.count = 0;
for (std::int64_t row = 0; row < rows; ++row) {
  const auto owner = row % size;
  if (owner == rank) ++mine.count;
  if (owner < rank) ++mine.first;
}
mine.weight = static_cast<double>(mine.count) / static_cast<double>(rows) * size;
return mine;

//! [12.8] wrong no_division: the sum
torch::NoGradGuard guard;
const std::int64_t n = ring.size();
const auto chunks = torch::tensor_split(x, n);
for (std::int64_t turn = 0; turn < 2 * (n - 1); ++turn) {
  auto filled = chunks[static_cast<std::size_t>((ring.rank() + 2 * n - turn - 1) % n)];
  auto incoming = torch::empty_like(filled);
  ring.start_sending(chunks[static_cast<std::size_t>((ring.rank() + 2 * n - turn) % n)]);
  ring.receive(incoming);
  ring.finish_sending();
  if (turn < n - 1) filled.add_(incoming); else filled.copy_(incoming);
}

//! [12.8] wrong half_way: half way
torch::NoGradGuard guard;
const std::int64_t n = ring.size();
const auto chunks = torch::tensor_split(x, n);
for (std::int64_t turn = 0; turn < n - 1; ++turn) {
  auto filled = chunks[static_cast<std::size_t>((ring.rank() + 2 * n - turn - 1) % n)];
  auto incoming = torch::empty_like(filled);
  ring.start_sending(chunks[static_cast<std::size_t>((ring.rank() + 2 * n - turn) % n)]);
  ring.receive(incoming);
  ring.finish_sending();
  filled.add_(incoming);
}
x.div_(static_cast<double>(n));

//! [12.8] right: two loops
torch::NoGradGuard guard;
const int n = ring.size(), me = ring.rank();
auto chunks = x.tensor_split(n);
const auto at = [&](int i) -> torch::Tensor { return chunks[static_cast<std::size_t>(((i % n) + n) % n)]; };
for (int turn = 0; turn + 1 < n; ++turn) {
  auto into = at(me - turn - 1);
  auto message = torch::zeros_like(into);
  ring.start_sending(at(me - turn));
  ring.receive(message);
  ring.finish_sending();
  into += message;
}
at(me + 1).div_(static_cast<double>(n));
for (int turn = 0; turn + 1 < n; ++turn) {
  auto into = at(me - turn);
  auto message = torch::zeros_like(into);
  ring.start_sending(at(me + 1 - turn));
  ring.receive(message);
  ring.finish_sending();
  into.copy_(message);
}
