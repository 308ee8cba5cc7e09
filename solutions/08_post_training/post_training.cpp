#include "08_post_training/post_training.h"

#include <fmt/core.h>

#include <algorithm>

#include "02_embeddings/embeddings.h"
#include "common/base/error.h"

namespace verse {

GPT grow_vocabulary(GPT& base, std::int64_t new_tokens, Random& random) {
  auto options = base->options;
  options.vocabulary_size += new_tokens;
  options.initialise = false;
  GPT grown(options);
  grown->to(base->token_embedding.device());
  const torch::NoGradGuard no_gradients;
  //! [8.1]
  // A new token begins as the average of the old ones, with a little noise to tell it from its neighbours.
  const auto& old_rows = base->token_embedding;  // [old vocabulary, width]
  const auto mean = old_rows.mean(0).cpu();      // [width]
  auto new_rows = mean.repeat({new_tokens, 1});  // [new tokens, width]
  auto numbers = new_rows.accessor<float, 2>();
  for (std::int64_t row = 0; row < new_tokens; ++row)
    for (std::int64_t column = 0; column < mean.size(0); ++column)
      numbers[row][column] += static_cast<float>(kNewRowDeviation * random.normal());

  // The table gets them at its end; whatever else there is has kept its name and its shape.
  const auto parameters = base->named_parameters();
  for (auto& parameter : grown->named_parameters()) {
    const bool table = parameter.key() == "token_embedding";
    parameter->copy_(table ? torch::cat({old_rows, new_rows.to(old_rows.device())}) : parameters[parameter.key()]);
  }
  //! [8.1]
  return grown;
}

std::vector<std::int64_t> format_question(const std::vector<std::int64_t>& question, const SpecialTokens& special) {
  std::vector<std::int64_t> row = {special.user};
  row.insert(row.end(), question.begin(), question.end());
  row.push_back(special.assistant);
  return row;
}

std::vector<std::int64_t> format_turn(const Turn& turn, const SpecialTokens& special) {
  //! [8.2]
  // What training shows before the response is what the model will be given when it has to respond.
  auto row = format_question(turn.question, special);

  // Thinking is fenced off, so that the model knows when to begin to answer, and we know where the answer begins.
  if (turn.chain) {
    row.push_back(special.think);
    row.insert(row.end(), turn.chain->begin(), turn.chain->end());
    row.push_back(special.end_think);
  }
  row.insert(row.end(), turn.answer.begin(), turn.answer.end());

  // To stop is a thing to be learned too.
  row.push_back(special.end);
  return row;
  //! [8.2]
}

torch::Tensor response_mask(const torch::Tensor& tokens, const SpecialTokens& special) {
  const auto rows = tokens.size(0), time = tokens.size(1);
  auto mask = torch::zeros({rows, time}, torch::kBool);
  const auto token = tokens.accessor<std::int64_t, 2>();
  auto learned = mask.accessor<bool, 2>();
  //! [8.3]
  for (std::int64_t row = 0; row < rows; ++row) {
    // Walk along the row and remember whose turn it is.
    bool responding = false;
    for (std::int64_t place = 0; place < time; ++place) {
      learned[row][place] = responding;

      // The response begins behind <assistant>; <end> is its last token, and the model has to say it.
      if (token[row][place] == special.assistant) responding = true;
      if (token[row][place] == special.end) responding = false;
    }
  }
  //! [8.3]
  return mask;
}

torch::Tensor masked_loss(const torch::Tensor& logits, const torch::Tensor& tokens, const torch::Tensor& learned) {
  //! [8.4]
  // The logits at a position are about the token after it: the last position's are about nothing that is there.
  const std::int64_t predicted = tokens.size(1) - 1;
  const auto guesses = logits.narrow(1, 0, predicted);  // [rows, time - 1, vocabulary]
  const auto targets = tokens.narrow(1, 1, predicted);  // [rows, time - 1]
  const auto counts = learned.narrow(1, 1, predicted);  // [rows, time - 1]

  // Only what is to be learned is looked at; so the mean is over that many, not over all.
  return cross_entropy(guesses.index({counts}), targets.index({counts}));
  //! [8.4]
}

Packed pack(const std::vector<std::vector<std::int64_t>>& examples, std::int64_t length, std::int64_t filler) {
  for (const auto& example : examples)
    if (static_cast<std::int64_t>(example.size()) > length)
      throw UsageError(fmt::format("an example of {} tokens does not fit into a row of {}", example.size(), length));
  //! [8.5]
  // Plan first: in which row, from which place, and the how-manieth there each example is.
  std::vector<std::int64_t> row_of, place_of, owner_of;
  std::int64_t row = 0, place = 0, owner = 0;
  for (const auto& example : examples) {
    const auto size = static_cast<std::int64_t>(example.size());
    if (place + size > length) ++row, place = 0, owner = 0;
    row_of.push_back(row), place_of.push_back(place), owner_of.push_back(owner++);
    place += size;
  }

  // Then write; what nobody writes to is filling.
  const std::int64_t rows = examples.empty() ? 0 : row + 1;
  const auto tokens = torch::full({rows, length}, filler, torch::kInt64);
  const auto positions = torch::zeros({rows, length}, torch::kInt64), owners = torch::full_like(tokens, -1);
  for (std::size_t i = 0; i < examples.size(); ++i) {
    const auto size = static_cast<std::int64_t>(examples[i].size());
    tokens[row_of[i]].narrow(0, place_of[i], size).copy_(torch::tensor(examples[i], torch::kInt64));
    positions[row_of[i]].narrow(0, place_of[i], size).copy_(torch::arange(size));
    owners[row_of[i]].narrow(0, place_of[i], size).fill_(owner_of[i]);
  }
  return {tokens, positions, owners};
  //! [8.5]
}

torch::Tensor packed_mask(const torch::Tensor& owners) {
  //! [8.6]
  // Two positions belong together when they have the same owner ...
  const auto together = owners.unsqueeze(2) == owners.unsqueeze(1);  // [rows, time, time]

  // ... and even then nobody looks ahead.
  const auto allowed = together.tril();
  return allowed.unsqueeze(1);  // [rows, 1, time, time]
  //! [8.6]
}

//! [packed_logits]
torch::Tensor packed_logits(GPT& model, const Packed& packed, const torch::Tensor& mask) {
  const auto x = embed_tokens(model->token_embedding, packed.tokens);  // [rows, length, width]
  ForwardExtras extras;
  extras.mask = mask;
  return model->forward_embedded(x, packed.positions, extras);  // [rows, length, vocabulary]
}
//! [packed_logits]

Packed to_device(const Packed& packed, torch::Device device) {
  return {packed.tokens.to(device), packed.positions.to(device), packed.owners.to(device)};
}

}  // namespace verse
