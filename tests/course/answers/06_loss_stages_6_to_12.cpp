// Answers to exercises 6.6 to 6.12 of chapter 6: wrong ones that people give, and right ones written otherwise.

//! [6.6] wrong: the last row
if (run.rows.empty() || !run.rows.back().validation_loss) return Finding::unknown;
return *run.rows.back().validation_loss > run.landmarks.uniform + 0.5 ? Finding::yes : Finding::no;

//! [6.6] wrong no_number_is_fine: NaN is fine
if (run.rows.empty() || run.rows.front().step != 0 || !run.rows.front().validation_loss) return Finding::unknown;
return *run.rows.front().validation_loss > run.landmarks.uniform + 0.5 ? Finding::yes : Finding::no;

//! [6.6] wrong whatever_row_is_first: any first row
if (run.rows.empty() || !run.rows.front().validation_loss) return Finding::unknown;
return *run.rows.front().validation_loss <= run.landmarks.uniform + 0.5 ? Finding::no : Finding::yes;

//! [6.6] wrong: no rows not expected
const auto& row = run.rows.front();
if (row.step != 0 || !row.validation_loss) return Finding::unknown;
return *row.validation_loss <= run.landmarks.uniform + 0.5 ? Finding::no : Finding::yes;

//! [6.6] wrong vocabulary_of_its_own: a vocabulary of 65 taken for granted
if (run.rows.empty() || run.rows.front().step != 0 || !run.rows.front().validation_loss) return Finding::unknown;
return *run.rows.front().validation_loss <= std::log(65.0) + 0.5 ? Finding::no : Finding::yes;

//! [6.6] wrong below_too: below counts too
if (run.rows.empty() || run.rows.front().step != 0 || !run.rows.front().validation_loss) return Finding::unknown;
return std::abs(*run.rows.front().validation_loss - run.landmarks.uniform) <= 0.5 ? Finding::no : Finding::yes;

//! [6.6] right: a negation
for (const auto& row : run.rows) {
  if (row.step != 0 || !row.validation_loss.has_value()) break;
  const bool fair = row.validation_loss.value() - run.landmarks.uniform <= 0.5;
  return fair ? Finding::no : Finding::yes;
}
return Finding::unknown;

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

//! [6.8] wrong rounding_counts: anything above 0
if (!run.future_influence || !std::isfinite(*run.future_influence)) return Finding::unknown;
return *run.future_influence > 0 ? Finding::yes : Finding::no;

//! [6.8] wrong: not probed is no
return run.future_influence.value_or(0) > 1e-3 ? Finding::yes : Finding::no;

//! [6.8] wrong: an empty optional dereferenced
return *run.future_influence > 1e-3 ? Finding::yes : Finding::no;

//! [6.8] wrong no_number_is_no: NaN is no
if (!run.future_influence) return Finding::unknown;
return *run.future_influence > 1e-3 ? Finding::yes : Finding::no;

//! [6.8] right: one condition
const double influence = run.future_influence.value_or(NAN);
return !std::isfinite(influence) ? Finding::unknown : influence > 0.001 ? Finding::yes : Finding::no;

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

//! [6.9] wrong: a missing loss dereferenced
if (sees_the_future(run, thresholds) == Finding::yes) return Finding::no;
if (count_characters(run.sample) < 20) return Finding::unknown;
return *run.rows.back().validation_loss < run.landmarks.pairs && repeated_share(run.sample) > thresholds.repeated ? Finding::yes : Finding::no;

//! [6.9] right: the influence read directly
if (run.future_influence && std::isfinite(*run.future_influence) && *run.future_influence > thresholds.influence) return Finding::no;
const bool known = !run.rows.empty() && run.rows.back().validation_loss && std::isfinite(*run.rows.back().validation_loss) && decode_utf8(run.sample).size() >= 20;
if (!known) return Finding::unknown;
if (run.rows.back().validation_loss.value() >= run.landmarks.pairs) return Finding::no;
return repeated_share(run.sample) <= thresholds.repeated ? Finding::no : Finding::yes;

//! [6.10] wrong at_any_time: at any time
Finding finding = Finding::unknown;
for (const auto& row : run.rows) {
  if (row.step == 0 || !row.train_loss || !row.validation_loss || !std::isfinite(*row.train_loss) || !std::isfinite(*row.validation_loss)) continue;
  if (*row.train_loss < run.landmarks.pairs && *row.validation_loss - *row.train_loss > thresholds.gap) return Finding::yes;
  finding = Finding::no;
}
return finding;

