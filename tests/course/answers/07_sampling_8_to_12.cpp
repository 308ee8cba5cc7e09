// Answers to exercises 7.8 to 7.12 of chapter 7: wrong ones that people give, and right ones written otherwise.

//! [7.8] wrong first_position: the first position
ForwardExtras extras;
extras.cache = cache;
return model->forward(torch::tensor(tokens, torch::kInt64).to(device).unsqueeze(0), extras)[0][0];

//! [7.8] wrong all_positions: all positions
ForwardExtras extras;
extras.cache = cache;
return model->forward(torch::tensor(tokens, torch::kInt64).to(device).unsqueeze(0), extras)[0];

//! [7.8] wrong cache_not_given: without the cache
return model->forward(torch::tensor(tokens, torch::kInt64).to(device).unsqueeze(0))[0][-1];

//! [7.8] wrong probabilities: probabilities
ForwardExtras extras;
extras.cache = cache;
return softmax(model->forward(torch::tensor(tokens, torch::kInt64).to(device).unsqueeze(0), extras)[0][-1]);

//! [7.8] wrong batch_left_on: the batch left on
ForwardExtras extras;
extras.cache = cache;
return model->forward(torch::tensor(tokens, torch::kInt64).to(device).unsqueeze(0), extras).select(1, -1);

//! [7.8] wrong put_into_evaluation: put into evaluation for good
model->eval();
ForwardExtras extras;
extras.cache = cache;
return model->forward(torch::tensor(tokens, torch::kInt64).to(device).unsqueeze(0), extras)[0][-1];

//! [7.8] wrong positions_from_zero: positions from 0, whatever was kept
ForwardExtras extras;
extras.cache = cache;
const auto input = torch::tensor(tokens, torch::kInt64).to(device).unsqueeze(0);
const auto x = torch::embedding(model->token_embedding, input);
return model->forward_embedded(x, torch::arange(input.size(1), input.options()), extras)[0][-1];

//! [7.8] right: all logits, the last picked
ForwardExtras extras;
extras.cache = cache;
const auto input = torch::tensor(tokens, torch::dtype(torch::kInt64).device(device)).view({1, -1});
const auto logits = model->forward(input, extras);
return logits.squeeze(0).select(0, logits.size(1) - 1);

//! [7.8] right: embedded here, at positions behind what the cache has
ForwardExtras extras;
extras.cache = cache;
const std::int64_t kept = cache != nullptr ? cache->front()->length() : 0, time = static_cast<std::int64_t>(tokens.size());
const auto now = torch::tensor(tokens, torch::kInt64).to(device);
const auto x = model->token_embedding.index_select(0, now).unsqueeze(0);
const auto logits = model->forward_embedded(x, torch::arange(kept, kept + time, now.options()), extras);
return logits.index({0, -1});

//! [7.8] right: only the last, flattened
ForwardExtras extras{};
extras.last_only = true;
extras.cache = cache;
std::vector<std::int64_t> copy = tokens;
const auto input = torch::from_blob(copy.data(), {1, static_cast<std::int64_t>(copy.size())}, torch::kInt64).clone().to(device);
return model->forward(input, extras).flatten();

//! [7.9] wrong always_cached: a cache without being asked
std::vector<std::int64_t> unread = prompt, window;
Cache cache = make_cache(model->shape().layers);
while (static_cast<std::int64_t>(made.size()) < count) {
  window.insert(window.end(), unread.begin(), unread.end());
  if (window.size() > context) {
    window.erase(window.begin(), window.end() - static_cast<std::ptrdiff_t>(std::max<std::size_t>(context / 2, 1)));
    unread = window;
    cache = make_cache(model->shape().layers);
  }
  made.push_back(choose_token(next_logits(model, unread, &cache), options, random));
  unread = {made.back()};
  if (listener && !listener(made.back())) break;
}

//! [7.9] wrong never_cached: never a cache
std::vector<std::int64_t> window = prompt;
while (static_cast<std::int64_t>(made.size()) < count) {
  if (window.size() > context) window.erase(window.begin(), window.end() - static_cast<std::ptrdiff_t>(std::max<std::size_t>(context / 2, 1)));
  made.push_back(choose_token(next_logits(model, window, nullptr), options, random));
  window.push_back(made.back());
  if (listener && !listener(made.back())) break;
}

