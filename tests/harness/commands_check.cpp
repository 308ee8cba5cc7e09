#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <iterator>

#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/terminal.h"
#include "common/base/text.h"
#include "tests/harness/commands.h"
#include "tests/harness/compile_error.h"
#include "tests/harness/given_parts.h"
#include "tests/harness/learner_state.h"
#include "tests/harness/lint.h"
#include "tests/harness/predictions.h"
#include "tests/harness/progress_report.h"
#include "tests/harness/runner.h"
#include "tests/harness/verdict.h"
#include "tests/harness/workbench.h"

namespace verse {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t answers_before_telling = 3;

// One check of a chapter, from its command line to the verdict.
class Check {
 public:
  Check(const Course& course, const Arguments& arguments)
      : course_(course),
        arguments_(arguments),
        chapter_(course.chapter(arguments.chapter(0))),
        solution_(arguments.on("--solution")) {
    const std::string kind = solution_ ? "solution" : "chapter";
    const fs::path build = fs::absolute(arguments.setting("--build-dir").value_or((course.root() / "build").string()));
    const std::string name = fmt::format("test_{}_{:02}", kind, chapter_.number);
    request_.program = build / name;
    request_.log = build / (name + ".log");
    request_.limits.cpu_seconds = arguments.number("--cpu-seconds", request_.limits.cpu_seconds);
    request_.limits.short_cpu_seconds = std::min(request_.limits.short_cpu_seconds, request_.limits.cpu_seconds);
    const double gib = arguments.number("--memory-gib", 4);
    request_.limits.memory_bytes = static_cast<std::uint64_t>(gib * (1ull << 30));
    around_ = {solution_, build, fs::proximate(request_.log, course.root()).string()};

    if (!fs::exists(request_.program)) {
      throw UsageError(fmt::format("{} is not there; `make test-{}-{}` builds it",
                                   fs::proximate(request_.program, course.root()).string(), kind, chapter_.number));
    }
    choose_tests();
  }

  int run() {
    // What is checked is what the files hold now, not what somebody saves during the run.
    std::vector<std::string> bodies;
    for (const Exercise& exercise : chapter_.exercises) bodies.push_back(look_at_body(course_, exercise).digest);
    const std::string whole = chapter_digest(course_, chapter_);

    RunReport report = run_tests(request_);
    ChapterVerdict verdict = judge(chapter_, report);
    bool ran_all = request_.filter == "*";
    if (!report.trouble && !passed_before_.empty()) {
      // The exercises that passed before are run too, once no other one is in the way.
      const bool others_pass = std::all_of(verdict.exercises.begin(), verdict.exercises.end(), [&](const auto& one) {
        return one.state == ExerciseState::passed || passed_before(one.exercise->id);
      });
      if (others_pass && verdict.others.empty()) {
        run_the_rest(report);
        verdict = judge(chapter_, report);
        ran_all = true;
      }
    }
    if (report.trouble) {
      fmt::print(stderr, "{}", paragraph("verse: " + *report.trouble, 0));
      return 1;
    }
    if (!solution_ && !partial_) {
      const LearnerState before = load_state(course_.root());
      for (const ExerciseVerdict& one : verdict.exercises) {
        const auto known = before.exercises.find(one.exercise->id);
        const bool passed_already = known != before.exercises.end() && known->second.standing == Standing::passed;
        if (one.state == ExerciseState::passed && !passed_already) around_.newly_passed.push_back(one.exercise->id);
      }
      update_state(course_.root(), [&](LearnerState& state) {
        remember(verdict, bodies, ran_all ? std::optional(whole) : std::nullopt, state);
      });
      write_learner_chapters(course_, learner_chapters(course_, load_state(course_.root())));
    }

    if (!ran_all) fill_in_from_before(verdict);
    fmt::print("{}", arguments_.on("--json") ? verdict_as_json(course_, verdict, around_)
                                             : show_verdict(course_, verdict, around_, style_of_standard_output()));
    if (!solution_ && !arguments_.on("--json")) tell_broken_marks();
    return verdict_asked_for(verdict) ? 0 : 1;
  }

 private:
  void choose_tests() {
    const auto filter = arguments_.setting("--filter");
    if (filter && arguments_.on("--failed-only")) throw UsageError("--filter and --failed-only exclude each other");
    if (filter) {
      const bool names_exercise = !filter->empty() && filter->find_first_not_of("0123456789.") == std::string::npos;
      if (names_exercise) {
        only_ = course_.exercise(*filter).id;
        if (chapter_of(only_) != chapter_.number) {
          throw UsageError(fmt::format("exercise {} is not in chapter {}", only_, chapter_.number));
        }
      }
      request_.filter = names_exercise ? filter_for(only_) : *filter;
      partial_ = !names_exercise;
    } else if (arguments_.on("--failed-only") && !solution_) {
      const LearnerState state = load_state(course_.root());
      for (const Exercise& exercise : chapter_.exercises) {
        if (progress_of(course_, state, exercise).progress != Progress::passed) continue;
        passed_before_.push_back(exercise.id);
      }
      if (passed_before_.size() == chapter_.exercises.size()) passed_before_.clear();
      if (!passed_before_.empty()) request_.filter = "*-" + filters_of(passed_before_);
    }
  }

