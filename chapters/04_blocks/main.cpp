/// @file
/// Chapter 4's program: the whole GPT counted part by part, what stacks of layers do to a signal, which of them learn,
/// and how an untrained model sounds.

#include <torch/torch.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "01_tokenizer/given/prompt.h"
#include "01_tokenizer/tokenizer.h"
#include "02_embeddings/embeddings.h"
#include "02_embeddings/given/speak.h"
#include "04_blocks/blocks.h"
#include "04_blocks/given/stream_sizes.h"
#include "04_blocks/stacks.h"
#include "common/base/error.h"
#include "common/base/progress.h"
#include "common/base/random.h"
#include "common/base/text.h"
#include "common/corpus.h"
#include "common/plot.h"
#include "common/program.h"
#include "common/results.h"

namespace verse {
namespace {

/// What the program works on.
struct Setting {
  SharedOptions shared;
  Corpus corpus;
  Tokenizer tokenizer;
  torch::Tensor train, validation;  ///< [characters], int64, on the device
  std::int64_t steps = 0;           ///< for each stack that is trained
  std::optional<std::filesystem::path> plots;
};

constexpr std::int64_t kDepth = 12;  ///< layers of a measured stack

void print_heading(const std::string& title) {
  fmt::print("\n{}\n", title);
}

std::string shape_of(const torch::Tensor& tensor) {
  return fmt::format("[{}]", fmt::join(tensor.sizes(), ", "));
}

std::int64_t count(const torch::nn::Module& module) {
  std::int64_t total = 0;
  for (const auto& parameter : module.parameters()) total += parameter.numel();
  return total;
}

/// A GPT for the corpus's vocabulary, the same at every call with the same seed.
GPT build_model(const Setting& setting, GPTOptions options) {
  options.vocabulary_size = setting.tokenizer.size();
  torch::manual_seed(setting.shared.seed);
  GPT model(options);
  model->to(setting.shared.device.device);
  model->eval();
  return model;
}

/// The model with four layers and a width of 192, whose size the talk gives for the one of six layers and 384.
GPTOptions smaller_model() {
  GPTOptions options;
  options.layers = 4;
  options.heads = 4;
  options.width = 192;
  return options;
}

void print_part(const std::string& name, const std::string& shape, std::int64_t parameters) {
  fmt::print("  {:<42} {:>12} {:>12}\n", name, shape, with_commas(parameters));
}

/// Part 1: the parts by themselves, on numbers that can be followed.
void show_parts() {
  print_heading("Layer norm of four features, gain 1 and bias 0");
  for (const std::vector<float>& features :
       {std::vector<float>{1, 2, 3, 4}, {10, 20, 30, 40}, {-7, -7, -7, 13}, {5, 5, 5, 5}}) {
    const auto normed = layer_norm(torch::tensor(features), torch::ones({4}), torch::zeros({4}));
    fmt::print("  {:>3} {:>3} {:>3} {:>3}   become", features[0], features[1], features[2], features[3]);
    for (std::int64_t i = 0; i < 4; ++i) fmt::print(" {:>6.2f}", normed[i].item<float>());
    fmt::print("\n");
  }

  print_heading("GELU: what comes out for x");
  const auto x = torch::tensor({-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0}, torch::kFloat64);
  const auto print_row = [](const std::string& name, const torch::Tensor& values) {
    fmt::print("  {:<10}", name);
    for (std::int64_t i = 0; i < values.size(0); ++i) fmt::print(" {:>7.4f}", values[i].item<double>());
    fmt::print("\n");
  };
  print_row("x", x);
  print_row("with tanh", gelu_tanh(x));
  print_row("exact", gelu_exact(x));

  GPTOptions options;
  options.width = 64;
  options.heads = 4;
  const auto stream = torch::randn({1, 32, options.width});
  print_heading(
      fmt::format("A new block, {} wide, reads 32 positions of size {:.2f}", options.width, root_mean_square(stream)));
  torch::NoGradGuard no_gradients;
  const double thought = root_mean_square(MLP(options)->forward(bare_norm(stream)));
  const auto after = Block(options)->forward(stream);
  const double added = root_mean_square(after - stream);
  fmt::print("  an MLP alone gives {:.3f}; a block adds {:.3f} in all, and hands on {:.2f}\n", thought, added,
             root_mean_square(after));
  results().scalar("mlp_alone", thought);
  results().scalar("block_adds", added);
}

/// Part 2: what a GPT is made of. Every number is asked of the module itself.
void show_summary(const GPT& model) {
  const GPTOptions& options = model->options;
  print_heading(fmt::format("A GPT with {} layers, {} heads, width {}, context {}, vocabulary {}", options.layers,
                            options.heads, options.width, options.context, options.vocabulary_size));
  fmt::print("  {:<42} {:>12} {:>12}\n", "part", "shape", "parameters");
  print_part("token_embedding", shape_of(model->token_embedding), model->token_embedding.numel());
  print_part("position_embedding", shape_of(model->position_embedding), model->position_embedding.numel());

  // The first block in full; the others are its likes.
  const auto& first = *model->blocks->ptr<BlockImpl>(0);
  for (const auto& parameter : first.named_parameters()) {
    print_part("blocks.0." + parameter.key(), shape_of(parameter.value()), parameter->numel());
  }
  print_part("blocks.0, a block", "", count(first));
  std::int64_t all_blocks = 0;
  for (const auto& block : *model->blocks) all_blocks += count(*block);
  print_part(fmt::format("blocks, all {}", options.layers), "", all_blocks);
  print_part("final_norm", "", count(*model->final_norm));
  print_part("head: token_embedding again", shape_of(model->token_embedding), 0);
  print_part("in all", "", model->parameter_count());

  results().scalar(fmt::format("parameters_{}", options.width), model->parameter_count());
  results().scalar(fmt::format("block_parameters_{}", options.width), count(first));
  results().scalar(fmt::format("blocks_parameters_{}", options.width), all_blocks);
  const std::int64_t formula = count_parameters(options.shape()).total;
  fmt::print("  chapter 2's formula says {}: {}\n", with_commas(formula),
             formula == model->parameter_count() ? "the same" : "NOT the same");
}

/// Part 3: what a model believes that has learned nothing.
void show_first_loss(const GPT& model, const Setting& setting) {
  torch::NoGradGuard no_gradients;
  const std::int64_t context = model->options.context;
  const std::int64_t windows = std::min<std::int64_t>(16, (setting.validation.size(0) - 1) / context);
  const auto inputs = setting.validation.slice(0, 0, windows * context).view({windows, context});
  const auto targets = setting.validation.slice(0, 1, windows * context + 1);
  const auto logits = GPT(model)->forward(inputs).flatten(0, 1);  // [windows * context, vocabulary]

  const double uniform = std::log(static_cast<double>(setting.tokenizer.size()));
  const bool several = setting.tokenizer.size() > 1;  // a single score deviates from nothing
  const double deviation = logits.std(-1, several).square().mean().sqrt().item<double>();
  const auto own = logits.gather(-1, inputs.reshape({-1, 1}));
  print_heading(fmt::format("Before training, {} wide: {} windows of {} characters from {}", model->options.width,
                            windows, context, setting.corpus.name));
  const double loss = cross_entropy(logits, targets).item<double>();
  fmt::print("  loss {:.3f} nats a character; ln {} = {:.3f}\n", loss, setting.tokenizer.size(), uniform);
  results().scalar(fmt::format("first_loss_{}", model->options.width), loss, "nats");
  results().scalar(fmt::format("logits_deviation_{}", model->options.width), deviation);
  fmt::print(
      "  logits: standard deviation {:.3f} (0.02 x sqrt({}) = {:.3f}); that of the character just read: {:+.2f}\n",
      deviation, model->options.width, 0.02 * std::sqrt(static_cast<double>(model->options.width)),
      own.mean().item<double>());
}

void print_sizes(const std::string& name, const std::vector<double>& sizes, RecordedTable& table) {
  std::vector<Recorded> cells{name};
  cells.insert(cells.end(), sizes.begin(), sizes.end());
  table.row(std::move(cells));
  fmt::print("  {:<24}", name);
  for (const double size : sizes) fmt::print(" {:>6.3f}", size);
  fmt::print("\n");
}

/// Part 4: the real blocks, with and without the smaller start of what writes into the stream.
void show_stream(const GPT& model, const Setting& setting) {
  const auto tokens = setting.validation.slice(0, 0, model->options.context).unsqueeze(0);
  print_heading(fmt::format("Size of the stream: embedded, then after each of {} blocks ({})", model->options.layers,
                            setting.corpus.name));
  std::vector<std::string> columns{"weights"};
  for (std::int64_t blocks = 0; blocks <= model->options.layers; ++blocks) {
    columns.push_back(fmt::format("after_{}", blocks));
  }
  auto& table = results().table("stream", std::move(columns));
  print_sizes("as initialised", stream_sizes(model, tokens), table);

  // The same weights, those two of each block multiplied back up to 0.02.
  torch::NoGradGuard no_gradients;
  auto louder = build_model(setting, model->options);
  for (auto& parameter : louder->named_parameters()) {
    const bool writes =
        parameter.key().ends_with("attention.output.weight") || parameter.key().ends_with("mlp.contract.weight");
    if (writes) parameter.value() *= std::sqrt(2.0 * static_cast<double>(model->options.layers));
  }
  print_sizes("all matrices with 0.02", stream_sizes(louder, tokens), table);
}

/// Part 5: five stacks whose matrices multiply by one factor.
void show_stacks(double factor, const std::string& what, const std::string& file, const Setting& setting) {
  constexpr std::int64_t width = 384;
  print_heading(fmt::format("{} random layers, {} wide, each times {:.2f}: {}", kDepth, width, factor, what));
  fmt::print("  {:<9} {:<15} {:^33}  {}\n", "", "", "size after so many layers", "gradient at bottom");
  fmt::print("  {:<9} {:<15} {:>8}{:>8}{:>8}{:>9}   {:>8} {:>10}\n", "stack", "one layer", 1, 2, 3, kDepth, "size",
             "directions");
  std::vector<Series> signal, gradient, directions;
  const std::string recorded = file == "gpt2" ? "gpt2" : "times_5";
  auto& table = results().table("stacks_" + recorded, {"stack", "layer", "signal_1", "signal_2", "signal_3",
                                                       "signal_last", "gradient", "directions"});
  for (const Stack stack : all_stacks()) {
    const auto points = measure_stack(stack, width, kDepth, factor, setting.shared.seed);
    fmt::print("  {:<9} {:<15} ", name_of(stack), formula_of(stack));
    for (const std::size_t depth : {1, 2, 3}) fmt::print("{:>8.3g}", points[depth].signal);
    fmt::print("{:>9.3g}   {:>8.2g} {:>10.0f}\n", points.back().signal, points.front().gradient,
               points.front().directions);
    table.row({name_of(stack), formula_of(stack), points[1].signal, points[2].signal, points[3].signal,
               points.back().signal, points.front().gradient, points.front().directions});
    results().scalar(fmt::format("directions_{}_{}", recorded, name_of(stack)), points.front().directions);
    results().scalar(fmt::format("signal_{}_{}", recorded, name_of(stack)), points.back().signal);
    signal.push_back({name_of(stack), {}});
    gradient.push_back({name_of(stack), {}});
    directions.push_back({name_of(stack), {}});
    for (std::size_t depth = 0; depth < points.size(); ++depth) {
      signal.back().points.emplace_back(depth, points[depth].signal);
      gradient.back().points.emplace_back(depth, points[depth].gradient);
      directions.back().points.emplace_back(depth, points[depth].directions);
    }
  }
  if (!setting.plots) return;
  PlotText words;
  words.title = fmt::format("Signal on its way up, each layer times {:.2f}", factor);
  words.x_label = "layers passed";
  words.y_label = "root mean square";
  words.log_y = true;
  plot_lines(*setting.plots / fmt::format("ch04-signal-{}.svg", file), words, signal);
  words.title = fmt::format("Gradient on its way down, each layer times {:.2f}", factor);
  words.x_label = "layers below";
  words.y_label = "size, that at the top being 1";
  plot_lines(*setting.plots / fmt::format("ch04-gradient-{}.svg", file), words, gradient);
  words.title = fmt::format("Directions of the gradient, each layer times {:.2f}", factor);
  words.y_label = "directions that it is spread over";
  words.log_y = false;
  plot_lines(*setting.plots / fmt::format("ch04-directions-{}.svg", file), words, directions);
}

constexpr std::int64_t kTrainedWidth = 128, kTrainedBatch = 128;

//! [trained_stacks]
/// Trains a stack to say which character comes after eight others. @return the mean loss of the last 50 steps
double train_stack(Stack stack, double deviation, const Setting& setting, Progress& progress) {
  constexpr std::int64_t layers = 16, width = kTrainedWidth, read = 8, batch = kTrainedBatch;
  torch::manual_seed(setting.shared.seed);
  std::vector<torch::Tensor> parameters;
  const auto parameter = [&](torch::IntArrayRef shape, double size) {
    parameters.push_back((torch::randn(shape) * size).to(setting.shared.device.device).requires_grad_());
    return parameters.back();
  };

  // Eight characters of 16 features each make the 128 of the stream; every layer is a matrix and a GELU.
  const auto table = parameter({setting.tokenizer.size(), width / read}, 1.0);
  const auto output = parameter({setting.tokenizer.size(), width}, 0.02);
  std::vector<torch::Tensor> weights;
  for (std::int64_t layer = 0; layer < layers; ++layer) weights.push_back(parameter({width, width}, deviation));
  torch::optim::AdamW optimizer(parameters, torch::optim::AdamWOptions(1e-3));
  const auto windows = setting.train.unfold(0, read + 1, 1);  // [places, read + 1]

  double total = 0;
  const std::int64_t counted = std::min<std::int64_t>(50, setting.steps);
  for (std::int64_t step = 0; step < setting.steps; ++step) {
    const auto places = torch::randint(windows.size(0), {batch}, torch::kInt64).to(windows.device());
    const auto text = windows.index_select(0, places);  // [batch, read + 1]

    auto x = embed_tokens(table, text.slice(1, 0, read)).flatten(1);  // [batch, width]
    for (const auto& weight : weights) {
      const auto layer = [&](const torch::Tensor& y) { return gelu_tanh(torch::matmul(y, weight.t())); };
      x = stack_layer(x, layer, stack);
    }
    const auto loss = cross_entropy(torch::matmul(bare_norm(x), output.t()), text.select(1, read));
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();

    if (step >= setting.steps - counted) total += loss.item<double>();
    if (step % 10 == 9) progress.update(step + 1, loss.item<double>());
  }
  return total / static_cast<double>(counted);
}
//! [trained_stacks]

/// Part 6: which of them learn.
void show_learning(const Setting& setting) {
  if (setting.steps == 0) return;
  print_heading(
      fmt::format("16 layers with a GELU each, {} wide: training loss after {} steps", kTrainedWidth, setting.steps));
  const auto tokens = setting.train.cpu();
  const auto frequencies =
      tokens.bincount({}, setting.tokenizer.size()).to(torch::kFloat64) / static_cast<double>(tokens.size(0));
  const double one_character = -torch::xlogy(frequencies, frequencies).sum().item<double>();
  fmt::print("  on {}, in nats a character; knowing nothing costs {:.3f},\n", setting.corpus.name,
             std::log(static_cast<double>(setting.tokenizer.size())));
  fmt::print("  knowing how often each character occurs {:.3f}\n", one_character);
  const double times_five = 5.0 / std::sqrt(static_cast<double>(kTrainedWidth));
  fmt::print("  {:<10} {:<16} {:>15} {:>15}\n", "stack", "one layer", "std. dev. 0.02",
             fmt::format("{:.2f} (times 5)", times_five));
  results().scalar("one_character", one_character, "nats");
  auto& table = results().table("learning", {"stack", "layer", "small", "times_5"});
  for (const Stack stack : all_stacks()) {
    std::string line = fmt::format("  {:<10} {:<16}", name_of(stack), formula_of(stack));
    std::vector<Recorded> cells{name_of(stack), formula_of(stack)};
    for (const double deviation : {0.02, times_five}) {
      Progress progress(setting.steps, kTrainedBatch);
      const double loss = train_stack(stack, deviation, setting, progress);
      line += fmt::format(" {:>15.3f}", loss);
      cells.emplace_back(loss);
      progress.finish();
    }
    fmt::print("{}\n", line);
    table.row(std::move(cells));
  }
}

/// Part 7: the untrained model speaks.
void print_sample(const GPT& model, const Setting& setting) {
  torch::NoGradGuard no_gradients;
  constexpr std::int64_t length = 200;
  print_heading(fmt::format("{} characters from the untrained model, {} wide", length, model->options.width));
  Random random(setting.shared.seed);
  const auto logits_of = [&](const torch::Tensor& tokens) {
    return GPT(model)->forward(tokens.to(setting.shared.device.device));
  };
  const auto tokens = speak(logits_of, starting_token(setting.tokenizer), length, model->options.context, random);
  fmt::print("{}\n", setting.tokenizer.decode(tokens));
}

/// Reads the command line and the text.
Setting prepare(int argc, char** argv) {
  std::int64_t steps = 200;
  std::optional<std::filesystem::path> plots;
  CommandLine line("The whole GPT part by part, what stacks of layers do to a signal, and which learn.");
  line.option("steps", steps, {0, 100'000}, "training steps for each of five stacks; 0 trains none");
  line.folder("plots", plots, "a folder to draw signal and gradient by depth into, as SVG");
  const SharedOptions shared = line.parse(argc, argv);

  Corpus corpus = load_corpus(shared.data);
  Tokenizer tokenizer = Tokenizer::from_text(corpus.text);
  Setting setting{shared, std::move(corpus), std::move(tokenizer), {}, {}, steps, plots};
  setting.train = setting.tokenizer.encode_tensor(setting.corpus.train).to(shared.device.device);
  setting.validation = setting.tokenizer.encode_tensor(setting.corpus.validation).to(shared.device.device);
  const std::int64_t needed = GPTOptions().context + 1;
  if (setting.validation.size(0) < needed) {
    throw UsageError(fmt::format("the text's validation part has {} characters; this program needs {}",
                                 setting.validation.size(0), needed));
  }
  return setting;
}

int run(int argc, char** argv) {
  const Setting setting = prepare(argc, argv);
  show_parts();
  const GPT talks_model = build_model(setting, GPTOptions());
  const GPT small_model = build_model(setting, smaller_model());
  show_summary(talks_model);
  show_summary(small_model);
  show_first_loss(talks_model, setting);
  show_first_loss(small_model, setting);
  show_stream(talks_model, setting);

  show_stacks(5.0, "the talk's times five", "times-5", setting);
  show_stacks(0.02 * std::sqrt(384.0), "GPT-2's standard deviation of 0.02", "gpt2", setting);
  if (setting.plots) fmt::print(stderr, "wrote 6 plots into {}\n", setting.plots->string());
  show_learning(setting);

  print_sample(small_model, setting);
  return 0;
}

}  // namespace
}  // namespace verse

int main(int argc, char** argv) {
  verse::prepare_cuda();
  return verse::run_program([&] { return verse::run(argc, argv); });
}
