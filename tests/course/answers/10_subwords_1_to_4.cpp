// Answers to exercises 10.1 to 10.4 of chapter 10: wrong ones that people give, and right ones written otherwise.

//! [10.1] wrong spaces_alone: a run of one class, nothing joined to it
std::size_t place = 0;
while (place < text.size()) {
  std::size_t length = contraction_at(text.substr(place));
  if (length == 0) {
    const auto kind = class_of(text[place]);
    while (place + length < text.size() && class_of(text[place + length]) == kind) ++length;
    if (kind == CharacterClass::space && length > 1 && place + length < text.size()) --length;
  }
  words.push_back(std::u32string(text.substr(place, length)));
  place += length;
}

//! [10.1] wrong kinds_mixed: letters and numbers are one kind
const auto kind_of = [](char32_t c) {
  switch (class_of(c)) {
    case CharacterClass::space: return 0;
    case CharacterClass::other: return 1;
    default: return 2;
  }
};
while (!text.empty()) {
  std::size_t length = contraction_at(text);
  if (length == 0) {
    length = text[0] == U' ' && text.size() > 1 && kind_of(text[1]) != 0 ? 2 : 1;
    const int kind = kind_of(text[length - 1]);
    while (length < text.size() && kind_of(text[length]) == kind) ++length;
    if (kind == 0 && length > 1 && length < text.size()) --length;
  }
  words.emplace_back(text.substr(0, length));
  text.remove_prefix(length);
}

//! [10.1] wrong no_contractions: contractions forgotten
while (!text.empty()) {
  std::size_t length = text[0] == U' ' && text.size() > 1 && class_of(text[1]) != CharacterClass::space ? 2 : 1;
  const auto kind = class_of(text[length - 1]);
  while (length < text.size() && class_of(text[length]) == kind) ++length;
  if (kind == CharacterClass::space && length > 1 && length < text.size()) --length;
  words.emplace_back(text.substr(0, length));
  text.remove_prefix(length);
}

//! [10.1] wrong all_spaces_kept: white space is taken whole
while (!text.empty()) {
  std::size_t length = contraction_at(text);
  if (length == 0) {
    length = text[0] == U' ' && text.size() > 1 && class_of(text[1]) != CharacterClass::space ? 2 : 1;
    const auto kind = class_of(text[length - 1]);
    while (length < text.size() && class_of(text[length]) == kind) ++length;
  }
  words.emplace_back(text.substr(0, length));
  text.remove_prefix(length);
}

//! [10.1] wrong any_white_space: a line's end goes with the next word as a space does
while (!text.empty()) {
  std::size_t length = contraction_at(text);
  if (length == 0) {
    const bool space = class_of(text[0]) == CharacterClass::space;
    length = space && text.size() > 1 && class_of(text[1]) != CharacterClass::space ? 2 : 1;
    const auto kind = class_of(text[length - 1]);
    while (length < text.size() && class_of(text[length]) == kind) ++length;
    if (kind == CharacterClass::space && length > 1 && length < text.size()) --length;
  }
  words.emplace_back(text.substr(0, length));
  text.remove_prefix(length);
}

//! [10.1] wrong: a word is handed on only when the next one begins, so the last one is lost
std::u32string word;
for (std::size_t i = 0; i < text.size(); ++i) {
  const bool new_kind = i > 0 && class_of(text[i]) != class_of(text[i - 1]) && text[i - 1] != U' ';
  if (new_kind) {
    words.push_back(word);
    word.clear();
  }
  word += text[i];
}

//! [10.1] right: a text that gets shorter from the front
while (!text.empty()) {
  std::size_t length = contraction_at(text);
  if (length == 0) {
    length = text[0] == U' ' && text.size() > 1 && class_of(text[1]) != CharacterClass::space ? 2 : 1;
    const auto kind = class_of(text[length - 1]);
    while (length < text.size() && class_of(text[length]) == kind) ++length;
    if (kind == CharacterClass::space && length > 1 && length < text.size()) --length;
  }
  words.emplace_back(text.substr(0, length));
  text.remove_prefix(length);
}

//! [10.1] right: one function for each of the rule's cases, asked one after the other
using View = std::u32string_view;
const auto run = [](View rest, std::size_t from, CharacterClass kind) {
  const auto end = std::find_if(rest.begin() + static_cast<std::ptrdiff_t>(from), rest.end(), [&](char32_t c) { return class_of(c) != kind; });
  return static_cast<std::size_t>(end - rest.begin());
};
const auto of_kind = [&](CharacterClass kind) {
  return [&run, kind](View rest) -> std::size_t {
    const std::size_t from = rest.front() == U' ' ? 1 : 0;
    const std::size_t end = run(rest, from, kind);
    return end > from ? end : 0;
  };
};
const auto spaces = [&](View rest) -> std::size_t {
  const std::size_t end = run(rest, 0, CharacterClass::space);
  return end == rest.size() || end == 1 ? end : end - 1;
};
const std::vector<std::function<std::size_t(View)>> rules = {
    contraction_at, of_kind(CharacterClass::letter), of_kind(CharacterClass::number), of_kind(CharacterClass::other), spaces};
