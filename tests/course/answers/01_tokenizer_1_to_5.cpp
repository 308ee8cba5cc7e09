// Answers to exercises 1.1 to 1.5 of chapter 1: wrong ones that people give, and right ones written otherwise.

//! [1.1] wrong bytes_for_code_points: bytes
std::set<char32_t> different;
for (const char byte : text) different.insert(static_cast<unsigned char>(byte));
return {different.begin(), different.end()};

//! [1.1] wrong unique_without_erase: unique without erase
auto characters = decode_utf8(text);
std::sort(characters.begin(), characters.end());
std::unique(characters.begin(), characters.end());
return {characters.begin(), characters.end()};

//! [1.1] wrong order_of_appearance: not sorted
std::vector<char32_t> seen;
for (const char32_t c : decode_utf8(text))
  if (std::find(seen.begin(), seen.end(), c) == seen.end()) seen.push_back(c);
return seen;

//! [1.1] wrong repeats_kept: with repeats
auto characters = decode_utf8(text);
std::sort(characters.begin(), characters.end());
return {characters.begin(), characters.end()};

//! [1.1] wrong descending: descending
const auto characters = decode_utf8(text);
const std::set<char32_t, std::greater<>> different(characters.begin(), characters.end());
return {different.begin(), different.end()};

//! [1.1] wrong capitals_made_small: case folded
std::set<char32_t> different;
for (const char32_t c : decode_utf8(text)) different.insert(c >= U'A' && c <= U'Z' ? c + 32 : c);
return {different.begin(), different.end()};

//! [1.1] wrong printable_only: only the printable ones
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

//! [1.2] wrong unknown_skipped: the unknown ones skipped
std::vector<std::int64_t> tokens;
for (const char32_t c : decode_utf8(text)) {
  const auto place = std::find(vocabulary_.begin(), vocabulary_.end(), c);
  if (place != vocabulary_.end()) tokens.push_back(place - vocabulary_.begin());
}
return tokens;

//! [1.2] wrong unknown_takes_a_neighbour: lower_bound believed
std::vector<std::int64_t> tokens;
for (const char32_t c : decode_utf8(text))
  tokens.push_back(std::lower_bound(vocabulary_.begin(), vocabulary_.end(), c) - vocabulary_.begin());
return tokens;

//! [1.2] wrong only_first_named: only the first one named
std::vector<std::int64_t> tokens;
std::size_t number = 0;
for (const char32_t c : decode_utf8(text)) {
  ++number;
  const auto place = std::find(vocabulary_.begin(), vocabulary_.end(), c);
  if (place == vocabulary_.end()) throw UsageError(fmt::format("{} at character {} is unknown", show_character(c), number));
  tokens.push_back(place - vocabulary_.begin());
}
return tokens;

//! [1.2] wrong unknown_is_minus_one: an unknown one is -1
std::vector<std::int64_t> tokens;
for (const char32_t c : decode_utf8(text)) {
  const auto place = std::find(vocabulary_.begin(), vocabulary_.end(), c);
  tokens.push_back(place == vocabulary_.end() ? -1 : place - vocabulary_.begin());
}
return tokens;

//! [1.2] wrong another_error: std::map::at, so another error
std::map<char32_t, std::int64_t> numbers;
for (std::size_t i = 0; i < vocabulary_.size(); ++i) numbers[vocabulary_[i]] = static_cast<std::int64_t>(i);
std::vector<std::int64_t> tokens;
for (const char32_t c : decode_utf8(text)) tokens.push_back(numbers.at(c));
return tokens;

//! [1.2] wrong position_from_zero: places counted from 0
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

//! [1.2] right: a table for every code point that occurs
const std::u32string characters = decode_utf8(text);
const char32_t largest = vocabulary_.empty() ? 0 : vocabulary_.back();
std::vector<std::int64_t> number(static_cast<std::size_t>(largest) + 1, -1);
for (std::size_t i = 0; i < vocabulary_.size(); ++i) number[vocabulary_[i]] = static_cast<std::int64_t>(i);
std::vector<std::int64_t> tokens;
std::set<char32_t> unknown;
std::optional<std::size_t> first;
for (const char32_t& c : characters) {
  tokens.push_back(c > largest ? -1 : number[c]);
  if (tokens.back() >= 0) continue;
  if (!first) first = tokens.size();
  unknown.insert(c);
}
if (first) throw UsageError(describe_unknown(unknown, *first, static_cast<std::int64_t>(vocabulary_.size())));
return tokens;

//! [1.3] wrong tokens_from_one: counted from 1
std::u32string text;
for (const auto token : tokens) text += vocabulary_.at(static_cast<std::size_t>(token - 1));
return encode_utf8(text);

//! [1.3] wrong no_such_element: no check
std::u32string text;
for (const auto token : tokens) text += vocabulary_[static_cast<std::size_t>(token)];
return encode_utf8(text);

//! [1.3] wrong bytes_for_code_points: the low byte of each character
std::string text;
for (const auto token : tokens) text += static_cast<char>(vocabulary_.at(static_cast<std::size_t>(token)));
return text;

//! [1.3] wrong bad_tokens_accepted: numbers that are no token left out
std::u32string text;
for (const auto token : tokens)
  if (token >= 0 && token < size()) text += vocabulary_[static_cast<std::size_t>(token)];
return encode_utf8(text);

//! [1.3] wrong tokens_for_code_points: the number itself as a character
std::u32string text;
for (const auto token : tokens) text += static_cast<char32_t>(token);
return encode_utf8(text);

