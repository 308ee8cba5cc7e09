#include "12_full_gpt/given/commands/scaling.h"

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "01_tokenizer/tokenizer.h"
#include "05_training/training.h"
#include "11_modern/given/modern_gpt.h"
#include "12_full_gpt/given/model/fast_gpt.h"
#include "12_full_gpt/given/training/recipes.h"
#include "12_full_gpt/given/training/training_step.h"
#include "common/base/error.h"
#include "common/base/interrupt.h"
#include "common/base/text.h"
#include "common/corpus.h"
#include "common/plot.h"
#include "common/program.h"

namespace verse {

namespace {

constexpr std::int64_t kWidths[] = {16, 32, 64, 128};
constexpr std::int64_t kTexts[] = {10'000, 40'000, 160'000, 640'000};
constexpr std::int64_t kEvaluations = 5;
constexpr std::int64_t kValidation = 30'000;  ///< characters
constexpr std::int64_t kWindows = 64;         ///< read at a time when evaluating

struct Point {
  std::int64_t width, characters, parameters;
  double loss;  ///< the best on the way
};

/// Trains one model. A small text is learned by heart before the steps are over; the best loss on the way counts.
Point train_one(Recipe recipe, const torch::Tensor& text, const torch::Tensor& validation, torch::Device device) {
  torch::manual_seed(recipe.seed);
  Random random(recipe.seed);
  GPT model = modern_gpt(recipe.model, recipe.without);
  model->to(device);
  const auto optimizer = modern_optimizer(dynamic_cast<ModernGPTImpl&>(*model), recipe.adamw, make_adamw);
  StepSettings settings;
  settings.batch_size = recipe.batch_size;
  settings.context = recipe.model.context;
  settings.gradient_clip = recipe.gradient_clip;
  settings.recorded = device.is_cuda();
  TrainingStep step(model, *optimizer, text, settings, random);

  Point point{recipe.model.width, text.size(0), model->parameter_count(), std::numeric_limits<double>::infinity()};
  const std::int64_t every = std::max<std::int64_t>(1, recipe.schedule.steps / kEvaluations);
  model->train();
  for (std::int64_t i = 0; i < recipe.schedule.steps; ++i) {
    step.take(i, learning_rate_of(recipe, i));
    if ((i + 1) % every == 0 || i + 1 == recipe.schedule.steps) {
      point.loss = std::min(point.loss, evaluate(model, validation, kWindows));
    }
    if (interrupted()) throw Interrupted("stopped");
  }
  return point;
}

}  // namespace

int scaling_command(int argc, char** argv) {
  Recipe recipe = recipe_named("speedrun");
  recipe.schedule.steps = 300;
  std::optional<std::filesystem::path> plot;
  CommandLine line(
      "Trains models of four widths on four amounts of the play, and shows how far above its floor each ends.",
      "scaling");
  line.option("steps", recipe.schedule.steps, {1, 1'000'000}, "steps of each training");
  line.option("plot", plot, "draws loss minus floor", "SVG");
  const SharedOptions shared = line.parse(argc, argv);
  if (shared.data) throw UsageError("scaling needs the play, whose floor is known; --data names another text");
  catch_interrupts();

  recipe.seed = shared.seed;
  const torch::Device device = shared.device.device;
  const Corpus corpus = load_corpus({});
  const auto tokenizer = Tokenizer::from_text(corpus.text);
  recipe.model.vocabulary_size = tokenizer.size();
  const auto text = tokenizer.encode_tensor(corpus.train).to(device);
  const auto validation = tokenizer.encode_tensor(corpus.validation).narrow(0, 0, kValidation).to(device);
  // The floor of the very stretch that is asked about.
  const Play play = generate_play(1);
  const auto begin = corpus.train.size();
  const double floor = play_floor(play, begin, begin + static_cast<std::size_t>(kValidation));

  fmt::print("{} steps of {} windows of {} characters each; the floor of these {} characters is {:.4f}\n",
             recipe.schedule.steps, recipe.batch_size, recipe.model.context, with_commas(kValidation), floor);
  fmt::print("\nloss above the floor, nats a character:\n{:>8}{:>14}", "width", "parameters");
  for (const auto characters : kTexts) fmt::print("{:>12}", with_commas(characters));
  fmt::print("\n");
  std::vector<Series> series;
  for (const auto width : kWidths) {
    recipe.model.width = width;
    Series curve{fmt::format("{} wide", width), {}, false};
    std::string row;
    std::int64_t parameters = 0;
    for (const auto characters : kTexts) {
      const Point point = train_one(recipe, text.narrow(0, 0, characters), validation, device);
      parameters = point.parameters;
      curve.points.emplace_back(static_cast<double>(characters), point.loss - floor);
      row += fmt::format("{:>12.3f}", point.loss - floor);
    }
    fmt::print("{:>8}{:>14}{}\n", width, with_commas(parameters), row);
    std::fflush(stdout);
    series.push_back(std::move(curve));
  }
  if (plot) {
    plot_lines(*plot,
               {fmt::format("Loss above the play's floor after {} steps", recipe.schedule.steps),
                "characters of the play to learn from", "nats a character above the floor", true, true},
               series);
  }
  return 0;
}

}  // namespace verse
