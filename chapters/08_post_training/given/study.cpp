#include "08_post_training/given/study.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <set>
#include <utility>

#include "05_training/given/checkpoint.h"
#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/json.h"
#include "common/base/text.h"
#include "common/record_seeds.h"
#include "common/results.h"

namespace verse {

namespace {

std::string key_of(const Arm& arm) {
  return arm.setting.empty() ? arm.name : fmt::format("{}, {}", arm.name, arm.setting);
}

/// Whether a finding is a share; names say of what others are.
bool is_share(const std::string& finding) {
  for (const char* other : {"nats", "count", "score"})
    if (finding.find(other) != std::string::npos) return false;
  return true;
}

/// A finding as it is printed: shares in per cent.
std::string shown(const std::string& finding, double value) {
  if (finding.find("count") != std::string::npos) return fmt::format("{:.0f}", value);
  return is_share(finding) ? fmt::format("{:.1f} %", 100 * value) : fmt::format("{:.2f}", value);
}

/// A name as results have it: letters, digits and underscores.
std::string plain(std::string name) {
  for (char& character : name)
    if (std::isalnum(static_cast<unsigned char>(character)) == 0) character = '_';
  return name;
}

}  // namespace

MeanInterval mean_interval(const std::vector<double>& values) {
  // Of Student's t with 1, 2, ... degrees of freedom, 2.5 % lie beyond these on either side.
  constexpr std::array<double, 9> kT = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262};
  const auto n = static_cast<double>(values.size());
  MeanInterval result;
  for (const double value : values) result.mean += value / n;
  double squares = 0;
  for (const double value : values) squares += (value - result.mean) * (value - result.mean);
  const double reach =
      values.size() < 2 ? 0 : kT.at(std::min(values.size() - 2, kT.size() - 1)) * std::sqrt(squares / (n - 1) / n);
  return {result.mean, result.mean - reach, result.mean + reach};
}

namespace {

constexpr std::string_view kLook = "right at step ";

/// The same of one training.
std::optional<double> right_after(const Findings& training, const std::string& counted, double amount) {
  const double steps = training.at("count steps"), all = training.at(counted);
  std::optional<double> nearest;
  double distance = 0.05 * amount;
  for (auto look = training.lower_bound(std::string(kLook)); look != training.end() && look->first.starts_with(kLook);
       ++look) {
    const double count = std::stod(look->first.substr(kLook.size())) / steps * all;
    if (std::abs(count - amount) > distance) continue;
    distance = std::abs(count - amount);
    nearest = look->second;
  }
  if (!nearest && all < amount && training.at("validation") >= kRightEnough) nearest = training.at("validation");
  return nearest;
}

}  // namespace

std::string right_at_step(std::int64_t step) {
  return fmt::format("{}{:04}", kLook, step);
}

std::optional<MeanInterval> right_after(const std::vector<Findings>& trainings, const std::string& counted,
                                        double amount) {
  std::vector<double> shares;
  for (const auto& training : trainings) {
    const auto share = right_after(training, counted, amount);
    if (!share) return {};
    shares.push_back(*share);
  }
  if (shares.empty()) return {};
  auto interval = mean_interval(shares);
  interval.low = std::max(interval.low, 0.0);
  interval.high = std::min(interval.high, 1.0);
  return interval;
}

Study::Study(std::string name, const Corpus& corpus, StudyOptions options)
    : name_(std::move(name)), corpus_(corpus), options_(std::move(options)) {}

std::vector<std::uint64_t> Study::seeds() const {
  std::vector<std::uint64_t> seeds;
  for (std::int64_t i = 0; i < options_.seeds; ++i)
    seeds.push_back(options_.first_seed + static_cast<std::uint64_t>(i));
  return seeds;
}

