// Answers to exercises 10.5 to 10.7 of chapter 10: wrong ones that people give, and right ones written otherwise.

//! [10.5] wrong counted_once: the pairs sorted once by their counts
std::vector<std::pair<std::int64_t, TokenPair>> order;
for (const auto& [pair, count] : count_weighted_pairs(words)) order.emplace_back(-count, pair);
std::sort(order.begin(), order.end());
for (const auto& [count, pair] : order) {
  if (std::ssize(tokens) >= vocabulary) break;
  const auto bytes = tokens.at(static_cast<std::size_t>(pair.first)) + tokens.at(static_cast<std::size_t>(pair.second));
  merge_in_words(words, pair, number_of(bytes, tokens));
  merges.push_back(pair);
}

//! [10.5] wrong one_too_many: at most for fewer
for (auto counts = count_weighted_pairs(words); std::ssize(tokens) <= vocabulary && !counts.empty(); counts = count_weighted_pairs(words)) {
  merges.push_back(most_frequent(counts));
  const auto [a, b] = merges.back();
  merge_in_words(words, merges.back(), number_of(tokens[static_cast<std::size_t>(a)] + tokens[static_cast<std::size_t>(b)], tokens));
}

//! [10.5] wrong only_new_counted: so many merges
for (std::int64_t i = 0; i < vocabulary; ++i) {
  const auto counts = count_weighted_pairs(words);
  if (counts.empty()) return merges;
  const auto pair = most_frequent(counts);
  merges.push_back(pair);
  const auto made = number_of(tokens[static_cast<std::size_t>(pair.first)] + tokens[static_cast<std::size_t>(pair.second)], tokens);
  merge_in_words(words, pair, made);
}

//! [10.5] wrong stops_at_one: a pair that occurs once is not worth it
while (std::ssize(tokens) < vocabulary) {
  const auto counts = count_weighted_pairs(words);
  if (counts.empty()) break;
  const auto pair = most_frequent(counts);
  if (counts.at(pair) == 1) break;
  merge_in_words(words, pair, number_of(tokens[static_cast<std::size_t>(pair.first)] + tokens[static_cast<std::size_t>(pair.second)], tokens));
  merges.push_back(pair);
}

//! [10.5] wrong always_added: each merge gets a new token
while (std::ssize(tokens) < vocabulary) {
  const auto counts = count_weighted_pairs(words);
  if (counts.empty()) break;
  const auto pair = most_frequent(counts);
  tokens.push_back(tokens[static_cast<std::size_t>(pair.first)] + tokens[static_cast<std::size_t>(pair.second)]);
  merge_in_words(words, pair, std::ssize(tokens) - 1);
  merges.push_back(pair);
}

//! [10.5] wrong halves_exchanged: the halves the wrong way round
while (std::ssize(tokens) < vocabulary) {
  const auto counts = count_weighted_pairs(words);
  if (counts.empty()) break;
  const auto pair = most_frequent(counts);
  merge_in_words(words, pair, number_of(tokens[static_cast<std::size_t>(pair.second)] + tokens[static_cast<std::size_t>(pair.first)], tokens));
  merges.push_back(pair);
}

//! [10.5] wrong tokens_not_written_down: numbers without tokens
for (std::int64_t made = std::ssize(tokens); made < vocabulary; ++made) {
  const auto counts = count_weighted_pairs(words);
  if (counts.empty()) break;
  merges.push_back(most_frequent(counts));
  merge_in_words(words, merges.back(), made);
}

//! [10.5] right: the counts kept along
PairCounts counts = count_weighted_pairs(words);
while (std::ssize(tokens) < vocabulary && !counts.empty()) {
  const auto pair = most_frequent(counts);
  std::string bytes = tokens.at(static_cast<std::size_t>(pair.first));
  bytes += tokens.at(static_cast<std::size_t>(pair.second));
  merge_and_update(words, counts, pair, number_of(bytes, tokens));
  merges.push_back(pair);
}

