#include "tests/harness/record.h"

#include <ATen/Context.h>

#include <nlohmann/json.hpp>

#include "common/base/error.h"
#include "common/base/json.h"
#include "common/safetensors.h"
#include "tests/harness/difference.h"

namespace verse {

namespace {

/// What every subject leaves as it found it, unless the reference touches it too.
class Surroundings {
 public:
  Surroundings() {
    // Subjects that draw from LibTorch's generator (a module's first values, dropout) all start at the same place.
    torch::manual_seed(20260101);
    generator_ = at::globalContext().defaultGenerator(torch::kCPU).get_state();
    Answers::begin_watching();
  }

  void look(Answers& answers) const {
    answers.end_watching();
    if (!torch::GradMode::is_enabled()) {
      torch::GradMode::set_enabled(true);
      answers.add_effect(
          "gradient_mode_left",
          "Gradients are not recorded any more afterwards: GradMode was switched off and not on again. A "
          "NoGradGuard does both.");
    }
    if (!torch::equal(at::globalContext().defaultGenerator(torch::kCPU).get_state(), generator_)) {
      answers.add_effect("random_numbers_drawn",
                         "LibTorch's own random numbers were drawn or seeded, which this exercise does not do: what is "
                         "random comes from the generator that is given, or nothing is.");
    }
  }

 private:
  torch::Tensor generator_;
};

}  // namespace

Answers collect_answers(const Answers* truth, const std::function<void(Answers&)>& run) {
  Answers answers(truth);
  const Surroundings surroundings;
  try {
    run(answers);
    surroundings.look(answers);
  } catch (const CheckEnded&) {
    answers.set_ended_early();
  } catch (const NotImplemented&) {
    throw;
  } catch (const c10::Error& error) {
    answers.set_ended_early();
    const std::string text = error.what_without_backtrace();
    answers.add("the code stopped with an error from LibTorch",
                explain_libtorch_error(text.substr(0, text.find('\n'))));
  } catch (const std::exception& error) {
    answers.set_ended_early();
    answers.add("the code stopped with an exception", explain_exception(error.what()));
  }
  torch::GradMode::set_enabled(true);
  return answers;
}

std::string record_key(const std::string& exercise, const std::string& name) {
  return exercise + "/" + name;
}

void write_record(const std::filesystem::path& path, const std::vector<const ExerciseBase*>& exercises) {
  NamedTensors tensors;
  Json index = Json::object();
  for (const ExerciseBase* exercise : exercises) {
    for (std::size_t i = 0; i < exercise->cases().size(); ++i) {
      const std::string key = record_key(exercise->id(), exercise->cases()[i].name);
      const Answers answers = collect_answers(nullptr, [&](Answers& into) { exercise->run_linked(i, into); });
      if (answers.ended_early())
        throw std::runtime_error(key + ": the reference itself does not get through the check");
      auto& entry =
          index[key] = {{"answers", Json::array()}, {"parameters", Json::array()}, {"effects", Json::array()}};
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
      for (const auto& [kind, sentence] : answers.effects()) entry["effects"].push_back({kind, sentence});
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
        answers.push_back({item.at("name").text(), item.at("text").text(), tolerance, {}});
      } else {
        answers.push_back(
            {item.at("name").text(), tensors.at(key + "/" + std::to_string(answers.size())), tolerance, {}});
      }
    }
    Answers::NamedTensors parameters;
    for (const JsonEntry& name : entry.at("parameters").list()) {
      parameters.emplace_back(name.text(), tensors.at(key + "/parameter/" + name.text()));
    }
    Answers::Effects effects;
    for (const JsonEntry& effect : entry.at("effects").list()) {
      effects.emplace_back(effect.list().at(0).text(), effect.list().at(1).text());
    }
    record[key].restore(std::move(answers), std::move(parameters), std::move(effects));
  }
  return record;
}

}  // namespace verse
