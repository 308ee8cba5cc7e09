/// @file
/// Chapter 7's program: one model and one prompt under many settings, and what a cache is worth.

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "01_tokenizer/given/prompt.h"
#include "01_tokenizer/tokenizer.h"
#include "04_blocks/blocks.h"
#include "05_training/given/checkpoint.h"
#include "05_training/given/train_small.h"
#include "07_sampling/given/beam.h"
#include "07_sampling/given/grammar.h"
#include "07_sampling/given/steered.h"
#include "07_sampling/sampling.h"
#include "07_sampling/steering.h"
#include "common/base/error.h"
#include "common/base/interrupt.h"
#include "common/base/random.h"
#include "common/base/text.h"
#include "common/corpus.h"
#include "common/program.h"
#include "common/results.h"

namespace verse {
namespace {

/// A way to sample and what to call it.
struct Setting {
  std::string name;
  SamplingOptions options;
};

std::vector<Setting> settings() {
  const auto with = [](double temperature, std::optional<std::int64_t> top_k = {}, std::optional<double> top_p = {},
                       std::optional<double> min_p = {}) {
    SamplingOptions options;
    options.temperature = temperature;
    options.top_k = top_k;
    options.top_p = top_p;
    options.min_p = min_p;
    return options;
  };
  SamplingOptions greedy;
  greedy.greedy = true;
  return {
      {"greedy", greedy},
      {"temperature 0.3", with(0.3)},
      {"temperature 0.7", with(0.7)},
      {"temperature 1.0", with(1.0)},
      {"temperature 1.5", with(1.5)},
      {"temperature 1.5, top-k 5", with(1.5, 5)},
      {"temperature 1.0, top-p 0.9", with(1.0, {}, 0.9)},
      {"temperature 1.5, top-p 0.9", with(1.5, {}, 0.9)},
      {"temperature 1.5, min-p 0.1", with(1.5, {}, {}, 0.1)},
  };
}

/// A model for whoever has none yet: the small recipe of chapter 5, cut short.
TrainedModel train_quickly(const Corpus& corpus, const SharedOptions& shared, std::int64_t steps) {
  fmt::print(stderr, "no --run given: training a small model on {} for {} steps\n", corpus.name, steps);
  auto tokenizer = Tokenizer::from_text(corpus.text);
  const auto tokens = tokenizer.encode_tensor(corpus.train).to(shared.device.device);
  GPTOptions options;
  options.vocabulary_size = tokenizer.size();
  options.context = 64;
  options.layers = 3;
  options.heads = 4;
  options.width = 96;
  options.fused = true;
  GPT model(options);
  model->to(shared.device.device);

  SmallTraining plan;
  plan.schedule = {3e-3, 3e-4, 50, steps};
  plan.seed = shared.seed;
  train_small(model, tokens, plan);
  return {model, std::move(tokenizer)};
}

/// The end of a prompt that generate() would begin with: all of it, or half a context where it has more than one.
std::vector<std::int64_t> what_fits(const std::vector<std::int64_t>& prompt, std::int64_t context) {
  if (static_cast<std::int64_t>(prompt.size()) <= context) return prompt;
  return {prompt.end() - static_cast<std::ptrdiff_t>(std::max<std::int64_t>(context / 2, 1)), prompt.end()};
}

/// A text by chapter 7's loop. @throws Interrupted on Ctrl-C
std::vector<std::int64_t> written(GPT& model, const std::vector<std::int64_t>& prompt, std::int64_t count,
                                  const SamplingOptions& options, Random& random) {
  auto tokens = generate(model, prompt, count, options, random, [](std::int64_t) { return !interrupted(); });
  if (interrupted()) throw Interrupted("stopped");
  return tokens;
}

/// Part 1: the same scores as probabilities, under each setting.
void show_probabilities(TrainedModel& trained, const std::vector<std::int64_t>& prompt) {
  const auto logits = next_logits(trained.model, what_fits(prompt, trained.model->options.context), nullptr);
  const auto likely =
      std::get<1>(temperature_probabilities(logits, 1.0).topk(std::min<std::int64_t>(8, logits.size(0))));
  fmt::print("\nWhat may come next, the {} most probable of {}\n  {:<28}", likely.size(0), trained.tokenizer.size(),
             "");
  for (std::int64_t i = 0; i < likely.size(0); ++i) {
    const auto token = static_cast<std::size_t>(likely[i].item<std::int64_t>());
    fmt::print("{:>7}", show_character(trained.tokenizer.vocabulary()[token]));
  }
  fmt::print("{:>7}\n", "rest");
  for (const auto& [name, options] : settings()) {
    if (options.greedy) continue;
    auto probabilities = temperature_probabilities(logits, options.temperature);
    if (options.top_k) probabilities = keep_top_k(probabilities, *options.top_k);
    if (options.top_p) probabilities = keep_top_p(probabilities, *options.top_p);
    if (options.min_p) probabilities = keep_min_p(probabilities, *options.min_p);
    const auto shown = probabilities.index_select(0, likely);
    fmt::print("  {:<28}", name);
    for (std::int64_t i = 0; i < shown.size(0); ++i) fmt::print("{:>7.3f}", shown[i].item<double>());
    fmt::print("{:>7.3f}\n", 1 - shown.sum().item<double>());
  }
  std::fflush(stdout);
}

/// Words as a name under which a result is recorded: "temperature 0.3" as temperature_0_3.
std::string as_name(std::string words) {
  for (auto& letter : words) letter = std::isalnum(static_cast<unsigned char>(letter)) != 0 ? letter : '_';
  return words;
}

/// The words of a text, in small letters.
std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words(1);
  for (const char byte : text) {
    const auto character = static_cast<unsigned char>(byte);
    if (std::isalpha(character) != 0 || character >= 0x80)
      words.back() += static_cast<char>(std::tolower(character));
    else if (!words.back().empty())
      words.emplace_back();
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

/// The share of words that the training text has too; 0 where there are no words.
double known_words(const std::string& text, const std::set<std::string>& known) {
  const auto words = words_of(text);
  const auto count = std::count_if(words.begin(), words.end(), [&](const auto& word) { return known.count(word) > 0; });
  return words.empty() ? 0 : static_cast<double>(count) / static_cast<double>(words.size());
}

/// How much a text repeats itself: the share of its stretches of ten tokens that came before in it.
//! [repetition]
double repetition(const std::vector<std::int64_t>& tokens) {
  constexpr std::ptrdiff_t kLength = 10;
  std::set<std::vector<std::int64_t>> seen;
  std::ptrdiff_t repeated = 0;
  const auto stretches = static_cast<std::ptrdiff_t>(tokens.size()) - kLength + 1;
  for (std::ptrdiff_t i = 0; i < stretches; ++i)
    if (!seen.emplace(tokens.begin() + i, tokens.begin() + i + kLength).second) ++repeated;
  return stretches > 0 ? static_cast<double>(repeated) / static_cast<double>(stretches) : 0;
}
//! [repetition]

/// Part 2: one prompt under every setting.
void show_samples(TrainedModel& trained, const Corpus& corpus, const std::vector<std::int64_t>& prompt,
                  std::int64_t count, std::uint64_t seed) {
  const auto vocabulary = words_of(corpus.train);
  const std::set<std::string> known(vocabulary.begin(), vocabulary.end());
  std::string table;
  auto& record = results().table("settings", {"setting", "repeated", "known_words"});
  const auto take = [&](const std::string& name, const std::vector<std::int64_t>& tokens) {
    const auto text = trained.tokenizer.decode(tokens);
    fmt::print("\n-- {}\n{}\n", name, text);
    std::fflush(stdout);
    const double repeated = repetition(tokens), known_share = known_words(text, known);
    table += fmt::format("  {:<28}{:>12}{:>12}\n", name, fmt::format("{:.0f} %", 100 * repeated),
                         fmt::format("{:.0f} %", 100 * known_share));
    record.row({name, repeated, known_share});
    results().scalar("repeated_" + as_name(name), repeated);
    results().scalar("known_" + as_name(name), known_share);
  };
  for (const auto& [name, options] : settings()) {
    Random random(seed);
    take(name, written(trained.model, prompt, count, options, random));
  }
  // The cure that works on the text instead of the probabilities.
  SteeringOptions penalties;
  penalties.repetition = 1.3;
  Steering steering(penalties, {}, prompt, count);
  SamplingOptions options;
  options.greedy = true;
  options.change = [&](const torch::Tensor& logits) { return steering.change(logits); };
  Random random(seed);
  take("greedy, repetition 1.3", generate(trained.model, prompt, count, options, random, [&](std::int64_t token) {
         steering.hear(token);
         return !interrupted();
       }));
  if (interrupted()) throw Interrupted("stopped");
  fmt::print("\nStretches of ten characters that came before in the sample; words that {} has\n", corpus.name);
  fmt::print("  {:<28}{:>12}{:>12}\n{}", "", "repeated", "known words", table);
}

/// Part 3: what a search for the most probable text finds, against what the model draws.
void show_beam(TrainedModel& trained, const std::vector<std::int64_t>& prompt, std::uint64_t seed) {
  const auto fitting = what_fits(prompt, trained.model->options.context / 2);
  const auto count =
      std::min<std::int64_t>(60, trained.model->options.context - static_cast<std::int64_t>(fitting.size()));
  if (count < 1) return;
  fmt::print("\nHow probable {} characters are, in nats a character, and what they are\n", count);
  auto& table = results().table("beam", {"how", "nats", "text"});
  const auto show = [&](const std::string& name, const std::vector<std::int64_t>& tokens, double log_probability) {
    const double nats = -log_probability / static_cast<double>(count);
    std::string text = trained.tokenizer.decode(tokens);
    std::replace(text.begin(), text.end(), '\n', '/');
    fmt::print("  {:<18}{:>7.3f}  {}\n", name, nats, text);
    std::fflush(stdout);
    table.row({name, nats, text});
    results().scalar("nats_" + as_name(name), nats, "nats");
  };
  for (const std::int64_t width : {1, 5, 20}) {
    const Beam beam = beam_search(trained.model, fitting, count, width);
    show(width == 1 ? "greedy" : fmt::format("beam of {}", width), beam.tokens, beam.log_probability);
    if (interrupted()) throw Interrupted("stopped");
  }
  SamplingOptions options;
  options.temperature = 1;
  Random random(seed);
  const auto drawn = written(trained.model, fitting, count, options, random);
  show("drawn, T = 1", drawn, log_probability(trained.model, fitting, drawn));
}

/// Part 4: the same model, let through by a grammar alone.
void show_grammar(TrainedModel& trained, const std::vector<std::int64_t>& prompt, std::int64_t count,
                  std::uint64_t seed) {
  SteeringOptions speech;
  speech.grammar = TextGrammar::parse(kSpeechGrammar, "a speech");
  std::vector<std::string> characters;
  for (std::int64_t token = 0; token < trained.tokenizer.size(); ++token) {
    characters.push_back(trained.tokenizer.decode({token}));
  }
  count = std::min<std::int64_t>(count, 90);
  std::optional<Steering> steering;
  try {
    steering.emplace(speech, characters, prompt, count);
  } catch (const UsageError& error) {
    fmt::print("\nNo speech by the grammar: {}\n", error.what());
    return;
  }
  SamplingOptions options;
  options.change = [&](const torch::Tensor& logits) { return steering->change(logits); };
  Random random(seed);
  const auto tokens = generate(trained.model, prompt, count, options, random,
                               [&](std::int64_t token) { return steering->hear(token) && !interrupted(); });
  if (interrupted()) throw Interrupted("stopped");
  fmt::print("\nA speech by this grammar, in at most {} characters\n{}\n{}", count, kSpeechGrammar,
             trained.tokenizer.decode(tokens));
  std::fflush(stdout);
}

/// Part 5: the same text with and without a cache, timed; and with another seed.
void show_cache(TrainedModel& trained, const std::vector<std::int64_t>& prompt, std::int64_t count,
                std::uint64_t seed) {
  const auto timed = [&](bool cached, std::uint64_t with_seed) {
    SamplingOptions options;
    options.cached = cached;
    Random random(with_seed);
    const auto start = std::chrono::steady_clock::now();
    auto tokens = written(trained.model, prompt, count, options, random);
    return std::make_pair(tokens, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  };
  const auto [with_cache, fast] = timed(true, seed);
  const auto [without, slow] = timed(false, seed);
  const auto [other, unused] = timed(true, seed + 1);
  const auto characters = static_cast<double>(count);
  results().scalar("with_cache", characters / fast, "characters a second");
  results().scalar("without_cache", characters / slow, "characters a second");
  fmt::print("\n{} characters with a cache {:.0f} a second, without {:.0f}: {}\n", count, characters / fast,
             characters / slow, with_cache == without ? "the same text" : "DIFFERENT texts");
  fmt::print("with seed {} instead of {}: {}\n", seed + 1, seed,
             other == with_cache ? "the SAME text" : "another text");
}

int run(int argc, char** argv) {
  prepare_cuda();
  std::optional<std::filesystem::path> run_folder;
  std::optional<std::string> asked;
  std::int64_t count = 500, steps = 800;
  CommandLine line("Lets a model speak from one prompt under many settings.");
  line.option("run", run_folder, "a folder with a trained model; without it a small one is trained", "RUN");
  line.option("prompt", asked, "the text to continue; without it, the start of a line", "TEXT");
  line.option("count", count, {1, 1'000'000}, "characters of each sample");
  line.option("steps", steps, {1, 1'000'000'000}, "training steps where no run is given");
  const auto shared = line.parse(argc, argv);
  if (asked && asked->empty()) throw UsageError("--prompt needs at least one character");
  catch_interrupts();

  const auto corpus = load_corpus(shared.data);
  auto trained = run_folder ? load_model(*run_folder) : train_quickly(corpus, shared, steps);
  trained.model->to(shared.device.device);
  const auto prompt =
      asked ? trained.tokenizer.encode(*asked) : std::vector<std::int64_t>{starting_token(trained.tokenizer)};

  show_probabilities(trained, prompt);
  show_samples(trained, corpus, prompt, count, shared.seed);
  show_beam(trained, prompt, shared.seed);
  show_grammar(trained, prompt, count, shared.seed);
  show_cache(trained, prompt, count, shared.seed);
  return 0;
}

}  // namespace
}  // namespace verse

int main(int argc, char** argv) {
  return verse::run_program([&] { return verse::run(argc, argv); });
}
