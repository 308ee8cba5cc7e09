#pragma once

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "tests/harness/check.h"
#include "tests/harness/record.h"

/// What exercises answer, and which known mistake answers alike.
namespace verse {

/// Whose bodies run where an exercise is judged, by their numbers in common/base/bodies.h. Every exercise but the one
/// that is judged is the reference's, so that it answers for nobody's faults but its own.
struct BodyNumbers {
  int judged = 0;
  int reference = 0;
};
inline BodyNumbers body_numbers;

/// The truth of one case: from the record for a learner, worked out on the spot by the reference itself.
class Truth {
 public:
  static Truth& instance();
  void use_record(Record record);
  const Answers& of(const ExerciseBase& exercise, std::size_t index);

 private:
  Record record_;
  bool recorded_ = false;
};

/// Answers that have been worked out once. Nothing is run before it is asked for.
class Remembered {
 public:
  static Remembered& instance();
  const Answers& linked(const ExerciseBase& exercise, std::size_t index);
  const Answers& mistake(const ExerciseBase& exercise, std::size_t mistake, std::size_t index);
  const Answers& pair(const ExerciseBase& exercise, std::size_t pair, std::size_t index);
  void forget_linked() { linked_.clear(); }

 private:
  using Key = std::tuple<const ExerciseBase*, std::size_t, std::size_t>;
  std::map<std::pair<const ExerciseBase*, std::size_t>, Answers> linked_;
  std::map<Key, Answers> mistakes_, pairs_;
};

/// What explains the linked subject's answers in every case of the exercise: a known mistake; one with a + and what
/// every exercise can have (see Difference) behind it; or two with a + between them. Nothing where none of it does.
/// @param first a case in which they differ from the truth
std::optional<std::string> explain_answers(const ExerciseBase& exercise, std::size_t first);

}  // namespace verse
