#include "common/base/files.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "common/base/error.h"
#include "tests/common/temporary_folder.h"

namespace verse {
namespace {

/// Lowers the size that a file may have, for as long as it lives.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
};

int files_in(const std::filesystem::path& folder) {
  int count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++count;
  return count;
}

TEST(Files, ReadsWhatItWrote) {
  const TemporaryFolder folder;
  const std::string bytes("one\0two\r\n\xff", 10);
  write_file_atomically(folder / "file", bytes);
  EXPECT_EQ(read_file(folder / "file"), bytes);
  write_file_atomically(folder / "file", "");
  EXPECT_EQ(read_file(folder / "file"), "");
  EXPECT_EQ(files_in(folder.path()), 1) << "a temporary file was left";
}

TEST(Files, SaysWhatIsWrongWithAFile) {
  const TemporaryFolder folder;
  const auto message = [](const std::filesystem::path& path) {
    return message_of<UsageError>([&] { read_file(path); });
  };
  EXPECT_NE(message(folder / "missing").find("there is no file"), std::string::npos);
  EXPECT_NE(message(folder.path()).find("is a folder"), std::string::npos);
  EXPECT_NE(message(folder / "missing").find("missing"), std::string::npos) << "the path is named";
}

TEST(Files, AFullDiskLeavesTheOldFile) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "file", "the old one");
  {
    // The write of 100,000 bytes stops half-way, and the signal that comes with it must not end the process.
    const FileSizeLimit limit(50'000);
    const std::string message =
        message_of<UsageError>([&] { write_file_atomically(folder / "file", std::string(100'000, 'x')); });
    EXPECT_NE(message.find("File too large"), std::string::npos) << message;
  }
  EXPECT_EQ(read_file(folder / "file"), "the old one");
  EXPECT_EQ(files_in(folder.path()), 1) << "the unfinished file was left";
}

TEST(Files, AMissingFolderIsAFailureWithItsReason) {
  const TemporaryFolder folder;
  const std::string message =
      message_of<std::runtime_error>([&] { write_file_atomically(folder / "no" / "file", "x"); });
  EXPECT_NE(message.find("No such file or directory"), std::string::npos) << message;
}

TEST(Files, AFolderIsLockedOnce) {
  const TemporaryFolder folder;
  {
    const FolderLock lock(folder.path());
    EXPECT_NE(message_of<UsageError>([&] { FolderLock again(folder.path()); }).find("in use"), std::string::npos);
  }
  EXPECT_EQ(message_of<UsageError>([&] { FolderLock again(folder.path()); }), "") << "a lock ends with its owner";
}

}  // namespace
}  // namespace verse