Beginning& Study::beginning(std::uint64_t seed) {
  auto& beginning = beginnings_[seed];
  if (beginning) return *beginning;
  Schooling schooling;
  schooling.shape.seed = seed;
  if (options_.quick) schooling.shape = {1, 2, 16, 128, 2, 4, 4e-3, seed};
  const auto folder = options_.kept ? *options_.kept / fmt::format("base-{}", seed) : std::filesystem::path();
  const bool known = options_.kept && std::filesystem::exists(folder / "model.safetensors");
  if (!known)
    fmt::print(stderr, "training the base of seed {} on {} and on sums for {} steps\n", seed, corpus_.name,
               schooling.shape.steps);
  auto base = known ? load_model(folder) : train_schooled_base(corpus_, schooling, options_.device);
  const auto& shape = base.model->options;
  if (known && (shape.layers != schooling.shape.layers || shape.width != schooling.shape.width))
    throw UsageError(
        fmt::format("{}: a base of {} layers and width {}, and this run's have {} and {}; name another --kept",
                    folder.string(), shape.layers, shape.width, schooling.shape.layers, schooling.shape.width));
  base.model->to(options_.device);
  if (options_.kept && !known) save_model(folder, *base.model, base.tokenizer);
  ChatVocabulary vocabulary(base.tokenizer);
  Random random(seed);
  auto grown = grow_vocabulary(base.model, vocabulary.added(), random);
  expect_same_architecture(base.model, grown);
  beginning = std::make_unique<Beginning>(Beginning{std::move(base), std::move(vocabulary), grown});
  return *beginning;
}

std::filesystem::path Study::file_of(const Arm& arm, std::uint64_t seed) const {
  return *options_.kept / fmt::format("{}-{}-{}.json", name_, plain(key_of(arm)), seed);
}

std::optional<Findings> Study::kept(const Arm& arm, std::uint64_t seed) {
  if (!options_.kept || !std::filesystem::exists(file_of(arm, seed))) return {};
  const auto file = load_json(file_of(arm, seed));
  const StudyOptions whole;
  const bool quick = file.has("quick") && file.at("quick").flag();
  const auto problems = file.has("problems") ? file.at("problems").whole() : whole.problems;
  const auto recipe = file.has("recipe") ? file.at("recipe").text() : arm.recipe;
  const auto refuse = [&](const std::string& kept, const std::string& wanted) {
    throw UsageError(fmt::format("{}: kept from {}, and this is {}; name another --kept", file_of(arm, seed).string(),
                                 kept, wanted));
  };
  const auto kind = [](bool quickly) { return quickly ? "a run with --quick" : "a run without --quick"; };
  if (quick != options_.quick) refuse(kind(quick), kind(options_.quick));
  if (problems != options_.problems)
    refuse(fmt::format("a run with --problems {}", problems), fmt::format("one with {}", options_.problems));
  if (recipe != arm.recipe) refuse(fmt::format("a training of {}", recipe), fmt::format("one of {}", arm.recipe));
  Findings findings;
  for (const auto& [name, value] : file.at("findings").table()) findings[name] = value.number();
  return findings;
}

GPT Study::early_model(std::uint64_t seed, double share) {
  auto& start = beginning(seed);
  FineTuning options;
  options.steps = options_.quick ? 3 : 200;
  options.learning_rate = 1e-3;
  options.seed = seed;
  auto some = problems(options.task, Split::validation);
  some.resize(std::min<std::size_t>(some.size(), 100));
  RespondOptions drawn;
  drawn.temperature = 1;
  auto model = copy_of(start.grown);
  GPT early{nullptr};
  fine_tune(model, start.vocabulary, options, {}, 10, [&](std::int64_t done) {
    Random random(4000);
    if (!early.is_empty()) return;
    const auto right = measure(model, start.vocabulary, some, drawn, random).value();
    if (right < share && done < options.steps) return;
    fmt::print(stderr, "the early model is that of step {}: {:.0f} % right\n", done, 100 * right);
    early = copy_of(model);
  });
  return early;
}

bool Study::to_train(const Arm& arm, std::uint64_t seed) {
  const auto key = key_of(arm);
  bool here = !options_.part;
  if (options_.part)
    for (const auto& words : split(*options_.part, '|')) here = here || key.find(words) != std::string::npos;
  return !options_.only_report && here && !kept(arm, seed);
}

