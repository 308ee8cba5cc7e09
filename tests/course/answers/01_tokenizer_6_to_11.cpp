// Answers to exercises 1.6 to 1.11 of chapter 1: wrong ones that people give, and right ones written otherwise.

//! [1.6] wrong logarithm_to_base_2: base 2
return -probabilities.log2().mean().item<double>();

//! [1.6] wrong no_minus: without the minus
return probabilities.log().mean().item<double>();

//! [1.6] wrong sum_for_mean: the sum
return -probabilities.log().sum().item<double>();

//! [1.6] wrong logarithm_of_the_mean: the logarithm of the mean
return -std::log(probabilities.mean().item<double>());

//! [1.6] wrong computed_in_float: float32
return -probabilities.to(torch::kFloat32).log().mean().item<float>();

//! [1.6] wrong probability: the likelihood
return -probabilities.mean().item<double>();

//! [1.6] wrong: something added for safety
return -(probabilities + 1e-8).log().mean().item<double>();

//! [1.6] right: a loop
double sum = 0;
for (std::int64_t i = 0; i < probabilities.size(0); ++i) sum -= std::log(probabilities[i].item<double>());
return sum / static_cast<double>(probabilities.size(0));

//! [1.6] right: sum over the count
return probabilities.to(torch::kFloat64).log().sum().neg().item<double>() / probabilities.numel();

//! [1.6] right: bits turned into nats, by a dot product with equal weights
const auto p = probabilities.flatten().to(torch::kDouble);
const auto weights = torch::full_like(p, 1.0 / static_cast<double>(p.numel()));
return std::log(2.0) * -torch::dot(torch::log2(p), weights).item<double>();

//! [1.7] wrong now_given_next: columns
const auto weights = counts.to(torch::kFloat64) + smoothing;
return weights / weights.sum(0, true);

//! [1.7] wrong total_of_another_row: without keepdim
const auto weights = counts.to(torch::kFloat64) + smoothing;
return weights / weights.sum(1);

//! [1.7] wrong smoothing_after_division: smoothing after division
const auto c = counts.to(torch::kFloat64);
return c / c.sum(1, true) + smoothing;

//! [1.7] wrong total_without_smoothing: the total without smoothing
const auto c = counts.to(torch::kFloat64);
return (c + smoothing) / c.sum(1, true);

//! [1.7] wrong smoothing_always_one: always one
const auto c = counts.to(torch::kFloat64) + 1.0;
return c / c.sum(1, true);

//! [1.7] wrong computed_in_float
const auto c = counts.to(torch::kFloat32) + smoothing;
return c / c.sum(1, true);

//! [1.7] wrong computed_in_float: to float64 too late
const auto c = counts + smoothing;
return (c / c.sum(1, true)).to(torch::kFloat64);

//! [1.7] wrong smoothing_once_a_row: smoothing once a row
const auto c = counts.to(torch::kFloat64) + smoothing;
return c / (counts.to(torch::kFloat64).sum(1, true) + smoothing);

//! [1.7] wrong softmax: a softmax
return torch::softmax(counts.to(torch::kFloat64) + smoothing, 1);

//! [1.7] right: the total by multiplication
const auto c = counts.to(torch::kFloat64);
return (c + smoothing) / (c.sum(1, true) + smoothing * static_cast<double>(counts.size(1)));

//! [1.7] right: row by row
std::vector<torch::Tensor> rows;
for (const auto& row : counts.unbind(0)) {
  const auto weights = row.to(torch::kFloat64).add(smoothing);
  rows.push_back(weights.div(weights.sum()));
}
return torch::stack(rows);

//! [1.7] right: an accessor and two loops
const auto from = counts.to(torch::kFloat64).contiguous();
auto result = torch::zeros_like(from);
const auto count = from.accessor<double, 2>();
auto to = result.accessor<double, 2>();
for (std::int64_t now = 0; now < count.size(0); ++now) {
  double total = 0;
  for (std::int64_t next = 0; next < count.size(1); ++next) total += count[now][next] + smoothing;
  for (std::int64_t next = 0; next < count.size(1); ++next) to[now][next] = (count[now][next] + smoothing) / total;
}
return result;

//! [1.8] wrong now_given_next: now and next exchanged
return mean_negative_log_likelihood(probabilities.index({tokens.slice(0, 1), tokens.slice(0, 0, -1)}));

