#include "tests/harness/check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <map>
#include <sstream>

#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/random.h"
#include "common/safetensors.h"
#include "tests/harness/report_listener.h"
#include "tests/harness/test_device.h"

namespace verse {

namespace {

std::string shape_text(const torch::Tensor& tensor) {
  if (tensor.dim() == 0) return "a single number";
  std::ostringstream text;
  text << "shape " << tensor.sizes();
  return text.str();
}

std::string number_text(double number) {
  return fmt::format("{:.6g}", number);
}

/// The index of the first element that differs, counted in the order of memory of a contiguous tensor, as [i, j, k].
std::string index_text(std::int64_t flat, at::IntArrayRef sizes) {
  std::vector<std::int64_t> index(sizes.size());
  for (std::size_t dimension = sizes.size(); dimension-- > 0;) {
    index[dimension] = flat % sizes[dimension];
    flat /= sizes[dimension];
  }
  return fmt::format("[{}]", fmt::join(index, ", "));
}

std::optional<std::string> tensor_difference(const std::string& name, const torch::Tensor& expected,
                                             const torch::Tensor& got, const Tolerance& tolerance, double slack) {
  if (!got.defined()) return fmt::format("`{}` is an undefined tensor: it was never given a value.", name);
  if (expected.sizes() != got.sizes()) {
    return fmt::format("`{}` has the wrong shape.\n  expected: {}\n  got:      {}", name, shape_text(expected),
                       shape_text(got));
  }
  if (expected.is_floating_point() != got.is_floating_point() ||
      (expected.scalar_type() == torch::kBool) != (got.scalar_type() == torch::kBool)) {
    return fmt::format("`{}` has the wrong element type.\n  expected: {}\n  got:      {}", name,
                       c10::toString(expected.scalar_type()), c10::toString(got.scalar_type()));
  }
  if (expected.numel() == 0) return std::nullopt;

  // Compare in float64. Infinities of one sign are equal, as is NaN where NaN is right.
  const auto want = expected.to(torch::kFloat64).contiguous().flatten();
  const auto have = got.detach().to(torch::kFloat64).contiguous().flatten();
  const auto gap = (have - want).abs();
  const auto within = want.isfinite() & (gap <= slack * (tolerance.absolute + tolerance.relative * want.abs()));
  const auto close = within | (have == want) | (have.isnan() & want.isnan());
  if (close.all().item<bool>()) return std::nullopt;

  // Say where the first difference is, and how bad it is on the whole.
  const std::int64_t first = close.logical_not().nonzero()[0][0].item<std::int64_t>();
  const double expected_there = want[first].item<double>();
  const double got_there = have[first].item<double>();
  const std::int64_t wrong = close.logical_not().sum().item<std::int64_t>();
  const std::string place = expected.dim() == 0 ? "" : " at " + index_text(first, expected.sizes());
  std::string text = fmt::format("`{}` differs{}.\n  expected: {}\n  got:      {}", name, place,
                                 number_text(expected_there), number_text(got_there));
  if (std::isfinite(got_there) && std::isfinite(expected_there)) {
    text += fmt::format("  (off by {})", number_text(std::abs(got_there - expected_there)));
  }
  if (expected.numel() > 1) {
    text += fmt::format("\n  {} of {} numbers differ", wrong, expected.numel());
    const auto finite = gap.masked_select(gap.isfinite());
    if (finite.numel() > 0) text += fmt::format(", by {} at most", number_text(finite.max().item<double>()));
    const std::int64_t nan = (have.isnan() & want.isnan().logical_not()).sum().item<std::int64_t>();
    if (nan > 0) text += fmt::format("; {} are NaN", nan);
    text += ".";
  }
  if (tolerance.absolute > 0 || tolerance.relative > 0) {
    text += fmt::format("\n  (allowed: {:g} + {:g} x |expected|, because {})", tolerance.absolute, tolerance.relative,
                        tolerance.reason);
  }
  return text;
}

/// Ends a check early; what is wrong has been written down as an answer.
struct CheckEnded {};

}  // namespace

torch::Tensor normal_input(const std::vector<std::int64_t>& shape, std::uint64_t seed, double deviation) {
  Random random(seed);
  torch::Tensor tensor = torch::empty(shape, torch::kFloat32);
  float* data = tensor.data_ptr<float>();
  for (std::int64_t i = 0; i < tensor.numel(); ++i) data[i] = static_cast<float>(deviation * random.normal());
  return tensor.to(test_device());
}

torch::Tensor token_input(const std::vector<std::int64_t>& shape, std::int64_t vocabulary_size, std::uint64_t seed) {
  Random random(seed);
  torch::Tensor tensor = torch::empty(shape, torch::kInt64);
  auto* data = tensor.data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < tensor.numel(); ++i) data[i] = random.below(vocabulary_size);
  return tensor.to(test_device());
}

