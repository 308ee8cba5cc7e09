#pragma once

/// @file
/// What trains: a run in the making, from its recipe and text to the model in its folder.

#include <torch/torch.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "05_training/training.h"
#include "06_loss_stages/loss_stages.h"
#include "10_subwords/given/text_codec.h"
#include "12_full_gpt/given/training/recipes.h"
#include "12_full_gpt/given/training/run_folder.h"
#include "12_full_gpt/given/training/team_gradients.h"
#include "common/base/progress.h"
#include "common/base/random.h"
#include "common/corpus.h"
#include "common/device.h"
#include "common/team.h"

namespace verse {

/// A run in the making: everything that training touches. What it does is in trainer.cpp, what it says in report.cpp.
class Training {
 public:
  Training(RunIdentity identity, Corpus corpus, const DeviceChoice& device, Team& team, const TeamOptions& options);

  const Recipe& recipe() const { return identity_.recipe; }
  const RunIdentity& identity() const { return identity_; }

  /// Begins with another model's weights instead of random ones.
  void take_weights(LanguageModelImpl& model);

  /// Takes a new folder, and saves the beginning there. Of a team, rank 0 has the folder, and the others its state.
  void begin(const std::filesystem::path& path);

  /// Goes on from a folder's state. @param folder none in ranks other than 0
  void go_on(std::unique_ptr<RunFolder> folder, const RunState& state);

  /// Says what is about to be trained on what.
  void show_plan() const;

  /// The steps that are left. @throws Interrupted when asked to stop; what was learned is then saved
  void run();

  /// What came out: the best model's loss, the plot, a sample.
  void finish();

 private:
  void show_stages(const LossLandmarks& landmarks) const;

  /// How much of the machine was used: operations a second, their share of what it could do, and memory.
  void show_use(double tokens_per_second) const;

  /// What numbers it computes in, and why.
  std::string precision() const;

  void refuse_short_text() const;

  /// Chapter 5's loop, around a step that a GPU may record.
  void take_steps();

  double loss_over(Team& team, LanguageModel model, const torch::Tensor& tokens);

  double whole_loss(LanguageModel model) { return loss_over(team_, model, validation_); }
  /// The same, by this rank alone.
  double loss_alone(LanguageModel model);

  /// The validation loss by which training is steered: over the whole split, or a part where so asked for.
  double steering_loss();

  bool reached_goal() const { return recipe().stop_at_loss && progress_.best_loss <= *recipe().stop_at_loss; }

  /// Keeps the books after each step, and evaluates now and then. @return whether to go on
  bool after_step(const StepReport& report);

  /// The line of metrics.csv for the steps since the last one. Only here is a GPU asked for its numbers.
  Metrics close_row(const StepReport& report);

  /// Measures the validation loss, keeps the model if it is the best so far, and saves the state last of all.
  void evaluate_and_save(Metrics row = {});

  /// Saves the state, and before it the model where it is the best so far. Rank 0 does; all of a team call it, as they
  /// may keep parts of what is to be saved.
  /// @param beside whether the files may be written while training goes on
  void save(bool best = false, bool beside = false);

  /// One line an evaluation, and one more where training has entered a new stage.
  void report(const Metrics& row, bool best);

  /// Says how to go on; what there is has been saved.
  [[noreturn]] void stop();

  /// loss.svg. A run without its picture is still a run: where it cannot be drawn, a note says why.
  void draw() const;

  Team& team_;
  TeamOptions team_options_;
  RunIdentity identity_;
  Corpus corpus_;
  std::string tokenizer_file_;
  std::shared_ptr<TextCodec> codec_;
  torch::Device device_;
  bool bfloat16_, float16_;
  Random random_;
  std::optional<LossLandmarks> landmarks_;  ///< of a text that is read by characters
  torch::Tensor train_, validation_;        ///< [characters], on the device; of a large text in few bytes each
  LanguageModel model_{nullptr};
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<RunFolder> folder_;  ///< rank 0's alone, as is the bar
  std::unique_ptr<Progress> bar_;
  RunProgress progress_;
  /// A GPU need not wait until files are written. A processor would have to do both, and its memory would hold what is
  /// saved beside what a step needs; there, a save is waited for.
  bool saves_beside_;
  bool asked_to_stop_ = false;  ///< somebody of the team was; all of them know
  std::optional<LossStage> stage_;
  torch::Tensor row_loss_;  ///< sum of the batch losses since the last line of metrics.csv, on the device
  std::chrono::steady_clock::time_point step_began_ = std::chrono::steady_clock::now();
};

}  // namespace verse
