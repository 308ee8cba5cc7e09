#include "12_full_gpt/given/training/recipes.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <type_traits>

#include "11_modern/given/modern_training.h"
#include "12_full_gpt/given/cpu/half_products.h"
#include "common/base/error.h"
#include "common/base/text.h"

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

/// The loss of `small` in a fraction of its steps, by newer parts and another optimizer.
Recipe speedrun() {
  Recipe recipe;
  recipe.preset = "speedrun";
  recipe.model = shape(4, 4, 128, 64, 0.0);
  recipe.modern = true;
  recipe.without = {Part::squared_relu};  // worse than GELU here: tests/benchmarks/ablation.py
  recipe.schedule = modern_schedule(220);
  recipe.falling = kModernFalling;
  recipe.adamw = kModernAdamW;
  recipe.gradient_clip = 0;
  recipe.evaluate_every = 55;
  return recipe;
}

/// The same for whoever wants to hear a GPT talk within a minute on two cores: more steps.
Recipe demo() {
  Recipe recipe = speedrun();
  recipe.preset = "demo";
  recipe.schedule = modern_schedule(1000);
  recipe.evaluate_every = 200;
  return recipe;
}

const std::vector<std::string> kPrecisions = {"auto", "fp32", "bf16", "fp16"};
const std::vector<std::string> kRecorded = {"auto", "no"};
constexpr std::int64_t kMany = 1'000'000'000;