void Answers::add(const std::string& name, const torch::Tensor& value, const Tolerance& tolerance) {
  // A copy: what the subject does to its tensors later is not what it answered here.
  answers_.push_back({name, value.defined() ? value.detach().cpu().clone() : value, tolerance});
}

void Answers::add(const std::string& name, double value, const Tolerance& tolerance) {
  answers_.push_back({name, torch::tensor(value, torch::kFloat64), tolerance});
}

void Answers::add(const std::string& name, const std::string& value) {
  answers_.push_back({name, value, exact});
}

void Answers::add(const std::string& name, const std::vector<std::int64_t>& values) {
  add(name, torch::tensor(values, torch::kInt64), exact);
}

void Answers::add_gradients(const torch::Tensor& output, const NamedTensors& inputs, const Tolerance& tolerance) {
  if (!output.defined() || !output.requires_grad()) {
    add("gradients",
        "no gradient flows: the result is cut off from its inputs (a NoGradGuard, detach(), item() or data()?)");
    throw CheckEnded{};
  }
  // Weights that differ from element to element, so that a gradient that has gone to the wrong place shows.
  const auto weights = normal_input(output.sizes().vec(), 271828).to(output.options());
  (output * weights).sum().backward();
  for (const auto& [name, input] : inputs) {
    if (input.grad().defined()) {
      add("the gradient of " + name, input.grad(), tolerance);
    } else {
      add("the gradient of " + name, "none: no path leads back to it");
    }
  }
}

void Answers::add_error(const std::string& name, const std::function<void()>& action,
                        const std::vector<std::string>& words) {
  std::string outcome = "nothing was thrown";
  try {
    action();
  } catch (const NotImplemented&) {
    throw;
  } catch (const std::exception& error) {
    // Type and wanted words are compared; the rest of the wording is the author's.
    const char* type = dynamic_cast<const UsageError*>(&error)              ? "UsageError"
                       : dynamic_cast<const c10::Error*>(&error)            ? "c10::Error"
                       : dynamic_cast<const std::out_of_range*>(&error)     ? "std::out_of_range"
                       : dynamic_cast<const std::invalid_argument*>(&error) ? "std::invalid_argument"
                                                                            : "another std::exception";
    outcome = fmt::format("threw {}", type);
    for (const auto& word : words) {
      const bool said = std::string(error.what()).find(word) != std::string::npos;
      outcome += fmt::format(", {}saying \"{}\"", said ? "" : "not ", word);
    }
  }
  add(name, outcome);
}

void Answers::load_parameters(torch::nn::Module& module) {
  torch::NoGradGuard no_gradients;
  module.to(test_device());
  std::vector<std::pair<std::string, torch::Tensor>> own;
  for (const auto& item : module.named_parameters()) own.emplace_back(item.key(), item.value());
  for (const auto& item : module.named_buffers()) own.emplace_back(item.key(), item.value());

  // The reference's own parameters are what everybody else gets. A check may fill several modules, one after another.
  const std::string prefix = std::to_string(modules_loaded_++) + ":";
  if (truth_ == nullptr) {
    for (const auto& [name, tensor] : own) parameters_.emplace_back(prefix + name, tensor.detach().cpu().clone());
    return;
  }

  // Names and shapes first: without them nothing can be compared.
  std::map<std::string, torch::Tensor> given;
  for (const auto& [name, tensor] : truth_->parameters_) {
    if (name.rfind(prefix, 0) == 0) given.emplace(name.substr(prefix.size()), tensor);
  }
  auto wanted = given;
  std::string problem;
  for (const auto& [name, tensor] : own) {
    const auto found = wanted.find(name);
    if (found == wanted.end()) {
      problem += fmt::format("\n  The module has a parameter `{}` ({}) that the exercise does not ask for.", name,
                             shape_text(tensor));
    } else {
      if (found->second.sizes() != tensor.sizes()) {
        problem += fmt::format("\n  The parameter `{}` should have {}; it has {}.", name, shape_text(found->second),
                               shape_text(tensor));
      }
      wanted.erase(found);
    }
  }
  for (const auto& [name, tensor] : wanted) {
    problem += fmt::format("\n  The module should register a parameter `{}` ({}); there is none of that name.", name,
                           shape_text(tensor));
  }
  if (!problem.empty()) {
    add("the module's parameters", problem);
    throw CheckEnded{};
  }
  for (auto& [name, tensor] : own) tensor.copy_(given.at(name));
}

