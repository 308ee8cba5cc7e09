// Answers to exercises 7.1 to 7.7 of chapter 7: wrong ones that people give, and right ones written otherwise.

//! [7.1] wrong value_for_place: the largest score itself
return static_cast<std::int64_t>(logits.max().item<float>());

//! [7.1] wrong smallest: the smallest
return logits.argmin().item<std::int64_t>();

//! [7.1] wrong last_of_equals: >=, so the last of equals
std::int64_t best = 0;
for (std::int64_t i = 0; i < logits.size(0); ++i) if (logits[i].item<float>() >= logits[best].item<float>()) best = i;
return best;

//! [7.1] wrong largest_starts_at_zero: the search begins at a score of 0
std::int64_t best = 0;
float most = 0;
for (std::int64_t i = 0; i < logits.size(0); ++i) if (logits[i].item<float>() > most) most = logits[i].item<float>(), best = i;
return best;

//! [7.1] right: a loop
std::int64_t best = 0;
for (std::int64_t i = 1; i < logits.size(0); ++i) if (logits[i].item<double>() > logits[best].item<double>()) best = i;
return best;

//! [7.1] right: max_element
const auto values = logits.to(torch::kFloat64).contiguous();
const double* first = values.data_ptr<double>();
return std::max_element(first, first + values.numel()) - first;

//! [7.1] right: the first place of the maximum
const auto most = logits.max();
return (logits == most).nonzero()[0].item<std::int64_t>();

//! [7.2] wrong scores_changed: float64 logits in place
auto scores = logits.to(torch::kFloat64);
scores.div_(temperature);
return softmax(scores);

//! [7.2] wrong multiplied: multiplied
return softmax(logits.to(torch::kFloat64) * temperature);

//! [7.2] wrong single_precision: in float32
return softmax(logits / temperature);

//! [7.2] wrong float64_too_late: float64 too late
return softmax(logits / temperature).to(torch::kFloat64);

//! [7.2] wrong after_the_softmax: after the softmax
return softmax(logits.to(torch::kFloat64)) / temperature;

//! [7.2] wrong overflow: without care for large scores
const auto weights = (logits.to(torch::kFloat64) / temperature).exp();
return weights / weights.sum();

//! [7.2] right: powers of probabilities
const auto logarithms = torch::log_softmax(logits.to(torch::kFloat64), -1) / temperature;
return torch::softmax(logarithms, -1);

//! [7.2] right: the largest off by hand
const auto scores = logits.to(torch::kFloat64).cpu().div(temperature);
const auto weights = (scores - scores.max()).exp();
return weights.div(weights.sum());

//! [7.2] right: a power of what softmax gives, shared out again
auto chosen = torch::softmax(logits.cpu().to(torch::kFloat64) - logits.max().cpu().to(torch::kFloat64), 0).log().mul(1 / temperature).exp();
chosen /= chosen.sum();
return chosen;

//! [7.3] wrong ties_cut: ties cut
const auto [values, places] = probabilities.topk(std::min(k, probabilities.size(0)));
const auto kept = torch::zeros_like(probabilities).scatter(0, places, values);
return kept / kept.sum();

//! [7.3] wrong more_than_there_are: more than there are
const auto largest = std::get<0>(probabilities.topk(k));
const auto kept = torch::where(probabilities >= largest[-1], probabilities, 0.0);
return kept / kept.sum();

//! [7.3] wrong not_shared_out_again: not shared out again
const auto largest = std::get<0>(probabilities.topk(std::min(k, probabilities.size(0))));
return torch::where(probabilities >= largest[-1], probabilities, 0.0);

//! [7.3] wrong input_changed: in place
const auto largest = std::get<0>(probabilities.topk(std::min(k, probabilities.size(0))));
auto kept = probabilities;
kept.masked_fill_(probabilities < largest[-1], 0.0);
return kept / kept.sum();