void Study::look_at(const Arm& arm, std::uint64_t seed, const std::function<Findings()>& find) {
  if (std::none_of(arms_.begin(), arms_.end(), [&](const Arm& known) { return key_of(known) == key_of(arm); }))
    arms_.push_back(arm);
  if (const auto known = kept(arm, seed)) {
    found_[key_of(arm)][seed] = *known;
  } else if (to_train(arm, seed)) {
    keep(arm, seed, find());
  }
}

void Study::keep(const Arm& arm, std::uint64_t seed, const Findings& findings) {
  found_[key_of(arm)][seed] = findings;
  std::string line;
  Json file;
  file["arm"] = key_of(arm);
  file["seed"] = seed;
  file["quick"] = options_.quick;
  file["problems"] = options_.problems;
  if (!arm.recipe.empty()) file["recipe"] = arm.recipe;
  for (const auto& [name, value] : findings) {
    if (name.find(" at step ") == std::string::npos) line += fmt::format("  {} {}", name, shown(name, value));
    file["findings"][name] = value;
  }
  if (options_.kept) {
    std::filesystem::create_directories(*options_.kept);
    write_file_atomically(file_of(arm, seed), json_text(file, 1) + "\n");
  }
  fmt::print("  {:<40} seed {}{}\n", key_of(arm), seed, line);
  std::fflush(stdout);
}

const std::vector<Problem>& Study::problems(const TaskOptions& task, Split split) {
  auto& problems = problems_[fmt::format("{}/{}/{}/{}/{}", static_cast<int>(task.kind), task.numbers, task.digits,
                                         task.units_first, static_cast<int>(split))];
  Random random(1000 + static_cast<std::uint64_t>(split));
  if (problems.empty()) problems = draw_distinct(task, split, options_.problems, random);
  return problems;
}

Accuracy Study::measured(GPT& model, const ChatVocabulary& vocabulary, const TaskOptions& task, Split split,
                         double temperature, bool hides_chain) {
  RespondOptions options;
  options.temperature = temperature;
  options.hides_chain = hides_chain;
  Random random(2000);
  return measure(model, vocabulary, problems(task, split), options, random);
}

std::vector<Findings> Study::trainings(const Arm& arm) const {
  std::vector<Findings> all;
  if (const auto trainings = found_.find(key_of(arm)); trainings != found_.end())
    for (const auto& [seed, findings] : trainings->second) all.push_back(findings);
  return all;
}

std::vector<double> Study::found(const Arm& arm, const std::string& finding) const {
  std::vector<double> values;
  for (const auto& findings : trainings(arm))
    if (const auto value = findings.find(finding); value != findings.end()) values.push_back(value->second);
  return values;
}

