#pragma once

/// @file
/// Chapter 9: a GPT with a sense. Its class is chapter 4's, unchanged; it is fed vectors where a text has placeholders.

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "01_tokenizer/tokenizer.h"
#include "04_blocks/blocks.h"
#include "05_training/training.h"
#include "09_multimodal/images.h"

namespace verse {

/// How a caption is written as tokens: small letters, space and line end, and two markers.
class Script {
 public:
  Script();

  /// One row a text: `placeholders` placeholders, the text, a line end, and padding up to the longest of them.
  /// @return [texts, time], int64
  torch::Tensor write(const std::vector<std::string>& texts, std::int64_t placeholders) const;

  /// The text of some tokens up to their first line end.
  std::string read(const torch::Tensor& tokens) const;

  const Tokenizer& tokenizer() const { return tokenizer_; }
  const Markers& markers() const { return markers_; }
  std::int64_t line_end() const { return line_end_; }

 private:
  Tokenizer tokenizer_;
  Markers markers_;
  std::int64_t line_end_;
};

/// An encoder in front of a GPT. Modules: `encoder` and `gpt`.
class SenseReaderImpl : public torch::nn::Module {
 public:
  /// @param room positions that are kept for the sense; a text begins behind them, however few of them are taken
  SenseReaderImpl(const GPTOptions& options, std::shared_ptr<Encoder> encoder, const Markers& markers,
                  std::int64_t room);

  /// @param tokens [batch, time], int64: as many placeholders a row as the encoder makes vectors, then the text
  /// @param input what the encoder reads, [batch, ...] @return logits [batch, time, vocabulary]
  torch::Tensor forward(const torch::Tensor& tokens, const torch::Tensor& input, const ForwardExtras& extras = {});

  std::shared_ptr<Encoder> encoder;
  GPT gpt{nullptr};
  Markers markers;
  std::int64_t room;
};
TORCH_MODULE(SenseReader);

/// Mean cross-entropy in nats of the next token, over those next tokens that are text.
/// A placeholder is nothing that the model could say, and padding nothing that it should.
/// @param logits [batch, time, vocabulary], at each position for the token after it @param tokens [batch, time], int64
/// @return a scalar that gradients flow through
torch::Tensor text_loss(const torch::Tensor& logits, const torch::Tensor& tokens, const Markers& markers);

/// What a reader learns from.
struct SenseBatch {
  torch::Tensor tokens;  ///< [batch, time], int64
  torch::Tensor input;   ///< [batch, ...]
};

/// How long and how fast something is trained.
struct LearningPlan {
  std::int64_t steps = 1000;
  std::int64_t batch_size = 32;
  double peak = 2e-3;  ///< of the learning rate
};

/// Trains by chapter 5's loop and AdamW. @param next_batch gets the number of the step
/// @throws Interrupted on Ctrl-C
void learn(SenseReader& reader, const LearningPlan& plan, const std::function<SenseBatch(std::int64_t)>& next_batch);

/// The same loop for any loss and any parameters. @param tokens_per_step for the progress bar
void learn(const std::vector<torch::Tensor>& parameters, const LearningPlan& plan, std::int64_t tokens_per_step,
           const std::function<torch::Tensor(std::int64_t)>& next_loss);

/// What the reader writes, greedily: at each position the likeliest character, up to the line end. Keys and values are
/// kept in chapter 7's cache. @param longest characters of a text @return one text a row of the input
std::vector<std::string> write_texts(SenseReader& reader, const Script& script, const torch::Tensor& input,
                                     std::int64_t longest);

/// A share of trials with its 95 % interval (Wilson's, which stays within 0 and 1).
struct Share {
  double value = 0, low = 0, high = 0;
};
Share share_of(std::int64_t hits, std::int64_t trials);

/// A mean over a few runs with its 95 % interval by Student's t. @param values two of them or more
struct Mean {
  double value = 0, half_width = 0;
};
Mean mean_of(const std::vector<double>& values);

/// Continues kPrompt by chapter 7's loop and prints it. @param on_one_line line ends are shown as ↵
void speak(GPT& model, const Tokenizer& tokenizer, std::int64_t count, std::uint64_t seed, bool on_one_line = false);

}  // namespace verse