//! [7.3] wrong kth_dropped: the k-th itself goes
const auto largest = std::get<0>(probabilities.topk(std::min(k, probabilities.size(0))));
const auto kept = torch::where(probabilities > largest[-1], probabilities, 0.0);
return kept / kept.sum();

//! [7.3] right: kthvalue
const auto n = probabilities.size(0);
const auto threshold = std::get<0>(probabilities.kthvalue(n - std::min(k, n) + 1));
const auto kept = probabilities * (probabilities >= threshold);
return kept.div(kept.sum());

//! [7.3] right: sort
const auto sorted = std::get<0>(probabilities.sort(0, true));
const auto limit = sorted[std::min(k, sorted.size(0)) - 1];
auto kept = probabilities.clone();
kept.masked_fill_(kept < limit, 0);
return kept / kept.sum();

//! [7.3] right: how many are larger is counted for each
const auto larger = (probabilities.unsqueeze(0) > probabilities.unsqueeze(1)).sum(1);
const auto kept = probabilities.masked_fill(larger >= k, 0.0);
return kept / kept.sum();

//! [7.4] wrong total_below_p: cumsum < p
const auto [sorted, order] = probabilities.sort(/*stable=*/true, 0, true);
const auto kept_sorted = torch::where(sorted.cumsum(0) < p, sorted, 0.0);
const auto kept = torch::zeros_like(probabilities).scatter(0, order, kept_sorted);
return kept / kept.sum();

//! [7.4] wrong one_more_when_reached: one more when it is reached
const auto [sorted, order] = probabilities.sort(/*stable=*/true, 0, true);
const auto kept_sorted = torch::where(sorted.cumsum(0) - sorted <= p, sorted, 0.0);
const auto kept = torch::zeros_like(probabilities).scatter(0, order, kept_sorted);
return kept / kept.sum();

//! [7.4] wrong left_sorted: left sorted
const auto sorted = std::get<0>(probabilities.sort(/*stable=*/true, 0, true));
const auto kept = torch::where(sorted.cumsum(0) - sorted < p, sorted, 0.0);
return kept / kept.sum();

//! [7.4] wrong gathered_for_scattered: gathered
const auto [sorted, order] = probabilities.sort(/*stable=*/true, 0, true);
const auto kept = torch::where(sorted.cumsum(0) - sorted < p, sorted, 0.0).gather(0, order);
return kept / kept.sum();

//! [7.4] wrong one_by_one: each by itself
const auto kept = torch::where(probabilities >= p, probabilities, 0.0);
return kept / kept.sum();

//! [7.4] right: a loop over the order
const auto order = probabilities.argsort(/*stable=*/true, 0, /*descending=*/true);
auto kept = torch::zeros_like(probabilities);
double sum = 0;
for (std::int64_t i = 0; i < order.size(0) && sum < p; ++i) {
  const auto token = order[i].item<std::int64_t>();
  kept[token] = probabilities[token];
  sum += probabilities[token].item<double>();
}
return kept / kept.sum();

//! [7.4] right: index_put_
const auto [sorted, order] = torch::sort(probabilities, /*stable=*/true, 0, true);
const auto stays = torch::cat({torch::zeros({1}, sorted.options()), sorted.cumsum(0).slice(0, 0, -1)}) < p;
auto kept = torch::zeros_like(probabilities);
kept.index_put_({order.masked_select(stays)}, sorted.masked_select(stays));
return kept / kept.sum();

//! [7.4] right: pairs, sorted with a function of its own
std::vector<std::pair<double, std::int64_t>> all;
for (std::int64_t token = 0; token < probabilities.size(0); ++token) all.emplace_back(probabilities[token].item<double>(), token);
std::stable_sort(all.begin(), all.end(), [](const auto& one, const auto& other) { return one.first > other.first; });
auto kept = torch::zeros({probabilities.size(0)}, probabilities.options());
double reached = 0;
for (const auto& [probability, token] : all) {
  if (reached >= p) break;
  kept[token] = probability;
  reached += probability;
}
return kept.div_(kept.sum());

