/// @file
/// Chapter 1's program: what a text's characters and pairs of characters are, what a counted pair model's loss is, what
/// byte-pair merges change, and how the pair model talks.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "01_tokenizer/given/merges.h"
#include "01_tokenizer/given/prompt.h"
#include "01_tokenizer/given/scored_word.h"
#include "01_tokenizer/given/shown_tokens.h"
#include "01_tokenizer/tokenizer.h"
#include "common/base/error.h"
#include "common/base/text.h"
#include "common/corpus.h"
#include "common/plot.h"
#include "common/program.h"
#include "common/results.h"

namespace verse {
namespace {

/// A pair table has vocabulary squared entries of 8 bytes; with this many characters it takes half a gigabyte.
constexpr std::int64_t kMostCharacters = 8192;

/// A character as a label of a row or column: without the quotation marks that messages put around it.
std::string label(char32_t character) {
  if (character == U' ') return "space";
  return on_one_line({character});
}

/// The text of this run: as characters, and as tokens on the run's device.
struct Material {
  Corpus corpus;
  Tokenizer tokenizer;
  torch::Tensor all;         ///< [characters], int64
  torch::Tensor train;       ///< the first 90 %
  torch::Tensor validation;  ///< the rest
};

Material read_material(const SharedOptions& shared) {
  Corpus corpus = load_corpus(shared.data);
  if (corpus.characters < 20) {
    throw UsageError(fmt::format("{} has {} characters; this program needs at least 20, two of them to validate",
                                 corpus.name, corpus.characters));
  }
  Tokenizer tokenizer = Tokenizer::from_text(corpus.text);
  if (tokenizer.size() > kMostCharacters) {
    throw UsageError(fmt::format("{} has {} different characters; this program's table of pairs holds {} at most",
                                 corpus.name, with_commas(tokenizer.size()), with_commas(kMostCharacters)));
  }
  const torch::Tensor all = tokenizer.encode_tensor(corpus.text).to(shared.device.device);
  const auto split = static_cast<std::int64_t>(corpus.characters * 9 / 10);
  return {std::move(corpus), std::move(tokenizer), all, all.slice(0, 0, split), all.slice(0, split)};
}

void show_vocabulary(const Material& material) {
  fmt::print("{}: {} characters; the first {} train, the other {} validate.\n\n", material.corpus.name,
             with_commas(material.all.size(0)), with_commas(material.train.size(0)),
             with_commas(material.validation.size(0)));

  // A vocabulary in another script can have thousands of characters: the first hundred stand for them.
  constexpr std::size_t most_shown = 100;
  const std::vector<char32_t>& vocabulary = material.tokenizer.vocabulary();
  fmt::print("Vocabulary of {}: {} different characters, the smallest code point first\n ", material.corpus.name,
             with_commas(material.tokenizer.size()));
  for (std::size_t i = 0; i < std::min(vocabulary.size(), most_shown); ++i) fmt::print(" {}", label(vocabulary[i]));
  if (vocabulary.size() > most_shown) fmt::print(" and {} more", vocabulary.size() - most_shown);

  // The text's beginning, there and back.
  const std::string beginning = material.tokenizer.decode([&] {
    const torch::Tensor first = material.all.slice(0, 0, 14).cpu();
    return std::vector<std::int64_t>(first.data_ptr<std::int64_t>(), first.data_ptr<std::int64_t>() + first.size(0));
  }());
  fmt::print("\n\n  \"{}\" is {}\n", on_one_line(decode_utf8(beginning)),
             fmt::join(material.tokenizer.encode(beginning), " "));
}

/// Where the reading of a text is looked at: 1, 2 and 5 times powers of ten, and one character a pair.
std::vector<std::int64_t> reading_stations(const Coverage& text) {
  std::vector<std::int64_t> stations = {text.pairs_possible};
  for (std::int64_t power = 100; power < text.characters; power *= 10) {
    for (const std::int64_t step : {1, 2, 5}) stations.push_back(step * power);
  }
  std::sort(stations.begin(), stations.end());
  while (!stations.empty() && stations.back() >= text.characters) stations.pop_back();
  return stations;
}

void draw_coverage(const Material& material, const std::filesystem::path& svg) {
  const std::int64_t size = material.tokenizer.size();
  const Coverage train = measure_coverage(material.train, size);
  Series seen{"different pairs that have occurred", {}};
  std::vector<std::int64_t> stations = reading_stations(train);
  stations.push_back(train.characters);
  for (const std::int64_t station : stations) {
    const Coverage coverage = measure_coverage(material.train.slice(0, 0, station), size);
    seen.points.emplace_back(static_cast<double>(station), static_cast<double>(coverage.pairs_seen));
  }
  PlotText text;
  text.title = fmt::format("Pairs seen in the training split of {}", material.corpus.name);
  text.x_label = "characters read";
  text.y_label = "pairs";
  text.log_x = true;
  plot_lines(svg, text, {seen}, {{"possible pairs", static_cast<double>(train.pairs_possible)}});
  fmt::print(stderr, "The curve of pairs seen is in {}.\n", svg.string());
}

void show_coverage(const Material& material) {
  const std::int64_t size = material.tokenizer.size();
  const std::string& name = material.corpus.name;
  const Coverage train = measure_coverage(material.train, size);
  fmt::print("\nPairs: {} characters can form {} x {} = {} pairs. How well does {} cover them?\n\n", with_commas(size),
             with_commas(size), with_commas(size), with_commas(train.pairs_possible), name);

  results().scalar("pairs_possible", train.pairs_possible);
  results().scalar("pairs_seen", train.pairs_seen);
  results().scalar("characters", material.all.size(0));
  results().scalar("train_characters", train.characters);
  auto& table = results().table("coverage", {"part", "characters", "characters_per_pair", "pairs_seen"});
  const auto line = [&](const std::string& part, const torch::Tensor& tokens) {
    const Coverage coverage = measure_coverage(tokens, size);
    table.row({part.substr(part.find_first_not_of(' ')), coverage.characters, coverage.characters_per_pair,
               coverage.pairs_seen});
    fmt::print("  {:<34}{:>12}{:>20.1f}{:>14}\n", part, with_commas(coverage.characters), coverage.characters_per_pair,
               with_commas(coverage.pairs_seen));
  };
  fmt::print("  {:<34}{:>12}{:>20}{:>14}\n", name, "characters", "characters a pair", "pairs seen");
  line("the whole text", material.all);
  line("the training split", material.train);

  for (const std::int64_t station : reading_stations(train)) {
    results().scalar(fmt::format("seen_after_{}", station),
                     measure_coverage(material.train.slice(0, 0, station), size).pairs_seen);
    line(fmt::format("  after its first {}", with_commas(station)), material.train.slice(0, 0, station));
  }

  // How often a colon ends its line.
  const std::vector<char32_t>& vocabulary = material.tokenizer.vocabulary();
  const auto colon = std::find(vocabulary.begin(), vocabulary.end(), U':');
  const auto line_break = std::find(vocabulary.begin(), vocabulary.end(), U'\n');
  if (colon != vocabulary.end() && line_break != vocabulary.end()) {
    const torch::Tensor after = count_pairs(material.train, size)[colon - vocabulary.begin()];
    results().scalar("line_breaks_after_colons", (after[line_break - vocabulary.begin()] / after.sum()).item<double>());
  }

  // Some pairs are everywhere and most are rare: that is why text can be long and still cover few of them.
  const torch::Tensor shares = std::get<0>(count_pairs(material.train, size).flatten().sort(0, /*descending=*/true));
  const std::int64_t half = (shares.cumsum(0) * 2 < train.characters - 1).sum().item<std::int64_t>() + 1;
  results().scalar("half_of_neighbours", half, "pairs");
  fmt::print("\n  Half of the neighbours in the training split are one of the {} most frequent pairs.\n",
             with_commas(half));

  fmt::print("\n  One token to learn from for each possible pair, as the rule of thumb asks, would be:\n");
  for (const std::int64_t larger : {size, std::int64_t{50000}, std::int64_t{200000}}) {
    const double times = static_cast<double>(larger * larger) / static_cast<double>(train.characters);
    fmt::print("  {:>16} for a vocabulary of {:>7}: {:>6} times the training split of {}\n",
               with_commas(larger * larger), with_commas(larger),
               times < 10 ? fmt::format("{:.2g}", times) : with_commas(std::llround(times)), name);
  }
}

/// One model's loss on one text. @param record its name in the results
void show_loss_line(const std::string& model, double nats, const std::string& record) {
  results().scalar(record, nats, "nats");
  fmt::print("  {:<46}{:>8.3f}{:>8.3f}{:>12.2f}\n", model, nats, nats_to_bits(nats), perplexity(nats));
}

/// A loss by hand: what the model gave to the first characters of the validation split, and the surprise of each.
void show_first_surprises(const Material& material, const torch::Tensor& probabilities) {
  constexpr std::int64_t predicted = 4;
  const std::int64_t pairs = std::min(predicted, material.validation.size(0) - 1);
  const std::vector<char32_t>& vocabulary = material.tokenizer.vocabulary();
  fmt::print("\n  The first {} characters that it has to predict there:\n", pairs);
  double sum = 0;
  for (std::int64_t i = 0; i < pairs; ++i) {
    const auto now = material.validation[i].item<std::int64_t>();
    const auto next = material.validation[i + 1].item<std::int64_t>();
    const double p = probabilities[now][next].item<double>();
    sum += -std::log(p);
    fmt::print("    {:>4} then {:<4}  p = {:.4f}   -ln p = {:.3f}\n",
               show_character(vocabulary[static_cast<std::size_t>(now)]),
               show_character(vocabulary[static_cast<std::size_t>(next)]), p, -std::log(p));
  }
  fmt::print("    {:>32} {:.3f}\n", "mean:", sum / static_cast<double>(pairs));
}

/// @return the counted pair model, on the CPU, [vocabulary, vocabulary]
torch::Tensor show_losses(const Material& material, double smoothing) {
  const std::int64_t size = material.tokenizer.size();
  fmt::print("\nLoss on {}, a character:\n\n", material.corpus.name);
  fmt::print("  {:<46}{:>8}{:>8}{:>12}\n", "", "nats", "bits", "perplexity");
  const torch::Tensor uniform = torch::full({size}, 1.0 / static_cast<double>(size), torch::kFloat64);
  show_loss_line(fmt::format("a uniform guess among {}", with_commas(size)), mean_negative_log_likelihood(uniform),
                 "uniform");

  // Between that and pairs: how often each character occurs, whatever stands before it.
  const torch::Tensor frequencies = torch::bincount(material.train, {}, size).to(torch::kFloat64) + smoothing;
  show_loss_line(fmt::format("characters counted, {:g} added: validation split", smoothing),
                 mean_negative_log_likelihood((frequencies / frequencies.sum()).index({material.validation})),
                 "single");

  //! [losses]
  const torch::Tensor counts = count_pairs(material.train, size);
  const torch::Tensor probabilities = pair_probabilities(counts, smoothing);
  const double on_train = pair_model_loss(probabilities, material.train);
  const double on_validation = pair_model_loss(probabilities, material.validation);
  //! [losses]
  show_loss_line(fmt::format("pairs counted, {:g} added: training split", smoothing), on_train, "pairs_train");
  show_loss_line(fmt::format("pairs counted, {:g} added: validation split", smoothing), on_validation,
                 "pairs_validation");

  // No table of pairs can do better there than the one that was counted there.
  const torch::Tensor own_counts = count_pairs(material.validation, size);
  show_loss_line("the validation split's own pairs, none added",
                 pair_model_loss(pair_probabilities(own_counts, 0.0), material.validation), "pairs_own");

  show_first_surprises(material, probabilities);

  // How much smoothing is right, and that none is fatal as soon as one unseen pair turns up.
  fmt::print("\n  On the validation split with other smoothing:");
  for (const double other : {0.0, 0.01, 0.1, 1.0, 10.0, 100.0}) {
    const double loss = pair_model_loss(pair_probabilities(counts, other), material.validation);
    results().scalar(fmt::format("smoothed_{:g}", other), loss, "nats");
    fmt::print("  {:g}: {:.3f}", other, loss);
  }
  const torch::Tensor unseen = (counts == 0) & (count_pairs(material.validation, size) > 0);
  results().scalar("counted_on_validation",
                   pair_model_loss(pair_probabilities(count_pairs(material.validation, size), 0), material.validation),
                   "nats");
  results().scalar("unseen_in_training", unseen.sum().item<std::int64_t>(), "pairs");
  fmt::print("\n  Different pairs of the validation split that the training split never has: {}\n",
             with_commas(unseen.sum().item<std::int64_t>()));
  return probabilities.cpu();
}

/// How often a line ends after a colon: one row of the table, read.
void show_colons(const Material& material, const torch::Tensor& counts) {
  const std::vector<char32_t>& vocabulary = material.tokenizer.vocabulary();
  const auto place = [&](char32_t character) {
    return std::lower_bound(vocabulary.begin(), vocabulary.end(), character) - vocabulary.begin();
  };
  const auto has = [&](char32_t character) {
    return std::binary_search(vocabulary.begin(), vocabulary.end(), character);
  };
  if (!has(U':') || !has(U'\n')) return;
  const torch::Tensor row = counts[place(U':')];
  const auto all = row.sum().item<std::int64_t>();
  if (all == 0) return;
  const auto ends = row[place(U'\n')].item<std::int64_t>();
  fmt::print("\n  After {} of {} colons in the training split comes a line break: {:.1f} %.\n", with_commas(ends),
             with_commas(all), 100.0 * static_cast<double>(ends) / static_cast<double>(all));
}

void draw_heat_map(const Material& material, const std::filesystem::path& svg) {
  const std::int64_t size = material.tokenizer.size();
  const torch::Tensor counts = count_pairs(material.train, size).cpu();
  std::vector<std::vector<double>> values(static_cast<std::size_t>(size));
  for (std::int64_t row = 0; row < size; ++row) {
    for (std::int64_t column = 0; column < size; ++column) {
      values[static_cast<std::size_t>(row)].push_back(
          std::log10(1.0 + static_cast<double>(counts[row][column].item<std::int64_t>())));
    }
  }
  std::vector<std::string> labels;
  for (const char32_t character : material.tokenizer.vocabulary()) labels.push_back(label(character));

  PlotText text;
  text.title = fmt::format("Pairs in the training split of {}: log10(1 + count)", material.corpus.name);
  text.x_label = "next character";
  text.y_label = "character now";
  plot_heat_map(svg, text, values, labels, labels);
  fmt::print(stderr, "The heat map of pairs is in {}.\n", svg.string());
}

void show_merges(const Material& material, std::int64_t largest) {
  const torch::Tensor train = material.train.cpu().contiguous();
  const std::vector<std::int64_t> characters(train.data_ptr<std::int64_t>(),
                                             train.data_ptr<std::int64_t>() + train.size(0));
  const std::int64_t alphabet = material.tokenizer.size();
  const std::string& name = material.corpus.name;

  // The first merge by the exercises' functions; what comes after it by the fast learner.
  const auto pair = most_frequent_pair(characters);
  const std::vector<std::int64_t> merged = merge_pair(characters, pair, alphabet);
  fmt::print("\nMerges: the most frequent pair of the training split of {} is {} and {}.\n", name,
             show_character(material.tokenizer.vocabulary()[static_cast<std::size_t>(pair.first)]),
             show_character(material.tokenizer.vocabulary()[static_cast<std::size_t>(pair.second)]));
  fmt::print("  One token for both makes {} tokens of its {} characters. And so on:\n\n",
             with_commas(static_cast<std::int64_t>(merged.size())), with_commas(train.size(0)));

  results().scalar("tokens_after_one_merge", static_cast<std::int64_t>(merged.size()));
  auto& table = results().table(
      "merges", {"vocabulary", "characters_per_token", "tokens", "squared", "tokens_per_pair", "steps"});

  const std::u32string sentence = find_sentence(decode_utf8(material.corpus.validation));
  std::vector<std::int64_t> sentence_tokens = material.tokenizer.encode(encode_utf8(sentence));
  fmt::print("  {:>10}{:>20}{:>12}{:>14}{:>15}{:>20}\n", "vocabulary", "characters a token", "tokens", "squared",
             "tokens a pair", "steps a sentence");

  MergeLearner learner(characters, alphabet);
  std::vector<std::string> cuts;
  std::size_t applied = 0;
  for (const std::int64_t target : vocabulary_stations(alphabet, largest)) {
    while (learner.vocabulary_size() < target && learner.step()) {
    }
    for (; applied < learner.merges().size(); ++applied) {
      sentence_tokens =
          merge_pair(sentence_tokens, learner.merges()[applied].pair, alphabet + static_cast<std::int64_t>(applied));
    }
    const auto tokens = static_cast<std::int64_t>(learner.tokens().size());
    const std::int64_t vocabulary = learner.vocabulary_size();
    fmt::print("  {:>10}{:>20.2f}{:>12}{:>14}{:>15.3g}{:>20}\n", with_commas(vocabulary),
               static_cast<double>(train.size(0)) / static_cast<double>(tokens), with_commas(tokens),
               with_commas(vocabulary * vocabulary),
               static_cast<double>(tokens) / static_cast<double>(vocabulary * vocabulary), sentence_tokens.size());
    results().scalar(fmt::format("steps_at_{}", vocabulary), static_cast<std::int64_t>(sentence_tokens.size()),
                     "tokens");
    table.row({vocabulary, static_cast<double>(train.size(0)) / static_cast<double>(tokens), tokens,
               vocabulary * vocabulary, static_cast<double>(tokens) / static_cast<double>(vocabulary * vocabulary),
               static_cast<std::int64_t>(sentence_tokens.size())});
    cuts.push_back(fmt::format("  {:>7}  {}", with_commas(vocabulary),
                               cut(sentence_tokens, token_texts(material.tokenizer, learner.merges()))));
    if (vocabulary < target) break;  // no pair is left that occurs twice
  }

  fmt::print("\n  The sentence, from the validation split of {}, in each vocabulary's tokens:\n", name);
  for (const std::string& line : cuts) fmt::print("{}\n", line);
}

void show_sample(const Material& material, const torch::Tensor& probabilities, std::int64_t length,
                 std::uint64_t seed) {
  const std::vector<char32_t>& vocabulary = material.tokenizer.vocabulary();
  const std::int64_t first = starting_token(material.tokenizer);
  Random random(seed);
  fmt::print("\nThe pair model of {}, {} characters from {}:\n\n", material.corpus.name, with_commas(length),
             show_character(vocabulary[static_cast<std::size_t>(first)]));
  fmt::print("{}\n", material.tokenizer.decode(sample_pairs(probabilities, first, length, random)));
}

int run(int argc, char** argv) {
  double smoothing = 1;
  std::int64_t largest = 4096, length = 300;
  std::optional<std::filesystem::path> heat_map, coverage, word;
  CommandLine line("Chapter 1: characters, pairs, a loss, merges, and a text from counts.");
  line.option("smoothing", smoothing, {1e-9, 1e9}, "added to every pair's count");
  line.option("vocabulary", largest, {2, 65536}, "where merging stops");
  line.option("characters", length, {0, 1'000'000}, "to write at the end");
  line.option("heat-map", heat_map, "draws the table of pairs", "FILE.svg");
  line.option("coverage", coverage, "draws how many pairs have occurred as the text is read", "FILE.svg");
  line.option("word", word, "draws one word, scored letter by letter", "FILE.svg");
  const SharedOptions shared = line.parse(argc, argv);

  const Material material = read_material(shared);
  show_vocabulary(material);
  show_coverage(material);
  show_colons(material, count_pairs(material.train, material.tokenizer.size()));
  if (coverage) draw_coverage(material, *coverage);
  if (heat_map) draw_heat_map(material, *heat_map);
  const torch::Tensor probabilities = show_losses(material, smoothing);
  show_scored_word(material.tokenizer, probabilities, " queen ", material.corpus.name, word);

  // Merges lie off the chapter's core path: whoever has not written them hears the model all the same.
  int status = 0;
  std::fflush(stdout);
  try {
    show_merges(material, largest);
  } catch (const NotImplemented& missing) {
    fmt::print(stderr, "The table of merges is left out: {}.\n", missing.what());
    status = 1;
  }
  show_sample(material, probabilities, length, shared.seed);
  return status;
}

}  // namespace
}  // namespace verse

int main(int argc, char** argv) {
  verse::prepare_cuda();
  return verse::run_program([&] { return verse::run(argc, argv); });
}
