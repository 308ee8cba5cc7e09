// Answers to exercises 6.5 to 6.9 of chapter 6: wrong ones that people give, and right ones written otherwise.

//! [6.5] wrong moved_from_zero: moved from zero is 0
torch::NoGradGuard guard;
for (std::size_t i = 0; i < after.size(); ++i) {
  ParameterHealth one;
  one.name = after[i].first;
  if (after[i].second.grad().defined()) one.gradient_norm = after[i].second.grad().norm().item<double>();
  one.weight_norm = before[i].norm().item<double>();
  if (one.weight_norm > 0) one.update_ratio = (after[i].second - before[i]).norm().item<double>() / one.weight_norm;
  health.push_back(one);
}

//! [6.5] wrong norm_after_the_step: the norm after the step
torch::NoGradGuard guard;
for (std::size_t i = 0; i < after.size(); ++i) {
  ParameterHealth one;
  one.name = after[i].first;
  if (after[i].second.grad().defined()) one.gradient_norm = after[i].second.grad().norm().item<double>();
  one.weight_norm = after[i].second.norm().item<double>();
  const double change = (after[i].second - before[i]).norm().item<double>();
  if (change > 0) one.update_ratio = change / one.weight_norm;
  health.push_back(one);
}

//! [6.5] wrong undefined_tensor: a gradient is believed to be there
torch::NoGradGuard guard;
for (std::size_t i = 0; i < after.size(); ++i) {
  ParameterHealth one;
  one.name = after[i].first;
  one.gradient_norm = after[i].second.grad().norm().item<double>();
  one.weight_norm = before[i].norm().item<double>();
  const double change = (after[i].second - before[i]).norm().item<double>();
  if (change > 0) one.update_ratio = change / one.weight_norm;
  health.push_back(one);
}

//! [6.5] wrong nothing_by_nothing: 0 over 0
torch::NoGradGuard guard;
for (std::size_t i = 0; i < after.size(); ++i) {
  ParameterHealth one;
  one.name = after[i].first;
  if (after[i].second.grad().defined()) one.gradient_norm = after[i].second.grad().norm().item<double>();
  one.weight_norm = before[i].norm().item<double>();
  one.update_ratio = (after[i].second - before[i]).norm().item<double>() / one.weight_norm;
  health.push_back(one);
}

//! [6.5] wrong something_added_below: epsilon below
torch::NoGradGuard guard;
for (std::size_t i = 0; i < after.size(); ++i) {
  ParameterHealth one;
  one.name = after[i].first;
  if (after[i].second.grad().defined()) one.gradient_norm = after[i].second.grad().norm().item<double>();
  one.weight_norm = before[i].norm().item<double>();
  one.update_ratio = (after[i].second - before[i]).norm().item<double>() / (one.weight_norm + 1e-3);
  health.push_back(one);
}

//! [6.5] wrong gradient_for_change: the update is the gradient
torch::NoGradGuard guard;
for (std::size_t i = 0; i < after.size(); ++i) {
  ParameterHealth one;
  one.name = after[i].first;
  if (after[i].second.grad().defined()) one.gradient_norm = after[i].second.grad().norm().item<double>();
  one.weight_norm = before[i].norm().item<double>();
  if (one.gradient_norm > 0) one.update_ratio = one.gradient_norm / one.weight_norm;
  health.push_back(one);
}

//! [6.5] right: in float64
for (std::size_t i = 0; i < after.size(); ++i) {
  const auto old = before[i].detach().to(torch::kFloat64), now = after[i].second.detach().to(torch::kFloat64);
  const auto gradient = after[i].second.grad();
  ParameterHealth one{after[i].first, gradient.defined() ? gradient.to(torch::kFloat64).norm().item<double>() : 0.0,
                      old.norm().item<double>(), 0};
  const double change = (now - old).norm().item<double>();
  if (change != 0) one.update_ratio = change / one.weight_norm;
  health.push_back(one);
}

//! [6.5] right: roots of sums of squares
const auto length = [](const torch::Tensor& x) { return std::sqrt(x.detach().to(torch::kFloat64).square().sum().item<double>()); };
for (std::size_t i = 0; i < before.size(); ++i) {
  health.emplace_back();
  health.back().name = after[i].first;
  const auto& p = after[i].second;
  health.back().gradient_norm = p.grad().defined() ? length(p.grad()) : 0.0;
  health.back().weight_norm = length(before[i]);
  const double moved = length(p - before[i]);
  health.back().update_ratio = moved == 0 ? 0.0 : moved / length(before[i]);
}

