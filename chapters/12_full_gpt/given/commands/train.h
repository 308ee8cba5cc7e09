#pragma once

/// @file
/// `train`: from a text to a run folder.

namespace verse {

/// Trains a GPT, or goes on with a run. @return the exit status
int train_command(int argc, char** argv);

}  // namespace verse
