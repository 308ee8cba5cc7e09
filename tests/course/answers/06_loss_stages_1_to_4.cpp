// Answers to exercises 6.1 to 6.4 of chapter 6: wrong ones that people give, and right ones written otherwise.

//! [6.1] wrong in_bits: bits
const auto places = tokens.size(0) - std::max(order - 1, 0);
if (order == 0) return std::log2(static_cast<double>(vocabulary_size));
auto context = torch::zeros({places}, torch::kInt64);
for (int i = 0; i < order - 1; ++i) context = renumber(context * vocabulary_size + tokens.narrow(0, i, places));
return (entropy(renumber(context * vocabulary_size + tokens.narrow(0, order - 1, places))) - entropy(context)) / std::log(2.0);

//! [6.1] wrong context_not_taken_off: the context is not taken off
if (order == 0) return std::log(static_cast<double>(vocabulary_size));
const auto places = tokens.size(0) - (order - 1);
auto all = torch::zeros({places}, torch::kInt64);
for (int i = 0; i < order; ++i) all = renumber(all * vocabulary_size + tokens.narrow(0, i, places));
return entropy(all);

//! [6.1] wrong only_the_characters_used: characters that occur, for the vocabulary
if (order == 0) return std::log(static_cast<double>(renumber(tokens).max().item<std::int64_t>() + 1));
const auto places = tokens.size(0) - (order - 1);
auto context = torch::zeros({places}, torch::kInt64);
for (int i = 0; i < order - 1; ++i) context = renumber(context * vocabulary_size + tokens.narrow(0, i, places));
return entropy(context * vocabulary_size + tokens.narrow(0, order - 1, places)) - entropy(context);

//! [6.1] wrong one_character_further: one character too far back
if (order == 0) return std::log(static_cast<double>(vocabulary_size));
const auto places = tokens.size(0) - order;
auto context = torch::zeros({places}, torch::kInt64);
for (int i = 0; i < order; ++i) context = renumber(context * vocabulary_size + tokens.narrow(0, i, places));
return entropy(context * vocabulary_size + tokens.narrow(0, order, places)) - entropy(context);

//! [6.1] wrong numbers_too_large: numbers that overflow
if (order == 0) return std::log(static_cast<double>(vocabulary_size));
const auto places = tokens.size(0) - (order - 1);
auto context = torch::zeros({places}, torch::kInt64);
for (int i = 0; i < order - 1; ++i) context = context * vocabulary_size + tokens.narrow(0, i, places);
return entropy(context * vocabulary_size + tokens.narrow(0, order - 1, places)) - entropy(context);

//! [6.1] wrong input_changed: the tokens renumbered in place
if (order == 0) return std::log(static_cast<double>(vocabulary_size));
auto t = tokens;
t.copy_(renumber(tokens));
const auto places = t.size(0) - (order - 1);
auto context = torch::zeros({places}, torch::kInt64);
for (int i = 0; i < order - 1; ++i) context = renumber(context * vocabulary_size + t.narrow(0, i, places));
return entropy(context * vocabulary_size + t.narrow(0, order - 1, places)) - entropy(context);

//! [6.1] right: maps of strings
if (order == 0) return std::log(static_cast<double>(vocabulary_size));
std::map<std::vector<std::int64_t>, double> with, context;
const auto n = tokens.size(0) - order + 1;
for (std::int64_t i = 0; i < n; ++i) {
  std::vector<std::int64_t> key;
  for (int j = 0; j < order; ++j) key.push_back(tokens[i + j].item<std::int64_t>());
  ++with[key];
  key.pop_back();
  ++context[key];
}
double sum = 0;
for (const auto& [key, count] : with) {
  auto before = key;
  before.pop_back();
  sum -= count / static_cast<double>(n) * std::log(count / context[before]);
}
return sum;

