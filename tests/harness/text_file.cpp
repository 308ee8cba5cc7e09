#include "tests/harness/text_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace verse {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(std::string_view what, const fs::path& file, int error) {
  throw std::runtime_error(fmt::format("cannot {} {}: {}", what, file.string(), std::strerror(error)));
}

// A temporary file that is gone again unless it was renamed into place.
class TemporaryFile {
 public:
  explicit TemporaryFile(const fs::path& target) : target_(target) {
    name_ = (target.parent_path() / ("." + target.filename().string() + ".XXXXXX")).string();
    descriptor_ = mkostemp(name_.data(), O_CLOEXEC);
    if (descriptor_ < 0) fail("write", target_, errno);
  }
  ~TemporaryFile() {
    if (descriptor_ >= 0) close(descriptor_);
    if (!renamed_) unlink(name_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  void write(std::string_view text) {
    while (!text.empty()) {
      const ssize_t written = ::write(descriptor_, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail("write", target_, errno);
      text.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  void rename_into_place(mode_t mode) {
    if (fchmod(descriptor_, mode) != 0 || fsync(descriptor_) != 0) fail("write", target_, errno);
    if (rename(name_.c_str(), target_.c_str()) != 0) fail("replace", target_, errno);
    renamed_ = true;
  }

 private:
  fs::path target_;
  std::string name_;
  int descriptor_ = -1;
  bool renamed_ = false;
};

// What a new file's mode is: everything the process's mask leaves of rw-rw-rw-.
mode_t mode_of_new_file() {
  const mode_t mask = umask(0);
  umask(mask);
  return 0666 & ~mask;
}

}  // namespace

std::optional<std::string> read_text_if_there(const fs::path& file) {
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return std::nullopt;
  if (fs::is_directory(file)) throw std::runtime_error(fmt::format("{} is a folder, not a file", file.string()));
  std::ifstream stream(file, std::ios::binary);
  if (!stream) fail("read", file, errno);
  std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  if (stream.bad()) fail("read", file, EIO);
  return text;
}

std::string read_text(const fs::path& file) {
  auto text = read_text_if_there(file);
  if (!text) fail("read", file, ENOENT);
  return *std::move(text);
}

void write_atomically(const fs::path& file, std::string_view text) {
  const fs::path target = fs::exists(file) ? fs::canonical(file) : fs::absolute(file);
  fs::create_directories(target.parent_path());

  struct stat status {};
  const bool exists = stat(target.c_str(), &status) == 0;
  TemporaryFile temporary(target);
  temporary.write(text);
  temporary.rename_into_place(exists ? status.st_mode & 07777 : mode_of_new_file());

  // The rename itself reaches the disk with its folder; a file system that cannot do that is no reason to fail.
  const int folder = open(target.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    fsync(folder);
    close(folder);
  }
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(line);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blank = " \t\r\n";
  const std::size_t first = text.find_first_not_of(blank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

std::string digest(std::string_view text) {
  std::uint64_t hash = 14695981039346656037u;
  for (const char byte : text) hash = (hash ^ static_cast<unsigned char>(byte)) * 1099511628211u;
  return fmt::format("{:016x}", hash);
}

std::string code_digest(std::string_view code) {
  std::string essence;
  for (const std::string_view line : lines_of(code)) {
    const std::string_view content = trimmed(line);
    if (content.empty()) continue;
    essence += content;
    essence += '\n';
  }
  return digest(essence);
}

std::string time_stamp() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

}  // namespace verse