//! [7.9] wrong: kept = 0 in a context of one
std::vector<std::int64_t> unread = prompt, window;
Cache cache = make_cache(model->shape().layers);
while (static_cast<std::int64_t>(made.size()) < count) {
  window.insert(window.end(), unread.begin(), unread.end());
  if (window.size() > context) {
    window.erase(window.begin(), window.end() - static_cast<std::ptrdiff_t>(context / 2));
    unread = window;
    cache = make_cache(model->shape().layers);
  }
  made.push_back(choose_token(options.cached ? next_logits(model, unread, &cache) : next_logits(model, window, nullptr), options, random));
  unread = {made.back()};
  if (listener && !listener(made.back())) break;
}

//! [7.9] wrong left_in_training: left in training
std::vector<std::int64_t> unread = prompt, window;
Cache cache = make_cache(model->shape().layers);
model->train();
while (static_cast<std::int64_t>(made.size()) < count) {
  window.insert(window.end(), unread.begin(), unread.end());
  if (window.size() > context) {
    window.erase(window.begin(), window.end() - static_cast<std::ptrdiff_t>(std::max<std::size_t>(context / 2, 1)));
    unread = window;
    cache = make_cache(model->shape().layers);
  }
  made.push_back(choose_token(options.cached ? next_logits(model, unread, &cache) : next_logits(model, window, nullptr), options, random));
  unread = {made.back()};
  if (listener && !listener(made.back())) break;
}

//! [7.9] wrong never_cached+prompt_returned: the prompt comes back too
made = prompt;
std::vector<std::int64_t> window = prompt;
for (std::int64_t i = 0; i < count; ++i) {
  if (window.size() > context) window.erase(window.begin(), window.end() - static_cast<std::ptrdiff_t>(std::max<std::size_t>(context / 2, 1)));
  made.push_back(choose_token(next_logits(model, window, nullptr), options, random));
  window.push_back(made.back());
  if (listener && !listener(made.back())) break;
}

//! [7.9] wrong never_cached+whole_context_kept: the window slides by one
std::vector<std::int64_t> window = prompt;
while (static_cast<std::int64_t>(made.size()) < count) {
  if (window.size() > context) window.erase(window.begin(), window.end() - static_cast<std::ptrdiff_t>(context));
  if (options.cached) {
    Cache cache = make_cache(model->shape().layers);
    made.push_back(choose_token(next_logits(model, window, &cache), options, random));
  } else {
    made.push_back(choose_token(next_logits(model, window, nullptr), options, random));
  }
  window.push_back(made.back());
  if (listener && !listener(made.back())) break;
}

//! [7.9] wrong listener_always_called: the listener is believed to be there
std::vector<std::int64_t> unread = prompt, window;
Cache cache = make_cache(model->shape().layers);
while (static_cast<std::int64_t>(made.size()) < count) {
  window.insert(window.end(), unread.begin(), unread.end());
  if (window.size() > context) {
    window.erase(window.begin(), window.end() - static_cast<std::ptrdiff_t>(std::max<std::size_t>(context / 2, 1)));
    unread = window;
    cache = make_cache(model->shape().layers);
  }
  made.push_back(choose_token(options.cached ? next_logits(model, unread, &cache) : next_logits(model, window, nullptr), options, random));
  unread = {made.back()};
  if (!listener(made.back())) break;
}

//! [7.9] right: a position that was read up to
std::vector<std::int64_t> window = prompt;
std::size_t read = 0;
Cache cache = make_cache(model->shape().layers);
for (std::int64_t i = 0; i < count; ++i) {
  if (window.size() > context) {
    const auto half = std::max<std::size_t>(context / 2, 1);
    window = std::vector<std::int64_t>(window.end() - static_cast<std::ptrdiff_t>(half), window.end());
    read = 0;
    cache = make_cache(model->shape().layers);
  }
  torch::Tensor logits;
  if (options.cached) {
    logits = next_logits(model, {window.begin() + static_cast<std::ptrdiff_t>(read), window.end()}, &cache);
    read = window.size();
  } else {
    logits = next_logits(model, window, nullptr);
  }
  const auto token = choose_token(logits, options, random);
  made.push_back(token);
  window.push_back(token);
  if (listener && !listener(token)) return made;
}

