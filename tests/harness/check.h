#pragma once

/// @file
/// How an exercise is checked.
///
/// A check is a function over what it checks. It feeds seeded inputs to a *subject* (a callable, or whatever an
/// exercise is about) and writes down the answers. Three kinds of subject go through the same check:
///
///   - the reference's, when test_solution_NN records what is right;
///   - the learner's, when test_chapter_NN compares with that record;
///   - each *known mistake*: a wrong answer that people really give, written in the test. When the learner's answers
///   differ from the
///     record, the mistake that answers alike tells what went wrong. test_solution_NN proves of each mistake that the
///     check rejects it and tells it from every other.
///
/// A whole exercise reads like this:
///
///     using Scores = std::function<torch::Tensor(const torch::Tensor&, const torch::Tensor&)>;
///
///     [[maybe_unused]] const auto& exercise_3_1 =
///         exercise<Scores>("3.1", attention_scores)
///             .check("scores_and_gradients",
///                    [](const Scores& scores, Answers& answers) {
///                      const auto query = normal_input({2, 3, 8}, 1).requires_grad_();
///                      const auto key = normal_input({2, 5, 8}, 2).requires_grad_();
///                      const auto result = scores(query, key);
///                      answers.add("scores", result);
///                      answers.add_gradients(result, {{"query", query}, {"key", key}});
///                    })
///             .mistake("no_scaling", [](const torch::Tensor& query, const torch::Tensor& key) {
///               return query.matmul(key.transpose(-2, -1));
///             });
///
/// Where one function makes many mistakes from a struct of slips, `.mistake("id", scores_with, {.scaled = false})`
/// hands over both, and what two of them do together is known too.
///
/// The mistakes' ids stand in the chapter's exercises.toml, with the sentence that the learner reads.

#include <torch/torch.h>

#include <any>
#include <cstdint>
#include <exception>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "tests/harness/slips.h"

namespace verse {

/// How far two numbers may lie apart and still count as equal: |got - expected| <= absolute + relative * |expected|.
/// NaN equals nothing but NaN.
struct Tolerance {
  double absolute = 0;
  double relative = 0;
  const char* reason = "";
};

/// For whole numbers, and for floating-point answers that involve no rounding.
inline constexpr Tolerance exact{0, 0, "nothing is rounded here"};

/// For float32 results of the same operations in another order.
inline constexpr Tolerance rounding{1e-5, 1e-4, "float32 rounds, and sums may be taken in another order"};

/// For float64 results of the same operations in another order.
inline constexpr Tolerance double_rounding{1e-10, 1e-9, "float64 rounds, and sums may be taken in another order"};

/// Normally distributed float32 numbers, the same on every machine.
torch::Tensor normal_input(const std::vector<std::int64_t>& shape, std::uint64_t seed, double deviation = 1.0);

/// Token numbers in [0, vocabulary_size), the same on every machine.
torch::Tensor token_input(const std::vector<std::int64_t>& shape, std::int64_t vocabulary_size, std::uint64_t seed);

/// Notices if the tensor, an input of the check that runs, is changed by the subject; normal_input() and token_input()
/// are watched by themselves. What the reference changes too is allowed. @return the tensor itself
torch::Tensor watched(torch::Tensor input);

/// What an answer says where a result is cut off from its inputs.
inline constexpr const char* kNoGradientFlows = "no gradient flows";

/// Ends a check early; what is wrong has been written down as an answer.
struct CheckEnded {};

/// What a subject answered in one check, in order, under names that a learner can read.
class Answers {
 public:
  using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;

  /// Writes an answer down.
  void add(const std::string& name, const torch::Tensor& value, const Tolerance& tolerance = rounding);
  void add(const std::string& name, double value, const Tolerance& tolerance = double_rounding);
  void add(const std::string& name, const std::string& value);
  void add(const std::string& name, const char* value) { add(name, std::string(value)); }
  void add(const std::string& name, const std::vector<std::int64_t>& values);
  template <typename Integer, std::enable_if_t<std::is_integral_v<Integer>, int> = 0>
  void add(const std::string& name, Integer value) {
    add(name, torch::tensor(static_cast<std::int64_t>(value)), exact);
  }