//! [1.8] wrong not_shifted: not shifted
return mean_negative_log_likelihood(probabilities.index({tokens, tokens}));

//! [1.8] wrong whole_table: the whole table
return mean_negative_log_likelihood(probabilities.flatten());

//! [1.8] wrong every_pair_alike: each pair once
const auto seen = count_pairs(tokens, probabilities.size(0)) > 0;
return mean_negative_log_likelihood(probabilities.masked_select(seen));

//! [1.8] wrong sum_for_mean: the sum
const auto given = probabilities.index({tokens.slice(0, 0, -1), tokens.slice(0, 1)});
return -given.log().sum().item<double>();

//! [1.8] wrong over_characters: divided by the characters
const auto given = probabilities.index({tokens.slice(0, 0, -1), tokens.slice(0, 1)});
return -given.log().sum().item<double>() / static_cast<double>(tokens.size(0));

//! [1.8] wrong: probabilities in float32
const auto given = probabilities.to(torch::kFloat32).index({tokens.slice(0, 0, -1), tokens.slice(0, 1)});
return mean_negative_log_likelihood(given);

//! [1.8] right: gather
const auto rows = probabilities.index_select(0, tokens.narrow(0, 0, tokens.size(0) - 1));
const auto given = rows.gather(1, tokens.narrow(0, 1, tokens.size(0) - 1).unsqueeze(1)).squeeze(1);
return mean_negative_log_likelihood(given);

//! [1.8] right: counts times logarithms
const auto counts = count_pairs(tokens, probabilities.size(0)).to(torch::kFloat64);
return -(counts * probabilities.log()).sum().item<double>() / counts.sum().item<double>();

//! [1.8] right: a loop
double sum = 0;
for (std::int64_t i = 1; i < tokens.size(0); ++i)
  sum -= std::log(probabilities[tokens[i - 1].item<std::int64_t>()][tokens[i].item<std::int64_t>()].item<double>());
return sum / static_cast<double>(tokens.size(0) - 1);

//! [1.9] wrong always_the_most_probable: the most probable
std::vector<std::int64_t> tokens;
std::int64_t now = first;
for (std::int64_t i = 0; i < count; ++i) tokens.push_back(now = probabilities[now].argmax().item<std::int64_t>());
return tokens;

//! [1.9] wrong row_of_the_first_token: always the first token's row
std::vector<std::int64_t> tokens;
for (std::int64_t i = 0; i < count; ++i) {
  double total = 0;
  const double u = random.uniform();
  std::int64_t token = 0;
  while (token < probabilities.size(1) - 1 && (total += probabilities[first][token].item<double>()) <= u) ++token;
  tokens.push_back(token);
}
return tokens;

//! [1.9] wrong random_numbers_drawn: LibTorch's generator
std::vector<std::int64_t> tokens;
std::int64_t now = first;
for (std::int64_t i = 0; i < count; ++i) tokens.push_back(now = torch::multinomial(probabilities[now], 1).item<std::int64_t>());
return tokens;

//! [1.9] wrong new_number_for_each: a number for each token that is looked at
std::vector<std::int64_t> tokens;
std::int64_t now = first;
for (std::int64_t i = 0; i < count; ++i) {
  double total = 0;
  std::int64_t token = 0;
  while (token < probabilities.size(1) - 1 && (total += probabilities[now][token].item<double>()) <= random.uniform()) ++token;
  tokens.push_back(now = token);
}
return tokens;

//! [1.9] wrong first_token_included: the first token comes out too
std::vector<std::int64_t> tokens = {first};
while (static_cast<std::int64_t>(tokens.size()) <= count) {
  double total = 0;
  const double u = random.uniform();
  std::int64_t token = 0;
  while (token < probabilities.size(1) - 1 && (total += probabilities[tokens.back()][token].item<double>()) <= u) ++token;
  tokens.push_back(token);
}
return tokens;

//! [1.9] wrong column_for_row: the column
std::vector<std::int64_t> tokens;
std::int64_t now = first;
for (std::int64_t i = 0; i < count; ++i) {
  double total = 0;
  const double u = random.uniform();
  std::int64_t token = 0;
  while (token < probabilities.size(1) - 1 && (total += probabilities[token][now].item<double>()) <= u) ++token;
  tokens.push_back(now = token);
}
return tokens;