//! [6.1] right: a number for each run of characters, sorted and counted
if (order == 0) return std::log(static_cast<double>(vocabulary_size));
const auto uncertainty = [&](std::int64_t length, std::int64_t places) {
  if (length == 0) return 0.0;
  std::vector<std::vector<std::int64_t>> runs;
  const auto text = tokens.cpu().contiguous();
  const std::int64_t* from = text.data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < places; ++i) runs.emplace_back(from + i, from + i + length);
  std::sort(runs.begin(), runs.end());
  double sum = 0;
  for (std::size_t i = 0, end = 0; i < runs.size(); i = end) {
    while (end < runs.size() && runs[end] == runs[i]) ++end;
    const double share = static_cast<double>(end - i) / static_cast<double>(runs.size());
    sum -= share * std::log(share);
  }
  return sum;
};
const std::int64_t places = tokens.size(0) - order + 1;
return uncertainty(order, places) - uncertainty(order - 1, places);

//! [6.1] right: windows, unique rows
if (order < 1) return -std::log(1.0 / static_cast<double>(vocabulary_size));
const auto windows = tokens.unfold(0, order, 1);
const auto nats = [&](const torch::Tensor& rows) {
  if (rows.size(1) == 0) return 0.0;
  const auto counts = std::get<2>(torch::unique_dim(rows.contiguous(), 0, true, false, true)).to(torch::kDouble);
  return std::log(static_cast<double>(rows.size(0))) - (counts * counts.log()).sum().item<double>() / static_cast<double>(rows.size(0));
};
return nats(windows) - nats(windows.narrow(1, 0, order - 1));

//! [6.2] wrong empty_optional: the floor believed to be there
std::vector<double> levels = {landmarks.uniform, landmarks.characters, landmarks.pairs, landmarks.triples, *landmarks.floor, 0};
std::size_t passed = 0;
while (passed + 1 < levels.size() && loss < levels[passed] - 0.1 * (levels[passed] - levels[passed + 1])) ++passed;
return static_cast<LossStage>(passed);

//! [6.2] wrong no_margin: no margin
std::vector<double> levels = {landmarks.uniform, landmarks.characters, landmarks.pairs, landmarks.triples};
if (landmarks.floor) levels.push_back(*landmarks.floor);
std::size_t passed = 0;
while (passed < levels.size() && loss < levels[passed]) ++passed;
return static_cast<LossStage>(passed >= 4 && !landmarks.floor ? 4 : passed);

//! [6.2] wrong a_tenth_of_the_landmark: a tenth of the landmark
std::vector<double> levels = {landmarks.uniform, landmarks.characters, landmarks.pairs, landmarks.triples};
if (landmarks.floor) levels.push_back(*landmarks.floor);
std::size_t passed = 0;
while (passed < levels.size() && loss < 0.9 * levels[passed]) ++passed;
return static_cast<LossStage>(passed);

//! [6.2] wrong empty_optional: value() of a floor that is not there
std::vector<double> levels = {landmarks.uniform, landmarks.characters, landmarks.pairs, landmarks.triples};
levels.push_back(landmarks.floor.value());
levels.push_back(0);
std::size_t passed = 0;
while (passed + 1 < levels.size() && loss < levels[passed] - 0.1 * (levels[passed] - levels[passed + 1])) ++passed;
return static_cast<LossStage>(passed);

//! [6.2] wrong no_floor_is_zero: a missing floor is 0, so something is memorised
std::vector<double> levels = {landmarks.uniform, landmarks.characters, landmarks.pairs, landmarks.triples, landmarks.floor.value_or(0.0), 0};
std::size_t passed = 0;
while (passed + 1 < levels.size() && loss <= levels[passed] - 0.1 * (levels[passed] - levels[passed + 1])) ++passed;
return static_cast<LossStage>(passed);

//! [6.2] wrong no_number_passes: from below
if (landmarks.floor && !(loss >= *landmarks.floor * 0.9)) return LossStage::memorised;
const double low = landmarks.floor.value_or(0);
if (!(loss >= landmarks.triples - 0.1 * (landmarks.triples - low))) return LossStage::beyond;
if (!(loss >= landmarks.pairs - 0.1 * (landmarks.pairs - landmarks.triples))) return LossStage::words;
if (!(loss >= landmarks.characters - 0.1 * (landmarks.characters - landmarks.pairs))) return LossStage::pairs;
if (!(loss >= landmarks.uniform - 0.1 * (landmarks.uniform - landmarks.characters))) return LossStage::characters;
return LossStage::guessing;

