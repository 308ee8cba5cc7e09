// Answers to exercises 6.10 to 6.13 of chapter 6: wrong ones that people give, and right ones written otherwise.

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

//! [6.10] right: the largest gap of all
std::optional<double> largest;
for (const auto& row : run.rows) {
  if (row.step <= 0 || row.tokens > run.training_characters) continue;
  const double train = row.train_loss.value_or(NAN), validation = row.validation_loss.value_or(NAN);
  if (!std::isfinite(train) || !std::isfinite(validation)) continue;
  const double gap = train < run.landmarks.pairs ? validation - train : -INFINITY;
  largest = std::max(largest.value_or(-INFINITY), gap);
}
if (!largest) return Finding::unknown;
return *largest > thresholds.gap ? Finding::yes : Finding::no;

//! [6.10] right: rows that count, copied out first
std::vector<Metrics> rows;
std::copy_if(run.rows.begin(), run.rows.end(), std::back_inserter(rows), [&](const Metrics& row) {
  const bool both = row.train_loss.has_value() && row.validation_loss.has_value();
  return both && row.step != 0 && row.tokens <= run.training_characters && std::isfinite(row.train_loss.value()) && std::isfinite(row.validation_loss.value());
});
if (rows.empty()) return Finding::unknown;
const auto by_heart = std::count_if(rows.begin(), rows.end(), [&](const Metrics& row) {
  return row.train_loss.value() < run.landmarks.pairs && row.validation_loss.value() - row.train_loss.value() > thresholds.gap;
});
return by_heart > 0 ? Finding::yes : Finding::no;

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
return most > least + thresholds.rise ? Finding::yes : Finding::no;

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
return most > least + thresholds.rise ? Finding::yes : Finding::no;

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
return most > least + thresholds.rise ? Finding::yes : Finding::no;

//! [6.11] wrong thresholds_ignored: a number in the code, the first row at the top found first
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
return most - least > thresholds.rise ? Finding::yes : Finding::no;

//! [6.11] right: the loss before as a running minimum, compared at once
const Finding stuck = is_stuck(run);
if (stuck == Finding::unknown || stuck == Finding::no) return stuck;
const double line = highest_rate(run) * 0.9;
std::optional<double> least;
bool risen = false, at_top = false;
for (const auto& row : run.rows) {
  if (!row.learning_rate.has_value() || !row.train_loss.has_value()) continue;
  const double loss = std::isfinite(row.train_loss.value()) ? row.train_loss.value() : HUGE_VAL;
  at_top = at_top || !(row.learning_rate.value() < line);
  if (!at_top) least = least ? std::min(*least, loss) : loss;
  else if (least && loss > *least + thresholds.rise) risen = true;
}
if (!least || std::isinf(*least)) return Finding::unknown;
return risen ? Finding::yes : Finding::no;

//! [6.11] right: two lists
if (const Finding stuck = is_stuck(run); stuck != Finding::yes) return stuck;
std::vector<double> before, after;
const double peak = highest_rate(run);
for (const auto& row : run.rows) {
  if (!row.learning_rate || !row.train_loss) continue;
  auto& into = after.empty() && *row.learning_rate < 0.9 * peak ? before : after;
  into.push_back(std::isfinite(*row.train_loss) ? *row.train_loss : std::numeric_limits<double>::infinity());
}
if (before.empty()) return Finding::unknown;
const double low = *std::min_element(before.begin(), before.end());
if (std::isinf(low)) return Finding::unknown;
const double high = after.empty() ? 0 : *std::max_element(after.begin(), after.end());
return high - low > thresholds.rise ? Finding::yes : Finding::no;

//! [6.12] wrong though_it_learned: though it learned
const double peak = highest_rate(run);
for (const auto& row : run.rows)
  if (row.step > 0 && row.step <= run.rows.back().step / 20 && row.learning_rate) return *row.learning_rate > thresholds.early_rate * peak ? Finding::yes : Finding::no;
return Finding::unknown;

//! [6.12] wrong however_late: however late
const Finding stuck = is_stuck(run);
if (stuck != Finding::yes) return stuck;
for (const auto& row : run.rows)
  if (row.step > 0 && row.learning_rate) return *row.learning_rate > thresholds.early_rate * highest_rate(run) ? Finding::yes : Finding::no;
return Finding::unknown;

//! [6.12] wrong late_is_no: late is no
const Finding stuck = is_stuck(run);
if (stuck != Finding::yes) return stuck;
for (const auto& row : run.rows)
  if (row.step > 0 && row.step <= run.rows.back().step / 20 && row.learning_rate) return *row.learning_rate > thresholds.early_rate * highest_rate(run) ? Finding::yes : Finding::no;
return Finding::no;

