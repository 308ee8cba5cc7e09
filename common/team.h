#pragma once

/// @file
/// Several processes that train one model: on one machine, or on many.
///
/// The engine is c10d, which LibTorch brings: Gloo for tensors on the CPU, NCCL for those on a GPU. No header of its is
/// needed to use this one.

#include <torch/torch.h>

#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "common/base/team_place.h"

namespace verse {

/// The team cannot go on: one of it is gone, silent, or has failed. what() is one line that names its rank.
class TeamError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// In what numbers gradients travel. bfloat16 is half the bytes, and rounds each to 8 bits.
enum class SumPrecision { as_they_are, bfloat16 };

/// One process's end of a team.
///
/// All of a team call the same functions in the same order, with tensors of the same shape and type: that is how the
/// calls find each other. A function that waits for others throws TeamError when one of them ends or cannot be reached,
/// at once where the connection breaks, after `patience` where somebody is silent.
///
/// A team of one may be asked everything too, and then nothing happens.
class Team {
 public:
  /// A team of one.
  Team();

  /// Meets the others. @param device where most of the tensors live that will be summed
  /// @throws TeamError when not all have come in time @throws UsageError for an address that cannot be used
  Team(const Place& place, std::chrono::milliseconds patience, torch::Device device);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int rank() const { return place_.rank; }
  int size() const { return place_.size; }
  bool alone() const { return size() == 1; }
  bool leads() const { return rank() == 0; }  ///< this one alone writes files and speaks

  using Settings = std::vector<std::pair<std::string, std::string>>;

  /// Compares what each was started with, by name. To be called before anything is summed: tensors of unequal shapes
  /// would end the processes without a word.
  /// @throws UsageError, in all of them, that names a rank whose settings differ from rank 0's, and the setting
  void agree_on(const Settings& settings);

  /// The sum over all ranks, in place. Bit for bit the same everywhere.
  void sum(torch::Tensor x);
  double sum(double x);

  /// Everybody gets what `from` has, in place.
  void broadcast(torch::Tensor x, int from = 0);
  std::string broadcast(const std::string& text, int from = 0);

  /// Returns when all have come here.
  void barrier();

  /// The mean over all ranks of each parameter's gradient, by one sum over all of them. A parameter without a gradient
  /// must be without one everywhere.
  void average_gradients(const std::vector<torch::Tensor>& parameters,
                         SumPrecision precision = SumPrecision::as_they_are);

  /// Something that goes on while the caller does something else.
  class Pending {
   public:
    virtual ~Pending() = default;
    virtual void wait() = 0;  ///< @throws TeamError
  };
  /// Begins a sum; `x` is to be left alone until it has been waited for. Sums end in the order in which they began.
  std::unique_ptr<Pending> start_sum(torch::Tensor x);
  /// Begins to send to one other rank. On the CPU alone, contiguous.
  std::unique_ptr<Pending> start_sending(torch::Tensor x, int to);
  /// What one other rank sends, in place.
  void receive(torch::Tensor x, int from);

  /// The work is done: waits for the others to say so too. From here on nobody waits for anybody.
  void part();

  /// Tells the others why this one ends, so that they can say it. To be called where an error leaves the team behind.
  void give_up(const std::string& reason) noexcept;

  struct Engine;  ///< c10d's part
  Engine& engine() { return *engine_; }

 private:
  Place place_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace verse