void Answers::restore(std::vector<Answer> answers, NamedTensors parameters) {
  answers_ = std::move(answers);
  parameters_ = std::move(parameters);
}

std::optional<std::string> first_difference(const Answers& expected, const Answers& got, double slack) {
  for (std::size_t i = 0; i < got.all().size(); ++i) {
    const auto& have = got.all()[i];
    const auto* have_text = std::get_if<std::string>(&have.value);
    if (i >= expected.all().size() || expected.all()[i].name != have.name) {
      // Only what ended the check early stands under a name that the other side does not have.
      return have_text ? fmt::format("{}: {}", have.name, *have_text)
                       : fmt::format("`{}` was not expected here.", have.name);
    }
    const auto& want = expected.all()[i];
    const auto* want_text = std::get_if<std::string>(&want.value);
    if (want_text && have_text) {
      if (*want_text != *have_text) {
        return fmt::format("{}:\n  expected: {}\n  got:      {}", have.name, *want_text, *have_text);
      }
    } else if (want_text || have_text) {
      return fmt::format("{}: {}", have.name, have_text ? *have_text : "a tensor where a text was expected");
    } else if (auto difference = tensor_difference(have.name, std::get<torch::Tensor>(want.value),
                                                   std::get<torch::Tensor>(have.value), want.tolerance, slack)) {
      return difference;
    }
  }
  if (got.all().size() < expected.all().size()) {
    return fmt::format("`{}` is missing: the check ended before it.", expected.all()[got.all().size()].name);
  }
  return std::nullopt;
}

// ---------------------------------------------------------------------------------------------------------------------
// Running exercises.

namespace {

std::vector<std::unique_ptr<ExerciseBase>>& exercises() {
  static std::vector<std::unique_ptr<ExerciseBase>> all;
  return all;
}

/// Runs a case; an exception that a subject lets out is an answer too. NotImplemented passes through.
template <typename Run>
Answers collect(const Answers* truth, const Run& run) {
  Answers answers(truth);
  // Subjects that draw from LibTorch's generator (a module's first values, dropout) all start at the same place.
  torch::manual_seed(20260101);
  try {
    run(answers);
  } catch (const CheckEnded&) {
    answers.set_ended_early();
  } catch (const NotImplemented&) {
    throw;
  } catch (const c10::Error& error) {
    answers.set_ended_early();
    std::string text = error.what_without_backtrace();
    answers.add("the code stopped with an error from LibTorch", text.substr(0, text.find('\n')));
  } catch (const std::exception& error) {
    answers.set_ended_early();
    answers.add("the code stopped with an exception", error.what());
  }
  return answers;
}

std::string record_key(const std::string& exercise, const std::string& name) {
  return exercise + "/" + name;
}

/// What the reference answered, by exercise and case.
using Record = std::map<std::string, Answers>;

void write_record(const std::filesystem::path& path) {
  NamedTensors tensors;
  Json index = Json::object();
  for (const auto& exercise : exercises()) {
    for (std::size_t i = 0; i < exercise->cases().size(); ++i) {
      const std::string key = record_key(exercise->id(), exercise->cases()[i].name);
      const Answers answers = collect(nullptr, [&](Answers& into) { exercise->run_linked(i, into); });
      if (answers.ended_early())
        throw std::runtime_error(key + ": the reference itself does not get through the check");
      auto& entry = index[key] = {{"answers", Json::array()}, {"parameters", Json::array()}};
      for (const auto& answer : answers.all()) {
        Json item = {{"name", answer.name},
                     {"absolute", answer.tolerance.absolute},
                     {"relative", answer.tolerance.relative},
                     {"reason", answer.tolerance.reason}};
        if (const auto* text = std::get_if<std::string>(&answer.value)) {
          item["text"] = *text;
        } else {
          tensors.emplace_back(key + "/" + std::to_string(entry["answers"].size()),
                               std::get<torch::Tensor>(answer.value));
        }
        entry["answers"].push_back(item);
      }
      for (const auto& [name, tensor] : answers.parameters()) {
        tensors.emplace_back(key + "/parameter/" + name, tensor);
        entry["parameters"].push_back(name);
      }
    }
  }
  save_tensors(path, tensors, {{"index", json_text(index)}});
}

Record read_record(const std::filesystem::path& path) {
  const TensorFile file = load_tensors(path);
  const std::map<std::string, torch::Tensor> tensors(file.tensors.begin(), file.tensors.end());
  const auto written = file.metadata.find("index");
  if (written == file.metadata.end()) throw UsageError(path.string() + " is no record of the reference's answers");
  const JsonEntry index = parse_json(written->second, path.string());
  static std::vector<std::unique_ptr<std::string>> reasons;  // tolerances point at their reasons
  Record record;
  for (const auto& [key, entry] : index.table()) {
    std::vector<Answers::Answer> answers;
    for (const JsonEntry& item : entry.at("answers").list()) {
      reasons.push_back(std::make_unique<std::string>(item.at("reason").text()));
      const Tolerance tolerance{item.at("absolute").number(), item.at("relative").number(), reasons.back()->c_str()};
      if (item.has("text")) {
        answers.push_back({item.at("name").text(), item.at("text").text(), tolerance});
      } else {
        answers.push_back({item.at("name").text(), tensors.at(key + "/" + std::to_string(answers.size())), tolerance});
      }
    }
    Answers::NamedTensors parameters;
    for (const JsonEntry& name : entry.at("parameters").list()) {
      parameters.emplace_back(name.text(), tensors.at(key + "/parameter/" + name.text()));
    }
    record[key].restore(std::move(answers), std::move(parameters));
  }
  return record;
}

/// The truth of one case: from the record for a learner, worked out on the spot by the reference itself.
class Truth {
 public:
  static Truth& instance() {
    static Truth truth;
    return truth;
  }
  void use_record(Record record) {
    record_ = std::move(record);
    recorded_ = true;
  }