//! [6.12] wrong empty_optional: a missing rate dereferenced
const Finding stuck = is_stuck(run);
if (stuck != Finding::yes) return stuck;
for (const auto& row : run.rows)
  if (row.step <= run.rows.back().step / 20) return *row.learning_rate > thresholds.early_rate * highest_rate(run) ? Finding::yes : Finding::no;
return Finding::unknown;

//! [6.12] wrong above_the_highest: above the highest
const Finding stuck = is_stuck(run);
if (stuck != Finding::yes) return stuck;
for (const auto& row : run.rows)
  if (row.step > 0 && row.step <= run.rows.back().step / 20 && row.learning_rate) return *row.learning_rate > highest_rate(run) ? Finding::yes : Finding::no;
return Finding::unknown;

//! [6.12] wrong thresholds_ignored: a number in the code, find_if
const Finding stuck = is_stuck(run);
if (stuck == Finding::no || stuck == Finding::unknown) return stuck;
const auto last = run.rows.back().step;
const auto early = std::find_if(run.rows.begin(), run.rows.end(), [&](const Metrics& row) { return row.step > 0 && row.step <= last / 20 && row.learning_rate; });
if (early == run.rows.end()) return Finding::unknown;
return early->learning_rate.value() / highest_rate(run) > 0.9 ? Finding::yes : Finding::no;

//! [6.12] right: find_if
const Finding stuck = is_stuck(run);
if (stuck == Finding::no || stuck == Finding::unknown) return stuck;
const auto last = run.rows.back().step;
const auto early = std::find_if(run.rows.begin(), run.rows.end(), [&](const Metrics& row) { return row.step > 0 && row.step <= last / 20 && row.learning_rate; });
if (early == run.rows.end()) return Finding::unknown;
return early->learning_rate.value() / highest_rate(run) > thresholds.early_rate ? Finding::yes : Finding::no;

//! [6.12] right: the first rate, if it comes early enough
if (const auto stuck = is_stuck(run); stuck != Finding::yes) return stuck;
std::vector<std::pair<std::int64_t, double>> rates;
for (const auto& row : run.rows)
  if (row.step > 0 && row.learning_rate && std::isfinite(*row.learning_rate)) rates.emplace_back(row.step, *row.learning_rate);
if (rates.empty() || rates.front().first > run.rows.back().step / 20) return Finding::unknown;
return rates.front().second > thresholds.early_rate * highest_rate(run) ? Finding::yes : Finding::no;

//! [6.12] right: a loop that ends at the twentieth
Finding finding = is_stuck(run);
if (finding == Finding::yes) {
  finding = Finding::unknown;
  const double line = highest_rate(run) * thresholds.early_rate;
  const auto end = run.rows.back().step / 20;
  for (std::size_t i = 0; finding == Finding::unknown && i < run.rows.size(); ++i) {
    const auto& row = run.rows[i];
    if (row.step < 1 || row.step > end || !std::isfinite(row.learning_rate.value_or(INFINITY))) continue;
    finding = row.learning_rate.value() > line ? Finding::yes : Finding::no;
  }
}
return finding;

//! [6.13] wrong nothing_chosen: left as they are
thresholds = Thresholds();

//! [6.13] wrong nothing_found: so high that nobody is accused
thresholds.initial_excess = thresholds.influence = thresholds.gap = thresholds.rise = 100;
thresholds.repeated = thresholds.early_rate = 1;

//! [6.13] wrong everything_accused: so low that everybody is
thresholds.initial_excess = thresholds.gap = thresholds.rise = -100;
thresholds.influence = thresholds.repeated = thresholds.early_rate = -0.01;

//! [6.13] wrong: two forgotten
thresholds.initial_excess = 0.3;
thresholds.influence = 0.01;
thresholds.repeated = 0.3;
thresholds.gap = 0.8;

//! [6.13] wrong: shares in per cent
thresholds = {0.5, 1e-3, 50, 1, 0.05, 90};

//! [6.13] wrong: a rate that may not be had at once at all
thresholds = {0.5, 1e-3, 0.5, 1, 0.05, 0.01};

//! [6.13] right: the geometric middle of what was seen
thresholds.initial_excess = std::sqrt(0.1 * 5);
thresholds.influence = std::sqrt(1e-5 * 1.0);
thresholds.repeated = (0.04 + 0.9) / 2;
thresholds.gap = std::sqrt(0.15 * 4);
thresholds.rise = 0.06;
thresholds.early_rate = 0.85;

//! [6.13] right: round numbers in a list
return {1.0, 0.01, 0.4, 0.8, 0.05, 0.9};

//! [6.13] right: cautious
thresholds.initial_excess = 2;
thresholds.influence = 0.1;
thresholds.repeated = 0.6;
thresholds.gap = 1.5;
thresholds.rise = 0.05;
thresholds.early_rate = 0.95;
