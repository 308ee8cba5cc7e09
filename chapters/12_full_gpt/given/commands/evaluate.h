#pragma once

/// @file
/// `evaluate`: what a run's model makes of a text that it has not learned from, in whatever numbers its weights are
/// kept.

namespace verse {

/// The command. @return the exit status
int evaluate_command(int argc, char** argv);

}  // namespace verse
