/// @file
/// Loaded before a program (LD_PRELOAD): counts every opening, write, sync, renaming and removal of a file, and cuts
/// the program short at one of them. For tests only.
///
/// VERSE_CUT_AT=N       the event, counted from 1; without it, events are counted only
/// VERSE_CUT=kill|half|full|read-only   end the process before it (SIGKILL), or after half of what was to be written;
/// or
///                      say from there on that the disk is full, or that it may only be read
/// VERSE_CUT_COUNT=FILE where the number of events is written at the end
/// VERSE_SYNC_MS=N      every sync of a file takes so many milliseconds, as on a slow disk
/// VERSE_TRACE=FILE     gets a line for each opening at a file's end ("append NAME") and each renaming ("rename NAME"),
///                      in their order
/// VERSE_CLOCK_BACK=1   whoever asks for the time of day hears an hour less than the time before

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace {

std::atomic<long> events{0};

long cut_at() {
  const char* text = std::getenv("VERSE_CUT_AT");
  return text == nullptr ? 0 : std::strtol(text, nullptr, 10);
}

const char* manner() {
  const char* text = std::getenv("VERSE_CUT");
  return text == nullptr ? "kill" : text;
}

bool is_file(int descriptor) {
  struct stat about {};
  return ::fstat(descriptor, &about) == 0 && S_ISREG(about.st_mode);
}

enum class What { go_on, fail, half };

/// An event is about to happen.
What happens(bool writes) {
  const long now = ++events, at = cut_at();
  if (at == 0 || now < at) return What::go_on;
  if (std::strcmp(manner(), "full") == 0 || std::strcmp(manner(), "read-only") == 0) return What::fail;
  if (now > at) return What::go_on;
  if (writes && std::strcmp(manner(), "half") == 0) return What::half;
  ::kill(::getpid(), SIGKILL);
  return What::go_on;
}

template <typename Function>
Function real(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

/// Writes down what was done to a file, where somebody wants to know.
void trace(const char* what, const char* path) {
  static const char* const place = std::getenv("VERSE_TRACE");
  if (place == nullptr) return;
  static const int file = real<int (*)(const char*, int, ...)>("open")(place, O_WRONLY | O_CREAT | O_APPEND, 0600);
  const char* const slash = std::strrchr(path, '/');
  char line[300];
  const int length = std::snprintf(line, sizeof line, "%s %s\n", what, slash == nullptr ? path : slash + 1);
  real<ssize_t (*)(int, const void*, size_t)>("write")(file, line, static_cast<size_t>(length));
}

[[gnu::destructor]] void count() {
  const char* place = std::getenv("VERSE_CUT_COUNT");
  if (place == nullptr) return;
  if (std::FILE* file = std::fopen(place, "w")) {
    std::fprintf(file, "%ld\n", events.load());
    std::fclose(file);
  }
}

int refused() {
  errno = std::strcmp(manner(), "full") == 0 ? ENOSPC : EROFS;
  return -1;
}

/// The seconds by which the clock has been set back when somebody asks.
std::time_t set_back() {
  static std::atomic<std::time_t> hours{0};
  return std::getenv("VERSE_CLOCK_BACK") == nullptr ? 0 : 3600 * ++hours;
}

}  // namespace

extern "C" {

ssize_t write(int descriptor, const void* bytes, size_t size) {
  static const auto next = real<ssize_t (*)(int, const void*, size_t)>("write");
  if (!is_file(descriptor)) return next(descriptor, bytes, size);
  switch (happens(/*writes=*/true)) {
    case What::fail:
      return refused();
    case What::half:
      next(descriptor, bytes, size / 2);
      ::kill(::getpid(), SIGKILL);
      break;
    case What::go_on:
      break;
  }
  return next(descriptor, bytes, size);
}

int open(const char* path, int flags, ...) {
  static const auto next = real<int (*)(const char*, int, ...)>("open");
  mode_t mode = 0;
  if ((flags & O_CREAT) != 0) {
    va_list more;
    va_start(more, flags);
    mode = va_arg(more, mode_t);
    va_end(more);
    if (happens(false) == What::fail) return refused();
  }
  if ((flags & O_APPEND) != 0) trace("append", path);
  return next(path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  return open(path, flags, mode);
}

// A sync says of a full disk no more than the write did; it can be the last thing that happens.
int fsync(int descriptor) {
  static const auto next = real<int (*)(int)>("fsync");
  if (is_file(descriptor)) {
    happens(false);
    if (const char* slow = std::getenv("VERSE_SYNC_MS")) ::usleep(1000 * static_cast<useconds_t>(std::atoi(slow)));
  }
  return next(descriptor);
}

int rename(const char* from, const char* to) noexcept {
  static const auto next = real<int (*)(const char*, const char*)>("rename");
  if (happens(false) == What::fail) return refused();
  trace("rename", to);
  return next(from, to);
}

int unlink(const char* path) noexcept {
  static const auto next = real<int (*)(const char*)>("unlink");
  happens(false);
  return next(path);
}

int mkdir(const char* path, mode_t mode) noexcept {
  static const auto next = real<int (*)(const char*, mode_t)>("mkdir");
  if (happens(false) == What::fail) return refused();
  return next(path, mode);
}

int clock_gettime(clockid_t clock, timespec* now) noexcept {
  static const auto next = real<int (*)(clockid_t, timespec*)>("clock_gettime");
  const int code = next(clock, now);
  if (code == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec -= set_back();
  return code;
}

time_t time(time_t* now) noexcept {
  timespec exact{};
  ::clock_gettime(CLOCK_REALTIME, &exact);
  if (now != nullptr) *now = exact.tv_sec;
  return exact.tv_sec;
}

int gettimeofday(timeval* __restrict now, void* __restrict) noexcept {
  timespec exact{};
  ::clock_gettime(CLOCK_REALTIME, &exact);
  now->tv_sec = exact.tv_sec;
  now->tv_usec = exact.tv_nsec / 1000;
  return 0;
}

}  // extern "C"