//! [1.3] wrong another_error: the wrong error
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

//! [1.3] right: at() caught by nobody, put together by a stream
std::ostringstream out;
std::for_each(tokens.begin(), tokens.end(), [&](std::int64_t token) {
  if (token < 0) throw std::out_of_range("a token is not negative");
  const std::u32string one{vocabulary_.at(static_cast<std::size_t>(token))};
  out << encode_utf8(one);
});
return out.str();

//! [1.4] wrong rows_and_columns_swapped: rows and columns exchanged
const auto counts = torch::zeros({vocabulary_size, vocabulary_size}, torch::kInt64);
for (std::int64_t i = 0; i + 1 < tokens.size(0); ++i)
  counts[tokens[i + 1].item<std::int64_t>()][tokens[i].item<std::int64_t>()] += 1;
return counts;

//! [1.4] wrong no_minlength: without minlength
const auto pairs = tokens.slice(0, 0, -1) * vocabulary_size + tokens.slice(0, 1);
return torch::bincount(pairs).view({vocabulary_size, vocabulary_size});

//! [1.4] wrong float_counts: float counts
const auto counts = torch::zeros({vocabulary_size, vocabulary_size});
for (std::int64_t i = 0; i + 1 < tokens.size(0); ++i)
  counts[tokens[i].item<std::int64_t>()][tokens[i + 1].item<std::int64_t>()] += 1;
return counts;

//! [1.4] wrong seen_or_not: index_put without accumulate
const auto counts = torch::zeros({vocabulary_size, vocabulary_size}, torch::kInt64);
counts.index_put_({tokens.slice(0, 0, -1), tokens.slice(0, 1)}, torch::ones({tokens.size(0) - 1}, torch::kInt64));
return counts;

//! [1.4] wrong every_second_pair: every second pair
const auto counts = torch::zeros({vocabulary_size, vocabulary_size}, torch::kInt64);
for (std::int64_t i = 0; i + 1 < tokens.size(0); i += 2)
  counts[tokens[i].item<std::int64_t>()][tokens[i + 1].item<std::int64_t>()] += 1;
return counts;

//! [1.4] wrong end_joined_to_beginning: the end joined to the beginning
const auto pairs = tokens * vocabulary_size + tokens.roll(-1);
return torch::bincount(pairs, {}, vocabulary_size * vocabulary_size).view({vocabulary_size, vocabulary_size});

//! [1.4] wrong left_flat: left as one row
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

//! [1.5] wrong occurrences_for_pairs: occurrences
Coverage c;
c.vocabulary_size = vocabulary_size;
c.characters = tokens.numel();
c.pairs_possible = vocabulary_size * vocabulary_size;
c.pairs_seen = count_pairs(tokens, vocabulary_size).sum().item<std::int64_t>();
c.characters_per_pair = static_cast<double>(c.characters) / static_cast<double>(c.pairs_possible);
return c;

//! [1.5] wrong whole_number_division: whole numbers divided
Coverage c;
c.vocabulary_size = vocabulary_size;
c.characters = tokens.numel();
c.pairs_possible = vocabulary_size * vocabulary_size;
c.pairs_seen = (count_pairs(tokens, vocabulary_size) > 0).sum().item<std::int64_t>();
c.characters_per_pair = static_cast<double>(c.characters / c.pairs_possible);
return c;

//! [1.5] wrong without_doubles: pairs of two different characters
Coverage c;
c.vocabulary_size = vocabulary_size;
c.characters = tokens.numel();
c.pairs_possible = vocabulary_size * (vocabulary_size - 1);
c.pairs_seen = (count_pairs(tokens, vocabulary_size) > 0).sum().item<std::int64_t>();
c.characters_per_pair = static_cast<double>(c.characters) / static_cast<double>(c.pairs_possible);
return c;

//! [1.5] wrong pairs_for_characters: pairs for characters
Coverage c;
c.vocabulary_size = vocabulary_size;
c.characters = tokens.numel() - 1;
c.pairs_possible = vocabulary_size * vocabulary_size;
c.pairs_seen = (count_pairs(tokens, vocabulary_size) > 0).sum().item<std::int64_t>();
c.characters_per_pair = static_cast<double>(c.characters) / static_cast<double>(c.pairs_possible);
return c;

//! [1.5] wrong divided_by_pairs_seen: over the pairs that were seen
Coverage c;
c.vocabulary_size = vocabulary_size;
c.characters = tokens.numel();
c.pairs_possible = vocabulary_size * vocabulary_size;
c.pairs_seen = (count_pairs(tokens, vocabulary_size) > 0).sum().item<std::int64_t>();
c.characters_per_pair = static_cast<double>(c.characters) / static_cast<double>(c.pairs_seen);
return c;

//! [1.5] wrong computed_in_float: divided in float
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

//! [1.5] right: by the unique pairs
Coverage c;
c.characters = static_cast<std::int64_t>(tokens.numel());
c.vocabulary_size = vocabulary_size;
c.pairs_possible = vocabulary_size * vocabulary_size;
const auto numbers = tokens.narrow(0, 0, tokens.numel() - 1) * vocabulary_size + tokens.narrow(0, 1, tokens.numel() - 1);
c.pairs_seen = std::get<0>(at::_unique(numbers)).numel();
c.characters_per_pair = static_cast<double>(c.characters) / std::pow(static_cast<double>(vocabulary_size), 2);
return c;
