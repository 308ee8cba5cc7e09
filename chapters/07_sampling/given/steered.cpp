#include "07_sampling/given/steered.h"

#include <fmt/format.h>

#include <utility>

#include "07_sampling/steering.h"
#include "common/base/error.h"

namespace verse {

bool SteeringOptions::changes_logits() const {
  return repetition != 1 || presence != 0 || !bias.empty() || grammar != nullptr;
}

std::string StopSearch::add(std::string_view piece) {
  if (found_) return "";
  waiting_ += piece;
  const Showable now = showable(waiting_, stops_);
  found_ = now.stopped;
  std::string shown = waiting_.substr(0, now.length);
  waiting_.erase(0, now.length);
  return shown;
}

std::string StopSearch::finish() {
  return found_ ? "" : std::exchange(waiting_, "");
}

Steering::Steering(SteeringOptions options, std::vector<std::string> tokens, const std::vector<std::int64_t>& prompt,
                   std::int64_t count)
    : options_(std::move(options)), tokens_(std::move(tokens)), text_(prompt), room_(count) {
  if (options_.grammar == nullptr) return;
  if (options_.end_token) tokens_.at(static_cast<std::size_t>(*options_.end_token)).clear();  // it is no text
  // A text can be completed byte by byte only with bytes that are tokens by themselves.
  std::string alphabet;
  for (const auto& token : tokens_) {
    if (token.size() == 1) alphabet += token;
  }
  state_.emplace(options_.grammar->restricted_to(alphabet));
  if (!state_->goes_on()) throw UsageError("the grammar allows no text but an empty one");
  if (state_->missing() > room_) {
    throw UsageError(fmt::format("the shortest text of the grammar has {} characters, and there is room for {} tokens",
                                 state_->missing(), room_));
  }
}

torch::Tensor Steering::change(const torch::Tensor& given) const {
  auto logits = given;
  if (options_.repetition != 1 || options_.presence != 0) {
    logits = penalise(logits, text_, options_.repetition, options_.presence);
  }
  if (!options_.bias.empty()) {
    logits = logits.clone();
    for (const auto& [token, bias] : options_.bias) logits[token] += bias;
  }
  if (!state_) return logits;
  auto allowed = constrain(logits, *state_, tokens_, room_);
  if (options_.end_token && state_->missing() == 0) allowed[*options_.end_token] = logits[*options_.end_token];
  return allowed;
}

bool Steering::hear(std::int64_t token) {
  if (token == options_.end_token) return false;
  text_.push_back(token);
  --room_;
  if (!state_) return true;
  for (const char byte : tokens_[static_cast<std::size_t>(token)]) state_->take(byte);
  return state_->goes_on() && room_ > 0;
}

}  // namespace verse
