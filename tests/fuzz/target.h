#pragma once

/// @file
/// Readers of files from elsewhere, as fuzzers know them: functions over bytes.

#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace verse {

/// What a reader may do with bytes that are not what it expects: throw a UsageError. Everything else is a finding.
using FuzzTarget = std::function<void(std::string_view bytes)>;

/// The targets of a program, by the names of their folders of seeds. Defined once in each program.
const std::map<std::string, FuzzTarget>& fuzz_targets();

}  // namespace verse