//! [10.5] right: everything by hand
for (;;) {
  if (static_cast<std::int64_t>(tokens.size()) >= vocabulary) break;
  std::map<TokenPair, std::int64_t> counts;
  for (const auto& word : words)
    for (std::size_t i = 1; i < word.tokens.size(); ++i) counts[{word.tokens[i - 1], word.tokens[i]}] += word.weight;
  std::pair<TokenPair, std::int64_t> best{{-1, -1}, 0};
  for (const auto& each : counts)
    if (each.second > best.second) best = each;
  if (best.second == 0) break;
  const auto [left, right] = best.first;
  const std::string bytes = tokens[static_cast<std::size_t>(left)] + tokens[static_cast<std::size_t>(right)];
  std::size_t made = 0;
  while (made < tokens.size() && tokens[made] != bytes) ++made;
  if (made == tokens.size()) tokens.push_back(bytes);
  for (auto& word : words) {
    std::vector<std::int64_t> stack;
    for (const auto token : word.tokens) {
      if (!stack.empty() && stack.back() == left && token == right) stack.back() = static_cast<std::int64_t>(made);
      else stack.push_back(token);
    }
    word.tokens.swap(stack);
  }
  merges.emplace_back(left, right);
}

//! [10.5] right: a function that calls itself for the rest
const std::function<void()> join_once = [&] {
  const auto counts = count_weighted_pairs(words);
  if (counts.empty() || static_cast<std::int64_t>(tokens.size()) >= vocabulary) return;
  const TokenPair& pair = merges.emplace_back(most_frequent(counts));
  const auto text_of = [&](std::int64_t token) { return tokens.at(static_cast<std::size_t>(token)); };
  merge_in_words(words, pair, number_of(text_of(pair.first) + text_of(pair.second), tokens));
  join_once();
};
join_once();

//! [10.6] wrong neighbours_forgotten: the pair's own count alone
counts.erase(pair);
merge_in_words(words, pair, made);

//! [10.6] wrong nothing_taken: what is new is added, what was stays
for (auto& word : words) {
  std::vector<WeightedWord> joined{word};
  merge_in_words(joined, pair, made);
  if (joined[0].tokens == word.tokens) continue;
  word = joined[0];
  for (std::size_t i = 1; i < word.tokens.size(); ++i) counts[{word.tokens[i - 1], word.tokens[i]}] += word.weight;
}

//! [10.6] wrong weights_ignored: -- and ++
for (auto& word : words) {
  std::vector<WeightedWord> joined{word};
  merge_in_words(joined, pair, made);
  if (joined[0].tokens == word.tokens) continue;
  for (std::size_t i = 1; i < word.tokens.size(); ++i) --counts[{word.tokens[i - 1], word.tokens[i]}];
  word = joined[0];
  for (std::size_t i = 1; i < word.tokens.size(); ++i) ++counts[{word.tokens[i - 1], word.tokens[i]}];
}
std::erase_if(counts, [](const auto& each) { return each.second == 0; });

//! [10.6] wrong zeros_stay: nothing erased
for (auto& word : words) {
  std::vector<WeightedWord> joined{word};
  merge_in_words(joined, pair, made);
  if (joined[0].tokens == word.tokens) continue;
  for (std::size_t i = 1; i < word.tokens.size(); ++i) counts[{word.tokens[i - 1], word.tokens[i]}] -= word.weight;
  word = joined[0];
  for (std::size_t i = 1; i < word.tokens.size(); ++i) counts[{word.tokens[i - 1], word.tokens[i]}] += word.weight;
}

//! [10.6] wrong words_left: the words are left as they were
for (const auto& word : words) {
  std::vector<WeightedWord> joined{word};
  merge_in_words(joined, pair, made);
  for (const auto& [each, count] : count_weighted_pairs({word})) counts[each] -= count;
  for (const auto& [each, count] : count_weighted_pairs(joined)) counts[each] += count;
}
std::erase_if(counts, [](const auto& each) { return each.second == 0; });

//! [10.6] wrong weights_ignored: -- and ++, and nothing erased
for (auto& word : words) {
  std::vector<WeightedWord> joined{word};
  merge_in_words(joined, pair, made);
  if (joined[0].tokens.size() == word.tokens.size()) continue;
  for (std::size_t i = 0; i + 1 < word.tokens.size(); ++i) --counts[{word.tokens[i], word.tokens[i + 1]}];
  word.tokens = joined[0].tokens;
  for (std::size_t i = 0; i + 1 < word.tokens.size(); ++i) ++counts[{word.tokens[i], word.tokens[i + 1]}];
}

//! [10.6] wrong counted_anew: joined, and counted
merge_in_words(words, pair, made);
counts = count_weighted_pairs(words);

//! [10.6] wrong counted_anew: emptied, and filled in one loop
counts.clear();
for (auto& word : words) {
  std::vector<std::int64_t> joined;
  for (const auto token : word.tokens) {
    if (!joined.empty() && joined.back() == pair.first && token == pair.second) joined.back() = made;
    else joined.push_back(token);
  }
  word.tokens.swap(joined);
  for (std::size_t i = 1; i < word.tokens.size(); ++i) counts[{word.tokens[i - 1], word.tokens[i]}] += word.weight;
}

