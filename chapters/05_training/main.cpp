/// @file
/// Chapter 5's program: trains a small GPT, shows what the schedule does and where the loss stands, and lets it speak.

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "01_tokenizer/given/prompt.h"
#include "01_tokenizer/tokenizer.h"
#include "02_embeddings/embeddings.h"
#include "02_embeddings/given/speak.h"
#include "04_blocks/blocks.h"
#include "05_training/given/checkpoint.h"
#include "05_training/given/train_small.h"
#include "05_training/training.h"
#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/interrupt.h"
#include "common/base/random.h"
#include "common/base/text.h"
#include "common/corpus.h"
#include "common/plot.h"
#include "common/program.h"
#include "common/results.h"

namespace verse {
namespace {

/// How many windows evaluate() reads at a time: 2,048 characters stay in a processor's cache, a GPU wants more.
std::int64_t evaluation_batch(std::int64_t context, torch::Device device) {
  return std::max<std::int64_t>(1, (device.is_cuda() ? 65536 : 2048) / context);
}

/// How many predictions the losses that are shown during training are over.
constexpr std::int64_t kEstimated = 20480;

/// The text of so many predictions: one character more. Shorter texts come back whole.
torch::Tensor beginning_of(const torch::Tensor& tokens) {
  return tokens.slice(0, 0, 1 + kEstimated);
}

/// What the program works on.
struct Setting {
  SharedOptions shared;
  Corpus corpus;
  Tokenizer tokenizer;
  torch::Tensor train, validation;  ///< [characters], int64, on the device
  GPTOptions model;
  SmallTraining training;
  std::int64_t sample = 0;
  std::optional<std::filesystem::path> run, plot;
  bool batch_sizes = false, one_batch = false;
};

/// Part 1: what a step reads, and what all of them amount to.
void show_plan(const Setting& setting, std::int64_t parameters) {
  const auto& schedule = setting.training.schedule;
  const std::int64_t tokens_per_step =
      setting.training.batch_size * setting.model.context * setting.training.accumulate;
  const double all = static_cast<double>(tokens_per_step * schedule.steps);
  fmt::print("{}: {} characters train, {} validate, {} different ones\n", setting.corpus.name,
             with_commas(setting.train.size(0)), with_commas(setting.validation.size(0)), setting.tokenizer.size());
  fmt::print("A GPT of {} layers, {} heads, {} wide, context {}: {} parameters\n", setting.model.layers,
             setting.model.heads, setting.model.width, setting.model.context, with_commas(parameters));
  fmt::print("A step reads {} x {} x {} = {} characters; {} steps read the training text {:.1f} times over\n",
             setting.training.accumulate, setting.training.batch_size, setting.model.context,
             with_commas(tokens_per_step), with_commas(schedule.steps),
             all / static_cast<double>(setting.train.size(0)));
  results().scalar("parameters", parameters);
  results().scalar("read_times", all / static_cast<double>(setting.train.size(0)));
  fmt::print("At 6 operations a parameter and character, that is {:.1e} operations\n\n",
             6 * static_cast<double>(parameters) * all);
}

/// Part 2: the learning rate at the steps where something happens to it.
void show_schedule(const Schedule& schedule) {
  fmt::print("The learning rate: up in {} steps, down along half a cosine\n", schedule.warmup);
  constexpr int kWidth = 40;
  std::vector<std::int64_t> steps = {0, schedule.warmup / 2, schedule.warmup};
  for (int quarter = 1; quarter <= 4; ++quarter)
    steps.push_back(schedule.warmup + (schedule.steps - schedule.warmup) * quarter / 4);
  steps.erase(std::unique(steps.begin(), steps.end()), steps.end());
  for (const auto step : steps) {
    const double rate = learning_rate_at(step, schedule);
    const auto length = static_cast<std::size_t>(std::lround(kWidth * rate / schedule.peak));
    fmt::print("  step {:>6}  {:.2e}  {}\n", step, rate, std::string(std::min<std::size_t>(length, 60), '#'));
  }
}

/// Part 3: the losses to compare with, none of which took a model to find.
void show_landmarks(const Setting& setting) {
  const auto counts = count_pairs(setting.train.cpu(), setting.tokenizer.size());
  const auto probabilities = pair_probabilities(counts, 1.0);
  const double pairs = pair_model_loss(probabilities, setting.validation.cpu());
  fmt::print("\nLosses on {}'s validation part, in nats a character\n", setting.corpus.name);
  fmt::print("  {:.3f}  every character alike, ln {}\n", std::log(static_cast<double>(setting.tokenizer.size())),
             setting.tokenizer.size());
  fmt::print("  {:.3f}  chapter 1's counted pairs\n", pairs);
  const double beginning = pair_model_loss(probabilities, beginning_of(setting.validation).cpu());
  fmt::print("  {:.3f}  the same over the first {} predictions, as in the table below\n", beginning,
             with_commas(kEstimated));
  results().scalar("pairs", pairs, "nats");
  results().scalar("pairs_beginning", beginning, "nats");
  results().scalar("validation_characters", setting.validation.size(0), "characters");
  if (setting.corpus.floor)
    fmt::print("  {:.3f}  the floor: what whoever knows the text's source cannot do without\n", *setting.corpus.floor);
}

/// Text after a line break, each character drawn with the probability that the model gives it; chapter 7 does this
/// properly. The same seed every time, so that two models differ by what they have learned alone.
std::string written_by(GPT& model, const Setting& setting, std::int64_t characters) {
  const EvaluationMode evaluating(*model);
  Random random(setting.shared.seed);
  const auto logits_of = [&](const torch::Tensor& tokens) {
    return model->forward(tokens.to(setting.shared.device.device));
  };
  const auto tokens = speak(logits_of, starting_token(setting.tokenizer), characters, setting.model.context, random);
  return setting.tokenizer.decode(tokens);
}

//! [one-batch]
/// By itself, before any long training: can the model learn a single batch by heart? @throws Interrupted
void learn_one_batch(GPT& model, const Setting& setting) {
  Random random(setting.shared.seed);
  const auto batch = draw_batch(setting.train, setting.training.batch_size, setting.model.context, random);
  auto& table = results().table("one_batch", {"step", "loss"});

  SmallTraining plan = setting.training;
  plan.schedule = {plan.schedule.peak, plan.schedule.peak, 0, 200};  // the same rate at every step
  plan.look_every = 25;
  plan.look = [&](std::int64_t step, const StepReport& last) {
    fmt::print("  {:>6}  {:>7.3f}\n", step, last.loss.item<double>());
    table.row({step, last.loss.item<double>()});
  };
  fmt::print("\nThe same {} windows at every step; the loss is over them\n  {:>6}  {:>7}\n",
             setting.training.batch_size, "step", "loss");
  train_small(
      model->parameters(), batch.inputs.numel(), [&] { return batch_loss(model, batch); }, plan);
  //! [one-batch]

  const EvaluationMode evaluating(*model);
  const torch::NoGradGuard no_gradients;
  const auto guesses = model->forward(batch.inputs).argmax(-1);  // [batch, context]
  const double right = (guesses == batch.targets).to(torch::kFloat64).mean().item<double>();
  const double elsewhere = evaluate(model, beginning_of(setting.validation),
                                    evaluation_batch(setting.model.context, setting.shared.device.device));
  fmt::print("The most probable character is the right one in {:.1f} % of the batch\n", 100 * right);
  fmt::print("On text that it has not seen: {:.3f} nats a character\n", elsewhere);
  results().scalar("one_batch_right", right);
  results().scalar("one_batch_elsewhere", elsewhere, "nats");
}

/// Part 4: training, with both losses now and then. @throws Interrupted
/// @return what the model wrote before the first step and after 200, each with its step
std::vector<std::pair<std::int64_t, std::string>> train_small_gpt(GPT& model, const Setting& setting) {
  constexpr std::int64_t kEarly = 200, kShort = 120;
  std::vector<std::pair<std::int64_t, std::string>> texts;
  if (setting.sample > 0) texts.emplace_back(0, written_by(model, setting, kShort));
  std::vector<std::pair<double, double>> training_curve, validation_curve;
  auto& table = results().table("training", {"step", "training", "validation", "learning_rate", "gradient_norm"});
  // Both losses over as much text each, the beginning of either part: an estimate, in return for a short wait.
  const auto show_losses = [&](std::int64_t step, const StepReport& last) {
    const auto beginning = [&](const torch::Tensor& tokens) {
      return evaluate(model, beginning_of(tokens),
                      evaluation_batch(setting.model.context, setting.shared.device.device));
    };
    const double training = beginning(setting.train), validation = beginning(setting.validation);
    fmt::print("  {:>6}  {:>10.3f}  {:>10.3f}  {:>13.2e}  {:>13.2f}\n", step, training, validation, last.learning_rate,
               last.gradient_norm.item<double>());
    std::fflush(stdout);
    table.row({step, training, validation, last.learning_rate, last.gradient_norm.item<double>()});
    results().scalar(fmt::format("validation_at_{}", step), validation, "nats");
    training_curve.emplace_back(step, training);
    validation_curve.emplace_back(step, validation);
    if (step == kEarly && setting.sample > 0) texts.emplace_back(step, written_by(model, setting, kShort));
  };

  SmallTraining plan = setting.training;
  plan.seed = setting.shared.seed;
  plan.look = show_losses;
  fmt::print("\nTraining; the losses are over the first {} predictions of either part\n", with_commas(kEstimated));
  fmt::print("  {:>6}  {:>10}  {:>10}  {:>13}  {:>13}\n", "step", "train", "validation", "learning rate",
             "gradient norm");
  const double rate = train_small(model, setting.train, plan);
  fmt::print(stderr, "{:.0f} characters a second\n", rate);
  if (setting.plot) {
    const auto counts = count_pairs(setting.train.cpu(), setting.tokenizer.size());
    const double pairs = pair_model_loss(pair_probabilities(counts, 1.0), beginning_of(setting.validation).cpu());
    plot_lines(*setting.plot, {"A small GPT learns " + setting.corpus.name, "step", "loss (nats a character)"},
               {{"training split", training_curve}, {"validation split", validation_curve}},
               {{"counted pairs, validation split", pairs}});
  }
  return texts;
}

/// How far the gradients of batches of one size lie from the mean of the largest ones, as a share of its length, and
/// how many characters a second they come from.
void show_batch_sizes(GPT& model, const Setting& setting) {
  constexpr int kBatches = 16;
  model->train();
  Random random(setting.shared.seed);
  const auto gradient_of = [&](std::int64_t batch_size) {
    for (auto& parameter : model->parameters()) parameter.mutable_grad() = torch::Tensor();
    batch_loss(model, draw_batch(setting.train, batch_size, setting.model.context, random)).backward();
    std::vector<torch::Tensor> parts;
    for (const auto& parameter : model->parameters()) parts.push_back(parameter.grad().flatten());
    return torch::cat(parts);  // [parameters]
  };

  const std::vector<std::int64_t> sizes = {1, 8, 64};
  std::vector<std::vector<torch::Tensor>> gradients;
  std::vector<double> seconds;
  for (const std::int64_t size : sizes) {
    gradient_of(size);  // the first of its shape is slower
    const auto began = std::chrono::steady_clock::now();
    std::vector<torch::Tensor> all;
    for (int i = 0; i < kBatches; ++i) all.push_back(gradient_of(size));
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
    gradients.push_back(all);
  }

  // The mean over the largest batches is the nearest that we have to the gradient of the whole text.
  const auto centre = torch::stack(gradients.back()).mean(0);
  fmt::print("\nGradients of {} batches of each size, after {} steps\n", kBatches, setting.training.schedule.steps);
  fmt::print("  {:>5}  {:>14}  {:>21}\n", "batch", "gradient noise", "characters a second");
  auto& table = results().table("batch_sizes", {"batch", "noise", "characters_per_second"});
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const auto away = torch::stack(gradients[i]) - centre;  // [batches, parameters]
    const double noise = (away.square().sum(1).mean().sqrt() / centre.norm()).item<double>();
    const double read = static_cast<double>(kBatches * sizes[i] * setting.model.context);
    fmt::print("  {:>5}  {:>14.2f}  {:>21}\n", sizes[i], noise,
               with_commas(static_cast<std::int64_t>(std::llround(read / seconds[i]))));
    table.row({sizes[i], noise, static_cast<std::int64_t>(std::llround(read / seconds[i]))});
    results().scalar(fmt::format("noise_{}", sizes[i]), noise);
  }
}

/// Part 5: what the model wrote on the way, and what it writes now.
void show_texts(GPT& model, const Setting& setting, const std::vector<std::pair<std::int64_t, std::string>>& earlier) {
  for (const auto& [step, text] : earlier) {
    fmt::print("\nWhat it wrote {}:\n\n{}\n", step == 0 ? "before the first step" : fmt::format("after {} steps", step),
               text);
  }
  fmt::print("\n{} characters that begin a line, after {} steps:\n\n{}\n", setting.sample,
             setting.training.schedule.steps, written_by(model, setting, setting.sample));
}

/// Reads the command line and the text. @throws UsageError for what cannot work, before any time is spent on it
Setting prepare(int argc, char** argv) {
  GPTOptions model;
  model.context = 64;
  model.layers = model.heads = 4;
  model.width = 128;
  SmallTraining training;
  training.schedule = {1e-3, 1e-4, 100, 2000};
  training.batch_size = 12;
  training.look_every = 200;
  std::int64_t sample = 300;
  bool clear = false, batch_sizes = false, one_batch = false;
  std::optional<std::filesystem::path> out, plot;
  CommandLine line("Trains a small GPT with batches, AdamW, a schedule and clipping.");
  line.option("steps", training.schedule.steps, {1}, "training steps");
  line.option("batch-size", training.batch_size, {1}, "windows a batch");
  line.option("accumulate", training.accumulate, {1}, "batches a step");
  line.option("context", model.context, {1, 65536}, "characters a window");
  line.option("layers", model.layers, {1, 1000}, "blocks");
  line.option("heads", model.heads, {1, 65536}, "attention heads");
  line.option("width", model.width, {1, 65536}, "features a position");
  line.option("dropout", model.dropout, {0, 0.99}, "share of features dropped");
  line.option("learning-rate", training.schedule.peak, {0, 1e6}, "at its peak");
  line.option("min-learning-rate", training.schedule.minimum, {0, 1e6}, "at the end");
  line.option("warmup", training.schedule.warmup, {0}, "steps up to the peak");
  line.option("weight-decay", training.adamw.weight_decay, {0, 1e6}, "of matrices and tables");
  line.option("grad-clip", training.gradient_clip, {0}, "largest gradient norm, 0 for none");
  line.option("eval-every", training.look_every, {1}, "steps from one estimate to the next");
  line.flag("clear", clear, "compute by the forms that chapters 3 and 4 write out, not by LibTorch's fused ones");
  line.flag("batch-sizes", batch_sizes,
            "measures, after training, how much gradients of batches of 1, 8 and 64 differ");
  line.flag("one-batch", one_batch, "learns a single batch by heart instead, as a first test of the model");
  line.option("plot", plot, "draw both losses as SVG", "FILE");
  line.option("out", out, "folder to save the model in", "RUN");
  line.option("sample", sample, {0}, "characters to speak at the end");
  const auto shared = line.parse(argc, argv);
  model.fused = !clear;
  if (out && std::filesystem::exists(*out / "model.safetensors"))
    throw UsageError(fmt::format("{} holds a model already; name another folder", out->string()));

  auto corpus = load_corpus(shared.data);
  auto tokenizer = Tokenizer::from_text(corpus.text);
  model.vocabulary_size = tokenizer.size();
  Setting setting{shared,      std::move(corpus), std::move(tokenizer), {}, {}, model, training, sample, out, plot,
                  batch_sizes, one_batch};
  setting.train = setting.tokenizer.encode_tensor(setting.corpus.train).to(shared.device.device);
  setting.validation = setting.tokenizer.encode_tensor(setting.corpus.validation).to(shared.device.device);

  if (std::min(setting.train.size(0), setting.validation.size(0)) <= setting.model.context)
    throw UsageError(fmt::format("{} is too short for a context of {}: its parts have {} and {} characters",
                                 setting.corpus.name, setting.model.context, setting.train.size(0),
                                 setting.validation.size(0)));
  return setting;
}

int run(int argc, char** argv) {
  prepare_cuda();
  const auto setting = prepare(argc, argv);
  catch_interrupts();
  GPT model(setting.model);
  model->to(setting.shared.device.device);
  fmt::print(stderr, "{}\n", setting.shared.device.reason);

  if (setting.one_batch) {
    learn_one_batch(model, setting);
    return 0;
  }
  show_plan(setting, model->parameter_count());
  show_schedule(setting.training.schedule);
  show_landmarks(setting);
  std::fflush(stdout);

  const auto save = [&] {
    save_model(*setting.run, *model, setting.tokenizer);
    fmt::print(stderr, "saved in {}\n", setting.run->string());
  };
  std::vector<std::pair<std::int64_t, std::string>> texts;
  try {
    texts = train_small_gpt(model, setting);
  } catch (const Interrupted&) {
    if (!setting.run) throw;
    save();
    throw Interrupted("stopped; what was learned is saved");
  }
  if (setting.run) save();

  const double loss =
      evaluate(model, setting.validation, evaluation_batch(setting.model.context, setting.shared.device.device));
  results().scalar("loss", loss, "nats");
  fmt::print("\nAfter {} steps: {:.3f} nats a character over the whole validation part of {}\n",
             setting.training.schedule.steps, loss, setting.corpus.name);
  if (setting.corpus.floor) fmt::print("That is {:.3f} above the floor\n", loss - *setting.corpus.floor);
  if (setting.batch_sizes) show_batch_sizes(model, setting);
  show_texts(model, setting, texts);
  return 0;
}

}  // namespace
}  // namespace verse

int main(int argc, char** argv) {
  return verse::run_program([&] { return verse::run(argc, argv); });
}