//! [6.10] wrong all_read_is_too_many: less, not less or equal
Finding finding = Finding::unknown;
for (const auto& row : run.rows) {
  if (row.step == 0 || row.tokens >= run.training_characters || !row.train_loss || !row.validation_loss || !std::isfinite(*row.train_loss) || !std::isfinite(*row.validation_loss)) continue;
  if (*row.train_loss < run.landmarks.pairs && *row.validation_loss - *row.train_loss > thresholds.gap) return Finding::yes;
  finding = Finding::no;
}
return finding;

//! [6.10] wrong before_the_first_step: the first row counts
Finding finding = Finding::unknown;
for (const auto& row : run.rows) {
  if (row.tokens > run.training_characters || !row.train_loss || !row.validation_loss || !std::isfinite(*row.train_loss) || !std::isfinite(*row.validation_loss)) continue;
  if (*row.train_loss < run.landmarks.pairs && *row.validation_loss - *row.train_loss > thresholds.gap) return Finding::yes;
  finding = Finding::no;
}
return finding;

//! [6.10] wrong whatever_training_does: the gap alone
Finding finding = Finding::unknown;
for (const auto& row : run.rows) {
  if (row.step == 0 || row.tokens > run.training_characters || !row.train_loss || !row.validation_loss || !std::isfinite(*row.train_loss) || !std::isfinite(*row.validation_loss)) continue;
  if (*row.validation_loss - *row.train_loss > thresholds.gap) return Finding::yes;
  finding = Finding::no;
}
return finding;

//! [6.10] wrong: only the last row decides
Finding finding = Finding::unknown;
for (const auto& row : run.rows) {
  if (row.step == 0 || row.tokens > run.training_characters || !row.train_loss || !row.validation_loss || !std::isfinite(*row.train_loss) || !std::isfinite(*row.validation_loss)) continue;
  finding = *row.train_loss < run.landmarks.pairs && *row.validation_loss - *row.train_loss > thresholds.gap ? Finding::yes : Finding::no;
}
return finding;

//! [6.10] wrong nothing_is_no: nothing known is no
for (const auto& row : run.rows) {
  if (row.step == 0 || row.tokens > run.training_characters || !row.train_loss || !row.validation_loss || !std::isfinite(*row.train_loss) || !std::isfinite(*row.validation_loss)) continue;
  if (*row.train_loss < run.landmarks.pairs && *row.validation_loss - *row.train_loss > thresholds.gap) return Finding::yes;
}
return Finding::no;

//! [6.10] right: two questions of all rows
const auto counts = [&](const Metrics& row) {
  return row.step > 0 && row.tokens > 0 && row.tokens <= run.training_characters && row.train_loss && row.validation_loss && std::isfinite(*row.train_loss) && std::isfinite(*row.validation_loss);
};
if (std::none_of(run.rows.begin(), run.rows.end(), counts)) return Finding::unknown;
const bool any = std::any_of(run.rows.begin(), run.rows.end(), [&](const Metrics& row) {
  return counts(row) && *row.train_loss < run.landmarks.pairs && *row.validation_loss > *row.train_loss + thresholds.gap;
});
return any ? Finding::yes : Finding::no;

//! [6.11] wrong stuck_is_enough: stuck is enough
return is_stuck(run);

//! [6.11] wrong no_margin: no margin
const Finding stuck = is_stuck(run);
if (stuck != Finding::yes) return stuck;
double least = INFINITY, most = 0;
bool before = true;
for (const auto& row : run.rows) {
  if (!row.learning_rate || !row.train_loss) continue;
  const double loss = std::isfinite(*row.train_loss) ? *row.train_loss : INFINITY;
  before = before && *row.learning_rate < 0.9 * highest_rate(run);
  if (before) least = std::min(least, loss); else most = std::max(most, loss);
}
if (std::isinf(least)) return Finding::unknown;
return most > least ? Finding::yes : Finding::no;

//! [6.11] wrong no_number_is_fine: NaN is not seen
const Finding stuck = is_stuck(run);
if (stuck != Finding::yes) return stuck;
double least = INFINITY, most = 0;
bool before = true;
for (const auto& row : run.rows) {
  if (!row.learning_rate || !row.train_loss) continue;
  before = before && *row.learning_rate < 0.9 * highest_rate(run);
  if (before) least = std::min(least, *row.train_loss); else most = std::max(most, *row.train_loss);
}
if (std::isinf(least)) return Finding::unknown;
return most > least + 0.05 ? Finding::yes : Finding::no;

