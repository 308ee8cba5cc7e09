#pragma once

/// @file
/// `generate`: from a run folder to text.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "07_sampling/given/steered.h"
#include "07_sampling/sampling.h"
#include "12_full_gpt/given/model/loaded_run.h"

namespace verse {

/// Continues a text by `count` tokens, handing on what is new as it comes.
/// @param listener gets each new piece of the text, whole characters all; returns false to stop
/// @param steering penalties, biases, a grammar, and what ends the text; a stop string is never handed on, not in part
/// @return the new text
std::string continue_text(LoadedRun& run, const std::string& prompt, std::int64_t count, const SamplingOptions& options,
                          std::uint64_t seed, const std::function<bool(const std::string&)>& listener = {},
                          const SteeringOptions& steering = {});

/// Continues several texts, those whose prompts have equally many tokens together. Each is what continue_text() makes
/// of it, with seeds that count up from the first text's.
/// @param go_on asked after each token; false stops
/// @return the new texts, in their prompts' order
std::vector<std::string> continue_texts(LoadedRun& run, const std::vector<std::string>& prompts, std::int64_t count,
                                        const SamplingOptions& options, std::uint64_t seed,
                                        const std::function<bool()>& go_on = {});

/// Writes text by a trained model to standard output. @return the exit status
int generate_command(int argc, char** argv);

}  // namespace verse
