#pragma once

/// @file
/// `chat`: questions from the keyboard or a pipe, one a line, to a model that was taught to answer.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "07_sampling/sampling.h"
#include "12_full_gpt/given/commands/chat_form.h"
#include "12_full_gpt/given/model/loaded_run.h"
#include "common/base/random.h"

namespace verse {

/// A conversation with a model: keeps what was said, as far as there is room for it.
class Conversation {
 public:
  /// @param run stays as it is, and has to stay @param system what the model is told before the first question
  /// @param most tokens of an answer @throws UsageError for a model that was not taught to answer
  Conversation(LoadedRun& run, const std::optional<std::string>& system, std::int64_t most,
               const SamplingOptions& options, std::uint64_t seed);

  /// Asks, after what was said before. Where that is too long, the oldest questions are forgotten with their answers.
  /// @param listener gets each new piece of the answer, whole characters all; returns false to stop
  /// @return the answer
  /// @throws UsageError for a question with a mark of the form or a character that the model does not know, and for one
  /// that leaves no room for an answer; nothing of it is kept then
  std::string ask(const std::string& question, const std::function<bool(const std::string&)>& listener = {});

  std::size_t remembered() const { return turns_.size(); }  ///< questions, with their answers

 private:
  LoadedRun& run_;
  const ChatForm& form_;
  std::int64_t end_, most_;
  SamplingOptions options_;
  std::vector<Random> random_;
  std::string told_;
  std::vector<std::string> turns_;  ///< each as it stands in the transcript
};

/// The command. @return the exit status
int chat_command(int argc, char** argv);

}  // namespace verse
