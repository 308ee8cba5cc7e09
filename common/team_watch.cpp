/// @file
/// Who of a team is still there, and whose fault it is when it is not.

#include <algorithm>
#include <cstdlib>
#include <future>

#include "common/team_engine.h"

namespace verse {

namespace {

constexpr Milliseconds kSignEvery{250};
constexpr Milliseconds kLookFor{1000};       ///< signs that do not change for so long have stopped
constexpr Milliseconds kAnswerWithin{3000};  ///< else the store cannot be reached
constexpr Milliseconds kStayFor{3000};       ///< rank 0 keeps the store for the others' sake

constexpr Milliseconds kGoodbyeWithin{1000};  ///< the others keep nothing that anybody needs

constexpr const char* kVerdict = "verdict";

std::string text_of(const std::vector<std::uint8_t>& bytes) {
  return {bytes.begin(), bytes.end()};
}

std::string seconds(Milliseconds time) {
  return std::to_string((time.count() + 500) / 1000) + " s";
}

/// Asks the store, where it answers in time. Asking one that does not answer may never end: so somebody else asks, and
/// is not waited for. @return nothing where no answer came, or a broken connection
template <typename Question>
std::optional<std::string> answer_within(Milliseconds limit, Question question) noexcept {
  try {
    auto answer = std::make_shared<std::promise<std::string>>();
    auto future = answer->get_future();
    std::thread([answer, question = std::move(question)] {
      try {
        answer->set_value(question());
      } catch (const std::exception&) {
        answer->set_exception(std::current_exception());
      }
    }).detach();
    if (future.wait_for(limit) == std::future_status::ready) return future.get();
  } catch (const std::exception&) {
    // The connection is broken.
  }
  return std::nullopt;
}

}  // namespace

Watch::Watch(const Place& place, Store store, Milliseconds patience)
    : place_(place), patience_(patience), store_(std::move(store)), second_(store_->clone()), thread_([this] {
        give_signs();
      }) {}

Watch::~Watch() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

std::string Watch::key(const char* what, int rank) const {
  return std::string(what) + "/" + std::to_string(rank);
}

std::optional<std::string> Watch::verdict() const {
  const std::lock_guard lock(mutex_);
  return verdict_;
}

void Watch::give_signs() {
  const auto learn = [this](const std::string& reason) {
    const std::lock_guard lock(mutex_);
    if (!over_ && !verdict_) verdict_ = reason;
  };
  try {
    for (std::int64_t sign = 1;; ++sign) {
      store_->set(key("sign", place_.rank), std::to_string(sign) + " " + std::to_string(calls_));
      if (store_->check({kVerdict})) learn(text_of(store_->get(kVerdict)));
      std::unique_lock lock(mutex_);
      if (changed_.wait_for(lock, kSignEvery, [this] { return over_; })) return;
    }
  } catch (const std::exception&) {
    learn(std::string(place_.hosted ? "the launcher" : "rank 0") + ", who holds the team's store, is gone");
  }
}

std::vector<std::optional<std::pair<std::int64_t, std::int64_t>>> Watch::read_signs() {
  std::vector<std::optional<std::pair<std::int64_t, std::int64_t>>> signs(static_cast<std::size_t>(place_.size));
  for (int rank = 0; rank < place_.size; ++rank) {
    const std::string name = key("sign", rank);
    if (!second_->check({name})) continue;
    const std::string text = text_of(second_->get(name));
    char* end = nullptr;
    const std::int64_t sign = std::strtoll(text.c_str(), &end, 10);
    signs[static_cast<std::size_t>(rank)] = {sign, std::strtoll(end, nullptr, 10)};
  }
  return signs;
}

/// Whose signs have stopped? And if nobody's: who is behind?
std::string Watch::look_around(const std::string& engine_says, Milliseconds waited) {
  const auto before = read_signs();
  std::this_thread::sleep_for(kLookFor);
  if (second_->check({kVerdict})) return text_of(second_->get(kVerdict));
  const auto after = read_signs();
  std::vector<int> silent, behind;
  std::int64_t most = 0;
  for (const auto& signs : after) most = std::max(most, signs ? signs->second : 0);
  for (int rank = 0; rank < place_.size; ++rank) {
    const auto i = static_cast<std::size_t>(rank);
    if (rank == place_.rank || second_->check({key("left", rank)})) continue;
    if (!after[i] || (before[i] && before[i]->first == after[i]->first)) {
      silent.push_back(rank);
    } else if (after[i]->second < most) {
      behind.push_back(rank);
    }
  }
  const auto are = [](const std::vector<int>& ranks) {
    return name_ranks(ranks) + (ranks.size() == 1 ? " is" : " are");
  };
  if (!silent.empty() && waited < patience_) return are(silent) + " gone";
  if (!silent.empty()) return are(silent) + " gone or cannot be reached: nothing was heard for " + seconds(waited);
  if (!behind.empty())
    return are(behind) + " there, but did not come to where the others waited for " + seconds(waited);
  return "rank " + std::to_string(place_.rank) + " lost its connection to the others: " + engine_says;
}

std::string Watch::agreed_verdict(const std::string& reason) {
  // An empty expectation stands for "nobody has left one yet".
  const std::string holds = second_->compareSet(kVerdict, "", reason);
  return holds.empty() ? reason : holds;
}

std::string Watch::find_culprit(const std::string& engine_says, Milliseconds waited) {
  if (const auto known = verdict()) return *known;
  const auto found = answer_within(kAnswerWithin, [self = shared_from_this(), engine_says, waited] {
    return self->agreed_verdict(self->look_around(engine_says, waited));
  });
  if (found) return *found;
  if (const auto known = verdict()) return *known;
  return place_.hosted ? "the launcher, who holds the team's store, is gone or cannot be reached"
                       : "rank 0, who holds the team's store, is gone or cannot be reached";
}

void Watch::leave_verdict(const std::string& reason) noexcept {
  answer_within(kAnswerWithin, [self = shared_from_this(), reason] { return self->agreed_verdict(reason); });
}

void Watch::leave() noexcept {
  const bool holds_store = place_.rank == 0 && !place_.hosted;
  answer_within(holds_store ? kStayFor + kAnswerWithin : kGoodbyeWithin, [self = shared_from_this()] {
    self->say_goodbye();
    return std::string();
  });
}

void Watch::say_goodbye() {
  second_->set(key("left", place_.rank), "1");
  if (place_.rank != 0 || place_.hosted) return;
  const auto until = std::chrono::steady_clock::now() + kStayFor;
  auto before = read_signs();
  auto looked = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() < until) {
    bool all_left = true;
    for (int rank = 1; all_left && rank < place_.size; ++rank) all_left = second_->check({key("left", rank)});
    if (all_left) return;
    std::this_thread::sleep_for(Milliseconds(20));
    if (std::chrono::steady_clock::now() - looked < 2 * kSignEvery) continue;
    // Who gives no sign any more needs no store either.
    const auto after = read_signs();
    bool somebody = false;
    for (int rank = 1; rank < place_.size; ++rank) {
      const auto i = static_cast<std::size_t>(rank);
      somebody = somebody || (after[i] != before[i] && !second_->check({key("left", rank)}));
    }
    if (!somebody) return;
    before = after;
    looked = std::chrono::steady_clock::now();
  }
}

}  // namespace verse
