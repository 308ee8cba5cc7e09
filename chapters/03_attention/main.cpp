/// @file
/// Chapter 3's program: attention taken apart, one layer of it trained, and what its heads look at.

#include <torch/torch.h>

#include <fmt/format.h>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "01_tokenizer/given/prompt.h"
#include "01_tokenizer/tokenizer.h"
#include "02_embeddings/embeddings.h"
#include "02_embeddings/given/speak.h"
#include "03_attention/attention.h"
#include "03_attention/given/habits.h"
#include "03_attention/given/taken_apart.h"
#include "03_attention/given/timing.h"
#include "03_attention/given/windows.h"
#include "common/base/error.h"
#include "common/base/progress.h"
#include "common/base/random.h"
#include "common/base/terminal.h"
#include "common/base/text.h"
#include "common/corpus.h"
#include "common/plot.h"
#include "common/program.h"
#include "common/results.h"

namespace verse {
namespace {

//! [one-layer-model]
/// The smallest model in which attention makes sense: chapter 2's embeddings, one layer, and an output table.
struct OneLayerModelImpl : torch::nn::Module {
  OneLayerModelImpl(std::int64_t vocabulary_size, std::int64_t context, const AttentionOptions& options) {
    token_table = register_parameter("token_table", torch::randn({vocabulary_size, options.width}) * 0.1);
    position_table = register_parameter("position_table", torch::randn({context, options.width}) * 0.1);
    output_table = register_parameter("output_table", torch::randn({vocabulary_size, options.width}) * 0.02);
    attention = register_module("attention", CausalSelfAttention(options));
  }

  /// @param tokens [batch, time] @return logits [batch, time, vocabulary]
  torch::Tensor forward(const torch::Tensor& tokens, const AttentionExtras& extras = {}) {
    const auto x = embed(token_table, position_table, tokens);  // [batch, time, width]
    // A position keeps what it is and adds what it saw; chapter 4 has more to say on this sum.
    const auto seen = x + attention->forward(x, extras);
    return torch::matmul(seen, output_table.t());
  }

  torch::Tensor token_table, position_table, output_table;
  CausalSelfAttention attention{nullptr};
};
TORCH_MODULE(OneLayerModel);
//! [one-layer-model]

/// What the program works on.
struct Setting {
  SharedOptions shared;
  Corpus corpus;
  Tokenizer tokenizer;
  torch::Tensor train, validation;  ///< [characters], int64, on the device
  AttentionOptions attention;
  std::int64_t context = 64, batch_size = 32, steps = 0;
  std::optional<std::filesystem::path> maps;
};

/// Windows of the text, one after the other. @return [windows, length]; what is left at the end is left out
torch::Tensor consecutive_windows(const torch::Tensor& tokens, std::int64_t length) {
  return tokens.unfold(0, length, length);
}

//! [kept-rows]
/// Keys and values of positions already read, in a block of memory of the final size. Chapter 7 makes caches a subject.
class KeptRows : public LayerCache {
 public:
  explicit KeptRows(torch::IntArrayRef sizes, torch::Device device)
      : keys_(torch::empty(sizes, device)), values_(torch::empty(sizes, device)) {}

  std::int64_t length() const override { return length_; }

  std::pair<torch::Tensor, torch::Tensor> append(const torch::Tensor& key, const torch::Tensor& value) override {
    const std::int64_t time = key.size(2);
    keys_.narrow(2, length_, time).copy_(key);
    values_.narrow(2, length_, time).copy_(value);
    length_ += time;
    return {keys_.narrow(2, 0, length_), values_.narrow(2, 0, length_)};
  }

