#include "tests/harness/recognition.h"

#include <ctime>
#include <set>

#include "common/base/bodies.h"
#include "common/base/error.h"
#include "tests/harness/difference.h"
#include "tests/harness/guarded_memory.h"

namespace verse {
namespace {

/// Chooses the bodies for as long as it lives; afterwards every exercise is the file's own again.
class BodiesInUse {
 public:
  BodiesInUse(const std::string& exercise, int its_body) {
    for (auto& [id, body] : bodies_in_use()) body = id == exercise ? its_body : body_numbers.reference;
  }
  ~BodiesInUse() {
    for (auto& [id, body] : bodies_in_use()) body = 0;
  }
  BodiesInUse(const BodiesInUse&) = delete;
  BodiesInUse& operator=(const BodiesInUse&) = delete;
};

Answers collect_linked(const ExerciseBase& exercise, std::size_t index, const Answers* truth, int body) {
  const BodiesInUse bodies(exercise.id(), body);
  return collect_answers(truth, [&](Answers& into) {
    const GuardedMemory guarded;
    exercise.run_linked(index, into);
  });
}

}  // namespace

Truth& Truth::instance() {
  static Truth truth;
  return truth;
}

void Truth::use_record(Record record) {
  record_ = std::move(record);
  recorded_ = true;
}

const Answers& Truth::of(const ExerciseBase& exercise, std::size_t index) {
  const std::string key = record_key(exercise.id(), exercise.cases()[index].name);
  const auto found = record_.find(key);
  if (found != record_.end()) return found->second;
  if (recorded_) throw std::runtime_error(key + " is not in the record: build the test program anew");
  Answers answers = collect_linked(exercise, index, nullptr, body_numbers.reference);
  return record_.emplace(key, std::move(answers)).first->second;
}

Remembered& Remembered::instance() {
  static Remembered remembered;
  return remembered;
}

const Answers& Remembered::linked(const ExerciseBase& exercise, std::size_t index) {
  const auto key = std::make_pair(&exercise, index);
  const auto found = linked_.find(key);
  if (found != linked_.end()) return found->second;
  const Answers& truth = Truth::instance().of(exercise, index);
  return linked_.emplace(key, collect_linked(exercise, index, &truth, body_numbers.judged)).first->second;
}

const Answers& Remembered::mistake(const ExerciseBase& exercise, std::size_t mistake, std::size_t index) {
  const Key key(&exercise, mistake, index);
  const auto found = mistakes_.find(key);
  if (found != mistakes_.end()) return found->second;
  const Answers& truth = Truth::instance().of(exercise, index);
  // A mistake that calls the exercise's own function means the right one.
  const BodiesInUse bodies(exercise.id(), body_numbers.reference);
  Answers answers = collect_answers(&truth, [&](Answers& into) { exercise.run_mistake(index, mistake, into); });
  return mistakes_.emplace(key, std::move(answers)).first->second;
}

const Answers& Remembered::pair(const ExerciseBase& exercise, std::size_t pair, std::size_t index) {
  const Key key(&exercise, pair, index);
  const auto found = pairs_.find(key);
  if (found != pairs_.end()) return found->second;
  const Answers& truth = Truth::instance().of(exercise, index);
  const BodiesInUse bodies(exercise.id(), body_numbers.reference);
  Answers answers = collect_answers(&truth, [&](Answers& into) { exercise.run_pair(index, pair, into); });
  return pairs_.emplace(key, std::move(answers)).first->second;
}

namespace {

/// The known mistake whose answers are those of the linked subject, in every case of the exercise; `first`, the case
/// that differs from the truth, is looked at first. One that calls an exercise which is not written yet is not that
/// mistake.
std::optional<std::string> recognise_mistake(const ExerciseBase& exercise, std::size_t first) {
  Remembered& remembered = Remembered::instance();
  const auto alike = [&](std::size_t mistake, std::size_t index) {
    return !first_difference(remembered.mistake(exercise, mistake, index), remembered.linked(exercise, index));
  };
  for (std::size_t mistake = 0; mistake < exercise.mistakes().size(); ++mistake) {
    try {
      bool same = alike(mistake, first);
      for (std::size_t i = 0; same && i < exercise.cases().size(); ++i) same = alike(mistake, i);
      if (same) return exercise.mistakes()[mistake];
    } catch (const NotImplemented&) {
    }
  }
  return std::nullopt;
}

/// One known mistake, and beside it what every exercise can have, such as an input that is changed. The kind alone
/// must not explain everything, and no other mistake may fit as well.
std::optional<std::string> recognise_mistake_and_kind(const ExerciseBase& exercise, std::size_t first) {
  Remembered& remembered = Remembered::instance();
  // The one kind in all cases, where the answers are those of `other` but for it.
  const auto kind_beside = [&](const auto& other) -> std::optional<std::string> {
    std::string all;
    for (std::size_t i = 0; i <= exercise.cases().size(); ++i) {
      const std::size_t index = i == 0 ? first : i - 1;
      const std::optional<std::string> kind = only_kind(other(index), remembered.linked(exercise, index));
      if (!kind || (!kind->empty() && !all.empty() && *kind != all)) return std::nullopt;
      if (!kind->empty()) all = *kind;
    }
    return all;
  };
  if (kind_beside([&](std::size_t i) -> const Answers& { return Truth::instance().of(exercise, i); })) {
    return std::nullopt;
  }
  std::optional<std::string> found;
  for (std::size_t mistake = 0; mistake < exercise.mistakes().size(); ++mistake) {
    const std::optional<std::string> kind =
        kind_beside([&](std::size_t i) -> const Answers& { return remembered.mistake(exercise, mistake, i); });
    if (!kind || kind->empty()) continue;
    const std::string both = exercise.mistakes()[mistake] + "+" + *kind;
    if (found && *found != both) return std::nullopt;
    found = both;
  }
  return found;
}

/// The two known mistakes that have been made at once. Where several pairs answer alike, what they have in common.
std::optional<std::string> recognise_pair(const ExerciseBase& exercise, std::size_t first) {
  Remembered& remembered = Remembered::instance();
  constexpr std::clock_t most = 1 * CLOCKS_PER_SEC;  // of processor time, so that nobody waits for it
  const std::clock_t began = std::clock();
  const auto alike = [&](std::size_t pair, std::size_t index) {
    const Answers& answers = remembered.pair(exercise, pair, index);
    return !answers.ended_early() && !first_difference(answers, remembered.linked(exercise, index));
  };
  std::optional<std::set<std::string>> common;
  for (std::size_t pair = 0; pair < exercise.pairs().size(); ++pair) {
    if (std::clock() - began > most) return std::nullopt;
    bool same = alike(pair, first);
    for (std::size_t i = 0; same && i < exercise.cases().size(); ++i) same = alike(pair, i);
    if (!same) continue;
    const auto& [one, other] = exercise.pairs()[pair];
    const std::set<std::string> both = {exercise.mistakes()[one], exercise.mistakes()[other]};
    if (common) {
      std::erase_if(*common, [&](const std::string& mistake) { return both.count(mistake) == 0; });
    } else {
      common = both;
    }
  }
  if (!common || common->empty()) return std::nullopt;
  std::string names;
  for (const std::string& mistake : *common) names += (names.empty() ? "" : "+") + mistake;
  return names;
}

}  // namespace

std::optional<std::string> explain_answers(const ExerciseBase& exercise, std::size_t first) {
  if (auto mistake = recognise_mistake(exercise, first)) return mistake;
  try {
    if (auto mistake = recognise_mistake_and_kind(exercise, first)) return mistake;
    return recognise_pair(exercise, first);
  } catch (const NotImplemented&) {
    return std::nullopt;  // one that calls an exercise which is not written yet
  }
}

}  // namespace verse
