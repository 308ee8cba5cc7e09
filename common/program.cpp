#include "common/program.h"

#include <c10/util/Exception.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <new>
#include <string>
#include <string_view>

#include "common/base/error.h"
#include "common/base/guarded_output.h"
#include "common/base/memory.h"
#include "common/base/shown.h"
#include "common/base/system.h"
#include "common/results.h"
#include "common/short_wait.h"

namespace verse {

namespace {

/// A message's length, in characters: file names and what files say may be of any.
constexpr std::size_t kLongestMessage = 1500;

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

int report(const std::string& message, int status) {
  end_guarded_output();
  std::cout.flush();
  fmt::print(stderr, "{}: {}\n", program_name(), one_line(message, kLongestMessage));
  return status;
}

}  // namespace

int run_program(const std::function<int()>& body) {
  wait_shortly();
  int status = 1;
  guard_standard_output();
  try {
    status = body();
    if (status == 0) write_results();
  } catch (const NotImplemented& error) {
    return report(error.what(), 1);
  } catch (const UsageError& error) {
    return report(error.what(), 2);
  } catch (const Interrupted& error) {
    return report(error.what(), 130);
  } catch (const c10::OutOfMemoryError& error) {
    return report(out_of_memory_line(error.what_without_backtrace()), 1);
  } catch (const c10::Error& error) {
    // LibTorch adds where in its own code it happened, over many lines.
    std::string message = error.what_without_backtrace();
    if (message.find("alloc_cpu") != std::string::npos) return report(out_of_memory_on_cpu(message), 1);
    for (const char* end : {"\n", " Exception raised from"}) message = message.substr(0, message.find(end));
    return report(message, 1);
  } catch (const std::filesystem::filesystem_error& error) {
    // A path that the system refuses to look at: its name is too long, or it leads through a folder that is closed.
    return report(fmt::format("cannot use {}: {}", one_line(error.path1().string(), 200), error.code().message()), 2);
  } catch (const std::bad_alloc&) {
    return report(fmt::format("out of memory; this machine has {}", show_bytes(machine_memory())), 1);
  } catch (const std::exception& error) {
    return report(error.what(), 1);
  }

  // Results that did not reach their file are a failure too.
  end_guarded_output();
  std::cout.flush();
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0 || !std::cout)
    return report("cannot write the results to standard output", 1);
  return status;
}

}  // namespace verse