//! [7.9] right: a function for each of the two ways
std::vector<std::int64_t> window;
const auto no_cache = [&] { return next_logits(model, window, nullptr); };
std::optional<Cache> cache;
std::size_t read = 0;
const auto with_cache = [&] {
  if (!cache) cache = make_cache(model->shape().layers), read = 0;
  const std::vector<std::int64_t> fresh(window.begin() + static_cast<std::ptrdiff_t>(read), window.end());
  read = window.size();
  return next_logits(model, fresh, &*cache);
};
window = prompt;
for (std::int64_t left = count; left > 0; --left) {
  if (window.size() > context) {
    window.assign(window.end() - std::max<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(context) / 2, 1), window.end());
    cache.reset();
  }
  const auto logits = options.cached ? with_cache() : no_cache();
  window.push_back(choose_token(logits, options, random));
  made.push_back(window.back());
  if (listener && !listener(window.back())) left = 1;
}

//! [7.9] right: the whole text kept, and where the window begins
std::vector<std::int64_t> text = prompt;
std::size_t begin = 0, read = 0;
Cache cache = make_cache(model->shape().layers);
while (std::ssize(made) < count) {
  if (text.size() - begin > context) {
    begin = text.size() - std::max<std::size_t>(context / 2, 1);
    read = begin;
    Cache().swap(cache);
    cache = make_cache(model->shape().layers);
  }
  const std::size_t from = options.cached ? std::max(read, begin) : begin;
  const std::vector<std::int64_t> input(text.begin() + static_cast<std::ptrdiff_t>(from), text.end());
  const auto logits = next_logits(model, input, options.cached ? &cache : nullptr);
  read = text.size();
  const std::int64_t token = choose_token(logits, options, random);
  text.push_back(token);
  made.push_back(token);
  const bool go_on = listener ? listener(token) : true;
  if (!go_on) break;
}

//! [7.10] wrong share_for_probability: the share is taken for a probability
const auto kept = probabilities * (probabilities >= share).to(probabilities.scalar_type());
return kept / kept.sum();

//! [7.10] wrong not_shared_out_again: what is left is not shared out again
return torch::where(probabilities >= share * probabilities.amax(), probabilities, torch::zeros_like(probabilities));

//! [7.10] wrong share_dropped: exactly the share is dropped
const auto kept = probabilities.masked_fill(probabilities <= share * probabilities.max(), 0.0);
return kept / kept.sum();

//! [7.10] wrong of_the_mean: of the mean
const auto kept = torch::where(probabilities >= share * probabilities.mean(), probabilities, 0.0);
return kept / kept.sum();

//! [7.10] right: token by token
auto kept = probabilities.clone();
const double least = share * probabilities.max().item<double>();
for (std::int64_t token = 0; token < kept.size(0); ++token)
  if (kept[token].item<double>() < least) kept[token] = 0.0;
return kept.div_(kept.sum());

//! [7.10] right: what is too small is masked
const auto kept = probabilities.masked_fill(probabilities < probabilities.amax() * share, 0);
return kept * (1 / kept.sum());

//! [7.10] right: as shares of the largest
const auto relative = probabilities / std::get<0>(probabilities.max(0));
const auto kept = probabilities * (relative >= share).to(probabilities.dtype());
return kept / kept.sum(0, true);

//! [7.11] wrong negative_divided: negative logits are divided as well
auto result = logits.clone();
for (const std::int64_t token : std::set<std::int64_t>(text.begin(), text.end()))
  result[token] = logits[token] / repetition - presence;
return result;

//! [7.11] wrong each_occurrence: every occurrence counts
auto result = logits.clone();
for (const std::int64_t token : text) {
  const double logit = result[token].item<double>();
  result[token] = (logit > 0 ? logit / repetition : logit * repetition) - presence;
}
return result;

//! [7.11] wrong rewarded: what was said is raised
auto result = logits.clone();
for (const std::int64_t token : std::set<std::int64_t>(text.begin(), text.end())) {
  const double logit = logits[token].item<double>();
  result[token] = (logit > 0 ? logit * repetition : logit / repetition) + presence;
}
return result;

