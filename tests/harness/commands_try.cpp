// `verse try`: judges lists of answers, many in one program.

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <regex>
#include <set>

#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/text.h"
#include "tests/harness/answer_list.h"
#include "tests/harness/commands.h"
#include "tests/harness/injection.h"
#include "tests/harness/runner.h"
#include "tests/harness/source_marks.h"

namespace verse {
namespace {

namespace fs = std::filesystem;

// An answer that does not end has to be given up soon: there are hundreds.
constexpr double cpu_seconds_for_a_case = 5;

// What became of one answer.
struct Trial {
  ListedAnswer answer;
  std::string compile_error;  // the compiler's first words; empty where it compiles
  bool ran = false;
  bool rejected = false;
  std::string named;    // the mistake it was recognised as
  std::string message;  // of the test that says most
  double seconds = 0;

  /// What is not as the list says; empty where all is well.
  std::string fault() const {
    if (!compile_error.empty()) return "does not compile: " + compile_error;
    if (!ran) return "was not run";
    if (answer.right) return rejected ? "is right, and was rejected" : "";
    if (!rejected) return "is wrong, and was accepted";
    if (!answer.mistake.empty() && named.empty()) return fmt::format("should be named {}", answer.mistake);
    if (!answer.mistake.empty() && named != answer.mistake) {
      return fmt::format("should be named {}, and was told {}", answer.mistake, named);
    }
    if (answer.mistake.empty() && !named.empty()) return fmt::format("was named {}: does the list agree?", named);
    return {};
  }
};

// How much a failing test tells; what ended the program tells most, as in a learner's verdict.
int weight(const TestOutcome& outcome) {
  if (outcome.status == TestStatus::passed || outcome.status == TestStatus::left_out) return 0;
  if (outcome.status != TestStatus::failed) return 3;
  return outcome.mistake.empty() ? 1 : 2;
}

// All answers to one chapter's exercises: written into copies of the solution's files, built, run.
class ChapterTrial {
 public:
  ChapterTrial(const Course& course, const Chapter& chapter, fs::path build, std::vector<Trial*> trials)
      : course_(course), chapter_(chapter), build_(std::move(build)), trials_(std::move(trials)) {}

  void run() {
    // What does not compile is told and left out; the compiler may stop before it has seen all of it.
    for (int round = 0; round < 10; ++round) {
      write_sources();
      const std::string log = build_program();
      if (log.empty()) break;
      if (!place_errors(log)) {
        throw std::runtime_error(fmt::format("{} cannot be built:\n{}", target(), log.substr(0, 4000)));
      }
    }
    run_program();
  }

 private:
  std::string target() const { return fmt::format("try_{:02}", chapter_.number); }

  void write_sources() const {
    std::set<std::string> files;
    for (const Exercise& exercise : chapter_.exercises) files.insert(exercise.file);
    for (const std::string& file : files) {
      const fs::path solution = course_.root() / course_.solution_file(chapter_, file);
      std::vector<OtherBody> bodies;
      for (std::size_t i = 0; i < trials_.size(); ++i) {
        const ListedAnswer& answer = trials_[i]->answer;
        if (!trials_[i]->compile_error.empty() || course_.exercise(answer.exercise).file != file) continue;
        bodies.push_back({answer.exercise, static_cast<int>(i) + 1, answer.file, answer.line + 1, answer.body});
      }
      const std::string text = inject(read_file(solution), solution.string(), bodies);
      const fs::path into = build_ / "try" / chapter_.folder / file;
      if (read_file_if_there(into) == text) continue;
      fs::create_directories(into.parent_path());
      write_file_atomically(into, text);
    }
  }

  // What the compiler said, empty where the program is built.
  std::string build_program() const {
    const fs::path log = build_ / "try" / (target() + ".log");
    const std::string command = fmt::format("\"{}/cmake/build\" --build-dir \"{}\" --log \"{}\" {}",
                                            course_.root().string(), build_.string(), log.string(), target());
    const int status = std::system(command.c_str());
    if (status == 0) return {};
    if (WIFEXITED(status) && WEXITSTATUS(status) == 130) throw RunInterrupted{2};
    return read_file(log) + " ";
  }