//! [7.5] wrong another_generator: multinomial
return probabilities.multinomial(1).item<std::int64_t>();

//! [7.5] wrong: in float32
const auto totals = probabilities.to(torch::kFloat32).cumsum(0);
const float place = static_cast<float>(random.uniform());
for (std::int64_t i = 0; i < totals.size(0); ++i) if (place < totals[i].item<float>()) return i;
return totals.size(0) - 1;

//! [7.5] wrong new_number_each_token: a new number each time
double end = 0;
for (std::int64_t i = 0; i < probabilities.size(0); ++i) {
  end += probabilities[i].item<double>();
  if (random.uniform() < end) return i;
}
return probabilities.size(0) - 1;

//! [7.5] wrong leftover_to_the_last: the leftover to the last
const double place = random.uniform();
double end = 0;
for (std::int64_t i = 0; i < probabilities.size(0); ++i) {
  end += probabilities[i].item<double>();
  if (place < end) return i;
}
return probabilities.size(0) - 1;

//! [7.5] wrong equal_is_enough: less or equal
const double place = random.uniform();
double end = 0;
std::int64_t last = 0;
for (std::int64_t i = 0; i < probabilities.size(0); ++i) {
  end += probabilities[i].item<double>();
  if (place <= end) return i;
  if (probabilities[i].item<double>() > 0) last = i;
}
return last;

//! [7.5] right: subtracting
double place = random.uniform();
const double* p = probabilities.contiguous().data_ptr<double>();
std::int64_t last = 0;
double end = 0;
for (std::int64_t i = 0; i < probabilities.numel(); ++i) {
  if (p[i] == 0) continue;
  last = i;
  end += p[i];
  if (end > place) break;
}
return last;

//! [7.5] right: upper_bound on running totals
const auto copy = probabilities.contiguous();
const double* p = copy.data_ptr<double>();
std::vector<double> totals(static_cast<std::size_t>(copy.numel()));
std::partial_sum(p, p + copy.numel(), totals.begin());
auto token = std::upper_bound(totals.begin(), totals.end(), random.uniform()) - totals.begin();
if (token == copy.numel()) --token;
while (token > 0 && p[token] == 0) --token;
return token;

//! [7.5] right: from the last token down
const double place = random.uniform();
const auto totals = probabilities.cumsum(0);
for (std::int64_t token = probabilities.size(0) - 1; token > 0; --token) {
  if (probabilities[token].item<double>() > 0 && place >= totals[token - 1].item<double>()) return token;
}
return 0;

//! [7.6] wrong overwritten: overwritten
keys_ = key;
values_ = value;
return {keys_, values_};

//! [7.6] wrong never_kept: nothing is kept
return {keys_.defined() ? torch::cat({keys_, key}, 2) : key, values_.defined() ? torch::cat({values_, value}, 2) : value};

//! [7.6] wrong joined_as_heads: along the heads
keys_ = keys_.defined() ? torch::cat({keys_, key}, 1) : key;
values_ = values_.defined() ? torch::cat({values_, value}, 1) : value;
return {keys_, values_};

//! [7.6] wrong new_first: the new ones first
keys_ = keys_.defined() ? torch::cat({key, keys_}, 2) : key;
values_ = values_.defined() ? torch::cat({value, values_}, 2) : value;
return {keys_, values_};

//! [7.6] wrong new_returned: only the new ones come back
keys_ = keys_.defined() ? torch::cat({keys_, key}, 2) : key;
values_ = values_.defined() ? torch::cat({values_, value}, 2) : value;
return {key, value};

//! [7.6] wrong: a static cache
static torch::Tensor keys, values;
keys = keys.defined() && keys_.defined() ? torch::cat({keys, key}, 2) : key;
values = values.defined() && keys_.defined() ? torch::cat({values, value}, 2) : value;
keys_ = keys;
return {keys, values};

//! [7.6] wrong joined_to_nothing: the cache never begins
keys_ = torch::cat({keys_, key}, 2);
values_ = torch::cat({values_, value}, 2);
return {keys_, values_};

