#pragma once

/// @file
/// How a run is trained: every number that decides what comes out, by preset and by option.

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "04_blocks/blocks.h"
#include "05_training/training.h"
#include "11_modern/given/llama.h"
#include "11_modern/given/modern_gpt.h"
#include "common/base/json.h"
#include "common/program.h"

namespace verse {

/// Everything that decides how a run goes, besides its text.
struct Recipe {
  std::string preset = "small";
  GPTOptions model;  ///< its vocabulary comes from the text
  std::int64_t batch_size = 12;
  std::int64_t accumulate = 1;  ///< parts that a batch is cut into where memory is short
  Schedule schedule;
  AdamWOptions adamw;
  double gradient_clip = 1.0;
  std::int64_t evaluate_every = 250;
  std::int64_t evaluate_batches = 0;  ///< of the validation split, for the losses on the way; 0 takes all of it
  std::string precision = "auto";     ///< auto, fp32, bf16 or fp16
  std::uint64_t seed = 1;
  bool modern = false;     ///< ModernGPT and its optimizer, instead of chapter 4's and AdamW
  std::set<Part> without;  ///< parts of ModernGPT that are left out
  /// The model that a run goes on with, where that is a LlamaGPT; `model` then holds its shape, and the context of the
  /// windows that it is trained on.
  std::optional<LlamaOptions> llama;
  double falling = 0;  ///< share of the steps in which the learning rate falls in a straight line; 0 is a half cosine
  bool deterministic = false;  ///< on a GPU, the same bits each time, and slower
  bool recorded =
      true;  ///< a GPU's steps may be one recording, played back; that changes how long they take, not the run
  std::optional<double> stop_at_loss;  ///< a validation loss at which training may end early
};

/// The names of the recipes that stand ready, as --preset takes them: demo, small, shakespeare, speedrun.
const std::vector<std::string>& recipe_names();

/// A recipe by its name. @throws UsageError that lists the names.
Recipe recipe_named(const std::string& name);

/// Whether products are computed in bfloat16: on a GPU that has it, and on a processor where that is asked for.
/// @throws UsageError where it is asked of a processor without such instructions, or for another model than chapter 4's
bool uses_bfloat16(const Recipe& recipe, const DeviceChoice& device);

/// Whether products are computed in float16 and losses scaled: on a GPU that has no bfloat16 of its own, or where that
/// is asked for. @throws UsageError as uses_bfloat16() does
bool uses_float16(const Recipe& recipe, const DeviceChoice& device);

/// The learning rate of a step, as the recipe's schedule has it.
double learning_rate_of(const Recipe& recipe, std::int64_t step);

/// Declares an option for each of a recipe's numbers, and --preset. @param otherwise the preset without it, for --help
void declare_recipe(CommandLine& line, const std::string& otherwise);

/// The recipe that the command line asks for. @param otherwise the preset where it names none
/// @throws UsageError as apply_recipe()
Recipe take_recipe(const CommandLine& line, const std::string& otherwise);

/// Takes from the command line what is given there. @throws UsageError for numbers that only together make no sense.
void apply_recipe(const CommandLine& line, Recipe& recipe);

/// A recipe by the names of its options, and back. The vocabulary's size is kept too.
Json to_json(const Recipe& recipe);
/// @throws UsageError that names the entry, where one is missing, of another kind or out of range.
Recipe recipe_from_json(const JsonEntry& json);

/// What a command line would change about a run that is resumed. @throws UsageError that names the first such option:
/// a run goes on as it began. Only stop_at_loss may change.
void refuse_changes(const Recipe& recorded, const Recipe& asked);

}  // namespace verse
