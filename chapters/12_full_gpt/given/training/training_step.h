#pragma once

/// @file
/// Chapter 12: one step of training, written so that a GPU can record it once and play it back.

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "05_training/training.h"
#include "11_modern/given/recordable.h"
#include "12_full_gpt/data_parallel.h"
#include "12_full_gpt/full_gpt.h"
#include "12_full_gpt/given/training/team_gradients.h"
#include "12_full_gpt/loss_scaling.h"
#include "common/base/random.h"
#include "common/device.h"

namespace verse {

/// The places where a batch's windows begin: those that draw_batch() would take, from the same random numbers.
/// @param characters of the text @return [batch_size], int64, on the CPU
/// @throws UsageError when the text has no room for a window and its target.
torch::Tensor draw_starts(std::int64_t characters, std::int64_t batch_size, std::int64_t context, Random& random);

/// The windows that begin at those places. Everything happens where the tokens are.
/// @param tokens [characters], whole numbers of any type @param starts [batch], int64, on the same device
Batch windows_at(const torch::Tensor& tokens, const torch::Tensor& starts, std::int64_t context);

/// FusedAdamW with the number of the step on the device. What it remembers, and how that is saved, is AdamW's.
class DeviceAdamW : public AdamW, public RecordableOptimizer {
 public:
  DeviceAdamW(std::vector<torch::Tensor> parameters, const AdamWOptions& options);

  void step(double learning_rate) override;
  void step_by(const torch::Tensor& learning_rate) override;
  std::vector<std::pair<std::string, torch::Tensor>> state() const override;
  void set_state(const std::vector<std::pair<std::string, torch::Tensor>>& state) override;

 protected:
  torch::Tensor step_number_;  ///< a scalar, float32, on the parameters' device
};

/// Optimizers of the right kind for a device: AdamW by one call on a CPU, ready to be recorded on a GPU.
std::unique_ptr<Optimizer> make_adamw(std::vector<torch::Tensor> parameters, const AdamWOptions& options);

/// How a TrainingStep works.
struct StepSettings {
  std::int64_t batch_size = 12;
  std::int64_t context = 64;
  double gradient_clip = 1.0;  ///< 0 for none
  bool bfloat16 = false;
  bool float16 = false;         ///< products in float16, the loss scaled; such a step is not recorded
  LossScale loss_scale;         ///< to begin with, for float16
  std::int64_t accumulate = 1;  ///< parts that a batch is cut into, to be gone through one after the other
  bool recorded = false;        ///< one recording played back, where the device can; else step by step
  TeamOptions team;             ///< how gradients are averaged, where several processes train
  bool own_texts = true;        ///< on a processor, each thread works on texts of its own, where the model allows it
  bool by_hand = false;         ///< on a GPU in bfloat16: by HandStep, where it knows the model; else by autograd
};

class HandStep;

/// A whole step: windows, loss, gradients, clipping, optimizer.
///
/// On a fast GPU, a step's thousand operations take longer to be asked for than to be done. So the first few
/// steps are taken one operation at a time, one more is recorded, and all that follow are the recording, played back:
/// one request a step. What changes from step to step, the windows' places and the learning rate, lies in tensors that
/// are filled before.
class TrainingStep {
 public:
  /// @param tokens [characters], int64, on the model's device, where the batches are drawn
  /// @param optimizer of that model; recorded only where it is a RecordableOptimizer
  /// @param team of which every rank draws the whole batch, works on its own rows, and takes the same step
  /// @throws UsageError where there are fewer rows than ranks
  TrainingStep(LanguageModel model, Optimizer& optimizer, torch::Tensor tokens, const StepSettings& settings,
               Random& random, Team& team);
  /// The same, alone.
  TrainingStep(LanguageModel model, Optimizer& optimizer, torch::Tensor tokens, const StepSettings& settings,
               Random& random);
  ~TrainingStep();

  /// Takes a step. The report's tensors are overwritten by the next one.
  StepReport take(std::int64_t step, double learning_rate);

  /// Whether somebody of the team was asked to stop before the last step ended; the same answer for all of them.
  bool asked_to_stop() const;

  /// How the loss is scaled in the next step, where it is.
  const LossScale& loss_scale() const { return settings_.loss_scale; }

  /// What there is to say about the recording, once: that it works, or why it does not. Empty otherwise.
  std::string news();

 private:
  void work();
  void record();
  std::int64_t threads_with_own_texts(const std::vector<torch::Tensor>& parts) const;
  torch::Tensor scaled_loss(const Batch& batch);
  torch::Tensor take_part(const std::vector<torch::Tensor>& parts);
  void try_by_hand();

  LanguageModel model_;
  Optimizer& optimizer_;
  RecordableOptimizer* recordable_;  ///< the same optimizer, where its step is to be recorded
  torch::Tensor tokens_;
  StepSettings settings_;
  bool autocast_;  ///< a GPU's way to bfloat16; a processor's is HalfProducts
  Random& random_;
  Team& team_;
  std::unique_ptr<GradientAverage> average_;  ///< none alone

  torch::Tensor starts_;         ///< [batch], int64, on the device
  torch::Tensor learning_rate_;  ///< a scalar, float32, on the device
  torch::Tensor loss_, norm_;    ///< of the step taken last
  torch::Tensor shared_;         ///< [2], float64, on the device: the team's loss, and how many were asked to stop
  double rate_ = 0;
  std::int64_t taken_ = 0;
  std::unique_ptr<HandStep> by_hand_;  ///< null where autograd is asked
  std::unique_ptr<Recording> recording_;
  std::string news_;
};

}  // namespace verse
