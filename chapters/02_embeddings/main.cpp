/// @file
/// Chapter 2's program: what a GPT's parameters are spent on, and a pair model that gradient descent finds instead of
/// counting.

#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <optional>
#include <vector>

#include "01_tokenizer/given/prompt.h"
#include "01_tokenizer/tokenizer.h"
#include "02_embeddings/embeddings.h"
#include "common/base/text.h"
#include "common/corpus.h"
#include "common/plot.h"
#include "common/program.h"
#include "common/results.h"

namespace verse {
namespace {

struct NamedShape {
  std::string name;
  ModelShape shape;
};

//! [parameter table]
/// One column a model, one row a part.
void print_parameters(const std::vector<NamedShape>& models) {
  const auto row = [&](const std::string& part, auto value) {
    fmt::print("{:<28}", part);
    for (const auto& [name, shape] : models) fmt::print("{:>21}", with_commas(value(count_parameters(shape))));
    fmt::print("\n");
  };
  fmt::print("{:<28}", "Parameters");
  for (const auto& [name, shape] : models) fmt::print("{:>21}", name);
  fmt::print("\n");
  row("token embedding", [](const ParameterCount& count) { return count.token_embedding; });
  row("position embedding", [](const ParameterCount& count) { return count.position_embedding; });
  row("one block: attention", [](const ParameterCount& count) { return count.attention; });
  row("one block: MLP", [](const ParameterCount& count) { return count.mlp; });
  row("one block: two norms", [](const ParameterCount& count) { return count.norms; });
  row("one block, whole", [](const ParameterCount& count) { return count.block; });
  row("final norm", [](const ParameterCount& count) { return count.final_norm; });
  row("total (the head is shared)", [](const ParameterCount& count) { return count.total; });
}
//! [parameter table]

/// Pairs of neighbours: now [count] and next [count], drawn from a text at random places.
struct Pairs {
  torch::Tensor now;
  torch::Tensor next;
};

Pairs draw_pairs(const torch::Tensor& tokens, std::int64_t count, Random& random) {
  std::vector<std::int64_t> drawn(static_cast<std::size_t>(count));
  for (auto& place : drawn) place = random.below(tokens.size(0) - 1);
  const auto places = torch::tensor(drawn).to(tokens.device());
  return {tokens.index({places}), tokens.index({places + 1})};
}

/// The loss over every pair of a text.
double whole_loss(PairModel& model, const torch::Tensor& tokens) {
  torch::NoGradGuard no_gradients;
  const auto last = tokens.size(0) - 1;
  return cross_entropy(model->forward(tokens.slice(0, 0, last)), tokens.slice(0, 1, last + 1)).item<double>();
}

struct Descent {
  double first = 0;                               ///< validation loss before the first step
  double last = 0;                                ///< and after the last
  std::vector<std::pair<double, double>> course;  ///< step and validation loss on the way
};

//! [descent]
/// Trains a pair model by plain gradient descent on random batches of pairs.
Descent train_pair_model(PairModel& model, const torch::Tensor& train, const torch::Tensor& validation,
                         std::int64_t steps, double learning_rate, Random& random) {
  constexpr std::int64_t kBatch = 4096;
  Descent descent;
  descent.first = whole_loss(model, validation);
  descent.course.emplace_back(0, descent.first);
  for (std::int64_t step = 1; step <= steps; ++step) {
    // Guess, measure, find the slope, go down it.
    const Pairs pairs = draw_pairs(train, kBatch, random);
    const auto loss = cross_entropy(model->forward(pairs.now), pairs.next);
    loss.backward();
    descend(model->parameters(), learning_rate);
    if (step % std::max<std::int64_t>(1, steps / 20) == 0) {
      descent.course.emplace_back(static_cast<double>(step), whole_loss(model, validation));
    }
  }
  descent.last = whole_loss(model, validation);
  return descent;
}
//! [descent]

int run(int argc, char** argv) {
  prepare_cuda();
  std::int64_t steps = 1000, width = 64;
  double learning_rate = 3, tied_learning_rate = 1;
  std::optional<std::filesystem::path> plot;
  CommandLine line("Counts a GPT's parameters and trains a pair model by gradient descent.");
  line.option("steps", steps, {1, 1'000'000}, "steps of gradient descent");
  line.option("width", width, {1, 4096}, "of the pair model's vectors");
  line.option("learning-rate", learning_rate, {0, 1e6}, "of plain gradient descent");
  line.option("tied-learning-rate", tied_learning_rate, {0, 1e6},
              "the same for the tied model, whose scores are squares of one table");
  line.option("plot", plot, "draw the descent as SVG", "FILE");
  const auto shared = line.parse(argc, argv);

  const Corpus corpus = load_corpus(shared.data);
  need_characters(corpus, 2, 2);  // a loss is of a character and the one after it
  const auto tokenizer = Tokenizer::from_text(corpus.text);
  const auto vocabulary = tokenizer.size();
  const auto device = shared.device.device;
  const auto train = tokenizer.encode_tensor(corpus.train).to(device);
  const auto validation = tokenizer.encode_tensor(corpus.validation).to(device);

  // What models of different sizes spend their parameters on.
  const ModelShape talk{vocabulary, 256, 6, 6, 384};
  ModelShape large_vocabulary = talk;
  large_vocabulary.vocabulary_size = 50'000;
  print_parameters({{"the talk's", talk},
                    {"4 layers, 192", {vocabulary, 256, 4, 4, 192}},
                    {"GPT-2", {50'257, 1024, 12, 12, 768}},
                    {"the talk's, 50,000", large_vocabulary}});
  const auto small = count_parameters(talk);
  const auto large = count_parameters(large_vocabulary);
  fmt::print("\nThe talk's model is 6 layers, 384 wide, context 256, over the {} characters of {}.\n", vocabulary,
             corpus.name);
  fmt::print(
      "With a vocabulary of 50,000 its token embedding is {:.0f} times as large, and {:.1f} times the whole model of "
      "{}.\n",
      static_cast<double>(large.token_embedding) / static_cast<double>(small.token_embedding),
      static_cast<double>(large.token_embedding) / static_cast<double>(small.total), with_commas(small.total));

  results().scalar("parameters", small.total);
  results().scalar("block_parameters", small.block);
  results().scalar("large_embedding", large.token_embedding);
  results().scalar("large_embedding_times",
                   static_cast<double>(large.token_embedding) / static_cast<double>(small.token_embedding));

  // The counted pair model of chapter 1 is what gradient descent should find.
  const double counted = pair_model_loss(pair_probabilities(count_pairs(train, vocabulary), 1.0), validation);
  fmt::print("\nA pair model on {}, validation loss in nats a character\n", corpus.name);
  const auto show_loss = [](const std::string& what, double loss) { fmt::print("  {:<42}{:.3f}\n", what, loss); };
  show_loss(fmt::format("uniform guess, ln {}", vocabulary), std::log(static_cast<double>(vocabulary)));
  show_loss("counted (chapter 1)", counted);

  Random random(shared.seed);
  PairModel untied(vocabulary, width);
  untied->to(device);
  const auto apart = train_pair_model(untied, train, validation, steps, learning_rate, random);
  show_loss("neural, before the first step", apart.first);
  show_loss(fmt::format("neural, after {} steps", steps), apart.last);
  PairModel tied(vocabulary, width, /*tied=*/true);
  tied->to(device);
  const auto together = train_pair_model(tied, train, validation, steps, tied_learning_rate, random);
  show_loss("the same with one table for both (tied)", together.last);

  if (plot) {
    plot_lines(
        *plot,
        {"A pair model learns by gradient descent, on " + corpus.name, "step", "validation loss (nats a character)"},
        {{"two tables", apart.course}, {"one table (tied)", together.course}},
        {{"counted", counted}, {"uniform", std::log(static_cast<double>(vocabulary))}});
  }

  results().scalar("train_pairs", train.size(0) - 1);
  results().scalar("counted", counted, "nats");
  results().scalar("first", apart.first, "nats");
  results().scalar("last", apart.last, "nats");
  results().scalar("tied_last", together.last, "nats");
  results().curve("two_tables", "step", "nats", apart.course);
  results().curve("one_table", "step", "nats", together.course);

  // The trained model speaks: from the same beginning as every program of the course.
  torch::NoGradGuard no_gradients;
  const auto rows = softmax(untied->forward(torch::arange(vocabulary, device))).to(torch::kCPU, torch::kFloat64);
  const auto first = starting_token(tokenizer);
  fmt::print("\nIt speaks, beginning with a new line:\n{}\n", tokenizer.decode(sample_pairs(rows, first, 300, random)));
  return 0;
}

}  // namespace
}  // namespace verse

int main(int argc, char** argv) {
  return verse::run_program([&] { return verse::run(argc, argv); });
}
