#include "common/short_wait.h"

#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace verse {

void wait_shortly() {
#ifdef __linux__
  const char* const threads = std::getenv("OMP_NUM_THREADS");
  if (std::getenv("OMP_WAIT_POLICY") != nullptr || std::getenv("GOMP_SPINCOUNT") != nullptr ||
      (threads != nullptr && std::string_view(threads) == "1") || std::thread::hardware_concurrency() < 2)
    return;
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::string line{std::istreambuf_iterator<char>(file), {}};  // the arguments, each with a 0 behind it
  char program[PATH_MAX];
  const ssize_t length = ::readlink("/proc/self/exe", program, sizeof program - 1);
  if (line.empty() || line.back() != '\0' || length < 1) return;
  program[length] = '\0';
  std::vector<char*> arguments;
  for (std::size_t place = 0; place < line.size(); place = line.find('\0', place) + 1)
    arguments.push_back(&line[place]);
  arguments.push_back(nullptr);
  if (::setenv("GOMP_SPINCOUNT", "10000", /*replace=*/0) != 0) return;  // it would start again and again
  ::execv(program, arguments.data());
#endif
}

}  // namespace verse
