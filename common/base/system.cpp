#include "common/base/system.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <system_error>

#ifdef __APPLE__
#include <crt_externs.h>
#include <mach-o/dyld.h>
#else
#include <sys/mman.h>
#endif

namespace verse {

std::string program_as_called() {
#ifdef __APPLE__
  return (*_NSGetArgv())[0];
#else
  return program_invocation_name;
#endif
}

std::string program_name() {
#ifdef __APPLE__
  return std::filesystem::path(program_as_called()).filename();
#else
  return program_invocation_short_name;
#endif
}

std::filesystem::path program_file() {
  std::error_code error;
#ifdef __APPLE__
  std::uint32_t size = 0;
  _NSGetExecutablePath(nullptr, &size);
  std::string place(size, '\0');
  if (_NSGetExecutablePath(place.data(), &size) != 0) return {};
  return std::filesystem::canonical(place.c_str(), error);
#else
  return std::filesystem::read_symlink("/proc/self/exe", error);
#endif
}

int open_nameless_file() {
#ifdef __APPLE__
  std::string place = (std::filesystem::temp_directory_path() / "verse-XXXXXX").string();
  const int descriptor = ::mkostemp(place.data(), O_CLOEXEC);
  if (descriptor >= 0) ::unlink(place.c_str());
  return descriptor;
#else
  return ::memfd_create("verse", MFD_CLOEXEC);
#endif
}

bool open_pipe(std::array<int, 2>& ends) {
#ifdef __APPLE__
  if (::pipe(ends.data()) != 0) return false;
  for (const int end : ends) ::fcntl(end, F_SETFD, FD_CLOEXEC);
  return true;
#else
  return ::pipe2(ends.data(), O_CLOEXEC) == 0;
#endif
}

long long most_memory_had() {
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return -1;
#ifdef __APPLE__
  return usage.ru_maxrss;
#else
  return usage.ru_maxrss * 1024LL;  // Linux counts in KiB
#endif
}

}  // namespace verse