  // Whether the log blames at least one answer more than before.
  bool place_errors(const std::string& log) {
    static const std::regex error(R"(^(.*?):(\d+):\d+: (?:fatal )?error: (.*)$)");
    bool any = false;
    for (const std::string_view line : lines_of(log)) {
      std::smatch match;
      const std::string text(line);
      if (!std::regex_match(text, match, error)) continue;
      Trial* blamed = nullptr;
      const auto place = static_cast<std::size_t>(std::stoul(match[2]));
      for (Trial* trial : trials_) {
        if (trial->answer.file == match[1] && trial->answer.line < place &&
            (!blamed || blamed->answer.line < trial->answer.line)) {
          blamed = trial;
        }
      }
      if (blamed && blamed->compile_error.empty()) {
        blamed->compile_error = match[3];
        any = true;
      }
    }
    return any;
  }

  void run_program() {
    std::string list;
    for (std::size_t i = 0; i < trials_.size(); ++i) {
      if (trials_[i]->compile_error.empty()) list += fmt::format("{} {}\n", i + 1, trials_[i]->answer.exercise);
    }
    if (list.empty()) return;
    RunRequest request;
    request.program = build_ / target();
    request.log = build_ / "try" / (target() + ".out");
    request.limits.cpu_seconds = request.limits.short_cpu_seconds = cpu_seconds_for_a_case;
    const fs::path answers = build_ / "try" / (target() + ".list");
    write_file_atomically(answers, list);
    request.arguments = {"--answers=" + answers.string()};
    const RunReport report = run_tests(request);
    if (report.trouble) throw std::runtime_error(*report.trouble);

    std::map<std::size_t, int> told;
    for (const TestOutcome& outcome : report.outcomes) {
      const std::size_t number = std::stoul(outcome.suite.substr(outcome.suite.find('_') + 1));
      Trial& trial = *trials_.at(number - 1);
      trial.ran = true;
      trial.seconds += outcome.seconds;
      if (weight(outcome) == 0) continue;
      trial.rejected = true;
      if (weight(outcome) <= told[number]) continue;
      told[number] = weight(outcome);
      trial.named = outcome.mistake;
      trial.message = outcome.message;
    }
  }