  /// Writes down what a function makes of each element of `input`; where it differs, that element is told.
  void add_for_each(const std::string& name, const torch::Tensor& value, const torch::Tensor& input,
                    const Tolerance& tolerance = rounding);

  /// Writes down the gradients of a fixed, uneven weighting of `output` with respect to the inputs. The inputs require
  /// gradients.
  void add_gradients(const torch::Tensor& output, const NamedTensors& inputs, const Tolerance& tolerance = rounding);

  /// Runs something that should throw and writes down whether it did, with what type, and which of the words its
  /// message has.
  void add_error(const std::string& name, const std::function<void()>& action,
                 const std::vector<std::string>& words = {});

  /// Gives the module the parameters (and buffers) that the reference's module had in this check, by name; the
  /// reference's own are written down. A parameter that is missing, superfluous or of another shape is an answer like
  /// any other: it ends the check with a message in the words of the exercise.
  void load_parameters(torch::nn::Module& module);

  // The rest is for the harness itself.

  struct Answer {
    std::string name;
    std::variant<torch::Tensor, std::string> value;
    Tolerance tolerance;
    torch::Tensor input = {};  ///< of add_for_each(), else undefined
  };

  /// Something that a subject did beside answering: its kind (see Difference) and a sentence about it.
  using Effects = std::vector<std::pair<std::string, std::string>>;

  /// @param truth what the reference answered, for load_parameters(); null while that is being recorded
  explicit Answers(const Answers* truth = nullptr) : truth_(truth) {}

  const std::vector<Answer>& all() const { return answers_; }
  const NamedTensors& parameters() const { return parameters_; }
  void restore(std::vector<Answer> answers, NamedTensors parameters, Effects effects);
  const Effects& effects() const { return effects_; }
  void add_effect(const std::string& kind, const std::string& sentence) { effects_.emplace_back(kind, sentence); }
  /// From here on inputs are watched; at the end those that were changed are written down as effects.
  static void begin_watching();
  void end_watching();
  /// Whether the subject did not get through the check: it threw, or could not be asked on.
  bool ended_early() const { return ended_early_; }
  void set_ended_early() { ended_early_ = true; }

 private:
  const Answers* truth_;
  std::vector<Answer> answers_;
  NamedTensors parameters_;  ///< of the modules that were filled, each name behind its module's number and a colon
  Effects effects_;
  int modules_loaded_ = 0;
  bool ended_early_ = false;
};

/// Where and how `got` differs from `expected`, in words for a learner; nothing where they agree.
/// @param slack widens every tolerance by this factor
std::optional<std::string> first_difference(const Answers& expected, const Answers& got, double slack = 1.0);

/// An exercise as the harness sees it, whatever its subject is.
class ExerciseBase {
 public:
  struct Case {
    std::string name;
    std::string file;
    int line;
  };

  explicit ExerciseBase(std::string id) : id_(std::move(id)) {}
  virtual ~ExerciseBase() = default;

  const std::string& id() const { return id_; }
  const std::vector<Case>& cases() const { return cases_; }
  const std::vector<std::string>& mistakes() const { return mistakes_; }
  /// Two known mistakes that can be made together.
  struct Pair {
    std::size_t one, other;
  };
  const std::vector<Pair>& pairs() const { return pairs_; }

  /// Runs a case on the linked subject.
  virtual void run_linked(std::size_t index, Answers& answers) const = 0;
  /// Runs a case on a known mistake.
  virtual void run_mistake(std::size_t index, std::size_t mistake, Answers& answers) const = 0;
  /// Runs a case on two known mistakes at once.
  virtual void run_pair(std::size_t index, std::size_t pair, Answers& answers) const = 0;