//! [6.11] wrong though_it_learned: though it learned
double least = INFINITY, most = 0;
bool before = true;
for (const auto& row : run.rows) {
  if (!row.learning_rate || !row.train_loss) continue;
  const double loss = std::isfinite(*row.train_loss) ? *row.train_loss : INFINITY;
  before = before && *row.learning_rate < 0.9 * highest_rate(run);
  if (before) least = std::min(least, loss); else most = std::max(most, loss);
}
if (std::isinf(least)) return Finding::unknown;
return most > least + 0.05 ? Finding::yes : Finding::no;

//! [6.11] wrong missing_is_no: no row from before is no
const Finding stuck = is_stuck(run);
if (stuck != Finding::yes) return stuck;
double least = INFINITY, most = 0;
bool before = true;
for (const auto& row : run.rows) {
  if (!row.learning_rate || !row.train_loss) continue;
  const double loss = std::isfinite(*row.train_loss) ? *row.train_loss : INFINITY;
  before = before && *row.learning_rate < 0.9 * highest_rate(run);
  if (before) least = std::min(least, loss); else most = std::max(most, loss);
}
return most > least + 0.05 ? Finding::yes : Finding::no;

//! [6.11] right: the first row at the top found first
if (is_stuck(run) != Finding::yes) return is_stuck(run);
std::vector<std::pair<double, double>> points;
for (const auto& row : run.rows)
  if (row.learning_rate && row.train_loss) points.emplace_back(*row.learning_rate, std::isfinite(*row.train_loss) ? *row.train_loss : INFINITY);
const double threshold = 0.9 * highest_rate(run);
const auto top = std::find_if(points.begin(), points.end(), [&](const auto& point) { return point.first >= threshold; });
double least = INFINITY, most = 0;
for (auto point = points.begin(); point != top; ++point) least = std::min(least, point->second);
for (auto point = top; point != points.end(); ++point) most = std::max(most, point->second);
if (least == INFINITY) return Finding::unknown;
return most - least > 0.05 ? Finding::yes : Finding::no;

//! [6.12] wrong though_it_learned: though it learned
const double peak = highest_rate(run);
for (const auto& row : run.rows)
  if (row.step > 0 && row.step <= run.rows.back().step / 20 && row.learning_rate) return *row.learning_rate > 0.9 * peak ? Finding::yes : Finding::no;
return Finding::unknown;

//! [6.12] wrong however_late: however late
const Finding stuck = is_stuck(run);
if (stuck != Finding::yes) return stuck;
for (const auto& row : run.rows)
  if (row.step > 0 && row.learning_rate) return *row.learning_rate > 0.9 * highest_rate(run) ? Finding::yes : Finding::no;
return Finding::unknown;

//! [6.12] wrong late_is_no: late is no
const Finding stuck = is_stuck(run);
if (stuck != Finding::yes) return stuck;
for (const auto& row : run.rows)
  if (row.step > 0 && row.step <= run.rows.back().step / 20 && row.learning_rate) return *row.learning_rate > 0.9 * highest_rate(run) ? Finding::yes : Finding::no;
return Finding::no;

//! [6.12] wrong: a missing rate dereferenced
const Finding stuck = is_stuck(run);
if (stuck != Finding::yes) return stuck;
for (const auto& row : run.rows)
  if (row.step <= run.rows.back().step / 20) return *row.learning_rate > 0.9 * highest_rate(run) ? Finding::yes : Finding::no;
return Finding::unknown;

//! [6.12] wrong: above the highest
const Finding stuck = is_stuck(run);
if (stuck != Finding::yes) return stuck;
for (const auto& row : run.rows)
  if (row.step > 0 && row.step <= run.rows.back().step / 20 && row.learning_rate) return *row.learning_rate > highest_rate(run) ? Finding::yes : Finding::no;
return Finding::unknown;

//! [6.12] right: find_if
const Finding stuck = is_stuck(run);
if (stuck == Finding::no || stuck == Finding::unknown) return stuck;
const auto last = run.rows.back().step;
const auto early = std::find_if(run.rows.begin(), run.rows.end(), [&](const Metrics& row) { return row.step > 0 && row.step <= last / 20 && row.learning_rate; });
if (early == run.rows.end()) return Finding::unknown;
return early->learning_rate.value() / highest_rate(run) > 0.9 ? Finding::yes : Finding::no;
