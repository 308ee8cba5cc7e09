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
  // Exercise 8.1. Read "New words for an old model" in README.md, then replace the next line; make hint-8.1 helps.
  // New here: x.copy_(y)
  //   does: overwrites the numbers of `x` with those of `y`
  throw NotImplemented("8.1");
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
  // Exercise 8.2. Read "Who is speaking?" in README.md, then replace the next line; make hint-8.2 helps.
  throw NotImplemented("8.2");
  //! [8.2]
}

torch::Tensor response_mask(const torch::Tensor& tokens, const SpecialTokens& special) {
  const auto rows = tokens.size(0), time = tokens.size(1);
  auto mask = torch::zeros({rows, time}, torch::kBool);
  const auto token = tokens.accessor<std::int64_t, 2>();
  auto learned = mask.accessor<bool, 2>();
  //! [8.3]
  // Exercise 8.3. Read "Learning the answer, not the question" in README.md, then replace the next line; make hint-8.3 helps.
  throw NotImplemented("8.3");
  //! [8.3]
  return mask;
}

torch::Tensor masked_loss(const torch::Tensor& logits, const torch::Tensor& tokens, const torch::Tensor& learned) {
  //! [8.4]
  // Exercise 8.4. Read "Learning the answer, not the question" in README.md, then replace the next line; make hint-8.4 helps.
  throw NotImplemented("8.4");
  //! [8.4]
}

Packed pack(const std::vector<std::vector<std::int64_t>>& examples, std::int64_t length, std::int64_t filler) {
  for (const auto& example : examples)
    if (static_cast<std::int64_t>(example.size()) > length)
      throw UsageError(fmt::format("an example of {} tokens does not fit into a row of {}", example.size(), length));
  //! [8.5]
  // Exercise 8.5: Packing. Read "Several in one row" in README.md, then replace the next line; make hint-8.5 helps.
  // New here: torch::full(shape, value, options)
  //   does: a tensor of this shape that holds `value` everywhere
  // New here: torch::full_like(x, value)
  //   does: a tensor like `x` that holds `value` everywhere
  throw NotImplemented("8.5");
  //! [8.5]
}

torch::Tensor packed_mask(const torch::Tensor& owners) {
  //! [8.6]
  // Exercise 8.6. Read "Several in one row" in README.md, then replace the next line; make hint-8.6 helps.
  throw NotImplemented("8.6");
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
