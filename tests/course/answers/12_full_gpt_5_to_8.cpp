// Answers to exercises 12.5 to 12.8 of chapter 12: wrong ones that people give, and right ones written otherwise.

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

//! [12.5] wrong no_weights: the model forgotten
for (auto& p : model.named_parameters()) if (!find("model." + p.key()).sizes().equals(p->sizes())) throw UsageError("another shape");
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

//! [12.5] right: all looked up into lists, then written through data()
std::vector<std::pair<torch::Tensor, torch::Tensor>> to_write;
for (const auto& parameter : model.named_parameters()) {
  const auto from = find(fmt::format("model.{}", parameter.key()));
  if (from.sizes() != parameter.value().sizes()) throw UsageError("a parameter of another shape: " + parameter.key());
  to_write.emplace_back(parameter.value().data(), from);
}
std::vector<std::pair<std::string, torch::Tensor>> remembered;
for (const auto& [name, old] : optimizer.state()) remembered.emplace_back(name, find("optimizer." + name));
Random drawn = random;
set_words(drawn, find("random"));
const auto device = model.token_embedding.device();
const auto chance = find(generator_name(device)).clone();
optimizer.set_state(remembered);
std::swap(random, drawn);
for (auto& [into, from] : to_write) into.copy_(from);
generator_of(device).set_state(chance);

//! [12.5] right: tried, and taken back where it fails
const auto before = collect_training_state(model, optimizer, random);
const auto put = [&](const std::function<torch::Tensor(const std::string&)>& named) {
  const torch::NoGradGuard guard;
  for (auto& parameter : model.named_parameters()) {
    const auto saved = named("model." + parameter.key());
    if (!saved.sizes().equals(parameter->sizes())) throw UsageError("the state is of another model");
    parameter->copy_(saved);
  }
  auto entries = optimizer.state();
  for (auto& [name, tensor] : entries) tensor = named("optimizer." + name);
  optimizer.set_state(entries);
  set_words(random, named("random"));
  const auto device = model.token_embedding.device();
  generator_of(device).set_state(named(generator_name(device)));
};
try {
  put(find);
} catch (...) {
  const std::map<std::string, torch::Tensor> old(before.begin(), before.end());
  put([&](const std::string& name) { return old.at(name); });
  throw;
}

//! [12.6] wrong thirty_two_bits: 32 bits
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

//! [12.6] right: product by product
const auto product = [](double a, double b, double c) { return 2 * a * b * c; };
const double w = static_cast<double>(shape.width), context = static_cast<double>(shape.context);
double forward = product(1, w, static_cast<double>(shape.vocabulary_size));
for (std::int64_t layer = 0; layer < shape.layers; ++layer) {
  forward += product(1, w, 3 * w) + product(1, w, w);
  forward += product(1, w, context) + product(1, context, w);
  forward += product(1, w, 4 * w) + product(1, 4 * w, w);
}
return forward + 2 * forward;

//! [12.6] right: from the parameters that chapter 2 counts
const std::int64_t a_block = 12 * shape.width * shape.width;
const std::int64_t met = shape.layers * a_block + shape.vocabulary_size * shape.width;
return 6.0 * static_cast<double>(met) + 12.0 * static_cast<double>(shape.layers * shape.width * shape.context);

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

//! [12.7] right: every rank's rows in turn
Rows mine;
std::int64_t next = 0;
for (int each = 0; each <= rank; ++each) {
  mine.first = next;
  mine.count = (rows - each + size - 1) / size;
  next += mine.count;
}
mine.weight = static_cast<double>(size) * static_cast<double>(mine.count) / static_cast<double>(rows);
return mine;

//! [12.7] right: tensor_split of the numbers
const auto part = torch::tensor_split(torch::arange(rows), size)[static_cast<std::size_t>(rank)];
const std::int64_t count = part.size(0), first = part[0].item<std::int64_t>();
return {first, count, static_cast<double>(count) / (static_cast<double>(rows) / size)};

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

//! [12.8] right: a place that walks to the left
torch::NoGradGuard guard;
const auto n = static_cast<std::size_t>(ring.size());
std::vector<torch::Tensor> chunks = torch::tensor_split(x, ring.size());
std::size_t here = static_cast<std::size_t>(ring.rank());
for (const bool adding : {true, false}) {
  for (std::size_t turn = 1; turn < n; ++turn) {
    const std::size_t next = here == 0 ? n - 1 : here - 1;
    auto message = chunks[next].clone();
    ring.start_sending(chunks[here]);
    ring.receive(message);
    ring.finish_sending();
    if (adding) chunks[next] += message;
    else chunks[next].copy_(message);
    here = next;
  }
}
x /= static_cast<double>(n);

//! [12.8] right: divided first, by narrow
const c10::InferenceMode inference;
const std::int64_t n = ring.size(), length = x.numel();
const auto part = [&](std::int64_t number) {
  const std::int64_t i = (number % n + n) % n, each = length / n, more = length % n;
  return x.narrow(0, i * each + std::min(i, more), each + (i < more ? 1 : 0));
};
x.mul_(1 / static_cast<double>(n));
const std::int64_t me = ring.rank();
for (std::int64_t turn = 0; turn < n - 1; ++turn) {
  const torch::Tensor sent = part(me - turn).clone();
  torch::Tensor into = part(me - turn - 1), came = torch::zeros_like(into);
  ring.start_sending(sent);
  ring.receive(came);
  ring.finish_sending();
  into.add_(came);
}
for (std::int64_t turn = 0; turn < n - 1; ++turn) {
  const torch::Tensor sent = part(me + 1 - turn).clone();
  ring.start_sending(sent);
  ring.receive(part(me - turn));
  ring.finish_sending();
}