//! [1.9] right: row by row with cumsum
std::vector<std::int64_t> tokens;
std::int64_t now = first;
for (std::int64_t i = 0; i < count; ++i) {
  const auto totals = probabilities[now].to(torch::kFloat64).cumsum(0);
  now = std::min<std::int64_t>((totals <= random.uniform()).sum().item<std::int64_t>(), totals.size(0) - 1);
  tokens.push_back(now);
}
return tokens;

//! [1.9] right: subtracting from the number
std::vector<std::int64_t> tokens(static_cast<std::size_t>(count));
std::int64_t now = first;
for (auto& token : tokens) {
  double rest = random.uniform();
  token = 0;
  while (token + 1 < probabilities.size(1) && rest >= probabilities[now][token].item<double>()) {
    rest -= probabilities[now][token].item<double>();
    ++token;
  }
  now = token;
}
return tokens;

//! [1.9] right: searchsorted on rows of running totals
std::vector<std::int64_t> tokens;
const auto rulers = probabilities.to(torch::kFloat64).cumsum(-1);
for (std::int64_t now = first; std::ssize(tokens) < count; tokens.push_back(now)) {
  const auto place = torch::searchsorted(rulers.select(0, now).contiguous(), torch::tensor({random.uniform()}, torch::kFloat64), false, /*right=*/true);
  now = std::min(place.item<std::int64_t>(), rulers.size(1) - 1);
}
return tokens;

//! [1.10] wrong no_such_element: reads past the end
std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> counts;
for (std::size_t i = 0; i < tokens.size(); ++i) ++counts[{tokens[i], tokens[i + 1]}];
return std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.second < b.second; })->first;

//! [1.10] wrong largest_of_equals: the largest of equals
std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> counts;
for (std::size_t i = 0; i + 1 < tokens.size(); ++i) ++counts[{tokens[i], tokens[i + 1]}];
auto best = counts.begin();
for (auto it = counts.begin(); it != counts.end(); ++it)
  if (it->second >= best->second) best = it;
return best->first;

//! [1.10] wrong smallest_pair: the first pair of the map
std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> counts;
for (std::size_t i = 0; i + 1 < tokens.size(); ++i) ++counts[{tokens[i], tokens[i + 1]}];
return counts.begin()->first;

//! [1.10] wrong rarest: the rarest
std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> counts;
for (std::size_t i = 0; i + 1 < tokens.size(); ++i) ++counts[{tokens[i], tokens[i + 1]}];
return std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.second > b.second; })->first;

//! [1.10] wrong last_pair_missed: the last pair is not counted
std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> counts;
for (std::size_t i = 0; i + 2 < tokens.size(); ++i) ++counts[{tokens[i], tokens[i + 1]}];
return std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.second < b.second; })->first;

//! [1.10] wrong packed_too_tightly: packed into a byte
std::map<std::int64_t, std::int64_t> counts;
for (std::size_t i = 0; i + 1 < tokens.size(); ++i) ++counts[tokens[i] * 256 + tokens[i + 1]];
const auto best = std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
return {best->first / 256, best->first % 256};

//! [1.10] wrong: iterators that run past the end
std::map<std::pair<std::int64_t, std::int64_t>, int> counts;
for (auto token = tokens.begin(); token != tokens.end(); ++token) ++counts[{*token, *(token + 1)}];
std::pair<std::int64_t, std::int64_t> best;
int most = 0;
for (const auto& [pair, count] : counts)
  if (count > most) most = count, best = pair;
return best;

//! [1.10] right: sorted pairs, longest run
std::vector<std::pair<std::int64_t, std::int64_t>> pairs;
for (std::size_t i = 1; i < tokens.size(); ++i) pairs.emplace_back(tokens[i - 1], tokens[i]);
std::sort(pairs.begin(), pairs.end());
std::pair<std::int64_t, std::int64_t> best = pairs[0];
std::size_t longest = 0;
for (std::size_t i = 0; i < pairs.size();) {
  std::size_t end = i;
  while (end < pairs.size() && pairs[end] == pairs[i]) ++end;
  if (end - i > longest) longest = end - i, best = pairs[i];
  i = end;
}
return best;

