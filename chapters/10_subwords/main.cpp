/// @file
/// Chapter 10's program: a text cut at four vocabularies, what its tokens are, and what a token costs.

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_set>
#include <vector>

#include "10_subwords/given/byte_letters.h"
#include "10_subwords/given/byte_pair.h"
#include "10_subwords/given/cut_figure.h"
#include "10_subwords/given/pair_trainer.h"
#include "10_subwords/given/tokenizer_file.h"
#include "10_subwords/subwords.h"
#include "common/base/error.h"
#include "common/base/interrupt.h"
#include "common/base/terminal.h"
#include "common/base/text.h"
#include "common/corpus.h"
#include "common/plot.h"
#include "common/program.h"
#include "common/results.h"

namespace verse {
namespace {

constexpr std::int64_t kWidth = 128;                        ///< of preset small's model, for its table's share
constexpr std::int64_t kBlocks = 4 * 12 * kWidth * kWidth;  ///< its other weights, without biases and gains
constexpr std::size_t kClearBytes = 100'000;                ///< that the clear form learns from
constexpr std::int64_t kClearVocabulary = 320;

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// A tokenizer of one size, and what it makes of the text.
struct Station {
  std::int64_t vocabulary = 0;
  LearnedPairs learned;
  std::unique_ptr<BytePairCodec> codec;
  std::vector<std::int64_t> train, validation;
  std::vector<std::int64_t> seen;  ///< how often each token occurs in the training split
};

BytePairCodec codec_of(const LearnedPairs& learned, Cutting cutting) {
  return BytePairCodec(parse_json(tokenizer_text(learned, cutting), "what was learned"));
}

Station make_station(const WordCounts& words, const Corpus& corpus, std::int64_t vocabulary) {
  Station station;
  station.vocabulary = vocabulary;
  PairTrainingOptions options;
  options.vocabulary = vocabulary;
  station.learned = learn_pairs(words, options);
  station.codec = std::make_unique<BytePairCodec>(codec_of(station.learned, options.cutting));
  station.train = station.codec->encode(corpus.train);
  station.validation = station.codec->encode(corpus.validation);
  station.seen.resize(static_cast<std::size_t>(vocabulary));
  for (const auto token : station.train) ++station.seen[static_cast<std::size_t>(token)];
  return station;
}

/// A token as it can stand on a line: spaces and line ends as letters, bytes that are no character as a point.
std::string shown(const std::string& bytes) {
  std::string text;
  for (const char32_t character : decode_utf8(TextStream().add(bytes))) {
    text += character == U' ' ? "␣" : character == U'\n' ? "↵" : encode_utf8(character);
  }
  return text.empty() ? "·" : text;
}

std::vector<std::string> pieces_of(const TextCodec& codec, const std::string& text) {
  std::vector<std::string> pieces;
  for (const auto token : codec.encode(text)) pieces.push_back(shown(codec.bytes_of(token)));
  return pieces;
}

/// Pieces side by side: in two colours in turn on a terminal, with bars between them elsewhere.
std::string side_by_side(const std::vector<std::string>& pieces) {
  const Style style = style_of_standard_output();
  std::string line;
  bool turn = false;
  for (const std::string& piece : pieces) {
    if (style.colour) {
      line += turn ? style.yellow(piece) : style.green(piece);
    } else {
      line += (line.empty() ? "" : "|") + piece;
    }
    turn = !turn;
  }
  return line;
}

/// A line of speech of the text that is of middling length.
std::string some_line(const std::string& text) {
  for (const std::string_view line : lines_of(text)) {
    if (line.size() >= 40 && line.size() <= 60 && line.back() != ':') return std::string(line);
  }
  return text.substr(0, 60);
}

void show_cuts(const std::vector<Station>& stations, const std::string& line,
               const std::optional<std::filesystem::path>& figure) {
  fmt::print("A line of the validation split, cut by each vocabulary (␣ is a space):\n\n");
  std::vector<CutRow> rows;
  for (const Station& station : stations) {
    const auto pieces = pieces_of(*station.codec, line);
    fmt::print("  {:>7}{:>5} tokens  {}\n", with_commas(station.vocabulary), pieces.size(), side_by_side(pieces));
    results().scalar(fmt::format("line_at_{}", station.vocabulary), static_cast<std::int64_t>(pieces.size()), "tokens");
    rows.push_back({with_commas(station.vocabulary), pieces});
  }
  if (figure) draw_cuts(*figure, rows);
}

/// The different pairs of neighbours in a row of tokens.
std::unordered_set<std::uint64_t> pairs_in(const std::vector<std::int64_t>& tokens) {
  std::unordered_set<std::uint64_t> pairs;
  for (std::size_t i = 0; i + 1 < tokens.size(); ++i) pairs.insert(pair_key(tokens[i], tokens[i + 1]));
  return pairs;
}

/// The share of the validation split's neighbours that the training split never has.
double share_of_new_pairs(const Station& station, const std::unordered_set<std::uint64_t>& seen) {
  std::int64_t unseen = 0;
  const auto& tokens = station.validation;
  for (std::size_t i = 0; i + 1 < tokens.size(); ++i) unseen += seen.count(pair_key(tokens[i], tokens[i + 1])) == 0;
  return static_cast<double>(unseen) / static_cast<double>(tokens.size() - 1);
}

/// The vocabulary squared, and how many pairs there really are.
void show_pairs(const std::vector<Station>& stations) {
  auto& table =
      results().table("pairs", {"vocabulary", "possible", "seen", "share", "tokens_per_pair", "new_in_validation"});
  fmt::print("\nPairs of tokens that could stand side by side, and those that do in the training split:\n\n");
  fmt::print("  {:>10}{:>14}{:>10}{:>10}{:>14}{:>30}\n", "vocabulary", "possible", "seen", "share", "tokens a seen",
             "of the validation split's, new");
  for (const Station& station : stations) {
    const auto seen = pairs_in(station.train);
    const std::int64_t possible = station.vocabulary * station.vocabulary;
    const auto count = static_cast<std::int64_t>(seen.size());
    const double share = static_cast<double>(count) / static_cast<double>(possible);
    const double tokens = static_cast<double>(station.train.size()) / static_cast<double>(count);
    const double fresh = share_of_new_pairs(station, seen);
    fmt::print("  {:>10}{:>14}{:>10}{:>9.2f}%{:>14.1f}{:>29.1f}%\n", with_commas(station.vocabulary),
               with_commas(possible), with_commas(count), 100 * share, tokens, 100 * fresh);
    table.row({station.vocabulary, possible, count, share, tokens, fresh});
  }
}

/// The loss of tokens that are drawn by how often each occurs, in nats a token.
double counted_loss(const Station& station) {
  const auto all = static_cast<double>(station.train.size() + station.seen.size());
  double sum = 0;
  for (const auto token : station.validation) {
    sum -= std::log(static_cast<double>(station.seen[static_cast<std::size_t>(token)] + 1) / all);
  }
  return sum / static_cast<double>(station.validation.size());
}

void show_table(const std::vector<Station>& stations, const Corpus& corpus) {
  auto& table = results().table("vocabularies", {"vocabulary", "characters_per_token", "train_tokens", "once", "never",
                                                 "tokens_per_pair", "table_share", "nats", "bits_per_byte"});
  fmt::print("\nThe training split of {}; the loss is that of tokens counted one by one, on the validation split:\n\n",
             corpus.name);
  fmt::print("  {:>10}{:>12}{:>10}{:>7}{:>7}{:>12}{:>9}{:>14}{:>13}\n", "vocabulary", "characters", "tokens", "once",
             "never", "tokens", "table's", "nats a token", "bits a byte");
  fmt::print("  {:>10}{:>12}{:>10}{:>7}{:>7}{:>12}{:>9}\n", "", "a token", "", "", "", "a pair", "share");
  for (const Station& station : stations) {
    const auto tokens = static_cast<std::int64_t>(station.train.size());
    const double characters = static_cast<double>(count_characters(corpus.train)) / static_cast<double>(tokens);
    const std::int64_t once = std::count(station.seen.begin(), station.seen.end(), 1);
    const std::int64_t never = std::count(station.seen.begin(), station.seen.end(), 0);
    const auto squared = static_cast<double>(station.vocabulary * station.vocabulary);
    const double pairs = static_cast<double>(tokens) / squared;
    const double share =
        static_cast<double>(station.vocabulary * kWidth) / static_cast<double>(station.vocabulary * kWidth + kBlocks);
    const double nats = counted_loss(station);
    const double bits = bits_per_byte(nats, static_cast<std::int64_t>(station.validation.size()),
                                      static_cast<std::int64_t>(corpus.validation.size()));
    fmt::print("  {:>10}{:>12.2f}{:>10}{:>7}{:>7}{:>12.3g}{:>8.0f}%{:>14.3f}{:>13.3f}\n",
               with_commas(station.vocabulary), characters, with_commas(tokens), once, never, pairs, 100 * share, nats,
               bits);
    table.row({station.vocabulary, characters, tokens, once, never, pairs, share, nats, bits});
  }
}

/// The longest tokens, and those that are there and hardly ever come: a model cannot learn what they mean.
void show_tokens(const Station& station) {
  std::vector<std::int64_t> order(station.seen.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int64_t>(i);
  const auto bytes = [&](std::int64_t token) { return station.codec->bytes_of(token); };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::int64_t a, std::int64_t b) { return bytes(a).size() > bytes(b).size(); });
  std::string longest, glitches;
  for (std::size_t i = 0; i < 12; ++i) longest += "  " + shown(bytes(order[i]));
  std::size_t count = 0;
  for (const auto token : order) {
    if (bytes(token).size() < 2 || station.seen[static_cast<std::size_t>(token)] > 0) continue;
    if (++count <= 12) glitches += "  " + shown(bytes(token));
  }
  results().scalar("glitch_tokens", static_cast<std::int64_t>(count), "tokens");
  fmt::print("\nOf the {} tokens, the longest are\n {}\n", with_commas(station.vocabulary), longest);
  fmt::print(
      "and {} of more than one byte were made on the way to longer ones and occur nowhere any more, such as\n {}\n",
      count, glitches.empty() ? "  (none)" : glitches);
}

/// Numbers, Chinese and code by the two rules.
void show_rules(const WordCounts& by_gpt2, const Corpus& corpus, std::int64_t vocabulary) {
  fmt::print("\nWords by GPT-2's rule and by GPT-4's, and tokens of {} learned by each:\n", with_commas(vocabulary));
  WordCounts by_gpt4(Cutting::gpt4);
  by_gpt4.add(corpus.train);
  PairTrainingOptions options;
  options.vocabulary = vocabulary;
  const auto gpt2 = codec_of(learn_pairs(by_gpt2, options), Cutting::gpt2);
  const auto gpt4 = codec_of(learn_pairs(by_gpt4, options), Cutting::gpt4);
  for (const std::string text : {"In 1603, 1234567 people", "你好，世界！再见。", "DON'T (stop)\n\n    now"}) {
    fmt::print("\n");
    for (const auto& [name, cutting, codec] :
         {std::tuple{"GPT-2", Cutting::gpt2, &gpt2}, {"GPT-4", Cutting::gpt4, &gpt4}}) {
      std::vector<std::string> words;
      for (const auto word : cut_into_words(text, cutting)) words.push_back(shown(std::string(word)));
      fmt::print("  {}{:>4} tokens  {}\n", name, codec->encode(text).size(), side_by_side(words));
    }
  }
}

/// The clear form beside the fast one, on the beginning of the text.
void show_clear_form(const Corpus& corpus) {
  const std::string text(first_characters(corpus.train, kClearBytes));
  WordCounts counts(Cutting::gpt2);
  counts.add(text);
  PairTrainingOptions options;
  options.vocabulary = kClearVocabulary;
  auto start = Clock::now();
  const LearnedPairs fast = learn_pairs(counts, options);
  const double fast_seconds = seconds_since(start);

  std::vector<std::string> tokens;
  for (const unsigned char byte : bytes_by_letter()) tokens.emplace_back(1, static_cast<char>(byte));
  std::vector<WeightedWord> words;
  for (const auto& entry : counts.words()) {
    words.push_back({{}, entry.value});
    for (const char byte : entry.word) words.back().tokens.push_back(number_of(std::string(1, byte), tokens));
  }
  start = Clock::now();
  const auto merges = learn_merges(words, tokens, kClearVocabulary);
  const double clear_seconds = seconds_since(start);
  const bool equal = tokens == fast.tokens && merges == std::vector<TokenPair>(fast.merges.begin(), fast.merges.end());
  fmt::print("\n{} merges of {} characters: your form took {:.2f} s, the fast one {:.3f} s; {}\n",
             with_commas(static_cast<std::int64_t>(merges.size())), with_commas(static_cast<std::int64_t>(text.size())),
             clear_seconds, fast_seconds, equal ? "both learned the same" : "they learned different ones");
}

int run(int argc, char** argv) {
  std::optional<std::filesystem::path> figure, plot;
  std::int64_t largest = 8192;
  std::optional<std::string> line;
  CommandLine command("Chapter 10: a text in byte pairs of four vocabularies.");
  command.option("vocabulary", largest, {512, 1'000'000}, "the largest of the four");
  command.option("line", line, "the text to cut; a line of the validation split where not given", "TEXT");
  command.option("cuts", figure, "draws the line cut by each vocabulary", "FILE.svg");
  command.option("plot", plot, "draws characters a token by vocabulary", "FILE.svg");
  const SharedOptions shared = command.parse(argc, argv);
  catch_interrupts();

  const Corpus corpus = load_corpus(shared.data);
  WordCounts words(Cutting::gpt2, torch::get_num_threads());
  words.add(corpus.train);
  std::vector<Station> stations;
  for (const std::int64_t vocabulary : {std::int64_t{256}, std::int64_t{512}, std::int64_t{2048}, largest}) {
    if (stations.empty() || vocabulary > stations.back().vocabulary) {
      stations.push_back(make_station(words, corpus, vocabulary));
    }
  }
  results().scalar("different_words", static_cast<std::int64_t>(words.words().size()), "words");

  show_cuts(stations, line.value_or(some_line(corpus.validation)), figure);
  show_tokens(stations.back());
  show_rules(words, corpus, stations.back().vocabulary);
  show_pairs(stations);
  if (plot) {
    Series curve{"characters a token", {}, false};
    for (const Station& station : stations) {
      curve.points.emplace_back(
          station.vocabulary, static_cast<double>(corpus.characters) * 0.9 / static_cast<double>(station.train.size()));
    }
    plot_lines(*plot, {"Characters a token: " + corpus.name, "vocabulary", "characters", true, false}, {curve});
  }
  std::fflush(stdout);

  // The last two parts use exercises; whoever has not written them has seen the rest.
  try {
    show_table(stations, corpus);
    show_clear_form(corpus);
  } catch (const NotImplemented& missing) {
    fmt::print(stderr, "The rest is left out: {}.\n", missing.what());
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace verse

int main(int argc, char** argv) {
  verse::prepare_cuda();
  return verse::run_program([&] { return verse::run(argc, argv); });
}
