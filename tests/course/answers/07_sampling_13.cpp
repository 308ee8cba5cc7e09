// Answers to exercise 7.13 of chapter 7: wrong ones that people give, and right ones written otherwise.

//! [7.13] wrong inverted: what may follow is forbidden
auto allowed = torch::zeros({logits.size(0)}, torch::kBool);
for (std::size_t token = 0; token < tokens.size(); ++token) {
  GrammarState after = state;
  bool fits = !tokens[token].empty();
  for (const char byte : tokens[token]) fits = fits && after.take(byte);
  if (fits && after.missing() <= room - 1) allowed[static_cast<std::int64_t>(token)] = true;
}
return logits.masked_fill(allowed, -std::numeric_limits<double>::infinity());

//! [7.13] wrong room_forgotten: the room is forgotten
auto result = torch::full_like(logits, -std::numeric_limits<double>::infinity());
for (std::size_t token = 0; token < tokens.size(); ++token) {
  GrammarState after = state;
  bool fits = !tokens[token].empty();
  for (const char byte : tokens[token]) fits = fits && after.take(byte);
  const auto place = static_cast<std::int64_t>(token);
  if (fits) result[place] = logits[place];
}
return result;

//! [7.13] right: from nothing up
auto result = torch::full_like(logits, -std::numeric_limits<double>::infinity());
for (std::size_t token = 0; token < tokens.size(); ++token) {
  if (tokens[token].empty()) continue;
  GrammarState after = state;
  bool fits = true;
  for (std::size_t i = 0; i < tokens[token].size() && fits; ++i) fits = after.take(tokens[token][i]);
  const auto place = static_cast<std::int64_t>(token);
  if (fits && after.missing() < room) result[place] = logits[place];
}
return result;

//! [7.13] right: a list of what is allowed
const std::function<std::optional<GrammarState>(GrammarState, std::string_view)> after = [&](GrammarState now, std::string_view bytes) -> std::optional<GrammarState> {
  if (bytes.empty()) return now;
  if (!now.take(bytes.front())) return std::nullopt;
  return after(std::move(now), bytes.substr(1));
};
std::vector<std::int64_t> allowed;
for (std::size_t token = 0; token < tokens.size(); ++token) {
  if (tokens[token].size() == 0) continue;
  const auto then = after(state, tokens[token]);
  if (then && then->missing() + 1 <= room) allowed.push_back(static_cast<std::int64_t>(token));
}
const auto places = torch::tensor(allowed, torch::kInt64);
auto result = torch::full_like(logits, -INFINITY);
return allowed.empty() ? result : result.index_copy(0, places, logits.index_select(0, places));

//! [7.13] right: minus infinity added
auto penalty = torch::zeros({static_cast<std::int64_t>(tokens.size())}, logits.options());
for (std::size_t token = 0; token < tokens.size(); ++token) {
  auto copy = state;
  const bool all = !tokens[token].empty() && std::all_of(tokens[token].begin(), tokens[token].end(), [&copy](char byte) { return copy.take(byte); });
  const bool room_left = all && copy.missing() < room;
  if (!room_left) penalty[static_cast<std::int64_t>(token)] = -std::numeric_limits<float>::infinity();
}
return logits + penalty;
