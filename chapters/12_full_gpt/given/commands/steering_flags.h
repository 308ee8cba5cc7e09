#pragma once

/// @file
/// `generate`: the flags for what chapter 7 steers a text by.

#include <filesystem>
#include <optional>
#include <string>

#include "07_sampling/given/steered.h"
#include "10_subwords/given/text_codec.h"
#include "common/program.h"

namespace verse {

/// The flags as they stand on the command line; what they mean depends on the model's vocabulary.
struct SteeringFlags {
  double repetition = 1, presence = 0;
  std::optional<std::string> bias, stop, end_token;
  std::optional<std::filesystem::path> stops, grammar;

  /// Whether a text may have fewer tokens than were asked for.
  bool may_end_early() const { return stop || end_token || stops || grammar; }
};

/// Adds the flags to a command line.
void declare_steering(CommandLine& line, SteeringFlags& flags);

/// What the flags mean for a vocabulary. @throws UsageError in one line for what is no token, no bias, no grammar
SteeringOptions read_steering(const SteeringFlags& flags, const TextCodec& codec);

}  // namespace verse
