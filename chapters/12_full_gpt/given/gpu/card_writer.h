#pragma once

/// @file
/// Chapter 12: text written on a GPU, token after token, without asking the processor (kernels/generation.cu).

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "04_blocks/blocks.h"
#include "07_sampling/sampling.h"
#include "common/base/random.h"
#include "common/device.h"
#include "common/gpu_kernels.h"

namespace verse {

/// Writes one text. A token takes 4 kernels a layer and one that chooses; which token comes next never leaves the card.
/// The launches of many tokens are recorded once and played back; the processor hears the tokens some time later.
///
/// The text is that of chapter 7's generate(): greedy, wherever two scores are not equal but for rounding; drawn, from
/// the same random numbers by the same rules, wherever no number falls within rounding of a border between two tokens.
class CardWriter {
 public:
  /// Whether a model's text can be written so. @return why not; empty where it can
  static std::string obstacle(GPTImpl& model);

  /// Whether its kernel knows these ways to choose: neither min-p nor changed logits.
  static bool chooses_by(const SamplingOptions& options) { return !options.min_p && !options.change; }

  /// @return null where that cannot be, with the reason in `problem`
  static std::unique_ptr<CardWriter> make(GPT model, std::string& problem);

  /// The kernels for a model. @return null where that cannot be, with the reason in `problem`
  static std::unique_ptr<Launcher> compile(GPT& model, std::string& problem);

  /// The writer of a model, made when it is first asked for and kept; null where there is none.
  static CardWriter* of(const LanguageModel& model);

  /// @param launcher runs kernels that were compiled for that model @param early each may start before the one before
  /// has ended
  CardWriter(GPT model, std::unique_ptr<Launcher> launcher, bool early = true);

  /// As chapter 7's generate().
  std::vector<std::int64_t> write(const std::vector<std::int64_t>& prompt, std::int64_t count,
                                  const SamplingOptions& options, Random& random, const TokenListener& listener = {});

  /// Everything that is done once: libraries choose their algorithms, and the launches are recorded.
  void prepare(const SamplingOptions& options);

 private:
  /// chapters' options as the kernel takes them.
  struct Choosing {
    double temperature = 1, top_p = 0;
    int top_k = 0, greedy = 0;
    bool operator==(const Choosing&) const = default;
  };

  static Choosing choosing_of(const SamplingOptions& options);
  bool still_there() const;
  void read(const std::vector<std::int64_t>& tokens);
  void choose(bool from_logits);
  void write_one();
  void write_many(std::int64_t count, const std::function<void(std::int64_t first, std::int64_t count)>& after);
  template <typename... Arguments>
  void launch(const char* kernel, Grid grid, Grid block, Arguments... arguments);

  GPT model_;
  std::unique_ptr<Launcher> launcher_;
  bool early_;
  std::vector<torch::Tensor> parameters_;  ///< whose memory the recordings know
  Cache cache_;
  Choosing choosing_;
  torch::Tensor stream_, after_, queries_, outcomes_, hidden_;  ///< between kernels, float32
  torch::Tensor logits_;                                        ///< [vocabulary], float32: after what was read
  torch::Tensor uniforms_;                                      ///< [context], float64
  torch::Tensor text_, heard_;  ///< [context], int64: chosen tokens; on the card, and on the way to the processor
  torch::Tensor writing_;       ///< [2], int32: the place of the token that is read next; how many were chosen
  std::unique_ptr<Recording> one_, many_;
  bool prepared_ = false;
};

}  // namespace verse
