#include "08_post_training/given/respond.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "07_sampling/sampling.h"
#include "08_post_training/post_training.h"
#include "common/base/error.h"
#include "common/base/interrupt.h"
#include "common/base/statistics.h"

namespace verse {

namespace {

using Tokens = std::vector<std::int64_t>;

/// Rows of one length, answered together.
void respond_together(GPT& model, const std::vector<Tokens>& rows, const std::vector<std::size_t>& which,
                      const SpecialTokens& special, const RespondOptions& options, Random& random,
                      std::vector<Tokens>& responses) {
  const auto device = model->token_embedding.device();
  const auto count = static_cast<std::int64_t>(which.size());
  Tokens flat;
  for (const auto row : which) flat.insert(flat.end(), rows[row].begin(), rows[row].end());
  auto unread = torch::tensor(flat, torch::kInt64).view({count, -1});  // [rows, time]
  const auto most = std::min(options.most, model->options.context - unread.size(1) + 1);

  auto cache = make_cache(model->options.layers);
  std::vector<bool> ended(which.size(), false);
  auto read = torch::empty({count, 0}, torch::kInt64);  // all tokens so far
  for (std::int64_t said = 0; said < most; ++said) {
    if (interrupted()) throw Interrupted("stopped");
    // The new tokens' positions and mask are chapter 7's; to hide the chain, some more of the past is left out.
    const auto plan = plan_cached_step(read.size(1), unread.size(1));
    read = torch::cat({read, unread}, 1);
    ForwardExtras extras;
    extras.cache = &cache;
    extras.mask = plan.mask.to(device);
    if (options.hides_chain) {
      const auto seen = chain_hiding_mask(read, special).narrow(2, read.size(1) - unread.size(1), unread.size(1));
      extras.mask = torch::logical_and(plan.mask, seen).to(device);
    }
    const auto x = torch::embedding(model->token_embedding, unread.to(device));
    const auto features = model->run_blocks(model->add_positions(x, plan.positions.to(device)), extras);
    const auto logits = model->head(features.select(1, -1)).cpu();  // [rows, vocabulary]

    // One token each; who has ended goes on for nobody.
    const auto chosen = options.temperature > 0 ? torch::softmax(logits.to(torch::kFloat64) / options.temperature, -1)
                                                : logits.argmax(-1);
    unread = torch::full({count, 1}, special.filler, torch::kInt64);
    bool all_ended = true;
    for (std::int64_t row = 0; row < count; ++row) {
      const auto place = static_cast<std::size_t>(row);
      const auto token = options.temperature > 0 ? draw(chosen[row], random) : chosen.data_ptr<std::int64_t>()[row];
      if (ended[place]) continue;
      responses[which[place]].push_back(token);
      unread.data_ptr<std::int64_t>()[row] = token;
      ended[place] = token == special.end;
      all_ended = all_ended && ended[place];
    }
    if (all_ended) break;
  }
}

}  // namespace

std::vector<Tokens> respond(GPT& model, const std::vector<Tokens>& rows, const SpecialTokens& special,
                            const RespondOptions& options, Random& random) {
  const torch::NoGradGuard no_gradients;
  const EvaluationMode evaluating(*model);
  std::map<std::size_t, std::vector<std::size_t>> by_length;
  for (std::size_t row = 0; row < rows.size(); ++row) by_length[rows[row].size()].push_back(row);

  std::vector<Tokens> responses(rows.size());
  for (const auto& [length, members] : by_length) {
    for (std::size_t first = 0; first < members.size(); first += static_cast<std::size_t>(options.batch_size)) {
      const auto last = std::min(members.size(), first + static_cast<std::size_t>(options.batch_size));
      const std::vector<std::size_t> which(members.begin() + static_cast<std::ptrdiff_t>(first),
                                           members.begin() + static_cast<std::ptrdiff_t>(last));
      respond_together(model, rows, which, special, options, random, responses);
    }
  }
  return responses;
}

//! [hiding]
torch::Tensor chain_hiding_mask(const torch::Tensor& tokens, const SpecialTokens& special) {
  const auto rows = tokens.size(0), time = tokens.size(1);
  const auto chain = torch::zeros({rows, time}, torch::kBool), behind = torch::zeros_like(chain);
  const auto token_at = tokens.accessor<std::int64_t, 2>();
  auto in_chain = chain.accessor<bool, 2>(), is_behind = behind.accessor<bool, 2>();
  for (std::int64_t row = 0; row < rows; ++row) {
    enum { before, thinking, answering } stage = before;
    for (std::int64_t place = 0; place < time; ++place) {
      const auto token = token_at[row][place];
      if (token == special.user) stage = before;
      if (token == special.end_think) stage = answering;
      in_chain[row][place] = stage == thinking;
      is_behind[row][place] = stage == answering;
      if (token == special.think) stage = thinking;
    }
  }
  return torch::logical_and(behind.unsqueeze(2), chain.unsqueeze(1)).logical_not().unsqueeze(1);
}
//! [hiding]

Reading read_response(const Tokens& response, const ChatVocabulary& vocabulary) {
  const auto& special = vocabulary.special();
  Reading reading;
  auto first = response.begin();
  auto last = std::find(first, response.end(), special.end);
  reading.finished = last != response.end();
  if (first != last && *first == special.think) {
    const auto closed = std::find(first, last, special.end_think);
    reading.chain = vocabulary.decode({first + 1, closed});
    reading.finished = reading.finished && closed != last;
    first = closed == last ? last : closed + 1;
  }
  reading.answer = vocabulary.decode({first, last});
  return reading;
}

double Accuracy::low() const {
  return wilson_interval(hits, of).low;
}

double Accuracy::high() const {
  return wilson_interval(hits, of).high;
}

std::string Accuracy::text() const {
  return fmt::format("{:.1f} % ({:.1f} to {:.1f})", 100 * value(), 100 * low(), 100 * high());
}

Accuracy measure(GPT& model, const ChatVocabulary& vocabulary, const std::vector<Problem>& problems,
                 const RespondOptions& options, Random& random) {
  return measure_votes(model, vocabulary, problems, 1, options, random);
}

Accuracy measure_votes(GPT& model, const ChatVocabulary& vocabulary, const std::vector<Problem>& problems,
                       std::int64_t votes, const RespondOptions& options, Random& random) {
  std::vector<Tokens> rows;
  for (const auto& problem : problems)
    rows.insert(rows.end(), static_cast<std::size_t>(votes),
                format_question(vocabulary.encode(problem.question), vocabulary.special()));
  const auto responses = respond(model, rows, vocabulary.special(), options, random);

  Accuracy share;
  std::size_t next = 0;
  for (const auto& problem : problems) {
    std::map<std::string, int> counts;
    std::string best;
    int most = 0;
    for (std::int64_t vote = 0; vote < votes; ++vote, ++next) {
      const auto reading = read_response(responses[next], vocabulary);
      share.tokens += static_cast<double>(responses[next].size());
      if (!reading.finished) continue;
      const int count = ++counts[reading.answer];
      if (count <= most) continue;
      most = count;
      best = reading.answer;
    }
    share.hits += best == problem.answer ? 1 : 0;
    ++share.of;
  }
  if (share.of > 0) share.tokens /= static_cast<double>(share.of);
  return share;
}

}  // namespace verse
