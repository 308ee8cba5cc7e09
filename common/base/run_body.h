#pragma once

#include <exception>
#include <functional>
#include <optional>
#include <string>

namespace verse {

/// Runs a program's body and turns what it throws into one line on standard error and an exit status: 0, 1 failure or
/// an exercise that is not written, 2 a mistake in use, 130 an interrupt. What it printed is written out at the end.
/// (run_program(), in common/program.h, does so for programs that use LibTorch.)
/// @param in_words tells a failure that the course's own code does not throw in words of ours; nothing leaves its own
int run_body(const std::function<int()>& body,
             const std::function<std::optional<std::string>(const std::exception&)>& in_words = {});

}  // namespace verse