 private:
  torch::Tensor keys_, values_;  // [batch, heads, context, head_width]
  std::int64_t length_ = 0;
};
//! [kept-rows]

/// Part 5: the same layer, position by position and all at once.
void show_timing(torch::Device device) {
  constexpr std::int64_t batch = 1, time = 256, width = 384, heads = 6;
  print_heading(fmt::format("A layer {} wide with {} heads reads {} positions", width, heads, time));
  torch::NoGradGuard no_gradients;
  CausalSelfAttention layer(AttentionOptions{width, heads});
  layer->to(device);
  const auto x = torch::randn({batch, time, width}, device);

  //! [one-at-a-time]
  const auto one_at_a_time = [&] {
    KeptRows kept({batch, heads, time, width / heads}, device);
    std::vector<torch::Tensor> rows;
    for (std::int64_t t = 0; t < time; ++t) {
      AttentionExtras extras;
      extras.cache = &kept;
      rows.push_back(layer->forward(x.narrow(1, t, 1), extras));  // [batch, 1, width]
    }
    return torch::cat(rows, 1);  // [batch, time, width]
  };
  const auto all_at_once = [&] { return layer->forward(x); };
  //! [one-at-a-time]

  const double difference = (one_at_a_time() - all_at_once()).abs().max().item<double>();
  const double slow = median_milliseconds(one_at_a_time), fast = median_milliseconds(all_at_once);
  fmt::print("  one position at a time {:8.1f} ms\n  all positions at once  {:8.1f} ms\n", slow, fast);
  fmt::print("  {:.1f} times as fast, and the same answer: the largest difference is {:.1e}\n", slow / fast,
             difference);
  results().scalar("one_at_a_time", slow, "ms");
  results().scalar("all_at_once", fast, "ms");
  results().scalar("all_at_once_times", slow / fast, "times as fast");
}

/// The model's loss over the whole validation part, in nats a character.
double validation_loss(OneLayerModel& model, const Setting& setting) {
  torch::NoGradGuard no_gradients;
  const auto windows = windows_of(setting.validation, setting.context);  // [windows, context + 1]
  double total = 0;
  for (const auto& some : windows.split(256)) {
    const auto logits = model->forward(some.slice(1, 0, -1));
    total += cross_entropy(logits.flatten(0, 1), some.slice(1, 1).flatten()).item<double>() *
             static_cast<double>(some.size(0));
  }
  return total / static_cast<double>(windows.size(0));
}

/// The loss of a counted table of three characters, with 1 added to each count, on the validation part.
double counted_triples_loss(const Setting& setting) {
  const std::int64_t size = setting.tokenizer.size();
  const auto triples = [size](const torch::Tensor& text) {
    return (text.slice(0, 0, -2) * size + text.slice(0, 1, -1)) * size + text.slice(0, 2);  // [characters - 2]
  };
  const auto counts = torch::bincount(triples(setting.train.cpu()), {}, size * size * size).to(torch::kDouble) + 1.0;
  const auto rows = counts.view({-1, size});
  const auto probabilities = (rows / rows.sum(-1, /*keepdim=*/true)).flatten();
  return -probabilities.index_select(0, triples(setting.validation.cpu())).log().mean().item<double>();
}

/// Part 6: the layer learns.
void train_one_layer(OneLayerModel& model, const Setting& setting) {
  std::int64_t parameters = 0;
  for (const auto& parameter : model->parameters()) parameters += parameter.numel();
  print_heading(fmt::format("One attention layer, {} heads, {} wide, {} parameters in all, on {}",
                            setting.attention.heads, setting.attention.width, parameters, setting.corpus.name));
  const double before = validation_loss(model, setting);

  //! [training]
  torch::optim::AdamW optimizer(model->parameters(), torch::optim::AdamWOptions(1e-2));
  Random random(setting.shared.seed);
  Progress progress(setting.steps, setting.batch_size * setting.context);
  for (std::int64_t step = 0; step < setting.steps; ++step) {
    std::vector<torch::Tensor> windows;
    for (std::int64_t row = 0; row < setting.batch_size; ++row) {
      const std::int64_t begin = random.below(setting.train.size(0) - setting.context);
      windows.push_back(setting.train.narrow(0, begin, setting.context + 1));
    }
    const auto text = torch::stack(windows);                   // [batch, context + 1]
    const auto logits = model->forward(text.slice(1, 0, -1));  // [batch, context, vocabulary]
    const auto loss = cross_entropy(logits.flatten(0, 1), text.slice(1, 1).flatten());
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
    if (step % 10 == 9) progress.update(step + 1, loss.item<double>());
  }
  progress.finish();
  //! [training]

  const auto counts = count_pairs(setting.train.cpu(), setting.tokenizer.size());
  const double pairs = pair_model_loss(pair_probabilities(counts, 1.0), setting.validation.cpu());
  fmt::print("  loss on the validation part, in nats a character\n");
  fmt::print("    before training              {:.3f}   (ln {} = {:.3f})\n", before, setting.tokenizer.size(),
             std::log(static_cast<double>(setting.tokenizer.size())));
  const double after = validation_loss(model, setting);
  fmt::print("    after {:>6} steps           {:.3f}\n", setting.steps, after);
  fmt::print("    chapter 1's counted pairs    {:.3f}\n", pairs);
  constexpr std::int64_t kLargest = 200;  // 8 million counts
  if (setting.tokenizer.size() <= kLargest) {
    const double triples = counted_triples_loss(setting);
    fmt::print("    counted triples              {:.3f}\n", triples);
    results().scalar("triples", triples, "nats");
  }
  results().scalar("parameters", parameters);
  results().scalar("before", before, "nats");
  results().scalar("trained", after, "nats");
  results().scalar("pairs", pairs, "nats");
}

/// Part 7: a change in the text, and who notices.
void show_future(OneLayerModel& model, const Setting& setting) {
  torch::NoGradGuard no_gradients;
  const auto text = setting.validation.slice(0, 0, setting.context).unsqueeze(0);
  const std::int64_t place = setting.context / 2;
  auto changed = text.clone();
  changed[0][place] = (text[0][place] + 1) % setting.tokenizer.size();
  const auto difference = (model->forward(changed) - model->forward(text)).abs();  // [1, context, vocabulary]
  print_heading(fmt::format("Character {} of {} is changed; the largest change of a logit", place, setting.context));
  fmt::print("    before it       {:.4f}\n    there and after {:.4f}\n",
             difference.slice(1, 0, place).max().item<double>(), difference.slice(1, place).max().item<double>());
}

void print_habits(const std::string& name, const HeadHabits& habits, RecordedTable& table) {
  fmt::print("    {:<8} {:>8.1f} {:>8.2f} {:>8.1f} {:>8.3f} {:>8.3f} {:>8.3f} {:>8.3f} {:>10}\n", name, habits.distance,
             habits.entropy, std::exp(habits.entropy), habits.itself, habits.previous, habits.second, habits.blanks,
             habits.favourite);
  table.row({name, habits.distance, habits.entropy, std::exp(habits.entropy), habits.itself, habits.previous,
             habits.second, habits.blanks});
}

/// Part 8: what each head looks at.
void show_habits(OneLayerModel& model, const Setting& setting) {
  torch::NoGradGuard no_gradients;
  const auto windows = consecutive_windows(setting.validation, setting.context).slice(0, 0, 64);  // [windows, context]
  torch::Tensor weights;  // [windows, heads, context, context]
  AttentionExtras extras;
  extras.weights = &weights;
  model->forward(windows, extras);

  // A space and a line end part words.
  auto blank = torch::zeros_like(windows, torch::kFloat);
  for (std::int64_t token = 0; token < setting.tokenizer.size(); ++token) {
    const char32_t character = setting.tokenizer.vocabulary()[static_cast<std::size_t>(token)];
    if (character == U' ' || character == U'\n') blank += (windows == token).to(torch::kFloat);
  }

  print_heading(fmt::format("What each head looks at, over {} windows of {}, second half of each", windows.size(0),
                            setting.corpus.name));
  fmt::print("    {:<8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>10}\n", "", "distance", "entropy", "as among",
             "itself", "1 back", "2 back", "blanks", "favourite");
  auto& table =
      results().table("habits", {"head", "distance", "entropy", "among", "itself", "previous", "second", "blanks"});
  double least = 1, most = 0;
  for (std::int64_t head = 0; head < setting.attention.heads; ++head) {
    const auto habits = measure_habits(weights.select(1, head), blank);
    least = std::min(least, habits.previous);
    most = std::max(most, habits.previous);
    results().scalar(fmt::format("blanks_{}", head + 1), habits.blanks);
    print_habits(fmt::format("head {}", head + 1), habits, table);
  }
  const auto mask = causal_mask(setting.context, setting.context, windows.device()).to(torch::kFloat);
  const auto even = (mask / mask.sum(-1, true)).expand({windows.size(0), -1, -1});
  const auto evenly = measure_habits(even, blank);
  print_habits("evenly", evenly, table);
  results().scalar("previous_least", least);
  results().scalar("previous_most", most);
  results().scalar("previous_evenly", evenly.previous);
}

/// Part 9: maps of real text, on the terminal and, where a folder is given, as SVG.
void draw_maps(OneLayerModel& model, const Setting& setting) {
  torch::NoGradGuard no_gradients;
  const std::int64_t length = std::min<std::int64_t>(setting.context, 24);
  const auto text = setting.validation.slice(0, 0, length).unsqueeze(0);
  torch::Tensor weights;
  AttentionExtras extras;
  extras.weights = &weights;
  model->forward(text, extras);
  weights = weights[0].cpu();  // [heads, length, length]

  // Labels that can be seen: a dot for a space, an arrow for a line's end.
  std::vector<std::string> labels;
  for (std::int64_t t = 0; t < length; ++t) {
    const char32_t character =
        setting.tokenizer.vocabulary()[static_cast<std::size_t>(text[0][t].item<std::int64_t>())];
    labels.push_back(character == U' ' ? "·" : character == U'\n' ? "↵" : encode_utf8(character));
  }

  print_heading(
      fmt::format("Maps of {}: a row is the character that looks, a column the one looked at", setting.corpus.name));
  const std::string shades = " .:-=+*#%@";
  const std::int64_t shown = std::min<std::int64_t>(setting.attention.heads, 4);
  for (std::int64_t row = 0; row < length; ++row) {
    std::string line = fmt::format("  {} ", labels[static_cast<std::size_t>(row)]);
    for (std::int64_t head = 0; head < shown; ++head) {
      line += "|";
      for (std::int64_t column = 0; column < length; ++column) {
        const float weight = weights[head][row][column].item<float>();
        line += shades[static_cast<std::size_t>(std::min(9.0F, std::ceil(weight * 9.0F - 0.2F)))];
      }
    }
    fmt::print("{}|\n", line);
  }

  if (!setting.maps) return;
  for (std::int64_t head = 0; head < setting.attention.heads; ++head) {
    std::vector<std::vector<double>> values;
    for (std::int64_t row = 0; row < length; ++row) {
      values.emplace_back();
      for (std::int64_t column = 0; column < length; ++column) {
        values.back().push_back(weights[head][row][column].item<double>());
      }
    }
    PlotText words;
    words.title = fmt::format("Head {} on {}", head + 1, setting.corpus.name);
    words.x_label = "looked at";
    words.y_label = "looking";
    plot_heat_map(*setting.maps / fmt::format("ch03-head-{}.svg", head + 1), words, values, labels, labels);
  }
  fmt::print(stderr, "wrote {} maps into {}\n", setting.attention.heads, setting.maps->string());
}

/// Part 10: the trained layer speaks.
void print_sample(OneLayerModel& model, const Setting& setting) {
  torch::NoGradGuard no_gradients;
  print_heading("It speaks, beginning with a new line");
  Random random(setting.shared.seed);
  const auto logits_of = [&](const torch::Tensor& tokens) {
    return model->forward(tokens.to(setting.shared.device.device));
  };
  const auto tokens = speak(logits_of, starting_token(setting.tokenizer), 300, setting.context, random);
  fmt::print("{}\n", setting.tokenizer.decode(tokens));
}

/// Reads the command line and the text.
Setting prepare(int argc, char** argv) {
  std::int64_t steps = 1500, context = 64, batch_size = 32;
  AttentionOptions attention;
  attention.width = 64;
  attention.heads = 4;
  std::optional<std::filesystem::path> maps;
  CommandLine line("Attention taken apart, one layer of it trained, and what its heads look at.");
  line.option("steps", steps, {0, 1'000'000}, "training steps");
  line.option("heads", attention.heads, {1, 64}, "attention heads");
  line.option("width", attention.width, {1, 4096}, "features a position");
  line.option("context", context, {8, 1024}, "characters read at once");
  line.option("batch-size", batch_size, {1, 4096}, "windows a step");
  line.folder("maps", maps, "a folder to draw each head's map into, as SVG");
  const SharedOptions shared = line.parse(argc, argv);
  if (attention.width % attention.heads != 0) {
    throw UsageError(
        fmt::format("--heads must divide --width: {} is no multiple of {}", attention.width, attention.heads));
  }

  Corpus corpus = load_corpus(shared.data);
  Tokenizer tokenizer = Tokenizer::from_text(corpus.text);
  Setting setting{shared,    std::move(corpus), std::move(tokenizer), {},    {},
                  attention, context,           batch_size,           steps, std::move(maps)};
  setting.train = setting.tokenizer.encode_tensor(setting.corpus.train).to(shared.device.device);
  setting.validation = setting.tokenizer.encode_tensor(setting.corpus.validation).to(shared.device.device);
  const std::int64_t shorter = std::min(setting.train.size(0), setting.validation.size(0));
  if (shorter < setting.context + 1) {
    throw UsageError(fmt::format("the text's validation part has {} characters; --context {} needs at least {}",
                                 shorter, setting.context, setting.context + 1));
  }
  return setting;
}

int run(int argc, char** argv) {
  const Setting setting = prepare(argc, argv);
  show_averages();
  show_scores();
  show_mask();
  show_weights();
  show_heads();
  show_timing(setting.shared.device.device);

  torch::manual_seed(setting.shared.seed);
  OneLayerModel model(setting.tokenizer.size(), setting.context, setting.attention);
  model->to(setting.shared.device.device);
  train_one_layer(model, setting);
  show_future(model, setting);
  show_habits(model, setting);
  draw_maps(model, setting);
  print_sample(model, setting);
  return 0;
}

}  // namespace
}  // namespace verse

int main(int argc, char** argv) {
  verse::prepare_cuda();
  return verse::run_program([&] { return verse::run(argc, argv); });
}