 protected:
  std::string id_;
  std::vector<Case> cases_;
  std::vector<std::string> mistakes_;
  std::vector<Pair> pairs_;
};

/// An exercise: its number, the linked subject, its checks, its known mistakes.
template <typename Subject>
class Exercise : public ExerciseBase {
 public:
  using Check = std::function<void(const Subject&, Answers&)>;

  Exercise(std::string id, Subject linked) : ExerciseBase(std::move(id)), linked_(std::move(linked)) {}

  /// Adds a check. @param name in snake_case: GoogleTest runs it as Exercise_N_M.name
  Exercise& check(const std::string& name, Check body, const char* file = __builtin_FILE(),
                  int line = __builtin_LINE()) {
    cases_.push_back({name, file, line});
    checks_.push_back(std::move(body));
    return *this;
  }

  /// Adds a known mistake: a subject that answers as people do who made it. The same id once more is another form of
  /// it, which may answer otherwise.
  Exercise& mistake(const std::string& mistake_id, Subject wrong) {
    mistakes_.push_back(mistake_id);
    wrong_.push_back(std::move(wrong));
    return *this;
  }

  /// Adds a known mistake that `with` makes of a slip, and the pairs that it forms with those that `with` made before.
  template <typename Slip>
  Exercise& mistake(const std::string& mistake_id, Subject (*with)(const Slip&),
                    const std::type_identity_t<Slip>& slip) {
    using Made = std::pair<Subject (*)(const Slip&), Slip>;
    for (const auto& [number, earlier] : made_by_slips_) {
      const auto* const made = std::any_cast<Made>(&earlier);
      if (made == nullptr || made->first != with) continue;
      const std::optional<Slip> both = together(made->second, slip);
      if (!both) continue;
      pairs_.push_back({number, mistakes_.size()});
      wrong_pairs_.push_back([with, both] { return with(*both); });
    }
    made_by_slips_.emplace_back(mistakes_.size(), Made(with, slip));
    return mistake(mistake_id, with(slip));
  }

  void run_linked(std::size_t index, Answers& answers) const override { checks_[index](linked_, answers); }
  void run_mistake(std::size_t index, std::size_t mistake, Answers& answers) const override {
    checks_[index](wrong_[mistake], answers);
  }
  void run_pair(std::size_t index, std::size_t pair, Answers& answers) const override {
    checks_[index](wrong_pairs_[pair](), answers);
  }

 private:
  Subject linked_;
  std::vector<Check> checks_;
  std::vector<Subject> wrong_;
  std::vector<std::pair<std::size_t, std::any>> made_by_slips_;  ///< each with its mistake's number
  std::vector<std::function<Subject()>> wrong_pairs_;
};

/// Takes an exercise into the test program. @return it, to be filled in
ExerciseBase& keep_exercise(std::unique_ptr<ExerciseBase> exercise);

/// Declares an exercise. @param linked the function that the test program is linked to: the learner's or the
/// reference's
template <typename Subject>
Exercise<Subject>& exercise(const std::string& id, std::type_identity_t<Subject> linked) {
  return static_cast<Exercise<Subject>&>(keep_exercise(std::make_unique<Exercise<Subject>>(id, std::move(linked))));
}

/// Whose bodies a test program is linked to.
enum class CheckedBodies {
  learner,    ///< held against the record; the reference's bodies stand beside the learner's
  reference,  ///< what is right; every known mistake is proven too
  answers     ///< the reference's, beside a list of answers that are to be tried
};

/// Runs the test program: registers every exercise with GoogleTest, handles `--record=FILE` and `--list-mistakes` (a
/// line `N.M id` each), and runs. With CheckedBodies::answers, `--answers=FILE` has a line `K N.M` for each answer.
int run_checks(int argc, char** argv, CheckedBodies checked);

}  // namespace verse
