#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace verse {

/// A whole file's bytes. @throws UsageError for a file that is missing, a folder, or unreadable.
std::string read_file(const std::filesystem::path& path);

/// The same, or nothing where there is no such file. @throws UsageError for a folder, or what is unreadable.
std::optional<std::string> read_file_if_there(const std::filesystem::path& path);

/// Says that a file could not be written. @param error the system's errno
/// @throws UsageError where there is no room (a full disk, a quota, a limit on file sizes), which the user can mend by
/// choosing another place; std::runtime_error for every other reason.
[[noreturn]] void throw_write_error(const std::filesystem::path& path, int error);

/// Makes sure that write_file_atomically() will find a place for a file, long before there is anything to write. A file
/// that is there stays as it is. @throws UsageError where its folder is missing or closed, or it is a folder itself
void check_writable(const std::filesystem::path& path);

/// Replaces a file as a whole or not at all: a temporary file beside it, written, synced, renamed over it, the folder
/// synced. The mode of a file that exists is kept, and a symbolic link stays one.
/// @throws as throw_write_error(); the old file is then as it was.
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

/// A folder that this process alone may write to, by a lock (the file `.lock` in it) that ends with the process,
/// whatever ends it.
class FolderLock {
 public:
  /// What to do while another process holds it.
  enum class WhenTaken { refuse, wait };

  /// @throws UsageError when another process holds it and is not to be waited for.
  explicit FolderLock(const std::filesystem::path& folder, WhenTaken when_taken = WhenTaken::refuse);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace verse
