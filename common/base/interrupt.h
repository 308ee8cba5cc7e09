#pragma once

namespace verse {

/// Makes Ctrl-C (SIGINT) and SIGTERM set a flag instead of ending the process; a second one ends it at once.
void catch_interrupts();

/// Whether one has come. Loops ask between steps, save, and throw Interrupted.
bool interrupted();

}  // namespace verse
