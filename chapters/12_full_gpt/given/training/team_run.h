#pragma once

/// @file
/// Chapter 12: one run by several processes, of which rank 0 has the folder.

#include <torch/torch.h>

#include <functional>
#include <string>

#include "05_training/training.h"
#include "12_full_gpt/given/training/run_folder.h"
#include "12_full_gpt/given/training/team_gradients.h"
#include "common/program.h"
#include "common/team.h"

namespace verse {

/// What the command line says about a team.
struct TeamRequest {
  double patience = 60;  ///< seconds
  std::string sync = "overlapped", sums = "fp32";
  bool shard_optimizer = false;

  void declare(CommandLine& line);

  /// @throws UsageError for what does not go together
  TeamOptions options() const;
};

/// Meets the processes that were started with this one, if any, and runs `work` with them. What it throws is told to
/// the others, and names this rank.
/// @param work sets its second argument when there is a state on disk to go on from
/// @return the program's exit status: 0, or 130 where all stop together and rank 0 says so
int with_team(const TeamRequest& request, bool resume, bool threads_given, const DeviceChoice& device,
              const std::function<void(Team&, bool&)>& work);

/// Compares what decides over a run. @throws UsageError, in all ranks, where they differ, or where a batch has fewer
/// rows than there are ranks
void agree_on_run(Team& team, const RunIdentity& identity);

/// All ranks go on from rank 0's state: weights, optimizer (of a ShardedOptimizer, each its part), chance, progress.
void share_state(Team& team, LanguageModelImpl& model, Optimizer& optimizer, Random& random, RunProgress& progress);

/// Chapter 5's evaluate() with the windows shared out among the ranks; the same number for all of them.
double evaluate_together(Team& team, LanguageModel model, const torch::Tensor& tokens, std::int64_t batch_size);

}  // namespace verse