//! [6.2] right: ifs
const auto below = [&](double here, double next) { return loss < here - 0.1 * (here - next); };
const double low = landmarks.floor.value_or(0);
if (landmarks.floor && below(*landmarks.floor, 0)) return LossStage::memorised;
if (below(landmarks.triples, low)) return LossStage::beyond;
if (below(landmarks.pairs, landmarks.triples)) return LossStage::words;
if (below(landmarks.characters, landmarks.pairs)) return LossStage::pairs;
if (below(landmarks.uniform, landmarks.characters)) return LossStage::characters;
return LossStage::guessing;

//! [6.2] right: from the bottom up
std::vector<double> levels{landmarks.uniform, landmarks.characters, landmarks.pairs, landmarks.triples};
if (landmarks.floor.has_value()) levels.emplace_back(landmarks.floor.value());
levels.push_back(0.0);
for (int i = static_cast<int>(levels.size()) - 2; i >= 0; --i) {
  const double gap = levels[static_cast<std::size_t>(i)] - levels[static_cast<std::size_t>(i) + 1];
  if (loss < levels[static_cast<std::size_t>(i)] - 0.1 * gap) return static_cast<LossStage>(i + 1);
}
return LossStage::guessing;

//! [6.2] right: a stage and the line above it, pair by pair
const double last = landmarks.floor ? *landmarks.floor : 0.0;
const std::vector<std::tuple<double, double, LossStage>> doors = {
    {landmarks.uniform, landmarks.characters, LossStage::characters}, {landmarks.characters, landmarks.pairs, LossStage::pairs},
    {landmarks.pairs, landmarks.triples, LossStage::words}, {landmarks.triples, last, LossStage::beyond}};
LossStage stage = LossStage::guessing;
for (const auto& [above, below, behind] : doors) {
  if (!(loss < 0.9 * above + 0.1 * below)) return stage;
  stage = behind;
}
return landmarks.floor && loss < 0.9 * *landmarks.floor ? LossStage::memorised : stage;

//! [6.3] wrong whatever_training_does: whatever training does
std::vector<Metrics> known;
for (const auto& row : rows) if (row.train_loss && row.validation_loss && std::isfinite(*row.train_loss) && std::isfinite(*row.validation_loss)) known.push_back(row);
if (known.size() < 2) return result;
auto best = known[0];
for (const auto& row : known) if (*row.validation_loss < *best.validation_loss) best = row;
result.best_step = best.step;
result.best_loss = *best.validation_loss;
result.rise = *known.back().validation_loss - *best.validation_loss;
result.gap = *known.back().validation_loss - *known.back().train_loss;
result.found = result.rise > 0.05 ? Finding::yes : Finding::no;

//! [6.3] wrong gap_alone: the gap alone
std::vector<Metrics> known;
for (const auto& row : rows) if (row.train_loss && row.validation_loss && std::isfinite(*row.train_loss) && std::isfinite(*row.validation_loss)) known.push_back(row);
if (known.size() < 2) return result;
auto best = known[0];
for (const auto& row : known) if (*row.validation_loss < *best.validation_loss) best = row;
result.best_step = best.step;
result.best_loss = *best.validation_loss;
result.rise = *known.back().validation_loss - *best.validation_loss;
result.gap = *known.back().validation_loss - *known.back().train_loss;
result.found = result.gap > 0.05 && *known.back().train_loss < *best.train_loss ? Finding::yes : Finding::no;

