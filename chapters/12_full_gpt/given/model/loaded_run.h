#pragma once

/// @file
/// A run folder's model, and how it reads text.

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "04_blocks/blocks.h"
#include "10_subwords/given/text_codec.h"

namespace verse {

/// A model that can be spoken with.
struct LoadedRun {
  LanguageModel model{nullptr};
  std::shared_ptr<TextCodec> codec;
  std::vector<std::int64_t> ends{};  ///< tokens at which the model ends a text by itself

  bool ends_at(std::int64_t token) const { return std::find(ends.begin(), ends.end(), token) != ends.end(); }
};

/// Reads a run's best model, of characters or of byte pairs; it is on the CPU and in evaluation mode.
/// @throws UsageError for a folder that is missing, incomplete, cut short or altered.
LoadedRun load_run(const std::filesystem::path& folder, bool fused = true);

/// Where a model begins to speak when nothing is asked of it: at the start of a line. A text without line ends has
/// none; a model of such a text begins with its own first token.
std::string starting_text(const TextCodec& codec);

/// `tokens`: shows which tokens a run makes of a text, or the text of tokens. @return the exit status
int tokens_command(int argc, char** argv);

/// `logits`: shows what a run's model answers to a text. @return the exit status
int logits_command(int argc, char** argv);

}  // namespace verse
