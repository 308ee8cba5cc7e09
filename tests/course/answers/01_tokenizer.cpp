// Answers to the exercises of chapter 1: wrong ones that people give, and right ones written otherwise.

//! [1.1] wrong: bytes
std::set<char32_t> different;
for (const char byte : text) different.insert(static_cast<unsigned char>(byte));
return {different.begin(), different.end()};

//! [1.1] wrong: unique without erase
auto characters = decode_utf8(text);
std::sort(characters.begin(), characters.end());
std::unique(characters.begin(), characters.end());
return {characters.begin(), characters.end()};

//! [1.1] wrong: not sorted
std::vector<char32_t> seen;
for (const char32_t c : decode_utf8(text))
  if (std::find(seen.begin(), seen.end(), c) == seen.end()) seen.push_back(c);
return seen;

//! [1.1] wrong: with repeats
auto characters = decode_utf8(text);
std::sort(characters.begin(), characters.end());
return {characters.begin(), characters.end()};

//! [1.1] wrong: descending
const auto characters = decode_utf8(text);
const std::set<char32_t, std::greater<>> different(characters.begin(), characters.end());
return {different.begin(), different.end()};

//! [1.1] wrong: case folded
std::set<char32_t> different;
for (const char32_t c : decode_utf8(text)) different.insert(c >= U'A' && c <= U'Z' ? c + 32 : c);
return {different.begin(), different.end()};

//! [1.1] wrong: only the printable ones
std::set<char32_t> different;
for (const char32_t c : decode_utf8(text))
  if (c >= U' ') different.insert(c);
return {different.begin(), different.end()};

//! [1.1] right: sorted, unique, erased
const auto decoded = decode_utf8(text);
std::vector<char32_t> all(decoded.begin(), decoded.end());
std::sort(all.begin(), all.end());
all.erase(std::unique(all.begin(), all.end()), all.end());
return all;

//! [1.1] right: inserted where it belongs
std::vector<char32_t> all;
for (const char32_t c : decode_utf8(text)) {
  const auto place = std::lower_bound(all.begin(), all.end(), c);
  if (place == all.end() || *place != c) all.insert(place, c);
}
return all;

//! [1.1] right: a map's keys
std::map<char32_t, int> counts;
for (const char32_t c : decode_utf8(text)) ++counts[c];
std::vector<char32_t> keys;
for (const auto& [c, count] : counts) keys.push_back(c);
return keys;

//! [1.2] wrong: bytes
std::vector<std::int64_t> tokens;
for (const char byte : text) {
  const auto place = std::find(vocabulary_.begin(), vocabulary_.end(), static_cast<unsigned char>(byte));
  if (place == vocabulary_.end()) throw UsageError("an unknown character");
  tokens.push_back(place - vocabulary_.begin());
}
return tokens;

//! [1.2] wrong: the unknown ones skipped
std::vector<std::int64_t> tokens;
for (const char32_t c : decode_utf8(text)) {
  const auto place = std::find(vocabulary_.begin(), vocabulary_.end(), c);
  if (place != vocabulary_.end()) tokens.push_back(place - vocabulary_.begin());
}
return tokens;

//! [1.2] wrong: lower_bound believed
std::vector<std::int64_t> tokens;
for (const char32_t c : decode_utf8(text))
  tokens.push_back(std::lower_bound(vocabulary_.begin(), vocabulary_.end(), c) - vocabulary_.begin());
return tokens;

//! [1.2] wrong: only the first one named
std::vector<std::int64_t> tokens;
std::size_t number = 0;
for (const char32_t c : decode_utf8(text)) {
  ++number;
  const auto place = std::find(vocabulary_.begin(), vocabulary_.end(), c);
  if (place == vocabulary_.end()) throw UsageError(fmt::format("{} at character {} is unknown", show_character(c), number));
  tokens.push_back(place - vocabulary_.begin());
}
return tokens;

//! [1.2] wrong: an unknown one is -1
std::vector<std::int64_t> tokens;
for (const char32_t c : decode_utf8(text)) {
  const auto place = std::find(vocabulary_.begin(), vocabulary_.end(), c);
  tokens.push_back(place == vocabulary_.end() ? -1 : place - vocabulary_.begin());
}
return tokens;

//! [1.2] wrong: std::map::at, so another error
std::map<char32_t, std::int64_t> numbers;
for (std::size_t i = 0; i < vocabulary_.size(); ++i) numbers[vocabulary_[i]] = static_cast<std::int64_t>(i);
std::vector<std::int64_t> tokens;
for (const char32_t c : decode_utf8(text)) tokens.push_back(numbers.at(c));
return tokens;