//! [7.11] wrong all_tokens: every token is punished
return torch::where(logits > 0, logits / repetition, logits * repetition) - presence;

//! [7.11] right: one token after the other
auto result = logits.clone();
for (const std::int64_t token : std::set<std::int64_t>(text.begin(), text.end())) {
  const auto logit = logits[token];
  const bool positive = logit.item<double>() > 0;
  result[token] = (positive ? logit / repetition : logit * repetition) - presence;
}
return result;

//! [7.11] right: a factor and a term for the whole vocabulary
const std::int64_t n = logits.size(0);
const auto counts = torch::bincount(torch::tensor(text, torch::kInt64), {}, n);
const auto said = (counts > 0).to(logits.dtype());
const auto positive = (logits > 0).to(logits.dtype());
const auto factor = positive / repetition + (1 - positive) * repetition;
return logits * (1 - said) + (logits * factor - presence) * said;

//! [7.11] right: gathered, changed, and put back
auto result = logits.clone();
if (text.empty()) return result;
const auto tokens = std::get<0>(at::_unique(torch::tensor(text, torch::kInt64)));
const auto now = logits.gather(0, tokens);
const auto changed = torch::max(now, torch::zeros_like(now)) / repetition + torch::min(now, torch::zeros_like(now)) * repetition;
return result.scatter_(0, tokens, changed - presence);

//! [7.12] wrong listed_of_equals+nothing_shown: nothing is shown before a stop
std::size_t end = std::string_view::npos;
for (const auto& stop : stops) {
  const std::size_t begin = text.find(stop);
  if (begin == std::string_view::npos || begin + stop.size() >= end) continue;
  end = begin + stop.size();
  result = {begin, true};
}
if (!result.stopped) result.length = 0;

//! [7.12] wrong half_of_it_shown+listed_of_equals: what may become a stop string is shown
std::size_t end = std::string_view::npos;
for (const auto& stop : stops) {
  const std::size_t begin = text.find(stop);
  if (begin == std::string_view::npos || begin + stop.size() >= end) continue;
  end = begin + stop.size();
  result = {begin, true};
}
if (!result.stopped) result.length = text.size();

//! [7.12] right: byte by byte, what ends here
for (std::size_t end = 1; end <= text.size() && !result.stopped; ++end) {
  std::size_t longest = 0;
  for (const auto& stop : stops)
    if (text.substr(0, end).ends_with(stop)) longest = std::max(longest, stop.size());
  if (longest > 0) result = {end - longest, true};
}
if (result.stopped) return result;
result.length = text.size();
for (std::size_t begin = text.size(); begin-- > 0;) {
  const auto rest = text.substr(begin);
  for (const auto& stop : stops)
    if (std::string_view(stop).starts_with(rest)) result.length = begin;
}
return result;

//! [7.12] right: all places sorted by where they end
std::vector<std::pair<std::size_t, std::size_t>> ends;
for (const std::string& stop : stops)
  for (std::size_t begin = text.find(stop); begin != std::string_view::npos; begin = text.find(stop, begin + 1)) ends.emplace_back(begin + stop.size(), begin);
if (!ends.empty()) {
  result = {std::min_element(ends.begin(), ends.end())->second, true};
} else {
  std::size_t shown = 0;
  const auto begins_one = [&](std::size_t place) {
    return std::any_of(stops.begin(), stops.end(), [&](const std::string& stop) { return stop.compare(0, text.size() - place, text.substr(place)) == 0; });
  };
  while (shown < text.size() && !begins_one(shown)) ++shown;
  result.length = shown;
}

//! [7.12] right: each stop string moved along the text by hand
std::optional<std::pair<std::size_t, std::size_t>> first;
std::size_t waiting = text.size();
for (const auto& stop : stops) {
  for (std::size_t begin = 0; begin < text.size(); ++begin) {
    std::size_t fits = 0;
    while (fits < stop.size() && begin + fits < text.size() && text[begin + fits] == stop[fits]) ++fits;
    if (fits == stop.size()) {
      const std::pair<std::size_t, std::size_t> found{begin + fits, begin};
      if (!first || found < *first) first = found;
      break;
    }
    if (begin + fits == text.size()) waiting = std::min(waiting, begin);
  }
}
result.stopped = first.has_value();
result.length = first ? first->second : waiting;
