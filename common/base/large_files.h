#pragma once

/// @file
/// Files of gigabytes, which are better not in memory twice.

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string_view>

#include "common/base/files.h"

namespace verse {

/// A file's bytes where they lie: each page is read when it is first looked at, and nothing is copied. What is written
/// to them stays in this process. Whoever cuts the file short in place meanwhile ends the process; a file that is
/// replaced, as write_file_atomically() does, stays as it was.
class MappedFile {
 public:
  /// @throws UsageError as read_file()
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  char* data() const { return data_; }
  std::string_view bytes() const { return {data_, size_}; }

 private:
  char* data_ = nullptr;
  std::size_t size_ = 0;
};

/// Takes the next bytes of a file.
using TakeBytes = std::function<void(std::string_view)>;

/// write_file_atomically() for a file that is made piece by piece.
/// @param content hands all pieces over, in order; what it throws leaves the old file as it was
void write_pieces_atomically(const std::filesystem::path& path, const std::function<void(const TakeBytes&)>& content,
                             Links links = Links::follow);

}  // namespace verse
