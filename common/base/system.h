#pragma once

/// @file
/// What Linux and macOS call by different names. (On macOS it has been compiled, and not yet run.)

#include <array>
#include <filesystem>
#include <string>

namespace verse {

/// How this program was called: the first word of its command line.
std::string program_as_called();

/// The same without its folders.
std::string program_name();

/// The file that this program was started from; empty where the system does not tell.
std::filesystem::path program_file();

/// A file without a name, which is gone when it is closed, and closed in programs that are started.
/// @return its descriptor; -1 where there is none, and errno says why
int open_nameless_file();

/// A pipe whose ends are closed in programs that are started. @return whether there is one; errno says why not
bool open_pipe(std::array<int, 2>& ends);

/// The most memory that this process has had, in bytes; -1 where the system does not tell.
long long most_memory_had();

}  // namespace verse
