#pragma once

/// @file
/// Chapter 12: an optimizer of which each of several processes keeps a part (ZeRO-1).

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "05_training/training.h"
#include "common/team.h"

namespace verse {

/// Which rank moves which parameter: from the largest parameter down, each goes to the rank that has least so far.
/// @return a rank for each parameter
std::vector<int> share_out_parameters(const std::vector<torch::Tensor>& parameters, int size);

/// AdamW whose moments are shared out over a team: each rank keeps those of its parameters, moves these alone, and
/// sends them to the others (Rajbhandari et al. 2020, section 5.1). Gradients are averaged before, as without it, and
/// the parameters come out the same, bit for bit.
class ShardedOptimizer : public Optimizer {
 public:
  using Make = std::function<std::unique_ptr<Optimizer>(std::vector<torch::Tensor>)>;
  using State = std::vector<std::pair<std::string, torch::Tensor>>;

  /// @param parameters of one type @param make an AdamW of the parameters that it is given
  ShardedOptimizer(Team& team, std::vector<torch::Tensor> parameters, const Make& make);

  /// All ranks take it together. @throws TeamError
  void step(double learning_rate) override;
  const std::vector<torch::Tensor>& parameters() const override { return parameters_; }

  /// As AdamW's for all parameters, but what other ranks keep is 0 in it. gather() puts it in.
  State state() const override;

  /// Takes this rank's part of what AdamW's state() gives for all parameters. Rank 0 remembers the rest for hand_out().
  void set_state(const State& state) override;

  /// Puts what the other ranks keep into rank 0's state. All ranks call it; what they pass is left as it is.
  /// @param prefix stands before the names
  void gather(State& state, const std::string& prefix = "");

  /// Gives each rank its part of what rank 0's set_state() was given, if it was called. All ranks call it.
  void hand_out();

  /// Numbers that this rank keeps, the step's aside.
  std::int64_t numbers_kept() const;

 private:
  Team& team_;
  std::vector<torch::Tensor> parameters_;
  std::vector<int> owner_;
  std::unique_ptr<Optimizer> own_;              ///< of this rank's parameters; null where there are none
  std::map<std::string, torch::Tensor> given_;  ///< rank 0's, until it is handed out
};

}  // namespace verse
