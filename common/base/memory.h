#pragma once

#include <string>

namespace verse {

/// The memory that this process may take at most, in bytes: the machine's, or what its control group allows.
double machine_memory();

/// Refuses what would need more memory than there is, before it is begun: otherwise the machine is busy for minutes,
/// and then the process is ended without a word.
/// @param bytes needed at the very least @param what is to be done, as the message begins: "a batch of 1000 windows"
/// @param advice what would do instead; may be empty
/// @param there how much there is @param where such as "the GPU"
/// @throws UsageError that says what is needed and what there is.
void need_memory(double bytes, const std::string& what, const std::string& advice = "", double there = machine_memory(),
                 const std::string& where = "this machine");

}  // namespace verse
