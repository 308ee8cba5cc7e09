#include "common/base/run_body.h"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <iostream>
#include <new>

#include "common/base/error.h"
#include "common/base/guarded_output.h"
#include "common/base/memory.h"
#include "common/base/shown.h"
#include "common/base/system.h"

namespace verse {

namespace {

/// A message's length, in characters: file names and what files say may be of any.
constexpr std::size_t kLongestMessage = 1500;

int report(const std::string& message, int status) {
  end_guarded_output();
  std::cout.flush();
  fmt::print(stderr, "{}: {}\n", program_name(), one_line(message, kLongestMessage));
  return status;
}

}  // namespace

int run_body(const std::function<int()>& body,
             const std::function<std::optional<std::string>(const std::exception&)>& in_words) {
  int status = 1;
  guard_standard_output();
  try {
    status = body();
  } catch (const NotImplemented& error) {
    return report(error.what(), 1);
  } catch (const UsageError& error) {
    return report(error.what(), 2);
  } catch (const Interrupted& error) {
    return report(error.what(), 130);
  } catch (const std::filesystem::filesystem_error& error) {
    // A path that the system refuses to look at: its name is too long, or it leads through a folder that is closed.
    return report(fmt::format("cannot use {}: {}", one_line(error.path1().string(), 200), error.code().message()), 2);
  } catch (const std::bad_alloc&) {
    return report(fmt::format("out of memory; this machine has {}", show_bytes(machine_memory())), 1);
  } catch (const std::exception& error) {
    const auto words = in_words ? in_words(error) : std::nullopt;
    return report(words.value_or(error.what()), 1);
  }

  // Results that did not reach their file are a failure too.
  end_guarded_output();
  std::cout.flush();
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0 || !std::cout)
    return report("cannot write the results to standard output", 1);
  return status;
}

}  // namespace verse
