#include "08_post_training/given/fine_tune.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "01_tokenizer/tokenizer.h"
#include "05_training/given/train_small.h"
#include "08_post_training/given/respond.h"

namespace verse {

namespace {

/// A short way up, and down to a tenth.
Schedule short_schedule(double peak, std::int64_t steps) {
  return {peak, peak / 10, std::min<std::int64_t>(50, steps / 10 + 1), steps};
}

}  // namespace

std::vector<std::int64_t> format_problem(const Problem& problem, Form form, const ChatVocabulary& vocabulary) {
  Turn turn;
  turn.question = vocabulary.encode(problem.question);
  turn.answer = vocabulary.encode(problem.answer);
  if (form != Form::answer) turn.chain = vocabulary.encode(problem.chain);
  if (form == Form::filler) turn.chain->assign(turn.chain->size(), vocabulary.special().filler);
  return format_turn(turn, vocabulary.special());
}

ExampleSource::ExampleSource(const FineTuning& options, const ChatVocabulary& vocabulary)
    : options_(options), vocabulary_(vocabulary), random_(options.seed) {}

std::vector<std::int64_t> ExampleSource::draw() {
  if (options_.draw) return options_.draw(random_);
  auto problem = draw_problem(options_.task, Split::train, random_);
  if (random_.uniform() < options_.bad_share) problem = spoil(problem, options_.task, options_.damage, random_);
  return format_problem(problem, options_.form, vocabulary_);
}

Packed ExampleSource::next() {
  // As many examples as go into the rows; the one that is too many waits for the next time.
  std::vector<std::vector<std::int64_t>> examples;
  std::int64_t row = 0, place = 0;
  for (;;) {
    auto example = waiting_.empty() ? draw() : std::exchange(waiting_, {});
    const auto size = static_cast<std::int64_t>(example.size());
    if (place + size > options_.row_length) ++row, place = 0;
    if (row == options_.rows) {
      waiting_ = std::move(example);
      break;
    }
    place += size;
    examples.push_back(std::move(example));
    ++problems_;
  }
  return pack(examples, options_.row_length, vocabulary_.special().filler);
}

torch::Tensor learned_tokens(const Packed& rows, const SpecialTokens& special) {
  return torch::logical_and(response_mask(rows.tokens, special), rows.tokens != special.filler);
}

torch::Tensor supervised_loss(GPT& model, const Packed& rows, const SpecialTokens& special, bool hides_chain) {
  const auto device = model->token_embedding.device();
  auto mask = packed_mask(rows.owners);
  if (hides_chain) mask = torch::logical_and(mask, chain_hiding_mask(rows.tokens, special));
  const auto learned = learned_tokens(rows, special).to(device);
  const auto moved = to_device(rows, device);
  return masked_loss(packed_logits(model, moved, mask.to(device)), moved.tokens, learned);
}

//! [fine_tune]
std::int64_t fine_tune(GPT& model, const ChatVocabulary& vocabulary, const FineTuning& options,
                       const std::vector<torch::Tensor>& learning, std::int64_t every, const Checkup& checkup) {
  ExampleSource source(options, vocabulary);
  SmallTraining plan;
  plan.schedule = short_schedule(options.learning_rate, options.steps);
  if (checkup) {
    plan.look_every = every;
    plan.look = [&](std::int64_t done, const StepReport&) { checkup(done); };
  }
  const auto next_loss = [&] {
    const auto rows = source.next();
    if (!options.learned) return supervised_loss(model, rows, vocabulary.special(), options.hides_chain);
    const auto moved = to_device(rows, model->token_embedding.device());
    const auto logits = packed_logits(model, moved, packed_mask(moved.owners));
    return masked_loss(logits, moved.tokens, options.learned(rows.tokens).to(logits.device()));
  };
  model->train();
  train_small(learning.empty() ? model->parameters() : learning, options.rows * options.row_length, next_loss, plan);
  model->eval();
  return source.problems();
}
//! [fine_tune]

TrainedModel train_base(const Corpus& corpus, const BaseOptions& options, torch::Device device) {
  auto tokenizer = Tokenizer::from_text(corpus.text);
  const auto tokens = tokenizer.encode_tensor(corpus.train).to(device);
  GPTOptions shape;
  shape.vocabulary_size = tokenizer.size();
  shape.context = options.context;
  shape.layers = options.layers;
  shape.heads = options.heads;
  shape.width = options.width;
  shape.fused = true;
  torch::manual_seed(options.seed);
  GPT model(shape);
  model->to(device);

  SmallTraining plan;
  plan.schedule = short_schedule(options.learning_rate, options.steps);
  plan.batch_size = options.batch_size;
  plan.seed = options.seed;
  train_small(model, tokens, plan);
  return {model, std::move(tokenizer)};
}

GPT copy_of(GPT& model) {
  auto options = model->options;
  options.initialise = false;
  GPT copy(options);
  copy->to(model->token_embedding.device());
  const torch::NoGradGuard no_gradients;
  const auto values = model->named_parameters();
  for (auto& parameter : copy->named_parameters()) parameter->copy_(values[parameter.key()]);
  copy->eval();
  return copy;
}

GPT fresh_like(GPT& model, std::uint64_t seed) {
  torch::manual_seed(seed);
  auto options = model->options;
  options.initialise = true;
  GPT fresh(options);
  fresh->to(model->token_embedding.device());
  return fresh;
}

//! [same_architecture]
void expect_same_architecture(GPT& base, GPT& model) {
  const auto theirs = base->named_parameters(), ours = model->named_parameters();
  if (theirs.size() != ours.size())
    throw std::logic_error(fmt::format("{} parameters instead of the base's {}", ours.size(), theirs.size()));
  for (const auto& parameter : theirs) {
    const auto* own = ours.find(parameter.key());
    if (own == nullptr) throw std::logic_error(fmt::format("the base's parameter {} is missing", parameter.key()));
    auto expected = parameter->sizes().vec();
    if (parameter.key() == "token_embedding") expected[0] = own->size(0);
    if (!own->sizes().equals(expected))
      throw std::logic_error(fmt::format("{} has the shape {} instead of {}", parameter.key(),
                                         fmt::join(own->sizes(), " x "), fmt::join(expected, " x ")));
  }
}
//! [same_architecture]

}  // namespace verse
