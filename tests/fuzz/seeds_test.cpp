/// @file
/// Gives each reader the seeds that fuzzers begin with, among them everything that was ever found: it is read, or
/// refused by a UsageError, soon. Compiled as any other test, without sanitizers.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>

#include "common/base/error.h"
#include "common/base/files.h"
#include "tests/fuzz/target.h"

namespace verse {
namespace {

namespace fs = std::filesystem;

const fs::path kSeeds = fs::path(VERSE_SOURCE_DIR) / "tests/fuzz/seeds";
constexpr double kMostSeconds = 10;  ///< what libFuzzer calls too slow, see tests/fuzz/run

TEST(Seeds, EachIsReadOrRefused) {
  for (const auto& [name, read] : fuzz_targets()) {
    ASSERT_TRUE(fs::is_directory(kSeeds / name)) << name << " has no seeds";
    int seeds = 0, taken = 0;
    for (const auto& entry : fs::directory_iterator(kSeeds / name)) {
      SCOPED_TRACE(entry.path().string());
      // Where a reader ends the process, this is the last that it says.
      std::printf("%s\n", entry.path().c_str());
      std::fflush(stdout);
      const std::string bytes = read_file(entry.path());
      const auto began = std::chrono::steady_clock::now();
      try {
        read(bytes);
        ++taken;
      } catch (const UsageError&) {
        // That is how a file is refused.
      } catch (const std::exception& error) {
        ADD_FAILURE() << "it throws: " << error.what();
      }
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
      EXPECT_LT(took.count(), kMostSeconds);
      ++seeds;
    }
    EXPECT_GT(seeds, 0) << name << " has no seeds";
    EXPECT_GT(taken, 0) << name << " has no seed that is read: fuzzing would begin with nothing";
  }
}

// What is called whole is: nothing that a reader asks for is missing in it.
TEST(Seeds, AWholeFileIsRead) {
  int whole = 0;
  for (const auto& [name, read] : fuzz_targets()) {
    if (!fs::exists(kSeeds / name / "whole")) continue;
    SCOPED_TRACE(name);
    EXPECT_NO_THROW(read(read_file(kSeeds / name / "whole")));
    ++whole;
  }
  EXPECT_GT(whole, 3);
}

}  // namespace
}  // namespace verse
