#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace verse {

/// A whole file's bytes. Nothing but a regular file is waited for or read: a pipe or a device under the name of a file
/// may have no end.
/// @throws UsageError for a file that is missing, unreadable, no regular one, or larger than the machine's memory.
std::string read_file(const std::filesystem::path& path);

/// The same, or nothing where there is no such file. @throws UsageError as read_file()
std::optional<std::string> read_file_if_there(const std::filesystem::path& path);

/// What a user names as a text to be read: a file, or a pipe such as /dev/stdin.
/// @throws UsageError as read_file(), and for devices other than a terminal.
std::string read_input(const std::filesystem::path& path);

/// Whether a path names a regular file (by a link too), which can be opened again later; a pipe can not.
bool is_file(const std::filesystem::path& path);

/// Says that a file could not be written. @param error the system's errno
/// @throws UsageError where there is no room (a full disk, a quota, a limit on file sizes) or no right to write (a
/// place that may only be read), which the user can mend by choosing another place; std::runtime_error for every other
/// reason.
[[noreturn]] void throw_write_error(const std::filesystem::path& path, int error);

/// Makes sure that write_file_atomically() will find a place for a file, long before there is anything to write. A file
/// that is there stays as it is. @throws UsageError where its folder is missing or closed, or it is a folder itself
void check_writable(const std::filesystem::path& path);

/// What becomes of a symbolic link in whose place a file is to be written.
enum class Links {
  follow,   ///< what it points to is replaced: for files that the user names
  replace,  ///< the link itself: for files of a folder, which may come from elsewhere and point anywhere
};

/// Replaces a file as a whole or not at all: a temporary file beside it, which nobody else has made, is written,
/// synced, and renamed over it; the folder is synced. The mode of a file that exists is kept.
/// @throws as throw_write_error(); the old file is then as it was.
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes, Links links = Links::follow);

/// Whether a file's name is one that write_file_atomically() gives to what it has not finished.
bool is_unfinished_name(std::string_view name);

/// Makes a folder, and those above it. One that is there is fine.
/// @throws UsageError that says what stands in the way: a file, a link to nothing, a folder that may not be written to.
void make_folder(const std::filesystem::path& path);

/// A folder that this process alone may write to, by a lock (the file `.lock` in it) that ends with the process,
/// whatever ends it.
class FolderLock {
 public:
  /// What to do while another process holds it.
  enum class WhenTaken { refuse, wait };

  /// @throws UsageError when another process holds it and is not to be waited for, or where `.lock` is a link.
  explicit FolderLock(const std::filesystem::path& folder, WhenTaken when_taken = WhenTaken::refuse);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace verse
