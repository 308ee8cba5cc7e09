#include "common/base/files.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <memory>
#include <optional>
#include <thread>

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

TEST(Files, AFileThatMayBeMissing) {
  const TemporaryFolder folder;
  EXPECT_EQ(read_file_if_there(folder / "missing"), std::nullopt);
  write_file_atomically(folder / "file", "text");
  EXPECT_EQ(read_file_if_there(folder / "file"), "text");
  EXPECT_THROW(read_file_if_there(folder.path()), UsageError);
}

TEST(Files, KeepTheirModeAndWhatALinkPointsTo) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "file", "old");
  std::filesystem::permissions(folder / "file", std::filesystem::perms(0751));
  std::filesystem::create_symlink(folder / "file", folder / "link");
  write_file_atomically(folder / "link", "new");
  EXPECT_EQ(std::filesystem::status(folder / "file").permissions(), std::filesystem::perms(0751));
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
  EXPECT_EQ(read_file(folder / "file"), "new");
}

TEST(Files, InAFolderFromElsewhereNoLinkIsFollowed) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "run");
  write_file_atomically(folder / "victim", "mine");
  std::filesystem::create_symlink(folder / "victim", folder / "run" / "metrics.csv");
  write_file_atomically(folder / "run" / "metrics.csv", "new", Links::replace);
  EXPECT_EQ(read_file(folder / "victim"), "mine");
  EXPECT_FALSE(std::filesystem::is_symlink(folder / "run" / "metrics.csv"));

  // Links under the names that the temporary file would have next: it takes another.
  for (int i = 0; i < 500; ++i) {
    std::filesystem::create_symlink(folder / "victim",
                                    folder / "run" / fmt::format("page.partial-{}-{}", ::getpid(), i));
  }
  write_file_atomically(folder / "run" / "page", "written");
  EXPECT_EQ(read_file(folder / "run" / "page"), "written");
  EXPECT_EQ(read_file(folder / "victim"), "mine");

  std::filesystem::create_symlink(folder / "made", folder / "run" / ".lock");
  const auto message = message_of<UsageError>([&] { FolderLock lock(folder / "run"); });
  EXPECT_NE(message.find(".lock is a link"), std::string::npos) << message;
  EXPECT_FALSE(std::filesystem::exists(folder / "made"));
}

TEST(Files, NamesOfWhatIsUnfinished) {
  for (const char* name : {"metrics.csv.partial-12-0", "a.partial-b.partial-1-2"})
    EXPECT_TRUE(is_unfinished_name(name));
  for (const char* name : {"notes.partial-1.txt", "x.partial-", "x.partial-1", "x.partial-1-", "x.partial--1-2", "x"}) {
    EXPECT_FALSE(is_unfinished_name(name)) << name;
  }
}

TEST(Files, NothingEndlessIsRead) {
  const TemporaryFolder folder;
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  const auto message = [](const std::filesystem::path& path) {
    return message_of<UsageError>([&] { read_file(path); });
  };
  EXPECT_NE(message(folder / "pipe").find("is no regular file, but a pipe"), std::string::npos);
  EXPECT_NE(message("/dev/zero").find("is no regular file, but a device"), std::string::npos);
  EXPECT_NE(message_of<UsageError>([] { read_input("/dev/zero"); }).find("a device"), std::string::npos);
  EXPECT_FALSE(is_file(folder / "pipe"));

  // A file that claims more than there is memory: nothing of it is read.
  write_file_atomically(folder / "sparse", "");
  if (::truncate((folder / "sparse").c_str(), std::int64_t{1} << 42) == 0) {
    EXPECT_NE(message(folder / "sparse").find("needs at least 4.4 TB of memory"), std::string::npos);
  }

  // What a user names may be a pipe.
  std::thread writer([&] {
    std::ofstream pipe(folder / "pipe");
    pipe << std::string(100'000, 'x');
  });
  EXPECT_EQ(read_input(folder / "pipe").size(), 100'000U);
  writer.join();
}

TEST(Files, SaysWhatStandsInAFoldersWay) {
  const TemporaryFolder folder;
  const auto message = [](const std::filesystem::path& path) {
    return message_of<UsageError>([&] { make_folder(path); });
  };
  EXPECT_EQ(message(folder / "a" / "b"), "");
  EXPECT_EQ(message(folder / "a" / "b"), "");
  EXPECT_EQ(message(folder / "a" / "b" / ""), "");
  write_file_atomically(folder / "file", "");
  EXPECT_NE(message(folder / "file").find("file is a file"), std::string::npos);
  EXPECT_NE(message(folder / "file" / "below").find("file is a file"), std::string::npos);
  std::filesystem::create_symlink(folder / "nowhere", folder / "link");
  EXPECT_NE(message(folder / "link").find("link is a link to"), std::string::npos);
  EXPECT_NE(message(folder / "link" / "below").find("which is not there"), std::string::npos);
  std::filesystem::create_directory_symlink(folder / "a", folder / "fine");
  EXPECT_EQ(message(folder / "fine"), "");
}

TEST(Files, AFolderCanBeNoFile) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "taken");
  EXPECT_THROW(write_file_atomically(folder / "taken", "text"), std::runtime_error);
  EXPECT_EQ(files_in(folder.path()), 1) << "a temporary file was left";
}

TEST(Files, ALockedFolderCanBeWaitedFor) {
  const TemporaryFolder folder;
  auto lock = std::make_unique<FolderLock>(folder.path());
  std::atomic<bool> taken = false;
  std::thread other([&] {
    const FolderLock waits(folder.path(), FolderLock::WhenTaken::wait);
    taken = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_FALSE(taken);
  lock.reset();
  other.join();
  EXPECT_TRUE(taken);
}

}  // namespace
}  // namespace verse