  static std::string filters_of(const std::vector<std::string>& exercises) {
    std::vector<std::string> filters;
    for (const std::string& exercise : exercises) filters.push_back(filter_for(exercise));
    return fmt::format("{}", fmt::join(filters, ":"));
  }

  bool passed_before(const std::string& id) const {
    return std::find(passed_before_.begin(), passed_before_.end(), id) != passed_before_.end();
  }

  void run_the_rest(RunReport& report) {
    RunRequest rest = request_;
    rest.filter = filters_of(passed_before_);
    RunReport more = run_tests(rest);
    report.trouble = more.trouble;
    std::move(more.outcomes.begin(), more.outcomes.end(), std::back_inserter(report.outcomes));
    std::move(more.notes.begin(), more.notes.end(), std::back_inserter(report.notes));
  }

  // What was not run this time is shown as it is known from before.
  void fill_in_from_before(ChapterVerdict& verdict) const {
    if (solution_ || partial_) return;
    const LearnerState state = load_state(course_.root());
    for (ExerciseVerdict& one : verdict.exercises) {
      if (one.state != ExerciseState::not_checked) continue;
      const Progress before = progress_of(course_, state, *one.exercise).progress;
      if (before == Progress::passed) one.state = ExerciseState::passed;
      if (before == Progress::not_started) one.state = ExerciseState::not_started;
    }
  }

  // Marks that a learner lost do not stop a check, but hint, solve and reset need them.
  void tell_broken_marks() const {
    for (const Exercise& exercise : chapter_.exercises) {
      const std::string fault = fault_of_marks(course_, exercise);
      if (fault.empty()) continue;
      fmt::print("{}: {}; make restore-{} puts back what is missing, your code stays\n",
                 course_.learner_file(chapter_, exercise.file), fault, exercise.id);
    }
  }

  // With --filter, what was asked for decides; otherwise the whole chapter.
  bool verdict_asked_for(const ChapterVerdict& verdict) const {
    if (only_.empty() && !partial_) return verdict.everything_passes();
    bool any = false;
    for (const ExerciseVerdict& one : verdict.exercises) {
      if (!only_.empty() && one.exercise->id != only_) continue;
      if (only_.empty() && one.state == ExerciseState::not_checked) continue;
      if (one.state != ExerciseState::passed) return false;
      any = true;
    }
    return any && verdict.others.empty();
  }

