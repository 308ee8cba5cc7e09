/// @file
/// Chapter 6's program: what a loss means on a text, from the text's own entropies.

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "01_tokenizer/tokenizer.h"
#include "02_embeddings/embeddings.h"
#include "05_training/checkpoint.h"
#include "05_training/training.h"
#include "06_loss_stages/loss_stages.h"
#include "common/corpus.h"
#include "common/error.h"
#include "common/program.h"
#include "common/random.h"

namespace verse {
namespace {

/// The smallest loss that still belongs to each stage, found by asking stage_of().
std::vector<std::pair<LossStage, double>> stage_ranges(const LossLandmarks& landmarks) {
  std::vector<std::pair<LossStage, double>> ranges;
  const auto last = landmarks.floor ? LossStage::memorised : LossStage::beyond;
  for (int i = 0; i <= static_cast<int>(last); ++i) {
    const auto stage = static_cast<LossStage>(i);
    // Stages only rise as the loss falls, so halving finds where the next one begins.
    double low = 0, high = landmarks.uniform + 1;
    for (int round = 0; round < 60; ++round) {
      const double middle = (low + high) / 2;
      (stage_of(middle, landmarks) > stage ? low : high) = middle;
    }
    ranges.emplace_back(stage, high);
  }
  return ranges;
}

/// Part 1: the text's entropies, and what each is a bound for.
LossLandmarks show_landmarks(const Corpus& corpus, const torch::Tensor& train, std::int64_t vocabulary_size) {
  auto landmarks = measure_landmarks(train, vocabulary_size);
  landmarks.floor = corpus.floor;
  fmt::print("Entropies of {}'s training part, {} characters, in nats a character\n", corpus.name, train.size(0));
  fmt::print("  {:.3f}  {:.3f} bits  every character alike\n", landmarks.uniform, nats_to_bits(landmarks.uniform));
  fmt::print("  {:.3f}  {:.3f} bits  known how often each occurs\n", landmarks.characters,
             nats_to_bits(landmarks.characters));
  fmt::print("  {:.3f}  {:.3f} bits  known the one before\n", landmarks.pairs, nats_to_bits(landmarks.pairs));
  fmt::print("  {:.3f}  {:.3f} bits  known the two before\n", landmarks.triples, nats_to_bits(landmarks.triples));
  const double fours = text_entropy(train, vocabulary_size, 4);
  fmt::print("  {:.3f}  {:.3f} bits  known the three before; most of their combinations are too rare to count well\n",
             fours, nats_to_bits(fours));
  if (landmarks.floor)
    fmt::print("  {:.3f}  {:.3f} bits  the floor, of the validation part: known how the text was made\n",
               *landmarks.floor, nats_to_bits(*landmarks.floor));
  return landmarks;
}

/// Part 2: which losses belong to which stage.
void show_stages(const Corpus& corpus, const LossLandmarks& landmarks) {
  fmt::print("\nStages on {}: what a model has learned whose loss is\n", corpus.name);
  double above = std::numeric_limits<double>::infinity();
  for (const auto& [stage, from] : stage_ranges(landmarks)) {
    if (std::isinf(above))
      fmt::print("  {:>15}", fmt::format("above {:.3f}", from));
    else
      fmt::print("  {:>15}", fmt::format("{:.3f} to {:.3f}", above, from));
    fmt::print("  {}\n", describe(stage));
    above = from;
  }
}

/// Part 3: what a text looks like that knows as much as each order does.
void show_texts(const torch::Tensor& train, const Tokenizer& tokenizer, std::int64_t count, std::uint64_t seed) {
  const auto* tokens = train.const_data_ptr<std::int64_t>();
  const std::int64_t characters = train.size(0);
  const auto begin = tokenizer.vocabulary().front() == U'\n' ? std::int64_t{0} : tokens[0];
  for (int order = 0; order <= 4; ++order) {
    Random random(seed);
    std::vector<std::int64_t> text = {begin};
    for (std::int64_t i = 0; i < count; ++i) {
      if (order == 0) {
        text.push_back(random.below(tokenizer.size()));
        continue;
      }
      //! [shannon]
      // Shannon's way (1948, section 3): open the text anywhere, read on until it stands as it does here, take what
      // comes next.
      const auto known = std::min<std::ptrdiff_t>(order - 1, static_cast<std::ptrdiff_t>(text.size()));
      std::int64_t place = random.below(characters);
      for (std::int64_t tries = 0; tries < characters; ++tries, place = (place + 1) % characters)
        if (place >= known && std::equal(text.end() - known, text.end(), tokens + place - known)) break;
      text.push_back(tokens[place]);
      //! [shannon]
    }
    fmt::print("\n-- order {}{}\n{}\n", order, order == 0 ? ": every character alike" : "",
               tokenizer.decode({text.begin() + 1, text.end()}));
  }
}

/// Part 4: where a trained model stands.
void show_run(const std::string& folder, const Corpus& corpus, const LossLandmarks& landmarks, torch::Device device,
              std::uint64_t seed) {
  auto [model, tokenizer] = load_model(folder);
  model->to(device);
  const std::int64_t batch_size = std::max<std::int64_t>(1, 2048 / model->options.context);
  const auto validation = tokenizer.encode_tensor(corpus.validation).to(device);
  const auto train = tokenizer.encode_tensor(corpus.train)
                         .slice(0, 0, validation.size(0))
                         .to(device);  // as much of it, from its start
  const double train_loss = evaluate(model, train, batch_size);
  const double validation_loss = evaluate(model, validation, batch_size);
  fmt::print("\nThe model in {}, on {}\n", folder, corpus.name);
  fmt::print("  training    {:.3f}  {}\n", train_loss, describe(stage_of(train_loss, landmarks)));
  fmt::print("  validation  {:.3f}  {}\n", validation_loss, describe(stage_of(validation_loss, landmarks)));
  fmt::print("  the gap is  {:.3f}\n", validation_loss - train_loss);

  // The model speaks, each character drawn as the model has it.
  const torch::NoGradGuard no_gradients;
  Random random(seed);
  auto text = tokenizer.encode(kPrompt);
  for (int i = 0; i < 200; ++i) {
    const auto first = std::max<std::int64_t>(0, static_cast<std::int64_t>(text.size()) - model->options.context);
    const auto window = torch::tensor(text, torch::kInt64).slice(0, first).to(device);
    const auto sums = softmax(model->forward(window.unsqueeze(0))[0][-1].to(torch::kCPU, torch::kFloat64)).cumsum(0);
    text.push_back(std::min((sums <= random.uniform()).sum().item<std::int64_t>(), tokenizer.size() - 1));
  }
  fmt::print("\n-- the model\n{}\n", tokenizer.decode({text.begin() + 1, text.end()}));
}

int run(int argc, char** argv) {
  prepare_cuda();
  CommandLine line("chapter 6", "Shows which losses mean what on a text, and where a trained model stands.");
  line.add()("run", "a folder with a trained model", cxxopts::value<std::string>(), "RUN");
  line.add()("sample", "characters of each sample", cxxopts::value<std::string>()->default_value("200"), "N");
  const auto shared = line.parse(argc, argv);
  const auto sample = line.integer("sample", 0, 100000);

  const auto corpus = load_corpus(shared.data);
  const auto tokenizer = Tokenizer::from_text(corpus.text);
  const auto train = tokenizer.encode_tensor(corpus.train);
  const auto landmarks = show_landmarks(corpus, train, tokenizer.size());
  show_stages(corpus, landmarks);
  fmt::print("\n{} characters of each, drawn from {}'s training part\n", sample, corpus.name);
  show_texts(train, tokenizer, sample, shared.seed);
  if (line.given("run")) show_run(line.text("run"), corpus, landmarks, shared.device.device, shared.seed);
  return 0;
}

}  // namespace
}  // namespace verse

int main(int argc, char** argv) {
  return verse::run_program([&] { return verse::run(argc, argv); });
}
