#include "08_post_training/given/reward_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "02_embeddings/embeddings.h"
#include "05_training/given/train_small.h"
#include "08_post_training/given/fine_tune.h"
#include "08_post_training/given/respond.h"
#include "08_post_training/post_training.h"
#include "common/base/error.h"
#include "common/base/interrupt.h"

namespace verse {

namespace {

/// The response of a row: what stands behind its last `<assistant>`.
std::size_t response_begin(const std::vector<std::int64_t>& row, const SpecialTokens& special) {
  return static_cast<std::size_t>(std::find(row.rbegin(), row.rend(), special.assistant).base() - row.begin());
}

}  // namespace

RewardModel::RewardModel(GPT& trunk)
    : trunk_(copy_of(trunk)),
      head_(torch::zeros({trunk->options.width}, trunk->token_embedding.options()).requires_grad_(true)) {}

//! [scores]
torch::Tensor RewardModel::scores(const std::vector<std::vector<std::int64_t>>& rows) {
  // The filling behind a row is seen by none of its tokens, since nobody looks ahead.
  const auto device = head_.device();
  const auto tokens = filled_rows(rows, 0).to(device);
  const auto x = embed_tokens(trunk_->token_embedding, tokens);
  const auto positions = torch::arange(tokens.size(1), tokens.options());
  const auto features = trunk_->run_blocks(trunk_->add_positions(x, positions), {});  // [rows, longest, width]

  std::vector<std::int64_t> last;
  for (const auto& row : rows) last.push_back(std::ssize(row) - 1);
  const auto at_end = features.index({torch::arange(tokens.size(0), tokens.options()), torch::tensor(last).to(device)});
  return at_end.matmul(head_);  // [rows, width] times [width]
}
//! [scores]

std::vector<double> RewardModel::score(const std::vector<std::vector<std::int64_t>>& rows) {
  const torch::NoGradGuard no_gradients;
  constexpr std::ptrdiff_t kTogether = 250;
  std::vector<double> all;
  for (std::ptrdiff_t first = 0; first < std::ssize(rows); first += kTogether) {
    if (interrupted()) throw Interrupted("stopped");
    const std::vector<std::vector<std::int64_t>> some(rows.begin() + first,
                                                      rows.begin() + std::min(first + kTogether, std::ssize(rows)));
    const auto found = scores(some).cpu().to(torch::kFloat64);
    all.insert(all.end(), found.data_ptr<double>(), found.data_ptr<double>() + found.numel());
  }
  return all;
}

std::vector<torch::Tensor> RewardModel::parameters() const {
  auto all = trunk_->parameters();
  all.push_back(head_);
  return all;
}

//! [bradley_terry]
torch::Tensor bradley_terry_loss(const torch::Tensor& chosen, const torch::Tensor& rejected) {
  return -torch::log_sigmoid(chosen - rejected).mean();
}
//! [bradley_terry]

Candidates draw_candidates(GPT& model, const ChatVocabulary& vocabulary, const std::vector<Problem>& problems,
                           std::int64_t samples, Random& random) {
  Candidates drawn{problems, samples, {}, {}};
  for (const auto& problem : problems)
    drawn.rows.insert(drawn.rows.end(), static_cast<std::size_t>(samples),
                      format_question(vocabulary.encode(problem.question), vocabulary.special()));
  RespondOptions options;
  options.temperature = 1;
  const auto responses = respond(model, drawn.rows, vocabulary.special(), options, random);
  for (std::size_t i = 0; i < responses.size(); ++i) {
    const auto& problem = problems[i / static_cast<std::size_t>(samples)];
    drawn.right.push_back(reward_right(read_response(responses[i], vocabulary), problem) > 0);
    drawn.rows[i].insert(drawn.rows[i].end(), responses[i].begin(), responses[i].end());
  }
  return drawn;
}

std::vector<Pair> pairs_of(const Candidates& candidates) {
  std::vector<Pair> pairs;
  const auto samples = static_cast<std::size_t>(candidates.samples);
  for (std::size_t first = 0; first < candidates.rows.size(); first += samples) {
    std::vector<std::size_t> right, wrong;
    for (std::size_t i = first; i < first + samples; ++i) (candidates.right[i] ? right : wrong).push_back(i);
    for (std::size_t i = 0; i < std::min(right.size(), wrong.size()); ++i)
      pairs.push_back({candidates.rows[right[i]], candidates.rows[wrong[i]]});
  }
  return pairs;
}

void train_reward_model(RewardModel& model, const std::vector<Pair>& pairs, const Scoring& options) {
  if (pairs.empty()) throw std::invalid_argument("there are no pairs to learn from");
  Random random(options.seed);
  std::vector<std::size_t> order(pairs.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::size_t next = order.size();
  const auto next_loss = [&] {
    std::vector<std::vector<std::int64_t>> chosen, rejected;
    for (std::int64_t i = 0; i < options.pairs; ++i) {
      if (next == order.size()) {
        // Each pass in an order of its own.
        for (std::size_t left = order.size(); left > 1; --left)
          std::swap(order[left - 1], order[static_cast<std::size_t>(random.below(static_cast<std::int64_t>(left)))]);
        next = 0;
      }
      chosen.push_back(pairs[order[next]].chosen);
      rejected.push_back(pairs[order[next++]].rejected);
    }
    return bradley_terry_loss(model.scores(chosen), model.scores(rejected));
  };
  const auto steps = std::max<std::int64_t>(1, options.passes * std::ssize(pairs) / options.pairs);
  SmallTraining plan;
  plan.schedule = {options.learning_rate, options.learning_rate / 10, std::min<std::int64_t>(20, steps), steps};
  train_small(model.parameters(), 2 * options.pairs, next_loss, plan);
}

double pairs_in_order(const Candidates& candidates, const std::vector<double>& scores) {
  double in_order = 0, of = 0;
  const auto samples = static_cast<std::size_t>(candidates.samples);
  for (std::size_t first = 0; first < scores.size(); first += samples)
    for (std::size_t i = first; i < first + samples; ++i)
      for (std::size_t j = first; j < first + samples; ++j) {
        if (!candidates.right[i] || candidates.right[j]) continue;
        in_order += scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0;
        ++of;
      }
  return of > 0 ? in_order / of : 0.5;
}

std::vector<std::size_t> best_of(const Candidates& candidates, const std::vector<double>& scores, std::int64_t of) {
  std::vector<std::size_t> best;
  for (std::ptrdiff_t first = 0; first < std::ssize(scores); first += candidates.samples) {
    const auto begin = scores.begin() + first;
    best.push_back(static_cast<std::size_t>(std::max_element(begin, begin + of) - scores.begin()));
  }
  return best;
}

std::vector<double> climb(RewardModel& model, const ChatVocabulary& vocabulary, std::int64_t tries,
                          std::vector<std::vector<std::int64_t>>& rows, Random& random) {
  const auto digits = vocabulary.encode("0123456789");
  auto best = model.score(rows);
  for (std::int64_t done = 0; done < tries; ++done) {
    auto tried = rows;
    for (auto& row : tried) {
      std::vector<std::size_t> places;
      for (std::size_t place = response_begin(row, vocabulary.special()); place < row.size(); ++place)
        if (std::find(digits.begin(), digits.end(), row[place]) != digits.end()) places.push_back(place);
      if (places.empty()) continue;
      row[places[static_cast<std::size_t>(random.below(std::ssize(places)))]] =
          digits[static_cast<std::size_t>(random.below(10))];
    }
    const auto scores = model.score(tried);
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (scores[i] > best[i]) {
        best[i] = scores[i];
        rows[i] = tried[i];
      }
  }
  return best;
}

double share_right(const ChatVocabulary& vocabulary, const std::vector<Problem>& problems,
                   const std::vector<std::vector<std::int64_t>>& rows) {
  double right = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto begin = rows[i].begin() + static_cast<std::ptrdiff_t>(response_begin(rows[i], vocabulary.special()));
    right += reward_right(read_response({begin, rows[i].end()}, vocabulary), problems[i]);
  }
  return right / static_cast<double>(rows.size());
}

}  // namespace verse
