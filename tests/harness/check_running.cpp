// Running exercises: the linked subject against the truth, known mistakes against both.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "common/base/error.h"
#include "tests/harness/check.h"
#include "tests/harness/difference.h"
#include "tests/harness/recognition.h"
#include "tests/harness/record.h"
#include "tests/harness/report_listener.h"
#include "tests/harness/test_device.h"

namespace verse {

namespace {

std::vector<std::unique_ptr<ExerciseBase>>& exercises() {
  static std::vector<std::unique_ptr<ExerciseBase>> all;
  return all;
}

/// So many tolerances a known mistake lies away from the truth, and from every other mistake.
constexpr double kMargin = 10;

/// Exercise_N_M.case: the linked subject against the truth.
class CaseTest : public ::testing::Test {
 public:
  CaseTest(const ExerciseBase& exercise, std::size_t index) : exercise_(exercise), index_(index) {}

  void TestBody() override {
    const Answers& truth = Truth::instance().of(exercise_, index_);
    ASSERT_FALSE(truth.all().empty()) << "a check that writes down no answer cannot fail";
    ASSERT_FALSE(truth.ended_early()) << "the reference itself does not get through the check";
    const Answers& answers = Remembered::instance().linked(exercise_, index_);
    // What another device rounds otherwise may differ by as much as a known mistake has to differ by at least.
    const auto difference = find_difference(truth, answers, test_device().is_cpu() ? 1.0 : kMargin);
    if (!difference) return;
    // What was found stands, even if a later case of this exercise does not come to an end.
    report::found(difference->text);
    const std::optional<std::string> mistake = explain_answers(exercise_, index_);
    if (mistake || !difference->kind.empty()) report::set_mistake(mistake.value_or(difference->kind));
    ADD_FAILURE() << difference->text << (mistake ? "\nThis is the known mistake \"" + *mistake + "\"." : "");
  }

 private:
  const ExerciseBase& exercise_;
  std::size_t index_;
};

/// Answer_K.case: the K-th of a list of answers, on one case of its exercise.
class TriedAnswerTest : public CaseTest {
 public:
  TriedAnswerTest(const ExerciseBase& exercise, std::size_t index, int body) : CaseTest(exercise, index), body_(body) {}

  void TestBody() override {
    // The one that ran before may have been another answer to the same exercise.
    if (body_numbers.judged != body_) Remembered::instance().forget_linked();
    body_numbers.judged = body_;
    CaseTest::TestBody();
  }

 private:
  int body_;
};

/// Mistakes_N_M.id: the checks reject the mistake, and tell it from every other, by kMargin times the tolerance.
class MistakeTest : public ::testing::Test {
 public:
  MistakeTest(const ExerciseBase& exercise, std::size_t mistake) : exercise_(exercise), mistake_(mistake) {}

  void TestBody() override {
    Remembered& remembered = Remembered::instance();
    const auto differs_from = [&](const auto& other) {
      for (std::size_t i = 0; i < exercise_.cases().size(); ++i) {
        if (first_difference(other(i), remembered.mistake(exercise_, mistake_, i), kMargin)) return true;
      }
      return false;
    };
    EXPECT_TRUE(differs_from([&](std::size_t i) -> const Answers& { return Truth::instance().of(exercise_, i); }))
        << "the checks accept this mistake";
    for (std::size_t other = 0; other < exercise_.mistakes().size(); ++other) {
      if (exercise_.mistakes()[other] == exercise_.mistakes()[mistake_]) continue;  // itself, or another form of it
      EXPECT_TRUE(differs_from([&](std::size_t i) -> const Answers& {
        return remembered.mistake(exercise_, other, i);
      })) << "the checks cannot tell it from \""
          << exercise_.mistakes()[other] << "\"";
    }
  }

