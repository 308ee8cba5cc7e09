// Answers to exercise 7.9 of chapter 7: wrong ones that people give, and right ones written otherwise.

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

//! [7.9] wrong: the prompt comes back too
made = prompt;
std::vector<std::int64_t> window = prompt;
for (std::int64_t i = 0; i < count; ++i) {
  if (window.size() > context) window.erase(window.begin(), window.end() - static_cast<std::ptrdiff_t>(std::max<std::size_t>(context / 2, 1)));
  made.push_back(choose_token(next_logits(model, window, nullptr), options, random));
  window.push_back(made.back());
  if (listener && !listener(made.back())) break;
}

//! [7.9] wrong: the window slides by one
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
