#pragma once

/// @file
/// `bench`: how fast a step is, on this machine, beside what the machine could do.

namespace verse {

/// Times a preset's step, or the ladder from the clear form to the fastest. @return the exit status
int bench_command(int argc, char** argv);

}  // namespace verse