//! [6.5] right: linalg, and names first
for (const auto& entry : after) health.push_back({entry.first, 0, 0, 0});
for (std::size_t i = 0; i < health.size(); ++i) {
  const auto now = after[i].second.detach(), old = before[i].detach();
  if (const auto g = after[i].second.grad(); g.defined()) health[i].gradient_norm = at::linalg_vector_norm(g).item<double>();
  health[i].weight_norm = at::linalg_vector_norm(old).item<double>();
  const double moved = torch::dist(now, old).item<double>();
  if (moved > 0) health[i].update_ratio = moved / health[i].weight_norm;
}

//! [6.6] wrong last_row: the last row
if (run.rows.empty() || !run.rows.back().validation_loss) return Finding::unknown;
return *run.rows.back().validation_loss > run.landmarks.uniform + thresholds.initial_excess ? Finding::yes : Finding::no;

//! [6.6] wrong no_number_is_fine: NaN is fine
if (run.rows.empty() || run.rows.front().step != 0 || !run.rows.front().validation_loss) return Finding::unknown;
return *run.rows.front().validation_loss > run.landmarks.uniform + thresholds.initial_excess ? Finding::yes : Finding::no;

//! [6.6] wrong whatever_row_is_first: any first row
if (run.rows.empty() || !run.rows.front().validation_loss) return Finding::unknown;
return *run.rows.front().validation_loss <= run.landmarks.uniform + thresholds.initial_excess ? Finding::no : Finding::yes;

//! [6.6] wrong nothing_in_it: no rows not expected
const auto& row = run.rows.front();
if (row.step != 0 || !row.validation_loss) return Finding::unknown;
return *row.validation_loss <= run.landmarks.uniform + thresholds.initial_excess ? Finding::no : Finding::yes;

//! [6.6] wrong vocabulary_of_its_own: a vocabulary of 65 taken for granted
if (run.rows.empty() || run.rows.front().step != 0 || !run.rows.front().validation_loss) return Finding::unknown;
return *run.rows.front().validation_loss <= std::log(65.0) + thresholds.initial_excess ? Finding::no : Finding::yes;

//! [6.6] wrong below_too: below counts too
if (run.rows.empty() || run.rows.front().step != 0 || !run.rows.front().validation_loss) return Finding::unknown;
return std::abs(*run.rows.front().validation_loss - run.landmarks.uniform) <= thresholds.initial_excess ? Finding::no : Finding::yes;

//! [6.6] wrong thresholds_ignored: a number in the code, a negation
for (const auto& row : run.rows) {
  if (row.step != 0 || !row.validation_loss.has_value()) break;
  const bool fair = row.validation_loss.value() - run.landmarks.uniform <= 0.5;
  return fair ? Finding::no : Finding::yes;
}
return Finding::unknown;

//! [6.6] right: a negation
for (const auto& row : run.rows) {
  if (row.step != 0 || !row.validation_loss.has_value()) break;
  const bool fair = row.validation_loss.value() - run.landmarks.uniform <= thresholds.initial_excess;
  return fair ? Finding::no : Finding::yes;
}
return Finding::unknown;

//! [6.6] right: a margin, and NaN falls through
if (run.rows.size() > 0) {
  const Metrics& first = run.rows[0];
  if (first.step == 0 && first.validation_loss.has_value()) {
    const double excess = first.validation_loss.value() - run.landmarks.uniform;
    if (excess <= thresholds.initial_excess) return Finding::no;
    return Finding::yes;
  }
}
return Finding::unknown;

//! [6.6] right: an expression
const auto first = run.rows.empty() || run.rows[0].step ? std::optional<double>() : run.rows[0].validation_loss;
return !first ? Finding::unknown : std::isnan(*first) || *first - run.landmarks.uniform > thresholds.initial_excess ? Finding::yes : Finding::no;

//! [6.7] wrong tokens_overwritten: the tokens changed in place
torch::NoGradGuard guard;
const auto before = model(tokens).clone();
auto changed = tokens;
changed.slice(1, position) = (tokens.slice(1, position) + 1) % vocabulary_size;
return (model(changed) - before).slice(1, 0, position).abs().max().item<double>();

//! [6.7] wrong every_position_compared: all positions compared
torch::NoGradGuard guard;
auto changed = tokens.clone();
changed.slice(1, position) = (tokens.slice(1, position) + 1) % vocabulary_size;
return (model(changed) - model(tokens)).abs().max().item<double>();

