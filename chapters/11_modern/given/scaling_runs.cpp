#include "11_modern/given/scaling_runs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <set>
#include <stdexcept>
#include <utility>

#include "05_training/given/train_small.h"
#include "05_training/training.h"
#include "11_modern/given/modern_gpt.h"
#include "11_modern/given/modern_training.h"
#include "common/base/csv.h"
#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/random.h"
#include "common/corpus.h"
#include "common/play/play.h"

namespace verse {

namespace {

constexpr const char* kHeader = "width,steps,seed,rate,parameters,loss,second_half";
/// The number of the play that a training reads. Of those that differ in their learning rate alone, it is the same.
/// The play that everybody has is number 1.
std::uint64_t play_of(const ScalingTask& task) {
  return (task.seed * 1'000'003 + static_cast<std::uint64_t>(task.steps)) * 1'009 +
         static_cast<std::uint64_t>(task.width);
}

/// A text's windows side by side, and what follows each of their characters: [windows, context] both.
Batch all_windows(const torch::Tensor& tokens, std::int64_t windows, std::int64_t context) {
  return {tokens.narrow(0, 0, windows * context).view({windows, context}),
          tokens.narrow(0, 1, windows * context).view({windows, context})};
}

/// Numbers below `count` in a random order.
torch::Tensor random_order(std::int64_t count, Random& random) {
  auto order = torch::arange(count, torch::TensorOptions(torch::kInt64).device(torch::kCPU));
  auto* const numbers = order.mutable_data_ptr<std::int64_t>();
  for (std::int64_t last = count - 1; last > 0; --last) std::swap(numbers[last], numbers[random.below(last + 1)]);
  return order;
}

}  // namespace

ScalingRuns::ScalingRuns(torch::Device device, std::optional<std::filesystem::path> kept)
    : device_(device), kept_(std::move(kept)) {
  // The floors of the very characters that are asked about: of a window, all that follow its own.
  const Play play = generate_play(1);
  const std::size_t begin = make_corpus("the play", play.text).train.size() + 1;
  const auto context = static_cast<std::size_t>(kContext), windows = static_cast<std::size_t>(kWindows);
  floor_ = play_floor(play, begin, begin + windows * context);
  for (std::size_t window = 0; window < windows; ++window) {
    const std::size_t first = begin + window * context;
    second_floor_ += play_floor(play, first + context / 2, first + context) / static_cast<double>(windows);
  }
  if (!kept_) return;
  const auto text = read_file_if_there(*kept_);
  if (!text) {
    if (kept_->has_parent_path()) make_folder(kept_->parent_path());
    keep();  // where that is not possible, it is said before the first training
    return;
  }
  for (const CsvRow& row : parse_csv(*text, kHeader, kept_->string())) {
    const auto number = [&row](std::size_t column) {
      const auto value = row.number(column);
      if (!value || !std::isfinite(*value) || *value <= 0) row.refuse("a number above 0 is missing");
      return *value;
    };
    const ScalingTask task{row.whole(0), row.whole(1), static_cast<std::uint64_t>(row.whole(2)), number(3)};
    if (!ends_.emplace(task, ScalingEnd{row.whole(4), number(5), number(6)}).second) {
      row.refuse("the same training stands in a line above");
    }
    order_.push_back(task);
  }
}

void ScalingRuns::prepare() {
  if (tokenizer_) return;
  const Corpus corpus = load_corpus({});
  tokenizer_ = Tokenizer::from_text(corpus.text);
  validation_ = tokenizer_->encode_tensor(corpus.validation).narrow(0, 0, kWindows * kContext + 1).to(device_);
}

void ScalingRuns::keep() const {
  if (!kept_) return;
  std::string text = std::string(kHeader) + "\n";
  for (const ScalingTask& task : order_) {
    const ScalingEnd& end = ends_.at(task);
    text += fmt::format("{},{},{},{},{},{},{}\n", task.width, task.steps, task.seed, task.rate, end.parameters,
                        end.loss, end.second);
  }
  write_file_atomically(*kept_, text);
}

ScalingEnd ScalingRuns::end_of(const ScalingTask& task) {
  const auto found = ends_.find(task);
  if (found != ends_.end()) return found->second;
  const ScalingEnd end = train(task);
  if (!std::isfinite(end.loss)) {
    throw std::runtime_error(fmt::format("a training of width {} with a learning rate of {} ended at a loss of {}",
                                         task.width, task.rate, end.loss));
  }
  ends_.emplace(task, end);
  order_.push_back(task);
  keep();
  return end;
}

//! [scaling-run]
ScalingEnd ScalingRuns::train(const ScalingTask& task) {
  prepare();
  GPTOptions options;
  options.vocabulary_size = tokenizer_->size();
  options.context = kContext;
  options.layers = options.heads = 4;
  options.width = task.width;
  options.fused = true;
  torch::manual_seed(task.seed);
  ModernGPT model(options, std::set<Part>{Part::squared_relu});
  model->to(device_);

  // As much of a new play as is read: every window of it is in one batch.
  const std::int64_t windows = task.steps * kBatch;
  const Play play = generate_play(play_of(task), static_cast<std::size_t>(windows * kContext + 1));
  const Batch text = all_windows(tokenizer_->encode_tensor(play.text).to(device_), windows, kContext);
  Random random(task.seed);
  const auto order = random_order(windows, random).to(device_);
  std::int64_t read = 0;
  const auto next_loss = [&] {
    const auto places = order.narrow(0, read, kBatch);
    read += kBatch;
    return batch_loss(model, {text.inputs.index_select(0, places), text.targets.index_select(0, places)});
  };

  SmallTraining plan;
  plan.schedule = modern_schedule(task.steps);
  plan.schedule.peak = task.rate;
  plan.gradient_clip = 0;
  FallingRate optimizer(modern_optimizer(*model, kModernAdamW), plan.schedule, kModernFalling);
  model->train();
  train_small(optimizer, kTokens, next_loss, plan);
  model->eval();

  // Loss by position in the window.
  const torch::NoGradGuard no_gradients;
  const Batch asked = all_windows(validation_, kWindows, kContext);
  torch::Tensor losses = torch::empty({kWindows, kContext}, torch::kFloat64);
  constexpr std::int64_t kTogether = 67;  // a seventh of them at a time
  for (std::int64_t first = 0; first < kWindows; first += kTogether) {
    const std::int64_t count = std::min(kTogether, kWindows - first);
    const auto logits = model->forward(asked.inputs.narrow(0, first, count));  // [windows, context, vocabulary]
    const auto each = torch::cross_entropy_loss(logits.flatten(0, 1), asked.targets.narrow(0, first, count).flatten(),
                                                {}, at::Reduction::None);
    losses.narrow(0, first, count).copy_(each.view({count, kContext}));
  }
  return {model->parameter_count(), losses.mean().item<double>(),
          losses.narrow(1, kContext / 2, kContext / 2).mean().item<double>()};
}
//! [scaling-run]

}  // namespace verse
