/// @file
/// Chapter 2's program: what a GPT's parameters are spent on, and a pair model that gradient descent finds instead of
/// counting.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "01_tokenizer/given/prompt.h"
#include "01_tokenizer/tokenizer.h"
#include "02_embeddings/embeddings.h"
#include "02_embeddings/given/letter_map.h"
#include "common/base/random.h"
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

/// A character as one can see it.
std::string visible(char32_t character) {
  return character == U' ' ? "·" : character == U'\n' ? "↵" : encode_utf8(character);
}

/// The three most probable characters of a row, with their probabilities.
std::string favourites(const Tokenizer& tokenizer, const torch::Tensor& row) {
  const auto [probabilities, tokens] = row.topk(std::min<std::int64_t>(3, row.size(0)));
  std::string text;
  for (std::int64_t i = 0; i < tokens.size(0); ++i) {
    const auto token = static_cast<std::size_t>(tokens[i].item<std::int64_t>());
    text += fmt::format("  {} {:.3f}", visible(tokenizer.vocabulary()[token]), probabilities[i].item<double>());
  }
  return text;
}

/// Two tables of probabilities side by side: what they expect after some characters, and what they write when they draw
/// by the same random numbers. @param counted, learned [vocabulary, vocabulary], float64
void show_side_by_side(const Tokenizer& tokenizer, const torch::Tensor& counted, const torch::Tensor& learned,
                       std::uint64_t seed) {
  fmt::print("\nWhat comes next\n  after  counted                      learned\n");
  for (const char32_t now : {U'q', U't', U'.', U'Z'}) {
    const auto& vocabulary = tokenizer.vocabulary();
    const auto place = std::find(vocabulary.begin(), vocabulary.end(), now);
    if (place == vocabulary.end()) continue;
    const std::int64_t token = place - vocabulary.begin();
    fmt::print("  {:<5}{}  {}\n", visible(now), favourites(tokenizer, counted[token]),
               favourites(tokenizer, learned[token]));
  }
  const double apart = (counted - learned).abs().sum(1).mean().item<double>() / 2;
  fmt::print("  Of 1 that each row hands out, {:.3f} goes elsewhere, on average over the rows\n", apart);
  results().scalar("rows_apart", apart);

  const auto first = starting_token(tokenizer);
  const auto write = [&](const std::string& name, const torch::Tensor& rows) {
    Random random(seed);
    fmt::print("\n{}:\n{}\n", name, tokenizer.decode(sample_pairs(rows, first, 200, random)));
  };
  write("The counted table writes, beginning with a new line", counted);
  write("The learned tables write, with the same random numbers", learned);
}

/// Where the small letters lie in a table of vectors.
void show_letters(const Tokenizer& tokenizer, const torch::Tensor& table, const std::string& corpus,
                  const std::optional<std::filesystem::path>& map) {
  const std::u32string vowels = U"aeiou";
  std::vector<std::int64_t> tokens;
  std::vector<std::string> letters;
  std::vector<bool> marked;
  for (std::int64_t token = 0; token < tokenizer.size(); ++token) {
    const char32_t character = tokenizer.vocabulary()[static_cast<std::size_t>(token)];
    if (character < U'a' || character > U'z') continue;
    tokens.push_back(token);
    letters.push_back(encode_utf8(character));
    marked.push_back(vowels.find(character) != std::u32string::npos);
  }
  if (tokens.size() < 3) return;  // a text in another script

  const auto rows = table.detach().cpu().index({torch::tensor(tokens)});  // [letters, width]
  if (!torch::isfinite(rows).all().item<bool>()) {
    fmt::print("\nThe token table holds values that are no numbers: there is nothing to draw\n");
    return;
  }
  const auto flat = flatten_table(rows);
  const auto order = flat.places.select(1, 0).argsort(/*dim=*/0, /*descending=*/true);
  std::string furthest;
  std::int64_t vowels_among_them = 0;
  for (std::int64_t i = 0; i < std::min<std::int64_t>(5, rows.size(0)); ++i) {
    const auto letter = static_cast<std::size_t>(order[i].item<std::int64_t>());
    furthest += " " + letters[letter];
    vowels_among_them += marked[letter] ? 1 : 0;
  }
  fmt::print("\nThe small letters in the token table: two directions hold {:.0f} % of what their rows differ by\n",
             100 * flat.share);
  fmt::print("  furthest along the first of them:{}\n", furthest);
  results().scalar("vowels_among_the_furthest", vowels_among_them);
  results().scalar("two_directions", flat.share);
  if (map) draw_labels(*map, "The small letters in a learned token table, on " + corpus, flat.places, letters, marked);
}

int run(int argc, char** argv) {
  prepare_cuda();
  std::int64_t steps = 1000, width = 64;
  double learning_rate = 3, tied_learning_rate = 1;
  std::optional<std::filesystem::path> plot, map;
  CommandLine line("Counts a GPT's parameters and trains a pair model by gradient descent.");
  line.option("steps", steps, {1, 1'000'000}, "steps of gradient descent");
  line.option("width", width, {1, 4096}, "of the pair model's vectors");
  line.option("learning-rate", learning_rate, {0, 1e6}, "of plain gradient descent");
  line.option("tied-learning-rate", tied_learning_rate, {0, 1e6},
              "the same for the tied model, whose scores are squares of one table");
  line.option("plot", plot, "draw the descent as SVG", "FILE");
  line.option("map", map, "draw the learned token table's small letters as SVG", "FILE");
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
  const auto counted_rows = pair_probabilities(count_pairs(train, vocabulary), 1.0);  // [vocabulary, vocabulary]
  const double counted = pair_model_loss(counted_rows, validation);
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

  // Both models say the same in two ways: as rows of probabilities, and as a text.
  torch::NoGradGuard no_gradients;
  const auto learned_rows =
      softmax(untied->forward(torch::arange(vocabulary, device))).to(torch::kCPU, torch::kFloat64);
  show_side_by_side(tokenizer, counted_rows.cpu(), learned_rows, shared.seed);
  show_letters(tokenizer, untied->token_table, corpus.name, map);
  return 0;
}

}  // namespace
}  // namespace verse

int main(int argc, char** argv) {
  return verse::run_program([&] { return verse::run(argc, argv); });
}
