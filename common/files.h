#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace verse {

/// A whole file's bytes. @throws UsageError for a file that is missing, a folder, or unreadable.
std::string read_file(const std::filesystem::path& path);

/// Replaces a file as a whole or not at all: a temporary file beside it, written, synced, renamed over it, the folder
/// synced.
/// @throws std::runtime_error with the system's reason (a full disk, no permission); the old file is then as it was.
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

/// A folder that this process alone may write to, by a lock that ends with the process, whatever ends it.
class FolderLock {
 public:
  /// @throws UsageError when another process holds it.
  explicit FolderLock(const std::filesystem::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace verse