//! [10.6] wrong left_neighbour_alone: the neighbour on the left alone
for (auto& word : words) {
  for (std::size_t i = 0; i + 1 < word.tokens.size(); ++i) {
    if (TokenPair(word.tokens[i], word.tokens[i + 1]) != pair) continue;
    if (i > 0) {
      counts[{word.tokens[i - 1], pair.first}] -= word.weight;
      counts[{word.tokens[i - 1], made}] += word.weight;
    }
    word.tokens[i] = made;
    word.tokens.erase(word.tokens.begin() + static_cast<std::ptrdiff_t>(i) + 1);
  }
}
counts.erase(pair);
std::erase_if(counts, [](const auto& each) { return each.second == 0; });

//! [10.6] wrong new_ones_by_one: taken off with the weight, added without
for (auto& word : words) {
  std::vector<WeightedWord> joined{word};
  merge_in_words(joined, pair, made);
  if (joined[0].tokens == word.tokens) continue;
  for (const auto& [each, count] : count_weighted_pairs({word})) counts[each] -= count;
  word = joined[0];
  for (std::size_t i = 1; i < word.tokens.size(); ++i) counts[{word.tokens[i - 1], word.tokens[i]}] += 1;
}
std::erase_if(counts, [](const auto& each) { return each.second == 0; });

//! [10.6] right: the changes are gathered first
std::map<TokenPair, std::int64_t> change;
for (auto& word : words) {
  auto& tokens = word.tokens;
  bool there = false;
  for (std::size_t i = 1; i < tokens.size(); ++i) there |= tokens[i - 1] == pair.first && tokens[i] == pair.second;
  if (!there) continue;
  for (std::size_t i = 1; i < tokens.size(); ++i) change[{tokens[i - 1], tokens[i]}] -= word.weight;
  std::vector<std::int64_t> stack;
  for (const auto token : tokens) {
    if (!stack.empty() && stack.back() == pair.first && token == pair.second) stack.back() = made;
    else stack.push_back(token);
  }
  tokens = stack;
  for (std::size_t i = 1; i < tokens.size(); ++i) change[{tokens[i - 1], tokens[i]}] += word.weight;
}
for (const auto& [each, difference] : change) {
  const auto now = counts[each] += difference;
  if (now == 0) counts.erase(each);
}

//! [10.6] right: the words that have it are set apart, and go and come as one
const auto has_pair = [&](const WeightedWord& word) { return count_weighted_pairs({word}).count(pair) > 0; };
std::vector<WeightedWord> touched;
std::copy_if(words.begin(), words.end(), std::back_inserter(touched), has_pair);
for (const auto& [each, count] : count_weighted_pairs(touched))
  if ((counts.at(each) -= count) == 0) counts.erase(each);
std::vector<bool> which;
for (const auto& word : words) which.push_back(has_pair(word));
merge_in_words(touched, pair, made);
for (const auto& [each, count] : count_weighted_pairs(touched)) counts[each] += count;
auto next = touched.begin();
for (std::size_t i = 0; i < words.size(); ++i)
  if (which[i]) words[i] = *next++;

//! [10.6] right: place by place, both neighbours
const auto add = [&](std::int64_t left, std::int64_t right, std::int64_t weight) {
  const auto entry = counts.emplace(TokenPair{left, right}, 0).first;
  entry->second += weight;
  if (entry->second == 0) counts.erase(entry);
};
for (auto& [tokens, weight] : words) {
  for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
    if (tokens[i] != pair.first || tokens[i + 1] != pair.second) continue;
    if (i > 0) add(tokens[i - 1], tokens[i], -weight), add(tokens[i - 1], made, weight);
    if (i + 2 < tokens.size()) add(tokens[i + 1], tokens[i + 2], -weight), add(made, tokens[i + 2], weight);
    add(pair.first, pair.second, -weight);
    tokens[i] = made;
    tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(i) + 1);
  }
}

//! [10.7] wrong leftmost: the first that is found
bool joined = true;
while (joined) {
  joined = false;
  for (std::size_t i = 0; i + 1 < tokens.size() && !joined; ++i) {
    if (made_by.count({tokens[i], tokens[i + 1]}) == 0) continue;
    tokens[i] = made_by.at({tokens[i], tokens[i + 1]});
    tokens.erase(std::next(tokens.begin(), static_cast<std::ptrdiff_t>(i) + 1));
    joined = true;
  }
}
return tokens;