//! [1.2] wrong: places counted from 0
const auto characters = decode_utf8(text);
std::vector<std::int64_t> tokens;
std::set<char32_t> unknown;
std::size_t first = 0;
for (std::size_t i = 0; i < characters.size(); ++i) {
  const auto place = std::find(vocabulary_.begin(), vocabulary_.end(), characters[i]);
  if (place == vocabulary_.end()) {
    if (unknown.empty()) first = i;
    unknown.insert(characters[i]);
  }
  tokens.push_back(place - vocabulary_.begin());
}
if (!unknown.empty()) throw UsageError(describe_unknown(unknown, first, size()));
return tokens;

//! [1.2] right: a map, and a message of its own
const auto characters = decode_utf8(text);
std::map<char32_t, std::int64_t> numbers;
for (std::size_t i = 0; i < vocabulary_.size(); ++i) numbers[vocabulary_[i]] = static_cast<std::int64_t>(i);
std::vector<std::int64_t> tokens;
std::string unknown;
std::size_t first = 0;
for (std::size_t i = 0; i < characters.size(); ++i) {
  const auto found = numbers.find(characters[i]);
  if (found != numbers.end()) {
    tokens.push_back(found->second);
    continue;
  }
  if (unknown.empty()) first = i + 1;
  unknown += " " + encode_utf8(characters[i]);
}
if (!unknown.empty()) throw UsageError("unknown characters:" + unknown + ", position " + std::to_string(first));
return tokens;

//! [1.2] right: two passes over the text
const auto characters = decode_utf8(text);
std::set<char32_t> unknown;
std::size_t first = 0;
for (std::size_t i = characters.size(); i-- > 0;) {
  if (std::find(vocabulary_.begin(), vocabulary_.end(), characters[i]) != vocabulary_.end()) continue;
  unknown.insert(characters[i]);
  first = i + 1;
}
if (!unknown.empty()) throw UsageError(describe_unknown(unknown, first, size()));
std::vector<std::int64_t> tokens(characters.size());
std::transform(characters.begin(), characters.end(), tokens.begin(), [this](char32_t c) {
  return std::find(vocabulary_.begin(), vocabulary_.end(), c) - vocabulary_.begin();
});
return tokens;

//! [1.3] wrong: counted from 1
std::u32string text;
for (const auto token : tokens) text += vocabulary_.at(static_cast<std::size_t>(token - 1));
return encode_utf8(text);

//! [1.3] wrong: no check
std::u32string text;
for (const auto token : tokens) text += vocabulary_[static_cast<std::size_t>(token)];
return encode_utf8(text);

//! [1.3] wrong: the low byte of each character
std::string text;
for (const auto token : tokens) text += static_cast<char>(vocabulary_.at(static_cast<std::size_t>(token)));
return text;

//! [1.3] wrong: numbers that are no token left out
std::u32string text;
for (const auto token : tokens)
  if (token >= 0 && token < size()) text += vocabulary_[static_cast<std::size_t>(token)];
return encode_utf8(text);

//! [1.3] wrong: the number itself as a character
std::u32string text;
for (const auto token : tokens) text += static_cast<char32_t>(token);
return encode_utf8(text);

//! [1.3] wrong: the wrong error
std::u32string text;
for (const auto token : tokens) {
  if (token < 0 || token >= size()) throw UsageError("no such token");
  text += vocabulary_[static_cast<std::size_t>(token)];
}
return encode_utf8(text);

//! [1.3] right: each character by itself
std::string text;
for (const auto token : tokens) text += encode_utf8(vocabulary_.at(static_cast<std::size_t>(token)));
return text;

//! [1.3] right: its own check
std::u32string text(tokens.size(), U' ');
for (std::size_t i = 0; i < tokens.size(); ++i) {
  if (tokens[i] < 0 || tokens[i] >= size()) throw std::out_of_range(fmt::format("{} is no token", tokens[i]));
  text[i] = *(vocabulary_.begin() + tokens[i]);
}
return encode_utf8(text);

//! [1.4] wrong: rows and columns exchanged
const auto counts = torch::zeros({vocabulary_size, vocabulary_size}, torch::kInt64);
for (std::int64_t i = 0; i + 1 < tokens.size(0); ++i)
  counts[tokens[i + 1].item<std::int64_t>()][tokens[i].item<std::int64_t>()] += 1;
