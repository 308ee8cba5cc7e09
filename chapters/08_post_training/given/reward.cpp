#include "08_post_training/given/reward.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "05_training/given/train_small.h"
#include "08_post_training/given/fine_tune.h"
#include "08_post_training/given/respond.h"
#include "08_post_training/post_training.h"
#include "common/base/error.h"

namespace verse {

namespace {

using Tokens = std::vector<std::int64_t>;

/// The model's responses to problems, `samples` to each, one behind the other, drawn at temperature 1.
struct Samples {
  std::vector<Tokens> rows;  ///< question and response
  std::vector<double> rewards;
};

Samples draw_samples(GPT& model, const ChatVocabulary& vocabulary, const std::vector<Problem>& problems,
                     std::int64_t samples, const RewardFunction& reward, Random& random) {
  Samples drawn;
  for (const auto& problem : problems)
    drawn.rows.insert(drawn.rows.end(), static_cast<std::size_t>(samples),
                      format_question(vocabulary.encode(problem.question), vocabulary.special()));
  RespondOptions options;
  options.temperature = 1;
  // The whole row is read once more to be learned from: question and response have to fit into the context together.
  std::size_t longest = 0;
  for (const auto& row : drawn.rows) longest = std::max(longest, row.size());
  options.most = std::min(options.most, model->options.context - static_cast<std::int64_t>(longest));
  if (options.most < 1)
    throw UsageError(fmt::format("a question of {} tokens leaves no room for a response in a context of {}", longest,
                                 model->options.context));
  const auto responses = respond(model, drawn.rows, vocabulary.special(), options, random);
  for (std::size_t i = 0; i < responses.size(); ++i) {
    drawn.rows[i].insert(drawn.rows[i].end(), responses[i].begin(), responses[i].end());
    const auto reading = read_response(responses[i], vocabulary);
    const auto& problem = problems[i / static_cast<std::size_t>(samples)];
    drawn.rewards.push_back(reward(reading, problem));
  }
  return drawn;
}

std::vector<Problem> draw_training_problems(const TaskOptions& task, std::int64_t count, Random& random) {
  std::vector<Problem> problems;
  for (std::int64_t i = 0; i < count; ++i) problems.push_back(draw_problem(task, Split::train, random));
  return problems;
}

/// The loop that both have in common.
void learn(GPT& model, const LossFunction& next_loss, std::int64_t steps, double learning_rate, double last_rate,
           std::int64_t rows_per_step) {
  // Nothing decays here: towards 0 is not towards the reference.
  SmallTraining plan;
  plan.adamw.weight_decay = 0;
  plan.schedule = {learning_rate, last_rate, std::min<std::int64_t>(5, steps), steps};
  train_small(model->parameters(), rows_per_step, next_loss, plan);
}

}  // namespace

torch::Tensor filled_rows(const std::vector<Tokens>& rows, std::int64_t filler) {
  std::size_t longest = 0;
  for (const auto& row : rows) longest = std::max(longest, row.size());
  const auto filled =
      torch::full({static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(longest)}, filler, torch::kInt64);
  for (std::size_t i = 0; i < rows.size(); ++i)
    std::copy(rows[i].begin(), rows[i].end(), filled[static_cast<std::int64_t>(i)].data_ptr<std::int64_t>());
  return filled;
}

std::vector<Pair> collect_pairs(GPT& model, const ChatVocabulary& vocabulary, const TaskOptions& task,
                                std::int64_t questions, std::int64_t samples, Random& random) {
  const auto problems = draw_training_problems(task, questions, random);
  const auto drawn = draw_samples(model, vocabulary, problems, samples, reward_right, random);
  std::vector<Pair> pairs;
  for (std::int64_t question = 0; question < questions; ++question) {
    const auto first = drawn.rewards.begin() + question * samples, last = first + samples;
    const auto right = std::find(first, last, 1.0), wrong = std::find(first, last, 0.0);
    if (right == last || wrong == last) continue;
    pairs.push_back({drawn.rows[static_cast<std::size_t>(right - drawn.rewards.begin())],
                     drawn.rows[static_cast<std::size_t>(wrong - drawn.rewards.begin())]});
  }
  return pairs;
}

PairLogProbabilities score_pairs(GPT& model, const ChatVocabulary& vocabulary, const std::vector<Pair>& pairs,
                                 Compared compared) {
  const auto& special = vocabulary.special();
  const auto device = model->token_embedding.device();
  const auto score = [&](const std::vector<Tokens>& rows) {
    const auto tokens = filled_rows(rows, special.filler);
    auto learned = response_mask(tokens, special);
    if (compared == Compared::first_difference) {
      learned.zero_();
      for (std::size_t i = 0; i < pairs.size(); ++i) {
        const auto& [one, other] = pairs[i];
        const auto parting = std::mismatch(one.begin(), one.end(), other.begin(), other.end()).first - one.begin();
        learned[static_cast<std::int64_t>(i)][parting] = true;
      }
    }
    return response_log_probability(model->forward(tokens.to(device)), tokens.to(device), learned.to(device));
  };
  std::vector<Tokens> chosen, rejected;
  for (const auto& pair : pairs) {
    chosen.push_back(pair.chosen);
    rejected.push_back(pair.rejected);
  }
  return {score(chosen), score(rejected)};
}

void prefer(GPT& model, const ChatVocabulary& vocabulary, const std::vector<Pair>& pairs, const Preferring& options) {
  if (pairs.empty()) throw std::invalid_argument("there are no pairs to learn from");
  auto reference = copy_of(model);
  Random random(options.seed);
  auto order = pairs;
  std::size_t next = order.size();
  const auto next_loss = [&] {
    std::vector<Pair> drawn;
    while (static_cast<std::int64_t>(drawn.size()) < std::min<std::int64_t>(options.pairs, std::ssize(order))) {
      if (next == order.size()) {
        // Each pass in an order of its own.
        for (std::size_t i = order.size(); i > 1; --i)
          std::swap(order[i - 1], order[static_cast<std::size_t>(random.below(static_cast<std::int64_t>(i)))]);
        next = 0;
      }
      drawn.push_back(order[next++]);
    }
    auto loss = torch::zeros({}, model->token_embedding.options().requires_grad(false));
    if (options.preference > 0) {
      // The reference is the model as it was, and stays so.
      PairLogProbabilities frozen;
      {
        const torch::NoGradGuard no_gradients;
        frozen = score_pairs(reference, vocabulary, drawn, options.compared);
      }
      const auto now = score_pairs(model, vocabulary, drawn, options.compared);
      loss = loss + options.preference * dpo_loss(now, frozen, options.beta);
    }
    if (options.likelihood > 0) {
      std::vector<Tokens> chosen;
      for (const auto& pair : drawn) chosen.push_back(pair.chosen);
      const auto tokens = filled_rows(chosen, vocabulary.special().filler);
      const auto learned = response_mask(tokens, vocabulary.special()).to(loss.device());
      const auto rows = tokens.to(loss.device());
      const auto each = response_log_probability(model->forward(rows), rows, learned) / learned.sum(1);
      loss = loss - options.likelihood * each.mean();
    }
    return loss;
  };
  const auto steps = std::max<std::int64_t>(1, options.passes * std::ssize(pairs) / options.pairs);
  learn(model, next_loss, steps, options.learning_rate, options.learning_rate / 10, 2 * options.pairs);
  model->eval();
}

double reward_right(const Reading& reading, const Problem& problem) {
  return reading.finished && reading.answer == problem.answer ? 1 : 0;
}

double reward_last_digit(const Reading& reading, const Problem& problem) {
  return reading.finished && !reading.answer.empty() && reading.answer.back() == problem.answer.back() ? 1 : 0;
}

std::vector<RewardPoint> reinforce(GPT& model, const ChatVocabulary& vocabulary, const Reinforcing& options) {
  const auto& special = vocabulary.special();
  const auto device = model->token_embedding.device();
  auto reference = copy_of(model);
  Random random(options.seed);
  std::vector<RewardPoint> points;
  std::int64_t step = 0;
  torch::Tensor tokens, learned, sampled, wanted, advantages;
  const auto log_probabilities = [&](GPT& of) { return token_log_probabilities(of->forward(tokens), tokens); };
  //! [reinforce]
  const auto sample = [&] {
    // Groups of answers to the same question, and what each is worth within its group.
    const auto problems = draw_training_problems(options.task, options.questions, random);
    const auto drawn = draw_samples(model, vocabulary, problems, options.samples, options.reward, random);
    const auto rewards = torch::tensor(drawn.rewards).view({options.questions, options.samples});
    advantages = group_advantages(rewards).flatten().to(torch::kFloat32).to(device);

    // What was said, and how probable it was to the model that said it, and is to the reference.
    const auto rows = filled_rows(drawn.rows, special.filler);
    learned = response_mask(rows, special).narrow(1, 1, rows.size(1) - 1).to(device);
    tokens = rows.to(device);
    const torch::NoGradGuard no_gradients;
    sampled = log_probabilities(model);
    wanted = log_probabilities(reference);
    const auto means = rewards.mean(1);
    points.push_back({step, means.mean().item<double>(),
                      torch::logical_and(means > 0, means < 1).to(torch::kFloat64).mean().item<double>()});
  };
  const auto next_loss = [&] {
    if (step++ % options.reuse == 0) sample();
    return -clipped_objective(log_probabilities(model), sampled, wanted, advantages, learned, options.objective);
  };
  //! [reinforce]
  learn(model, next_loss, options.steps, options.learning_rate, options.learning_rate,
        options.questions * options.samples);
  model->eval();
  return points;
}

}  // namespace verse