/// Shows every number of a recipe that has an option: by its name, with its range and what it is for.
template <typename AnyRecipe, typename Visit>
void each_number(AnyRecipe& recipe, const Visit& visit) {
  visit("steps", recipe.schedule.steps, WholeRange{1, kMany}, "training steps");
  visit("batch-size", recipe.batch_size, WholeRange{1, 1'000'000}, "windows in a batch");
  visit("accumulate", recipe.accumulate, WholeRange{1, 1'000'000},
        "at most so many parts of a batch, where memory is short; without dropout the gradient is the same");
  visit("context", recipe.model.context, WholeRange{1, 1'000'000}, "characters in a window");
  visit("layers", recipe.model.layers, WholeRange{1, 1000}, "blocks");
  visit("heads", recipe.model.heads, WholeRange{1, 1000}, "attention heads; they divide the width");
  visit("width", recipe.model.width, WholeRange{1, 100'000}, "features of a position");
  visit("dropout", recipe.model.dropout, NumberRange{0, 0.99}, "share of features dropped in training");
  visit("learning-rate", recipe.schedule.peak, NumberRange{0, 1000}, "at its peak");
  visit("min-learning-rate", recipe.schedule.minimum, NumberRange{0, 1000}, "at the end");
  visit("warmup", recipe.schedule.warmup, WholeRange{0, kMany}, "steps up to the peak");
  visit("weight-decay", recipe.adamw.weight_decay, NumberRange{0, 1000}, "of matrices and tables");
  visit("grad-clip", recipe.gradient_clip, NumberRange{0, 1e6}, "largest norm of all gradients; 0 for any");
  visit("eval-every", recipe.evaluate_every, WholeRange{1, kMany},
        "steps between two evaluations; the state is saved at each");
  visit("eval-batches", recipe.evaluate_batches, WholeRange{0, kMany},
        "batches of the validation split for the losses on the way; 0 for all of it");
}

/// @throws UsageError for numbers that only together make no sense.
void check_together(const Recipe& recipe) {
  if (!recipe.llama && recipe.model.width % recipe.model.heads != 0) {
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
  throw UsageError(fmt::format("--preset must be {}, not \"{}\"", one_of(recipe_names()), name));
}

bool uses_bfloat16(const Recipe& recipe, const DeviceChoice& device) {
  const bool asked = recipe.precision == "bf16";
  if (device.device.is_cuda()) return asked || (recipe.precision == "auto" && device.bfloat16);
  if (recipe.precision == "fp16") {
    throw UsageError("--precision fp16 is for a GPU; training on a processor computes in fp32 or bf16");
  }
  if (!asked) return false;
  if (recipe.modern || recipe.llama) {
    throw UsageError("--precision bf16 on a processor is for chapter 4's model; others are trained in fp32");
  }
  if (!multiplies_bfloat16()) {
    throw UsageError("--precision bf16: this processor has no instructions for it (AVX-512 BF16); it trains in fp32");
  }
  return true;
}

bool uses_float16(const Recipe& recipe, const DeviceChoice& device) {
  if (uses_bfloat16(recipe, device) || !device.device.is_cuda()) return false;
  return recipe.precision == "fp16" || recipe.precision == "auto";
}

double learning_rate_of(const Recipe& recipe, std::int64_t step) {
  return recipe.falling > 0 ? falling_learning_rate(step, recipe.schedule, recipe.falling)
                            : learning_rate_at(step, recipe.schedule);
}

void declare_recipe(CommandLine& line, const std::string& otherwise) {
  line.group("Recipe");
  line.declare(
      "preset", recipe_names(),
      "demo and speedrun (chapter 11's model), small (nanoGPT's for a CPU) or shakespeare (the talk's): what is not "
      "given below; " +
          otherwise + " where none is named");
  Recipe recipe;
  each_number(recipe, [&line](const char* name, const auto&, const auto& range, const char* help) {
    line.declare(name, range, help);
  });
  line.declare("with", "of chapter 11's model, parts to put in that it does without: squared-relu", "PARTS");
  line.declare("without", "of chapter 11's model, parts to leave out, apart by commas: token-shift, rotary, muon, ...",
               "PARTS");
  line.declare("precision", kPrecisions,
               "auto, fp32, bf16 or fp16; auto is fp32 on a processor, bf16 on a GPU that has it, else fp16");
  line.declare_flag("deterministic", "on a GPU, only operations that give the same bits each time");
  line.declare("recorded", kRecorded, "auto or no: whether a GPU's steps may be one recording, played back");
  line.declare("stop-at-loss", NumberRange{0, 1e6}, "end early, at a validation loss (whole split) of this or less");
}

Recipe take_recipe(const CommandLine& line, const std::string& otherwise) {
  std::string name = otherwise;
  line.take("preset", name);
  Recipe recipe = recipe_named(name);
  apply_recipe(line, recipe);
  return recipe;
}

void apply_recipe(const CommandLine& line, Recipe& recipe) {
  each_number(recipe, [&line](const char* name, auto& value, const auto&, const char*) { line.take(name, value); });
  line.take("precision", recipe.precision);
  if (line.given("deterministic")) recipe.deterministic = true;
  std::string recorded;
  if (line.take("recorded", recorded)) recipe.recorded = recorded == "auto";
  std::int64_t seed = 0;
  if (line.take("seed", seed)) recipe.seed = static_cast<std::uint64_t>(seed);
  double goal = 0;
  if (line.take("stop-at-loss", goal)) recipe.stop_at_loss = goal;

  for (const std::string option : {"with", "without"}) {
    std::string names;
    if (!line.take(option, names)) continue;
    if (!recipe.modern)
      throw UsageError(fmt::format("--{} is for the presets demo and speedrun, whose parts it chooses", option));
    for (const std::string& name : split(names, ',')) {
      if (option == "without") {
        recipe.without.insert(part_named(name));
      } else {
        recipe.without.erase(part_named(name));
      }
    }
  }

  check_together(recipe);
}

Json to_json(const Recipe& recipe) {
  Json json = {{"preset", recipe.preset}, {"vocabulary", recipe.model.vocabulary_size}};
  each_number(recipe, [&json](const char* name, const auto& value, const auto&, const char*) { json[name] = value; });
  json["beta1"] = recipe.adamw.beta1;
  json["beta2"] = recipe.adamw.beta2;
  json["epsilon"] = recipe.adamw.epsilon;
  json["precision"] = recipe.precision;
  json["seed"] = recipe.seed;
  json["deterministic"] = recipe.deterministic;
  if (recipe.model.exact_gelu) json["exact-gelu"] = true;
  if (recipe.modern) {
    json["modern"] = true;
    json["without"] = Json::array();
    for (const Part part : recipe.without) json["without"].push_back(name_of(part));
    json["falling"] = recipe.falling;
  }
  if (recipe.llama) json["llama"] = llama_config(*recipe.llama);
  if (recipe.stop_at_loss) json["stop-at-loss"] = *recipe.stop_at_loss;
  return json;
}

Recipe recipe_from_json(const JsonEntry& json) {
  Recipe recipe;
  recipe.preset = json.at("preset").text();
  recipe.model.vocabulary_size = json.at("vocabulary").whole(0, 1 << 21);
  each_number(recipe, [&json](const char* name, auto& value, const auto& range, const char*) {
    if (std::string_view(name) == "accumulate" && !json.has(name)) return;  // older runs know nothing of it
    if constexpr (std::is_same_v<decltype(value), double&>) {
      value = json.at(name).number(range.least, range.most);
    } else {
      value = json.at(name).whole(range.least, range.most);
    }
  });
  if (json.has("exact-gelu")) recipe.model.exact_gelu = json.at("exact-gelu").flag();
  recipe.adamw.beta1 = json.at("beta1").number(0, 1);
  recipe.adamw.beta2 = json.at("beta2").number(0, 1);
  recipe.adamw.epsilon = json.at("epsilon").number(0, 1);
  const JsonEntry precision = json.at("precision");
  recipe.precision = precision.text();
  if (std::find(kPrecisions.begin(), kPrecisions.end(), recipe.precision) == kPrecisions.end()) {
    precision.refuse(one_of(kPrecisions));
  }
  const JsonEntry seed = json.at("seed");  // any number of 64 bits
  if (!seed.json().is_number_unsigned()) seed.refuse("a whole number of 0 or more");
  recipe.seed = seed.json().get<std::uint64_t>();
  if (json.has("deterministic")) recipe.deterministic = json.at("deterministic").flag();
  if (json.has("modern")) {
    recipe.modern = json.at("modern").flag();
    for (const JsonEntry& name : json.at("without").list()) recipe.without.insert(part_named(name.text()));
    recipe.falling = json.at("falling").number(0, 1);
  }
  if (json.has("llama")) {
    recipe.llama = read_llama_config(json.at("llama"));
    const LlamaOptions& llama = *recipe.llama;
    const GPTOptions& model = recipe.model;
    if (llama.vocab_size != model.vocabulary_size || llama.num_hidden_layers != model.layers ||
        llama.num_attention_heads != model.heads || llama.hidden_size != model.width ||
        llama.max_position_embeddings < model.context) {
      json.at("llama").refuse("a model of the recipe's sizes");
    }
  }
  if (json.has("stop-at-loss")) recipe.stop_at_loss = json.at("stop-at-loss").number(0, 1e6);
  recipe.model.fused = true;
  check_together(recipe);
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