//! [6.7] wrong one_token_changed: one token changed
torch::NoGradGuard guard;
auto changed = tokens.clone();
changed.select(1, position) = (tokens.select(1, position) + 1) % vocabulary_size;
return (model(changed) - model(tokens)).slice(1, 0, position).abs().max().item<double>();

//! [6.7] wrong mean_for_largest: the mean
torch::NoGradGuard guard;
auto changed = tokens.clone();
changed.slice(1, position) = (tokens.slice(1, position) + 1) % vocabulary_size;
return (model(changed) - model(tokens)).slice(1, 0, position).abs().mean().item<double>();

//! [6.7] wrong no_absolute_value: no absolute value
torch::NoGradGuard guard;
auto changed = tokens.clone();
changed.slice(1, position) = (tokens.slice(1, position) + 1) % vocabulary_size;
return (model(tokens) - model(changed)).slice(1, 0, position).max().item<double>();

//! [6.7] wrong: past the vocabulary
torch::NoGradGuard guard;
auto changed = tokens.clone();
changed.slice(1, position) += 1;
return (model(changed) - model(tokens)).slice(1, 0, position).abs().max().item<double>();

//! [6.7] right: the neighbour below
torch::NoGradGuard guard;
const auto end = (tokens.narrow(1, position, tokens.size(1) - position) + vocabulary_size - 1) % vocabulary_size;
const auto changed = torch::cat({tokens.narrow(1, 0, position), end}, 1);
return (model(tokens).narrow(1, 0, position) - model(changed).narrow(1, 0, position)).abs().max().item<double>();

//! [6.7] right: where
torch::NoGradGuard guard;
const auto later = torch::arange(tokens.size(1)).unsqueeze(0) >= position;
const auto changed = torch::where(later, (tokens + 1).remainder(vocabulary_size), tokens);
const auto one = model(tokens).index({torch::indexing::Slice(), torch::indexing::Slice(0, position)}).clone();
const auto two = model(changed).index({torch::indexing::Slice(), torch::indexing::Slice(0, position)});
return torch::max((one - two).abs()).item<double>();

//! [6.7] right: position by position, with tokens put in by hand
torch::InferenceMode inference;
std::vector<std::int64_t> other(tokens.data_ptr<std::int64_t>(), tokens.data_ptr<std::int64_t>() + tokens.numel());
for (auto i = static_cast<std::size_t>(position); i < other.size(); ++i) other[i] = other[i] == 0 ? vocabulary_size - 1 : other[i] - 1;
const auto one = model(tokens), two = model(torch::tensor(other, torch::kInt64).view(tokens.sizes()));
double most = 0;
for (std::int64_t t = 0; t < position; ++t) most = std::max(most, (one[0][t] - two[0][t]).abs().max().item<double>());
return most;

//! [6.8] wrong rounding_counts: anything above 0
if (!run.future_influence || !std::isfinite(*run.future_influence)) return Finding::unknown;
return *run.future_influence > 0 ? Finding::yes : Finding::no;

//! [6.8] wrong not_probed_is_no: not probed is no
return run.future_influence.value_or(0) > thresholds.influence ? Finding::yes : Finding::no;

//! [6.8] wrong empty_optional: an empty optional dereferenced
return *run.future_influence > thresholds.influence ? Finding::yes : Finding::no;

//! [6.8] wrong no_number_is_no: NaN is no
if (!run.future_influence) return Finding::unknown;
return *run.future_influence > thresholds.influence ? Finding::yes : Finding::no;

//! [6.8] wrong thresholds_ignored: a number in the code, one condition
const double influence = run.future_influence.value_or(NAN);
return !std::isfinite(influence) ? Finding::unknown : influence > 0.001 ? Finding::yes : Finding::no;

//! [6.8] right: one condition
const double influence = run.future_influence.value_or(NAN);
return !std::isfinite(influence) ? Finding::unknown : influence > thresholds.influence ? Finding::yes : Finding::no;

//! [6.8] right: nothing left unsaid
if (run.future_influence.has_value()) {
  const double influence = run.future_influence.value();
  if (std::isnan(influence) || std::isinf(influence)) return Finding::unknown;
  if (influence > thresholds.influence) return Finding::yes;
  return Finding::no;
}
return Finding::unknown;

//! [6.8] right: a table of answers
const auto& influence = run.future_influence;
const int known = influence && *influence - *influence == 0 ? 1 : 0;
const int above = known == 1 && !(*influence <= thresholds.influence) ? 1 : 0;
static constexpr Finding table[2][2] = {{Finding::unknown, Finding::unknown}, {Finding::no, Finding::yes}};
return table[known][above];