//! [7.6] right: ifs
if (length() == 0) {
  keys_ = key;
  values_ = value;
} else {
  keys_ = torch::cat({keys_, key}, -2);
  values_ = torch::cat({values_, value}, -2);
}
return std::make_pair(keys_, values_);

//! [7.6] right: copied into larger ones
const auto grow = [](torch::Tensor& all, const torch::Tensor& more) {
  if (!all.defined()) return all = more.clone();
  auto shape = all.sizes().vec();
  const auto kept = shape[2];
  shape[2] += more.size(2);
  auto larger = torch::empty(shape, all.options());
  larger.narrow(2, 0, kept).copy_(all);
  larger.narrow(2, kept, more.size(2)).copy_(more);
  return all = larger;
};
grow(keys_, key);
grow(values_, value);
return {keys_, values_};

//! [7.6] right: one function for both, and what was kept at the front
const auto joined = [](const torch::Tensor& kept, const torch::Tensor& more) {
  std::vector<torch::Tensor> pieces;
  if (kept.defined()) pieces.push_back(kept);
  pieces.push_back(more);
  return torch::concat(pieces, /*dim=*/-2);
};
std::tie(keys_, values_) = std::make_tuple(joined(keys_, key), joined(values_, value));
return std::pair(keys_, values_);

//! [7.7] wrong positions_from_zero: positions from 0
const auto positions = torch::arange(time, torch::dtype(torch::kInt64).device(device));
return {positions, torch::ones({time, kept + time}, torch::dtype(torch::kBool).device(device)).tril(kept)};

//! [7.7] wrong mask_without_offset: the mask forgets the kept
const auto positions = torch::arange(kept, kept + time, torch::dtype(torch::kInt64).device(device));
return {positions, torch::ones({time, kept + time}, torch::dtype(torch::kBool).device(device)).tril()};

//! [7.7] wrong always_on_the_cpu: always on the CPU
return {torch::arange(kept, kept + time, torch::kInt64), torch::ones({time, kept + time}, torch::kBool).tril(kept)};

//! [7.7] wrong mask_on_the_cpu: the mask on the CPU
return {torch::arange(kept, kept + time, torch::dtype(torch::kInt64).device(device)), torch::ones({time, kept + time}, torch::kBool).tril(kept)};

//! [7.7] wrong kept_left_out: square
const auto positions = torch::arange(kept, kept + time, torch::dtype(torch::kInt64).device(device));
return {positions, torch::ones({time, time}, torch::dtype(torch::kBool).device(device)).tril()};

//! [7.7] wrong everything_allowed: everything
const auto positions = torch::arange(kept, kept + time, torch::dtype(torch::kInt64).device(device));
return {positions, torch::ones({time, kept + time}, torch::dtype(torch::kBool).device(device))};

//! [7.7] wrong positions_in_float: positions as floats
const auto positions = torch::arange(kept, kept + time, torch::device(device)).to(torch::kFloat32);
return {positions, torch::ones({time, kept + time}, torch::dtype(torch::kBool).device(device)).tril(kept)};

//! [7.7] right: chapter 3's mask
return {torch::arange(time, torch::dtype(torch::kInt64).device(device)) + kept, causal_mask(time, kept + time, device)};

//! [7.7] right: tril
CachedStep step;
step.positions = torch::arange(kept, kept + time, torch::dtype(torch::kInt64).device(device));
step.mask = torch::ones({time, kept + time}, torch::device(device)).tril(kept).to(torch::kBool);
return step;

//! [7.7] right: row after row, from numbers of its own
std::vector<std::int64_t> positions;
auto mask = torch::zeros({time, kept + time}, torch::kBool);
for (std::int64_t row = 0; row < time; ++row) {
  positions.push_back(kept + row);
  mask[row].narrow(0, 0, kept + row + 1).fill_(true);
}
return {torch::tensor(positions, torch::kInt64).to(device), mask.to(device)};
