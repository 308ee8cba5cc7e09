#include "common/base/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>

#include "common/base/error.h"

namespace verse {

namespace {

/// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int number() const { return number_; }
  bool is_open() const { return number_ >= 0; }

  /// Closes it now; some file systems report a full disk only here. @return whether that went well
  bool close() {
    const int number = number_;
    number_ = -1;
    return ::close(number) == 0;
  }

 private:
  int number_;
};

std::string reason() {
  return std::strerror(errno);
}

/// A file that is deleted again unless it is kept.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::filesystem::path place) : place_(std::move(place)) {}
  ~TemporaryFile() {
    if (!kept_) ::unlink(place_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  void keep() { kept_ = true; }

 private:
  std::filesystem::path place_;
  bool kept_ = false;
};

/// Writes everything; a write may take only a part at a time.
bool write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

std::string read_file(const std::filesystem::path& path) {
  auto bytes = read_file_if_there(path);
  if (!bytes) throw UsageError(fmt::format("there is no file {}", path.string()));
  return *std::move(bytes);
}

std::optional<std::string> read_file_if_there(const std::filesystem::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) {
    if (errno == ENOENT) return std::nullopt;
    throw UsageError(fmt::format("cannot read {}: {}", path.string(), reason()));
  }
  struct stat about {};
  if (::fstat(file.number(), &about) != 0) throw UsageError(fmt::format("cannot read {}: {}", path.string(), reason()));
  if (S_ISDIR(about.st_mode)) throw UsageError(fmt::format("{} is a folder, not a file", path.string()));

  // The size is a first guess: a pipe has none, and a file may grow while it is read.
  std::string bytes(static_cast<std::size_t>(about.st_size) + 1, '\0');
  std::size_t filled = 0;
  while (true) {
    if (filled == bytes.size()) bytes.resize(2 * bytes.size());
    const ssize_t got = ::read(file.number(), bytes.data() + filled, bytes.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw UsageError(fmt::format("cannot read {}: {}", path.string(), reason()));
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  bytes.resize(filled);
  return bytes;
}

void throw_write_error(const std::filesystem::path& path, int error) {
  const std::string message = fmt::format("cannot write {}: {}", path.string(), std::strerror(error));
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) throw UsageError(message);
  throw std::runtime_error(message);
}

void check_writable(const std::filesystem::path& path) {
  std::error_code none;
  const auto real = std::filesystem::canonical(path, none);
  const std::filesystem::path& target = none ? path : real;
  if (std::filesystem::is_directory(target, none) || !target.has_filename()) {
    throw UsageError(fmt::format("cannot write {}: it is a folder, and a file's name is wanted", path.string()));
  }
  const std::filesystem::path place = fmt::format("{}.partial-{}-try", target.string(), ::getpid());
  const Descriptor file(::open(place.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!file.is_open()) throw UsageError(fmt::format("cannot write {}: {}", path.string(), reason()));
  const TemporaryFile temporary(place);
}

void write_file_atomically(const std::filesystem::path& path, std::string_view bytes) {
  // A file-size limit announces itself by a signal that ends the process; ignored, it is an error like any other.
  [[maybe_unused]] static const auto ignored = std::signal(SIGXFSZ, SIG_IGN);
  const auto fail = [&path](int error) { throw_write_error(path, error); };

  // What a link points to is replaced, and not the link.
  std::error_code none;
  const auto real = std::filesystem::canonical(path, none);
  const std::filesystem::path& target = none ? path : real;
  struct stat old {};
  const bool replaces = ::stat(target.c_str(), &old) == 0;

  // Everything goes into a temporary file beside the old one, and reaches the disk before anything else happens.
  static std::atomic<unsigned> count = 0;
  const std::filesystem::path place = fmt::format("{}.partial-{}-{}", target.string(), ::getpid(), count++);
  Descriptor file(::open(place.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!file.is_open()) fail(errno);
  TemporaryFile temporary(place);
  if (replaces) ::fchmod(file.number(), old.st_mode & 07777);  // where a file system has modes
  if (!write_all(file.number(), bytes) || ::fsync(file.number()) != 0 || !file.close()) fail(errno);

  // The name changes over in one go, and the folder remembers it.
  if (::rename(place.c_str(), target.c_str()) != 0) fail(errno);
  temporary.keep();
  const auto folder = target.has_parent_path() ? target.parent_path() : std::filesystem::path(".");
  const Descriptor folder_descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder_descriptor.is_open()) ::fsync(folder_descriptor.number());
}

FolderLock::FolderLock(const std::filesystem::path& folder, WhenTaken when_taken) {
  const auto place = folder / ".lock";
  descriptor_ = ::open(place.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) {
    throw std::runtime_error(fmt::format("cannot lock the folder {}: {}", folder.string(), reason()));
  }
  const int how = when_taken == WhenTaken::wait ? LOCK_EX : LOCK_EX | LOCK_NB;
  int outcome = 0;
  do {
    outcome = ::flock(descriptor_, how);
  } while (outcome != 0 && errno == EINTR);
  if (outcome != 0) {
    const int error = errno;
    ::close(descriptor_);
    if (error == EWOULDBLOCK) {
      throw UsageError(fmt::format("the folder {} is in use by another process", folder.string()));
    }
    throw std::runtime_error(fmt::format("cannot lock the folder {}: {}", folder.string(), std::strerror(error)));
  }
}

FolderLock::~FolderLock() {
  // The file stays: whoever deletes a lock file may delete one that somebody else has just locked.
  ::close(descriptor_);
}

}  // namespace verse