  const Course& course_;
  const Chapter& chapter_;
  fs::path build_;
  std::vector<Trial*> trials_;
};

std::string verdict_of(const Trial& trial) {
  if (!trial.compile_error.empty()) return "does not compile";
  if (!trial.ran) return "not run";
  if (!trial.rejected) return "accepted";
  return trial.named.empty() ? "rejected" : "rejected: " + trial.named;
}

// Whether `--only` asks for an exercise: it names one, or its chapter.
bool asked_for(const std::string& exercise, const std::optional<std::string>& only) {
  return !only || exercise == *only || exercise.substr(0, exercise.find('.')) == *only;
}

// Tells of each exercise that has fewer answers than are wanted. @return how many there are
std::size_t too_few(const Course& course, const std::vector<Trial>& trials, const std::optional<std::string>& only,
                    std::size_t wanted_right, std::size_t wanted_wrong) {
  std::size_t faults = 0;
  for (const int number : course.numbers()) {
    for (const Exercise& exercise : course.chapter(number).exercises) {
      if (!asked_for(exercise.id, only)) continue;
      const auto count = [&](bool right) {
        return static_cast<std::size_t>(std::count_if(trials.begin(), trials.end(), [&](const Trial& trial) {
          return trial.answer.exercise == exercise.id && trial.answer.right == right;
        }));
      };
      if (count(true) >= wanted_right && count(false) >= wanted_wrong) continue;
      fmt::print("*** {} has {} right and {} wrong answers; wanted are at least {} and {}\n", exercise.id, count(true),
                 count(false), wanted_right, wanted_wrong);
      ++faults;
    }
  }
  return faults;
}

}  // namespace

int run_try(const Course& course, const Arguments& arguments) {
  const fs::path build = fs::absolute(arguments.setting("--build-dir").value_or((course.root() / "build").string()));
  const std::optional<std::string> only = arguments.setting("--only");
  const double wanted_share = arguments.setting("--named") ? arguments.number("--named", 0) : 0;
  const auto wanted_right = static_cast<std::size_t>(arguments.setting("--right") ? arguments.number("--right", 0) : 0);
  const auto wanted_wrong = static_cast<std::size_t>(arguments.setting("--wrong") ? arguments.number("--wrong", 0) : 0);

  std::vector<Trial> trials;
  for (const std::string& file : arguments.words()) {
    if (!fs::is_regular_file(file)) throw UsageError(fmt::format("{} is no file", file));
    for (ListedAnswer& answer : read_answers(read_file(file), fs::absolute(file).lexically_normal().string())) {
      course.exercise(answer.exercise);  // throws where there is none
      if (!asked_for(answer.exercise, only)) continue;
      trials.push_back({std::move(answer), "", false, false, "", "", 0});
    }
  }

  std::map<int, std::vector<Trial*>> by_chapter;
  for (Trial& trial : trials) by_chapter[chapter_of(trial.answer.exercise)].push_back(&trial);
  for (auto& [number, of_chapter] : by_chapter) ChapterTrial(course, course.chapter(number), build, of_chapter).run();

  std::size_t right = 0, wrong = 0, accepted = 0, rejected = 0, named = 0, faults = 0;
  for (const Trial& trial : trials) {
    (trial.answer.right ? right : wrong) += 1;
    if (trial.answer.right && trial.ran && !trial.rejected) ++accepted;
    if (!trial.answer.right && trial.rejected) ++rejected;
    if (!trial.answer.right && trial.rejected && !trial.named.empty()) ++named;
    const std::string fault = trial.fault();
    faults += fault.empty() ? 0 : 1;
    const std::string place =
        fmt::format("{}:{}", fs::proximate(trial.answer.file, course.root()).string(), trial.answer.line);
    if (!arguments.on("--faults") || !fault.empty()) {
      fmt::print("{:<5} {:<5} {:<40} {:>6.2f} s  {}{}\n", trial.answer.exercise, trial.answer.right ? "right" : "wrong",
                 verdict_of(trial), trial.seconds, place, fault.empty() ? "" : "  *** " + fault);
    }
    if ((arguments.on("--details") || (!fault.empty() && trial.answer.right)) && !trial.message.empty()) {
      for (const std::string_view line : lines_of(trial.message)) fmt::print("      | {}\n", line);
    }
  }

  const double share = wrong == 0 ? 100 : 100.0 * static_cast<double>(named) / static_cast<double>(wrong);
  fmt::print("{} wrong: {} rejected, {} named ({:.1f}%); {} right: {} accepted\n", wrong, rejected, named, share, right,
             accepted);
  if (share < wanted_share) {
    fmt::print("*** {:g}% of the wrong answers were to be named\n", wanted_share);
    ++faults;
  }
  faults += too_few(course, trials, only, wanted_right, wanted_wrong);
  fmt::print("{} passed, {} failed\n", trials.size() - std::min(faults, trials.size()), faults);
  return faults == 0 ? 0 : 1;
}

int run_beside(const Course& course, const Arguments& arguments) {
  const Chapter& chapter = course.chapter(arguments.chapter(0));
  const fs::path learner = arguments.words()[1], into = arguments.words()[2];
  const std::string text = with_reference(course, chapter, learner.filename().string(), fs::absolute(learner).string());
  if (read_file_if_there(into) == text) return 0;
  fs::create_directories(fs::absolute(into).parent_path());
  write_file_atomically(into, text);
  return 0;
}

}  // namespace verse
