#include "common/base/memory.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "common/base/error.h"
#include "common/base/shown.h"

namespace verse {

double machine_memory() {
  static const double bytes = [] {
    double all = static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
    // A container's share; files that are not there, or say "max", set no limit.
    for (const char* place : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
      double limit = 0;
      if (std::ifstream file(place); file >> limit && limit > 0) all = std::min(all, limit);
    }
    return all;
  }();
  return bytes;
}

void need_memory(double bytes, const std::string& what, const std::string& advice, double there,
                 const std::string& where) {
  if (bytes <= there) return;
  throw UsageError(fmt::format("{} needs at least {} of memory, and {} has {}{}{}", what, show_bytes(bytes), where,
                               show_bytes(there), advice.empty() ? "" : "; ", advice));
}

}  // namespace verse
