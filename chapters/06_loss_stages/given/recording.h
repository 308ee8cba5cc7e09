#pragma once

/// @file
/// What a run leaves behind for whoever wants to know how it went, and the trainer that records runs with a fault in
/// them. Given, not an exercise.

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "04_blocks/blocks.h"
#include "06_loss_stages/diagnosis.h"
#include "common/base/json.h"
#include "common/corpus.h"

namespace verse {

/// What can be wrong with a training program and still let it run.
enum class Fault {
  none,                ///< a healthy run
  high_learning_rate,  ///< ten times what was meant
  no_warmup,           ///< a high learning rate from the first step on
  unshifted_targets,   ///< each position is asked for its own token
  no_causal_mask,      ///< each position sees those after it
  same_batch,          ///< one batch, drawn once, at every step
  no_initialisation,   ///< tables and weights as LibTorch's modules come, not as GPT-2's
  evaluation_dropout,  ///< dropout stays on where the validation loss is measured
  leaking_split,       ///< half of the validation text stands in the training text as well
  wrong_tokenizer,     ///< what the model says is spelled with a vocabulary in another order
  lost_precision       ///< after each step the weights are rounded to bfloat16
};

/// Every fault by the name of its flag and folder, such as "no-causal-mask".
const std::vector<std::pair<std::string, Fault>>& fault_names();

/// Gives a model the values that LibTorch's own modules begin with: tables normal with standard deviation 1, weights
/// uniform between plus and minus one over the root of the number of their inputs.
void initialise_as_libtorch(GPTImpl& model);

/// How a run is recorded; as it is, the model and the batches are those of the preset `small`.
struct RecordingPlan {
  Fault fault = Fault::none;
  double peak = 1e-3;         ///< what was meant; high_learning_rate takes ten times that
  std::int64_t warmup = 100;  ///< no_warmup takes none
  std::int64_t steps = 600;
  std::int64_t record_every = 20;
  std::uint64_t seed = 1;
  std::int64_t layers = 4, width = 128, batch_size = 12;  ///< heads are 32 wide, or as wide as the model
  double dropout = 0;                                     ///< in training; evaluation_dropout needs some
};

/// Trains with a fault, and notes what its author would see: both losses (as the faulty program measures them), the
/// gradient's norm, what the model says about a text whose end was changed, how it writes, and the probes.
/// @throws UsageError for a text that is too short, Interrupted when it is stopped
RunRecord record_run(const Corpus& corpus, const RecordingPlan& plan);

/// Writes `metrics.csv`, `evidence.json` and `sample.txt` into a folder. @throws as write_file_atomically()
void save_record(const std::filesystem::path& folder, const RunRecord& record);

/// Takes over what save_record() wrote beside metrics.csv. @throws UsageError where it is anything else
void read_evidence(const JsonEntry& evidence, RunRecord& run);

/// Reads a run's folder: one of save_record(), or one that holds a model beside its metrics.csv (as load_model() reads
/// it), which is asked for what was not recorded.
/// @param corpus the text that it was trained on, where the folder has no evidence.json
/// @throws UsageError for a folder without a metrics.csv, or with a file that is damaged or of another kind.
RunRecord load_record(const std::filesystem::path& folder, const Corpus& corpus);

}  // namespace verse