  const Answers& of(const ExerciseBase& exercise, std::size_t index) {
    const std::string key = record_key(exercise.id(), exercise.cases()[index].name);
    const auto found = record_.find(key);
    if (found != record_.end()) return found->second;
    if (recorded_) throw std::runtime_error(key + " is not in the record: build the test program anew");
    Answers answers = collect(nullptr, [&](Answers& into) { exercise.run_linked(index, into); });
    return record_.emplace(key, std::move(answers)).first->second;
  }

 private:
  Record record_;
  bool recorded_ = false;
};

/// All cases of an exercise on one subject.
template <typename Run>
std::vector<Answers> collect_all(const ExerciseBase& exercise, const Run& run) {
  std::vector<Answers> all;
  for (std::size_t i = 0; i < exercise.cases().size(); ++i) {
    all.push_back(collect(&Truth::instance().of(exercise, i), [&](Answers& answers) { run(i, answers); }));
  }
  return all;
}

bool alike(const std::vector<Answers>& one, const std::vector<Answers>& other, double slack = 1.0) {
  for (std::size_t i = 0; i < one.size(); ++i) {
    if (first_difference(one[i], other[i], slack)) return false;
  }
  return true;
}

/// The known mistake whose answers are those of the linked subject, in every case of the exercise. One that calls an
/// exercise which is not written yet is not that mistake.
std::optional<std::string> recognise_mistake(const ExerciseBase& exercise) {
  const auto linked = collect_all(exercise, [&](std::size_t i, Answers& answers) { exercise.run_linked(i, answers); });
  for (std::size_t mistake = 0; mistake < exercise.mistakes().size(); ++mistake) {
    try {
      const auto wrong =
          collect_all(exercise, [&](std::size_t i, Answers& answers) { exercise.run_mistake(i, mistake, answers); });
      if (alike(wrong, linked)) return exercise.mistakes()[mistake];
    } catch (const NotImplemented&) {
    }
  }
  return std::nullopt;
}

/// So many tolerances a known mistake lies away from the truth, and from every other mistake.
constexpr double kMargin = 10;

/// Exercise_N_M.case: the linked subject against the truth.
class CaseTest : public ::testing::Test {
 public:
  CaseTest(const ExerciseBase& exercise, std::size_t index) : exercise_(exercise), index_(index) {}

  void TestBody() override {
    const Answers& truth = Truth::instance().of(exercise_, index_);
    const Answers answers = collect(&truth, [&](Answers& into) { exercise_.run_linked(index_, into); });
    ASSERT_FALSE(truth.all().empty()) << "a check that writes down no answer cannot fail";
    ASSERT_FALSE(truth.ended_early()) << "the reference itself does not get through the check";
    // What another device rounds otherwise may differ by as much as a known mistake has to differ by at least.
    const auto difference = first_difference(truth, answers, test_device().is_cpu() ? 1.0 : kMargin);
    if (!difference) return;
    std::optional<std::string> mistake;
    try {
      mistake = recognise_mistake(exercise_);
    } catch (const NotImplemented&) {
      // Another case of this exercise leads into one that is not written: this case's difference is news all the same.
    }
    if (mistake) report::set_mistake(*mistake);
    ADD_FAILURE() << *difference << (mistake ? "\nThis is the known mistake \"" + *mistake + "\"." : "");
  }

