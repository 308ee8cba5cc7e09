#include "11_modern/given/scaling.h"

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <cstdio>
#include <limits>
#include <string>
#include <vector>

#include "01_tokenizer/tokenizer.h"
#include "05_training/training.h"
#include "11_modern/given/modern_gpt.h"
#include "11_modern/given/modern_training.h"
#include "common/base/error.h"
#include "common/base/text.h"
#include "common/corpus.h"
#include "common/play/play.h"
#include "common/plot.h"
#include "common/results.h"

namespace verse {

namespace {

constexpr std::int64_t kWidths[] = {16, 32, 64, 128};
constexpr std::int64_t kTexts[] = {10'000, 40'000, 160'000, 640'000};
constexpr std::int64_t kLooks = 5;
constexpr std::int64_t kValidation = 30'000;  ///< characters
constexpr std::int64_t kWindows = 64;         ///< read at a time when evaluating

/// The best loss on the way.
double best_loss(ModernGPT& model, const torch::Tensor& text, const torch::Tensor& validation, std::int64_t steps,
                 std::uint64_t seed) {
  double best = std::numeric_limits<double>::infinity();
  SmallTraining plan;
  plan.schedule.steps = steps;
  plan.seed = seed;
  plan.look_every = std::max<std::int64_t>(1, steps / kLooks);
  plan.look = [&](std::int64_t, const StepReport&) { best = std::min(best, evaluate(model, validation, kWindows)); };
  train_modern(model, text, plan);
  return best;
}

}  // namespace

void show_scaling(const SharedOptions& shared, std::int64_t steps, const std::optional<std::filesystem::path>& plot) {
  if (shared.data) throw UsageError("--scaling needs the play, whose floor is known; --data names another text");
  const torch::Device device = shared.device.device;
  const Corpus corpus = load_corpus({});
  const auto tokenizer = Tokenizer::from_text(corpus.text);
  const auto text = tokenizer.encode_tensor(corpus.train).to(device);
  const auto validation = tokenizer.encode_tensor(corpus.validation).narrow(0, 0, kValidation).to(device);
  // The floor of the very stretch that is asked about.
  const Play play = generate_play(1);
  const auto begin = corpus.train.size();
  const double floor = play_floor(play, begin, begin + static_cast<std::size_t>(kValidation));

  GPTOptions options;
  options.vocabulary_size = tokenizer.size();
  options.context = 64;
  options.layers = options.heads = 4;
  options.fused = true;
  fmt::print("{} steps of {} windows of {} characters each; the floor of these {} characters is {:.4f}\n", steps,
             SmallTraining().batch_size, options.context, with_commas(kValidation), floor);
  fmt::print("\nloss above the floor, nats a character:\n{:>8}{:>14}", "width", "parameters");
  for (const auto characters : kTexts) fmt::print("{:>12}", with_commas(characters));
  fmt::print("\n");
  std::vector<Series> series;
  std::vector<std::string> columns{"width", "parameters"};
  for (const auto characters : kTexts) columns.push_back(fmt::format("characters_{}", characters));
  auto& table = results().table("scaling", std::move(columns));
  results().scalar("floor", floor, "nats");
  for (const auto width : kWidths) {
    options.width = width;
    Series curve{fmt::format("{} wide", width), {}, false};
    std::string row;
    std::vector<Recorded> cells{width};
    std::int64_t parameters = 0;
    for (const auto characters : kTexts) {
      torch::manual_seed(shared.seed);
      ModernGPT model(options, std::set<Part>{Part::squared_relu});
      model->to(device);
      parameters = model->parameter_count();
      const double above = best_loss(model, text.narrow(0, 0, characters), validation, steps, shared.seed) - floor;
      curve.points.emplace_back(static_cast<double>(characters), above);
      row += fmt::format("{:>12.3f}", above);
      cells.emplace_back(above);
      results().scalar(fmt::format("above_{}_{}", width, characters), above, "nats");
    }
    fmt::print("{:>8}{:>14}{}\n", width, with_commas(parameters), row);
    cells.insert(cells.begin() + 1, parameters);
    table.row(std::move(cells));
    results().scalar(fmt::format("parameters_{}", width), parameters);
    std::fflush(stdout);
    series.push_back(std::move(curve));
  }
  if (plot) {
    plot_lines(*plot,
               {fmt::format("Loss above the play's floor after {} steps", steps),
                "characters of the play to learn from", "nats a character above the floor", true, true},
               series);
  }
}

}  // namespace verse
