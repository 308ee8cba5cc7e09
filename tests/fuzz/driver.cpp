/// @file
/// What libFuzzer calls. The variable VERSE_FUZZ names the reader that gets the bytes.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "common/base/error.h"
#include "tests/fuzz/target.h"

namespace {

const verse::FuzzTarget* chosen = nullptr;

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const char* name = std::getenv("VERSE_FUZZ");
  const auto& targets = verse::fuzz_targets();
  const auto found = name == nullptr ? targets.end() : targets.find(name);
  if (found == targets.end()) {
    std::fprintf(stderr, "VERSE_FUZZ has to name one of:");
    for (const auto& [known, target] : targets) std::fprintf(stderr, " %s", known.c_str());
    std::fprintf(stderr, "\n");
    std::exit(2);
  }
  chosen = &found->second;
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    (*chosen)(std::string_view(reinterpret_cast<const char*>(data), size));
  } catch (const verse::UsageError&) {
    // That is how a file is refused.
  }
  return 0;
}