//! [6.9] wrong sample_alone: the sample alone
if (sees_the_future(run, thresholds) == Finding::yes) return Finding::no;
if (count_characters(run.sample) < 20 || run.rows.empty() || !run.rows.back().validation_loss || !std::isfinite(*run.rows.back().validation_loss)) return Finding::unknown;
return repeated_share(run.sample) > thresholds.repeated ? Finding::yes : Finding::no;

//! [6.9] wrong loss_alone: the loss alone
if (sees_the_future(run, thresholds) == Finding::yes) return Finding::no;
if (count_characters(run.sample) < 20 || run.rows.empty() || !run.rows.back().validation_loss || !std::isfinite(*run.rows.back().validation_loss)) return Finding::unknown;
return *run.rows.back().validation_loss < run.landmarks.pairs ? Finding::yes : Finding::no;

//! [6.9] wrong whatever_the_future: the future forgotten
if (count_characters(run.sample) < 20 || run.rows.empty() || !run.rows.back().validation_loss || !std::isfinite(*run.rows.back().validation_loss)) return Finding::unknown;
return *run.rows.back().validation_loss < run.landmarks.pairs && repeated_share(run.sample) > thresholds.repeated ? Finding::yes : Finding::no;

//! [6.9] wrong sample_too_short: the sample's length not asked for
if (sees_the_future(run, thresholds) == Finding::yes) return Finding::no;
if (run.rows.empty() || !run.rows.back().validation_loss || !std::isfinite(*run.rows.back().validation_loss)) return Finding::unknown;
return *run.rows.back().validation_loss < run.landmarks.pairs && repeated_share(run.sample) > thresholds.repeated ? Finding::yes : Finding::no;

//! [6.9] wrong bytes_counted: bytes counted
if (sees_the_future(run, thresholds) == Finding::yes) return Finding::no;
if (run.sample.size() < 20 || run.rows.empty() || !run.rows.back().validation_loss || !std::isfinite(*run.rows.back().validation_loss)) return Finding::unknown;
return *run.rows.back().validation_loss < run.landmarks.pairs && repeated_share(run.sample) > thresholds.repeated ? Finding::yes : Finding::no;

//! [6.9] wrong nothing_in_it: a missing loss dereferenced
if (sees_the_future(run, thresholds) == Finding::yes) return Finding::no;
if (count_characters(run.sample) < 20) return Finding::unknown;
return *run.rows.back().validation_loss < run.landmarks.pairs && repeated_share(run.sample) > thresholds.repeated ? Finding::yes : Finding::no;

//! [6.9] right: the influence read directly
if (run.future_influence && std::isfinite(*run.future_influence) && *run.future_influence > thresholds.influence) return Finding::no;
const bool known = !run.rows.empty() && run.rows.back().validation_loss && std::isfinite(*run.rows.back().validation_loss) && decode_utf8(run.sample).size() >= 20;
if (!known) return Finding::unknown;
if (run.rows.back().validation_loss.value() >= run.landmarks.pairs) return Finding::no;
return repeated_share(run.sample) <= thresholds.repeated ? Finding::no : Finding::yes;

//! [6.9] right: each reason to say something else, in turn
if (sees_the_future(run, thresholds) == Finding::yes) return Finding::no;
if (run.rows.empty()) return Finding::unknown;
const double loss = run.rows.back().validation_loss.value_or(std::numeric_limits<double>::quiet_NaN());
const bool enough = count_characters(run.sample) >= 20;
if (!enough || !std::isfinite(loss)) return Finding::unknown;
return loss < run.landmarks.pairs && thresholds.repeated < repeated_share(run.sample) ? Finding::yes : Finding::no;

//! [6.9] right: the share counted here
const auto last = run.rows.empty() ? std::optional<double>() : run.rows.back().validation_loss;
const auto letters = decode_utf8(run.sample);
double same = 0;
for (std::size_t i = 1; i < letters.size(); ++i) same += letters[i] == letters[i - 1];
const bool has_reason = sees_the_future(run, thresholds) == Finding::yes;
const bool unknown = letters.size() < 20 || !last || !std::isfinite(*last);
if (has_reason) return Finding::no;
if (unknown) return Finding::unknown;
const bool stutters = same / static_cast<double>(letters.size() - 1) > thresholds.repeated;
return stutters && *last < run.landmarks.pairs ? Finding::yes : Finding::no;
