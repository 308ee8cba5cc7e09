#pragma once

/// @file
/// Chapter 8: experiments over several trainings, whose settings are chosen on validation problems. Given, not an
/// exercise.

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "04_blocks/blocks.h"
#include "08_post_training/given/chat.h"
#include "08_post_training/given/fine_tune.h"
#include "08_post_training/given/respond.h"
#include "08_post_training/given/schooling.h"
#include "08_post_training/given/tasks.h"
#include "common/corpus.h"

namespace verse {

/// What one training of a study has shown, by name; shares are between 0 and 1.
using Findings = std::map<std::string, double>;

/// One way to train, with one choice of its settings: {"rank 8", "rate 0.01"}.
struct Arm {
  std::string name;
  std::string setting;
  std::string recipe = {};  ///< what else it was trained with: "400 steps, rate 0.001"; what is kept has to agree
};

/// How to run a study.
struct StudyOptions {
  std::uint64_t first_seed = 1;
  std::int64_t seeds = 3;                     ///< trainings of each arm, each from a base of its own
  std::int64_t problems = 500;                ///< to validate with, and as many to test with
  std::optional<std::filesystem::path> kept;  ///< the folder where finished trainings are kept, and looked for
  std::optional<std::string> part;  ///< trains only arms in whose name or setting this stands, or one of several
                                    ///< that | separates
  bool only_report = false;         ///< trains nothing: shows what is kept
  bool quick = false;               ///< everything small
  torch::Device device = torch::kCPU;
  std::optional<std::filesystem::path> plots;  ///< the folder to draw into, where one is given
};

/// What the trainings of one seed begin with.
struct Beginning {
  TrainedModel base;
  ChatVocabulary vocabulary;
  GPT grown;  ///< the base with its vocabulary grown
};

/// The trainings of a study, one after the other. Each is printed and kept as soon as it is done, so that a run that
/// was stopped goes on where it was, and several runs can share one folder.
class Study {
 public:
  /// @param name of the study; it stands at the start of what is kept
  Study(std::string name, const Corpus& corpus, StudyOptions options);

  const StudyOptions& options() const { return options_; }
  std::vector<std::uint64_t> seeds() const;

  /// The schooled base of a seed, trained when first asked for, or taken from the kept ones. @throws UsageError for a
  /// kept base of another shape: a quick run's in a whole run, or the other way round
  Beginning& beginning(std::uint64_t seed);

  /// A model on its way to chains of thought: the first whose answers, drawn at temperature 1, are right as often as
  /// this on a hundred validation problems, looked at every ten steps of the fine-tuning.
  GPT early_model(std::uint64_t seed, double share);

  /// Puts an arm into the report, with what is kept of it for a seed, or else with what `find` finds, which is kept
  /// then. An arm that is neither kept nor to be trained in this run has no findings.
  /// @throws UsageError where what is kept was found in another way than this run finds: quickly, on another number of
  /// problems, by another recipe. Where a file says nothing of these, it is a whole run's, by the arm's recipe.
  void look_at(const Arm& arm, std::uint64_t seed, const std::function<Findings()>& find);

  /// Keeps what was found, and prints it, but for what was found "at step" so-and-so on the way.
  void keep(const Arm& arm, std::uint64_t seed, const Findings& findings);

  /// Whether look_at() would have to train.
  bool to_train(const Arm& arm, std::uint64_t seed);

  /// Different problems of a split, the same each time.
  const std::vector<Problem>& problems(const TaskOptions& task, Split split);

  /// How many of a split's problems a model answers rightly. @param temperature 0 for the most probable tokens
  /// @param hides_chain the answer does not see the chain before it
  Accuracy measured(GPT& model, const ChatVocabulary& vocabulary, const TaskOptions& task, Split split,
                    double temperature = 0, bool hides_chain = false);

  /// Prints and records what was found, with the seeds that it comes from: for each name the setting whose mean under
  /// `chosen_by` is highest over the trainings, of those settings that were trained most often, with the mean, the
  /// least and the most of its findings; then the sweep, every setting.
  /// @param chosen_by empty for every setting in one table
  /// @param against an arm's name: each row also tells by how much it differs from that one in the first of `shown`,
  /// training by training (both began with the same base), with a 95 % interval over trainings where there are three
  void report(const std::string& title, const std::string& chosen_by, const std::string& against,
              const std::vector<std::string>& shown);

  /// One finding of an arm's trainings, in the order of their seeds.
  std::vector<double> found(const Arm& arm, const std::string& finding) const;

  /// Everything that an arm's trainings have shown, in the order of their seeds.
  std::vector<Findings> trainings(const Arm& arm) const;

 private:
  std::optional<Findings> kept(const Arm& arm, std::uint64_t seed);
  std::filesystem::path file_of(const Arm& arm, std::uint64_t seed) const;

  std::string name_;
  const Corpus& corpus_;
  StudyOptions options_;
  std::map<std::uint64_t, std::unique_ptr<Beginning>> beginnings_;
  std::map<std::string, std::vector<Problem>> problems_;
  std::vector<Arm> arms_;                                           ///< in the order in which they were looked at
  std::map<std::string, std::map<std::uint64_t, Findings>> found_;  ///< by arm and seed
};

/// The mean of several trainings' values with its 95 % interval by Student's t, which says what other seeds would do.
/// One training has no interval: both ends are its value.
struct MeanInterval {
  double mean = 0, low = 0, high = 0;
};
MeanInterval mean_interval(const std::vector<double>& values);

/// A training that is right so often on the validation problems has nothing left to show, and ends.
constexpr double kRightEnough = 0.99;

/// The finding that says how often a training was right when it had done so many steps: "right at step 0300".
std::string right_at_step(std::int64_t step);

/// How often the trainings of an arm were right on the validation problems when each had read so many of what is
/// counted: at the look that lies nearest, which may be 5 % away. One that had ended by then, being right enough,
/// counts with what it ended with.
/// @param trainings each with right_at_step() for its looks, "count steps", "validation", which is its last look's
/// share, and what is counted in all its steps
/// @param counted "count answers", say
/// @return the mean over the trainings with an interval within 0 and 1; nothing where one of them did not get there, or
/// has no look near by, or where there is none
std::optional<MeanInterval> right_after(const std::vector<Findings>& trainings, const std::string& counted,
                                        double amount);

/// A study by its name.
struct StudyKind {
  std::string name;
  std::string purpose;  ///< for --help
  void (*run)(Study&);
};

/// All of them, in the order of the chapter.
const std::vector<StudyKind>& all_studies();

void study_lora(Study& study);          ///< adapters of all ranks against all parameters, on a neighbouring task
void study_preference(Study& study);    ///< DPO, with and without an anchor, against learning from the chosen alone
void study_controls(Study& study);      ///< what of the chain it is that helps
void study_quality(Study& study);       ///< what bad examples cost
void study_rewards(Study& study);       ///< GRPO from an early model, and a reward that a wrong answer can earn
void study_reward_model(Study& study);  ///< the best of several by a model's score, and how that is fooled
void study_chat(Study& study);          ///< system turns, several turns, and other templates
void study_tool(Study& study);          ///< a model that asks a calculator

}  // namespace verse
