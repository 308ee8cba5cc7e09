#include "06_loss_stages/given/recording.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "01_tokenizer/given/prompt.h"
#include "02_embeddings/given/speak.h"
#include "05_training/given/checkpoint.h"
#include "05_training/given/train_small.h"
#include "05_training/training.h"
#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/json.h"
#include "common/base/random.h"
#include "common/base/shown.h"
#include "common/base/text.h"

namespace verse {

namespace {

constexpr std::int64_t kContext = 64;
constexpr std::int64_t kValidationWindows = 128;
constexpr std::int64_t kSampleLength = 300;

/// The characters that a validation text has to have in common with the training text to have been seen: enough that
/// nobody writes them twice by chance.
constexpr std::int64_t kSeenLength = 64;

/// The training text as the faulty program has it.
std::string training_text(const Corpus& corpus, Fault fault) {
  if (fault != Fault::leaking_split) return corpus.train;
  const std::u32string validation = decode_utf8(corpus.validation);
  return corpus.train + encode_utf8(validation.substr(0, validation.size() / 2));
}

/// Spells a text with a vocabulary in another order: that in which the characters first occur in the training text, and
/// those that do not occur there behind them, where the model's is sorted.
std::string spelled_otherwise(const std::vector<std::int64_t>& tokens, const Tokenizer& tokenizer,
                              const std::string& text) {
  std::u32string order;
  for (const char32_t character : decode_utf8(text)) {
    if (order.find(character) == std::u32string::npos) order += character;
  }
  for (std::int64_t id = 0; id < tokenizer.size(); ++id) {
    const std::u32string character = decode_utf8(tokenizer.decode({id}));
    if (order.find(character) == std::u32string::npos) order += character;
  }
  std::u32string spelled;
  for (const std::int64_t token : tokens) spelled += order[static_cast<std::size_t>(token)];
  return encode_utf8(spelled);
}

/// What can be asked of the texts of a run, and of what it wrote.
void question_texts(const std::string& train, const std::string& validation, RunRecord& run) {
  run.probes.seen_before = share_seen_before(train, validation, kSeenLength);
  run.probes.sample_surprise = sample_surprise(train, run.sample);
}

/// A training program with a fault in it.
class FaultyProgram {
 public:
  FaultyProgram(const Corpus& corpus, const RecordingPlan& plan)
      : plan_(plan), tokenizer_(Tokenizer::from_text(corpus.text)), random_(plan.seed) {
    train_text_ = training_text(corpus, plan.fault);
    train_ = tokenizer_.encode_tensor(train_text_);
    validation_ = tokenizer_.encode_tensor(corpus.validation);
    GPTOptions options;
    options.vocabulary_size = tokenizer_.size();
    options.context = kContext;
    options.layers = plan.layers;
    options.heads = std::max<std::int64_t>(plan.width / 32, 1);
    options.width = plan.width;
    options.fused = true;
    options.dropout = plan.dropout;
    torch::manual_seed(plan.seed);
    model_ = GPT(options);
    if (plan.fault == Fault::no_initialisation) initialise_as_libtorch(*model_);
    same_batch_ = draw_batch(train_, plan.batch_size, kContext, random_);
    everything_ = torch::ones({kContext, kContext}, torch::kBool);
  }

  /// The model as the program runs it. @param tokens [batch, time] @return [batch, time, vocabulary]
  torch::Tensor logits_of(const torch::Tensor& tokens) {
    if (plan_.fault != Fault::no_causal_mask) return model_->forward(tokens);
    ForwardExtras extras;
    const std::int64_t time = tokens.size(1);
    extras.mask = everything_.slice(0, 0, time).slice(1, 0, time);
    return model_->forward(tokens, extras);
  }

  /// The next batch's loss.
  torch::Tensor next_loss() {
    if (plan_.fault == Fault::lost_precision) round_weights();
    if (plan_.fault == Fault::same_batch) return loss_on(same_batch_);
    return loss_on(draw_batch(train_, plan_.batch_size, kContext, random_));
  }