void Study::report(const std::string& title, const std::string& chosen_by, const std::string& against,
                   const std::vector<std::string>& shown_here) {
  // The setting of each name that does best on the validation problems, of those with as many trainings as any.
  const auto better = [&](const Arm& one, const Arm& other) {
    const auto trained = found_[key_of(one)].size(), others = found_[key_of(other)].size();
    if (trained != others) return trained > others;
    return mean_interval(found(one, chosen_by)).mean > mean_interval(found(other, chosen_by)).mean;
  };
  std::vector<Arm> rows;
  for (const Arm& arm : arms_) {
    if (found_[key_of(arm)].empty()) continue;
    const auto same = std::find_if(rows.begin(), rows.end(), [&](const Arm& row) { return row.name == arm.name; });
    if (chosen_by.empty() || same == rows.end()) {
      rows.push_back(arm);
    } else if (better(arm, *same)) {
      *same = arm;
    }
  }

  // What a row's trainings have above the other's with the same seeds.
  const auto differences = [&](const Arm& arm, const Arm& other) {
    std::vector<double> values;
    for (const auto& [seed, findings] : found_[key_of(arm)])
      if (const auto same = found_[key_of(other)].find(seed); same != found_[key_of(other)].end())
        values.push_back(findings.at(shown_here.front()) - same->second.at(shown_here.front()));
    return values;
  };
  const auto reference = std::find_if(rows.begin(), rows.end(), [&](const Arm& row) { return row.name == against; });

  std::vector<std::string> columns = {"name", "setting", "trainings"};
  for (const auto& finding : shown_here)
    for (const char* end : {"", "_least", "_most"}) columns.push_back(plain(finding) + end);
  if (!against.empty())
    for (const char* name : {"difference", "difference_low", "difference_high"}) columns.emplace_back(name);
  auto& table = results().table(plain(name_), columns);
  fmt::print("\n{}: the mean over the trainings, the least and the most\n", title);
  for (const Arm& arm : rows) {
    std::vector<Recorded> cells = {arm.name, arm.setting, std::ssize(found_[key_of(arm)])};
    fmt::print("  {} ({} trained)\n", key_of(arm), found_[key_of(arm)].size());
    for (const auto& finding : shown_here) {
      const auto values = found(arm, finding);
      if (values.empty()) {
        cells.insert(cells.end(), 3, NAN);
        continue;
      }
      const auto [least, most] = std::minmax_element(values.begin(), values.end());
      const double mean = mean_interval(values).mean;
      for (const double value : {mean, *least, *most}) cells.emplace_back(value);
      fmt::print("    {:<24}{} ({} to {})\n", finding, shown(finding, mean), shown(finding, *least),
                 shown(finding, *most));
    }
    if (!against.empty()) {
      const auto values = reference == rows.end() ? std::vector<double>{} : differences(arm, *reference);
      const auto mean = mean_interval(values);
      cells.emplace_back(values.empty() ? NAN : mean.mean);
      cells.emplace_back(values.size() < 3 ? NAN : mean.low);
      cells.emplace_back(values.size() < 3 ? NAN : mean.high);
      if (!values.empty() && arm.name != against)
        fmt::print("    {:<24}{:+.1f}{}\n", fmt::format("points above {}", against), 100 * mean.mean,
                   values.size() < 3 ? "" : fmt::format(" ({:+.1f} to {:+.1f})", 100 * mean.low, 100 * mean.high));
    }
    table.row(std::move(cells));
  }

  std::set<std::uint64_t> trained;
  for (const Arm& arm : arms_)
    for (const auto& [seed, findings] : found_[key_of(arm)]) trained.insert(seed);
  record_seeds({trained.begin(), trained.end()});

  auto& trainings = results().table(plain(name_) + "_trainings", [&] {
    std::vector<std::string> names = {"name", "setting", "seed"};
    for (const auto& finding : shown_here) names.push_back(plain(finding));
    return names;
  }());
  for (const Arm& arm : arms_)
    for (const auto& [seed, findings] : found_[key_of(arm)]) {
      std::vector<Recorded> cells = {arm.name, arm.setting, static_cast<std::int64_t>(seed)};
      for (const auto& finding : shown_here) {
        const auto found = findings.find(finding);
        cells.emplace_back(found == findings.end() ? NAN : found->second);
      }
      trainings.row(std::move(cells));
    }

  if (chosen_by.empty()) return;
  auto& sweep = results().table(plain(name_) + "_sweep", {"name", "setting", "trainings", "mean", "least", "most"});
  fmt::print("\nEvery setting, {}: mean, least and most\n", chosen_by);
  for (const Arm& arm : arms_) {
    const auto values = found(arm, chosen_by);
    if (values.empty()) continue;
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    const double mean = mean_interval(values).mean;
    sweep.row({arm.name, arm.setting, std::ssize(values), mean, *least, *most});
    fmt::print("  {:<44}{} ({} to {})\n", key_of(arm), shown(chosen_by, mean), shown(chosen_by, *least),
               shown(chosen_by, *most));
  }
}

const std::vector<StudyKind>& all_studies() {
  static const std::vector<StudyKind> studies = {
      {"quality", "accuracy by the share of bad examples", study_quality},
      {"controls", "what of the chain it is that helps", study_controls},
      {"preference", "DPO against learning from the chosen responses alone", study_preference},
      {"rewards", "GRPO from an early model, and a reward that can be gamed", study_rewards},
      {"reward-model", "a model that scores responses: the best of several by it, and how it is fooled",
       study_reward_model},
      {"lora", "low-rank adapters against all parameters, on a neighbouring task", study_lora},
      {"chat", "system turns, several turns, and templates other than the one trained with", study_chat},
      {"tool", "a model that asks a calculator", study_tool},
  };
  return studies;
}

}  // namespace verse
