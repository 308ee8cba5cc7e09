#include "common/base/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>

#include "common/base/error.h"
#include "common/base/large_files.h"
#include "common/base/memory.h"
#include "common/base/text.h"

namespace verse {

namespace {

/// Whether it is the user who has to see to it: room is missing, or the right to write.
bool is_for_the_user(int error) {
  return error == ENOSPC || error == EDQUOT || error == EFBIG || error == EROFS || error == EACCES || error == EPERM;
}

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

/// What may be read, besides regular files.
enum class Other { nothing, pipes };

[[noreturn]] void cannot_read(const std::filesystem::path& path) {
  throw UsageError(fmt::format("cannot read {}: {}", path.string(), reason()));
}

/// Opens a file to be read. @return -1 where there is none
int open_to_read(const std::filesystem::path& path, Other other) {
  // Without waiting, opening a pipe that nobody writes to does not hang.
  const int waiting = other == Other::pipes ? 0 : O_NONBLOCK;
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | waiting);
  if (descriptor < 0 && errno != ENOENT) cannot_read(path);
  return descriptor;
}

/// @throws UsageError where an open file is none that may be read. @return its size
std::size_t size_to_read(const std::filesystem::path& path, const Descriptor& file, Other other) {
  struct stat about {};
  if (::fstat(file.number(), &about) != 0) cannot_read(path);
  if (S_ISDIR(about.st_mode)) throw UsageError(fmt::format("{} is a folder, not a file", path.string()));
  const bool pipe = S_ISFIFO(about.st_mode) || S_ISSOCK(about.st_mode) || ::isatty(file.number()) == 1;
  if (!S_ISREG(about.st_mode) && !(pipe && other == Other::pipes)) {
    throw UsageError(fmt::format("{} is no regular file, but {}", path.string(), pipe ? "a pipe" : "a device"));
  }
  return static_cast<std::size_t>(about.st_size);
}

std::optional<std::string> read_if_there(const std::filesystem::path& path, Other other) {
  const Descriptor file(open_to_read(path, other));
  if (!file.is_open()) return std::nullopt;
  const std::size_t size = size_to_read(path, file, other);
  need_memory(static_cast<double>(size), fmt::format("reading {}", path.string()));

  // The size is a first guess: a pipe has none, and a file may grow while it is read.
  std::string bytes(size + 1, '\0');
  std::size_t filled = 0;
  while (true) {
    if (filled == bytes.size()) {
      need_memory(2.0 * static_cast<double>(bytes.size()), fmt::format("reading {}", path.string()));
      bytes.resize(2 * bytes.size());
    }
    const ssize_t got = ::read(file.number(), bytes.data() + filled, bytes.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) cannot_read(path);
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  bytes.resize(filled);
  return bytes;
}

constexpr std::string_view kUnfinished = ".partial-";

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) {
  const Descriptor file(open_to_read(path, Other::nothing));
  if (!file.is_open()) throw UsageError(fmt::format("there is no file {}", path.string()));
  size_ = size_to_read(path, file, Other::nothing);
  if (size_ == 0) return;  // there is nothing to map
  void* start = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file.number(), 0);
  if (start == MAP_FAILED) cannot_read(path);
  data_ = static_cast<char*>(start);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

std::string read_file(const std::filesystem::path& path) {
  auto bytes = read_if_there(path, Other::nothing);
  if (!bytes) throw UsageError(fmt::format("there is no file {}", path.string()));
  return *std::move(bytes);
}

std::optional<std::string> read_file_if_there(const std::filesystem::path& path) {
  return read_if_there(path, Other::nothing);
}

std::string read_input(const std::filesystem::path& path) {
  auto bytes = read_if_there(path, Other::pipes);
  if (!bytes) throw UsageError(fmt::format("there is no file {}", path.string()));
  return *std::move(bytes);
}

bool is_file(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored);
}

bool is_unfinished_name(std::string_view name) {
  const auto place = name.rfind(kUnfinished);
  if (place == std::string_view::npos) return false;
  const auto numbers = split(name.substr(place + kUnfinished.size()), '-');
  const auto is_number = [](const std::string& text) { return is_whole_number(text) && text[0] != '-'; };
  return numbers.size() == 2 && is_number(numbers[0]) && is_number(numbers[1]);
}

void throw_write_error(const std::filesystem::path& path, int error) {
  const std::string message = fmt::format("cannot write {}: {}", path.string(), std::strerror(error));
  if (is_for_the_user(error)) throw UsageError(message);
  throw std::runtime_error(message);
}

