#pragma once

/// @file
/// `scaling`: what a wider model brings, and what more text, on the play, whose floor is known.

namespace verse {

/// Trains a model of each width on each amount of text and shows how far above the floor each ends.
/// @return the exit status
int scaling_command(int argc, char** argv);

}  // namespace verse