  const Course& course_;
  const Arguments& arguments_;
  const Chapter& chapter_;
  bool solution_;
  bool partial_ = false;  // a filter of GoogleTest's may run a part of an exercise: nothing is remembered
  std::string only_;      // the one exercise that was asked for
  std::vector<std::string> passed_before_;
  RunRequest request_;
  Surroundings around_;
};

std::string read_standard_input() {
  return {std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
}

// Takes one answer to a prediction, remembers it and says what it is worth.
int take_answer(const Course& course, const Prediction& prediction, const std::string& text) {
  const Answer answer = judge_answer(prediction, text);
  if (answer == Answer::not_a_number) throw UsageError(fmt::format("\"{}\" is not a number", text));

  std::size_t wrong_answers = 0;
  update_state(course.root(), [&](LearnerState& state) {
    PredictionRecord& record = state.predictions[prediction.id];
    if (record.right) return;
    record.answers.push_back(text);
    record.answered_at = time_stamp();
    record.right = answer == Answer::right && !record.told;
    wrong_answers = record.answers.size();
    record.told = record.told || (answer != Answer::right && wrong_answers >= answers_before_telling);
  });

  const Style style = style_of_standard_output();
  const Chapter& chapter = course.chapter(chapter_of(prediction.id));
  const std::string read = fmt::format(
      "  read   {}, {}\n", course.readme_file(chapter),
      fmt::format("\"{}\"", course.section_title(chapter, prediction.section).value_or("#" + prediction.section)));
  if (answer == Answer::right) {
    fmt::print("{} {}\n{}{}", style.green(fmt::format("{}: right.", prediction.id)), right_answer(prediction),
               paragraph(without_tex(prediction.why), 2), read);
    return 0;
  }
  const std::string direction = answer == Answer::too_low    ? "too low"
                                : answer == Answer::too_high ? "too high"
                                                             : "not that";
  if (wrong_answers >= answers_before_telling) {
    fmt::print("{} It is {}.\n{}{}", style.red(fmt::format("{}: {}.", prediction.id, direction)),
               right_answer(prediction), paragraph(without_tex(prediction.why), 2), read);
  } else {
    fmt::print("{} Think again; the answer is told after {} wrong ones.\n{}",
               style.red(fmt::format("{}: {}.", prediction.id, direction)), answers_before_telling, read);
  }
  return 1;
}

}  // namespace

int run_check(const Course& course, const Arguments& arguments) {
  return Check(course, arguments).run();
}

int run_compile_error(const Course& course, const Arguments& arguments) {
  const Chapter& chapter = course.chapter(arguments.chapter(0));
  const std::string& file = arguments.words()[1];
  if (file != "-" && !fs::exists(file)) throw UsageError(fmt::format("{} is not there", file));
  const std::string log = file == "-" ? read_standard_input() : read_file(file);
  fmt::print("{}", explain_failed_build(course, chapter, log, style_of_standard_output()));
  return 0;
}

int run_predict(const Course& course, const Arguments& arguments) {
  const std::string& id = arguments.words()[0];
  const Prediction& prediction = course.prediction(id);
  if (arguments.words().size() == 2) return take_answer(course, prediction, arguments.words()[1]);

  fmt::print("{}: {}\n", style_of_standard_output().bold(id), without_tex(prediction.question));
  if (isatty(STDIN_FILENO) != 1) {
    fmt::print("  answer with: make predict-{} ANSWER=...\n", id);
    return 0;
  }
  fmt::print("> ");
  std::fflush(stdout);
  std::string answer;
  if (!std::getline(std::cin, answer) || trimmed(answer).empty()) return 1;
  return take_answer(course, prediction, std::string(trimmed(answer)));
}

int run_progress(const Course& course, const Arguments& arguments) {
  const std::vector<ChapterProgress> chapters = progress_of(course, load_state(course.root()));
  fmt::print("{}",
             arguments.on("--json") ? progress_as_json(chapters) : show_progress(chapters, style_of_standard_output()));
  return 0;
}

int run_swap(const Course& course, const Arguments& arguments) {
  const std::vector<int> learners = learner_chapters(course, load_state(course.root()));
  const bool changed = write_learner_chapters(course, learners);
  if (arguments.on("--if-changed")) {
    if (changed && learners.empty()) fmt::print("Later chapters are built on the reference's again.\n");
    if (changed && !learners.empty()) {
      fmt::print(
          "Later chapters are built on your own {} {}. Chapters that you have not finished are taken from the "
          "reference.\n",
          learners.size() == 1 ? "chapter" : "chapters", fmt::join(learners, ", "));
    }
    return 0;
  }
  std::vector<int> references;
  for (const int number : course.numbers()) {
    if (std::find(learners.begin(), learners.end(), number) == learners.end()) references.push_back(number);
  }
  const auto named = [](const std::vector<int>& numbers) {
    return numbers.empty() ? std::string("none") : fmt::format("{}", fmt::join(numbers, ", "));
  };
  fmt::print("later chapters use your own: {}; the reference's: {}\n", named(learners), named(references));
  return 0;
}

int run_list(const Course& course, const Arguments& arguments) {
  const std::vector<int> numbers =
      arguments.words().empty() ? course.numbers() : std::vector<int>{arguments.chapter(0)};
  for (const int number : numbers) {
    const Chapter& chapter = course.chapter(number);
    if (!arguments.on("--ids")) fmt::print("{} {}\n", chapter.number, chapter.title);
    for (const Exercise& exercise : chapter.exercises) {
      if (arguments.on("--ids")) {
        fmt::print("{}\n", exercise.id);
        continue;
      }
      fmt::print("  {} {:>3} min  {}  {}{}\n", padded(exercise.id, 5), exercise.minutes, padded(exercise.title, 36),
                 look_at_body(course, exercise).place(), exercise.core ? "" : "  (going further)");
    }
  }
  return 0;
}

int run_lint(const Course& course, const Arguments& arguments) {
  std::vector<int> numbers;
  for (std::size_t i = 0; i < arguments.words().size(); ++i) numbers.push_back(arguments.chapter(i));
  std::size_t findings = 0;
  std::size_t exercises = 0;
  if (numbers.empty()) {
    numbers = course.numbers();
    for (const std::string& line : lint_course(course)) {
      fmt::print("{}\n", line);
      ++findings;
    }
  }
  for (const int number : numbers) {
    const std::vector<std::string> lines = lint_chapter(course, number);
    for (const std::string& line : lines) fmt::print("{}\n", line);
    findings += lines.size();
    if (lines.empty()) exercises += course.chapter(number).exercises.size();
  }
  if (findings > 0) {
    fmt::print("{}\n", counted(findings, "finding"));
    return 1;
  }
  fmt::print("{} in {}: all in order\n", counted(exercises, "exercise"), counted(numbers.size(), "chapter"));
  return 0;
}

}  // namespace verse
