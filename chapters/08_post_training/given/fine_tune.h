#pragma once

/// @file
/// Chapter 8: a base, and what is fine-tuned from it on examples, with chapter 5's loop. Given, not an exercise.

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "04_blocks/blocks.h"
#include "05_training/given/checkpoint.h"
#include "05_training/training.h"
#include "08_post_training/given/chat.h"
#include "08_post_training/given/tasks.h"
#include "08_post_training/post_training.h"
#include "common/base/random.h"
#include "common/corpus.h"

namespace verse {

/// In which form a problem's solution is shown.
enum class Form {
  answer,  ///< the answer alone
  chain,   ///< the chain between `<think>` and `</think>`, then the answer
  filler,  ///< as many tokens as the chain has, all `<filler>` and none of them learned, then the answer
};

/// A problem as one row of tokens.
std::vector<std::int64_t> format_problem(const Problem& problem, Form form, const ChatVocabulary& vocabulary);

/// Draws an example: a conversation as one row of tokens.
using DrawExample = std::function<std::vector<std::int64_t>(Random&)>;

/// Which tokens count, [rows, time] to [rows, time], bool, on the CPU.
using LearnedTokens = std::function<torch::Tensor(const torch::Tensor& tokens)>;

/// What to fine-tune on, and how.
struct FineTuning {
  TaskOptions task;
  Form form = Form::chain;
  double bad_share = 0;  ///< of the examples
  Damage damage = Damage::slip;
  bool hides_chain = false;  ///< the answer may not attend to the chain
  std::int64_t steps = 400;
  std::int64_t rows = 12;  ///< packed ones a step, each of `row_length` tokens
  std::int64_t row_length = 128;
  double learning_rate = 3e-3;  ///< at its peak; it falls to a tenth of it
  std::uint64_t seed = 1;
  DrawExample draw = {};       ///< instead of the task's problems in their form, where given
  LearnedTokens learned = {};  ///< instead of the whole responses, where given
};

/// Draws training problems and packs them into rows, without end.
class ExampleSource {
 public:
  ExampleSource(const FineTuning& options, const ChatVocabulary& vocabulary);

  /// The next rows. Each problem is drawn anew from the training split.
  Packed next();

  std::int64_t problems() const { return problems_; }  ///< in all rows so far

 private:
  std::vector<std::int64_t> draw();

  FineTuning options_;
  const ChatVocabulary& vocabulary_;
  Random random_;
  std::vector<std::int64_t> waiting_;  ///< the example that did not fit into the rows before
  std::int64_t problems_ = 0;
};

/// Which tokens of packed rows are learned: those of the responses, but no `<filler>`. A filler says nothing, so nobody
/// learns to say it: whoever asks a model that was tuned with fillers gives them. @return [rows, time], bool
torch::Tensor learned_tokens(const Packed& rows, const SpecialTokens& special);

/// The loss on packed rows: of the learned tokens alone, none seeing another example.
torch::Tensor supervised_loss(GPT& model, const Packed& rows, const SpecialTokens& special, bool hides_chain);

/// Called now and then while a model learns, with the steps done.
using Checkup = std::function<void(std::int64_t)>;

/// Fine-tunes in place. @param learning the parameters that are to move; all of them where empty
/// @param checkup heard after every `every` steps, where given
/// @return the number of problems that were read @throws Interrupted
std::int64_t fine_tune(GPT& model, const ChatVocabulary& vocabulary, const FineTuning& options,
                       const std::vector<torch::Tensor>& learning = {}, std::int64_t every = 0,
                       const Checkup& checkup = {});

/// How a base is made for whoever has none.
struct BaseOptions {
  std::int64_t layers = 3, heads = 4, width = 96, context = 128;
  std::int64_t batch_size = 12, steps = 300;
  double learning_rate = 4e-3;
  std::uint64_t seed = 1;
};

/// Trains a small GPT on a text. @throws Interrupted
TrainedModel train_base(const Corpus& corpus, const BaseOptions& options, torch::Device device);

/// A model of the same shape with the same values, that shares no memory with it.
GPT copy_of(GPT& model);

/// A model of the same shape with first values of its own.
GPT fresh_like(GPT& model, std::uint64_t seed);

/// Insists that a model has the base's architecture: the same parameters by name, each of the same shape but for the
/// token table's rows. @throws std::logic_error that names the first one that differs.
void expect_same_architecture(GPT& base, GPT& model);

}  // namespace verse