  /// The loss over windows from all over the validation text, as the program measures it.
  double validation_loss() {
    const torch::NoGradGuard no_gradients;
    const Evaluating evaluating(*this);
    const std::int64_t stride = (validation_.size(0) - kContext - 1) / (kValidationWindows - 1);
    double sum = 0;
    constexpr std::int64_t kAtOnce = 32;
    for (std::int64_t first = 0; first < kValidationWindows; first += kAtOnce) {
      std::vector<torch::Tensor> inputs, targets;
      for (std::int64_t i = first; i < first + kAtOnce; ++i) {
        inputs.push_back(validation_.narrow(0, i * stride, kContext));
        targets.push_back(validation_.narrow(0, i * stride + 1, kContext));
      }
      sum += loss_on({torch::stack(inputs), torch::stack(targets)}).item<double>();
    }
    return sum / (static_cast<double>(kValidationWindows) / kAtOnce);
  }

  RunRecord record(const Corpus& corpus);

 private:
  /// As long as it lives the model is in the mode that the program evaluates it in.
  class Evaluating {
   public:
    explicit Evaluating(FaultyProgram& program) : model_(program.model_), was_training_(model_->is_training()) {
      model_->train(program.plan_.fault == Fault::evaluation_dropout);
    }
    ~Evaluating() { model_->train(was_training_); }
    Evaluating(const Evaluating&) = delete;
    Evaluating& operator=(const Evaluating&) = delete;

   private:
    GPT& model_;
    bool was_training_;
  };

  void round_weights() {
    const torch::NoGradGuard no_gradients;
    for (auto& parameter : model_->parameters()) parameter.copy_(parameter.to(torch::kBFloat16));
  }

  torch::Tensor loss_on(const Batch& batch) {
    const auto logits = logits_of(batch.inputs);
    const auto& targets = plan_.fault == Fault::unshifted_targets ? batch.inputs : batch.targets;
    return torch::nn::functional::cross_entropy(logits.flatten(0, 1), targets.flatten());
  }

