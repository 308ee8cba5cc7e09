#include "12_full_gpt/given/training/recipes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "common/base/error.h"

namespace verse {

namespace {

GPTOptions shape(std::int64_t layers, std::int64_t heads, std::int64_t width, std::int64_t context, double dropout) {
  GPTOptions options;
  options.layers = layers;
  options.heads = heads;
  options.width = width;
  options.context = context;
  options.dropout = dropout;
  options.fused = true;
  return options;
}

//! [presets]
/// The talk's model and its training; with dropout as nanoGPT's recipe for characters has it.
Recipe shakespeare() {
  Recipe recipe;
  recipe.preset = "shakespeare";
  recipe.model = shape(6, 6, 384, 256, 0.2);
  recipe.batch_size = 64;
  recipe.schedule = {1e-3, 1e-4, 100, 5000};
  return recipe;
}
//! [presets]

/// nanoGPT's recipe for a processor.
Recipe small() {
  Recipe recipe;
  recipe.preset = "small";
  recipe.model = shape(4, 4, 128, 64, 0.0);
  recipe.schedule = {1e-3, 1e-4, 100, 2000};
  return recipe;
}

/// The same model, its steps larger at first: two minutes on two cores.
Recipe demo() {
  Recipe recipe = small();
  recipe.preset = "demo";
  recipe.schedule = {4e-3, 2e-4, 100, 2000};
  recipe.evaluate_every = 200;
  return recipe;
}

/// The loss of `small` in a fraction of its steps, by newer parts and another optimizer.
Recipe speedrun() {
  Recipe recipe;
  recipe.preset = "speedrun";
  recipe.model = shape(4, 4, 128, 64, 0.0);
  recipe.modern = true;
  recipe.without = {Part::squared_relu};  // worse than GELU here: tests/benchmarks/ablation.py
  recipe.schedule = {0.025, 0.0, 0, 220};
  recipe.falling = 0.6;
  recipe.adamw = {0.8, 0.95, 1e-8, 0.0};
  recipe.gradient_clip = 0;
  recipe.evaluate_every = 55;
  return recipe;
}

}  // namespace

const std::vector<std::string>& recipe_names() {
  static const std::vector<std::string> names{"demo", "small", "shakespeare", "speedrun"};
  return names;
}

Recipe recipe_named(const std::string& name) {
  if (name == "demo") return demo();
  if (name == "small") return small();
  if (name == "shakespeare") return shakespeare();
  if (name == "speedrun") return speedrun();
  throw UsageError(fmt::format("--preset must be one of {}, not \"{}\"", fmt::join(recipe_names(), ", "), name));
}

double learning_rate_of(const Recipe& recipe, std::int64_t step) {
  return recipe.falling > 0 ? falling_learning_rate(step, recipe.schedule, recipe.falling)
                            : learning_rate_at(step, recipe.schedule);
}

void add_recipe_flags(CommandLine& line) {
  const auto value = [] { return cxxopts::value<std::string>(); };
  auto add = line.add("Recipe");
  add("preset", "demo, small (nanoGPT's for a CPU), shakespeare (the talk's) or speedrun: what is not given below",
      value()->default_value("demo"), "NAME");
  add("steps", "training steps", value(), "N");
  add("batch-size", "windows in a batch", value(), "N");
  add("accumulate", "at most so many parts of a batch, where memory is short; without dropout the gradient is the same",
      value(), "N");
  add("context", "characters in a window", value(), "N");
  add("layers", "blocks", value(), "N");
  add("heads", "attention heads; they divide the width", value(), "N");
  add("width", "features of a position", value(), "N");
  add("dropout", "share of features dropped in training", value(), "P");
  add("learning-rate", "at its peak", value(), "X");
  add("min-learning-rate", "at the end", value(), "X");
  add("warmup", "steps up to the peak", value(), "N");
  add("weight-decay", "of matrices and tables", value(), "X");
  add("grad-clip", "largest norm of all gradients; 0 for any", value(), "X");
  add("eval-every", "steps between two evaluations; the state is saved at each", value(), "N");
  add("eval-batches", "batches of the validation split for the losses on the way; 0 for all of it", value(), "N");
  add("with", "of speedrun's model, parts to put in that it does without: squared-relu", value(), "PARTS");
  add("without", "of speedrun's model, parts to leave out, apart by commas: token-shift, rotary, muon, ...", value(),
      "PARTS");
  add("precision", "auto, fp32 or bf16; auto is bf16 on a GPU that has it", value(), "NAME");
  add("stop-at-loss", "end early, at a validation loss (whole split) of X or less", value(), "X");
}

void apply_recipe_flags(const CommandLine& line, Recipe& recipe) {
  const auto integer = [&line](const char* flag, std::int64_t& value, std::int64_t least, std::int64_t largest) {
    if (line.given(flag)) value = line.integer(flag, least, largest);
  };
  const auto number = [&line](const char* flag, double& value, double least, double largest) {
    if (line.given(flag)) value = line.number(flag, least, largest);
  };
  integer("steps", recipe.schedule.steps, 1, 1'000'000'000);
  integer("batch-size", recipe.batch_size, 1, 1'000'000);
  integer("accumulate", recipe.accumulate, 1, 1'000'000);
  integer("context", recipe.model.context, 1, 1'000'000);
  integer("layers", recipe.model.layers, 1, 1000);
  integer("heads", recipe.model.heads, 1, 1000);
  integer("width", recipe.model.width, 1, 100'000);
  number("dropout", recipe.model.dropout, 0, 0.99);
  number("learning-rate", recipe.schedule.peak, 0, 1000);
  number("min-learning-rate", recipe.schedule.minimum, 0, 1000);
  integer("warmup", recipe.schedule.warmup, 0, 1'000'000'000);
  number("weight-decay", recipe.adamw.weight_decay, 0, 1000);
  number("grad-clip", recipe.gradient_clip, 0, 1e6);
  integer("eval-every", recipe.evaluate_every, 1, 1'000'000'000);
  integer("eval-batches", recipe.evaluate_batches, 0, 1'000'000'000);
  if (line.given("precision")) recipe.precision = line.text("precision");
  if (line.given("seed")) recipe.seed = static_cast<std::uint64_t>(line.integer("seed", 0));
  if (line.given("stop-at-loss")) recipe.stop_at_loss = line.number("stop-at-loss", 0, 1e6);

  for (const std::string flag : {"with", "without"}) {
    if (!line.given(flag)) continue;
    std::stringstream names(line.text(flag));
    for (std::string name; std::getline(names, name, ',');) {
      const Part part = part_named(name);
      if (flag == "without") {
        recipe.without.insert(part);
      } else {
        recipe.without.erase(part);
      }
    }
    if (!recipe.modern) throw UsageError(fmt::format("--{} is for --preset speedrun, whose parts it chooses", flag));
  }

  // What only together makes no sense.
  if (recipe.model.width % recipe.model.heads != 0) {
    throw UsageError(fmt::format("--heads must divide --width: {} heads cannot share a width of {}", recipe.model.heads,
                                 recipe.model.width));
  }
  if (recipe.schedule.minimum > recipe.schedule.peak) {
    throw UsageError(fmt::format("--min-learning-rate must be at most --learning-rate: {} is more than {}",
                                 recipe.schedule.minimum, recipe.schedule.peak));
  }
  if (recipe.accumulate > recipe.batch_size) {
    throw UsageError(fmt::format("--accumulate must be at most --batch-size: {} windows have no {} parts",
                                 recipe.batch_size, recipe.accumulate));
  }
  if (recipe.precision != "auto" && recipe.precision != "fp32" && recipe.precision != "bf16") {
    throw UsageError(fmt::format("--precision must be auto, fp32 or bf16, not \"{}\"", recipe.precision));
  }
}

Json to_json(const Recipe& recipe) {
  Json json = {
      {"preset", recipe.preset},
      {"vocabulary", recipe.model.vocabulary_size},
      {"layers", recipe.model.layers},
      {"heads", recipe.model.heads},
      {"width", recipe.model.width},
      {"context", recipe.model.context},
      {"dropout", recipe.model.dropout},
      {"batch-size", recipe.batch_size},
      {"steps", recipe.schedule.steps},
      {"learning-rate", recipe.schedule.peak},
      {"min-learning-rate", recipe.schedule.minimum},
      {"warmup", recipe.schedule.warmup},
      {"beta1", recipe.adamw.beta1},
      {"beta2", recipe.adamw.beta2},
      {"epsilon", recipe.adamw.epsilon},
      {"weight-decay", recipe.adamw.weight_decay},
      {"grad-clip", recipe.gradient_clip},
      {"eval-every", recipe.evaluate_every},
      {"eval-batches", recipe.evaluate_batches},
      {"precision", recipe.precision},
      {"seed", recipe.seed},
      {"accumulate", recipe.accumulate},
  };
  if (recipe.model.exact_gelu) json["exact-gelu"] = true;
  if (recipe.modern) {
    json["modern"] = true;
    json["without"] = Json::array();
    for (const Part part : recipe.without) json["without"].push_back(name_of(part));
    json["falling"] = recipe.falling;
  }
  if (recipe.stop_at_loss) json["stop-at-loss"] = *recipe.stop_at_loss;
  return json;
}

Recipe recipe_from_json(const JsonEntry& json) {
  Recipe recipe;
  recipe.preset = json.at("preset").text();
  recipe.model.vocabulary_size = json.at("vocabulary").whole(0);
  recipe.model.layers = json.at("layers").whole(0);
  recipe.model.heads = json.at("heads").whole(0);
  recipe.model.width = json.at("width").whole(0);
  recipe.model.context = json.at("context").whole(0);
  recipe.model.dropout = json.at("dropout").number();
  if (json.has("exact-gelu")) recipe.model.exact_gelu = json.at("exact-gelu").flag();
  recipe.batch_size = json.at("batch-size").whole(0);
  recipe.schedule.steps = json.at("steps").whole(0);
  recipe.schedule.peak = json.at("learning-rate").number();
  recipe.schedule.minimum = json.at("min-learning-rate").number();
  recipe.schedule.warmup = json.at("warmup").whole(0);
  recipe.adamw.beta1 = json.at("beta1").number();
  recipe.adamw.beta2 = json.at("beta2").number();
  recipe.adamw.epsilon = json.at("epsilon").number();
  recipe.adamw.weight_decay = json.at("weight-decay").number();
  recipe.gradient_clip = json.at("grad-clip").number();
  recipe.evaluate_every = json.at("eval-every").whole(0);
  recipe.evaluate_batches = json.at("eval-batches").whole(0);
  recipe.precision = json.at("precision").text();
  recipe.seed = static_cast<std::uint64_t>(json.at("seed").whole(0));
  if (json.has("accumulate")) recipe.accumulate = json.at("accumulate").whole(1);
  if (json.has("modern")) {
    recipe.modern = json.at("modern").flag();
    for (const JsonEntry& name : json.at("without").list()) recipe.without.insert(part_named(name.text()));
    recipe.falling = json.at("falling").number();
  }
  if (json.has("stop-at-loss")) recipe.stop_at_loss = json.at("stop-at-loss").number();
  recipe.model.fused = true;
  return recipe;
}

void refuse_changes(const Recipe& recorded, const Recipe& asked) {
  const auto before = to_json(recorded), now = to_json(asked);
  for (const auto& [flag, value] : now.items()) {
    if (flag == "stop-at-loss" || before.value(flag, Json()) == value) continue;
    throw UsageError(fmt::format("the run was started with --{} {}; it cannot go on with {}", flag,
                                 before.value(flag, Json()).dump(), value.dump()));
  }
}

}  // namespace verse