return counts;

//! [1.4] wrong: without minlength
const auto pairs = tokens.slice(0, 0, -1) * vocabulary_size + tokens.slice(0, 1);
return torch::bincount(pairs).view({vocabulary_size, vocabulary_size});

//! [1.4] wrong: float counts
const auto counts = torch::zeros({vocabulary_size, vocabulary_size});
for (std::int64_t i = 0; i + 1 < tokens.size(0); ++i)
  counts[tokens[i].item<std::int64_t>()][tokens[i + 1].item<std::int64_t>()] += 1;
return counts;

//! [1.4] wrong: index_put without accumulate
const auto counts = torch::zeros({vocabulary_size, vocabulary_size}, torch::kInt64);
counts.index_put_({tokens.slice(0, 0, -1), tokens.slice(0, 1)}, torch::ones({tokens.size(0) - 1}, torch::kInt64));
return counts;

//! [1.4] wrong: every second pair
const auto counts = torch::zeros({vocabulary_size, vocabulary_size}, torch::kInt64);
for (std::int64_t i = 0; i + 1 < tokens.size(0); i += 2)
  counts[tokens[i].item<std::int64_t>()][tokens[i + 1].item<std::int64_t>()] += 1;
return counts;

//! [1.4] wrong: the end joined to the beginning
const auto pairs = tokens * vocabulary_size + tokens.roll(-1);
return torch::bincount(pairs, {}, vocabulary_size * vocabulary_size).view({vocabulary_size, vocabulary_size});

//! [1.4] wrong: left as one row
const auto pairs = tokens.slice(0, 0, -1) * vocabulary_size + tokens.slice(0, 1);
return torch::bincount(pairs, {}, vocabulary_size * vocabulary_size);

//! [1.4] right: a loop with accessors
const auto counts = torch::zeros({vocabulary_size, vocabulary_size}, torch::kInt64);
const auto token = tokens.accessor<std::int64_t, 1>();
auto count = counts.accessor<std::int64_t, 2>();
for (std::int64_t i = 1; i < token.size(0); ++i) ++count[token[i - 1]][token[i]];
return counts;

//! [1.4] right: index_put_ with accumulate
auto counts = torch::zeros({vocabulary_size, vocabulary_size}, torch::kInt64);
const auto now = tokens.slice(0, 0, -1), next = tokens.slice(0, 1);
return counts.index_put_({now, next}, torch::ones_like(now), /*accumulate=*/true);

//! [1.4] right: one-hot rows multiplied
const auto now = torch::one_hot(tokens.slice(0, 0, -1), vocabulary_size).to(torch::kFloat64);
const auto next = torch::one_hot(tokens.slice(0, 1), vocabulary_size).to(torch::kFloat64);
return now.t().matmul(next).to(torch::kInt64);

//! [1.5] wrong: occurrences
Coverage c;
c.vocabulary_size = vocabulary_size;
c.characters = tokens.numel();
c.pairs_possible = vocabulary_size * vocabulary_size;
c.pairs_seen = count_pairs(tokens, vocabulary_size).sum().item<std::int64_t>();
c.characters_per_pair = static_cast<double>(c.characters) / static_cast<double>(c.pairs_possible);
return c;

//! [1.5] wrong: whole numbers divided
Coverage c;
c.vocabulary_size = vocabulary_size;
c.characters = tokens.numel();
c.pairs_possible = vocabulary_size * vocabulary_size;
c.pairs_seen = (count_pairs(tokens, vocabulary_size) > 0).sum().item<std::int64_t>();
c.characters_per_pair = static_cast<double>(c.characters / c.pairs_possible);
return c;

//! [1.5] wrong: pairs of two different characters
Coverage c;
c.vocabulary_size = vocabulary_size;
c.characters = tokens.numel();
c.pairs_possible = vocabulary_size * (vocabulary_size - 1);
c.pairs_seen = (count_pairs(tokens, vocabulary_size) > 0).sum().item<std::int64_t>();
c.characters_per_pair = static_cast<double>(c.characters) / static_cast<double>(c.pairs_possible);
return c;

//! [1.5] wrong: pairs for characters
Coverage c;
c.vocabulary_size = vocabulary_size;
c.characters = tokens.numel() - 1;
c.pairs_possible = vocabulary_size * vocabulary_size;
c.pairs_seen = (count_pairs(tokens, vocabulary_size) > 0).sum().item<std::int64_t>();
c.characters_per_pair = static_cast<double>(c.characters) / static_cast<double>(c.pairs_possible);
return c;