  RecordingPlan plan_;
  Tokenizer tokenizer_;
  Random random_;
  std::string train_text_;
  torch::Tensor train_, validation_;
  GPT model_{nullptr};
  Batch same_batch_;
  torch::Tensor everything_;  ///< [context, context], true: a mask that hides nothing
};

RunRecord FaultyProgram::record(const Corpus& corpus) {
  RunRecord run;
  run.text_name = corpus.name;
  run.training_characters = train_.size(0);
  run.landmarks = measure_landmarks(train_, tokenizer_.size());
  run.landmarks.floor = corpus.floor;

  // What was meant, and what the fault makes of it.
  SmallTraining training;
  const double peak = plan_.fault == Fault::high_learning_rate ? 10 * plan_.peak : plan_.peak;
  training.schedule = {peak, peak / 10, plan_.fault == Fault::no_warmup ? 0 : plan_.warmup, plan_.steps};
  training.look_every = plan_.record_every;

  // A line of metrics.csv; the time that it takes is not training's.
  auto began = std::chrono::steady_clock::now();
  double seconds = 0, losses = 0;
  training.look = [&](std::int64_t step, const StepReport& last) {
    seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    Metrics row;
    const std::int64_t since = step - run.rows.back().step;
    row.step = step;
    row.tokens = step * plan_.batch_size * kContext;
    row.seconds = seconds;
    row.learning_rate = last.learning_rate;
    row.train_loss = losses / static_cast<double>(since);
    row.gradient_norm = last.gradient_norm.item<double>();
    row.tokens_per_second =
        static_cast<double>(since * plan_.batch_size * kContext) / (seconds - run.rows.back().seconds);
    row.validation_loss = validation_loss();
    run.rows.push_back(row);
    losses = 0;
    began = std::chrono::steady_clock::now();
  };

  Metrics start;
  start.validation_loss = validation_loss();
  run.rows.push_back(start);
  model_->train();
  began = std::chrono::steady_clock::now();
  const auto counted_loss = [&] {
    const auto loss = next_loss();
    losses += loss.item<double>();
    return loss;
  };
  train_small(model_->parameters(), plan_.batch_size * kContext, counted_loss, training);

  if (plan_.fault == Fault::lost_precision) round_weights();

  // What can only be asked while the program is there: the probes, and a text.
  const Evaluating evaluating(*this);
  const LogitsFunction model = [this](const torch::Tensor& tokens) { return logits_of(tokens); };
  const auto asked = validation_.narrow(0, 0, kContext).unsqueeze(0);  // [1, time]
  run.probes.answers_differ = answers_differ(model, asked);
  {
    // With dropout the answers differ by themselves; the question about the future is about the mask.
    model_->eval();
    run.future_influence = future_influence(model, asked, kContext / 2, tokenizer_.size());
    model_->train(plan_.fault == Fault::evaluation_dropout);
  }
  Random random(plan_.seed);
  const auto written = speak(model, starting_token(tokenizer_), kSampleLength, kContext, random);
  run.sample = plan_.fault == Fault::wrong_tokenizer ? spelled_otherwise(written, tokenizer_, train_text_)
                                                     : tokenizer_.decode(written);
  question_texts(train_text_, corpus.validation, run);
  run.probes.rounded_weights = share_of_rounded(model_->parameters());
  return run;
}

Json optional_number(const std::optional<double>& number) {
  return number && std::isfinite(*number) ? Json(*number) : Json(nullptr);
}

}  // namespace

const std::vector<std::pair<std::string, Fault>>& fault_names() {
  static const std::vector<std::pair<std::string, Fault>> names = {
      {"none", Fault::none},
      {"high-learning-rate", Fault::high_learning_rate},
      {"no-warmup", Fault::no_warmup},
      {"unshifted-targets", Fault::unshifted_targets},
      {"no-causal-mask", Fault::no_causal_mask},
      {"same-batch", Fault::same_batch},
      {"no-initialisation", Fault::no_initialisation},
      {"evaluation-dropout", Fault::evaluation_dropout},
      {"leaking-split", Fault::leaking_split},
      {"wrong-tokenizer", Fault::wrong_tokenizer},
      {"lost-precision", Fault::lost_precision},
  };
  return names;
}

void initialise_as_libtorch(GPTImpl& model) {
  const torch::NoGradGuard no_gradients;
  for (auto& item : model.named_parameters()) {
    torch::Tensor& parameter = item.value();
    if (item.key().find("embedding") != std::string::npos) {
      parameter.normal_();
    } else if (parameter.dim() == 2) {
      const double bound = 1.0 / std::sqrt(static_cast<double>(parameter.size(1)));
      parameter.uniform_(-bound, bound);
    }
  }
}

RunRecord record_run(const Corpus& corpus, const RecordingPlan& plan) {
  const std::int64_t least = kValidationWindows + kContext + 1;
  if (count_characters(corpus.validation) < static_cast<std::size_t>(least)) {
    throw UsageError(fmt::format("{} is too short: its validation part needs {} characters", corpus.name, least));
  }
  return FaultyProgram(corpus, plan).record(corpus);
}

namespace {

/// What can be found out about a run whose model was kept, from the text that it learned from.
void question_model(const std::filesystem::path& folder, const Corpus& corpus, RunRecord& run) {
  run.text_name = corpus.name;
  TrainedModel trained = load_model(folder);
  GPT& model = trained.model;
  const Tokenizer& tokenizer = trained.tokenizer;
  torch::Tensor train, validation;
  try {
    train = tokenizer.encode_tensor(corpus.train);
    validation = tokenizer.encode_tensor(corpus.validation);
  } catch (const UsageError&) {
    throw UsageError(
        fmt::format("{} holds a model that does not know all characters of {}: name its own text by --data",
                    folder.string(), corpus.name));
  }
  run.training_characters = train.size(0);
  run.landmarks = measure_landmarks(train, tokenizer.size());
  run.landmarks.floor = corpus.floor;

  const std::int64_t context = model->options.context;
  const LogitsFunction logits_of = [&model](const torch::Tensor& tokens) { return model->forward(tokens); };
  if (context >= 2 && validation.size(0) >= context) {
    run.future_influence =
        future_influence(logits_of, validation.narrow(0, 0, context).unsqueeze(0), context / 2, tokenizer.size());
  }
  if (run.sample.empty()) {
    Random random(1);
    run.sample = tokenizer.decode(speak(logits_of, starting_token(tokenizer), kSampleLength, context, random));
  }
  question_texts(corpus.train, corpus.validation, run);
  run.probes.rounded_weights = share_of_rounded(model->parameters());
}

}  // namespace

void read_evidence(const JsonEntry& evidence, RunRecord& run) {
  const auto number = [&](const char* name) {
    return evidence.has(name) ? std::optional(evidence.at(name).number()) : std::nullopt;
  };
  const auto entropies = evidence.at("entropies").list();
  if (entropies.size() != 4) evidence.at("entropies").refuse("four entropies");
  run.text_name = one_line(evidence.at("text").text(), 100);
  run.training_characters = evidence.at("training_characters").whole(0);
  run.landmarks = {entropies[0].number(), entropies[1].number(), entropies[2].number(), entropies[3].number(),
                   number("floor")};
  run.future_influence = number("future_influence");
  run.probes = {number("answers_differ"), number("seen_before"), number("sample_surprise"), number("rounded_weights")};
}

RunRecord load_record(const std::filesystem::path& folder, const Corpus& corpus) {
  if (!std::filesystem::is_directory(folder)) throw UsageError(fmt::format("{} is no folder", folder.string()));
  if (!std::filesystem::exists(folder / "metrics.csv")) {
    throw UsageError(fmt::format("{} is no run: it has no metrics.csv", folder.string()));
  }
  RunRecord run;
  const auto table = folder / "metrics.csv";
  // A spreadsheet that has saved the table again may leave out the last line end.
  std::string lines = read_file(table);
  if (!lines.empty() && lines.back() != '\n') lines += '\n';
  run.rows = parse_metrics(lines, table.string());
  if (run.rows.empty()) throw UsageError(fmt::format("{}: no step is recorded", (folder / "metrics.csv").string()));
  if (std::filesystem::exists(folder / "sample.txt")) run.sample = read_file(folder / "sample.txt");
  if (!is_utf8(run.sample)) throw UsageError(fmt::format("{} is not UTF-8", (folder / "sample.txt").string()));
  if (std::filesystem::exists(folder / "evidence.json")) {
    read_evidence(load_json(folder / "evidence.json"), run);
  } else if (std::filesystem::exists(folder / "model.safetensors")) {
    question_model(folder, corpus, run);
  } else {
    // Nothing but numbers: they are compared with the text that was named.
    const Tokenizer tokenizer = Tokenizer::from_text(corpus.text);
    const auto train = tokenizer.encode_tensor(corpus.train);
    run.text_name = corpus.name;
    run.training_characters = train.size(0);
    run.landmarks = measure_landmarks(train, tokenizer.size());
    run.landmarks.floor = corpus.floor;
    question_texts(corpus.train, corpus.validation, run);
  }
  return run;
}

void save_record(const std::filesystem::path& folder, const RunRecord& record) {
  make_folder(folder);
  std::string metrics = kMetricsHeader;
  for (const Metrics& row : record.rows) metrics += format_metrics(row);
  Json evidence = {
      {"text", record.text_name},
      {"training_characters", record.training_characters},
      {"entropies",
       {record.landmarks.uniform, record.landmarks.characters, record.landmarks.pairs, record.landmarks.triples}},
      {"floor", optional_number(record.landmarks.floor)},
      {"future_influence", optional_number(record.future_influence)},
  };
  const Probes& probes = record.probes;
  for (const auto& [name, answer] :
       {std::pair{"answers_differ", probes.answers_differ}, std::pair{"seen_before", probes.seen_before},
        std::pair{"sample_surprise", probes.sample_surprise}, std::pair{"rounded_weights", probes.rounded_weights}}) {
    if (answer) evidence[name] = optional_number(answer);
  }
  write_file_atomically(folder / "metrics.csv", metrics, Links::replace);
  write_file_atomically(folder / "sample.txt", record.sample, Links::replace);
  write_file_atomically(folder / "evidence.json", json_text(evidence, 2) + "\n", Links::replace);
}

}  // namespace verse
