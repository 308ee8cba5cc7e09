#include "common/program.h"

#include <c10/util/Exception.h>
#include <fmt/format.h>

#include <cctype>
#include <cerrno>
#include <cstdio>
#include <iostream>
#include <new>
#include <string>

#include "common/base/error.h"
#include "common/results.h"

namespace verse {

namespace {

std::string one_line(std::string message) {
  while (!message.empty() && std::isspace(static_cast<unsigned char>(message.back()))) message.pop_back();
  for (char& character : message) {
    if (character == '\n' || character == '\r') character = ' ';
  }
  return message;
}

int report(const std::string& message, int status) {
  std::cout.flush();
  fmt::print(stderr, "{}: {}\n", program_invocation_short_name, one_line(message));
  return status;
}

}  // namespace

int run_program(const std::function<int()>& body) {
  int status = 1;
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
    for (const char* end : {"\n", " Exception raised from"}) message = message.substr(0, message.find(end));
    return report(message, 1);
  } catch (const std::bad_alloc&) {
    return report("out of memory", 1);
  } catch (const std::exception& error) {
    return report(error.what(), 1);
  }

  // Results that did not reach their file are a failure too.
  std::cout.flush();
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0 || !std::cout)
    return report("cannot write the results to standard output", 1);
  return status;
}

}  // namespace verse