//! [6.3] wrong empty_optional: missing losses are believed to be there
auto best = rows.at(0);
for (const auto& row : rows) if (*row.validation_loss < *best.validation_loss) best = row;
result.best_step = best.step;
result.best_loss = *best.validation_loss;
result.rise = *rows.back().validation_loss - *best.validation_loss;
result.gap = *rows.back().validation_loss - *rows.back().train_loss;
result.found = result.rise > 0.05 && *rows.back().train_loss < *best.train_loss ? Finding::yes : Finding::no;

//! [6.3] wrong no_number_counts: NaN counts
std::vector<Metrics> known;
for (const auto& row : rows) if (row.train_loss && row.validation_loss) known.push_back(row);
if (known.size() < 2) return result;
auto best = known[0];
for (const auto& row : known) if (!(*row.validation_loss >= *best.validation_loss)) best = row;
result.best_step = best.step;
result.best_loss = *best.validation_loss;
result.rise = *known.back().validation_loss - *best.validation_loss;
result.gap = *known.back().validation_loss - *known.back().train_loss;
result.found = result.rise > 0.05 && *known.back().train_loss < *best.train_loss ? Finding::yes : Finding::no;

//! [6.3] wrong best_of_training: the best training loss
std::vector<Metrics> known;
for (const auto& row : rows) if (row.train_loss && row.validation_loss && std::isfinite(*row.train_loss) && std::isfinite(*row.validation_loss)) known.push_back(row);
if (known.size() < 2) return result;
auto best = known[0];
for (const auto& row : known) if (*row.train_loss < *best.train_loss) best = row;
result.best_step = best.step;
result.best_loss = *best.validation_loss;
result.rise = *known.back().validation_loss - *best.validation_loss;
result.gap = *known.back().validation_loss - *known.back().train_loss;
result.found = result.rise > 0.05 && *known.back().train_loss < *best.train_loss ? Finding::yes : Finding::no;

//! [6.3] right: pointers, one pass
const Metrics *best = nullptr, *last = nullptr;
int count = 0;
for (const auto& row : rows) {
  if (!std::isfinite(row.train_loss.value_or(NAN)) || !std::isfinite(row.validation_loss.value_or(NAN))) continue;
  ++count;
  last = &row;
  if (!best || row.validation_loss.value() < best->validation_loss.value()) best = &row;
}
if (count >= 2) {
  result.best_step = best->step;
  result.best_loss = best->validation_loss.value();
  result.rise = last->validation_loss.value() - result.best_loss;
  result.gap = last->validation_loss.value() - last->train_loss.value();
  result.found = Finding::no;
  if (last->train_loss.value() < best->train_loss.value() && result.rise > 0.05) result.found = Finding::yes;
}

//! [6.3] right: sorted by loss
std::vector<std::tuple<double, std::size_t>> by_loss;
for (std::size_t i = 0; i < rows.size(); ++i) {
  const bool numbers = rows[i].train_loss && rows[i].validation_loss && std::isfinite(*rows[i].train_loss + *rows[i].validation_loss);
  if (numbers) by_loss.emplace_back(*rows[i].validation_loss, i);
}
if (by_loss.size() >= 2) {
  const auto last_row = std::get<1>(by_loss.back());
  std::sort(by_loss.begin(), by_loss.end());
  const auto& best = rows[std::get<1>(by_loss.front())];
  const auto& last = rows[last_row];
  result.best_step = best.step;
  result.best_loss = *best.validation_loss;
  result.rise = *last.validation_loss - result.best_loss;
  result.gap = *last.validation_loss - *last.train_loss;
  result.found = Finding::no;
  if (result.rise > 0.05 && *last.train_loss - *best.train_loss < 0) result.found = Finding::yes;
}