//! [1.5] wrong: over the pairs that were seen
Coverage c;
c.vocabulary_size = vocabulary_size;
c.characters = tokens.numel();
c.pairs_possible = vocabulary_size * vocabulary_size;
c.pairs_seen = (count_pairs(tokens, vocabulary_size) > 0).sum().item<std::int64_t>();
c.characters_per_pair = static_cast<double>(c.characters) / static_cast<double>(c.pairs_seen);
return c;

//! [1.5] wrong: divided in float
Coverage c;
c.vocabulary_size = vocabulary_size;
c.characters = tokens.numel();
c.pairs_possible = vocabulary_size * vocabulary_size;
c.pairs_seen = (count_pairs(tokens, vocabulary_size) > 0).sum().item<std::int64_t>();
c.characters_per_pair = static_cast<float>(c.characters) / static_cast<float>(c.pairs_possible);
return c;

//! [1.5] right: a set of pairs
std::set<std::pair<std::int64_t, std::int64_t>> seen;
const auto token = tokens.accessor<std::int64_t, 1>();
for (std::int64_t i = 1; i < token.size(0); ++i) seen.insert({token[i - 1], token[i]});
const std::int64_t possible = vocabulary_size * vocabulary_size;
return {vocabulary_size, tokens.numel(), possible, static_cast<std::int64_t>(seen.size()),
        tokens.numel() / static_cast<double>(possible)};

//! [1.5] right: nonzero
Coverage c{vocabulary_size, tokens.size(0), vocabulary_size * vocabulary_size, 0, 0};
c.pairs_seen = count_pairs(tokens, vocabulary_size).nonzero().size(0);
c.characters_per_pair = 1.0 * c.characters / c.pairs_possible;
return c;

//! [1.6] wrong: base 2
return -probabilities.log2().mean().item<double>();

//! [1.6] wrong: without the minus
return probabilities.log().mean().item<double>();

//! [1.6] wrong: the sum
return -probabilities.log().sum().item<double>();

//! [1.6] wrong: the logarithm of the mean
return -std::log(probabilities.mean().item<double>());

//! [1.6] wrong computed_in_float: float32
return -probabilities.to(torch::kFloat32).log().mean().item<float>();

//! [1.6] wrong: the likelihood
return -probabilities.mean().item<double>();

//! [1.6] wrong: something added for safety
return -(probabilities + 1e-8).log().mean().item<double>();

//! [1.6] right: a loop
double sum = 0;
for (std::int64_t i = 0; i < probabilities.size(0); ++i) sum -= std::log(probabilities[i].item<double>());
return sum / static_cast<double>(probabilities.size(0));

//! [1.6] right: sum over the count
return probabilities.to(torch::kFloat64).log().sum().neg().item<double>() / probabilities.numel();

//! [1.7] wrong: columns
const auto weights = counts.to(torch::kFloat64) + smoothing;
return weights / weights.sum(0, true);

//! [1.7] wrong: without keepdim
const auto weights = counts.to(torch::kFloat64) + smoothing;
return weights / weights.sum(1);

//! [1.7] wrong: smoothing after division
const auto c = counts.to(torch::kFloat64);
return c / c.sum(1, true) + smoothing;

//! [1.7] wrong: the total without smoothing
const auto c = counts.to(torch::kFloat64);
return (c + smoothing) / c.sum(1, true);

//! [1.7] wrong: always one
const auto c = counts.to(torch::kFloat64) + 1.0;
return c / c.sum(1, true);

//! [1.7] wrong computed_in_float
const auto c = counts.to(torch::kFloat32) + smoothing;
return c / c.sum(1, true);

//! [1.7] wrong computed_in_float: to float64 too late
const auto c = counts + smoothing;
return (c / c.sum(1, true)).to(torch::kFloat64);

//! [1.7] wrong: smoothing once a row
const auto c = counts.to(torch::kFloat64) + smoothing;
return c / (counts.to(torch::kFloat64).sum(1, true) + smoothing);

//! [1.7] wrong: a softmax
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

//! [1.8] wrong: now and next exchanged
return mean_negative_log_likelihood(probabilities.index({tokens.slice(0, 1), tokens.slice(0, 0, -1)}));

//! [1.8] wrong: not shifted
return mean_negative_log_likelihood(probabilities.index({tokens, tokens}));

