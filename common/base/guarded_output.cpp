#include "common/base/guarded_output.h"

#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <iostream>
#include <streambuf>
#include <string>
#include <string_view>

#include "common/base/shown.h"

namespace verse {

namespace {

/// Where a guarded output stands.
struct Guard {
  std::string held;     ///< the beginning of a character or of a colour, whose rest is to come
  bool colour = false;  ///< whether a colour was let through
};

constexpr std::size_t kLongestColour = 24;

/// The length of the colour that a text begins with, `\x1b[` with numbers and an `m`; 0 for none, and the whole length
/// where it may become one.
std::size_t colour_at(std::string_view text) {
  if (text.size() == 1) return 1;
  if (text[1] != '[') return 0;
  for (std::size_t i = 2; i < text.size() && i < kLongestColour; ++i) {
    if (text[i] == 'm') return i + 1;
    if (std::isdigit(static_cast<unsigned char>(text[i])) == 0 && text[i] != ';') return 0;
  }
  return text.size() < kLongestColour ? text.size() : 0;
}

/// How many bytes at a text's end begin a character whose rest is to come.
std::size_t begun(std::string_view text) {
  for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if (byte < 0x80) return 0;
    if (byte < 0xc0) continue;
    const std::size_t length = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    return length > back ? back : 0;
  }
  return 0;
}

/// What a terminal is given of the bytes held; what is not whole stays, unless nothing more is to come.
std::string shown_of(Guard& guard, bool ends) {
  std::string shown;
  std::string_view rest = guard.held;
  const auto plain = [&shown](std::string_view text) { shown += harmless(text); };
  while (!rest.empty()) {
    const std::size_t escape = rest.find('\x1b');
    if (escape == std::string_view::npos) {
      const std::size_t whole = ends ? rest.size() : rest.size() - begun(rest);
      plain(rest.substr(0, whole));
      rest.remove_prefix(whole);
      break;
    }
    plain(rest.substr(0, escape));
    rest.remove_prefix(escape);
    const std::size_t length = colour_at(rest);
    const bool whole = length > 0 && rest[length - 1] == 'm';
    if (length == rest.size() && !whole && !ends) break;
    if (whole) {
      shown += rest.substr(0, length);
      guard.colour = true;
    } else {
      plain(rest.substr(0, 1));
    }
    rest.remove_prefix(whole ? length : 1);
  }
  guard.held.erase(0, guard.held.size() - rest.size());
  return shown;
}

bool write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t done = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(done));
  }
  return true;
}

ssize_t write_guarded(void* cookie, const char* bytes, std::size_t size) {
  Guard& guard = *static_cast<Guard*>(cookie);
  guard.held.append(bytes, size);
  return write_all(shown_of(guard, false)) ? static_cast<ssize_t>(size) : 0;  // 0 is an error here
}

/// What std::cout writes goes through a FILE, in one order with what C's functions write.
class FileBuffer : public std::streambuf {
 public:
  explicit FileBuffer(std::FILE* file) : file_(file) {}

 protected:
  int_type overflow(int_type letter) override {
    return traits_type::eq_int_type(letter, traits_type::eof()) ? traits_type::not_eof(letter)
                                                                : std::fputc(traits_type::to_char_type(letter), file_);
  }
  std::streamsize xsputn(const char* text, std::streamsize size) override {
    return static_cast<std::streamsize>(std::fwrite(text, 1, static_cast<std::size_t>(size), file_));
  }
  int sync() override { return std::fflush(file_); }

 private:
  std::FILE* file_;
};

#ifdef __APPLE__
int write_guarded_on_macos(void* cookie, const char* bytes, int size) {
  return static_cast<int>(write_guarded(cookie, bytes, static_cast<std::size_t>(size)));
}
#endif

/// Lives as long as the process: streams are flushed after everything else has ended.
Guard* guard_in_use = nullptr;

}  // namespace

void guard_standard_output() {
  if (guard_in_use != nullptr || ::isatty(STDOUT_FILENO) != 1) return;
  std::cout.flush();
  std::fflush(stdout);
  auto* guard = new Guard;
#ifdef __APPLE__
  std::FILE* stream = ::funopen(guard, nullptr, write_guarded_on_macos, nullptr, nullptr);
#else
  std::FILE* stream = ::fopencookie(guard, "w", {nullptr, write_guarded, nullptr, nullptr});
#endif
  if (stream == nullptr) {
    delete guard;
    return;
  }
  std::setvbuf(stream, nullptr, _IOLBF, BUFSIZ);
  guard_in_use = guard;
  stdout = stream;
  std::cout.rdbuf(new FileBuffer(stream));
}

void end_guarded_output() {
  if (guard_in_use == nullptr) return;
  std::cout.flush();
  std::fflush(stdout);
  write_all(shown_of(*guard_in_use, true));
  if (guard_in_use->colour) write_all("\x1b[0m");
  guard_in_use->colour = false;
}

}  // namespace verse
