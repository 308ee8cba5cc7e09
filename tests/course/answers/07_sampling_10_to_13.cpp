//! [7.10] wrong: the share is taken for a probability
const auto kept = probabilities * (probabilities >= share).to(probabilities.scalar_type());
return kept / kept.sum();

//! [7.10] wrong not_shared_out_again: what is left is not shared out again
return torch::where(probabilities >= share * probabilities.amax(), probabilities, torch::zeros_like(probabilities));

//! [7.10] wrong: exactly the share is dropped
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

//! [7.12] wrong: nothing is shown before a stop
std::size_t end = std::string_view::npos;
for (const auto& stop : stops) {
  const std::size_t begin = text.find(stop);
  if (begin == std::string_view::npos || begin + stop.size() >= end) continue;
  end = begin + stop.size();
  result = {begin, true};
}
if (!result.stopped) result.length = 0;

//! [7.12] wrong: what may become a stop string is shown
std::size_t end = std::string_view::npos;
for (const auto& stop : stops) {
  const std::size_t begin = text.find(stop);
  if (begin == std::string_view::npos || begin + stop.size() >= end) continue;
  end = begin + stop.size();
  result = {begin, true};
}
if (!result.stopped) result.length = text.size();

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