 private:
  const ExerciseBase& exercise_;
  std::size_t index_;
};

/// Mistakes_N_M.id: the checks reject the mistake, and tell it from every other, by kMargin times the tolerance.
class MistakeTest : public ::testing::Test {
 public:
  MistakeTest(const ExerciseBase& exercise, std::size_t mistake) : exercise_(exercise), mistake_(mistake) {}

  void TestBody() override {
    const auto answers_of = [&](std::size_t mistake) {
      return collect_all(exercise_,
                         [&](std::size_t i, Answers& answers) { exercise_.run_mistake(i, mistake, answers); });
    };
    const auto wrong = answers_of(mistake_);
    std::vector<Answers> truth;
    for (std::size_t i = 0; i < exercise_.cases().size(); ++i) truth.push_back(Truth::instance().of(exercise_, i));
    EXPECT_FALSE(alike(truth, wrong, kMargin)) << "the checks accept this mistake";
    for (std::size_t other = 0; other < exercise_.mistakes().size(); ++other) {
      if (other == mistake_) continue;
      EXPECT_FALSE(alike(answers_of(other), wrong, kMargin))
          << "the checks cannot tell it from \"" << exercise_.mistakes()[other] << "\"";
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

void register_exercises(bool linked_to_reference) {
  for (const auto& kept : exercises()) {
    const ExerciseBase& exercise = *kept;
    for (std::size_t i = 0; i < exercise.cases().size(); ++i) {
      const auto& check = exercise.cases()[i];
      ::testing::RegisterTest(suite_name("Exercise_", exercise.id()).c_str(), check.name.c_str(), nullptr, nullptr,
                              check.file.c_str(), check.line,
                              [&exercise, i]() -> ::testing::Test* { return new CaseTest(exercise, i); });
    }
    if (!linked_to_reference) continue;
    for (std::size_t mistake = 0; mistake < exercise.mistakes().size(); ++mistake) {
      ::testing::RegisterTest(
          suite_name("Mistakes_", exercise.id()).c_str(), exercise.mistakes()[mistake].c_str(), nullptr, nullptr,
          exercise.cases().at(0).file.c_str(), exercise.cases().at(0).line,
          [&exercise, mistake]() -> ::testing::Test* { return new MistakeTest(exercise, mistake); });
    }
  }
}

}  // namespace

ExerciseBase& keep_exercise(std::unique_ptr<ExerciseBase> exercise) {
  exercises().push_back(std::move(exercise));
  return *exercises().back();
}

int run_checks(int argc, char** argv, bool linked_to_reference) {
  try {
    move_tests_where_asked();
  } catch (const UsageError& error) {
    fmt::print(stderr, "VERSE_DEVICE: {}\n", error.what());
    return 2;
  }
  // Sums are taken in one order, so that what was recorded on one run is what the next one answers.
  torch::set_num_threads(1);
  std::optional<std::filesystem::path> record;
  // build/test_chapter_03 finds build/records/chapter_03.record.
  const std::filesystem::path program = argv[0];
  const std::string name = program.filename().string();
  std::filesystem::path recorded =
      program.parent_path() / "records" /
      (name.substr(name.rfind("chapter_") == std::string::npos ? 0 : name.rfind("chapter_")) + ".record");
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.rfind("--record=", 0) == 0) record = argument.substr(std::strlen("--record="));
    if (argument.rfind("--recorded=", 0) == 0) recorded = argument.substr(std::strlen("--recorded="));
    if (argument == "--list-mistakes") {
      for (const auto& exercise : exercises()) {
        for (const auto& mistake : exercise->mistakes()) fmt::print("{} {}\n", exercise->id(), mistake);
      }
      return 0;
    }
  }
  if (record) {
    write_record(*record);
    return 0;
  }

  // The listing of tests needs no record.
  ::testing::InitGoogleTest(&argc, argv);
  report::install();
  register_exercises(linked_to_reference);
  // On another device, the reference too is held against what it answers on the CPU.
  const bool against_record = !linked_to_reference || !test_device().is_cpu();
  if (against_record && !::testing::GTEST_FLAG(list_tests)) Truth::instance().use_record(read_record(recorded));
  return RUN_ALL_TESTS();
}

}  // namespace verse
