#pragma once

/// @file
/// Chapter 8, the core path: from a model that continues texts to one that answers. New tokens, the format of a
/// conversation, the loss on responses alone, and several conversations in one row.

#include <torch/torch.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "04_blocks/blocks.h"
#include "08_post_training/given/chat.h"
#include "common/base/random.h"

namespace verse {

/// The standard deviation of a new token's row around the mean of the old ones; GPT-2's for every table.
inline constexpr double kNewRowDeviation = 0.02;

/// The base model with more tokens at the end of its vocabulary. (Exercise 8.1)
/// All else is copied: the old rows of the token table and every other parameter keep their values, and the base is
/// left as it was. Each number of the new rows, row by row, is its column's mean over the old rows, plus
/// kNewRowDeviation * random.normal().
/// @return a model of its own, on the base's device
GPT grow_vocabulary(GPT& base, std::int64_t new_tokens, Random& random);

/// A question and its response, in tokens.
struct Turn {
  std::vector<std::int64_t> question;
  std::optional<std::vector<std::int64_t>> chain;  ///< what is thought before answering, where anything is
  std::vector<std::int64_t> answer;
};

/// A turn as one row of tokens. (Exercise 8.2)
/// `<user>` question `<assistant>` answer `<end>`, or with a chain
/// `<user>` question `<assistant>` `<think>` chain `</think>` answer `<end>`.
std::vector<std::int64_t> format_turn(const Turn& turn, const SpecialTokens& special);

/// What the model is given to respond to: the same row up to and with `<assistant>`. Given, not an exercise.
std::vector<std::int64_t> format_question(const std::vector<std::int64_t>& question, const SpecialTokens& special);

/// Which tokens the model is to learn to say: those after an `<assistant>`, up to and with the next `<end>`. Not the
/// question, not the role tokens, not what fills up a row. A row may hold several turns. (Exercise 8.3)
/// @param tokens [rows, time], int64, on the CPU @return [rows, time], bool
torch::Tensor response_mask(const torch::Tensor& tokens, const SpecialTokens& special);

/// Mean cross-entropy in nats over the learned tokens alone, each predicted from the logits one position before it.
/// (Exercise 8.4) A token at position 0 is predicted by nobody and never counts;
/// where no token counts, the mean is NaN.
/// @param logits [rows, time, vocabulary] @param tokens [rows, time], int64
/// @param learned [rows, time], bool: as response_mask() gives it, about the tokens themselves
/// @return a scalar that gradients flow through
torch::Tensor masked_loss(const torch::Tensor& logits, const torch::Tensor& tokens, const torch::Tensor& learned);

/// Several examples in the same row, one behind the other.
struct Packed {
  torch::Tensor tokens;     ///< [rows, length], int64
  torch::Tensor positions;  ///< [rows, length], int64: counted from 0 in each example
  torch::Tensor owners;     ///< [rows, length], int64: 0 for a row's first example, 1 for its second; -1 for filling
};

/// Puts examples into rows in the order given: one that does not fit behind those already in the row begins a new one.
/// What is left of a row is filled with `filler` at position 0. (Exercise 8.5)
/// @throws UsageError for an example longer than a row.
Packed pack(const std::vector<std::vector<std::int64_t>>& examples, std::int64_t length, std::int64_t filler);

/// Which positions may look at which in packed rows: back, and only within the same example. (Exercise 8.6)
/// Filling counts as an example of its own, so that none of its positions looks at nothing.
/// @param owners [rows, time] @return [rows, 1, time, time], bool; the 1 is for the heads
torch::Tensor packed_mask(const torch::Tensor& owners);

/// Logits of packed rows: positions restart with each example, and none sees another. Given, not an exercise.
/// @param mask as packed_mask() gives it, or a stricter one @return [rows, length, vocabulary]
torch::Tensor packed_logits(GPT& model, const Packed& packed, const torch::Tensor& mask);

/// Moves all three tensors. Given, not an exercise.
Packed to_device(const Packed& packed, torch::Device device);

}  // namespace verse
