#include "common/program.h"

#include <c10/util/Exception.h>
#include <fmt/format.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/memory.h"
#include "common/base/run_body.h"
#include "common/base/shown.h"
#include "common/results.h"
#include "common/short_wait.h"

namespace verse {

namespace {

/// What LibTorch says of memory that the system did not give, in one line of ours.
std::string out_of_memory_on_cpu(const std::string& message) {
  // "... you tried to allocate 4096000000 bytes. Error code 12 ..."
  constexpr std::string_view kBefore = "allocate ";
  const std::size_t place = message.find(kBefore);
  const auto asked = place == std::string::npos ? 0.0 : std::strtod(message.c_str() + place + kBefore.size(), nullptr);
  return fmt::format(
      "out of memory: {} were asked for at one go, and this machine has {}; a smaller batch, context or "
      "model asks for less",
      asked > 0 ? show_bytes(asked) : "more bytes than there are", show_bytes(machine_memory()));
}

/// What LibTorch throws, on one line.
std::optional<std::string> words_for_libtorch(const std::exception& thrown) {
  if (const auto* error = dynamic_cast<const c10::OutOfMemoryError*>(&thrown)) {
    return out_of_memory_line(error->what_without_backtrace());
  }
  const auto* error = dynamic_cast<const c10::Error*>(&thrown);
  if (error == nullptr) return std::nullopt;
  // LibTorch adds where in its own code it happened, over many lines.
  std::string message = error->what_without_backtrace();
  if (message.find("alloc_cpu") != std::string::npos) return out_of_memory_on_cpu(message);
  for (const char* end : {"\n", " Exception raised from"}) message = message.substr(0, message.find(end));
  return message;
}

}  // namespace

int run_program(const std::function<int()>& body) {
  wait_shortly();
  return run_body(
      [&] {
        const int status = body();
        if (status == 0) write_results();
        return status;
      },
      words_for_libtorch);
}

}  // namespace verse
