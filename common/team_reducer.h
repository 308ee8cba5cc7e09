#pragma once

/// @file
/// Gradients averaged by c10d's own Reducer, the one under PyTorch's DistributedDataParallel.

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "common/team.h"

namespace verse {

/// Averages gradients over a team while a backward pass goes on, as c10d does it: it lays them into buckets in the
/// order in which they came in the first pass, and begins a bucket's sum when the last of them is there (Li et al.
/// 2020, section 3.2.3).
///
/// The parameters' gradients are to be gone, not zero, before a step's first pass; every parameter has to get one.
class TeamReducer {
 public:
  /// @param parameters of one type, the same on all ranks @param bucket_bytes when a bucket is full
  TeamReducer(Team& team, std::vector<torch::Tensor> parameters, std::int64_t bucket_bytes, SumPrecision precision);
  ~TeamReducer();
  TeamReducer(const TeamReducer&) = delete;
  TeamReducer& operator=(const TeamReducer&) = delete;

  /// To be called between forward and backward: that backward pass averages, after those before it have added up.
  void expect_backward();

  /// Runs what goes backward, and puts what the engine complains of there into the team's words. When it returns, the
  /// parameters' gradients are the mean over all ranks, the same everywhere. @throws TeamError
  void watch(const std::function<void()>& backward);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace verse
