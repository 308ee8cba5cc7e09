#pragma once

/// @file
/// Chapter 12: the mean of the gradients that several processes have found.

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "12_full_gpt/data_parallel.h"
#include "common/team.h"
#include "common/team_reducer.h"

namespace verse {

/// How several processes share the work: when and how gradients are averaged, and who keeps the optimizer's moments.
struct TeamOptions {
  std::string sync = "overlapped";  ///< overlapped, reducer (the same by c10d), after, or ring (exercise 12.8's)
  SumPrecision sums = SumPrecision::as_they_are;
  bool shard_optimizer = false;  ///< each rank keeps a part of the moments: see ShardedOptimizer
};

/// A rank's neighbours in a team's ring: what average_around() works on.
class TeamRing : public Ring {
 public:
  explicit TeamRing(Team& team) : team_(team) {}
  int rank() const override { return team_.rank(); }
  int size() const override { return team_.size(); }
  void start_sending(const torch::Tensor& x) override;
  void finish_sending() override;
  void receive(torch::Tensor x) override;

 private:
  Team& team_;
  std::unique_ptr<Team::Pending> pending_;
};

/// Averages the gradients of a step: begin(), backward passes by run(), each announced by expect_backward(); finish().
///
/// A gradient is ready long before the backward pass ends: that of the last block first. So the parameters are put
/// into buckets, from the last to the first, and a bucket's sum begins when the last of its gradients is there, while
/// backward goes on (Li et al. 2020, section 3.2.3).
class GradientAverage {
 public:
  GradientAverage(Team& team, std::vector<torch::Tensor> parameters, const TeamOptions& options);
  ~GradientAverage();
  GradientAverage(const GradientAverage&) = delete;
  GradientAverage& operator=(const GradientAverage&) = delete;

  /// @param passes backward passes whose gradients are added up before they are averaged
  void begin(std::int64_t passes);
  /// To be called in each pass, between forward and backward.
  void expect_backward();
  /// Runs the passes. @throws TeamError
  void run(const std::function<void()>& passes);
  /// The parameters' gradients are then the mean over all ranks, the same everywhere.
  void finish();

 private:
  struct Bucket {
    std::vector<std::size_t> members;  ///< numbers of parameters
    std::size_t missing = 0;           ///< whose gradients are not ready
    torch::Tensor sum;                 ///< theirs, side by side
    std::unique_ptr<Team::Pending> pending;
  };

  void make_buckets();
  void watch(std::size_t parameter);
  void ready(std::size_t parameter);
  void start(Bucket& bucket);
  void take_back(Bucket& bucket);

  Team& team_;
  std::vector<torch::Tensor> parameters_;
  TeamOptions options_;
  std::vector<Bucket> buckets_;
  std::vector<std::size_t> bucket_of_;
  std::vector<std::int64_t> passes_left_;
  std::int64_t passes_expected_ = 0;
  std::size_t started_ = 0;  ///< buckets; they begin in one order, the same on all ranks
  bool open_ = false;
  /// What autograd calls for each parameter, and which of those calls is ours.
  std::vector<std::pair<std::shared_ptr<torch::autograd::Node>, std::uintptr_t>> hooks_;
  std::unique_ptr<TeamReducer> reducer_;  ///< where c10d does all of this
};

}  // namespace verse
