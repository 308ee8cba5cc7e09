#include "07_sampling/steering.h"

#include <fmt/core.h>

#include <algorithm>
#include <limits>

#include "common/base/error.h"

namespace verse {

torch::Tensor keep_min_p(const torch::Tensor& probabilities, double share) {
  if (!(share > 0 && share <= 1)) throw UsageError(fmt::format("min-p must be above 0 and at most 1, not {}", share));
  //! [7.10]
  // What a token has to reach depends on how sure the model is of its best one.
  const auto kept = torch::where(probabilities >= share * probabilities.max(), probabilities, 0.0);
  return kept / kept.sum();
  //! [7.10]
}

torch::Tensor penalise(const torch::Tensor& logits, const std::vector<std::int64_t>& text, double repetition,
                       double presence) {
  if (!(repetition > 0)) throw UsageError(fmt::format("a repetition penalty must be above 0, not {}", repetition));
  //! [7.11]
  // True where a token occurs in the text; how often does not matter.
  auto occurs = torch::zeros({logits.size(0)}, torch::kBool);
  for (const std::int64_t token : text) occurs[token] = true;
  occurs = occurs.to(logits.device());

  // A negative logit is divided by nothing: it would come closer to 0, and the token become more likely.
  const auto lowered = torch::where(logits > 0, logits / repetition, logits * repetition) - presence;
  return torch::where(occurs, lowered, logits);
  //! [7.11]
}

Showable showable(std::string_view text, const std::vector<std::string>& stops) {
  Showable result;
  //! [7.12]
  // The stop string that is complete first ends the text; of two that end alike, the one that began first.
  std::size_t end = std::string_view::npos;
  for (const auto& stop : stops) {
    const std::size_t begin = text.find(stop);
    if (begin == std::string_view::npos || begin + stop.size() > end) continue;
    if (begin + stop.size() == end && begin > result.length) continue;
    end = begin + stop.size();
    result = {begin, true};
  }
  if (result.stopped) return result;

  // The longest end of the text with which a stop string begins has to wait for what comes.
  std::size_t waiting = 0;
  for (const auto& stop : stops) {
    for (std::size_t length = std::min(stop.size() - 1, text.size()); length > waiting; --length) {
      if (text.ends_with(stop.substr(0, length))) waiting = length;
    }
  }
  result.length = text.size() - waiting;
  //! [7.12]
  return result;
}

torch::Tensor constrain(const torch::Tensor& logits, const GrammarState& state, const std::vector<std::string>& tokens,
                        std::int64_t room) {
  //! [7.13]
  auto allowed = torch::zeros({logits.size(0)}, torch::kBool);
  for (std::size_t token = 0; token < tokens.size(); ++token) {
    // Each token is tried on a copy: the grammar goes along as far as the token's bytes may follow.
    GrammarState after = state;
    bool fits = !tokens[token].empty();
    for (const char byte : tokens[token]) fits = fits && after.take(byte);

    // And the text must still have room to be completed, in the worst case a byte a token.
    if (fits && after.missing() <= room - 1) allowed[static_cast<std::int64_t>(token)] = true;
  }
  return logits.masked_fill(allowed.logical_not().to(logits.device()), -std::numeric_limits<double>::infinity());
  //! [7.13]
}

}  // namespace verse
