#pragma once

/// @file
/// Chapter 8: what is measured, beyond the chapter's table. Given, not an exercise.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "04_blocks/blocks.h"
#include "08_post_training/given/chat.h"
#include "08_post_training/given/fine_tune.h"
#include "08_post_training/given/respond.h"
#include "08_post_training/given/reward.h"
#include "08_post_training/given/tasks.h"
#include "common/results.h"

namespace verse {

/// What all experiments share: one base, grown once, the recipe, and the problems to measure with.
class Workshop {
 public:
  /// @param base as it was trained; it stays as it is
  Workshop(TrainedModel base, FineTuning recipe, std::int64_t problems, std::uint64_t seed);

  const ChatVocabulary& vocabulary() const { return vocabulary_; }
  const FineTuning& recipe() const { return recipe_; }
  GPT& base() { return base_; }

  /// The base with its vocabulary grown, to be changed at will; the same each time.
  GPT start();

  /// What the recipe makes of it with these changes, trained when first asked for. A copy, to be changed at will.
  GPT tuned(const FineTuning& options);

  /// Test problems of a task, the same each time it is asked for.
  const std::vector<Problem>& problems(const TaskOptions& task);

  /// The share that is right: greedily, or drawn at a temperature.
  Accuracy measured(GPT& model, const TaskOptions& task, double temperature = 0, bool hides_chain = false);

 private:
  ChatVocabulary vocabulary_;
  GPT base_, grown_{nullptr};
  FineTuning recipe_;
  std::int64_t problem_count_;
  std::uint64_t seed_;
  std::map<std::string, GPT> tuned_;
  std::map<std::string, std::vector<Problem>> problems_;
};

/// A recorded table of shares that are right: the columns named first, and then for each share its value and both ends
/// of its 95 % interval, "share", "share_low" and "share_high".
RecordedTable& table_of_shares(const std::string& name, std::vector<std::string> columns,
                               const std::vector<std::string>& shares);

/// Adds a row to it: the cells of the first columns, then the shares in their order.
void add_shares(RecordedTable& table, std::vector<Recorded> cells, const std::vector<Accuracy>& shares);

/// The folder to draw into, where one is given.
using Plots = std::optional<std::filesystem::path>;

/// An experiment: prints its table and draws its plot, where it has one.
struct Experiment {
  std::string name;
  std::string purpose;  ///< for --help
  void (*run)(Workshop&, const Plots&);
};

/// All of them, in the order of the chapter.
const std::vector<Experiment>& all_experiments();

}  // namespace verse