//! [1.8] wrong: the whole table
return mean_negative_log_likelihood(probabilities.flatten());

//! [1.8] wrong: each pair once
const auto seen = count_pairs(tokens, probabilities.size(0)) > 0;
return mean_negative_log_likelihood(probabilities.masked_select(seen));

//! [1.8] wrong: the sum
const auto given = probabilities.index({tokens.slice(0, 0, -1), tokens.slice(0, 1)});
return -given.log().sum().item<double>();

//! [1.8] wrong: divided by the characters
const auto given = probabilities.index({tokens.slice(0, 0, -1), tokens.slice(0, 1)});
return -given.log().sum().item<double>() / static_cast<double>(tokens.size(0));

//! [1.8] wrong computed_in_float
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

//! [1.9] wrong: the most probable
std::vector<std::int64_t> tokens;
std::int64_t now = first;
for (std::int64_t i = 0; i < count; ++i) tokens.push_back(now = probabilities[now].argmax().item<std::int64_t>());
return tokens;

//! [1.9] wrong: always the first token's row
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

//! [1.9] wrong: a number for each token that is looked at
std::vector<std::int64_t> tokens;
std::int64_t now = first;
for (std::int64_t i = 0; i < count; ++i) {
  double total = 0;
  std::int64_t token = 0;
  while (token < probabilities.size(1) - 1 && (total += probabilities[now][token].item<double>()) <= random.uniform()) ++token;
  tokens.push_back(now = token);
}
return tokens;

//! [1.9] wrong: the first token comes out too
std::vector<std::int64_t> tokens = {first};
while (static_cast<std::int64_t>(tokens.size()) <= count) {
  double total = 0;
  const double u = random.uniform();
  std::int64_t token = 0;
  while (token < probabilities.size(1) - 1 && (total += probabilities[tokens.back()][token].item<double>()) <= u) ++token;
  tokens.push_back(token);
}
return tokens;

//! [1.9] wrong: the column
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

//! [1.10] wrong: reads past the end
std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> counts;
for (std::size_t i = 0; i < tokens.size(); ++i) ++counts[{tokens[i], tokens[i + 1]}];
return std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.second < b.second; })->first;

//! [1.10] wrong: the largest of equals
std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> counts;
for (std::size_t i = 0; i + 1 < tokens.size(); ++i) ++counts[{tokens[i], tokens[i + 1]}];
auto best = counts.begin();
for (auto it = counts.begin(); it != counts.end(); ++it)
  if (it->second >= best->second) best = it;
return best->first;

//! [1.10] wrong: the first pair of the map
std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> counts;
for (std::size_t i = 0; i + 1 < tokens.size(); ++i) ++counts[{tokens[i], tokens[i + 1]}];
return counts.begin()->first;

//! [1.10] wrong: the rarest
std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> counts;
for (std::size_t i = 0; i + 1 < tokens.size(); ++i) ++counts[{tokens[i], tokens[i + 1]}];
return std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.second > b.second; })->first;

//! [1.10] wrong: the last pair is not counted
std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> counts;
for (std::size_t i = 0; i + 2 < tokens.size(); ++i) ++counts[{tokens[i], tokens[i + 1]}];
return std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.second < b.second; })->first;

//! [1.10] wrong: packed into a byte
std::map<std::int64_t, std::int64_t> counts;
for (std::size_t i = 0; i + 1 < tokens.size(); ++i) ++counts[tokens[i] * 256 + tokens[i + 1]];
const auto best = std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
return {best->first / 256, best->first % 256};

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

//! [1.11] wrong: the second token stays
std::vector<std::int64_t> merged;
for (std::size_t i = 0; i < tokens.size(); ++i) {
  const bool here = i + 1 < tokens.size() && tokens[i] == pair.first && tokens[i + 1] == pair.second;
  merged.push_back(here ? new_token : tokens[i]);
}
return merged;

//! [1.11] wrong: the last token lost
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

//! [1.11] wrong: reads past the end
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

//! [1.11] wrong: size() - 1 of nothing
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

//! [1.11] wrong: only the first occurrence
auto merged = tokens;
for (std::size_t i = 0; i + 1 < merged.size(); ++i) {
  if (merged[i] == pair.first && merged[i + 1] == pair.second) {
    merged[i] = new_token;
    merged.erase(merged.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    break;
  }
}
return merged;

//! [1.11] wrong: nothing merged
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