for (std::size_t begin = 0; begin < text.size();) {
  std::size_t length = 0;
  for (const auto& rule : rules)
    if (length == 0) length = rule(text.substr(begin));
  words.push_back(std::u32string(text.substr(begin, length)));
  begin += length;
}

//! [10.1] right: a letter at a time, by what the word has so far
std::size_t i = 0;
const auto is_space = [&](std::size_t place) { return class_of(text[place]) == CharacterClass::space; };
while (i < text.size()) {
  std::u32string word;
  if (const std::size_t n = contraction_at(text.substr(i)); n > 0) {
    for (std::size_t k = 0; k < n; ++k) word += text[i++];
  } else if (is_space(i) && (text[i] != U' ' || i + 1 == text.size() || is_space(i + 1))) {
    word += text[i++];
    while (i < text.size() && is_space(i) && (i + 1 == text.size() || is_space(i + 1))) word += text[i++];
  } else {
    if (text[i] == U' ') word += text[i++];
    word += text[i++];
    while (i < text.size() && class_of(text[i]) == class_of(word.back())) word += text[i++];
  }
  words.push_back(std::move(word));
}

//! [10.2] wrong weights_ignored: ++
for (const auto& word : words)
  for (std::size_t i = 1; i < word.tokens.size(); ++i) ++counts[TokenPair(word.tokens[i - 1], word.tokens[i])];

//! [10.2] wrong across_words: all words side by side
std::vector<std::int64_t> all, weights;
for (const auto& word : words)
  for (const auto token : word.tokens) all.push_back(token), weights.push_back(word.weight);
for (std::size_t i = 0; i + 1 < all.size(); ++i) counts[{all[i], all[i + 1]}] += weights[i];

//! [10.2] wrong no_overlap: a pair equal to the one before is passed over
for (const auto& word : words) {
  TokenPair before{-1, -1};
  for (std::size_t i = 0; i + 1 < word.tokens.size(); ++i) {
    const TokenPair pair{word.tokens[i], word.tokens[i + 1]};
    if (pair == before) {
      before = {-1, -1};
      continue;
    }
    counts[pair] += word.weight;
    before = pair;
  }
}

//! [10.2] wrong once_a_word: a set of a word's pairs
for (const auto& word : words) {
  std::set<TokenPair> pairs;
  for (std::size_t i = 1; i < word.tokens.size(); ++i) pairs.emplace(word.tokens[i - 1], word.tokens[i]);
  for (const auto& pair : pairs) counts[pair] += word.weight;
}

//! [10.2] wrong last_word_alone: the count is written, not added to
for (const auto& word : words)
  for (std::size_t i = 0; i + 1 < word.tokens.size(); ++i) counts[{word.tokens[i], word.tokens[i + 1]}] = word.weight;

//! [10.2] wrong first_pair_left_out: the first pair of each word is left out
for (const auto& word : words)
  for (std::size_t i = 1; i + 1 < word.tokens.size(); ++i) counts[{word.tokens[i], word.tokens[i + 1]}] += word.weight;

//! [10.2] wrong either_order: a pair is one number and another in ascending order
for (const auto& word : words)
  for (std::size_t i = 1; i < word.tokens.size(); ++i) counts[std::minmax({word.tokens[i - 1], word.tokens[i]})] += word.weight;

//! [10.2] right: all pairs in a list, sorted, and equal ones added up
std::vector<std::pair<TokenPair, std::int64_t>> all;
for (const auto& word : words)
  for (std::size_t i = 1; i < word.tokens.size(); ++i) all.push_back({{word.tokens[i - 1], word.tokens[i]}, word.weight});
std::sort(all.begin(), all.end());
for (auto each = all.begin(); each != all.end();) {
  const auto end = std::find_if(each, all.end(), [&](const auto& other) { return other.first != each->first; });
  std::int64_t sum = 0;
  for (auto one = each; one != end; ++one) sum += one->second;
  counts.emplace_hint(counts.end(), each->first, sum);
  each = end;
}

//! [10.2] right: two iterators, from the end of the list
for (auto word = words.rbegin(); word != words.rend(); ++word) {
  if (word->tokens.empty()) continue;
  for (auto left = word->tokens.begin(), right = std::next(left); right != word->tokens.end(); ++left, ++right) {
    const auto [place, is_new] = counts.try_emplace(TokenPair{*left, *right}, 0);
    place->second += word->weight;
  }
}

//! [10.2] right: added one by one, by the weight
for (const auto& word : words) {
  for (std::int64_t time = 0; time < word.weight; ++time) {
    for (std::size_t i = word.tokens.size(); i-- > 1;) ++counts[std::make_pair(word.tokens[i - 1], word.tokens[i])];
  }
}

//! [10.3] wrong last_of_equals: from the back
return std::max_element(counts.rbegin(), counts.rend(), [](const auto& a, const auto& b) { return a.second < b.second; })->first;

//! [10.3] wrong rarest: compared the wrong way round
return std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.second > b.second; })->first;

//! [10.3] wrong largest_numbers: max_element as it is compares the keys
return std::max_element(counts.begin(), counts.end())->first;