//! [6.3] right: arrays of numbers, by min_element
std::vector<double> train, validation;
std::vector<std::int64_t> steps;
for (const auto& [step, row_train, row_validation] : [&] {
       std::vector<std::tuple<std::int64_t, double, double>> all;
       for (const auto& row : rows) all.emplace_back(row.step, row.train_loss.value_or(INFINITY), row.validation_loss.value_or(INFINITY));
       return all;
     }()) {
  if (!std::isfinite(row_train) || !std::isfinite(row_validation)) continue;
  steps.push_back(step);
  train.push_back(row_train);
  validation.push_back(row_validation);
}
if (steps.size() > 1) {
  const auto best = std::distance(validation.begin(), std::min_element(validation.begin(), validation.end()));
  const auto at = static_cast<std::size_t>(best);
  result.best_step = steps[at];
  result.best_loss = validation[at];
  result.gap = validation.back() - train.back();
  result.rise = validation.back() - validation[at];
  result.found = result.rise > 0.05 && train.back() < train[at] ? Finding::yes : Finding::no;
}

//! [6.4] wrong no_backward: cleared between backward and step
for (std::int64_t i = 0; i < steps; ++i) {
  const auto loss = next_loss();
  losses.push_back(loss.item<double>());
  loss.backward();
  for (const auto& parameter : parameters) parameter.mutable_grad() = torch::Tensor();
  step();
}
losses.push_back(next_loss().item<double>());

//! [6.4] wrong no_backward: zeroed between backward and step
for (std::int64_t i = 0; i < steps; ++i) {
  const auto loss = next_loss();
  losses.push_back(loss.item<double>());
  loss.backward();
  for (const auto& parameter : parameters) if (parameter.grad().defined()) parameter.grad().zero_();
  step();
}
losses.push_back(next_loss().item<double>());

//! [6.4] wrong gradients_pile_up: never cleared
for (std::int64_t i = 0; i < steps; ++i) {
  const auto loss = next_loss();
  losses.push_back(loss.item<double>());
  loss.backward();
  step();
}
losses.push_back(next_loss().item<double>());

//! [6.4] wrong last_loss_missing: the last loss is missing
for (std::int64_t i = 0; i < steps; ++i) {
  for (const auto& parameter : parameters) parameter.mutable_grad() = torch::Tensor();
  const auto loss = next_loss();
  losses.push_back(loss.item<double>());
  loss.backward();
  step();
}

//! [6.4] wrong asked_twice: the loss is asked for twice a step
for (std::int64_t i = 0; i < steps; ++i) {
  for (const auto& parameter : parameters) parameter.mutable_grad() = torch::Tensor();
  losses.push_back(next_loss().item<double>());
  next_loss().backward();
  step();
}
losses.push_back(next_loss().item<double>());

//! [6.4] wrong stepped_before_backward: stepped before backward
for (std::int64_t i = 0; i < steps; ++i) {
  const auto loss = next_loss();
  losses.push_back(loss.item<double>());
  step();
  for (const auto& parameter : parameters) parameter.mutable_grad() = torch::Tensor();
  loss.backward();
}
losses.push_back(next_loss().item<double>());

//! [6.4] right: zero_ after the step
for (std::int64_t left = steps; left > 0; --left) {
  auto loss = next_loss();
  loss.backward();
  losses.push_back(loss.item<float>());
  step();
  for (const auto& parameter : parameters) if (parameter.grad().defined()) parameter.grad().zero_();
}
losses.push_back(next_loss().detach().item<double>());

//! [6.4] right: one loss ahead
auto loss = next_loss();
losses.push_back(loss.item<double>());
while (static_cast<std::int64_t>(losses.size()) <= steps) {
  for (const auto& parameter : parameters) parameter.mutable_grad().reset();
  loss.backward();
  step();
  loss = next_loss();
  losses.push_back(loss.item<double>());
}

//! [6.4] right: autograd::grad, the gradients put in by hand
for (std::int64_t i = 0; i < steps; ++i) {
  const auto loss = next_loss();
  losses.emplace_back(loss.item<double>());
  const auto gradients = torch::autograd::grad({loss}, parameters, {}, std::nullopt, false, /*allow_unused=*/true);
  for (std::size_t k = 0; k < parameters.size(); ++k) {
    auto parameter = parameters[k];
    parameter.mutable_grad() = gradients[k];
  }
  step();
}
torch::AutoGradMode off(false);
losses.emplace_back(next_loss().item<double>());