//! [1.10] right: every pair counted again
std::pair<std::int64_t, std::int64_t> best{tokens[0], tokens[1]};
std::size_t most = 0;
for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
  const std::pair<std::int64_t, std::int64_t> pair{tokens[i], tokens[i + 1]};
  std::size_t count = 0;
  for (std::size_t j = 0; j + 1 < tokens.size(); ++j) count += tokens[j] == pair.first && tokens[j + 1] == pair.second;
  if (count > most || (count == most && pair < best)) most = count, best = pair;
}
return best;

//! [1.10] right: by numbers in a table, as 1.4 counts
const auto all = torch::tensor(tokens, torch::kInt64);
const auto [values, places] = at::_unique(all, /*sorted=*/true, /*return_inverse=*/true);
const auto table = count_pairs(places, values.numel());
const std::int64_t most = table.max().item<std::int64_t>();
const auto first = (table == most).nonzero()[0];
return {values[first[0]].item<std::int64_t>(), values[first[1]].item<std::int64_t>()};

//! [1.11] wrong second_token_kept: the second token stays
std::vector<std::int64_t> merged;
for (std::size_t i = 0; i < tokens.size(); ++i) {
  const bool here = i + 1 < tokens.size() && tokens[i] == pair.first && tokens[i + 1] == pair.second;
  merged.push_back(here ? new_token : tokens[i]);
}
return merged;

//! [1.11] wrong last_token_lost: the last token lost
std::vector<std::int64_t> merged;
for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
  if (tokens[i] == pair.first && tokens[i + 1] == pair.second) {
    merged.push_back(new_token);
    ++i;
  } else {
    merged.push_back(tokens[i]);
  }
}
return merged;

//! [1.11] wrong no_such_element: reads past the end
std::vector<std::int64_t> merged;
for (std::size_t i = 0; i < tokens.size(); ++i) {
  if (tokens[i] == pair.first && tokens[i + 1] == pair.second) {
    merged.push_back(new_token);
    ++i;
  } else {
    merged.push_back(tokens[i]);
  }
}
return merged;

//! [1.11] wrong no_such_element: size() - 1 of nothing
std::vector<std::int64_t> merged;
for (std::size_t i = 0; i <= tokens.size() - 1; ++i) {
  if (i + 1 < tokens.size() && tokens[i] == pair.first && tokens[i + 1] == pair.second) {
    merged.push_back(new_token);
    ++i;
  } else {
    merged.push_back(tokens.at(i));
  }
}
return merged;

//! [1.11] wrong only_the_first: only the first occurrence
auto merged = tokens;
for (std::size_t i = 0; i + 1 < merged.size(); ++i) {
  if (merged[i] == pair.first && merged[i + 1] == pair.second) {
    merged[i] = new_token;
    merged.erase(merged.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    break;
  }
}
return merged;

//! [1.11] wrong nothing_merged: nothing merged
return tokens;

//! [1.11] right: erased in place
auto merged = tokens;
for (std::size_t i = 0; i + 1 < merged.size(); ++i) {
  if (merged[i] != pair.first || merged[i + 1] != pair.second) continue;
  merged[i] = new_token;
  merged.erase(merged.begin() + static_cast<std::ptrdiff_t>(i) + 1);
}
return merged;

//! [1.11] right: a flag for the one that was used
std::vector<std::int64_t> merged;
bool used = false;
for (std::size_t i = 0; i < tokens.size(); ++i) {
  if (used) {
    used = false;
    continue;
  }
  used = i + 1 < tokens.size() && std::make_pair(tokens[i], tokens[i + 1]) == pair;
  merged.push_back(used ? new_token : tokens[i]);
}
return merged;

//! [1.11] right: a list of places found first
std::vector<std::size_t> places;
for (std::size_t i = 1; i < tokens.size(); ++i) {
  const bool used = !places.empty() && places.back() == i - 1;
  if (!used && tokens[i - 1] == pair.first && tokens[i] == pair.second) places.push_back(i);
}
std::vector<std::int64_t> merged = tokens;
for (auto place = places.rbegin(); place != places.rend(); ++place) {
  merged[*place - 1] = new_token;
  merged.erase(merged.begin() + static_cast<std::ptrdiff_t>(*place));
}
return merged;