 private:
  const ExerciseBase& exercise_;
  std::size_t mistake_;
};

std::string suite_name(const std::string& prefix, std::string id) {
  for (auto& letter : id) {
    if (letter == '.') letter = '_';
  }
  return prefix + id;
}

template <typename MakeTest>
void register_cases(const std::string& suite, const ExerciseBase& exercise, const MakeTest& make) {
  for (std::size_t i = 0; i < exercise.cases().size(); ++i) {
    const auto& check = exercise.cases()[i];
    ::testing::RegisterTest(suite.c_str(), check.name.c_str(), nullptr, nullptr, check.file.c_str(), check.line,
                            [make, i]() -> ::testing::Test* { return make(i); });
  }
}

void register_exercises(bool linked_to_reference) {
  for (const auto& kept : exercises()) {
    const ExerciseBase& exercise = *kept;
    register_cases(suite_name("Exercise_", exercise.id()), exercise,
                   [&exercise](std::size_t i) { return new CaseTest(exercise, i); });
    if (!linked_to_reference) continue;
    std::map<std::string, int> forms;
    for (std::size_t mistake = 0; mistake < exercise.mistakes().size(); ++mistake) {
      const std::string& id = exercise.mistakes()[mistake];
      const int form = ++forms[id];
      const std::string name = form == 1 ? id : fmt::format("{}_form_{}", id, form);
      ::testing::RegisterTest(
          suite_name("Mistakes_", exercise.id()).c_str(), name.c_str(), nullptr, nullptr,
          exercise.cases().at(0).file.c_str(), exercise.cases().at(0).line,
          [&exercise, mistake]() -> ::testing::Test* { return new MistakeTest(exercise, mistake); });
    }
  }
}

/// Registers what a list asks for: a line `K N.M` for each answer, K being its body's number.
void register_answers(const std::filesystem::path& list) {
  std::ifstream lines(list);
  if (!lines) throw UsageError(list.string() + " cannot be read");
  int body = 0;
  std::string id;
  while (lines >> body >> id) {
    bool found = false;
    for (const auto& kept : exercises()) {
      if (kept->id() != id) continue;
      found = true;
      const ExerciseBase& exercise = *kept;
      register_cases(fmt::format("Answer_{}", body), exercise,
                     [&exercise, body](std::size_t i) { return new TriedAnswerTest(exercise, i, body); });
    }
    if (!found) throw UsageError(fmt::format("no check of this program is about exercise {}", id));
  }
}

/// The value of `--name=value` on the command line.
std::optional<std::string> setting(int argc, char** argv, const std::string& name) {
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.rfind(name + "=", 0) == 0) return argument.substr(name.size() + 1);
  }
  return std::nullopt;
}

/// Tests on a GPU are held to float32, whatever the test before them has asked for.
class KeepsFloat32 : public ::testing::EmptyTestEventListener {
  void OnTestStart(const ::testing::TestInfo&) override { at::globalContext().setAllowTF32CuBLAS(false); }
};

}  // namespace

ExerciseBase& keep_exercise(std::unique_ptr<ExerciseBase> exercise) {
  exercises().push_back(std::move(exercise));
  return *exercises().back();
}

int run_checks(int argc, char** argv, CheckedBodies checked) {
  try {
    move_tests_where_asked();
  } catch (const UsageError& error) {
    fmt::print(stderr, "VERSE_DEVICE: {}\n", error.what());
    return 2;
  }
  // Sums are taken in one order, so that what was recorded on one run is what the next one answers.
  torch::set_num_threads(1);
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--list-mistakes") != 0) continue;
    for (const auto& exercise : exercises()) {
      std::set<std::string> told;
      for (const auto& mistake : exercise->mistakes()) {
        if (told.insert(mistake).second) fmt::print("{} {}\n", exercise->id(), mistake);
      }
    }
    return 0;
  }
  if (const auto record = setting(argc, argv, "--record")) {
    std::vector<const ExerciseBase*> all;
    for (const auto& exercise : exercises()) all.push_back(exercise.get());
    write_record(*record, all);
    return 0;
  }
  // build/test_chapter_03 finds build/records/chapter_03.record.
  const std::filesystem::path program = argv[0];
  const std::string name = program.filename().string();
  const std::size_t chapter = name.rfind("chapter_");
  const auto recorded = setting(argc, argv, "--recorded");
  const auto answers = setting(argc, argv, "--answers");
  if (checked == CheckedBodies::answers && !answers) {
    fmt::print(stderr, "{}: --answers=FILE says which answers are to be tried\n", name);
    return 2;
  }

  // The listing of tests needs no record.
  ::testing::InitGoogleTest(&argc, argv);
  report::install();
  if (!test_device().is_cpu()) ::testing::UnitTest::GetInstance()->listeners().Append(new KeepsFloat32);
  if (checked == CheckedBodies::answers) {
    register_answers(*answers);
    return RUN_ALL_TESTS();
  }
  const bool linked_to_reference = checked == CheckedBodies::reference;
  if (!linked_to_reference) body_numbers.reference = 1;
  register_exercises(linked_to_reference);
  // On another device, the reference too is held against what it answers on the CPU.
  const bool against_record = !linked_to_reference || !test_device().is_cpu();
  if (against_record && !::testing::GTEST_FLAG(list_tests)) {
    Truth::instance().use_record(
        read_record(recorded ? std::filesystem::path(*recorded)
                             : program.parent_path() / "records" /
                                   (name.substr(chapter == std::string::npos ? 0 : chapter) + ".record")));
  }
  return RUN_ALL_TESTS();
}

}  // namespace verse
