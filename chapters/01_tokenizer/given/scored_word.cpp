#include "01_tokenizer/given/scored_word.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/base/text.h"
#include "common/plot.h"
#include "common/results.h"

namespace verse {
namespace {

std::string visible(const std::string& character) {
  return character == " " ? "·" : character == "\n" ? "↵" : character;
}

}  // namespace

std::vector<ScoredCharacter> score_characters(const Tokenizer& tokenizer, const torch::Tensor& probabilities,
                                              std::string_view text) {
  const auto tokens = tokenizer.encode(text);
  std::vector<ScoredCharacter> scored;
  for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
    const double probability = probabilities[tokens[i]][tokens[i + 1]].item<double>();
    scored.push_back({visible(tokenizer.decode({tokens[i]})), visible(tokenizer.decode({tokens[i + 1]})), probability,
                      -std::log(probability)});
  }
  return scored;
}

void show_scored_word(const Tokenizer& tokenizer, const torch::Tensor& probabilities, std::string_view text,
                      const std::string& corpus, const std::optional<std::filesystem::path>& svg) {
  const auto& known = tokenizer.vocabulary();
  const auto has_token = [&](char32_t character) { return std::binary_search(known.begin(), known.end(), character); };
  const std::u32string characters = decode_utf8(text);
  if (!std::all_of(characters.begin(), characters.end(), has_token)) return;

  fmt::print("\n  one word, letter by letter\n    after  comes  probability  surprise\n");
  auto& table = results().table("word", {"now", "next", "probability", "surprise"});
  std::vector<std::pair<std::string, double>> bars;
  double total = 0;
  const auto scored = score_characters(tokenizer, probabilities, text);
  for (const auto& [now, next, probability, surprise] : scored) {
    // Filled up by hand: a dot that stands for a space takes two bytes.
    fmt::print("    {}      {}      {:>11.3f}  {:>8.3f}\n", now, next, probability, surprise);
    table.row({now, next, probability, surprise});
    bars.emplace_back(fmt::format("{} after {}", next, now), surprise);
    total += surprise;
  }
  const double mean = total / static_cast<double>(scored.size());
  fmt::print("    mean                          {:>8.3f}\n", mean);
  results().scalar("word_mean", mean, "nats");
  if (svg) {
    PlotText words;
    words.title = "One word, scored by the pairs of " + corpus;
    words.x_label = "surprise in nats";
    plot_bars(*svg, words, bars);
  }
}

}  // namespace verse
