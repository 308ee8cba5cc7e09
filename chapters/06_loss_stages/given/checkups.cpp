#include "06_loss_stages/given/checkups.h"

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "01_tokenizer/given/prompt.h"
#include "01_tokenizer/tokenizer.h"
#include "02_embeddings/given/speak.h"
#include "04_blocks/blocks.h"
#include "05_training/given/train_small.h"
#include "05_training/training.h"
#include "06_loss_stages/diagnosis.h"
#include "06_loss_stages/given/recording.h"
#include "06_loss_stages/given/report.h"
#include "common/base/random.h"
#include "common/base/text.h"
#include "common/results.h"

namespace verse {

namespace {

constexpr std::int64_t kHealthSteps = 100;

GPT make_model(std::int64_t vocabulary_size, std::int64_t layers, std::int64_t width, const SharedOptions& shared) {
  torch::manual_seed(shared.seed);
  GPTOptions options;
  options.vocabulary_size = vocabulary_size;
  options.context = 64;
  options.layers = layers;
  options.heads = 4;
  options.width = width;
  options.fused = true;
  GPT model(options);
  model->to(shared.device.device);
  return model;
}

}  // namespace

void show_one_batch(const Corpus& corpus, const SharedOptions& shared) {
  const auto tokenizer = Tokenizer::from_text(corpus.text);
  const auto train = tokenizer.encode_tensor(corpus.train).to(shared.device.device);
  constexpr std::int64_t kSteps = 300;
  fmt::print("One batch of 4 windows of 64 characters of {}, {} steps\n", corpus.name, kSteps);
  fmt::print("  {:<44}{:>8}{:>8}{:>8}{:>8}\n", "", "first", "100", "200", "last");

  auto& table = results().table("one_batch", {"what", "first", "step_100", "step_200", "last"});
  struct Trial {
    const char* what;
    double learning_rate;
    bool strange_targets, cut_off;
  };
  const std::vector<Trial> trials = {{"healthy", 1e-3, false, false},
                                     {"a learning rate of 1e-6", 1e-6, false, false},
                                     {"the blocks' result is cut off by detach()", 1e-3, false, true},
                                     {"targets drawn anew at every step", 1e-3, true, false}};
  for (const Trial& trial : trials) {
    GPT model = make_model(tokenizer.size(), 2, 64, shared);
    AdamW optimizer(model->parameters(), {});
    Random random(shared.seed);
    const Batch batch = draw_batch(train, 4, 64, random);
    const auto next_loss = [&] {
      Batch asked = batch;
      if (trial.strange_targets) asked.targets = draw_batch(train, 4, 64, random).targets;
      if (!trial.cut_off) return batch_loss(model, asked);
      ForwardExtras extras;
      const auto x = model->add_positions(torch::embedding(model->token_embedding, asked.inputs),
                                          torch::arange(64, asked.inputs.options()));
      const auto logits = model->head(model->run_blocks(x, extras).detach());
      return torch::nn::functional::cross_entropy(logits.flatten(0, 1), asked.targets.flatten());
    };
    const auto losses = overfit_one_batch(
        next_loss, model->parameters(), [&] { optimizer.step(trial.learning_rate); }, kSteps);
    fmt::print("  {:<44}{:>8.3f}{:>8.3f}{:>8.3f}{:>8.3f}\n", trial.what, losses[0], losses[100], losses[200],
               losses.back());
    table.row({std::string(trial.what), losses[0], losses[100], losses[200], losses.back()});
  }
}

void show_health(const Corpus& corpus, const SharedOptions& shared) {
  const auto tokenizer = Tokenizer::from_text(corpus.text);
  const auto train = tokenizer.encode_tensor(corpus.train).to(shared.device.device);
  const std::vector<std::string> shown = {"token_embedding",
                                          "position_embedding",
                                          "blocks.0.attention.query_key_value.weight",
                                          "blocks.0.mlp.contract.weight",
                                          "blocks.3.attention.query_key_value.weight",
                                          "blocks.3.mlp.contract.weight",
                                          "final_norm.weight"};
  for (const bool as_libtorch : {false, true}) {
    GPT model = make_model(tokenizer.size(), 4, 128, shared);
    if (as_libtorch) initialise_as_libtorch(*model);
    Random random(shared.seed);
    fmt::print("\nGradient norms and update ratios of a GPT of 4 layers, 128 wide, {}\n",
               as_libtorch ? "begun as LibTorch's modules come" : "begun as in chapter 4");
    const std::string begun = as_libtorch ? "health_as_libtorch" : "health";
    auto& table = results().table(begun, {"parameter", "gradient_first", "ratio_first", "gradient", "ratio"});
    fmt::print("  {:<44}{:>22}{:>22}\n", "", "step 1", fmt::format("step {}", kHealthSteps));
    fmt::print("  {:<44}{:>11}{:>11}{:>11}{:>11}\n", "", "gradient", "ratio", "gradient", "ratio");

    // A step's update is what its parameters are after it, less what they were when its loss was asked for.
    std::vector<torch::Tensor> before;
    const auto next_loss = [&] {
      before.clear();
      for (const auto& parameter : model->parameters()) before.push_back(parameter.detach().clone());
      return batch_loss(model, draw_batch(train, 12, 64, random));
    };
    std::vector<ParameterHealth> first;
    SmallTraining training;
    training.schedule = {1e-3, 1e-3, 0, kHealthSteps};
    training.look_every = 1;
    training.look = [&](std::int64_t step, const StepReport& last) {
      if (step != 1 && step != kHealthSteps) return;
      std::vector<std::pair<std::string, torch::Tensor>> after;
      for (const auto& item : model->named_parameters()) after.emplace_back(item.key(), item.value());
      const auto health = measure_health(after, before);
      if (step == 1) {
        first = health;
        return;
      }
      for (std::size_t i = 0; i < health.size(); ++i) {
        if (std::find(shown.begin(), shown.end(), health[i].name) == shown.end()) continue;
        fmt::print("  {:<44}{:>11.2e}{:>11.2e}{:>11.2e}{:>11.2e}\n", health[i].name, first[i].gradient_norm,
                   first[i].update_ratio, health[i].gradient_norm, health[i].update_ratio);
        table.row({health[i].name, first[i].gradient_norm, first[i].update_ratio, health[i].gradient_norm,
                   health[i].update_ratio});
      }
      fmt::print("  loss of the last batch: {:.3f}\n", last.loss.item<double>());
      results().scalar(begun + "_loss", last.loss.item<double>(), "nats");
    };
    train_small(model->parameters(), 12 * 64, next_loss, training);
  }
}

void listen(const Corpus& corpus, const LossLandmarks& landmarks, std::int64_t steps, const SharedOptions& shared) {
  const auto tokenizer = Tokenizer::from_text(corpus.text);
  const auto train_tokens = tokenizer.encode_tensor(corpus.train).to(shared.device.device);
  const auto validation = tokenizer.encode_tensor(corpus.validation).to(shared.device.device);
  GPT model = make_model(tokenizer.size(), 4, 128, shared);

  // What it writes at a stage, and how many of the words are words.
  std::optional<LossStage> reached;
  auto& table = results().table("heard", {"step", "validation", "stage", "known_words"});
  const auto hear = [&](std::int64_t step, bool last) {
    const double loss = evaluate(model, validation.slice(0, 0, 1 + 20480), 32);
    const LossStage stage = stage_of(loss, landmarks);
    if (reached && stage <= *reached && !last) return;
    reached = stage;
    const EvaluationMode evaluating(*model);
    Random own(shared.seed);
    const auto logits_of = [&](const torch::Tensor& tokens) { return model->forward(tokens.to(shared.device.device)); };
    const auto text = tokenizer.decode(speak(logits_of, starting_token(tokenizer), 2000, 64, own));
    const double known = known_word_share(text, corpus.train);
    fmt::print(
        "\n-- step {}, validation loss {:.3f}: {}\n-- {:.0f} % of the words in 2,000 characters are words of {}\n",
        step, loss, describe(stage), 100 * known, corpus.name);
    table.row({step, loss, describe(stage), known});
    fmt::print("{}\n", first_characters(text, 200));
  };

  hear(0, false);
  SmallTraining training;
  training.schedule = {1e-3, 1e-4, 100, steps};
  training.seed = shared.seed;
  training.look_every = 50;
  training.look = [&](std::int64_t step, const StepReport&) { hear(step, step == steps); };
  train_small(model, train_tokens, training);
}

}  // namespace verse