/// Makes a temporary file beside another. A name that is there already, a link laid in the way among them, is left to
/// whoever made it. @return its descriptor, or -1 with errno set
static int make_unfinished(const std::filesystem::path& target, std::filesystem::path& place) {
  static std::atomic<unsigned> count = 0;
  constexpr int kNames = 1000;
  int descriptor = -1;
  for (int i = 0; i < kNames && descriptor < 0; ++i) {
    place = fmt::format("{}{}{}-{}", target.string(), kUnfinished, ::getpid(), count++);
    descriptor = ::open(place.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (descriptor < 0 && errno != EEXIST) return -1;
  }
  return descriptor;
}

void check_writable(const std::filesystem::path& path) {
  std::error_code none;
  const auto real = std::filesystem::canonical(path, none);
  const std::filesystem::path& target = none ? path : real;
  if (std::filesystem::is_directory(target, none) || !target.has_filename()) {
    throw UsageError(fmt::format("cannot write {}: it is a folder, and a file's name is wanted", path.string()));
  }
  std::filesystem::path place;
  const Descriptor file(make_unfinished(target, place));
  if (!file.is_open()) throw UsageError(fmt::format("cannot write {}: {}", path.string(), reason()));
  const TemporaryFile temporary(place);
}

void write_file_atomically(const std::filesystem::path& path, std::string_view bytes, Links links) {
  write_pieces_atomically(
      path, [bytes](const TakeBytes& take) { take(bytes); }, links);
}

void write_pieces_atomically(const std::filesystem::path& path, const std::function<void(const TakeBytes&)>& content,
                             Links links) {
  // A file-size limit announces itself by a signal that ends the process; ignored, it is an error like any other.
  [[maybe_unused]] static const auto ignored = std::signal(SIGXFSZ, SIG_IGN);
  const auto fail = [&path](int error) { throw_write_error(path, error); };

  std::error_code none = std::make_error_code(std::errc::no_such_file_or_directory);
  const auto real = links == Links::follow ? std::filesystem::canonical(path, none) : path;
  const std::filesystem::path& target = none ? path : real;
  struct stat old {};
  const bool replaces = ::lstat(target.c_str(), &old) == 0 && S_ISREG(old.st_mode);

  // Everything goes into a temporary file beside the old one, and reaches the disk before anything else happens.
  std::filesystem::path place;
  const int descriptor = make_unfinished(target, place);
  if (descriptor < 0) fail(errno);
  Descriptor file(descriptor);
  TemporaryFile temporary(place);
  if (replaces) ::fchmod(file.number(), old.st_mode & 07777);  // where a file system has modes
  content([&](std::string_view bytes) {
    if (!write_all(file.number(), bytes)) fail(errno);
  });
  if (::fsync(file.number()) != 0 || !file.close()) fail(errno);

  // The name changes over in one go, and the folder remembers it.
  if (::rename(place.c_str(), target.c_str()) != 0) fail(errno);
  temporary.keep();
  const auto folder = target.has_parent_path() ? target.parent_path() : std::filesystem::path(".");
  const Descriptor folder_descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder_descriptor.is_open()) ::fsync(folder_descriptor.number());
}

void make_folder(const std::filesystem::path& path) {
  std::error_code failure, ignored;
  std::filesystem::create_directories(path, failure);
  if (!failure && std::filesystem::is_directory(path, ignored)) return;
  // The system names no part of a path.
  for (auto part = path; !part.empty(); part = part.parent_path()) {
    if (std::filesystem::is_symlink(part, ignored) && !std::filesystem::exists(part, ignored)) {
      throw UsageError(fmt::format("cannot make the folder {}: {} is a link to {}, which is not there", path.string(),
                                   part.string(), std::filesystem::read_symlink(part, ignored).string()));
    }
    if (std::filesystem::exists(part, ignored) && !std::filesystem::is_directory(part, ignored)) {
      throw UsageError(fmt::format("cannot make the folder {}: {} is a file", path.string(), part.string()));
    }
    if (part == part.parent_path()) break;
  }
  throw UsageError(fmt::format("cannot make the folder {}: {}", path.string(), failure.message()));
}

FolderLock::FolderLock(const std::filesystem::path& folder, WhenTaken when_taken) {
  const auto place = folder / ".lock";
  descriptor_ = ::open(place.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
  if (descriptor_ < 0) {
    if (errno == ELOOP) throw UsageError(fmt::format("{} is a link, and should be a file of its own", place.string()));
    if (is_for_the_user(errno)) throw_write_error(place, errno);
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
