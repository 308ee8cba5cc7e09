#pragma once

/// @file
/// A run on disk: the best model, the state that training goes on from, and the record of how it went.

#include <cstdint>
#include <filesystem>
#include <future>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "05_training/given/checkpoint.h"
#include "12_full_gpt/given/training/recipes.h"
#include "12_full_gpt/loss_scaling.h"
#include "common/base/files.h"
#include "common/base/metrics.h"
#include "common/safetensors.h"

namespace verse {

/// What a run is: it may go on only as this.
struct RunIdentity {
  Recipe recipe;
  std::string text_name;                           ///< for titles
  std::optional<std::filesystem::path> text_file;  ///< where it was read; none for the play
  bool text_by_pipe = false;                       ///< it came by a pipe, which cannot be read again
  std::string text_digest;                         ///< of its bytes
  std::string device = "cpu";                      ///< cpu or cuda
  int threads = 1;
  /// The text of the tokenizer.json that it reads by, where that is not of the text's own characters.
  std::optional<std::string> tokenizer_file;
};

/// How far a run has come.
struct RunProgress {
  std::int64_t step = 0;  ///< steps done
  double seconds = 0;     ///< spent in them
  double best_loss = std::numeric_limits<double>::infinity();
  std::int64_t best_step = 0;
  std::int64_t row_step = 0;  ///< where the last line of metrics.csv stands
  double row_loss = 0;        ///< sum of the batch losses since then
  double row_seconds = 0;     ///< where `seconds` stood then
  LossScale loss_scale;       ///< of the next step, where losses are scaled
};

/// What the state file holds.
struct RunState {
  RunIdentity identity;
  RunProgress progress;
  NamedTensors tensors;  ///< see collect_training_state()
};

/// What a run's best model tells of itself in its file: which run it is of, and of which step.
std::map<std::string, std::string> model_notes(const RunIdentity& identity, std::int64_t step);

/// @throws UsageError where the model in a run's folder is damaged, of another run, or not the best that the state
/// knows.
void check_best_model(const std::filesystem::path& folder, const RunState& state);

/// What a run is and how far it has come, as one line of text, and back; without its tensors.
std::string describe_run(const RunIdentity& identity, const RunProgress& progress);
RunState described_run(const std::string& text);

/// The folder of a run, which this process alone writes to.
///
/// Everything in it is replaced as a whole or not at all, and the state file last: whenever a run is cut off, the
/// folder holds a state and all that belongs to it. Lines of metrics.csv that the state does not know of are dropped
/// when it is resumed.
class RunFolder {
 public:
  /// Makes the folder of a new run. @throws UsageError when there is one already that holds anything, or one in use.
  static RunFolder create(const std::filesystem::path& path);

  /// Opens a run that is to go on. @throws UsageError when there is none, or it is in use.
  static RunFolder open(const std::filesystem::path& path);

  /// Whether a folder may become a new run's: it is not there, or is empty. @throws UsageError where not
  static void check_new(const std::filesystem::path& path);

  /// The state that was saved last, and metrics.csv cut back to it.
  /// @throws UsageError for what is missing, cut short or altered.
  RunState load_state();

  /// Writes the best model, where one is given, and then makes the state on disk this one; metrics.csv is on disk
  /// before. What was begun before is finished first. @throws UsageError where there is no room
  void save_state(const RunState& state, const std::optional<ModelFiles>& best = {});

  /// The same by a thread of its own, while training goes on. The model's tensors are copied before this returns, and
  /// the state's are brought into the processor's memory; they have to be copies already, as collect_training_state()
  /// makes them.
  /// @throws what went wrong with what was begun before
  void begin_saving(RunState state, std::optional<ModelFiles> best = {});

  /// Waits until what was begun is on disk. @throws what went wrong with it: UsageError where there is no room
  void settle();

  /// What went wrong with what was begun, as soon as that is known; it waits for nothing. @throws as settle()
  void notice_trouble();

  /// Adds a line to metrics.csv.
  void append(const Metrics& metrics);

  /// All lines so far.
  const std::vector<Metrics>& metrics() const { return metrics_; }

  const std::filesystem::path& path() const { return path_; }

 private:
  explicit RunFolder(const std::filesystem::path& path);

  std::filesystem::path path_;
  std::unique_ptr<FolderLock> lock_;
  std::string metrics_text_;  ///< as it stands in the file
  std::vector<Metrics> metrics_;
  std::future<void> saving_;  ///< goes first: its end waits for the thread, and only then is the lock given back
};

}  // namespace verse
