#include "09_multimodal/given/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "01_tokenizer/given/prompt.h"
#include "02_embeddings/embeddings.h"
#include "05_training/given/train_small.h"
#include "07_sampling/sampling.h"
#include "common/base/statistics.h"
#include "common/corpus.h"

namespace verse {
namespace {

/// Every character that a script has; the last two are the padding and the placeholder.
constexpr const char* kAlphabet = "\n abcdefghijklmnopqrstuvwxyz\u00b7\u25a6";
constexpr const char* kPadding = "\u00b7";
constexpr const char* kPlaceholder = "\u25a6";

}  // namespace

Script::Script() : tokenizer_(Tokenizer::from_text(kAlphabet)) {
  markers_.padding = tokenizer_.encode(kPadding).front();
  markers_.placeholder = tokenizer_.encode(kPlaceholder).front();
  line_end_ = tokenizer_.encode("\n").front();
}

torch::Tensor Script::write(const std::vector<std::string>& texts, std::int64_t placeholders) const {
  std::vector<torch::Tensor> rows;
  for (const auto& text : texts) rows.push_back(tokenizer_.encode_tensor(text + "\n"));
  const auto padded = torch::nn::utils::rnn::pad_sequence(rows, /*batch_first=*/true,
                                                          static_cast<double>(markers_.padding));  // [texts, longest]
  const auto held = torch::full({padded.size(0), placeholders}, markers_.placeholder, torch::kInt64);
  return torch::cat({held, padded}, 1);
}

std::string Script::read(const torch::Tensor& tokens) const {
  std::vector<std::int64_t> kept;
  for (std::int64_t i = 0; i < tokens.size(0); ++i) {
    const auto token = tokens[i].item<std::int64_t>();
    if (token == line_end_) break;
    kept.push_back(token);
  }
  return tokenizer_.decode(kept);
}

SenseReaderImpl::SenseReaderImpl(const GPTOptions& options, std::shared_ptr<Encoder> given, const Markers& marked,
                                 std::int64_t kept)
    : markers(marked), room(kept) {
  encoder = register_module("encoder", std::move(given));
  gpt = register_module("gpt", GPT(options));
}

//! [sense-reader]
torch::Tensor SenseReaderImpl::forward(const torch::Tensor& tokens, const torch::Tensor& input,
                                       const ForwardExtras& extras) {
  const auto text = embed_tokens(gpt->token_embedding, tokens);  // [batch, time, width]
  const auto vectors = encoder->forward(input);                  // [batch, placeholders, width]
  const auto x = place_embeddings(text, tokens, markers.placeholder, vectors);
  // A short sound leaves some of its positions empty, so that a text always begins at the same one.
  const std::int64_t count = vectors.size(1);
  const auto positions = torch::cat(
      {torch::arange(count, tokens.options()), torch::arange(room, room + tokens.size(1) - count, tokens.options())});
  return gpt->forward_embedded(x, positions, extras);  // [batch, time, vocabulary]
}
//! [sense-reader]

//! [text-loss]
torch::Tensor text_loss(const torch::Tensor& logits, const torch::Tensor& tokens, const Markers& markers) {
  // A position predicts the token after it, so the last position predicts nothing and the first token is not predicted.
  const auto predictions = logits.slice(1, 0, -1);  // [batch, time - 1, vocabulary]
  const auto targets = tokens.slice(1, 1);          // [batch, time - 1]

  // What counts is decided by the target: the last placeholder predicts the first character of the text.
  const auto counts = (targets != markers.placeholder) & (targets != markers.padding);
  return cross_entropy(predictions.index({counts}), targets.index({counts}));
}
//! [text-loss]

//! [learn]
void learn(const std::vector<torch::Tensor>& parameters, const LearningPlan& plan, std::int64_t tokens_per_step,
           const std::function<torch::Tensor(std::int64_t)>& next_loss) {
  SmallTraining training;
  training.schedule = {plan.peak, plan.peak / 20, std::max<std::int64_t>(plan.steps / 20, 1), plan.steps};
  std::int64_t step = 0;
  train_small(
      parameters, tokens_per_step, [&] { return next_loss(step++); }, training);
}

void learn(SenseReader& reader, const LearningPlan& plan, const std::function<SenseBatch(std::int64_t)>& next_batch) {
  reader->train();
  const auto device = reader->gpt->token_embedding.device();
  learn(reader->parameters(), plan, plan.batch_size * reader->gpt->options.context, [&](std::int64_t step) {
    const auto batch = next_batch(step);
    const auto tokens = batch.tokens.to(device);
    return text_loss(reader->forward(tokens, batch.input.to(device)), tokens, reader->markers);
  });
  reader->eval();
}
//! [learn]

//! [write-texts]
std::vector<std::string> write_texts(SenseReader& reader, const Script& script, const torch::Tensor& input,
                                     std::int64_t longest) {
  const torch::NoGradGuard no_gradients;
  // The sense comes first, all of it at once; then one character after another, each for all rows.
  auto x = reader->encoder->forward(input.to(reader->gpt->token_embedding.device()));  // [batch, placeholders, width]
  const std::int64_t count = x.size(1);
  Cache cache = make_cache(reader->gpt->options.layers);
  std::vector<torch::Tensor> written;
  for (std::int64_t i = 0; i < longest; ++i) {
    const auto step = plan_cached_step(cache.front()->length(), x.size(1), x.device());
    ForwardExtras extras;
    extras.mask = step.mask;
    extras.cache = &cache;
    extras.last_only = true;
    const auto positions = i == 0 ? step.positions : step.positions + (reader->room - count);
    auto logits = reader->gpt->forward_embedded(x, positions, extras).select(1, -1);  // [batch, vocabulary]

    // What stands for a sense, or for nothing, is never written.
    for (const auto token : {reader->markers.placeholder, reader->markers.padding}) {
      logits.select(1, token).fill_(-std::numeric_limits<float>::infinity());
    }
    written.push_back(logits.argmax(-1));                                         // [batch]
    x = embed_tokens(reader->gpt->token_embedding, written.back().unsqueeze(1));  // [batch, 1, width]
  }
  const auto tokens = torch::stack(written, 1).cpu();  // [batch, longest]
  std::vector<std::string> texts;
  for (std::int64_t row = 0; row < tokens.size(0); ++row) texts.push_back(script.read(tokens[row]));
  return texts;
}
//! [write-texts]

Share share_of(std::int64_t hits, std::int64_t trials) {
  const Interval interval = wilson_interval(hits, trials);
  return {static_cast<double>(hits) / static_cast<double>(trials), interval.low, interval.high};
}

Mean mean_of(const std::vector<double>& values) {
  constexpr std::array<double, 9> kStudent = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262};
  if (values.size() < 2 || values.size() > kStudent.size() + 1)
    throw std::invalid_argument(fmt::format("an interval over {} runs", values.size()));
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return {mean, kStudent[values.size() - 2] * std::sqrt(squares / (n - 1) / n)};
}

void speak(GPT& model, const Tokenizer& tokenizer, std::int64_t count, std::uint64_t seed, bool on_one_line) {
  Random random(seed);
  const auto tokens = generate(model, {starting_token(tokenizer)}, count, {}, random);
  std::string text = tokenizer.decode(tokens);
  if (on_one_line) {
    for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos;) text.replace(at, 1, "↵");
  }
  fmt::print("{}\n", text);
}

}  // namespace verse
