#pragma once

/// @file
/// `scale`: how long a step would take on more processes than there are here, on paper.

namespace verse {

/// Prints step times and efficiencies for 1, 2, 4, ... processes, and draws them. @return the exit status
int scale_command(int argc, char** argv);

}  // namespace verse
