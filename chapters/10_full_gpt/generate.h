#pragma once

/// @file
/// `generate`: from a run folder to text.

#include <cstdint>
#include <functional>
#include <string>

#include "05_training/checkpoint.h"
#include "07_sampling/sampling.h"

namespace verse {

/// Continues a text by `count` characters, handing on each as it comes.
/// @param listener gets each new character as UTF-8; returns false to stop
/// @return the new text
std::string continue_text(TrainedModel& trained, const std::string& prompt, std::int64_t count,
                          const SamplingOptions& options, std::uint64_t seed,
                          const std::function<bool(const std::string&)>& listener = {});

/// Writes text by a trained model to standard output. @return the exit status
int generate_command(int argc, char** argv);

}  // namespace verse