//! [10.7] wrong longest_first: the largest number
while (true) {
  std::int64_t best = -1, place = -1;
  for (std::int64_t i = 0; i + 1 < std::ssize(tokens); ++i) {
    const auto found = made_by.find({tokens[static_cast<std::size_t>(i)], tokens[static_cast<std::size_t>(i + 1)]});
    if (found != made_by.end() && found->second > best) best = found->second, place = i;
  }
  if (place < 0) break;
  tokens[static_cast<std::size_t>(place)] = best;
  tokens.erase(tokens.begin() + place + 1);
}
return tokens;

//! [10.7] wrong rightmost_of_equals: at most for less
while (true) {
  std::int64_t best = std::numeric_limits<std::int64_t>::max(), place = -1;
  for (std::int64_t i = 0; i + 1 < std::ssize(tokens); ++i) {
    const auto found = made_by.find({tokens[static_cast<std::size_t>(i)], tokens[static_cast<std::size_t>(i + 1)]});
    if (found != made_by.end() && found->second <= best) best = found->second, place = i;
  }
  if (place < 0) return tokens;
  tokens[static_cast<std::size_t>(place)] = best;
  tokens.erase(tokens.begin() + place + 1);
}

//! [10.7] wrong one_round: no loop around it
std::map<std::int64_t, std::size_t> places;
for (std::size_t i = 1; i < tokens.size(); ++i)
  if (const auto found = made_by.find({tokens[i - 1], tokens[i]}); found != made_by.end()) places.emplace(found->second, i - 1);
if (places.empty()) return tokens;
const auto [made, place] = *places.begin();
tokens[place] = made;
tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(place + 1));
return tokens;

//! [10.7] wrong order_of_the_pairs: in the map's order, which is that of the pairs
for (const auto& [pair, made] : made_by) {
  std::vector<WeightedWord> word = {{tokens, 1}};
  merge_in_words(word, pair, made);
  tokens = word[0].tokens;
}
return tokens;

//! [10.7] wrong: gives up at the first pair that was not learned
while (true) {
  std::size_t best = tokens.size();
  for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
    const auto found = made_by.find({tokens[i], tokens[i + 1]});
    if (found == made_by.end()) break;
    if (best == tokens.size() || found->second < made_by.at({tokens[best], tokens[best + 1]})) best = i;
  }
  if (best == tokens.size()) return tokens;
  tokens[best] = made_by.at({tokens[best], tokens[best + 1]});
  tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(best) + 1);
}

//! [10.7] right: each merge in the order of learning, everywhere
std::vector<std::pair<std::int64_t, TokenPair>> by_age;
for (const auto& [pair, made] : made_by) by_age.emplace_back(made, pair);
std::sort(by_age.begin(), by_age.end());
std::vector<WeightedWord> word(1);
word[0].tokens = std::move(tokens);
for (const auto& [made, pair] : by_age) merge_in_words(word, pair, made);
return word[0].tokens;

//! [10.7] right: a linked list, and the smallest number over all neighbours
std::list<std::int64_t> chain(tokens.begin(), tokens.end());
for (;;) {
  auto best = chain.end();
  std::int64_t smallest = std::numeric_limits<std::int64_t>::max();
  for (auto left = chain.begin(); left != chain.end(); ++left) {
    const auto right = std::next(left);
    if (right == chain.end()) break;
    const auto found = made_by.find(TokenPair{*left, *right});
    if (found != made_by.end() && found->second < smallest) smallest = found->second, best = left;
  }
  if (best == chain.end()) break;
  *best = smallest;
  chain.erase(std::next(best));
}
return {chain.begin(), chain.end()};

//! [10.7] right: calls itself with one token less
std::optional<std::pair<std::int64_t, std::size_t>> best;
for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
  const TokenPair here(tokens[i], tokens[i + 1]);
  if (made_by.count(here) == 0) continue;
  const auto candidate = std::make_pair(made_by.at(here), i);
  best = best ? std::min(*best, candidate) : candidate;
}
if (!best) return tokens;
std::vector<std::int64_t> shorter(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(best->second));
shorter.push_back(best->first);
shorter.insert(shorter.end(), tokens.begin() + static_cast<std::ptrdiff_t>(best->second) + 2, tokens.end());
return encode_by_rank(shorter, made_by);