//! [10.3] wrong smallest_numbers: the first one
return counts.begin()->first;

//! [10.3] wrong right_number_first: of equals, the one whose right number is smallest
TokenPair best = counts.begin()->first;
for (const auto& [pair, count] : counts) {
  const auto most = counts.at(best);
  if (count > most || (count == most && pair.second < best.second)) best = pair;
}
return best;

//! [10.3] wrong last_of_equals: a map of counts, where a later pair takes an earlier one's place
std::map<std::int64_t, TokenPair> by_count;
for (const auto& [pair, count] : counts) by_count[count] = pair;
return by_count.rbegin()->second;

//! [10.3] right: a loop that keeps the best
TokenPair best{};
std::int64_t most = 0;
for (const auto& [pair, count] : counts) {
  if (count <= most) continue;
  most = count;
  best = pair;
}
return best;

//! [10.3] right: sorted, most frequent first
std::vector<std::pair<std::int64_t, TokenPair>> all;
for (const auto& [pair, count] : counts) all.emplace_back(-count, pair);
std::sort(all.begin(), all.end());
return all.front().second;

//! [10.3] right: the first pair of each count, and the largest count
std::map<std::int64_t, TokenPair, std::greater<>> first_with;
for (const auto& [pair, count] : counts) first_with.emplace(count, pair);
return first_with.begin()->second;

//! [10.4] wrong first_only: searched for once
const std::int64_t wanted[] = {pair.first, pair.second};
for (auto& word : words) {
  const auto place = std::search(word.tokens.begin(), word.tokens.end(), std::begin(wanted), std::end(wanted));
  if (place == word.tokens.end()) continue;
  *place = made;
  word.tokens.erase(place + 1);
}

//! [10.4] wrong from_the_right: erased from the back, so that places stay where they are
for (auto& word : words) {
  auto& tokens = word.tokens;
  for (std::size_t i = tokens.size(); i-- > 0;) {
    if (i + 1 >= tokens.size() || tokens[i] != pair.first || tokens[i + 1] != pair.second) continue;
    tokens[i] = made;
    tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(i) + 1);
  }
}

//! [10.4] wrong right_half_stays: overwritten where it stands, nothing erased
for (auto& word : words)
  for (std::size_t i = 0; i + 1 < word.tokens.size(); ++i)
    if (TokenPair(word.tokens[i], word.tokens[i + 1]) == pair) word.tokens[i] = made;

//! [10.4] wrong either_order: compared in ascending order
for (auto& word : words) {
  std::vector<std::int64_t> joined;
  for (std::size_t i = 0; i < word.tokens.size(); ++i) {
    if (i + 1 < word.tokens.size() && std::minmax(word.tokens[i], word.tokens[i + 1]) == std::minmax(pair.first, pair.second)) {
      joined.push_back(made);
      ++i;
    } else {
      joined.push_back(word.tokens[i]);
    }
  }
  word.tokens = joined;
}

//! [10.4] wrong copies_joined: a copy of each word is joined
for (auto word : words) {
  std::vector<std::int64_t> joined;
  for (const auto token : word.tokens) {
    if (!joined.empty() && joined.back() == pair.first && token == pair.second) joined.back() = made;
    else joined.push_back(token);
  }
  word.tokens = joined;
}

//! [10.4] wrong last_token_lost: the last token of a word is lost
for (auto& word : words) {
  std::vector<std::int64_t> joined;
  for (std::size_t i = 0; i + 1 < word.tokens.size(); ++i) {
    if (word.tokens[i] == pair.first && word.tokens[i + 1] == pair.second) joined.push_back(made), ++i;
    else joined.push_back(word.tokens[i]);
  }
  word.tokens = std::move(joined);
}

//! [10.4] right: a stack, on which the second half finds the first
for (auto& word : words) {
  std::vector<std::int64_t> stack;
  for (const auto token : word.tokens) {
    if (!stack.empty() && stack.back() == pair.first && token == pair.second) stack.back() = made;
    else stack.push_back(token);
  }
  word.tokens = std::move(stack);
}

//! [10.4] right: searched for again behind each place
const std::int64_t wanted[] = {pair.first, pair.second};
for (auto& word : words) {
  auto place = word.tokens.begin();
  while ((place = std::search(place, word.tokens.end(), std::begin(wanted), std::end(wanted))) != word.tokens.end()) {
    *place = made;
    place = word.tokens.erase(std::next(place));
  }
}

//! [10.4] right: second halves are marked, then taken out
std::transform(words.begin(), words.end(), words.begin(), [&](WeightedWord word) {
  auto& tokens = word.tokens;
  std::vector<bool> gone(tokens.size() + 1, false);
  for (std::size_t i = 0; i + 1 < tokens.size(); ++i)
    gone[i + 1] = !gone[i] && tokens[i] == pair.first && tokens[i + 1] == pair.second;
  std::vector<std::int64_t> left;
  for (std::size_t i = 0; i < tokens.size(); ++i)
    if (!gone[i]) left.push_back(gone[i + 1] ? made : tokens[i]);
  return WeightedWord{left, word.weight};
});
