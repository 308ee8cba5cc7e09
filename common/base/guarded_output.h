#pragma once

namespace verse {

/// From here on, what a program writes to its standard output, by stdout or std::cout, is shown by a terminal and not
/// obeyed: as harmless() has it, colours aside (`\x1b[1;31m`), which the course's own programs use. A text, a model or
/// a name from elsewhere may hold anything. A file or a pipe gets the bytes as they are.
void guard_standard_output();

/// Writes what is left of a character that was never completed, and takes back the colours.
void end_guarded_output();

}  // namespace verse
