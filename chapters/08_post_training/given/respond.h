#pragma once

/// @file
/// Chapter 8: many questions answered at once, and how many of the answers are right. Given, not an exercise.

#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <vector>

#include "04_blocks/blocks.h"
#include "08_post_training/given/chat.h"
#include "08_post_training/given/tasks.h"
#include "common/base/random.h"

namespace verse {

/// How to respond.
struct RespondOptions {
  double temperature = 0;         ///< 0 takes the most probable token
  std::int64_t most = 64;         ///< tokens of a response at most
  bool hides_chain = false;       ///< from `</think>` on, what stands between `<think>` and it cannot be seen
  std::int64_t batch_size = 250;  ///< questions at a time
};

/// Continues every row until `<end>`, many rows at a time through one cache. Chapter 7's generate() gives the same, one
/// row at a time.
/// @param rows each at least one token, of any lengths @return the new tokens of each, `<end>` included where it came
/// @throws Interrupted on Ctrl-C
std::vector<std::vector<std::int64_t>> respond(GPT& model, const std::vector<std::vector<std::int64_t>>& rows,
                                               const SpecialTokens& special, const RespondOptions& options,
                                               Random& random);

/// Which keys a position at or behind `</think>` may not see: those between `<think>` and it, in the same example.
/// @param tokens [rows, time], int64, on the CPU @return [rows, 1, time, time], bool; false where a look is forbidden
torch::Tensor chain_hiding_mask(const torch::Tensor& tokens, const SpecialTokens& special);

/// What a response says.
struct Reading {
  std::string chain;      ///< between `<think>` and `</think>`
  std::string answer;     ///< what stands behind, up to `<end>`
  bool finished = false;  ///< whether `<end>` came, and `</think>` after a `<think>`
};
Reading read_response(const std::vector<std::int64_t>& response, const ChatVocabulary& vocabulary);

/// A share that was counted, with what is known about the true one.
struct Accuracy {
  std::int64_t hits = 0;
  std::int64_t of = 0;
  double tokens = 0;  ///< said in each response on average

  double value() const { return of > 0 ? static_cast<double>(hits) / static_cast<double>(of) : 0; }

  /// Wilson's 95 % interval (Wilson 1927), which stays inside [0, 1] and is no point at its ends.
  double low() const;
  double high() const;

  /// Such as "89.0 % (86.9 to 90.8)".
  std::string text() const;
};

/// How many of the problems get exactly the right answer.
Accuracy measure(GPT& model, const ChatVocabulary& vocabulary, const std::vector<Problem>& problems,
                 const RespondOptions& options, Random& random);

/// The same, where each problem is answered `votes` times and the most frequent answer counts; of several, the one
/// that came first.
Accuracy measure_votes(GPT& model, const ChatVocabulary& vocabulary, const std::vector<Problem>& problems,
                       std::int64_t votes, const RespondOptions& options, Random& random);

}  // namespace verse
